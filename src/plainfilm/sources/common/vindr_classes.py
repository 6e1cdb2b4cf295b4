"""The classes of VinDr-CXR and the sets of them that published work scores: `sources/vindr_cxr.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plainfilm.config import read_yaml

NO_FINDING = "No finding"


@dataclass(frozen=True)
class VindrClasses:
    """`local` have boxes, `whole` are said of the whole film; `sets` are named sets of both."""

    local: tuple[str, ...]
    whole: tuple[str, ...]
    sets: Mapping[str, tuple[str, ...]]
    same: Mapping[str, str]

    @property
    def every(self) -> tuple[str, ...]:
        """All 28."""
        return (*self.local, *self.whole)

    def named(self, header: str) -> str:
        """The class as it is called here, however a table calls it."""
        return self.same.get(header, header)


@functools.cache
def vindr_classes() -> VindrClasses:
    """The classes, read once."""
    stated = read_yaml(Path(__file__).parents[1] / "vindr_cxr.yaml")
    sets = {name: tuple(classes) for name, classes in stated["sets"].items()}
    return VindrClasses(tuple(stated["local"]), tuple(stated["global"]), sets, stated["same"])
