"""Plainfilm: vision-language learning on chest radiographs."""

from __future__ import annotations

__version__ = "0.1.0"
