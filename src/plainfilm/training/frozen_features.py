"""Films through a frozen encoder once: what it makes of them is kept, and training reads that.

Where films are not augmented (`data.augment: false`) and the image part is wholly frozen
(`parts.image.freeze: true`), every epoch would compute the same features again. They are computed once for
each film of the splits that are read, in evaluation mode, which frozen parts are in anyway, and kept beside
the decoded pixels (`batches.feature_cache`). Films are encoded in blocks of the size in which they would pass
through the encoder in training. A fraction of the patients reads from the features of all of them, so that
all fractions and repeats have one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray
from torch import Tensor, nn

from plainfilm import __version__
from plainfilm.batches.feature_cache import FeatureCache, build_cache, digest_of, open_cache
from plainfilm.batches.loader import ahead
from plainfilm.batches.pixel_cache import PixelSource
from plainfilm.batches.resizing import resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.collection import Collection
from plainfilm.evaluators.base import evaluator
from plainfilm.models.base import Model, kind
from plainfilm.nn.base import ImageFeatures
from plainfilm.objectives.base import objective
from plainfilm.progress import Progress
from plainfilm.training.data import Data, cache_folders, decoded, loading_threads
from plainfilm.training.machine import DeviceConfig
from plainfilm.training.recipe import Recipe
from plainfilm.training.setup import Setup
from plainfilm.training.state import seeded_torch

Turns = Callable[[], AbstractContextManager]
"""Makes a context that one process of each machine enters first."""


def keep_features(setup: Setup, data: Data, turns: Turns, progress: Progress) -> Setup:
    """The same run, its items with features in place of pixels where the recipe allows it.

    Raises:
        DataError: no room for the features.
    """
    if not setup.recipe.keeps_features:
        return setup
    probed = _probe(setup)
    if probed is None:
        progress.log("features of films are not kept: they pass through what is trained or drawn at random")
        with turns():
            pixels = [decoded(setup.recipe, one, data.cache, progress) for one in setup.collections]
        return _reading(setup, pixels, None)
    encoder = broadcast_object_list([probed], from_process=0)[0]
    whole = _reads_patches(setup.recipe)
    with turns():
        caches = [
            _cache(setup, data, number, f"{encoder} patches {whole}", whole, progress)
            for number in range(len(setup.collections))
        ]
    return _reading(setup, data.pixels, caches)


def _reading(setup: Setup, pixels: Sequence[PixelSource], features: Sequence[FeatureCache] | None) -> Setup:
    dataset = setup.loader.dataset.reading(pixels, features)
    found = replace(setup, loader=replace(setup.loader, dataset=dataset))
    if setup.validator is None:
        return found
    loader = setup.validator.loader
    loader = replace(loader, dataset=loader.dataset.reading(pixels, features))
    return replace(found, validator=replace(setup.validator, loader=loader))


def _reads_patches(recipe: Recipe) -> bool:
    """Whether anything may ask for the patches of films; a file that does not says `PATCHES = False`."""
    modules = [kind(recipe.model["use"]), *(objective(one["use"]) for one in recipe.objectives)]
    modules += [evaluator(str(settings.model_dump()["use"])) for _, settings in recipe.evaluators()]
    return any(getattr(module, "PATCHES", True) for module in modules)


def _probe(setup: Setup) -> str | None:
    """A digest of how the model encodes films, or `None` where training changes that.

    It is made of all weights that are involved and of the features of two films of noise, so that other code
    or another machine, where they matter, are another encoder.
    """
    model, machine, shape = setup.model, setup.machine, setup.recipe.preprocessing
    draw = torch.Generator().manual_seed(0)
    films = torch.randn(2, shape.channels, shape.size, shape.size, generator=draw).to(machine.device)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    called: set[int] = set()
    hooks = [
        module.register_forward_pre_hook(lambda module, _: called.add(id(module)))
        for module in model.modules()
    ]
    try:
        with seeded_torch("features of films"):
            model.eval()
            features = _features(model, machine, films)
            model.train()
            in_training = _features(model, machine, films)
    finally:
        for hook in hooks:
            hook.remove()
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    if any(value.requires_grad for value in (features.pooled, features.patches)):
        return None
    pairs = zip((features.pooled, features.patches), (in_training.pooled, in_training.patches), strict=True)
    if not all(torch.equal(one, other) for one, other in pairs):
        return None
    state = {"pooled": features.pooled, "patches": features.patches} | _involved(model, called)
    return _digest(state)


def _involved(model: Model, called: set[int]) -> dict[str, Tensor]:
    """The state of every part of which a module was called, and what belongs to no part and is not
    trained."""
    parts = {name: part for name, part in model.parts().items() if _was_called(part, called)}
    state = {
        f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
    }
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return state | {key: value for key, value in model.other_state().items() if key not in trained}


def _was_called(part: nn.Module, called: set[int]) -> bool:
    return any(id(module) in called for module in part.modules())


def _digest(state: dict[str, Tensor]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name, value in sorted(state.items()):
        plain = value.detach().cpu().contiguous()
        found.update(f"{name} {plain.dtype} {tuple(plain.shape)}".encode())
        found.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _features(model: Model, machine: DeviceConfig, films: Tensor) -> ImageFeatures:
    with machine.autocast():
        features: ImageFeatures = model("film_features", films)
    return features


def _cache(
    setup: Setup, data: Data, number: int, encoder: str, whole: bool, progress: Progress
) -> FeatureCache:
    """The features of the films of the collection with this number, computed where they are not there yet."""
    collection, films = setup.collections[number], data.films[number]
    digests = collection.table("images")["sha256"].take(films).to_pylist()
    recipe, machine = setup.recipe, setup.machine
    facts = [recipe.preprocessing.model_dump_json(), recipe.data.cache, _block(recipe), __version__]
    digest = digest_of(digests, encoder, machine.precision, machine.memory_format, *facts)
    folders = cache_folders(collection, data.cache)
    found = open_cache(digest, films, folders)
    if found is not None:
        return found
    encoding = _Encoding(setup, data.pixels[number], whole)
    blocks = progress.track(encoding.blocks(films), -(-len(films) // encoding.size), _named(collection))
    return build_cache(digest, films, folders, encoding.example(), blocks)


def _named(collection: Collection) -> str:
    return f"features of {collection.name}"


def _block(recipe: Recipe) -> int:
    return recipe.training.sub_batch_size or recipe.training.batch_size


class _Encoding:
    """Encodes films of one collection in blocks that are all of one size."""

    def __init__(self, setup: Setup, pixels: PixelSource, whole: bool) -> None:
        self.size = _block(setup.recipe)
        self._setup = setup
        self._pixels = pixels
        self._whole = whole

    def example(self) -> ImageFeatures:
        """The features of films that are black all over."""
        shape = self._setup.recipe.preprocessing
        return self._encoded(np.zeros((self.size, shape.size, shape.size), dtype=np.uint8))

    def blocks(self, films: NDArray[np.int64]) -> Generator[tuple[slice, ImageFeatures], None, None]:
        """The features of `films`, and which of them they are of."""
        starts = range(0, len(films), self.size)

        def squares(start: int) -> NDArray:
            # The last block is filled up: how films are encoded may depend on how many there are.
            rows = np.resize(films[start : start + self.size], self.size)
            shape = self._setup.recipe.preprocessing
            return np.stack([resize_to(self._pixels.film(int(row)), shape) for row in rows])

        made = ahead(squares, starts, loading_threads(self._setup.recipe))
        for start, block in zip(starts, made, strict=True):
            features, count = self._encoded(block), min(self.size, len(films) - start)
            kept = ImageFeatures(features.pooled[:count], features.patches[:count])
            yield slice(start, start + count), kept

    def _encoded(self, squares: NDArray) -> ImageFeatures:
        model, machine = self._setup.model, self._setup.machine
        films = to_tensor(squares, self._setup.recipe.preprocessing).to(machine.device)
        model.eval()
        try:
            with torch.no_grad():
                features = _features(model, machine, films)
        finally:
            model.train()
        return features if self._whole else ImageFeatures(features.pooled, features.patches[:, :0])
