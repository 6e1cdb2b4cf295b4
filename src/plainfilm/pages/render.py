"""Renders templates. All values are escaped; a missing value is an error, not a blank."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainfilm.pages.colours import BOXES

if TYPE_CHECKING:
    from jinja2 import Environment

_ROOT = Path(__file__).resolve().parents[1]


def render(template: str, **values: Any) -> str:
    """The page of `template`, a path below the package such as "results/page.html", filled with `values`."""
    return _environment().get_template(template).render(**values)


def data_uri(data: bytes, kind: str) -> str:
    """An image (`kind` "png" or "jpeg") as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ROOT),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["BOX_COLOURS"] = BOXES
    return environment
