"""Sentences for states of observations: prompt packs, their check, and a paraphraser."""

from __future__ import annotations

from plainfilm.prompts.pack import PromptPack, Prompts, load_pack
from plainfilm.prompts.pack_file import pack_names

__all__ = ["PromptPack", "Prompts", "load_pack", "pack_names"]
