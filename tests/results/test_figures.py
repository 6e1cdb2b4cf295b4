"""Figures that tasks describe are drawn, the same twice, with every point they have and no other."""

from __future__ import annotations

import pytest

from plainfilm.io.manifest import Change
from plainfilm.results.figures import draw, write_figures
from plainfilm.tasks.base import Curve, CurveFigure, IntervalFigure, Series

MODEL = Series("model", ((0.7, 0.6, 0.8), None))
BASELINE = Series("random", ((0.5, 0.5, 0.5), (0.5, 0.4, 0.6)), is_baseline=True)
INTERVALS = IntervalFigure("Overlap per region", "IoU", ("Heart (3)", "Spine (9)"), (MODEL, BASELINE))
CURVES = CurveFigure(
    title="AUROC by fraction",
    x_label="fraction",
    y_label="AUROC",
    curves=(
        Curve("random", (1.0, 100.0), (0.5, 0.5), is_baseline=True),
        Curve("model", (1.0, 100.0), (0.6, 0.7), (0.5, 0.6), (0.7, 0.8)),
    ),
    log_x=True,
    x_ticks={1.0: "1 %", 100.0: "100 %"},
    y_limits=(0.0, 1.0),
    diagonal=True,
)


@pytest.fixture
def axes(monkeypatch):
    """The axes of what is drawn, kept from being forgotten."""
    kept = []
    from plainfilm.results import drawing, figures

    def remembered(*sizes):
        figure, axes = drawing.axes_of(*sizes)
        kept.append(axes)
        return figure, axes

    monkeypatch.setattr(figures, "axes_of", remembered)
    return kept


@pytest.mark.parametrize("figure", [INTERVALS, CURVES], ids=["intervals", "curves"])
def test_a_figure_is_drawn_the_same_twice(figure):
    assert draw(figure) == draw(figure)
    assert draw(figure).startswith(b"\x89PNG")


def test_every_point_is_drawn_and_a_missing_one_is_not(axes):
    draw(INTERVALS)
    values = sorted(line.get_xdata()[0] for line in axes[0].lines if line.get_marker() == "o")
    assert values == [0.5, 0.5, 0.7]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["Heart (3)", "Spine (9)"]


def test_series_are_named_once_and_baselines_in_words(axes):
    draw(IntervalFigure("t", "x", ("a",), (MODEL, Series("most_frequent", (None,), is_baseline=True))))
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["model"]


def test_curves_have_their_intervals_ticks_and_limits(axes):
    draw(CURVES)
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["1 %", "100 %"]
    assert axes[0].get_xscale() == "log"
    assert axes[0].get_ylim() == pytest.approx((-0.02, 1.02))
    intervals = [tuple(line.get_ydata()) for line in axes[0].lines if line.get_marker() == "None"]
    assert {(0.5, 0.7), (0.6, 0.8)} <= set(intervals)


def test_names_that_no_font_has_are_the_numbers_of_their_rows(axes, monkeypatch):
    from plainfilm.results import drawing, figures

    monkeypatch.setattr(
        figures, "legible", lambda names, numbers: drawing.Names(tuple(map(str, numbers)), are_numbers=True)
    )
    draw(IntervalFigure("t", "x", ("甲", "乙"), (MODEL,), numbers=(2, 1)))
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["2", "1"]


def test_files_are_called_by_the_titles(tmp_path):
    change = Change(tmp_path, "results.json")
    assert set(write_figures([INTERVALS], change, "figures")) == {"Overlap per region"}
    change.commit({})
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["overlap_per_region.png"]


def test_tasks_give_the_figures_of_what_they_measured(results, classified):
    assert {figure.title for figure in classified.figures} == {"AUROC per observation", "Reliability"}
    titles = [figure.title for figure in results.figures]
    assert titles[-1] == "Rank of the first own item"
    assert "F1 per observation, image->sentence" in titles
