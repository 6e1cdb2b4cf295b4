"""Published checkpoints of other systems as model folders, one file per family: its name is the family's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plainfilm.checkpoints.base import Imported, family, licence_of
from plainfilm.config import build
from plainfilm.errors import UsageError
from plainfilm.io.locks import is_taken, writing
from plainfilm.model_folder import save_model

__all__ = ["Imported", "import_checkpoint"]


def import_checkpoint(
    family_name: str,
    checkpoint: Path,
    out: Path,
    options: Mapping[str, Any] | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Imported:
    """Writes the model of a published checkpoint to the folder `out`, which is new or empty.

    `say` gets the licence of the weights in a line, before anything is written.

    Raises:
        ConfigError: an unknown family or option.
        UsageError: `out` is not an empty folder, or is being written by another process.
        ModelError: not a checkpoint of this family, a damaged one, or one that leaves a question open.
    """
    chosen = family(family_name)
    config = build(chosen.Config, options or {}, f"options of {family_name}")
    with writing(out):
        if is_taken(out):
            raise UsageError(
                f"{out}: exists and is not an empty folder; choose another --out or remove it first"
            )
        imported = chosen.read(checkpoint, config)
        licence = licence_of(chosen)
        say(f"licence of the weights of {family_name}: {licence}")
        imported.config.recipe.setdefault("imported", {})["licence"] = licence
        save_model(out, imported.model, imported.tokenizers, imported.config, imported.patients)
    return imported
