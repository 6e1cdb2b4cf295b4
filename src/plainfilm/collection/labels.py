"""Reads the labels of a collection's images, studies, reports and sentences, by one rule.

Training, evaluation, banks, exports and agreement read labels here, and so by the same rule:

1. If an image or study has labels of several of the origins that are read, only those of one origin count
   for it: the origin that labels most images and studies (if equal, the first by name).
2. If several rows label one observation of one target, the strongest state holds: positive before uncertain,
   uncertain before negative.
3. An image's own label of an observation takes precedence over that of its study.
4. A study (or a set of its images) has the strongest of the states of its images; a study without images has
   its own label.
5. A report has the label of its study, a sentence its own: images do not change the meaning of a text.

The caller chooses the items, the origins (`collection.label_origins`) and the observations.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import (
    ItemKind,
    choose_origins,
    label_batches,
    labelled_studies,
    origins,
    positions,
    targets_of,
)
from plainfilm.collection.row_index import RowIndex, index_of, studies_of
from plainfilm.errors import DataError
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.types import State

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Ranks = NDArray[np.uint8]

NOT_LABELLED = -3
"""The code of an observation that no label mentions in a whole collection."""

_STATE_OF_RANK = np.array([NOT_MENTIONED, State.NEGATIVE, State.UNCERTAIN, State.POSITIVE], dtype=np.int8)
_RANK_OF_STATE = np.zeros(256, dtype=np.uint8)
_RANK_OF_STATE[_STATE_OF_RANK] = np.arange(4)  # a negative code counts from the end
_BLOCK = 1 << 20
_NONE: list[NDArray] = [np.zeros(0, dtype=kind) for kind in (np.int32, np.uint8, np.uint8, np.uint8)]


class LabelReader:
    """Reads the labels of one collection from `origins`; states are int8 codes (`State`, `NOT_MENTIONED`).

    observations: to read; `None` reads all. targets: whose labels to read. decisive: only labels of these
    observations choose among several origins; `None`: all that are read. The attribute `observations` names
    the columns of every matrix: those that labels mention, in alphabetical order.
    """

    def __init__(
        self,
        collection: Collection,
        origins: Sequence[str],
        observations: Names[str] | None = None,
        targets: Sequence[str] = ("study", "image"),
        decisive: Names[str] | None = None,
    ) -> None:
        self._collection = collection
        self._statements, named = self._read(targets, origins, observations)
        self.first_stated = tuple(named)
        """The observations in the order of their first row in the table."""
        self.observations = tuple(sorted(named))
        self._decides = np.isin(self.observations, list(self.observations if decisive is None else decisive))
        self._order_origins(len(origins))
        self._whole: dict[str, Ranks] = {}

    def images(self, rows: Ints | None = None) -> States:
        """States (N, C) of the images in `rows` (N,) of the table `images` (`None`: all; -1: no image)."""
        rows = np.arange(len(self._study_of_image)) if rows is None else rows
        return _STATE_OF_RANK[self._of_images(rows)]

    def items(self, rows: Ints, items: Ints, count: int) -> States:
        """States (count, C) of items of one or several images of one study: the image in `rows` (N,) belongs
        to item number `items` (N,). `NOT_MENTIONED` for an item without images."""
        item_of = np.full(len(self._study_of_image), -1, dtype=np.int64)
        item_of[rows] = items
        return _STATE_OF_RANK[_strongest_rank(self._of_images(rows, item_of), items, count)]

    def studies(self) -> States:
        """States (N, C) of all studies, in the order of the table `studies`."""
        own = self._own("study")
        rows = np.flatnonzero(self._study_of_image >= 0)
        study_of = self._study_of_image[rows]
        has_images = np.isin(np.arange(len(own)), study_of)[:, None]
        of_images = _strongest_rank(self._of_images(rows), study_of, len(own))
        return _STATE_OF_RANK[np.where(has_images, of_images, own)]

    def own(self, target: str, observation: str) -> States:
        """States (N,) of one observation of all studies or images (`target`) by their own labels only."""
        return _STATE_OF_RANK[self._own(target)[:, self.observations.index(observation)]]

    def texts(self, target: str, rows: Ints) -> States:
        """States (N, C) of reports (`target` "study") or sentences ("sentence"), by rows of the table of
        studies or sentences; -1: no text."""
        return _STATE_OF_RANK[_taken(self._own(target), rows)]

    @cached_property
    def _study_of_image(self) -> Rows:
        return studies_of(self._collection, "image")

    def _read(
        self, targets: Sequence[str], origins: Sequence[str], observations: Names[str] | None
    ) -> tuple[dict[str, _Statements], list[str]]:
        """The statements about each target, and the observations in the order of targets and rows."""
        wanted = None if observations is None else pa.array(list(observations), pa.string())
        ids = {target: index_of(self._collection, target) for target in targets}
        found: dict[str, list[_Statements]] = {target: [] for target in targets}
        named: dict[str, dict[str, None]] = {target: {} for target in targets}
        codes: dict[str, int] = {}
        for target, part in label_batches(self._collection, targets, origins):
            table = part if wanted is None else part.filter(pc.is_in(part["observation"], wanted))
            for name in table["observation"].unique().to_pylist():
                named[target][name] = None
                codes.setdefault(name, len(codes))
            found[target].append(_statements(table, ids[target], [*codes], origins))
        stated = list(dict.fromkeys(name for target in targets for name in named[target]))
        place = {name: column for column, name in enumerate(sorted(stated))}
        columns = np.array([place[name] for name in codes], dtype=np.min_scalar_type(len(codes)))
        return {
            target: _Statements.joined(len(ids[target]), parts, columns) for target, parts in found.items()
        }, stated

    def _order_origins(self, count: int) -> None:
        """Number the origins of the statements by how many targets they label, the most first."""
        self._several = count > 1
        if not self._several:
            return
        labelled = np.zeros(count, dtype=np.int64)
        for statements in self._statements.values():
            has = np.zeros((count, statements.count), dtype=bool)
            decides = self._decides[statements.columns]
            has[statements.origins[decides], statements.rows[decides]] = True
            labelled += has.sum(axis=1)
        number = np.empty(count, dtype=np.int32)
        number[np.argsort(-labelled, kind="stable")] = np.arange(count)
        for statements in self._statements.values():
            statements.origins[:] = number[statements.origins]

    def _own(self, target: str) -> Ranks:
        """Ranks (N, C) of all N targets by labels of `target` only."""
        if target not in self._whole:
            self._whole[target] = self._strongest(self._statements[target])
        return self._whole[target]

    def _of_images(self, rows: Ints, groups: Ints | None = None) -> Ranks:
        own = self._own("image") if groups is None else self._strongest(self._statements["image"], groups)
        images = _taken(own, rows)
        of_study = _taken(self._own("study"), _taken(self._study_of_image, rows, missing=-1))
        return np.where(images > 0, images, of_study)

    def _strongest(self, statements: _Statements, groups: Ints | None = None) -> Ranks:
        """Ranks (N, C) of each target or group of targets: of its first origin with any label, the strongest
        state of each observation."""
        ranks = np.zeros(statements.count * len(self.observations), dtype=np.uint8)
        speaker = self._speakers(statements, groups)
        for part in statements.blocks():
            keep = slice(None)
            if speaker is not None:
                keep = speaker[part.rows] == part.origins
            places = part.rows[keep].astype(np.int64) * len(self.observations) + part.columns[keep]
            for rank in (1, 2, 3):
                same = places[part.ranks[keep] == rank]
                ranks[same] = np.maximum(ranks[same], rank)
        return ranks.reshape(statements.count, len(self.observations))

    def _speakers(self, statements: _Statements, groups: Ints | None) -> NDArray[np.int32] | None:
        """(N,) the number of the origin that counts for each target; `None` if there is only one."""
        if not self._several:
            return None
        group = np.arange(statements.count) if groups is None else groups
        first = np.full(int(group.max(initial=-1)) + 2, np.iinfo(np.int32).max, dtype=np.int32)
        for part in statements.blocks():
            decides = self._decides[part.columns]
            np.minimum.at(first, group[part.rows[decides]], part.origins[decides])
        return first[group]


class Labels:
    """The labels of the items of several collections: one choice of origins for each split in use.

    The origins of the first of `splits` are chosen by `choose_origins`. They serve the other splits too,
    except a split without labels of them, for which the choice is repeated. `observations` names the columns
    of every matrix: the CheXpert classes in their published order if there are no other names, otherwise all
    names in alphabetical order. `stated` holds those that labels of the first split's origins mention.
    decisive: see `LabelReader`.

    Raises:
        DataError: see `choose_origins`.
    """

    def __init__(
        self,
        collections: Sequence[Collection],
        kinds: Sequence[ItemKind],
        splits: Sequence[str | None] = (None,),
        wanted: str | None = None,
        learned: Sequence[str] | None = None,
        decisive: Names[str] | None = None,
    ) -> None:
        self._collections = collections
        self._targets = targets_of(kinds)
        main = choose_origins(collections, kinds, splits[0], wanted, learned)
        self._chosen = {splits[0]: main}
        for split in splits[1:]:
            is_stated = wanted is not None or self._are_of(main, split)
            self._chosen[split] = main if is_stated else self._other(main, kinds, split, learned)
        self._readers = {
            (place, names): LabelReader(collection, names, targets=self._targets, decisive=decisive)
            for chosen in self._chosen.values()
            for place, (collection, names) in enumerate(zip(collections, chosen, strict=True))
        }
        named = _named(tuple(self._readers.values()))
        is_chexpert = set(named) <= set(CHEXPERT_OBSERVATIONS)
        self.observations = tuple(CHEXPERT_OBSERVATIONS if is_chexpert else named)
        self.stated = set(_named([self._readers[place, names] for place, names in enumerate(main)]))

    @property
    def origin(self) -> str:
        """The origins of the labels of the first split, separated by commas."""
        return next(iter(self.origins.values()))

    @property
    def origins(self) -> dict[str, str]:
        """The origins of the labels by split (`None`: "all"), separated by commas."""
        return {
            split or "all": ", ".join(dict.fromkeys(name for names in chosen for name in names))
            for split, chosen in self._chosen.items()
        }

    def of_rows(self, kind: ItemKind, place: int, split: str | None, rows: Ints) -> States:
        """States (N, C) of images, reports or sentences of collection `place`, by the rows (N,) of the tables
        of images, studies or sentences; `NOT_LABELLED` as in `images`."""
        reader = self._readers[place, self._chosen[split][place]]
        if kind == "images":
            return self._in_columns(reader, reader.images(rows))
        return self._in_columns(reader, reader.texts("study" if kind == "reports" else "sentence", rows))

    def images(self, place: int, split: str | None, ids: Sequence[str]) -> States:
        """States (N, C) of images of collection `place`; `NOT_LABELLED` for observations that no label of the
        collection mentions."""
        _, rows = self._reader_and_rows(place, split, "image", ids)
        return self.of_rows("images", place, split, rows)

    def studies_of(
        self, place: int, split: str | None, ids: Sequence[str], study: Ints, count: int
    ) -> States:
        """States (`count`, C) of studies of collection `place`: the image with each of `ids` (N,) belongs to
        study number `study` (N,)."""
        reader, rows = self._reader_and_rows(place, split, "image", ids)
        return self._in_columns(reader, reader.items(rows, study, count))

    def reports(self, place: int, split: str | None, study_ids: Sequence[str]) -> States:
        """States (N, C) of the reports of studies of collection `place`."""
        _, rows = self._reader_and_rows(place, split, "study", study_ids)
        return np.maximum(self.of_rows("reports", place, split, rows), NOT_MENTIONED)

    def _reader_and_rows(
        self, place: int, split: str | None, target: str, ids: Sequence[str]
    ) -> tuple[LabelReader, Ints]:
        names = self._chosen[split][place]
        known = index_of(self._collections[place], target)
        return self._readers[place, names], known.rows(pa.array(ids, pa.string()))

    def _in_columns(self, reader: LabelReader, states: States) -> States:
        columns = np.full((len(states), len(self.observations)), NOT_LABELLED, dtype=np.int8)
        columns[:, [self.observations.index(name) for name in reader.observations]] = states
        return columns

    def _are_of(self, chosen: Sequence[tuple[str, ...]], split: str | None) -> bool:
        """Whether the chosen origins have labels of a split."""
        return any(
            counts[name]
            for collection, names in zip(self._collections, chosen, strict=True)
            for counts in [labelled_studies(collection, split, self._targets)]
            for name in names
        )

    def _other(
        self,
        main: list[tuple[str, ...]],
        kinds: Sequence[ItemKind],
        split: str | None,
        learned: Sequence[str] | None,
    ) -> list[tuple[str, ...]]:
        """The origins of a split that the main ones do not label; the main ones if the choice is unclear."""
        try:
            return choose_origins(self._collections, kinds, split, learned=learned)
        except DataError:
            return main


@dataclass(frozen=True)
class _Statements:
    """The labels of one kind of target: the number of targets (`count`), and for each label the row of its
    target, the column of its observation, the rank of its state and the number of its origin. Columns and
    origins are as short as their number allows: mostly 7 bytes a label."""

    count: int
    rows: NDArray[np.int32]
    columns: NDArray[np.unsignedinteger]
    ranks: Ranks
    origins: NDArray[np.unsignedinteger]

    @classmethod
    def joined(
        cls, count: int, parts: Sequence[_Statements], columns: NDArray[np.unsignedinteger]
    ) -> _Statements:
        """All `parts`, whose columns are called anew: number N is `columns[N]`."""
        cells = ((part.rows, part.columns, part.origins, part.ranks) for part in parts)
        rows, own, origins, ranks = map(np.concatenate, zip(*cells, strict=True)) if parts else _NONE
        return cls(count, rows, columns[own], ranks.astype(np.uint8), origins)

    def blocks(self) -> Iterator[_Statements]:
        """The labels in consecutive parts, to limit memory."""
        for start in range(0, len(self.rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            yield _Statements(
                self.count, self.rows[part], self.columns[part], self.ranks[part], self.origins[part]
            )


def _statements(
    table: pa.Table, ids: RowIndex, observations: Sequence[str], origins: Sequence[str]
) -> _Statements:
    """The labels of targets that are known."""
    rows = ids.rows(table["target_id"])
    known = rows >= 0
    columns = positions(table["observation"], pa.array(observations, pa.string()))
    places = positions(table["origin"], pa.array(list(origins), pa.string()))
    return _Statements(
        len(ids),
        rows[known].astype(np.int32),
        columns[known].astype(np.min_scalar_type(len(observations))),
        _RANK_OF_STATE[table["state"].to_numpy()[known]],
        places[known].astype(np.min_scalar_type(len(origins))),
    )


def _taken(values: NDArray, rows: Ints, missing: int = 0) -> NDArray:
    """`values` of `rows`, `missing` for row -1."""
    if not len(values):
        return np.full((len(rows), *values.shape[1:]), missing, dtype=values.dtype)
    taken = values[rows]
    taken[rows < 0] = missing
    return taken


def count_states(collection: Collection) -> dict[str, dict[str, int]]:
    """By observation and state, the number of studies and images with it in their own labels."""
    names = origins(collection)
    readers = [LabelReader(collection, [name]) for name in names]
    by_observation = {
        name: dict.fromkeys((state.name.lower() for state in State), 0) for name in _named(readers)
    }
    for name, counts in by_observation.items():
        for target in ("study", "image"):
            own = [reader.own(target, name) for reader in readers if name in reader.observations]
            for state in State:
                counts[state.name.lower()] += int(np.any([one == state for one in own], axis=0).sum())
    return by_observation


def _named(readers: Sequence[LabelReader]) -> list[str]:
    return sorted({name for reader in readers for name in reader.observations})


def strongest(states: States, groups: Ints, count: int) -> States:
    """States (N, C) of N statements combined into one row per group: the strongest of each, (count, C).

    groups: (N,) the number of each statement's group, below `count`; a group without statements is
    `NOT_MENTIONED`.
    """
    return _STATE_OF_RANK[_strongest_rank(_RANK_OF_STATE[states], groups, count)]


def _strongest_rank(ranks: Ranks, groups: Ints | Rows, count: int) -> Ranks:
    order = np.argsort(groups, kind="stable")
    strongest = np.zeros((count, ranks.shape[1]), dtype=np.uint8)
    if len(order):
        filled, starts = np.unique(groups[order], return_index=True)
        strongest[filled] = np.maximum.reduceat(ranks[order], starts, axis=0)
    return strongest
