"""Captioning: which tokens count, both directions, the same loss however the batch is cut."""

from __future__ import annotations

import pytest
import torch

from plainfilm.batches.targets.report import ReportTarget
from plainfilm.errors import UsageError
from plainfilm.nn.decoding import Decoding
from plainfilm.objectives import study_report
from plainfilm.objectives.base import Encoded, ObjectiveSum
from plainfilm.objectives.captioning import Config, build, reversed_texts
from plainfilm.training.step import train_step
from tests.toys import alone, gradients, largest_difference, toy_batch, toy_model, toy_study_encoder

NEEDS = ("report", "text")


def target(lengths: list[int], complete: list[bool]) -> ReportTarget:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = (torch.arange(max(lengths)) + 5) * mask
    ids[:, 0] = 2
    ids[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = 3
    return ReportTarget(torch.ones(len(lengths), dtype=torch.bool), ids, mask, torch.tensor(complete))


@torch.no_grad()
def test_the_loss_is_the_mean_surprise_at_every_token() -> None:
    model, batch = toy_study_encoder(text=None).eval(), toy_batch(4, targets=("report",), films="all")
    built, report = build(Config(), model), batch.targets["report"]
    encoded = Encoded(model, batch)
    study = encoded.studies()
    expected = []
    for row in range(4):
        last = int(report.token_mask[row].sum()) - (0 if report.complete[row] else 1)
        hidden = model.report(study.memory, study.mask, report.token_ids)[row]
        chances = model.report.logits(hidden).log_softmax(dim=1)
        expected += [-chances[at - 1, report.token_ids[row, at]] for at in range(1, last)]
    sums, counts = built.sums(encoded), built.counts(batch)
    assert counts["tokens"] == len(expected)
    torch.testing.assert_close(sums["tokens"], torch.stack(expected).sum(), rtol=1e-5, atol=1e-4)


def test_texts_are_reversed_between_their_ends() -> None:
    found = reversed_texts(target([5, 3], [True, True]))
    assert found.tolist() == [[2, 8, 7, 6, 3], [2, 6, 3, 0, 0]]


@pytest.mark.parametrize("complete", [True, False])
def test_the_end_of_a_cut_text_is_not_learned(complete: bool) -> None:
    model = toy_study_encoder(text=None, report={"width": 16, "heads": 2, "bidirectional": True})
    built = build(Config(), model)
    batch = toy_batch(1, targets=("report",), films="all")
    cut = batch.targets | {"report": target([6], [complete])}
    object.__setattr__(batch, "targets", cut)
    counts = built.counts(batch)
    assert counts["tokens"] == (5 if complete else 4)
    assert counts["reversed_tokens"] == (5 if complete else 0)


def test_an_item_without_a_report_counts_nothing() -> None:
    model, batch = toy_study_encoder(text=None), toy_batch(3, targets=("report",), films="all")
    batch.targets["report"].present[:] = False
    built = build(Config(), model)
    assert built.counts(batch)["tokens"] == 0
    assert built.sums(Encoded(model, batch))["tokens"].item() == 0.0


@pytest.mark.parametrize("fusion", ["mean", "attention", "gate"])
def test_slices_with_contrast_and_captioning_give_the_gradients_of_the_batch(fusion: str) -> None:
    found = []
    for size in (None, 2):
        report = {"width": 16, "depth": 1, "heads": 2, "bidirectional": True, "dropout": 0.2}
        model = toy_study_encoder(fusion={"use": fusion, "heads": 2}, report=report)
        objectives = {
            "captioning": build(Config(), model),
            "study_report": study_report.build(study_report.Config(), model),
        }
        total = ObjectiveSum(objectives, {"captioning": 1.0, "study_report": 0.5}).train()
        total.needs = (("report",), ("text",))
        batch = toy_batch(7, targets=NEEDS, films="all")
        train_step(model, total, [batch], seed=1, step=2, sub_batch_size=size)
        found.append(gradients(model, total))
    assert largest_difference(*found) < 1e-5


def test_a_model_that_writes_nothing_is_refused() -> None:
    for model in (toy_model(), toy_study_encoder(report=None)):
        with pytest.raises(UsageError, match="captioning: the model has no decoder of reports"):
            build(Config(), model)


@pytest.mark.slow
def test_one_batch_can_be_learned_by_heart() -> None:
    model = toy_study_encoder(text=None)
    batch = toy_batch(4, targets=("report",), films="all")
    batch.targets["report"].complete[:] = True
    model.eval()
    total = alone(build(Config(), model), ("report",))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(150):
        optimizer.zero_grad()
        [report] = train_step(model, total, [batch], seed=0, step=step)
        optimizer.step()
    assert float(report.total) < 0.05
    with torch.no_grad():
        films = batch.films
        features = model.film_features(films.pixels)
        ids = model.write_reports(features, films.of, films.projections, Decoding(max_tokens=8))
    wanted = batch.targets["report"]
    for row, (own, true, mask) in enumerate(zip(ids, wanted.token_ids, wanted.token_mask, strict=True)):
        tokens = true[mask][1:].tolist()
        assert own[: len(tokens)].tolist() == tokens, row
