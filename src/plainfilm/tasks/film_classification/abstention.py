"""Calibration of probabilities, and abstention.

Calibration: Brier score and expected calibration error of the probabilities, original and recalibrated.
Abstention: conformal sets of plausible labels, fitted on validation images; the rates at which they abstain,
contain the truth, and are wrong when they decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.calibration import Binning, calibration_interval, reliability, sigmoid
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.conformal import Bounds
from plainfilm.metrics.scores import ratio_statistics
from plainfilm.tasks.base import Curve, CurveFigure, Figure, Metric
from plainfilm.tasks.film_classification.thresholds import (
    Evaluated,
    FilmScores,
    Fitted,
    Floats,
    Truth,
    known_statistics,
    observation_scores,
)
from plainfilm.tasks.scoring.measure import Measured, Patients, Resampling, measure, of_subgroup
from plainfilm.types import Better

CALIBRATION, ABSTENTION = "calibration", "abstention"
MODEL, TEMPERATURE, CALIBRATED = "model", "temperature", "calibrated"
MADE = {MODEL: "as is", TEMPERATURE: "one temperature", CALIBRATED: "calibrated"}
"""Titles of the kinds of probabilities."""
_BINNINGS: Mapping[Binning, str] = {"mass": "equal mass", "width": "equal width"}
_BINS = 10
"""Number of bins in the reliability figure."""
_KINDS: Mapping[str, tuple[str, Better]] = {
    "abstains": ("abstention rate", "lower"),
    "coverage_positive": ("coverage of positives", "higher"),
    "coverage_negative": ("coverage of negatives", "higher"),
    "error_decided": ("error rate of decisions", "lower"),
}


def probabilities(margins: Floats, scale: float, fitted: Fitted | None) -> dict[str, Floats]:
    """Probabilities (N, C) by kind; NaN for those that cannot be computed.

    model: at the model's own temperature. temperature: at the one fitted on validation images. calibrated:
    with slope and bias fitted per observation.
    """
    by_kind = {MODEL: sigmoid(scale * margins)}
    if fitted is None:
        return by_kind
    if fitted.scale is not None:
        by_kind[TEMPERATURE] = sigmoid(fitted.scale * margins)
    calibrated = np.full(margins.shape, np.nan)
    for column, platt in enumerate(fitted.platt):
        if platt is not None:
            calibrated[:, column] = platt.probability(margins[:, column])
    return {**by_kind, CALIBRATED: calibrated}


def calibration_metrics(
    made: Mapping[str, Floats],
    truth: Truth,
    fitted: Fitted | None,
    patients: Patients,
    resampling: Resampling,
    binnings: Sequence[Binning] = tuple(_BINNINGS),
) -> list[Metric]:
    """Brier score and calibration error of each kind of probability, macro and per observation.

    Baselines: `random` predicts one half; `prevalence` predicts the share of positives among the validation
    images (among the evaluated ones if there are no validation images).
    """
    baselines = {
        "random": np.full(truth.known.shape, 0.5),
        "prevalence": np.tile(_prevalence(truth, fitted), (len(truth.known), 1)),
    }
    metrics: list[Metric] = []
    for kind, values in made.items():
        metrics += _brier(kind, values, baselines, truth, patients, resampling)
    for binning in binnings:
        metrics += _errors(made, baselines, truth, binning, patients, resampling)
    return metrics


def calibration_of_subgroups(
    made: Mapping[str, Floats],
    truth: Truth,
    fitted: Fitted | None,
    patients: Patients,
    parts: Mapping[str, np.ndarray],
    resampling: Resampling,
) -> list[Metric]:
    """The macro Brier score and calibration error of the subgroups (name → mask (N,)), of the calibrated
    probabilities or, without any, of the model's own.

    The error of few films is large by chance; that of the baseline `prevalence` shows how large.
    """
    kind = CALIBRATED if CALIBRATED in made else MODEL
    wanted = tuple(f"{CALIBRATION}/{score}_{kind}_macro" for score in ("brier", "ece_mass"))
    return [
        of_subgroup(metric, name)
        for name, mask in parts.items()
        for metric in calibration_metrics(
            {kind: made[kind][mask]}, truth.part(mask), fitted, patients[mask], resampling, ("mass",)
        )
        if metric.name in wanted
    ]


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
    patients: Patients,
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


def _brier_statistics(name: str, values: Floats, counted: np.ndarray, truth: Truth) -> dict[str, Pairs]:
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
    patients: Patients,
    resampling: Resampling,
) -> list[Metric]:
    bootstrap = PatientBootstrap(patients, resampling.resamples, resampling.seed)

    def solved(values: Floats) -> list[Interval]:
        counted = truth.counted & np.isfinite(values)
        return calibration_interval(np.nan_to_num(values), truth.positive, counted, bootstrap, binning)

    trivial = {name: solved(values) for name, values in baselines.items()}
    counts = [int(column.sum()) for column in truth.known.T] + [int(truth.known.any(axis=1).sum())]
    names = [*truth.observations, "macro"]
    metrics = []
    for kind, values in made.items():
        title = f"calibration error, {_BINNINGS[binning]}, {MADE[kind]}"
        rows = list(zip(names, solved(values), counts, *trivial.values(), strict=True))
        for place, (name, interval, count, *others) in enumerate([rows[-1], *rows[:-1]]):
            key = f"ece_{binning}_{kind}" + (f"/{name}" if place else "_macro")
            of_baselines = dict(zip(trivial, others, strict=True))
            metrics.append(_error(key, f"{title}, {name}", interval, count, of_baselines, headline=not place))
    return metrics


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
    """Predicted against observed, for the columns of probabilities in `kinds`; no figure without them."""
    known = predictions["positive"].notna().to_numpy()
    happened = predictions["positive"].fillna(False).to_numpy(dtype=bool)
    curves = []
    for column, name in kinds.items():
        values = predictions[column].to_numpy(dtype=np.float64)
        rows = known & np.isfinite(values)
        if rows.any():
            bins = reliability(values[rows], happened[rows], "mass", _BINS)
            curves.append(Curve(name, tuple(bins.predicted.tolist()), tuple(bins.observed.tolist())))
    figure = CurveFigure(
        title="Reliability",
        x_label=f"predicted, mean of each of {_BINS} bins of equal mass, all observations pooled",
        y_label="observed share of positives",
        curves=tuple(curves),
        y_limits=(0.0, 1.0),
        diagonal=True,
    )
    return (figure,) if curves else ()


def abstention(margins: Floats, bounds: Sequence[Bounds], miss: float, truth: Truth) -> Evaluated:
    """The rates at which the sets (margins (N, C)) abstain, contain the truth, and decide wrongly.

    The sets of the baseline `random` contain each label with a probability of 1 - `miss`.
    """
    held = np.stack([one.holds(margins[:, column]) for column, one in enumerate(bounds)], axis=1)
    by_chance = np.full((*truth.known.shape, 2), 1.0 - miss)
    scores = [
        score for kind in _KINDS for score in observation_scores(kind, *_KINDS[kind], truth.observations)
    ]
    values = {**known_statistics(truth), **_abstention_statistics(held.astype(np.float64), truth)}
    return Evaluated(scores, values, {"random": _abstention_statistics(by_chance, truth)})


def _abstention_statistics(held: Floats, truth: Truth) -> dict[str, Pairs]:
    """held: (N, C, 2), the probability that the set contains "negative" and "positive"."""
    statistics: dict[str, Pairs] = {}
    for column, name in enumerate(truth.observations):
        enters = truth.counted[:, column].astype(np.float64)
        positive = truth.positive[:, column]
        no, yes = held[:, column, 0], held[:, column, 1]
        only_yes, only_no = yes * (1 - no), no * (1 - yes)
        decided = (only_yes + only_no) * enters
        wrong = np.where(positive, only_no, only_yes) * enters
        statistics |= {
            f"abstains/{name}": ratio_statistics(enters - decided, enters),
            f"coverage_positive/{name}": ratio_statistics(yes * positive * enters, positive * enters),
            f"coverage_negative/{name}": ratio_statistics(no * ~positive * enters, ~positive * enters),
            f"error_decided/{name}": ratio_statistics(wrong, decided),
        }
    return statistics


def with_reasons(truth: Truth, fitted: Fitted | None, scores: FilmScores) -> Callable[[Metric], Metric]:
    """Add to metrics of one observation their number of positives, and the reason if they are missing."""
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
