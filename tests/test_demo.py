"""The demo, thin in the fast suite and whole in the slow one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plainfilm import demo
from plainfilm.cli.main import run as command
from plainfilm.collection import Collection
from plainfilm.collection.rewriting import rewrite
from plainfilm.demo.films import phantom_films
from plainfilm.demo.first_page import verdict
from plainfilm.errors import UsageError
from plainfilm.model_folder.config import TOY
from plainfilm.progress import SILENT
from plainfilm.tasks.base import Metric, Results
from plainfilm.training.recipe import load_recipe, save_recipe

HEADLINE = "finding_f1_micro_positive@2"


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not an empty folder; choose another folder"):
        demo.run(tmp_path)


def test_the_whole_way_in_thin(tmp_path: Path, monkeypatch, capsys) -> None:
    thin = load_recipe(demo.RECIPE, ["training.epochs=1", "preprocessing.size=64", "data.cache=64"])
    save_recipe(thin, tmp_path / "thin.yaml")
    monkeypatch.setattr(demo, "RECIPE", str(tmp_path / "thin.yaml"))
    monkeypatch.setattr(demo, "FILM_SIZE", 96)
    assert command(["demo", "--out", str(tmp_path / "demo"), "--studies", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(demo.HEADLINES)
    assert " ".join(lines[2].split()).startswith("image->sentence finding F1 (positive, micro) @ 2")
    assert (tmp_path / "demo" / "results" / "index.html").stat().st_size > 10_000
    page = (tmp_path / "demo" / "index.html").read_text("utf-8")
    assert TOY in page
    assert page.count("<article") == len(list((tmp_path / "demo" / "films").glob("*.png"))) == 8
    assert page.count("trained here: retrieved sentences") == 8
    assert 'href="results/index.html"' in page


def test_there_is_a_page_before_anything_is_trained(tmp_path: Path, monkeypatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "build_collection", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.run(tmp_path / "demo")
    page = (tmp_path / "demo" / "index.html").read_text("utf-8")
    assert TOY in page
    assert "is training a model from nothing" in page
    assert page.count("where it looks like") == 8
    films = phantom_films(tmp_path / "demo" / "films")
    assert all(film.facts.report.split(".")[0] in unescape(page) for film in films)


@pytest.mark.parametrize(
    ("better", "own", "words"),
    [
        ("higher", (0.4, 0.5), "better than random and most frequent"),
        ("higher", (0.25, 0.5), "not clearly better than most frequent"),
        ("lower", (0.4, 0.5), "not clearly better than random and most frequent"),
        ("lower", (0.0, 0.05), "better than random and most frequent"),
    ],
)
def test_a_score_is_said_in_words(better, own, words) -> None:
    trivial = {"random": (0.1, 0.2), "most_frequent": (0.2, 0.3)}
    found = Metric("f1", 0.45, *own, 9, title="F1", better=better, baseline_intervals=trivial)
    assert verdict(found) == words


def metric(results: Results, direction: str) -> Metric:
    return next(found for found in results.metrics if found.name == f"{direction}/{HEADLINE}")


def above_both_baselines(found: Metric) -> bool:
    assert found.low is not None
    return all(found.low > high for _, high in found.baseline_intervals.values())


def shuffled_reports(collection: Collection, folder: Path) -> Collection:
    """A copy in which every training and validation film has some other study's report."""
    shutil.copytree(collection.path, folder, ignore=shutil.ignore_patterns("cache"))
    studies = collection.frame("studies")
    copy = Collection.open(folder)
    seen = studies[studies["split"] != "test"]["study_id"].to_numpy()
    other = dict(zip(seen, np.random.default_rng(0).permutation(seen), strict=True))
    for name in ("sections", "sentences"):
        table = collection.table(name)
        moved = [other.get(study, study) for study in table["study_id"].to_pylist()]
        column = table.schema.get_field_index("study_id")
        table = table.set_column(column, table.schema.field(column), pa.array(moved))
        rewrite(copy, name, [table])
    return copy


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_model_beats_both_baselines_and_one_trained_on_shuffled_pairs_does_not(tmp_path: Path) -> None:
    results = demo.run(tmp_path / "demo")
    assert above_both_baselines(metric(results, "image->sentence"))
    assert above_both_baselines(metric(results, "image->report"))

    collection = Collection.open(tmp_path / "demo" / "collection")
    wrong = shuffled_reports(collection, tmp_path / "shuffled")
    model = demo.train_model(wrong, tmp_path / "run", seed=0)
    results = demo.evaluate_model(model, collection, tmp_path / "results", SILENT)
    assert not above_both_baselines(metric(results, "image->sentence"))
    assert not above_both_baselines(metric(results, "image->report"))


def test_headlines_leave_subgroups_out() -> None:
    whole = Metric(f"image->sentence/{HEADLINE}", 0.4, 0.3, 0.5, 10, title="F1", better="higher")
    parts = (whole, replace(whole, subgroup="sex", group="F"))
    results = Results("retrieval", "m", "c", "test", 10, {}, parts, predictions=None)  # type: ignore[arg-type]
    assert len(demo.headline(results)) == 1
