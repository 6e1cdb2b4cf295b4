"""Groups of report scores: clinical scores against scikit-learn, sides, placeholders, empty texts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from plainfilm.tasks.reporting.pairs import ReportPairs, score_pairs
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings

REFERENCES = [
    "Large left pleural effusion. Possible edema.",
    "No acute cardiopulmonary process.",
    "Right pneumothorax.",
    "Cardiomegaly with bilateral effusions.",
]
CANDIDATES = [
    "Small right pleural effusion.",
    "No pneumothorax.",
    "",
    "Cardiomegaly and a left effusion. Edema.",
]


def scored(references=REFERENCES, candidates=CANDIDATES, baselines=None, **settings):
    ids = [f"s{place}" for place in range(len(references))]
    pairs = ReportPairs(ids, ids, references, candidates, "as given", baselines or {})
    return score_pairs(pairs, TextSettings(resamples=100, **settings))


def values(found):
    return {metric.name: metric.value for metric in found.metrics}


def test_clinical_f1_is_that_of_scikit_learn_over_the_labellers_states():
    reader = ReportReader(TextSettings())
    states = [reader.states(reader.read(texts)) for texts in (REFERENCES, CANDIDATES)]
    found = values(scored())
    for group, positive in (("findings", (1, -1)), ("positive_only", (1,))):
        true, said = (np.isin(side, positive) for side in states)
        assert found[f"{group}/f1_micro-14"] == pytest.approx(f1_score(true, said, average="micro"))
        macro = f1_score(true, said, average="macro", zero_division=np.nan)
        assert found[f"{group}/f1_macro-14"] == pytest.approx(macro)
        assert found[f"{group}/f1_micro-13"] == pytest.approx(
            f1_score(true[:, 1:], said[:, 1:], average="micro")
        )


def test_sides_are_compared_where_both_texts_name_one():
    found = scored()
    agreement = next(one for one in found.metrics if one.name == "sides/side_agreement")
    assert (agreement.value, agreement.n) == (0.0, 1)
    assert values(scored(REFERENCES, REFERENCES))["sides/f1_sides"] == 1


def test_a_perfect_copy_has_the_best_of_every_score():
    found = values(scored(REFERENCES, REFERENCES))
    assert all(found[name] == 1 for name in ("text/bleu_4", "text/rouge_l", "findings/f1_micro-14"))
    assert found["form/length_difference"] == 0


def test_an_empty_candidate_counts_as_a_report_that_says_nothing():
    found = values(scored(REFERENCES, [""] * 4))
    assert found["form/empty"] == 1
    assert found["text/bleu_1"] == found["text/cider_d"] == found["findings/f1_micro-14"] == 0
    assert found["findings/precision_micro-14"] is None


def test_placeholders_are_removed_on_both_sides_if_asked():
    pair = (["XXXX effusion on ___."], ["Effusion on."])
    assert values(scored(*pair))["text/rouge_l"] < 1
    removed = scored(*pair, placeholders="remove")
    assert values(removed)["text/rouge_l"] == 1
    assert all("placeholders:remove" in one.identity for one in removed.metrics)


def test_references_stand_beside_length_and_repetition():
    by_name = {one.name: one for one in scored().metrics}
    assert by_name["form/identical"].baselines["references"] == 0
    assert "references" not in by_name["text/bleu_4"].baselines


def test_draws_of_a_baseline_are_averaged():
    found = scored(baselines={"random": [REFERENCES, [""] * 4]})
    rouge = next(one for one in found.metrics if one.name == "text/rouge_l")
    assert rouge.baselines["random"] == pytest.approx(0.5)
    low, high = rouge.over_baselines["random"][1:]
    assert low <= rouge.value - 0.5 <= high


def test_a_vocabulary_of_ones_own_names_its_labeller():
    found = scored(vocabulary="nih14")
    assert found.protocol["labels"].startswith("plainfilm-nih14-")
    assert "findings/f1/Hernia" in values(found)
