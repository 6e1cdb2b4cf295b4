"""Metrics of RadEval (Delbrouck et al., MIT licence), where that package is installed.

RadEval's values per report become scores with intervals by patient, baselines and comparisons like all
others; its corpus scores, such as the F1 of CheXbert's labels over all reports, have no values per report and
are not among them. Metrics with networks download their weights at first use. Metrics that send reports to
a service are refused.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from plainfilm.errors import MissingDependency, UsageError, nearest
from plainfilm.metrics.scores import Statistics, ratio_statistics
from plainfilm.tasks.reporting.scores import ReadReport, ScoreGroup
from plainfilm.tasks.scoring.measure import DescribedScore

RADEVAL = "radeval"
"""The name of the group."""

_LOWER = ("radcliq_v1",)
"""Values per report of which lower is better: RadEval's corpus score is the inverse of their mean."""


def radeval_group(metrics: Sequence[str], references: Sequence[ReadReport], common: str) -> ScoreGroup:
    """The scores of RadEval's `metrics`, the mean over reports.

    Raises:
        MissingDependency: RadEval, or a package that one of the metrics needs, is not installed.
        UsageError: no such metric, or one that sends reports to a service.
    """
    evaluator = _evaluator(metrics)
    release = _release()
    probe = references[0].text
    keys = list(_values(evaluator, [probe], [probe]))

    def statistics(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> Statistics:
        texts = [[one.text for one in side] for side in (references, candidates)]
        found = _values(evaluator, *texts)
        known = {key: np.isfinite(values) for key, values in found.items()}
        return {
            key: ratio_statistics(np.where(known[key], values, 0.0), known[key])
            for key, values in found.items()
        }

    scores = tuple(
        DescribedScore(
            key,
            "ratio",
            (key,),
            f"{key}, mean",
            "lower" if key in _LOWER else "higher",
            identity=f"{key}|level:report|library:radeval-{release}{common}",
        )
        for key in keys
    )
    return ScoreGroup(RADEVAL, f"RadEval {release}", scores, statistics)


def _evaluator(metrics: Sequence[str]) -> Any:
    try:
        from radeval import RadEval
        from radeval.metrics._registry import METRIC_REGISTRY, get_metric_class
    except ImportError:
        raise MissingDependency(
            "radeval= needs RadEval, which is not installed; try: pip install radeval"
        ) from None
    for name in metrics:
        if name not in METRIC_REGISTRY:
            raise UsageError(f"RadEval has no metric '{name}': {nearest(name, METRIC_REGISTRY)}")
        try:
            sends = getattr(get_metric_class(name), "is_api_based", False)
        except ImportError as error:
            raise MissingDependency(
                f"RadEval's metric '{name}' needs {error.name}, which is missing"
            ) from None
        if sends:
            raise UsageError(f"RadEval's metric '{name}' can send reports to a service; run it by yourself")
    # RadEval silences all warnings of the process.
    with warnings.catch_warnings():
        return RadEval(metrics=list(metrics), per_sample=True, show_progress=False)


def _values(evaluator: Any, references: list[str], candidates: list[str]) -> dict[str, np.ndarray]:
    """The values of every pair, by name; NaN where RadEval has none."""
    with warnings.catch_warnings():
        found = evaluator(refs=references, hyps=candidates)
    return {
        key: np.array([math.nan if value is None else float(value) for value in values])
        for key, values in found.items()
        if isinstance(values, list) and len(values) == len(references)
    }


def _release() -> str:
    try:
        return version("radeval")
    except PackageNotFoundError:
        return "unknown"
