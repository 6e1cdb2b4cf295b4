"""What an evaluation leaves behind: numbers, tables, figures and a page; and how two of them compare."""

from __future__ import annotations

from plainfilm.results.folder import as_document, write

__all__ = ["as_document", "write"]
