"""The teacher, the transport in the right sign, and the plain form, against independent statements."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from plainfilm.models.base import unit_vectors
from plainfilm.objectives import infonce, self_distillation
from plainfilm.objectives.base import Encoded
from plainfilm.objectives.self_distillation import divergence, follow, log_sinkhorn
from plainfilm.training.step import train_step
from tests.toys import CNN, alone, toy_batch, toy_model


def _scores(rows: int = 8, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, rows, generator=generator) * 6 - 3


def _aligned(rows: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = unit_vectors(torch.randn(rows, 64, generator=generator))
    return images, unit_vectors(images + 0.02 * torch.randn(rows, 64, generator=generator))


def _published_sinkhorn(similarity: np.ndarray, epsilon: float, rounds: int) -> np.ndarray:
    """The published normalisation step by step, fed the similarity itself rather than its negative."""
    plan = np.exp(similarity.astype(np.float64) / epsilon).T
    plan /= plan.sum()
    prototypes, samples = plan.shape
    for _ in range(rounds):
        plan /= plan.sum(axis=1, keepdims=True) * prototypes
        plan /= plan.sum(axis=0, keepdims=True) * samples
    return (plan * samples).T


def test_rows_of_the_transport_sum_to_one() -> None:
    plan = log_sinkhorn(_scores() / 0.05, 3).exp()
    torch.testing.assert_close(plan.sum(dim=1), torch.ones(8))


def test_columns_even_out_with_more_rounds() -> None:
    uneven = [float((log_sinkhorn(_scores() / 0.5, n).exp().sum(0) - 1).abs().max()) for n in (1, 3, 50)]
    assert uneven[0] > uneven[1] > uneven[2]
    assert uneven[2] < 1e-3


def test_the_transport_is_the_published_one_step_by_step() -> None:
    scores = _scores(6) / 3
    found = log_sinkhorn(scores / 0.05, 3).exp().numpy()
    np.testing.assert_allclose(found, _published_sinkhorn(scores.numpy(), 0.05, 3), atol=1e-5)


def test_an_aligned_batch_has_its_mass_on_the_diagonal() -> None:
    images, texts = _aligned()
    model = toy_model()
    built = self_distillation.build(self_distillation.Config(), model)
    for targets in built._log_targets({"images": images, "texts": texts}):
        assert float(targets.exp().diagonal().min()) > 0.99


def test_extreme_similarities_do_not_overflow() -> None:
    plan = log_sinkhorn(torch.tensor([[3.0, -3.0], [-3.0, 3.0]]) / 0.001, 3)
    assert torch.isfinite(plan.exp()).all()
    assert plan.exp().diagonal().min() > 0.999


def test_divergence_is_that_of_the_library() -> None:
    targets, logits = _scores(5, 1).log_softmax(1), _scores(5, 2)
    expected = nn.functional.kl_div(logits.log_softmax(1), targets, reduction="batchmean", log_target=True)
    assert float(divergence(targets, logits)) == pytest.approx(float(expected), rel=1e-5)


def test_the_plain_form_matches_an_independent_statement() -> None:
    model, batch = toy_model().eval(), toy_batch(5)
    built = self_distillation.build(self_distillation.Config(targets="kl", distillation_weight=2.0), model)
    follow(built.teacher.parameters(), toy_model(seed=3).parameters(), 1.0)
    features, targets = built.encode(Encoded(model, batch)), built.targets(batch)
    found = built.loss(model, features, targets, batch.keys)
    student = (features["images"] @ features["texts"].T * model.scale()).detach().double().numpy()
    teacher = (targets["images"] @ targets["texts"].T * built.teacher.scale()).double().numpy()
    soft = lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)  # noqa: E731
    kl = [
        (soft(t) * np.log(soft(t) / soft(s))).sum(1).mean()
        for t, s in ((teacher, student), (teacher.T, student.T))
    ]
    plain = infonce.build(infonce.Config(), model).loss(model, features, {}, batch.keys)
    assert float(found.parts["distillation"]) == pytest.approx(np.mean(kl), abs=1e-5)
    assert float(found.total.detach()) == pytest.approx(
        float(plain.total.detach()) + 2 * np.mean(kl), abs=1e-4
    )


def test_a_teacher_equal_to_the_model_has_nothing_to_say_in_the_plain_form() -> None:
    model, batch = toy_model().eval(), toy_batch(5)
    built = self_distillation.build(self_distillation.Config(targets="kl"), model)
    report = built.loss(model, built.encode(Encoded(model, batch)), built.targets(batch), batch.keys)
    assert float(report.parts["distillation"]) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("form", "expected"), [("exponential", 1 / 0.07), ("linear", math.log(1 / 0.07))])
def test_the_students_own_scale_starts_as_stated(form: str, expected: float) -> None:
    built = self_distillation.build(self_distillation.Config(student_scale=form), toy_model())
    assert float(built._student_scale().detach()) == pytest.approx(expected, rel=1e-5)


def test_the_plain_form_has_no_parameter_it_does_not_use() -> None:
    built = self_distillation.build(self_distillation.Config(targets="kl"), toy_model())
    assert [name for name, value in built.named_parameters() if value.requires_grad] == []


def test_the_teacher_stays_in_evaluation_mode() -> None:
    built = self_distillation.build(self_distillation.Config(), toy_model()).train()
    assert built.training
    assert not any(module.training for module in built.teacher.modules())


def test_the_teacher_repeats_its_answers_while_the_student_does_not() -> None:
    model, batch = toy_model(), toy_batch(4)
    built = self_distillation.build(self_distillation.Config(), model).train()
    assert torch.equal(built.targets(batch)["texts"], built.targets(batch)["texts"])
    assert not torch.equal(
        built.encode(Encoded(model, batch))["texts"], built.encode(Encoded(model, batch))["texts"]
    )


def test_the_teacher_follows_parameters_and_batch_statistics() -> None:
    model = toy_model(image=CNN)
    built = self_distillation.build(self_distillation.Config(momentum=0.75), model)
    before = {key: value.clone() for key, value in built.teacher.state_dict().items()}
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    built.after_step(model)
    after = built.teacher.state_dict()
    for key, value in model.state_dict().items():
        expected = 0.75 * before[key] + 0.25 * value if value.is_floating_point() else value
        torch.testing.assert_close(after[key], expected)
    assert any("running_mean" in key for key in after)


def test_the_teacher_gets_no_gradient_and_is_in_the_state() -> None:
    model = toy_model()
    built = self_distillation.build(self_distillation.Config(), model)
    train_step(model, alone(built, self_distillation.NEEDS), [toy_batch()], seed=0, step=0)
    assert all(value.grad is None for value in built.teacher.parameters())
    assert {f"teacher.{key}" for key in model.state_dict()} < built.state_dict().keys()


def test_the_teacher_has_its_own_text_projection() -> None:
    model, batch = toy_model(), toy_batch(4)
    built = self_distillation.build(self_distillation.Config(), model)
    before = built.targets(batch)["texts"]
    with torch.no_grad():
        model.text_projection.weight.zero_()
    assert torch.equal(built.targets(batch)["texts"], before)


def test_the_texts_targets_are_of_each_text_over_the_images() -> None:
    generator = torch.Generator().manual_seed(5)
    images, texts = (unit_vectors(torch.randn(6, 16, generator=generator)) for _ in range(2))
    built = self_distillation.build(self_distillation.Config(epsilon=0.2), toy_model())
    by_image, by_text = built._log_targets({"images": images, "texts": texts})
    one, other = images.double().numpy(), texts.double().numpy()
    for found, own, their in ((by_image, one, other), (by_text, other, one)):
        # How alike image i and text j are is worth as much to text j as to image i.
        similarity = one @ one.T + other @ other.T + own @ their.T
        expected = _published_sinkhorn(similarity, 0.2, built.config.iterations)
        np.testing.assert_allclose(found.exp().numpy(), expected, atol=1e-4)


def test_swapping_images_and_texts_swaps_their_targets() -> None:
    generator = torch.Generator().manual_seed(6)
    images, texts = (unit_vectors(torch.randn(5, 16, generator=generator)) for _ in range(2))
    for config in (self_distillation.Config(), self_distillation.Config(targets="kl")):
        built = self_distillation.build(config, toy_model())
        by_image, by_text = built._log_targets({"images": images, "texts": texts})
        as_texts, as_images = built._log_targets({"images": texts, "texts": images})
        torch.testing.assert_close(by_image, as_images)
        torch.testing.assert_close(by_text, as_texts)
        assert not torch.allclose(by_image, by_text, atol=1e-2)
