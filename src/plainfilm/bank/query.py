"""Queries a bank, for `plainfilm retrieve` and the server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from plainfilm.bank.bank import Bank
from plainfilm.bank.selection import SelectionConfig, answer
from plainfilm.errors import ModelError, UsageError
from plainfilm.predictor.documents import rounded

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor
    from plainfilm.predictor.films import FilmLike

_COLUMNS = ("kind", "study_id", "text", "image", "count")
"""What an answer says of an item."""


def ask(
    predictor: Predictor,
    bank: Bank,
    composition: SelectionConfig,
    *,
    image: FilmLike | None = None,
    text: str | None = None,
) -> dict[str, Any]:
    """The items of `bank` closest to an image or a text, as the JSON document of `plainfilm retrieve`.

    Raises:
        UsageError: neither or both are given, or the text is blank.
        ModelError: the bank was made with another model.
        DataError: its table of items lacks a column.
    """
    made_with = bank.meta.get("model_fingerprint")
    if made_with is not None and made_with != predictor.fingerprint:
        raise ModelError(
            f"{bank.path}: was made with model {bank.meta.get('model')} ({made_with}), not with "
            f"{predictor.name} ({predictor.fingerprint}); their vectors cannot be compared: embed again"
        )
    bank.require_columns(_COLUMNS)
    if (image is None) == (text is None):
        raise UsageError("retrieve: give either a film or a text")
    if image is not None:
        vectors = predictor.encode_images([image])
    elif text is None or not text.strip():
        raise UsageError("retrieve: the text is blank")
    else:
        vectors = predictor.encode_texts([text])
    answers = answer(bank.checked_for(vectors), vectors, composition, bank.search)
    ranked = zip(answers.indices[0], answers.scores[0], strict=True)
    kept = [(int(index), float(score)) for index, score in ranked if index >= 0]
    return {
        "query": {"image": _shown(image)} if image is not None else {"text": text},
        "results": [_result(bank, rank, index, score) for rank, (index, score) in enumerate(kept, 1)],
    }


def _shown(image: FilmLike) -> str:
    return str(image) if isinstance(image, str | os.PathLike) else type(image).__name__


def _result(bank: Bank, rank: int, index: int, score: float) -> dict[str, Any]:
    item = bank.items.iloc[index]
    what = "image" if item["kind"] == "image" else "text"
    return {
        "rank": rank,
        "score": rounded(score),
        "kind": item["kind"],
        what: item[what],
        "study_id": item["study_id"],
        "count": int(item["count"]),
        "labels": bank.labels(index),
    }
