"""The scores of a share: the mean over its repeats, each repeat beside it, and what could not be learned.

A mean over the repeats is a mean of parts: every repeat has its own terms, named after it, and an interval is
made by resampling the patients of all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plainfilm.metrics.scores import RANKINGS, Score, Terms
from plainfilm.tasks.base import Metric
from plainfilm.tasks.probing.logistic import Floats, Mask
from plainfilm.tasks.probing.probes import Probed, Share
from plainfilm.tasks.scoring.observations import RANKED, Trial, Truth, trial

COMMON = "common_macro"
"""The macro mean over the observations that were learned from every share."""
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Learned:
    """What was learned (C,): from every repeat of one share, and from every repeat of every share."""

    here: Mask
    everywhere: Mask


def share_name(share: float) -> str:
    """The group of a share's metrics.

    >>> share_name(0.01)
    'share_0.01'
    """
    return f"share_{share:g}"


def learned(shares: Sequence[Share], own: Sequence[int]) -> Learned:
    """What the shares at the places `own` let learn, and what all do."""
    each = np.array([share.learns for share in shares])
    return Learned(np.asarray(each[list(own)].all(axis=0)), np.asarray(each.all(axis=0)))


def joined(
    probed: Sequence[Probed], untrained: Sequence[Probed] | None, known: Learned, truth: Truth
) -> Trial:
    """Scores, terms and baselines of the repeats of one share."""
    parts = [_trial(one, known, truth) for one in probed]
    named, values, baselines = parts[0]
    count = len(parts)
    trivial: dict[str, Terms] = {name: _repeated([terms] * count) for name, terms in baselines.items()}
    if untrained is not None:
        trivial[UNTRAINED] = _repeated([_trial(one, known, truth)[1] for one in untrained])
    shared = {name: pairs for name, pairs in values.items() if name.startswith("known/")}
    own = _repeated([part[1] for part in parts])
    return _scores(named, count, known, truth.observations), {**shared, **own}, trivial


def _trial(probed: Probed, known: Learned, truth: Truth) -> Trial:
    logits = np.where(known.here, probed.logits, np.nan)
    return trial(True, logits, probed.thresholds, truth)


def _repeated(terms: Sequence[Terms]) -> dict[str, Floats]:
    """The terms of all repeats under names of their own."""
    return {
        f"{repeat}:{name}": pairs
        for repeat, one in enumerate(terms)
        for name, pairs in one.items()
        if not name.startswith("known/")
    }


def _scores(named: Sequence[Score], count: int, known: Learned, observations: Sequence[str]) -> list[Score]:
    found = []
    for score in named:
        found.append(_over(score.name, score.reducer, score.parts, range(count)))
        kind = score.name.removesuffix("_macro")
        if score.name not in (f"{one}_macro" for one in RANKED):
            continue
        if known.everywhere.any() and (known.here != known.everywhere).any():
            pairs = zip(observations, known.everywhere, strict=True)
            chosen = [f"score/{name}" for name, is_learned in pairs if is_learned]
            found.append(_over(f"{kind}_{COMMON}", score.reducer, chosen, range(count)))
        if count > 1:
            found += [
                _over(f"{kind}_macro repeat {repeat + 1}", score.reducer, score.parts, [repeat])
                for repeat in range(count)
            ]
    return found


def _over(name: str, reducer: str, parts: Sequence[str], repeats: Sequence[int]) -> Score:
    kept = reducer if reducer in RANKINGS else "mean"
    return Score(name, kept, tuple(f"{repeat}:{part}" for repeat in repeats for part in parts))


def explained(
    shares: Sequence[Share], probed: Sequence[Probed], known: Learned, truth: Truth
) -> Callable[[Metric], Metric]:
    """Gives metrics of one observation their number of positives, and says of each that cannot be computed,
    or that leaves observations out, why."""
    positives = (truth.positive & truth.known).sum(axis=0)
    negatives = (~truth.positive & truth.known).sum(axis=0)
    why = {
        name: _why_not(place, shares, int(positives[place]), int(negatives[place]))
        for place, name in enumerate(truth.observations)
    }
    missing = [name for name, reason in why.items() if reason]
    left_out = f"left out: {', '.join(missing)}" if missing else None

    def explain(metric: Metric) -> Metric:
        kind, separator, name = metric.name.removeprefix(f"{metric.group}/").partition("/")
        if metric.subgroup is not None:
            return metric
        if not separator:
            notes = [left_out] if "_macro" in kind and COMMON not in kind else []
            nothing = "not computable: no observation is left" if metric.value is None else metric.note
            return replace(metric, note="; ".join(note for note in (nothing, *notes) if note) or None)
        place = truth.observations.index(name)
        note = metric.note
        if metric.value is None:
            note = why[name] or _undecided(place, probed) or metric.note
        return replace(metric, support=int(positives[place]), note=note)

    return explain


def _why_not(place: int, shares: Sequence[Share], positives: int, negatives: int) -> str | None:
    """Why an observation has no ranking, where it has none."""
    if not positives or not negatives:
        only = "negative" if negatives else "positive" if positives else "unlabelled"
        return f"not computable: all films are {only}"
    for share in shares:
        if not share.learns[place]:
            kind = "negative" if share.positives[place] else "positive"
            where = f" in repeat {share.repeat + 1}" if len(shares) > 1 else ""
            return f"not computable: no {kind} training film among {share.patients} patients{where}"
    return None


def _undecided(place: int, probed: Sequence[Probed]) -> str | None:
    if any(one.thresholds is not None and one.thresholds[place] is None for one in probed):
        return "not computable: the validation films are of one class"
    return None


def spread(metrics: Sequence[Metric], group: str) -> Mapping[str, float]:
    """The standard deviation of the repeats' macro scores, where there are several."""
    found = {}
    for kind in RANKED:
        name = f"{group}/{kind}_macro repeat "
        values = [m.value for m in metrics if m.name.startswith(name) and m.value is not None]
        if len(values) > 1:
            found[f"{kind}_macro"] = float(np.std(values, ddof=1))
    return found
