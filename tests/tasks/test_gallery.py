"""The films that are shown beside the scores of zero-shot classification: which, in what order, as what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from plainfilm.metrics.conformal import Bounds
from plainfilm.predictor import ZeroShot
from plainfilm.prompts import Prompts
from plainfilm.tasks.prompting.deciding import GROUPS, Fitted
from plainfilm.tasks.prompting.films import Asked, Films
from plainfilm.tasks.prompting.gallery import FILMS, OBSERVATIONS, gallery

MARGINS = [0.9, 0.8, 0.7, 0.1, 0.95, 0.4, 0.2, 0.05]
TRUTHS = [1, 1, 1, 1, 0, 0, 0, 0]
NAMES = list("abcdefgh")


def films(positive=TRUTHS, known=None, patients=NAMES):
    frame = pd.DataFrame({"image_id": NAMES, "patient_id": patients, "corpus": "c", "image": NAMES})
    truth = np.array(positive, dtype=bool)[:, None]
    return Films(frame, truth, np.ones_like(truth) if known is None else np.array(known)[:, None], 0)


def found(margins=MARGINS):
    positive = np.array(margins, dtype=np.float32)[:, None]
    return ZeroShot(("Edema",), positive, np.zeros_like(positive), positive)


def fitted(threshold):
    return Fitted(
        {group: [threshold] for group in GROUPS}, [None], None, [Bounds(-np.inf, np.inf)], [None], [0], [0]
    )


def asked(negative=("no edema",)):
    return Asked({"Edema": Prompts(("edema",), negative)}, (), ())


def kinds(shown):
    by_kind = {}
    for answer in shown.answers:
        by_kind.setdefault(answer["kind"], []).append(answer["name"])
    return by_kind


def test_the_best_and_the_worst_of_both_truths_are_shown():
    [shown] = gallery(films(), found(), fitted(0.5), asked())
    assert kinds(shown) == {
        "labelled positive, highest scores": ["a", "b"],
        "labelled positive, lowest scores": ["d", "c"],
        "labelled negative, highest scores": ["e", "f"],
        "labelled negative, lowest scores": ["h", "g"],
    }
    assert shown.title == "Edema: 4 of 8 films are positive"


def test_a_film_agrees_where_it_is_called_as_it_is_labelled():
    [shown] = gallery(films(), found(), fitted(0.5), asked())
    agrees = {answer["name"]: (answer["called"], answer["agrees"]) for answer in shown.answers}
    assert agrees["a"] == ("positive", True)
    assert agrees["d"] == ("negative", False)
    assert agrees["e"] == ("positive", False)


def test_without_a_threshold_nothing_is_called():
    [shown] = gallery(films(), found(), None, asked())
    assert {(answer["called"], answer["agrees"]) for answer in shown.answers} == {(None, None)}


def test_of_a_patient_one_film_is_shown_in_a_row():
    [shown] = gallery(films(patients=["p", "p", *NAMES[2:]]), found(), None, asked())
    assert kinds(shown)["labelled positive, highest scores"] == ["a", "c"]


def test_equal_scores_are_shown_in_the_order_of_their_ids():
    [shown] = gallery(films(), found([0.5] * 8), None, asked())
    assert kinds(shown)["labelled positive, highest scores"] == ["a", "b"]


def test_no_film_is_shown_twice():
    [shown] = gallery(films([1, 0, 0, 0, 0, 0, 0, 0]), found(), None, asked())
    names = [answer["name"] for answer in shown.answers]
    assert len(names) == len(set(names)) == 1 + 2 * FILMS


def test_films_of_unknown_truth_are_not_shown():
    [shown] = gallery(films(known=[False, *[True] * 7]), found(), None, asked())
    assert "a" not in {answer["name"] for answer in shown.answers}


def test_without_a_denial_films_are_shown_by_the_positive_prompts():
    [shown] = gallery(films(), found(), None, asked(negative=()))
    assert shown.answers[0]["score"] == pytest.approx(0.9)


def test_an_observation_of_one_truth_is_not_shown():
    assert gallery(films([0] * 8), found(), None, asked()) == ()


def test_the_commonest_observations_are_shown():
    count = OBSERVATIONS + 2
    names = tuple(f"o{n}" for n in range(count))
    truth = np.tril(np.ones((12, count), dtype=bool), k=0)
    frame = pd.DataFrame({"image_id": [f"f{n}" for n in range(12)], "patient_id": "p", "corpus": "c"})
    scores = np.zeros((12, count), dtype=np.float32)
    prompts = Asked({name: Prompts(("a",), ("b",)) for name in names}, (), ())
    every = Films(frame.assign(image="x"), truth, np.ones_like(truth), 0)
    shown = gallery(every, ZeroShot(names, scores, scores, scores), None, prompts)
    assert [one.title.partition(":")[0] for one in shown] == list(names[1 : OBSERVATIONS + 1])
