"""A font that has the characters of a text: the one that comes along, or else one of the system.

DejaVu Sans has Latin, Greek and Cyrillic letters. Fonts of Chinese characters have 5 MB and more and none
comes along; where the system has none either, characters that cannot be drawn are replaced and counted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ImageFont

from plainfilm.dicom_output.source_film import EXTRA, PURPOSE
from plainfilm.io.optional import optional_import

REPLACEMENT = "\ufffd"
"""Stands for a character that no font here has."""
_ENDINGS = (".ttf", ".otf", ".ttc")
_MOST_FACES = 12
_TRADITIONAL = (" TC", " HK", " TW")
"""How the names of faces end that draw Chinese characters as they are written in Taiwan and Hong Kong."""


@dataclass(frozen=True)
class FittingFont:
    """A file of a font, its face, and the characters that it has not."""

    path: Path
    face: int
    missing: frozenset[str]

    def of_size(self, size: int) -> Any:
        """The font for drawing, `size` pixels high."""
        return ImageFont.truetype(str(self.path), size, index=self.face)

    def drawable(self, text: str) -> str:
        """The text with each character that the font has not replaced."""
        return "".join(REPLACEMENT if one in self.missing else one for one in text)


def fitting_font(texts: Iterable[str]) -> FittingFont:
    """The font for texts: that of the package where it has every character, else the one of the system that
    lacks the fewest."""
    needed = {one for text in texts for one in text if not one.isspace()}
    best = FittingFont(_own(), 0, _missing(_own(), needed))
    if not best.missing:
        return best
    for path in _of_system():
        missing = _missing(path, needed)
        if len(missing) < len(best.missing):
            best = FittingFont(path, _face(path), missing)
        if not missing:
            break
    return best


@functools.cache
def _own() -> Path:
    """DejaVu Sans, which matplotlib brings."""
    return Path(
        optional_import("matplotlib", EXTRA, PURPOSE).get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"
    )


@functools.cache
def _of_system() -> tuple[Path, ...]:
    """The fonts of the system, upright ones without serifs and of normal weight first."""
    manager = optional_import("matplotlib.font_manager", EXTRA, PURPOSE)
    found = (Path(path) for path in manager.findSystemFonts())

    def order(path: Path) -> tuple[bool, bool, bool, str]:
        name = path.stem.lower()
        is_odd = any(word in name for word in ("bold", "black", "light", "thin", "italic", "oblique", "mono"))
        return "cjk" not in name, "serif" in name, is_odd, name

    return tuple(sorted((path for path in found if path.suffix.lower() in _ENDINGS), key=order))


@functools.cache
def _characters(path: Path) -> frozenset[int]:
    """The characters of the first face of a font; none where it cannot be read."""
    try:
        return frozenset(
            optional_import("matplotlib.ft2font", EXTRA, PURPOSE).FT2Font(str(path)).get_charmap()
        )
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _missing(path: Path, needed: Iterable[str]) -> frozenset[str]:
    known = _characters(path)
    return frozenset(one for one in needed if ord(one) not in known)


def _face(path: Path) -> int:
    """The face of a collection that draws Chinese characters as in Taiwan, else the first."""
    for face in range(_MOST_FACES if path.suffix.lower() == ".ttc" else 1):
        try:
            family = ImageFont.truetype(str(path), 10, index=face).getname()[0] or ""
        except OSError:
            break
        if family.endswith(_TRADITIONAL) and "Mono" not in family:
            return face
    return 0
