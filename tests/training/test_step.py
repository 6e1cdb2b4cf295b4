"""The training step: exact gradients however the batch is cut, spread or accumulated."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from plainfilm.errors import UsageError
from plainfilm.nn.freezing import freeze
from plainfilm.nn.text.transformers import TINY
from plainfilm.objectives import infonce, self_distillation
from plainfilm.objectives.base import Objective, objective
from plainfilm.training.step import measure_step, train_step
from tests.toys import CNN, COMPACT, gradients, largest_difference, toy_batch, toy_model, toy_model_for

TOLERANCE = 1e-5
OBJECTIVES = ["infonce", "self_distillation", "cxr_clip", "classification"]


def _objective(name: str, model: nn.Module) -> Objective:
    module = objective(name)
    return module.build(module.Config(), model).train()


def _run(name: str, sub_batch_size: int | None, rows: int = 7, step: int = 3):
    model = toy_model_for(name).double()
    built = _objective(name, model).double()
    batch = toy_batch(rows, dtype=torch.float64, needs=objective(name).NEEDS)
    report = train_step(model, built, batch, seed=5, step=step, sub_batch_size=sub_batch_size)
    return report, gradients(model, built)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_sub_batches_give_the_gradients_of_the_whole_batch_with_dropout_on(name: str, size: int) -> None:
    whole, expected = _run(name, None)
    cut, found = _run(name, size)
    assert float(cut.total) == pytest.approx(float(whole.total), abs=1e-9)
    assert largest_difference(found, expected) < TOLERANCE
    assert max(float(value.abs().max()) for value in expected.values()) > 0.1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_single_precision_is_exact_too(name: str) -> None:
    results = []
    for size in (None, 3):
        model = toy_model_for(name)
        built = _objective(name, model)
        batch = toy_batch(needs=objective(name).NEEDS)
        train_step(model, built, batch, seed=5, step=0, sub_batch_size=size)
        results.append(gradients(model, built))
    scale = max(float(value.abs().max()) for value in results[0].values())
    assert largest_difference(*results) < TOLERANCE * max(scale, 1.0)


def test_the_gradient_is_that_of_plain_automatic_differentiation() -> None:
    model, batch = toy_model().double().eval(), toy_batch(dtype=torch.float64)
    built = infonce.build(infonce.Config(), model)
    train_step(model, built, batch, seed=0, step=0, sub_batch_size=2)
    found = gradients(model)
    model.zero_grad()
    images = model.encode_images(batch.images[:, 0])
    logits = images @ model.encode_texts(batch.token_ids[:, 0], batch.token_mask[:, 0]).T * model.scale()
    own = torch.arange(len(batch))
    loss = nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)
    (loss / 2).backward()
    assert largest_difference(found, gradients(model)) < TOLERANCE


def test_a_language_model_of_the_library_is_exact_in_sub_batches_too() -> None:
    results = []
    for size in (None, 3):
        model = toy_model(text=TINY.model_dump()).double()
        built = _objective("infonce", model)
        train_step(model, built, toy_batch(dtype=torch.float64), seed=5, step=0, sub_batch_size=size)
        results.append(gradients(model))
    assert largest_difference(*results) < TOLERANCE


@pytest.mark.parametrize(("image", "frozen"), [(COMPACT, False), (CNN, True)])
def test_convolutions_whose_statistics_are_their_own_are_exact(
    image: dict[str, object], frozen: bool
) -> None:
    results = []
    for size in (None, 3):
        model = toy_model(image=image).double()
        freeze(model, batch_norm=frozen)
        batch = toy_batch(side=64, dtype=torch.float64)
        train_step(model, _objective("infonce", model), batch, seed=5, step=0, sub_batch_size=size)
        results.append(gradients(model))
    assert largest_difference(*results) < TOLERANCE
    assert any(name.startswith("image.") for name in results[0])


def test_dropout_changes_from_step_to_step() -> None:
    first, _ = _run("infonce", None, step=0)
    second, _ = _run("infonce", None, step=1)
    assert float(first.total) != float(second.total)


def test_accumulated_batches_add_up_to_their_mean() -> None:
    model = toy_model()
    built = _objective("infonce", model)
    parts = []
    for step in (0, 1):
        train_step(model, built, toy_batch(seed=step), seed=1, step=step)
        parts.append(gradients(model))
        model.zero_grad()
    for step in (0, 1):
        batch = toy_batch(seed=step)
        train_step(model, built, batch, seed=1, step=step, accumulation=2, final=step == 1)
    mean = {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}
    assert largest_difference(gradients(model), mean) < TOLERANCE


def test_loss_scale_multiplies_gradients_and_not_the_reported_loss() -> None:
    results = []
    for scale in (1.0, 1024.0):
        model = toy_model()
        built = _objective("infonce", model)
        report = train_step(model, built, toy_batch(), seed=1, step=0, sub_batch_size=4, loss_scale=scale)
        results.append((float(report.total), {k: v / scale for k, v in gradients(model).items()}))
    assert results[0][0] == results[1][0]
    assert largest_difference(results[0][1], results[1][1]) < TOLERANCE


def test_batch_statistics_move_in_one_pass_only() -> None:
    batch = toy_batch(4, side=64)
    model = toy_model(image=CNN)
    counter = next(b for n, b in model.named_buffers() if n.endswith("num_batches_tracked"))
    train_step(model, _objective("infonce", model), batch, seed=0, step=0, sub_batch_size=2)
    assert int(counter) == 2


def test_bfloat16_autocast_keeps_the_loss_in_full_precision() -> None:
    model = toy_model()
    built = _objective("self_distillation", model)
    autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731
    report = train_step(model, built, toy_batch(), seed=0, step=0, sub_batch_size=3, autocast=autocast)
    assert report.total.dtype == torch.float32
    assert report.total.isfinite()
    assert all(value.dtype == torch.float32 for value in gradients(model).values())


def test_a_frozen_encoder_gets_no_gradient_and_the_rest_does() -> None:
    model = toy_model()
    freeze(model, image=True)
    train_step(model, _objective("infonce", model), toy_batch(), seed=0, step=0, sub_batch_size=3)
    assert all(parameter.grad is None for parameter in model.image_parameters())
    assert all(parameter.grad is not None for parameter in model.text_parameters())


def test_measuring_gives_the_same_loss_in_slices_and_no_gradient() -> None:
    model = toy_model().eval()
    built = self_distillation.build(self_distillation.Config(), model)
    whole = measure_step(model, built, toy_batch()).report
    cut = measure_step(model, built, toy_batch(), sub_batch_size=2).report
    assert float(cut.total) == pytest.approx(float(whole.total), abs=1e-5)
    assert not gradients(model)
    assert not whole.total.requires_grad


@pytest.mark.parametrize("wrong", [{"sub_batch_size": 0}, {"accumulation": 0}])
def test_a_size_below_one_is_refused(wrong: dict[str, int]) -> None:
    model = toy_model()
    with pytest.raises(UsageError, match="is 0"):
        train_step(model, _objective("infonce", model), toy_batch(), seed=0, step=0, **wrong)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """What two real processes found, against one of them alone (see `two_processes.py`)."""
    folder = tmp_path_factory.mktemp("two")
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.two_processes", str(folder)]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen([*command, str(rank)], env=environment, cwd=root))
            for rank in range(2)
        ]
        codes = [process.wait(timeout=240) for process in running]
    assert codes == [0, 0]
    return json.loads((folder / "found.json").read_text())


CASES = ["even", "uneven", "interleaved", "one has nothing", "other padding", "accumulated"]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_the_loss_and_gradients_of_one(
    two_processes: dict[str, dict[str, float]], case: str, name: str
) -> None:
    found = two_processes[f"{case} {name}"]
    assert found["loss"] < TOLERANCE
    assert found["gradient"] < TOLERANCE


def test_processes_end_with_the_same_gradients_bit_for_bit(
    two_processes: dict[str, dict[str, float]],
) -> None:
    assert all(found["between"] == 0.0 for found in two_processes.values())
