"""The split and a hash of the patient of every study of several collections: 10 bytes for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.row_index import Hashes, Ints, hashes
from plainfilm.io.growing_array import GrowingArray

_AT_ONCE = 1 << 14
_SEPARATOR = "\x1f"


class StudyFacts:
    """The splits and patients of S studies, which are numbered through all collections.

    patients: (S,) hashes of the corpus and id of their patients. spelled: gives the spelling of an id that
    counts, where an id may be spelled in several ways.
    """

    def __init__(
        self, collections: Sequence[Collection], spelled: Callable[[str], str] | None = None
    ) -> None:
        self.collections = collections
        self._codes: dict[str, int] = {}
        self._starts = [0]
        count = sum(collection.rows_of("studies") for collection in collections)
        splits, patients = GrowingArray(np.int16, count), GrowingArray(np.uint64, count)
        names = dict.fromkeys(collection.corpus for collection in collections)
        corpora = {name: str(number) for number, name in enumerate(names)}
        for collection in collections:
            start = self._starts[-1]
            for batch in collection.batches("studies", _AT_ONCE, ["split", "patient_id"]):
                splits.add(self._coded(batch["split"]))
                patients.add(_of_corpus(corpora[collection.corpus], batch["patient_id"], spelled))
                start += len(batch)
            self._starts.append(start)
        self.splits: NDArray[np.int16] = splits.array()
        self.patients: Hashes = patients.array()

    def first_of(self, place: int) -> int:
        """The number of the first study of a collection."""
        return self._starts[place]

    def split_names(self, studies: Ints) -> list[str]:
        """The splits of some studies, in alphabetical order."""
        names = list(self._codes)
        return sorted(names[code] for code in np.unique(self.splits[studies]).tolist())

    def collection_names(self, studies: Ints) -> list[str]:
        """The names of the collections of some studies, in alphabetical order."""
        return sorted(self.collections[place].name for place in np.unique(self.places(studies)).tolist())

    def places(self, studies: Ints) -> Ints:
        """(n,) the place of the collection of each study among the collections."""
        return np.searchsorted(self._starts, studies, side="right") - 1

    def _coded(self, splits: pa.Array) -> NDArray[np.int16]:
        encoded = splits.dictionary_encode()
        codes = [self._codes.setdefault(name, len(self._codes)) for name in encoded.dictionary.to_pylist()]
        return np.array(codes, dtype=np.int16)[encoded.indices.to_numpy()]


def _of_corpus(corpus: str, ids: pa.Array, spelled: Callable[[str], str] | None) -> Hashes:
    """(n,) hashes of n patients of the corpus with this number, which no id can imitate."""
    if spelled is not None:
        ids = pa.array(map(spelled, ids.to_pylist()), pa.string())
    return hashes(pc.binary_join_element_wise(corpus, ids, _SEPARATOR))[0]
