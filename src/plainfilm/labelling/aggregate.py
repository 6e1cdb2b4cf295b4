"""From many statements to one state per observation: the aggregation that CheXpert published.

Of the states of one observation in a report, {uncertain, negative} together make it uncertain, with or
without a positive one; otherwise positive beats what else there is (Irvin et al. 2019, and its labeller).
"No Finding" is positive where nothing else than support devices is positive or uncertain, and never
negative at the level of a study. One thing differs unless a vocabulary switches it back: text in which
nothing was recognised stays unknown, where the published labeller calls an empty report normal.
"""

from __future__ import annotations

from collections.abc import Iterable

from plainfilm.labelling.vocabularies import NO_FINDING, SUPPORT_DEVICES, Aggregation
from plainfilm.types import Label, State

PUBLISHED = Aggregation()


def combine(states: Iterable[State], settings: Aggregation = PUBLISHED) -> State:
    """The one state of an observation from all that is said of it; `states` is not empty."""
    said = set(states)
    if settings.uncertain_over_positive and {State.UNCERTAIN, State.NEGATIVE} <= said:
        return State.UNCERTAIN
    return next(state for state in (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE) if state in said)


def aggregate(labels: Iterable[Label], settings: Aggregation = PUBLISHED) -> dict[str, State]:
    """The state of every observation that `labels` speak of, for the study they belong to.

    No labels give an empty dictionary: nothing is known (but see `Aggregation.empty_is_normal`). A label
    "No Finding" that is negative (a finding outside the vocabulary) clears "No Finding".
    """
    said: dict[str, list[State]] = {}
    for label in labels:
        said.setdefault(label.observation, []).append(label.state)
    states = {name: combine(seen, settings) for name, seen in said.items() if name != NO_FINDING}
    found = any(
        state != State.NEGATIVE for observation, state in states.items() if observation != SUPPORT_DEVICES
    )
    contradicted = any(state != State.POSITIVE for state in said.get(NO_FINDING, ()))
    if (said or settings.empty_is_normal) and not found and not contradicted:
        return {NO_FINDING: State.POSITIVE, **states}
    return states
