"""Plainfilm: vision-language learning on chest radiographs.

    plainfilm.load(MODEL)         a model: classify, retrieve, locate, describe, write reports
    plainfilm.open(COLLECTION)    a collection: tables, films and studies as data sets
    plainfilm.read_image(FILE)    the pixels of a DICOM, PNG or JPEG file as Plainfilm sees them

The command `plainfilm --help` lists what can be done without Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plainfilm.datasets import open_collection as open  # noqa: A004
    from plainfilm.io.images import read_image
    from plainfilm.predictor import load

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open", "read_image"]

_PLACES = {
    "load": ("plainfilm.predictor", "load"),
    "open": ("plainfilm.datasets", "open_collection"),
    "read_image": ("plainfilm.io.images", "read_image"),
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, imported when first used so that `import plainfilm` stays light."""
    if name not in _PLACES:
        raise AttributeError(f"module 'plainfilm' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
