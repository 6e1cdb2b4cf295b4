"""Plainfilm: vision-language learning on chest radiographs.

    plainfilm.load(MODEL)         a model: classify, retrieve, locate, describe, write reports
    plainfilm.open(COLLECTION)    a collection: tables, films and studies as data sets
    plainfilm.read_image(FILE)    the pixels of a DICOM, PNG or JPEG file as Plainfilm sees them
    plainfilm.show(FILM)          a picture of a film with boxes, a map and sentences, for a notebook

What the commands do can be called, too:

    plainfilm.collection          prepare, label and audit collections
    plainfilm.datasets            films and studies by number, for a PyTorch DataLoader
    plainfilm.labelling           labels of report texts
    plainfilm.training            train
    plainfilm.tasks               evaluate
    plainfilm.bank                search films and texts
    plainfilm.metrics             scores as functions of arrays, with intervals

Films are given as paths, PIL images, arrays or tensors, results of `read_image`, or films of a collection.
Every error that you can mend is a `plainfilm.errors.PlainfilmError` with the way out in its message. The
command `plainfilm --help` lists what can be done without Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plainfilm.datasets import open_collection as open  # noqa: A004
    from plainfilm.io.images import read_image
    from plainfilm.notebook import show
    from plainfilm.predictor import load

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open", "read_image", "show"]

_PLACES = {
    "load": ("plainfilm.predictor", "load"),
    "open": ("plainfilm.datasets", "open_collection"),
    "read_image": ("plainfilm.io.images", "read_image"),
    "show": ("plainfilm.notebook", "show"),
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, imported when first used so that `import plainfilm` stays light."""
    if name not in _PLACES:
        raise AttributeError(f"module 'plainfilm' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
