"""Writes, draws and compares the results of an evaluation."""

from __future__ import annotations

from plainfilm.results.folder import as_document, write

__all__ = ["as_document", "write"]
