"""Plainfilm: vision-language learning on chest radiographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plainfilm.io.images import read_image
    from plainfilm.predictor import load

__version__ = "0.1.0"
__all__ = ["__version__", "load", "read_image"]


def __getattr__(name: str) -> Any:
    """`load` and `read_image`, imported when first used so that `import plainfilm` stays light."""
    if name == "load":
        from plainfilm.predictor import load

        return load
    if name == "read_image":
        from plainfilm.io.images import read_image

        return read_image
    raise AttributeError(f"module 'plainfilm' has no attribute '{name}'")
