"""recall@K of a split, against sorting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.evaluators import recall
from plainfilm.evaluators.base import EvaluatorContext, evaluator_config, provider
from plainfilm.models.base import unit_vectors
from plainfilm.objectives.base import Encoded
from tests.toys import toy_batch, toy_model


def _evaluator(*at: int) -> recall.Recall:
    return recall.build(recall.Config(at=at), EvaluatorContext())


def _records(count: int, studies: int, texts: int) -> list[tuple]:
    draw = torch.Generator().manual_seed(0)
    images, words = (unit_vectors(torch.randn(count, 8, generator=draw)).numpy() for _ in range(2))
    keys = np.random.default_rng(0)
    return [(images[n], words[n], keys.integers(studies), keys.integers(texts)) for n in range(count)]


@pytest.mark.parametrize(("studies", "texts"), [(10**9, 10**9), (20, 10**9), (10**9, 12)])
@pytest.mark.parametrize("block", [512, 7])
def test_recall_agrees_with_sorting(
    studies: int, texts: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_BLOCK", block)
    records = _records(40, studies, texts)
    images, words, study, text = (np.stack(column) for column in zip(*records, strict=True))
    order = np.argsort(-(images @ words.T), axis=1, kind="stable")
    right = (study[order] == study[:, None]) | (text[order] == text[:, None])
    expected = {f"recall@{k}": right[:, :k].any(axis=1).mean() for k in (1, 3, 10)}
    assert _evaluator(1, 3, 10).scores(records) == pytest.approx(expected)


@torch.no_grad()
def test_records_are_vectors_and_keys_of_the_items_that_have_a_text() -> None:
    model, batch = toy_model().eval(), toy_batch(4)
    texts = batch.targets["text"]
    missing = replace(texts, present=torch.tensor([True, False, True, True]))
    records = _evaluator(1).records(Encoded(model, replace(batch, targets={"text": missing})))
    assert [one is None for one in records] == [False, True, False, False]
    image, text, study, key = records[2]
    vector = model.encode_images(batch.films.pixels[2:3])[0]
    torch.testing.assert_close(torch.from_numpy(image), vector, atol=1e-5, rtol=1e-4)
    words = model.encode_texts(texts.token_ids[2:3, 0], texts.token_mask[2:3, 0])[0]
    torch.testing.assert_close(torch.from_numpy(text), words, atol=1e-5, rtol=1e-4)
    assert (study, key) == (int(batch.keys.study[2]), int(texts.keys[2, 0]))


def test_nothing_measured_is_no_score() -> None:
    assert _evaluator(1).scores([]) == {}


def test_the_metric_names_its_number() -> None:
    assert provider("recall@7", []) == {"use": "recall", "at": (7,)}
    assert provider("recall@0", []) is None
    module, settings = evaluator_config({"use": "recall", "at": [2, 5]})
    assert module.metrics(settings) == {"recall@2": "higher", "recall@5": "higher"}
    with pytest.raises(ConfigError, match="unknown key 'a': did you mean 'at'"):
        build(recall.Config, {"a": [1]}, "here")
