"""The labels of PadChest and PadChest-GR as observations: `sources/padchest.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm.config import read_yaml
from plainfilm.labelling.vocabularies import NO_FINDING, SUPPORT_DEVICES
from plainfilm.types import Label, State

NORMAL = "normal"
LICENCE = "PadChest: research use agreement of BIMCV"


@dataclass(frozen=True)
class PadchestLabels:
    """How published labels and observations go together; `padchest.yaml` explains the fields."""

    same: Mapping[str, str]
    kinds: Mapping[str, frozenset[str]]
    near: Mapping[str, frozenset[str]]
    open: frozenset[str]

    @property
    def observations(self) -> tuple[str, ...]:
        """The observations that are stated, positive or negative, in alphabetical order."""
        return tuple(sorted({*self.same.values(), *self.kinds}))

    def name_of(self, label: str) -> str:
        """The observation that a published label is kept under; its own name where there is none."""
        return self.same.get(label, label)

    def stated(self, published: Iterable[str], origin: str) -> Iterator[Label]:
        """What the published labels of one report say: those they name, and observations that they rule out.

        `rule` has the published labels behind a positive observation.
        """
        names = list(dict.fromkeys(filter(None, (name.strip() for name in published))))
        positive = self._positive(names)
        for observation, found in positive.items():
            yield Label(observation, State.POSITIVE, origin, rule="; ".join(found))
        if names and self.open.isdisjoint(names):
            for observation in self.observations:
                if observation not in positive and not self._may_be(observation, names, positive):
                    yield Label(observation, State.NEGATIVE, origin)

    def _positive(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The positive observations, each with its labels."""
        findings = [name for name in names if name.lower() != NORMAL]
        if names and not findings:
            return {NO_FINDING: [*names]}
        positive = {self.name_of(name): [name] for name in findings}
        for observation, kinds in self.kinds.items():
            for name in filter(kinds.__contains__, findings):
                positive.setdefault(observation, []).append(name)
        return positive

    def _may_be(self, observation: str, names: Sequence[str], positive: Container[str]) -> bool:
        """Whether an observation that no label names may be there all the same.

        "No Finding" may where labels name nothing but devices and what is no observation ("scoliosis").
        """
        if observation == NO_FINDING:
            pathologies = (one for one in self.observations if one not in (NO_FINDING, SUPPORT_DEVICES))
            return not any(one in positive for one in pathologies)
        return not self.near.get(observation, frozenset()).isdisjoint(names)


@functools.cache
def padchest_labels() -> PadchestLabels:
    """The mapping, read once."""
    stated = read_yaml(Path(__file__).parents[1] / "padchest.yaml")
    sets = ({name: frozenset(labels) for name, labels in stated[part].items()} for part in ("kinds", "near"))
    kinds, near = sets
    return PadchestLabels(stated["same"], kinds, near, frozenset(stated["open"]))
