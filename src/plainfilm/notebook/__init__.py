"""Films in a notebook: `plainfilm.show`."""

from __future__ import annotations

from plainfilm.notebook.picture import Picture, show

__all__ = ["Picture", "show"]
