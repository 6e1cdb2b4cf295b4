"""A small checkpoint of every family, with weights at random below the published names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.checkpoints.clip_tokenizer import clip_tokenizer_folder, gpt2_tokenizer_folder
from tests.checkpoints.families import randomised
from tests.checkpoints.published import vocabulary_folder


@dataclass(frozen=True)
class SmallFile:
    """What `torch.save` writes, and the options of its import."""

    content: Any
    options: dict[str, Any] = field(default_factory=dict)


def _test_of(family: str) -> Any:
    """The tests of a family, which state it by other libraries."""
    return import_module(f"tests.checkpoints.test_{family}")


def _biovil(folder: Path) -> SmallFile:
    return SmallFile(dict(randomised(_test_of("biovil").Images(False), 0.03).state_dict()))


def _of_bert(family: str) -> Callable[[Path], SmallFile]:
    def made(folder: Path) -> SmallFile:
        tests, words = _test_of(family), vocabulary_folder(folder / "words", 40)
        return SmallFile(tests.checkpoint(randomised(tests.Published())), {"tokenizer": str(words)})

    return made


def _medclip(folder: Path) -> SmallFile:
    tests, words = _test_of("medclip"), vocabulary_folder(folder / "words", 40)
    return SmallFile(tests.stored(randomised(tests.Published(True), 0.05)), {"tokenizer": str(words)})


def _chex(folder: Path) -> SmallFile:
    published = import_module("tests.checkpoints.published_chex")
    words, sentences = folder / "prompts", folder / "sentences"
    tensors = published.stage3(clip_tokenizer_folder(words), gpt2_tokenizer_folder(sentences))
    content = torch.load(published.save(tensors, folder / "chex.pth", None), weights_only=False)
    return SmallFile(content, {"tokenizer": str(words), "sentence_tokenizer": str(sentences)})


def _chexzero(folder: Path) -> SmallFile:
    tests, words = _test_of("chexzero"), folder / "words"
    tensors = tests.openai_names(tests.reference(clip_tokenizer_folder(words)))
    return SmallFile(tensors, {"tokenizer": str(words)})


def _cxr_clip(folder: Path) -> SmallFile:
    published = import_module("tests.checkpoints.published")
    words = vocabulary_folder(folder / "words")
    path = published.save(published.published(encoder="swin"), folder / "swint.tar")
    content = torch.load(path, weights_only=False)
    return SmallFile(content, {"tokenizer": str(words), "pooling": "average"})


def _eva_x(folder: Path) -> SmallFile:
    return SmallFile({"model_ema": {"module": _test_of("eva_x").published(False)}})


def _open_clip(folder: Path) -> SmallFile:
    case = _test_of("open_clip").Case("clip", folder / "hub")
    settings = folder / "hub" / "open_clip_config.json"
    return SmallFile(case.tensors, case.options | {"config": str(settings)})


def _rad_dino(folder: Path) -> SmallFile:
    _test_of("rad_dino").dinov2().save_pretrained(folder / "hub")
    return SmallFile(load_file(folder / "hub" / "model.safetensors"))


def _refers(folder: Path) -> SmallFile:
    published = import_module("tests.checkpoints.published_refers")
    return SmallFile(published.as_torch(published.drawn(published.image_shapes("transformer."))))


def _torchxrayvision(folder: Path) -> SmallFile:
    library = import_module("torchxrayvision")
    return SmallFile(randomised(library.models.DenseNet(), 0.05))


SMALL_FILES: dict[str, Callable[[Path], SmallFile]] = {
    "biovil": _biovil,
    "carzero": _of_bert("carzero"),
    "chex": _chex,
    "chexzero": _chexzero,
    "cxr_clip": _cxr_clip,
    "eva_x": _eva_x,
    "gloria": _of_bert("gloria"),
    "medclip": _medclip,
    "open_clip": _open_clip,
    "rad_dino": _rad_dino,
    "refers": _refers,
    "torchxrayvision": _torchxrayvision,
}
