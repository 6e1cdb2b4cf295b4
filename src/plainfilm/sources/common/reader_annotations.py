"""What a panel of readers says of one image: everybody's boxes and labels, their vote, their boxes fused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from plainfilm.sources.common.boxes import Corners
from plainfilm.sources.common.fusion import fuse_boxes
from plainfilm.types import Box, Label, State

Rule = Literal["majority", "any"]
"""How the states of several readers become one: see `vote`."""

FUSION = "fusion"
"""The annotator of fused boxes."""
CORNERS = ("x_min", "y_min", "x_max", "y_max")
"""The headers of a box in VinDr's tables."""


@dataclass
class ReaderBoxes:
    """The boxes on one image as read: (observation, reader) → corners, in the order of the table."""

    boxes: dict[tuple[str, str], list[Corners]] = field(default_factory=dict)

    def add(self, observation: str, reader: str, corners: Corners) -> bool:
        """Adds a box; False for one that the same reader has drawn already."""
        drawn = self.boxes.setdefault((observation, reader), [])
        if corners in drawn:
            return False
        drawn.append(corners)
        return True

    def reader_boxes(self) -> Iterator[Box]:
        """Every reader's boxes under their own name."""
        for (observation, reader), drawn in self.boxes.items():
            for corners in drawn:
                yield Box(observation, "observation", *corners, annotator=reader)

    def fused_boxes(self, iou_above: float, least_readers: int) -> Iterator[Box]:
        """One set of boxes for all readers, by observation; those that fewer than `least_readers` drew go."""
        readers = len({reader for _, reader in self.boxes})
        by_name: dict[str, list[tuple[str, Corners]]] = {}
        for (observation, reader), drawn in self.boxes.items():
            by_name.setdefault(observation, []).extend((reader, corners) for corners in drawn)
        for observation, drawn_by in by_name.items():
            corners = [corners for _, corners in drawn_by]
            for fused in fuse_boxes(corners, readers, iou_above=iou_above):
                if len({drawn_by[place][0] for place in fused.members}) >= least_readers:
                    yield Box(observation, "observation", *fused.box_xyxy, annotator=FUSION)


def vote(states: Sequence[State], rule: Rule) -> State:
    """What readers say together: by "majority" the state most of them give, uncertain where as many say yes
    as no; by "any" positive where one of them does.

    >>> vote([State.POSITIVE, State.NEGATIVE], "majority"), vote([State.POSITIVE, State.NEGATIVE], "any")
    (<State.UNCERTAIN: -1>, <State.POSITIVE: 1>)
    """
    positive, negative = states.count(State.POSITIVE), states.count(State.NEGATIVE)
    if rule == "any":
        return State.POSITIVE if positive else State.NEGATIVE
    if positive == negative:
        return State.UNCERTAIN
    return State.POSITIVE if positive > negative else State.NEGATIVE


@dataclass(frozen=True, eq=False)
class ReaderLabels:
    """What one reader says of a film. Most films get the same opinions, so sources share the objects."""

    labels: tuple[Label, ...]


class MajorityVote:
    """What opinions come to, remembered by the opinions; `origin` is that of the labels."""

    def __init__(self, rule: Rule, origin: str) -> None:
        self._rule, self._origin = rule, origin
        self._known: dict[tuple[ReaderLabels, ...], tuple[Label, ...]] = {}

    def of(self, opinions: Iterable[ReaderLabels]) -> tuple[Label, ...]:
        """The vote on every observation that some reader states."""
        readers = tuple(opinions)
        if readers not in self._known:
            self._known[readers] = self._count(readers)
        return self._known[readers]

    def _count(self, readers: Sequence[ReaderLabels]) -> tuple[Label, ...]:
        said: dict[str, list[State]] = {}
        for reader in readers:
            for label in reader.labels:
                said.setdefault(label.observation, []).append(label.state)
        return tuple(Label(name, vote(states, self._rule), self._origin) for name, states in said.items())
