"""Scores in a person's words: what a name means, and numbers with their interval."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from plainfilm.tasks.base import Metric

_KINDS = {"f1": "F1", "precision": "precision", "recall": "recall"}
_PLAIN = {
    "median_rank": "median rank",
    "mean_rank": "mean rank",
    "map": "mean average precision",
    "published_flat_hit": "flat hit (published rule)",
    "published_precision": "precision (published rule)",
    "published_recall": "recall (published rule)",
    "published_f1": "F1 (published rule)",
    "duplicates": "duplicates",
}
_CLASSIFICATION = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "auroc_common": "AUROC of what every share could learn",
    "average_precision_common": "average precision of what every share could learn",
    "f1": "F1",
    "f1_at_half": "F1 at one half",
    "recall": "sensitivity",
    "abstains": "share abstained",
    "coverage_positive": "positives' sets with the truth",
    "coverage_negative": "negatives' sets with the truth",
    "error_decided": "errors where decided",
    "brier": "Brier score",
    "ece_mass": "calibration error, equal mass",
    "ece_width": "calibration error, equal width",
}
_MADE = {"model": "as is", "temperature": "one temperature", "calibrated": "calibrated"}
_BASELINES = {"random": "random", "most_frequent": "most frequent"}
_FINDING = re.compile(r"finding_(?P<kind>\w+?)_(?:(?P<mean>micro|macro)_)?positive(?:/(?P<name>.+))?$")


def title(metric: Metric) -> str:
    """What a metric is called in a table, without its direction.

    >>> title(Metric("image->image/finding_f1_micro_positive@2", 0.4, 0.3, 0.5, 10, group="image->image"))
    'finding F1 (positive, micro) @ 2'
    """
    name = metric.name.removeprefix(f"{metric.group}/") if metric.group else metric.name
    body, separator, k = name.rpartition("@")
    if not separator:
        return _PLAIN.get(name) or _of_classification(name)
    match = _FINDING.match(body)
    if match:
        which = match["name"] or match["mean"]
        return f"finding {_KINDS[match['kind']]} (positive, {which}) @ {k}"
    return f"{_PLAIN.get(body, body.replace('_', ' '))} @ {k}"


def _of_classification(name: str) -> str:
    """A name without a depth, such as "auroc/Edema", "f1_macro" or "brier_model/Edema [sex F]"."""
    kind, _, which = name.partition("/")
    if "_macro" in kind:
        kind, _, rest = kind.partition("_macro")
        which = f"macro{rest}"
    body, _, made = kind.rpartition("_")
    said = _CLASSIFICATION.get(kind)
    if said is None and made in _MADE and body in _CLASSIFICATION:
        said = f"{_CLASSIFICATION[body]}, {_MADE[made]}"
    return ", ".join(part for part in (said or kind.replace("_", " "), which) if part)


def group_title(group: str) -> str:
    """What a group of scores is called; of a share of the labels, which.

    >>> group_title("share_0.01"), group_title("image->text")
    ('1 % of the patients', 'image->text')
    """
    name, separator, share = group.partition("_")
    if name == "share" and separator:
        return f"{100 * float(share):g} % of the patients"
    return group


def baseline_title(name: str) -> str:
    """What a baseline is called in a table."""
    return _BASELINES.get(name, name.replace("_", " "))


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table; a dash where there is none.

    >>> number(0.41234), number(12.0), number(None)
    ('0.412', '12.0', '–')
    """
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if abs(value) < 10 else f"{value:.1f}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for a table.

    >>> interval(0.38, 0.443), interval(None, None)
    ('[0.380, 0.443]', '[–]')
    """
    if low is None or high is None:
        return "[–]"
    return f"[{number(low, digits)}, {number(high, digits)}]"


def lines(metrics: Sequence[Metric]) -> list[str]:
    """A summary, a line for each: group, score, value, interval, n and baselines with their intervals."""
    columns = [[group_title(metric.group or "") for metric in metrics], [title(metric) for metric in metrics]]
    aligned = [[f"{cell:<{max(map(len, column))}}" for cell in column] for column in columns if any(column)]
    return ["  ".join((*cells, *_values(metric))) for metric, *cells in zip(metrics, *aligned, strict=True)]


def _values(metric: Metric) -> Iterator[str]:
    yield f"{number(metric.value)} {interval(metric.low, metric.high)}"
    yield f"n={metric.n}"
    for name, value in metric.baselines.items():
        bounds = metric.baseline_intervals.get(name, (None, None))
        yield f"{baseline_title(name)} {number(value)} {interval(*bounds)}"


def is_headline(metric: Metric) -> bool:
    """True for the scores a summary leads with."""
    if metric.subgroup is not None:
        return False
    body = metric.name.rpartition("/")[2] if "_positive/" not in metric.name else ""
    if body == "accuracy" or body.endswith("_macro"):
        return True
    return body.startswith(("recall@", "median_rank", "mean_rank", "map", "published_f1", "finding_f1_m"))
