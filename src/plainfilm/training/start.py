"""What a run may start from: the image encoder of a model, with all that belongs to it.

How films are pooled, sized and normalised comes with the weights and never from a recipe: the same weights
behind another pooling or other statistics load without a word and give wrong features. What is not taken:
texts, projections, heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from plainfilm.errors import ConfigError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.nn.model import Model
from plainfilm.nn.model_folder import PatientKeys, TrainingCollection, load_model
from plainfilm.nn.packaged_weights import load_strictly
from plainfilm.training.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class Start:
    """An image encoder: its settings and weights, how it wants films, and what it was trained on.

    patients: whom it was trained on, if known.
    """

    name: str
    fingerprint: str
    image: Mapping[str, Any]
    preprocessing: Preprocessing
    weights: Mapping[str, Tensor]
    collections: tuple[TrainingCollection, ...]
    patients: PatientKeys | None

    def give(self, model: Model) -> None:
        """Copies the weights into the image encoder of `model`.

        Raises:
            ModelError: a tensor that is missing, unexpected or of another shape.
        """
        load_strictly(model.image, self.weights, f"image encoder of {self.name}")

    def values(self) -> dict[str, Any]:
        """What it decides of a recipe."""
        own = self.preprocessing.model_copy(update={"read_side": None}).model_dump(mode="json")
        return {"image": dict(self.image), "preprocessing": own, "init": self.fingerprint}

    def recipe(self, name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
        """A recipe (`recipe.load_recipe`) that starts from here.

        Raises:
            ConfigError: something in it is wrong, or contradicts what the weights need.
        """
        side = self.preprocessing.read_side
        cache = {} if side is None else {"data": {"cache": side}}
        recipe = load_recipe(name_or_path, overrides, {**self.values(), **cache})
        self.check(recipe)
        return recipe

    def check(self, recipe: Recipe) -> None:
        """Checks that nothing in `recipe` contradicts it.

        Raises:
            ConfigError: something does.
        """
        for key, own in self.values().items():
            stated = recipe.as_dict()[key]
            if stated != own:
                raise ConfigError(
                    f"'{key}' is {stated}, but {self.name} has {own}: it comes with the weights of --init, "
                    "leave it out"
                )
        side = self.preprocessing.read_side
        if side is not None and recipe.data.cache != side:
            raise ConfigError(
                f"'data.cache' is {recipe.data.cache}, but {self.name} reads films at {side} px: set "
                f"data.cache={side}, or leave it out"
            )


def read_start(folder: Path, trust_code: bool = False) -> Start:
    """The start that the model in `folder` gives, a dual encoder or a classifier.

    Raises:
        ModelError: not a model folder, or one that is damaged.
    """
    loaded = load_model(folder, trust_code)
    return Start(
        name=str(folder),
        fingerprint=loaded.config.fingerprint,
        image=loaded.model.rebuilt_from().image,
        preprocessing=loaded.config.preprocessing,
        weights=loaded.model.image.state_dict(),
        collections=loaded.config.collections,
        patients=loaded.patients,
    )
