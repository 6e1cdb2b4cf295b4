"""Recipes and the one training loop."""

from __future__ import annotations

from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.trainer import train

__all__ = ["Recipe", "load_recipe", "train"]
