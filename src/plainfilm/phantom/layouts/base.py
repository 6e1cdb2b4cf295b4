"""The contract of a layout: one file that writes phantom studies as one corpus publishes its own.

A layout module has three functions, all called with the corpus folder:

    write_study(root, patient, study, films)    the files of one study; called in any process, any order
    write_tables(root, patients, seed)          the tables of the corpus; called once, at the end
    expected(root, patients, seed)              what a right reader makes of the corpus, from what is true:
                                                studies as the source of the same name should yield them,
                                                and a `Rejection` for whatever cannot be used

and may have

    STORIES                                     {story: share}: who its patients are (`phantom.scenarios`);
                                                those of a whole hospital otherwise
    REPORTS                                     who writes its reports (`phantom.reports.WRITERS`)

`expected` is what the readers are tested against (ids, views, splits, labels, boxes in pixels of the raw
image), so it is made from the truth and not from the files. `phantom.publishing` has what layouts share.
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
    """What a module of this folder offers."""

    def write_study(
        self, root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
    ) -> None:
        """The films, in the order of `study.films`, and the report."""
        ...

    def write_tables(self, root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
        """Everything that is about more than one study."""
        ...

    def expected(
        self, root: Path, patients: Sequence[PatientTruth], seed: int
    ) -> Iterator[Study | Rejection]:
        """What a right reader makes of it."""
        ...


def layout(name: str) -> Layout:
    """The layout called `name` (see `plugins.resolve`)."""
    return cast(Layout, plugins.resolve("phantom layout", name))
