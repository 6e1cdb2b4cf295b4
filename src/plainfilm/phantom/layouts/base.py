"""The contract of a layout: one file that writes phantom studies as one corpus publishes its own.

A layout module has two functions, both called with the corpus folder:

    write_study(root, patient, study, films)    the files of one study; called in any process, any order
    write_tables(root, patients, seed)          the tables of the corpus; called once, at the end
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from plainfilm import plugins
from plainfilm.phantom.truth import PatientTruth, StudyTruth


class Layout(Protocol):
    """What a module of this folder offers."""

    def write_study(
        self, root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
    ) -> None:
        """The films, in the order of `study.films`, and the report."""
        ...

    def write_tables(self, root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
        """Everything that is about more than one study."""
        ...


def layout(name: str) -> Layout:
    """The layout called `name` (see `plugins.resolve`)."""
    return cast(Layout, plugins.resolve("phantom layout", name))
