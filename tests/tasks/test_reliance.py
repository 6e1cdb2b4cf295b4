"""The audit of reliance: models that cheat by construction are caught, one that reads the finding passes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from plainfilm.collection import prepare
from plainfilm.config import build
from plainfilm.errors import DataError, UsageError
from plainfilm.models.base import kind
from plainfilm.predictor import load
from plainfilm.prompts import load_pack
from plainfilm.results import write
from plainfilm.results.compare import compare, read
from plainfilm.tasks import reliance
from plainfilm.tasks.auditing.asking import paraphrased, prompts_of
from plainfilm.tasks.auditing.prompt_pairs import PAIRS
from plainfilm.text.laterality import mirrored
from tests.tasks.audit_source import write_raw

HERE = Path(__file__).parent
PACK = """
name: audit
version: 1
language: en
vocabularies: [chexpert]
observations:
  Lung Lesion: {positive: [There is a lung lesion.], negative: [There is no lung lesion.]}
  Pleural Effusion: {positive: [There is a pleural effusion.], negative: [There is no pleural effusion.]}
"""
READS = "reads the finding where it is"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    write_raw(folder / "raw", 75)
    (folder / "pack.yaml").write_text(PACK)
    return prepare(str(HERE / "audit_source.py"), folder / "raw", folder / "films", size=64, workers=1)


@pytest.fixture(scope="module")
def texts(world) -> list[str]:
    """All that a model that reads texts is asked with."""
    names = [f"{state}{name}" for name in ("lung lesion", "pleural effusion") for state in ("a ", "no ")]
    pairs = [
        form.format(name) for form in sum(PAIRS.values(), ()) for name in ("lung lesion", "pleural effusion")
    ]
    reports = [*world.table("sections")["text"].to_pylist(), "Lung Lesion", "Pleural Effusion"]
    pack = load_pack(str(world.path.parent / "pack.yaml"))
    again = paraphrased(prompts_of(pack, ["Lung Lesion", "Pleural Effusion"])).values()
    otherwise = [text for one in again for text in (*one.positive, *one.negative)]
    asked = [*(f"There is {one}." for one in names), *pairs, *map(mirrored, pairs), *reports, *otherwise]
    return list(dict.fromkeys(asked))


@pytest.fixture(scope="module")
def audited(world, texts, tmp_path_factory):
    """The results of a cheat, by what it looks at and whether it reads texts; each is made once."""
    module, known = kind(str(HERE / "cheats.py")), {}

    def audit(reads: str, *, prompts: bool = False, deaf: bool = False, points: bool = False, **settings):
        key = (reads, prompts, deaf, points)
        if key not in known:
            folder = tmp_path_factory.mktemp("cheats") / "model"
            known_texts = texts if prompts or points else None
            module.save_cheat(folder, reads, known_texts, deaf=deaf, points=points)
            settings |= {"prompts": str(world.path.parent / "pack.yaml"), "resamples": 100}
            predictor = load(folder, trust_code=True)
            known[key] = reliance.run(predictor, [world], build(reliance.Config, settings, "task"))
        return known[key]

    return audit


def outcomes(results, group: str) -> dict[str, str]:
    found = results.protocol["verdicts"]
    return {name.partition(": ")[2]: one["outcome"] for name, one in found.items() if name.startswith(group)}


def value(results, name: str) -> float:
    return next(one.value for one in results.metrics if one.name == name)


SLOW_WITHOUT_PROMPTS = pytest.mark.parametrize("prompts", [True, pytest.param(False, marks=pytest.mark.slow)])


@SLOW_WITHOUT_PROMPTS
def test_a_model_that_reads_the_finding_passes(audited, prompts: bool) -> None:
    results = audited("finding", prompts=prompts)
    found = outcomes(results, "zero-shot" if prompts else "classification")
    assert set(found.values()) == {"passes"}, found
    assert len(found) == (13 if prompts else 12)
    assert value(results, f"{'zero_shot' if prompts else 'classification'}/auroc_macro") > 0.95
    assert not results.warnings


@pytest.mark.parametrize("prompts", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_label_from_the_marker_is_caught(audited, prompts: bool) -> None:
    results = audited("marker", prompts=prompts)
    found = outcomes(results, "zero-shot" if prompts else "classification")
    assert found["looks at the film"] == "passes"
    assert found["does not need letters in the margins"] == "fails"
    assert found[READS] == "fails"
    assert any("letters in the margins" in warning for warning in results.warnings)


@pytest.mark.slow
def test_a_label_from_the_view_is_caught(audited) -> None:
    results = audited("view", observations=("Pleural Effusion",))
    found = outcomes(results, "classification")
    assert value(results, "classification/auroc_macro") > 0.65
    assert found["looks at the film"] == "passes"
    assert found["knows more than the view"] == "fails"
    assert found[READS] == "fails"


@SLOW_WITHOUT_PROMPTS
def test_a_label_without_any_film_is_caught(audited, prompts: bool) -> None:
    results = audited("nothing", prompts=prompts)
    question = "zero_shot" if prompts else "classification"
    found = outcomes(results, question.replace("_", "-"))
    assert found["looks at the film"] == "fails"
    assert found[READS] == "fails"
    assert value(results, f"{question}/blank_film/other_answer") == 0
    assert value(results, f"{question}/blank_film/kept") in (1, None)
    sentence = results.protocol["verdicts"][f"{question.replace('_', '-')}: looks at the film"]["numbers"]
    assert "The answers of 100% of films stay the same with a blank film" in sentence
    if prompts:
        assert outcomes(results, "retrieval")["looks at the film"] == "fails"


@pytest.mark.slow
def test_prompts_are_told_apart_by_a_model_that_reads_them(audited) -> None:
    hears, deaf = (audited("finding", prompts=True, deaf=deaf) for deaf in (False, True))
    assert set(outcomes(hears, "prompts").values()) == {"passes"}
    assert len(outcomes(hears, "prompts")) == 3
    for check in ("tells a prompt from its negation", "tells left from right", "tells severe from mild"):
        assert outcomes(deaf, "prompts")[check] == "fails", check
    assert hears.protocol["cosine_of_prompt_pairs"]["side"] == -1
    assert deaf.protocol["cosine_of_prompt_pairs"]["side"] == 1


def test_a_mirrored_film_goes_with_mirrored_words(audited) -> None:
    side = next(one for one in audited("finding", prompts=True).metrics if one.name == "side/side")
    assert side.value > 0.95
    assert side.baselines["mirrored_film_and_words"] > 0.95
    assert side.baselines["mirrored_film_same_words"] < 0.05
    assert side.baselines["blank_film"] == pytest.approx(0.5, abs=0.2)


def test_reports_are_found_by_what_the_film_shows(audited) -> None:
    found = next(one for one in audited("finding", prompts=True).metrics if one.name == "retrieval/mrr")
    assert found.over_baselines["blank_film"][1] > 0
    assert found.value > 1.5 * found.baselines["random"]


@pytest.mark.slow
@pytest.mark.parametrize("reads", ["finding", "nothing"])
def test_boxes_are_audited_like_answers(audited, reads: str) -> None:
    results = audited(reads, points=True)
    expected = "passes" if reads == "finding" else "fails"
    assert outcomes(results, "locating")[READS] == expected
    assert outcomes(results, "locating")["looks at the film"] == expected
    hits = next(one for one in results.metrics if one.name == "pointing/hits")
    assert (hits.value > 0.9) == (reads == "finding")
    assert outcomes(results, "pointing")["looks at the film"] == expected
    assert hits.baselines["mirrored"] > 0.9 or reads == "nothing"


def test_reports_are_audited_by_what_they_state(tiny_writer, small_world) -> None:
    config = build(reliance.Config, {"resamples": 100}, "task")
    results = reliance.run(load(tiny_writer, trust_code=True), [small_world], config)
    assert list(results.protocol["questions"]) == ["reports"]
    assert set(results.predictions["as_it_is"]) <= {0.0, 0.5, 1.0}
    blank = results.predictions.groupby("observation")["blank_film"].nunique()
    assert (blank == 1).all()


def test_aurocs_are_those_of_the_scores_that_are_kept(audited) -> None:
    results = audited("marker")
    for change in ("as_it_is", "mirrored", "film_of_other_labels"):
        own = [
            roc_auc_score(rows["positive"].astype(bool), rows[change])
            for _, rows in results.predictions.groupby("observation")
        ]
        name = "classification/auroc_macro" if change == "as_it_is" else f"classification/{change}/auroc"
        assert value(results, name) == pytest.approx(np.mean(own))
    lost = value(results, "classification/auroc_macro") - value(results, "classification/mirrored/auroc")
    assert value(results, "classification/mirrored/lost") == pytest.approx(lost)


def test_subgroups_are_audited_by_the_same_rules(audited, world) -> None:
    results = audited("marker")
    views = world.frame("images").set_index("image_id")["view"]
    scored = results.predictions.assign(view=results.predictions["query_id"].map(views))
    by_name = {one.name: one for one in results.metrics}
    for view, rows in scored.groupby("view"):
        plain, flipped = (
            np.mean([roc_auc_score(own["positive"].astype(bool), own[one]) for _, own in by_class])
            for by_class in [list(rows.groupby("observation"))]
            for one in ("as_it_is", "mirrored")
        )
        headline = by_name[f"classification/auroc_macro [view {view}]"]
        assert headline.value == pytest.approx(plain)
        assert headline.n == rows["query_id"].nunique()
        assert {"blank_film", "view_only"} <= set(headline.baselines)
        lost = by_name[f"classification/mirrored/lost [view {view}]"]
        assert lost.value == pytest.approx(plain - flipped)
        differs = by_name[f"classification/blank_film/other_answer [view {view}]"]
        assert differs.n == headline.n


@pytest.mark.parametrize("name", ["zero_shot/pairs/auroc_pooled", "retrieval/mrr", "negation/negation"])
def test_every_part_of_an_audit_has_its_subgroups(audited, name: str) -> None:
    by_name = {one.name: one for one in audited("finding", prompts=True).metrics}
    parts = [by_name[f"{name} [view {view}]"] for view in ("AP", "PA")]
    assert sum(one.n for one in parts) == by_name[name].n
    assert all(not one.headline and one.subgroup for one in parts)


def test_exchanged_films_are_those_of_other_patients(audited) -> None:
    results = audited("finding", prompts=True)
    assert value(results, "zero_shot/film_of_same_labels/auroc") > 0.95
    assert value(results, "zero_shot/film_of_other_labels/auroc") < 0.05
    rows = results.predictions
    own, other = rows["as_it_is"].to_numpy(), rows["film_of_same_labels"].to_numpy()
    assert (own != other).mean() > 0.9


def test_verdicts_are_on_the_page_and_in_the_document(audited, tmp_path: Path) -> None:
    write(audited("marker"), tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "Does it look at the film?" in page
    assert "Reads the finding where it is: fails." in page
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["protocol"]["verdicts"][f"classification: {READS}"]["outcome"] == "fails"


def test_a_collection_without_boxes_says_what_is_not_tested(tiny_model, small_world) -> None:
    settings = {"resamples": 100, "observations": ["Cardiomegaly", "Pneumothorax"]}
    results = reliance.run(load(tiny_model), [small_world], build(reliance.Config, settings, "task"))
    assert outcomes(results, "zero-shot")[READS] == "not tested"


def test_what_cannot_be_audited_is_said(tiny_classifier, small_world, tiny_model) -> None:
    def run(model, **settings):
        reliance.run(load(model), [small_world], build(reliance.Config, settings, "task"))

    with pytest.raises(DataError, match="no labels of 'Cardiomegali'.*Cardiomegaly"):
        run(tiny_classifier, observations=("Cardiomegali",))
    with pytest.raises(UsageError, match="answers nothing about No Finding"):
        run(tiny_classifier, observations=("No Finding",))


def test_two_audits_are_compared_by_their_headlines(audited, tmp_path: Path) -> None:
    stored = []
    for reads in ("finding", "nothing"):
        write(audited(reads, prompts=True), tmp_path / reads)
        stored.append(read(tmp_path / reads))
    (compared,) = compare(*stored)
    assert compared.name == "zero_shot/auroc_macro"
    assert compared.high < 0
