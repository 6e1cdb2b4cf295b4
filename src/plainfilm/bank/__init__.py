"""Banks: searchable sets of embeddings with their origin."""

from __future__ import annotations

from plainfilm.bank.bank import Bank
from plainfilm.bank.build import build_bank

__all__ = ["Bank", "build_bank"]
