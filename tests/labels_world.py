"""A collection of nothing but tables: studies with films and the labels that a test states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from plainfilm.collection.schema import TABLES

Row = tuple[str, str, str, int, str]
"""target, id, observation, state, origin."""


class Labelled:
    """Studies with the films `films` names (two of study "s1": `{"s1": ["a", "b"]}`) and label `rows`.

    splits: by study, "test" by default. sentences: by study, the ids of its sentences.
    """

    corpus = "somewhere"

    def __init__(
        self,
        films: Mapping[str, Sequence[str]],
        rows: Sequence[Row],
        splits: Mapping[str, str] | None = None,
        sentences: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        splits = splits or {}
        studies = [
            {"study_id": study, "patient_id": f"of {study}", "split": splits.get(study, "test")}
            for study in films
        ]
        images = [
            {"image_id": image, "study_id": study, "path": f"{image}.png", "view": "PA"}
            for study, own in films.items()
            for image in own
        ]
        said = [
            {"sentence_id": one, "study_id": study} for study, own in (sentences or {}).items() for one in own
        ]
        names = ("target", "target_id", "observation", "state", "origin")
        labels = [dict(zip(names, row, strict=True)) for row in rows]
        self.path, self.name = Path("somewhere"), "somewhere"
        contents = {"studies": studies, "images": images, "sentences": said, "labels": labels}
        self._tables = {name: _table(name, contents.get(name, [])) for name in TABLES}

    def table(self, name: str) -> pa.Table:
        return self._tables[name]

    def columns(self, name: str, columns: Sequence[str]) -> pa.Table:
        return self.table(name).select(columns)

    def batches(self, name: str, rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from self.columns(name, columns).to_batches(3)

    def rows_of(self, name: str) -> int:
        return len(self.table(name))

    def require_pixels(self) -> None:
        """The films are not here, but nobody looks."""

    def image_path(self, relative: str) -> Path:
        return self.path / relative

    def frame(self, name: str, columns: Sequence[str] | None = None):
        table = self.table(name)
        return (table if columns is None else table.select(columns)).to_pandas()


def _table(name: str, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    schema = pa.schema([field.with_nullable(True) for field in TABLES[name]])
    return pa.Table.from_pylist(list(rows), schema=schema)
