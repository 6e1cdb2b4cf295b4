"""The contract of a layout: one file that writes phantom studies as one corpus publishes its own.

A layout module has three functions, all called with the corpus folder:

    write_study(root, patient, study, films)    the files of one study; called in any process, any order
    write_tables(root, patients, seed)          the tables of the corpus; called once, at the end
    expected(root, patients, seed)              the content for a correct reader, computed from the truth:
                                                studies as the source of the same name should yield them,
                                                and a `Rejection` for all unusable parts

and optionally

    SCENARIOS                                   {scenario: share}: who its patients are
                                                (`phantom.scenarios`); those of a whole hospital otherwise
    REPORTS                                     who writes its reports (`phantom.reports.WRITERS`)

`expected` is the reference for tests of the readers (ids, views, splits, labels, boxes in pixels of the raw
image), so it is computed from the truth and not from the files. `phantom.publishing` has shared functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from plainfilm import plugins
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.types import Rejection, Study


class Layout(Protocol):
    """The names in a module of this folder."""

    def write_study(
        self, root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
    ) -> None:
        """The films, in the order of `study.films`, and the report."""
        ...

    def write_tables(self, root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
        """Write everything that concerns more than one study."""
        ...

    def expected(
        self, root: Path, patients: Sequence[PatientTruth], seed: int
    ) -> Iterator[Study | Rejection]:
        """The content for a correct reader."""
        ...


def layout(name: str) -> Layout:
    """The layout called `name` (see `plugins.resolve`)."""
    return cast(Layout, plugins.resolve("phantom layout", name))
