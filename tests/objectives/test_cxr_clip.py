"""CXR-CLIP's loss against an independent statement of its formulas in NumPy, and what each option does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from plainfilm.batches.batch import Keys
from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.models.base import unit_vectors
from plainfilm.objectives import cxr_clip, infonce
from plainfilm.objectives.base import Encoded
from plainfilm.training.step import train_step
from tests.toys import alone, gradients, toy_batch_for, toy_model

ROWS, SCALE = 6, 1 / 0.07
PLAIN = {"multi_view": 0.0, "image": 0.0, "text": 0.0, "pair": 1.0}


def _features(seed: int = 0, rows: int = ROWS) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: unit_vectors(torch.randn(rows, 2, 8, generator=generator, dtype=torch.float64))  # noqa: E731
    return {"images": draw(), "texts": draw()}


def _keys(study: list[int] | None = None, text: list[list[int]] | None = None, rows: int = ROWS) -> Keys:
    texts = text or [[2 * row, 2 * row + 1] for row in range(rows)]
    return Keys(torch.tensor(study or list(range(rows))), torch.tensor(texts), torch.arange(rows))


def _loss(features: dict[str, torch.Tensor], keys: Keys, training: bool = True, **options: Any) -> float:
    model = toy_model().double()
    built = cxr_clip.build(cxr_clip.Config(**options), model).double().train(training)
    with torch.no_grad():
        model.log_scale.fill_(np.log(SCALE))
        return float(built.loss(model, features, {}, keys).total)


def _cross_entropy(a: np.ndarray, b: np.ndarray, smoothing: float = 0.0) -> float:
    """CE(a, B) of the published formula: every row of `a` against all rows of `b`, its own the right one."""
    losses = []
    for i in range(len(a)):
        logits = SCALE * b @ a[i]
        log_probabilities = logits - np.log(np.exp(logits).sum())
        target = np.full(len(a), smoothing / len(a))
        target[i] += 1 - smoothing
        losses.append(-(target * log_probabilities).sum())
    return float(np.mean(losses))


def _by_hand(
    features: dict[str, torch.Tensor], image: float = 1.0, text: float = 0.5, smoothing: float = 0.0
) -> float:
    i1, i2 = features["images"].numpy().transpose(1, 0, 2)
    t1, t2 = features["texts"].numpy().transpose(1, 0, 2)
    ce = _cross_entropy
    views = [(i, t) for i in (i1, i2) for t in (t1, t2)]
    to_text = sum(ce(i, t, smoothing) for i, t in views) / 4
    to_image = sum(ce(t, i, smoothing) for i, t in views) / 4
    mvs = (to_text + to_image) / 2
    icl = (ce(i1, i2) + ce(i2, i1)) / 2
    tcl = (ce(t1, t2) + ce(t2, t1)) / 2
    return mvs + image * icl + text * tcl


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_published_formula(seed: int) -> None:
    features = _features(seed)
    assert _loss(features, _keys()) == pytest.approx(_by_hand(features), abs=1e-9)


def test_weights_are_those_of_the_parts() -> None:
    features = _features()
    assert _loss(features, _keys(), image=0.3, text=2.0) == pytest.approx(
        _by_hand(features, 0.3, 2.0), abs=1e-9
    )


def test_smoothing_is_of_the_multi_view_part_in_training_alone() -> None:
    features = _features()
    smoothed = _by_hand(features, smoothing=0.1)
    assert _loss(features, _keys(), label_smoothing=0.1) == pytest.approx(smoothed, abs=1e-9)
    assert _loss(features, _keys(), False, label_smoothing=0.1) == pytest.approx(_by_hand(features), abs=1e-9)


def test_a_pair_alone_is_clip() -> None:
    features, keys = _features(), _keys()
    first = {name: value[:, 0] for name, value in features.items()}
    clip = infonce.build(infonce.Config(), toy_model().double())
    expected = clip.loss(toy_model().double(), first, {}, keys).total
    assert _loss(features, keys, **PLAIN) == pytest.approx(float(expected.detach()), abs=1e-6)


def test_items_that_share_a_study_or_any_text_are_left_out() -> None:
    study = [0, 0, 2, 3, 4, 5]
    text = [[0, 1], [2, 3], [4, 5], [6, 4], [8, 9], [10, 10]]
    ignored = cxr_clip.false_negative_mask(_keys(study, text), cxr_clip.Config())
    assert ignored.nonzero().tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]


def test_left_out_items_change_nothing() -> None:
    features = _features()
    keys = _keys(study=[0, 1, 2, 3, 4, 4])
    moved = {name: value.clone() for name, value in features.items()}
    restored = _loss(features, keys, same_study_negatives=True)
    assert restored == pytest.approx(_by_hand(features), abs=1e-9)
    five = _loss({n: v[:5] for n, v in features.items()}, _keys(rows=5), **PLAIN) * 5
    last = _loss({n: v[[0, 1, 2, 3, 5]] for n, v in moved.items()}, _keys(rows=5), **PLAIN) * 5
    both = _loss(features, keys, **PLAIN) * 6
    assert both < five + last  # neither of the two of one study is the other's rival


def test_smoothing_spreads_over_those_that_are_not_left_out() -> None:
    logits = torch.randn(3, 3, dtype=torch.float64)
    ignored = torch.zeros(3, 3, dtype=torch.bool)
    ignored[0, 1] = ignored[1, 0] = True
    terms = []
    for table in (logits.numpy(), logits.numpy().T):
        for i in range(3):
            kept = [j for j in range(3) if not ignored[i, j]]
            p = np.log(np.exp(table[i][kept]) / np.exp(table[i][kept]).sum())
            terms.append(-(0.8 * p[kept.index(i)] + 0.2 * p.mean()))
    found = cxr_clip.softmax_contrast(logits, ignored, 0.2)
    assert float(found) == pytest.approx(float(np.mean(terms)), abs=1e-12)


def test_the_sigmoid_form_is_siglips() -> None:
    features, bias = _features(), -10.0
    i1, t1 = (features[name][:, 0].numpy() for name in ("images", "texts"))
    logits = SCALE * i1 @ t1.T + bias
    signs = 2 * np.eye(ROWS) - 1
    expected = np.log1p(np.exp(-signs * logits)).sum() / ROWS
    assert _loss(features, _keys(), contrast="sigmoid", **PLAIN) == pytest.approx(expected, abs=1e-9)


def test_the_sigmoid_form_leaves_out_the_same_items() -> None:
    logits = torch.zeros(2, 2)
    none, pair = torch.zeros(2, 2, dtype=torch.bool), torch.tensor([[False, True], [True, False]])
    assert float(cxr_clip.sigmoid_contrast(logits, none)) == pytest.approx(2 * np.log(2))
    assert float(cxr_clip.sigmoid_contrast(logits, pair)) == pytest.approx(np.log(2))


def test_the_biases_are_trained_with_the_model() -> None:
    model = toy_model()
    built = cxr_clip.build(cxr_clip.Config(contrast="sigmoid"), model)
    batch = toy_batch_for("cxr_clip")
    train_step(model, alone(built, cxr_clip.NEEDS), [batch], seed=0, step=0, sub_batch_size=3)
    assert bool((gradients(built)["biases"] != 0).all())


def test_only_the_parts_with_a_weight_are_encoded_and_logged() -> None:
    model = toy_model().eval()
    built = cxr_clip.build(cxr_clip.Config(**PLAIN | {"text": 0.5}), model)
    batch = toy_batch_for("cxr_clip")
    features = built.encode(Encoded(model, batch))
    assert (features["images"].shape[1], features["texts"].shape[1]) == (1, 2)
    assert built.loss(model, features, {}, batch.keys).parts.keys() == {"text", "pair", "accuracy", "scale"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PLAIN | {"pair": 0}, "nothing would be learned"),
        ({"contrast": "sigmoid", "label_smoothing": 0.1}, "for contrast: softmax"),
        ({"image": -1}, "'image' is -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(cxr_clip.Config, options, "objective")


@pytest.mark.parametrize("contrast", ["softmax", "sigmoid"])
def test_items_that_say_the_same_labels_are_negatives_until_told_otherwise(contrast: str) -> None:
    features, said = _features(), [0, 0, *range(2, ROWS)]
    keys = replace(_keys(), labels=torch.tensor(said))
    plain = _loss(features, _keys(), contrast=contrast)
    assert _loss(features, keys, contrast=contrast) == plain
    off = {"contrast": contrast, "same_label_negatives": False}
    assert _loss(features, keys, **off) == _loss(features, _keys(study=said), contrast=contrast) != plain
    assert _loss(features, _keys(), **off) == plain
