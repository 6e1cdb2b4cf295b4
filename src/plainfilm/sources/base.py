"""The contract of a source: one file that reads one published raw layout.

A source module has three names:

    Config                       a `config.Settings`: the options of this source
    read(raw, config)            the studies of the raw folder or file, one after another
    make_example(root)           writes a few studies in the true raw layout below `root` and returns
                                 the path to give to `read`

`read` yields `Study` objects and, for what cannot become one, `Rejection` objects; it opens tables and
lists files but never decodes an image or parses a report: that happens in parallel, later. It raises
`SourceError` only where nothing at all can be read (no such folder, a required table missing).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.types import Rejection, Study


class Source(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]

    def read(self, raw: Path, config: Any) -> Iterator[Study | Rejection]:
        """The studies of `raw`, and what of it could not be used."""
        ...

    def make_example(self, root: Path) -> Path:
        """A few studies in the true raw layout; returns what to give to `read`."""
        ...


def source(name: str) -> Source:
    """The source called `name` (see `plugins.resolve`)."""
    return cast(Source, plugins.resolve("source", name))
