"""Prompts, boxes and texts of a slice through a region model.

Every distinct text is encoded once and without dropout, so that it is the same in every slice, and many
prompts cost little. Axes: B items, E entries of all items, D features, L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from plainfilm.batches.region_texts import RegionTarget
from plainfilm.errors import UsageError
from plainfilm.models.base import unit_vectors
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.row_dropout import dropout_entries
from plainfilm.objectives.base import Encoded


def region_model(use: str, model: nn.Module, method: str) -> Any:
    """`model`, if it has `method`.

    Raises:
        UsageError: it does not.
    """
    if hasattr(model, method):
        return model
    lacks = {
        "detect": "does not detect boxes: use model region",
        "sentence_logits": "writes no sentences: use model region with model.sentence set",
    }
    raise UsageError(f"{use}: the model {lacks.get(method, lacks['detect'])}")


def texts(encoded: Encoded, token_ids: Tensor, token_mask: Tensor, form: str = "encode_texts") -> Tensor:
    """Vectors (E, D) of texts (E, L) as the model's method `form` gives them: "encode_texts" or
    "prompt_vectors". All objectives share the encoding of each distinct text."""
    if not len(token_ids):
        return torch.zeros(0, _model(encoded).dimension, device=token_ids.device)
    vectors = encoded.once("texts", lambda: _Texts(encoded.model)).vectors(token_ids, token_mask)
    shaped: Tensor = unit_vectors(vectors) if form == "encode_texts" else _model(encoded).as_prompts(vectors)
    return shaped


class _Texts:
    """The texts of a slice that were encoded so far, each distinct one once."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._places: dict[bytes, int] = {}
        self._encoded: list[Tensor] = []

    def vectors(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Vectors (E, D) of any length of texts (E, L)."""
        rows = zip(token_ids.cpu().numpy(), token_mask.cpu().numpy(), strict=True)
        keys = [ids[mask].tobytes() for ids, mask in rows]
        new = {key: row for row, key in enumerate(keys) if key not in self._places}
        if new:
            self._places |= {key: len(self._places) + place for place, key in enumerate(new)}
            chosen = torch.tensor(list(new.values()), device=token_ids.device)
            with _without_dropout(self._model):
                self._encoded.append(self._model("text_vectors", token_ids[chosen], token_mask[chosen]))
        places = torch.tensor([self._places[key] for key in keys], device=token_ids.device)
        return torch.cat(self._encoded)[places]


def _model(encoded: Encoded) -> Any:
    return encoded.model


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    own: Any = model
    parts = [own.text, own.text_projection]
    training = [module for part in parts for module in part.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def shown(encoded: Encoded) -> Any:
    """What prompts and boxes read of the films of a slice, for all objectives."""
    return encoded.once("shown", lambda: encoded.model("shown", encoded.films(1)))


def prompted(encoded: Encoded, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (E, R, 4), logits (E, R) that each is there and refined features (E, D) of the prompts of target
    `name`."""

    def make() -> tuple[Tensor, Tensor, Tensor]:
        target = encoded.batch.targets[name]
        vectors = texts(encoded, target.token_ids, target.token_mask, "prompt_vectors")
        return detected(encoded, target.of, vectors)

    return encoded.once(("prompted", name), make)


def detected(encoded: Encoded, of: Ragged, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (E, R, 4), logits (E, R) and refined features (E, D) of prompts with `vectors` (E, D)."""
    if not len(vectors):
        empty = nothing(encoded).expand(0, _model(encoded).config.detector.regions)
        return empty[..., None].expand(-1, -1, 4), empty, vectors + nothing(encoded)
    with _asked(encoded, of) as (films, own):
        prompts, mask = own.padded(vectors)
        found, logits, refined = encoded.model("prompt_answers", films, prompts)
    return found.boxes[mask], logits[mask], refined[mask]


@contextmanager
def _asked(encoded: Encoded, of: Ragged) -> Iterator[tuple[Any, Ragged]]:
    """The films that have any of the entries of `of`, and the entries of each of these; dropout is drawn as
    if all films passed."""
    is_asked = of.counts > 0
    films = shown(encoded)
    if bool(is_asked.all()):
        yield films, of
        return
    rows = is_asked.nonzero().flatten()
    some = films.part(rows)
    with dropout_entries(Ragged(is_asked.long())):
        yield some, Ragged(of.counts[rows])


def regions(encoded: Encoded, name: str, boxes: bool) -> Tensor:
    """Refined features (E, D) of the regions of target `name`: asked with their prompt, or with `boxes` the
    drawn half of them with their box."""

    def make() -> Tensor:
        target: RegionTarget = encoded.batch.targets[name]
        by_box = target.by_box if boxes else torch.zeros_like(target.by_box)
        both = torch.zeros(len(by_box), _model(encoded).dimension, device=by_box.device)
        if not bool(by_box.all()):
            words = target.token_ids[~by_box], target.token_mask[~by_box]
            vectors = texts(encoded, *words, "prompt_vectors")
            found = detected(encoded, _part(target.of, ~by_box), vectors)[2]
            both = both.to(found.dtype).index_put((~by_box,), found)
        if bool(by_box.any()):
            with _asked(encoded, _part(target.of, by_box)) as (films, of):
                padded, mask = of.padded(target.boxes[by_box])
                found = encoded.model("box_answers", films, padded)[mask]
            both = both.to(found.dtype).index_put((by_box,), found)
        return both

    return encoded.once(("regions", name, boxes), make)


def _part(of: Ragged, kept: Tensor) -> Ragged:
    """The assignment of the entries where `kept` (E,) is True."""
    return Ragged(torch.zeros_like(of.counts).index_add(0, of.item, kept.to(of.counts.dtype)))


def nothing(encoded: Encoded) -> Tensor:
    """Zero, as a function of the films of a slice."""
    zero: Tensor = encoded.films(1).patches.sum() * 0.0
    return zero


def of_present(target: Any) -> Tensor:
    """(E,) bool: the entries of items that have the target."""
    present: Tensor = target.present[target.of.item]
    return present
