"""The contrast of studies with reports: InfoNCE of fused vectors, and the published form in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.errors import UsageError
from plainfilm.objectives import infonce, study_report
from plainfilm.objectives.base import Encoded
from tests.toys import toy_batch, toy_classifier, toy_model, toy_study_encoder


def features(rows: int = 5) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    made = {name: torch.randn(rows, 8, generator=draw) for name in ("studies", "texts")}
    return {
        name: torch.nn.functional.normalize(value, dim=1).requires_grad_() for name, value in made.items()
    }


def test_by_default_it_is_infonce_of_the_fused_vectors() -> None:
    model, batch, values = toy_study_encoder(report=None), toy_batch(5, films="all"), features()
    own = study_report.build(study_report.Config(), model).loss(model, values, {}, batch.keys)
    pairs = {"images": values["studies"], "texts": values["texts"]}
    other = infonce.build(infonce.Config(), model).loss(model, pairs, {}, batch.keys)
    torch.testing.assert_close(own.total, other.total)
    assert own.parts.keys() == other.parts.keys()


def test_the_published_form_has_two_weights_and_one_gradient() -> None:
    model = toy_study_encoder(report=None, temperature=0.1, learn_temperature=False)
    values, batch = features(), toy_batch(5, films="all")
    config = study_report.Config(
        weight_of_studies=0.75, text_gradient=False, same_study_negatives=True, same_text_negatives=True
    )
    report = study_report.build(config, model).loss(model, values, {}, batch.keys)
    studies, texts = (values[name].detach().numpy().astype(np.float64) for name in ("studies", "texts"))
    logits = studies @ texts.T / 0.1
    chances = [np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in (logits, logits.T)]
    from_studies, from_texts = (-np.log(np.diag(one)).mean() for one in chances)
    assert report.total.item() == pytest.approx(0.75 * from_studies + 0.25 * from_texts, abs=1e-5)
    [gradient] = torch.autograd.grad(report.total, [values["texts"]])
    expected = 0.75 / 0.1 / 5 * (chances[0] - np.eye(5)).T @ studies
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-5)


@torch.no_grad()
def test_every_film_of_a_study_is_read() -> None:
    model, batch = toy_study_encoder(report=None).eval(), toy_batch(3, films="all")
    built = study_report.build(study_report.Config(), model)
    before = built.encode(Encoded(model, batch))["studies"]
    last = batch.films.of.starts[-1] + batch.films.of.counts[-1] - 1
    batch.films.pixels[last] += 1.0
    after = built.encode(Encoded(model, batch))["studies"]
    torch.testing.assert_close(after[:2], before[:2])
    assert not torch.allclose(after[2], before[2])


@pytest.mark.parametrize("model", [toy_model, toy_classifier])
def test_a_model_of_single_films_is_refused(model: object) -> None:
    with pytest.raises(UsageError, match="use model study_encoder"):
        study_report.build(study_report.Config(), model())
