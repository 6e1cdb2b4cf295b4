"""InfoNCE against an independent statement in NumPy, and who counts as a negative."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.batches.batch import Keys
from plainfilm.models.base import unit_vectors
from plainfilm.objectives import infonce
from tests.toys import toy_model

SCALE = 1 / 0.07


def _pairs(rows: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: unit_vectors(torch.randn(rows, 8, generator=generator))  # noqa: E731
    return {"images": draw(), "texts": draw()}


def _keys(study: list[int], text: list[int]) -> Keys:
    return Keys(torch.tensor(study), torch.tensor(text)[:, None], torch.arange(len(study)))


def _loss(features: dict[str, torch.Tensor], keys: Keys, **options: bool) -> float:
    model = toy_model()
    built = infonce.build(infonce.Config(**options), model)
    return float(built.loss(model, features, {}, keys).total.detach())


def _by_hand(features: dict[str, torch.Tensor], study: list[int], text: list[int]) -> float:
    images, texts = features["images"].numpy().astype(float), features["texts"].numpy().astype(float)
    terms = []
    for first, second in ((images, texts), (texts, images)):
        for i in range(len(first)):
            rivals = [j for j in range(len(first)) if j == i or (study[j] != study[i] and text[j] != text[i])]
            scores = np.array([SCALE * float(first[i] @ second[j]) for j in rivals])
            terms.append(np.log(np.exp(scores - scores[rivals.index(i)]).sum()))
    return float(np.mean(terms))


def test_different_items_give_the_plain_contrastive_loss() -> None:
    features, study, text = _pairs(6), list(range(6)), list(range(6))
    assert _loss(features, _keys(study, text)) == pytest.approx(_by_hand(features, study, text), abs=1e-5)


@pytest.mark.parametrize(
    ("study", "text"),
    [
        ([0, 0, 1, 2, 3], [0, 1, 2, 3, 4]),
        ([0, 1, 2, 3, 4], [7, 7, 7, 3, 4]),
        ([0, 0, 1, 1, 2], [5, 6, 6, 8, 9]),
    ],
)
def test_same_study_and_same_text_are_no_negatives(study: list[int], text: list[int]) -> None:
    features = _pairs(5)
    assert _loss(features, _keys(study, text)) == pytest.approx(_by_hand(features, study, text), abs=1e-5)


def test_the_options_restore_the_published_loss() -> None:
    features, keys = _pairs(5), _keys([0, 0, 1, 1, 2], [5, 6, 6, 8, 9])
    restored = _loss(features, keys, same_study_negatives=True, same_text_negatives=True)
    assert restored == pytest.approx(_by_hand(features, list(range(5)), list(range(5))), abs=1e-5)


def test_each_option_restores_its_own_kind() -> None:
    features, study, text = _pairs(5), [0, 0, 1, 1, 2], [5, 6, 6, 8, 9]
    different = list(range(5))
    only_text = _loss(features, _keys(study, text), same_study_negatives=True)
    only_study = _loss(features, _keys(study, text), same_text_negatives=True)
    assert only_text == pytest.approx(_by_hand(features, different, text), abs=1e-5)
    assert only_study == pytest.approx(_by_hand(features, study, different), abs=1e-5)


def test_a_batch_of_one_text_has_no_loss() -> None:
    assert _loss(_pairs(4), _keys([0, 1, 2, 3], [1, 1, 1, 1])) == pytest.approx(0.0, abs=1e-6)


def test_matching_pairs_are_found_and_mismatched_ones_are_not() -> None:
    model, vectors = toy_model(), unit_vectors(torch.eye(4))
    built, keys = infonce.build(infonce.Config(), model), _keys([0, 1, 2, 3], [0, 1, 2, 3])
    right = built.loss(model, {"images": vectors, "texts": vectors}, {}, keys)
    wrong = built.loss(model, {"images": vectors, "texts": vectors.roll(1, 0)}, {}, keys)
    assert float(right.parts["accuracy"]) == 1.0
    assert float(wrong.parts["accuracy"]) == 0.0
    assert right.total < wrong.total


@torch.no_grad()
def test_the_temperature_is_brought_back_inside_its_limits() -> None:
    model = toy_model()
    model.log_scale.fill_(9.0)
    infonce.build(infonce.Config(), model).after_step(model)
    assert float(model.scale()) == pytest.approx(100.0, rel=1e-5)
    assert float(model.log_scale) == pytest.approx(np.log(100.0), rel=1e-6)
