"""How far the probabilities of a zero-shot model can be believed, before and after repair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.calibration import Binning, calibration_interval, sigmoid
from plainfilm.metrics.scores import Score, terms
from plainfilm.tasks.base import Metric
from plainfilm.tasks.prompting.deciding import Fitted, Floats
from plainfilm.tasks.scoring.measure import Measured, Resampling, measure
from plainfilm.tasks.scoring.observations import Truth, known_terms

GROUP = "calibration"
MODEL, TEMPERATURE, CALIBRATED = "model", "temperature", "calibrated"
BINNINGS: tuple[Binning, ...] = ("mass", "width")


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
    for binning in BINNINGS:
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
    parts = tuple(f"brier/{name}" for name in truth.observations)
    scores = [Score(f"brier_{kind}_macro", "mean", parts)]
    scores += [Score(f"brier_{kind}/{part.partition('/')[2]}", "ratio", (part,)) for part in parts]
    counted = truth.counted & np.isfinite(values)
    of_baselines = {name: _brier_terms(trivial, counted, truth) for name, trivial in baselines.items()}
    own = {**_brier_terms(values, counted, truth), **known_terms(truth)}
    measured = Measured(GROUP, own, of_baselines, patients)
    return [_without_terms(metric) for metric in measure(measured, scores, resampling)]


def _without_terms(metric: Metric) -> Metric:
    """These terms are not among the stored items."""
    return Metric(**{**metric.__dict__, "reducer": None, "parts": ()})


def _brier_terms(values: Floats, counted: np.ndarray, truth: Truth) -> dict[str, Floats]:
    squares = np.where(counted, (values - truth.positive) ** 2, 0.0)
    return {
        f"brier/{name}": terms(squares[:, column], counted[:, column])
        for column, name in enumerate(truth.observations)
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
    names = [f"/{name}" for name in truth.observations] + ["_macro"]
    counts = [int(column.sum()) for column in truth.known.T] + [int(truth.known.any(axis=1).sum())]
    found = []
    for kind, values in made.items():
        rows = list(zip(names, solved(values), counts, *trivial.values(), strict=True))
        for name, interval, count, *others in [rows[-1], *rows[:-1]]:
            found.append(
                _metric(
                    f"ece_{binning}_{kind}{name}", interval, count, dict(zip(trivial, others, strict=True))
                )
            )
    return found


def _metric(name: str, interval: Interval, n: int, trivial: Mapping[str, Interval]) -> Metric:
    return Metric(
        name=f"{GROUP}/{name}",
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
        group=GROUP,
    )
