"""What probabilities are worth, and when to abstain.

Calibration: Brier score and expected calibration error of the probabilities as they are and after repair.
Abstention: conformal sets of plausible labels, fitted on validation films, how often they abstain, hold the
truth, and mislead where they decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.calibration import Binning, calibration_interval, reliability, sigmoid
from plainfilm.metrics.conformal import Bounds
from plainfilm.metrics.scores import ratio_statistics
from plainfilm.tasks.base import Better, Curve, CurveFigure, Figure, Metric
from plainfilm.tasks.film_classification.thresholds import (
    Evaluated,
    FilmScores,
    Fitted,
    Floats,
    Truth,
    known_statistics,
    observation_scores,
)
from plainfilm.tasks.scoring.measure import Measured, Resampling, measure

CALIBRATION, ABSTENTION = "calibration", "abstention"
MODEL, TEMPERATURE, CALIBRATED = "model", "temperature", "calibrated"
MADE = {MODEL: "as is", TEMPERATURE: "one temperature", CALIBRATED: "calibrated"}
"""How probabilities are made, and what a person reads."""
_BINNINGS: Mapping[Binning, str] = {"mass": "equal mass", "width": "equal width"}
_BINS = 10
"""Of the reliability figure."""
_KINDS: Mapping[str, tuple[str, Better]] = {
    "abstains": ("share abstained", "lower"),
    "coverage_positive": ("positives' sets with the truth", "higher"),
    "coverage_negative": ("negatives' sets with the truth", "higher"),
    "error_decided": ("errors where decided", "lower"),
}


def probabilities(margins: Floats, scale: float, fitted: Fitted | None) -> dict[str, Floats]:
    """Probabilities (N, C) by how they are made; NaN where one cannot be made.

    model: at the model's own temperature. temperature: at the one fitted on validation films. calibrated:
    with slope and bias fitted per observation.
    """
    found = {MODEL: sigmoid(scale * margins)}
    if fitted is None:
        return found
    if fitted.scale is not None:
        found[TEMPERATURE] = sigmoid(fitted.scale * margins)
    calibrated = np.full(margins.shape, np.nan)
    for column, platt in enumerate(fitted.platt):
        if platt is not None:
            calibrated[:, column] = platt.probability(margins[:, column])
    return {**found, CALIBRATED: calibrated}


def calibration_metrics(
    made: Mapping[str, Floats],
    truth: Truth,
    fitted: Fitted | None,
    patients: np.ndarray,
    resampling: Resampling,
) -> list[Metric]:
    """Brier score and calibration error of each kind of probability, macro and per observation.

    Baselines: `random` says one half; `prevalence` says the share of positives among the validation films
    (among the evaluated ones where there are none).
    """
    baselines = {
        "random": np.full(truth.known.shape, 0.5),
        "prevalence": np.tile(_prevalence(truth, fitted), (len(truth.known), 1)),
    }
    found: list[Metric] = []
    for kind, values in made.items():
        found += _brier(kind, values, baselines, truth, patients, resampling)
    for binning in _BINNINGS:
        found += _errors(made, baselines, truth, binning, patients, resampling)
    return found


def _prevalence(truth: Truth, fitted: Fitted | None) -> Floats:
    if fitted is None:
        return truth.prevalence
    pairs = zip(fitted.prevalence, truth.prevalence, strict=True)
    return np.array([own if known is None else known for known, own in pairs])


def _brier(
    kind: str,
    values: Floats,
    baselines: Mapping[str, Floats],
    truth: Truth,
    patients: np.ndarray,
    resampling: Resampling,
) -> list[Metric]:
    name = f"brier_{kind}"
    scores = observation_scores(name, f"Brier score, {MADE[kind]}", "lower", truth.observations)
    counted = truth.counted & np.isfinite(values)
    of_baselines = {one: _brier_statistics(name, own, counted, truth) for one, own in baselines.items()}
    own = {**_brier_statistics(name, values, counted, truth), **known_statistics(truth)}
    measured = Measured(CALIBRATION, own, of_baselines, patients)
    # These statistics are not among the stored items.
    return [replace(one, aggregation=None, parts=()) for one in measure(measured, scores, resampling)]


def _brier_statistics(name: str, values: Floats, counted: np.ndarray, truth: Truth) -> dict[str, Floats]:
    squares = np.where(counted, (values - truth.positive) ** 2, 0.0)
    return {
        f"{name}/{observation}": ratio_statistics(squares[:, column], counted[:, column])
        for column, observation in enumerate(truth.observations)
    }


def _errors(
    made: Mapping[str, Floats],
    baselines: Mapping[str, Floats],
    truth: Truth,
    binning: Binning,
    patients: np.ndarray,
    resampling: Resampling,
) -> list[Metric]:
    bootstrap = PatientBootstrap(patients, resampling.resamples, resampling.seed)

    def solved(values: Floats) -> list[Interval]:
        counted = truth.counted & np.isfinite(values)
        return calibration_interval(np.nan_to_num(values), truth.positive, counted, bootstrap, binning)

    trivial = {name: solved(values) for name, values in baselines.items()}
    counts = [int(column.sum()) for column in truth.known.T] + [int(truth.known.any(axis=1).sum())]
    names = [*truth.observations, "macro"]
    found = []
    for kind, values in made.items():
        title = f"calibration error, {_BINNINGS[binning]}, {MADE[kind]}"
        rows = list(zip(names, solved(values), counts, *trivial.values(), strict=True))
        for place, (name, interval, count, *others) in enumerate([rows[-1], *rows[:-1]]):
            key = f"ece_{binning}_{kind}" + (f"/{name}" if place else "_macro")
            of_baselines = dict(zip(trivial, others, strict=True))
            found.append(_error(key, f"{title}, {name}", interval, count, of_baselines, headline=not place))
    return found


def _error(
    key: str, title: str, interval: Interval, n: int, trivial: Mapping[str, Interval], *, headline: bool
) -> Metric:
    return Metric(
        name=f"{CALIBRATION}/{key}",
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=n,
        note=interval.note,
        baselines={kind: one.value for kind, one in trivial.items() if one.value is not None},
        baseline_intervals={
            kind: (one.low, one.high)
            for kind, one in trivial.items()
            if one.low is not None and one.high is not None
        },
        group=CALIBRATION,
        title=title,
        better="lower",
        headline=headline,
    )


def reliability_figure(predictions: pd.DataFrame, kinds: Mapping[str, str]) -> tuple[Figure, ...]:
    """Predicted against observed, for the columns of probabilities that `kinds` names; or none."""
    known = predictions["positive"].notna().to_numpy()
    happened = predictions["positive"].fillna(False).to_numpy(dtype=bool)
    curves = []
    for column, name in kinds.items():
        values = predictions[column].to_numpy(dtype=np.float64)
        rows = known & np.isfinite(values)
        if rows.any():
            found = reliability(values[rows], happened[rows], "mass", _BINS)
            curves.append(Curve(name, tuple(found.predicted.tolist()), tuple(found.observed.tolist())))
    figure = CurveFigure(
        title="Reliability",
        x_label=f"predicted, mean of each of {_BINS} bins of equal mass, all observations pooled",
        y_label="share that is positive",
        curves=tuple(curves),
        y_limits=(0.0, 1.0),
        diagonal=True,
    )
    return (figure,) if curves else ()


def abstention(margins: Floats, bounds: Sequence[Bounds], miss: float, truth: Truth) -> Evaluated:
    """How often the sets (margins (N, C)) abstain, hold each truth, and mislead where they decide.

    The baseline `random` holds each label with a chance of 1 - `miss`.
    """
    held = np.stack([one.holds(margins[:, column]) for column, one in enumerate(bounds)], axis=1)
    by_chance = np.full((*truth.known.shape, 2), 1.0 - miss)
    scores = [
        score for kind in _KINDS for score in observation_scores(kind, *_KINDS[kind], truth.observations)
    ]
    values = {**known_statistics(truth), **_abstention_statistics(held.astype(np.float64), truth)}
    return Evaluated(scores, values, {"random": _abstention_statistics(by_chance, truth)})


def _abstention_statistics(held: Floats, truth: Truth) -> dict[str, Floats]:
    """held: (N, C, 2), the chance that the set holds "negative" and "positive"."""
    found: dict[str, Floats] = {}
    for column, name in enumerate(truth.observations):
        enters = truth.counted[:, column].astype(np.float64)
        positive = truth.positive[:, column]
        no, yes = held[:, column, 0], held[:, column, 1]
        only_yes, only_no = yes * (1 - no), no * (1 - yes)
        decided = (only_yes + only_no) * enters
        wrong = np.where(positive, only_no, only_yes) * enters
        found |= {
            f"abstains/{name}": ratio_statistics(enters - decided, enters),
            f"coverage_positive/{name}": ratio_statistics(yes * positive * enters, positive * enters),
            f"coverage_negative/{name}": ratio_statistics(no * ~positive * enters, ~positive * enters),
            f"error_decided/{name}": ratio_statistics(wrong, decided),
        }
    return found


def with_reasons(truth: Truth, fitted: Fitted | None, scores: FilmScores) -> Callable[[Metric], Metric]:
    """Gives metrics of one observation their number of positives, and says why a score is not computable."""
    positives = (truth.positive & truth.known).sum(axis=0)
    places = {name: place for place, name in enumerate(truth.observations)}

    def reason(metric: Metric, name: str) -> str | None:
        if name in truth.one_class:
            return truth.one_class[name]
        own = scores.groups.get(metric.group or "")
        if name in scores.without_margin and (own is None or np.isnan(own[:, places[name]]).all()):
            return scores.without_margin[name]
        if fitted is not None and not (fitted.positives[places[name]] and fitted.negatives[places[name]]):
            return "not computable: the validation films are of one class"
        return metric.note

    def explain(metric: Metric) -> Metric:
        _, separator, name = metric.name.removeprefix(f"{metric.group}/").partition("/")
        if not separator or metric.subgroup is not None or name not in places:
            return metric
        note = reason(metric, name) if metric.value is None else metric.note
        return replace(metric, support=int(positives[places[name]]), note=note)

    return explain
