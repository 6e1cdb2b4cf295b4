"""Report generation: every study once, references by the text rule, baselines that can be told in advance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, UsageError
from plainfilm.predictor import load
from plainfilm.predictor.predictor import Predictor
from plainfilm.results import write
from plainfilm.results.compare import compare, read
from plainfilm.tasks import report_generation
from plainfilm.tasks.reporting.baselines import most_frequent_report, nearest_reports
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings
from plainfilm.tasks.reporting.studies import gather_studies
from plainfilm.tasks.reporting.text_files import read_reports
from plainfilm.types import View


def evaluated(model, collection, **settings):
    config = build(report_generation.Config, {"resamples": 100, **settings}, "task")
    return report_generation.run(load(model, trust_code=True), [collection], config)


@pytest.fixture(scope="module")
def results(tiny_writer, small_world):
    return evaluated(tiny_writer, small_world)


def of(results, name):
    return next(metric for metric in results.metrics if metric.name == name)


def test_every_study_of_the_split_has_a_reference_by_the_rule_of_the_training(results, small_world):
    studies = small_world.frame("studies")
    wanted = set(studies.loc[studies["split"] == "test", "study_id"])
    assert set(results.predictions["query_id"]) == wanted
    assert results.protocol["text_rule"] == "findings"
    assert not results.predictions["reference"].str.contains("FINDINGS").any()


def test_the_model_is_asked_for_all_films_of_a_study_with_their_views(tiny_writer, small_world, monkeypatch):
    asked = []
    written = Predictor.write_reports

    def noted(self, studies, views, decoding, progress):
        asked.extend(zip(map(len, studies), [[str(view) for view in own] for own in views], strict=True))
        return written(self, studies, views, decoding, progress)

    monkeypatch.setattr(Predictor, "write_reports", noted)
    evaluated(tiny_writer, small_world, baselines=[])
    assert asked == [(2, ["PA", "LATERAL"])] * 16


def test_a_model_that_takes_fewer_films_gets_the_frontal_ones(tiny_writer, small_world, monkeypatch):
    found = gather_studies([small_world], "test", "findings", None)
    assert {tuple(own) for own in found.limited(1).views} == {(View.PA,)}
    assert (found.limited(1).beyond, found.limited(2).beyond) == (16, 0)
    monkeypatch.setattr(Predictor, "most_films", 1)
    only = evaluated(tiny_writer, small_world, baselines=[])
    assert only.protocol["films_per_study"] == 1
    assert only.protocol["left_out"]["films beyond the number that the model takes"] == 16


def test_blank_films_give_the_text_of_dark_films(results):
    assert set(results.predictions["baseline_blank_film"]) == {"large left pleural effusion."}
    assert results.predictions["candidate"].nunique() == 2


def test_text_scores_are_those_of_sacrebleu_over_the_written_texts(results):
    from sacrebleu.metrics import BLEU

    table = results.predictions
    for column, value in (
        ("candidate", of(results, "text/bleu_4").value),
        ("baseline_most_frequent", of(results, "text/bleu_4").baselines["most_frequent"]),
    ):
        wanted = BLEU(lowercase=True).corpus_score(table[column].tolist(), [table["reference"].tolist()])
        assert value == pytest.approx(wanted.score / 100)


def test_random_reports_are_averaged_over_draws(tiny_writer, small_world):
    one = of(evaluated(tiny_writer, small_world, baselines=["random"], random_draws=1), "text/rouge_l")
    five = of(evaluated(tiny_writer, small_world, baselines=["random"], random_draws=5), "text/rouge_l")
    assert set(one.baselines) == {"random"}
    assert one.baselines["random"] != five.baselines["random"]


def test_the_nearest_report_is_that_of_the_same_film(tiny_writer, small_world):
    studies = gather_studies([small_world], "train", "findings", None)
    assert nearest_reports(load(tiny_writer, trust_code=True), studies, studies) == studies.texts


def test_the_most_frequent_report_has_the_commonest_findings_first():
    reader = ReportReader(TextSettings())
    texts = ["Edema.", "Edema.", "No edema.", "Clear lungs.", "The lungs are clear.", "clear lungs. "]
    assert most_frequent_report(texts, reader) == "Clear lungs."


def test_studies_without_a_report_or_a_film_of_the_views_are_counted(tiny_writer, small_world):
    found = gather_studies([small_world], "test", "impression", None)
    assert (len(found), found.without_text) == (0, 16)
    assert gather_studies([small_world], "test", "findings", ["AP"]).without_film == 16
    only = evaluated(tiny_writer, small_world, views=[View.LATERAL], baselines=[])
    assert only.protocol["films_per_study"] == 1
    with pytest.raises(DataError, match="no study in split 'test'.*16 without text by rule impression"):
        evaluated(tiny_writer, small_world, text_rule="impression")


def test_without_training_reports_only_blank_films_remain(tiny_writer, small_world):
    metric = of(evaluated(tiny_writer, small_world, baseline_split=None), "findings/f1_micro-14")
    assert set(metric.baselines) == {"blank_film"}


def test_a_model_that_cannot_write_is_refused(tiny_model, small_world):
    with pytest.raises(UsageError, match="does not write reports"):
        evaluated(tiny_model, small_world)


@pytest.mark.parametrize("wrong", [{"text_rule": "finding"}, {"baselines": ["nearst"]}, {"split": "tset"}])
def test_unknown_names_are_answered_with_the_nearest(wrong):
    with pytest.raises(ConfigError, match="did you mean|nearest|findings|nearest|test"):
        build(report_generation.Config, wrong, "task")


def test_the_rexrank_file_holds_references_candidates_and_films(results):
    document = json.loads(results.attachments["rexrank.json"])
    entry = document["s4"]
    assert entry["frontal_lateral"] == ["Frontal", "Lateral"]
    assert entry["key_image_path"] == entry["image_path"][0]
    own = results.predictions.set_index("query_id").loc["s4"]
    assert (entry["report"], entry["model_prediction"]) == (own["reference"], own["candidate"])


def test_results_are_references_and_candidates_of_another_scoring(results, tmp_path):
    write(results, tmp_path)
    table = results.predictions.set_index("query_id")
    for side in ("reference", "candidate"):
        assert read_reports(tmp_path, side).texts == table[side].to_dict()
    assert read_reports(tmp_path / "rexrank.json", "candidate").texts == table["candidate"].to_dict()


def test_two_identities_are_not_compared(tiny_writer, small_world, results, tmp_path):
    write(results, tmp_path / "first")
    write(evaluated(tiny_writer, small_world, tokenisation="char"), tmp_path / "second")
    found = {one.name for one in compare(read(tmp_path / "first"), read(tmp_path / "second"))}
    assert "text/rouge_l" in found
    assert not any(name.startswith("text/bleu") for name in found)


def test_every_score_states_its_identity(results, tmp_path):
    write(results, tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    stored = {one["name"]: one for one in json.loads((tmp_path / "results.json").read_text())["metrics"]}
    for metric in results.metrics:
        if metric.subgroup is None:
            assert stored[metric.name]["identity"] == metric.identity
            assert "reference findings" in metric.identity
            assert metric.identity in page
    assert "sacrebleu-" in of(results, "text/bleu_1").identity
    assert "plainfilm-chexpert-" in of(results, "findings/f1/Edema").identity


def test_conflicts_and_agreements_are_shown_in_both_texts(results):
    shown = [example for example in results.examples if example.sentences]
    assert len(shown) == 12
    for example in shown:
        by_role = {
            role: [one for one in example.sentences if one.role == role] for role in ("reference", "model")
        }
        wanted, said = by_role["reference"][0].text, by_role["model"][0].text.lower()
        verdict = by_role["model"][0].agreement
        if "pleural effusion" in said and "left" in said:
            assert verdict == ("agrees" if wanted.startswith("Large left") else "contradicts")
    assert np.isfinite([metric.value for metric in results.headline if metric.value is not None]).all()


def test_a_study_encoder_writes_and_its_vectors_find_the_nearest_study(tiny_study_model, small_world):
    results = evaluated(tiny_study_model, small_world, max_studies=4, decoding={"max_tokens": 12})
    assert results.n == 4
    assert {"blank_film", "nearest"} <= set(of(results, "text/rouge_l").baselines)
    assert results.protocol["decoding"]["max_tokens"] == 12
    studies = gather_studies([small_world], "train", "findings", None).first(6)
    assert nearest_reports(load(tiny_study_model), studies, studies) == studies.texts
