"""The exception tree. Every message is one line with the place, the problem, the value and a remedy.

    PlainfilmError
    ├── UsageError            an argument or option that cannot be used
    ├── ConfigError           a recipe or setting: unknown key, unknown name, value out of range
    ├── DataError             a problem with data on disk
    │   ├── ImageError        one image that cannot be used (becomes a row of `rejected`)
    │   ├── SourceError       a raw layout that its source does not recognise
    │   ├── CollectionError   a collection that is missing, damaged or of another format version
    │   ├── LeakageError      the same patient on both sides of a split
    │   └── NothingToEvaluate a collection without what a task evaluates
    ├── ArchiveError          a DICOMweb archive that refuses a request, or does not answer as one
    ├── DownloadError         a file that cannot be downloaded or fails verification
    ├── StorageError          object storage that refuses or does not answer
    ├── ModelError            a model folder or checkpoint that does not fit
    └── MissingDependency     an optional package that is not installed

The command line turns any of these into one line on standard error and exit status 2; a library user catches
`PlainfilmError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PlainfilmError(Exception):
    """Base of every error that a user can cause or fix."""


class UsageError(PlainfilmError):
    """An argument or option that cannot be used."""


class ConfigError(PlainfilmError):
    """A recipe or setting that cannot be used."""


class DataError(PlainfilmError):
    """A problem with data on disk."""


class ImageError(DataError):
    """One image that cannot be used."""


class SourceError(DataError):
    """A raw layout that its source does not recognise."""


class CollectionError(DataError):
    """A collection that is missing, damaged or of another format version."""


class LeakageError(DataError):
    """The same patient on both sides of a split."""


class NothingToEvaluate(DataError):
    """A collection without what a task evaluates."""


class ArchiveError(PlainfilmError):
    """A DICOMweb archive that refuses a request, or does not answer as one."""


class DownloadError(PlainfilmError):
    """A file that cannot be downloaded or fails verification."""


class StorageError(PlainfilmError):
    """Object storage that refuses or does not answer; never a reason to reject a film."""


class ModelError(PlainfilmError):
    """A model folder or checkpoint that does not fit."""


class MissingDependency(PlainfilmError):
    """An optional package that is not installed."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest choice, then all of them.

    >>> nearest("infonec", ["infonce", "siglip"])
    "did you mean 'infonce'? Known: infonce, siglip"
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listing = f"Known: {', '.join(known) if known else 'none'}"
    return f"did you mean '{close[0]}'? {listing}" if close else listing
