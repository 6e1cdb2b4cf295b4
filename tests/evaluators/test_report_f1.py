"""Micro F1 of written reports, against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import f1_score

from plainfilm.errors import ConfigError, UsageError
from plainfilm.evaluators import report_f1
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.nn.decoding import Decoding
from plainfilm.objectives.base import Encoded
from tests.toys import toy_batch, toy_model, toy_report_tokenizer, toy_study_encoder

PAIRS = [
    ("Large left pleural effusion. No pneumothorax.", "Small effusion. Edema."),
    ("Pulmonary edema. Possible pneumonia.", "Possible pneumonia. No effusion."),
    ("Mild cardiomegaly.", ""),
]
OBSERVATIONS = ("Pleural Effusion", "Pneumothorax", "Edema", "Pneumonia", "Cardiomegaly")


def _evaluator(**options: object) -> report_f1.ReportF1:
    context = EvaluatorContext({"report": toy_report_tokenizer()})
    return report_f1.build(report_f1.Config(**options), context)


@pytest.mark.parametrize(
    ("uncertain", "written"),
    [
        ("positive", [[1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]),
        ("negative", [[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]),
    ],
)
def test_it_is_the_micro_f1_of_what_both_texts_state(uncertain: str, written: list[list[int]]) -> None:
    truth = [[1, 0, 0, 0, 0], [0, 0, 1, int(uncertain == "positive"), 0], [0, 0, 0, 0, 1]]
    expected = f1_score(truth, written, average="micro")
    assert _evaluator(uncertain=uncertain).scores(PAIRS)["report_f1"] == pytest.approx(expected)


def test_texts_without_findings_have_no_score() -> None:
    assert _evaluator().scores([("", "")]) == {}
    assert _evaluator().scores([]) == {}


@torch.no_grad()
def test_records_are_the_texts_of_the_items_that_have_a_report() -> None:
    model, batch = toy_study_encoder().eval(), toy_batch(4, targets=("report",), films="all")
    target = batch.targets["report"]
    ids = torch.tensor([[2, 9, 8, 3, 0, 0, 0, 0, 0]] * 4)
    target = replace(target, token_ids=ids, present=torch.tensor([True, True, False, True]))
    batch = replace(batch, targets={"report": target})
    decoding = Decoding(use="beam", beams=2, max_tokens=6)
    records = _evaluator(decoding=decoding).records(Encoded(model, batch))
    assert [one is None for one in records] == [False, False, True, False]
    assert records[0][0] == "left effusion."
    features = model.film_features(batch.films.pixels)
    written = model.write_reports(features, batch.films.of, batch.films.projections, decoding)[3].tolist()
    tokens = written[: written.index(3)] if 3 in written else written
    assert records[3][1] == toy_report_tokenizer().decode(tokens)


def test_a_model_without_a_decoder_is_refused() -> None:
    encoded = Encoded(toy_model(), toy_batch(2, targets=("report",)))
    with pytest.raises(
        UsageError, match="evaluator 'report_f1': model of kind 'dual_encoder' does not write"
    ):
        _evaluator().records(encoded)
    with pytest.raises(ConfigError, match="the model writes no reports"):
        report_f1.build(report_f1.Config(), EvaluatorContext())


def test_a_recipe_may_name_the_metric_alone() -> None:
    assert report_f1.provides("report_f1", []) == {}
    assert report_f1.provides("loss", []) is None
