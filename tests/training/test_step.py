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

from plainfilm.batches.batch import Batch
from plainfilm.errors import UsageError
from plainfilm.nn.text.transformers import TINY
from plainfilm.objectives import infonce
from plainfilm.objectives.base import LossReport
from plainfilm.training.freezing import freeze
from plainfilm.training.step import measure_step, train_step
from tests.toys import (
    CNN,
    COMPACT,
    alone,
    gradients,
    largest_difference,
    toy_batch,
    toy_batch_for,
    toy_classifier,
    toy_model,
    toy_model_for,
    toy_objective,
)
from tests.training.regression import (
    BOTH,
    WEIGHTS,
    Regression,
    batch_for,
    lacking,
    pick,
    summed,
    toys_for,
)
from tests.training.two_processes import SHARES

TOLERANCE = 1e-5
OBJECTIVES = ["infonce", "self_distillation", "cxr_clip", "classification"]
WITH_SUM = [*OBJECTIVES, "sum"]


def _run(
    name: str, sub_batch_size: int | None, rows: int = 7, step: int = 3
) -> tuple[LossReport, dict[str, torch.Tensor]]:
    model, built = toys_for(name)
    [report] = train_step(
        model, built, [batch_for(name, rows)], seed=5, step=step, sub_batch_size=sub_batch_size
    )
    return report, gradients(model, built)


@pytest.mark.parametrize("name", WITH_SUM)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_sub_batches_give_the_gradients_of_the_whole_batch_with_dropout_on(name: str, size: int) -> None:
    whole, expected = _run(name, None)
    cut, found = _run(name, size)
    assert float(cut.total) == pytest.approx(float(whole.total), abs=1e-9)
    assert {key: float(value) for key, value in cut.parts.items()} == pytest.approx(
        {key: float(value) for key, value in whole.parts.items()}, abs=1e-9
    )
    assert largest_difference(found, expected) < TOLERANCE
    assert max(float(value.abs().max()) for value in expected.values()) > 0.1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_single_precision_is_exact_too(name: str) -> None:
    results = []
    for size in (None, 3):
        model = toy_model_for(name)
        train_step(
            model, toy_objective(name, model), [toy_batch_for(name)], seed=5, step=0, sub_batch_size=size
        )
        results.append(gradients(model))
    scale = max(float(value.abs().max()) for value in results[0].values())
    assert largest_difference(*results) < TOLERANCE * max(scale, 1.0)


def test_the_gradient_is_that_of_plain_automatic_differentiation() -> None:
    model, batch = toy_model().double().eval(), toy_batch(dtype=torch.float64)
    built = alone(infonce.build(infonce.Config(), model), infonce.NEEDS)
    train_step(model, built, [batch], seed=0, step=0, sub_batch_size=2)
    found = gradients(model)
    model.zero_grad()
    images, texts = model.encode_images(batch.films.pixels), batch.targets["text"]
    logits = images @ model.encode_texts(texts.token_ids[:, 0], texts.token_mask[:, 0]).T * model.scale()
    own = torch.arange(len(batch))
    loss = nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)
    (loss / 2).backward()
    assert largest_difference(found, gradients(model)) < TOLERANCE


def test_a_language_model_of_the_library_is_exact_in_sub_batches_too() -> None:
    results = []
    for size in (None, 3):
        model = toy_model(text=TINY.model_dump()).double()
        batch = toy_batch(dtype=torch.float64)
        train_step(model, toy_objective("infonce", model), [batch], seed=5, step=0, sub_batch_size=size)
        results.append(gradients(model))
    assert largest_difference(*results) < TOLERANCE


@pytest.mark.parametrize(("image", "frozen"), [(COMPACT, False), (CNN, True)])
def test_convolutions_whose_statistics_are_their_own_are_exact(
    image: dict[str, object], frozen: bool
) -> None:
    results = []
    for size in (None, 3):
        model = toy_model(image=image).double()
        freeze(model, {}, batch_norm=frozen)
        batch = toy_batch(side=64, dtype=torch.float64)
        train_step(model, toy_objective("infonce", model), [batch], seed=5, step=0, sub_batch_size=size)
        results.append(gradients(model))
    assert largest_difference(*results) < TOLERANCE
    assert any(name.startswith("image.") for name in results[0])


@pytest.mark.parametrize("items", [1, 7])
def test_a_single_film_is_normalised_by_the_stored_statistics(items: int) -> None:
    model = toy_classifier(image=CNN)  # the last features of its films have one pixel
    batch, built = toy_batch_for("classification", items), toy_objective("classification", model)
    [report] = train_step(model, built, [batch], seed=1, step=0, sub_batch_size=3)
    assert torch.isfinite(report.total)
    assert all(layer.training for layer in model.modules())


def test_dropout_changes_from_step_to_step() -> None:
    first, _ = _run("infonce", None, step=0)
    second, _ = _run("infonce", None, step=1)
    assert float(first.total) != float(second.total)


def test_accumulated_batches_add_up_to_their_mean() -> None:
    model = toy_model()
    built = toy_objective("infonce", model)
    parts, losses = [], []
    for step in (0, 1):
        [report] = train_step(model, built, [toy_batch(seed=step)], seed=1, step=step)
        losses.append(float(report.total))
        parts.append(gradients(model))
        model.zero_grad()
    reports = train_step(model, built, [toy_batch(seed=step) for step in (0, 1)], seed=1, step=0)
    mean = {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}
    assert [float(report.total) for report in reports] == losses
    assert largest_difference(gradients(model), mean) < TOLERANCE


def test_loss_scale_multiplies_gradients_and_not_the_reported_loss() -> None:
    results = []
    for scale in (1.0, 1024.0):
        model = toy_model()
        built = toy_objective("infonce", model)
        [report] = train_step(model, built, [toy_batch()], seed=1, step=0, sub_batch_size=4, loss_scale=scale)
        results.append((float(report.total), {k: v / scale for k, v in gradients(model).items()}))
    assert results[0][0] == results[1][0]
    assert largest_difference(results[0][1], results[1][1]) < TOLERANCE


def test_batch_statistics_move_in_one_pass_only() -> None:
    batch = toy_batch(4, side=64)
    model = toy_model(image=CNN)
    counter = next(b for n, b in model.named_buffers() if n.endswith("num_batches_tracked"))
    train_step(model, toy_objective("infonce", model), [batch], seed=0, step=0, sub_batch_size=2)
    assert int(counter) == 2


def test_bfloat16_autocast_keeps_the_loss_in_full_precision() -> None:
    model = toy_model()
    built = toy_objective("self_distillation", model)
    autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731
    [report] = train_step(model, built, [toy_batch()], seed=0, step=0, sub_batch_size=3, autocast=autocast)
    assert report.total.dtype == torch.float32
    assert report.total.isfinite()
    assert all(value.dtype == torch.float32 for value in gradients(model).values())


def test_a_frozen_encoder_gets_no_gradient_and_the_rest_does() -> None:
    model = toy_model()
    freeze(model, {"image": True})
    train_step(model, toy_objective("infonce", model), [toy_batch()], seed=0, step=0, sub_batch_size=3)
    assert all(parameter.grad is None for parameter in model.image.parameters())
    assert all(parameter.grad is not None for parameter in model.text.parameters())


@pytest.mark.parametrize("name", WITH_SUM)
def test_measuring_gives_the_same_loss_in_slices_and_no_gradient(name: str) -> None:
    model, built = toys_for(name)
    model.eval()
    whole = measure_step(model, built, batch_for(name, 7)).report(built)
    cut = measure_step(model, built, batch_for(name, 7), sub_batch_size=2).report(built)
    assert float(cut.total) == pytest.approx(float(whole.total), abs=1e-5)
    assert not gradients(model)
    assert not whole.total.requires_grad


def test_a_size_below_one_is_refused() -> None:
    model = toy_model()
    with pytest.raises(UsageError, match="sub_batch_size is 0"):
        train_step(model, toy_objective("infonce", model), [toy_batch()], seed=0, step=0, sub_batch_size=0)


def test_a_step_on_nothing_is_refused() -> None:
    model = toy_model()
    with pytest.raises(UsageError, match="at least one batch"):
        train_step(model, toy_objective("infonce", model), [], seed=0, step=0)


@pytest.mark.parametrize("size", [None, 2])
def test_accumulated_batches_count_what_is_known_as_one_batch_does(size: int | None) -> None:
    whole = lacking(toy_batch(9, dtype=torch.float64, targets=("labels",)), labels=[0, 1, 3])
    shares = [pick(whole, rows) for rows in ([0, 1, 2, 3], [4, 5, 6, 7, 8])]
    results = []
    for batches in ([whole], shares):
        # In evaluation mode: accumulated batches draw dropout as steps of their own.
        model = toy_classifier().double().eval()
        built = toy_objective("classification", model).double()
        reports = train_step(model, built, batches, seed=5, step=0, sub_batch_size=size)
        results.append((sum(float(one.total) for one in reports) / len(reports), gradients(model)))
    assert results[1][0] == pytest.approx(results[0][0], abs=1e-9)
    assert largest_difference(results[0][1], results[1][1]) < 1e-6
    assert max(float(value.abs().max()) for value in results[0][1].values()) > 0.01


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("name", ["classification", "sum"])
def test_accumulated_batches_are_exact_in_slices(name: str, size: int | None) -> None:
    results = []
    for one in (None, size):
        model, built = toys_for(name)
        batches = [batch_for(name, rows, seed=rows) for rows in (5, 3)]
        batches[0] = lacking(batches[0], labels=[1, 2])
        reports = train_step(model, built, batches, seed=5, step=4, sub_batch_size=one)
        results.append(([float(report.total) for report in reports], gradients(model, built)))
    assert results[1][0] == pytest.approx(results[0][0], abs=1e-9)
    assert largest_difference(results[0][1], results[1][1]) < TOLERANCE


def _gradients_of_sum(
    names: tuple[str, ...], batch: Batch, size: int | None = None, weighted: bool = True
) -> tuple[LossReport, dict[str, torch.Tensor]]:
    model = toy_model().double()
    built = summed(names, weighted).double()
    [report] = train_step(model, built, [batch], seed=3, step=1, sub_batch_size=size)
    return report, gradients(model, built)


@pytest.mark.parametrize("size", [None, 1, 3])
def test_objectives_add_up_with_their_weights(size: int | None) -> None:
    batch = toy_batch(7, dtype=torch.float64, targets=BOTH)
    report, found = _gradients_of_sum(("infonce", "regression"), batch, size)
    expected: dict[str, torch.Tensor] = {}
    total = 0.0
    for name, weight in WEIGHTS.items():
        own, parts = _gradients_of_sum((name,), batch, weighted=False)
        total += weight * float(own.total)
        assert float(report.parts[f"{name}/loss"]) == pytest.approx(float(own.total), abs=1e-9)
        for key, value in parts.items():
            expected[key] = expected.get(key, torch.zeros_like(value)) + weight * value
    assert float(report.total) == pytest.approx(total, abs=1e-9)
    assert largest_difference(found, expected) < TOLERANCE
    assert {"infonce/accuracy", "regression/squared", "regression/absolute"} < report.parts.keys()


@pytest.mark.parametrize("size", [None, 1, 2, 4])
def test_items_that_lack_a_target_are_left_out_of_that_objective_only(size: int | None) -> None:
    batch = toy_batch(7, dtype=torch.float64, targets=BOTH)
    without_text, without_labels = [1, 2, 5], [0, 2, 6]
    report, found = _gradients_of_sum(
        ("infonce", "regression"), lacking(batch, text=without_text, labels=without_labels), size
    )
    expected: dict[str, torch.Tensor] = {}
    total = 0.0
    for name, missing in (("infonce", without_text), ("regression", without_labels)):
        kept = pick(batch, [row for row in range(7) if row not in missing])
        own, parts = _gradients_of_sum((name,), kept, weighted=False)
        total += WEIGHTS[name] * float(own.total)
        for key, value in parts.items():
            expected[key] = expected.get(key, torch.zeros_like(value)) + WEIGHTS[name] * value
    assert float(report.total) == pytest.approx(total, abs=1e-9)
    assert largest_difference(found, expected) < TOLERANCE


@pytest.mark.parametrize(
    ("names", "size", "calls"),
    [
        (("regression",), None, 1),
        (("regression",), 3, 3),
        (("infonce",), None, 1),
        (("infonce",), 3, 6),
        (("infonce", "regression"), None, 1),
        (("infonce", "regression"), 3, 6),
    ],
)
def test_a_slice_is_encoded_no_oftener_than_its_objectives_ask(
    names: tuple[str, ...], size: int | None, calls: int
) -> None:
    model, passed = toy_model(), []
    model.image.register_forward_pre_hook(lambda _, inputs: passed.append(len(inputs[0])))
    batch = toy_batch(7, targets=BOTH)
    train_step(model, summed(names), [batch], seed=0, step=0, sub_batch_size=size)
    assert len(passed) == calls
    assert sum(passed) == 7 * (calls if size is None else calls // 3)


@pytest.mark.parametrize("most", [None, 2])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_studies_of_several_films_are_exact_in_slices(size: int, most: int | None) -> None:
    results = []
    for one in (None, size):
        model = toy_model().double()
        built = alone(Regression(most), ("labels",)).double()
        batch = toy_batch(7, dtype=torch.float64, targets=BOTH, films="all")
        train_step(model, built, [batch], seed=5, step=0, sub_batch_size=one)
        results.append(gradients(model, built))
    assert largest_difference(*results) < TOLERANCE
    assert max(float(value.abs().max()) for value in results[0].values()) > 0.1


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


@pytest.mark.parametrize("name", WITH_SUM)
@pytest.mark.parametrize("case", SHARES)
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
