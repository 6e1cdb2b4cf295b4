"""A collection as `plainfilm.open` gives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainfilm.collection import Collection
from plainfilm.datasets.films import Films
from plainfilm.datasets.studies import Studies

if TYPE_CHECKING:
    import pandas as pd


class OpenCollection(Collection):
    """A collection whose films and studies can be taken by number.

    Tables: `table(name)` is one of pyarrow, `frame(name)` one of pandas; names are studies, images, sections,
    sentences, labels, boxes and rejected (`plainfilm.collection.schema` describes their columns).
    """

    def films(self, **options: Any) -> Films:
        """The films as a data set; the options and errors are those of `plainfilm.datasets.Films`."""
        return Films(self, **options)

    def studies(self, **options: Any) -> Studies:
        """The studies as a data set; the options and errors are those of `plainfilm.datasets.Studies`."""
        return Studies(self, **options)

    def labels(self, origins: Sequence[str] | None = None) -> pd.DataFrame:
        """The labels of all studies: a row per study, a column per observation, with 1, 0 and -1 for
        positive, negative and uncertain, and a missing value for what is not mentioned.

        Raises:
            DataError: an origin that the collection does not have.
        """
        import pandas as pd

        from plainfilm.datasets.tables import read_labels
        from plainfilm.metrics.findings import NOT_MENTIONED

        reader = read_labels(self, origins)
        index = pd.Index(self.table("studies")["study_id"].to_pylist(), name="study_id")
        states = pd.DataFrame(reader.studies(), index=index, columns=list(reader.observations)).astype("Int8")
        return states.mask(states == NOT_MENTIONED)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.meta['tables'][name]['rows']} {name}" for name in ("studies", "images"))
        return f"<Collection '{self.name}': {counts}, corpus {self.corpus}>"


def open_collection(path: Path | str) -> OpenCollection:
    """The collection in the folder `path`, as `plainfilm prepare` made it.

    Raises:
        CollectionError: no collection, an unfinished one, or one of another format version.
    """
    opened = Collection.open(path)
    return OpenCollection(opened.path, opened.meta)
