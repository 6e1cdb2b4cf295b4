"""The films that are shown beside the scores of zero-shot classification: which, in what order, as what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from plainfilm.metrics.conformal import Bounds
from plainfilm.predictor import ZeroShot
from plainfilm.prompts import Prompts
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import Fitted
from plainfilm.tasks.zero_shot import (
    COMBINED,
    FILMS_EACH,
    GROUPS,
    OBSERVATIONS,
    PromptSet,
    examples,
    prompted,
)

MARGINS = [0.9, 0.8, 0.7, 0.1, 0.95, 0.4, 0.2, 0.05]
TRUTHS = [1, 1, 1, 1, 0, 0, 0, 0]
NAMES = list("abcdefgh")


def films(positive=TRUTHS, known=None, patients=NAMES):
    frame = pd.DataFrame({"image_id": NAMES, "patient_id": patients, "corpus": "c", "image": NAMES})
    truth = np.array(positive, dtype=bool)[:, None]
    known = np.ones_like(truth) if known is None else np.array(known)[:, None]
    return Films(frame, ("Edema",), truth, known, 0)


def found(margins=MARGINS):
    positive = np.array(margins, dtype=np.float32)[:, None]
    return ZeroShot(("Edema",), positive, np.zeros_like(positive), positive)


def fitted(threshold):
    return Fitted(
        *(
            {group: [threshold] for group in GROUPS},
            [None],
            None,
            [Bounds(-np.inf, np.inf)],
            [None],
            [0],
            [0],
        ),
        main=COMBINED,
    )


def asked(negative=("no edema",)):
    return PromptSet({"Edema": Prompts(("edema",), negative)}, (), ())


def gallery(films, found, fitted, asked):
    return examples(films, prompted(found, 1.0, asked), fitted, asked)


def names(shown):
    return [answer.image.image_id for answer in shown.answers]


def kinds(shown):
    by_kind = {}
    for answer in shown.answers:
        by_kind.setdefault(answer.heading, []).append(answer.image.image_id)
    return by_kind


def test_the_best_and_the_worst_of_both_truths_are_shown():
    [shown] = gallery(films(), found(), fitted(0.5), asked())
    assert kinds(shown) == {
        "labelled positive, highest scores": ["a", "b"],
        "labelled positive, lowest scores": ["d", "c"],
        "labelled negative, highest scores": ["e", "f"],
        "labelled negative, lowest scores": ["h", "g"],
    }
    assert (shown.group, shown.title) == ("Edema", "4 of 8 films are positive")


def test_a_film_agrees_where_it_is_called_as_it_is_labelled():
    [shown] = gallery(films(), found(), fitted(0.5), asked())
    by_name = {answer.image.image_id: (answer.detail, answer.agreement) for answer in shown.answers}
    assert by_name["a"] == ("called positive · score 0.900", "agrees")
    assert by_name["d"] == ("called negative · score 0.100", "contradicts")
    assert by_name["e"] == ("called positive · score 0.950", "contradicts")


def test_without_a_threshold_nothing_is_called():
    [shown] = gallery(films(), found(), None, asked())
    assert {answer.agreement for answer in shown.answers} == {"open"}
    assert not any("called" in answer.detail for answer in shown.answers)


def test_of_a_patient_one_film_is_shown_in_a_row():
    [shown] = gallery(films(patients=["p", "p", *NAMES[2:]]), found(), None, asked())
    assert kinds(shown)["labelled positive, highest scores"] == ["a", "c"]


def test_equal_scores_are_shown_in_the_order_of_their_ids():
    [shown] = gallery(films(), found([0.5] * 8), None, asked())
    assert kinds(shown)["labelled positive, highest scores"] == ["a", "b"]


def test_no_film_is_shown_twice():
    [shown] = gallery(films([1, 0, 0, 0, 0, 0, 0, 0]), found(), None, asked())
    assert len(names(shown)) == len(set(names(shown))) == 1 + 2 * FILMS_EACH


def test_films_of_unknown_truth_are_not_shown():
    [shown] = gallery(films(known=[False, *[True] * 7]), found(), None, asked())
    assert "a" not in names(shown)


def test_without_a_denial_films_are_shown_by_the_positive_prompts():
    [shown] = gallery(films(), found(), None, asked(negative=()))
    assert shown.answers[0].detail == "score 0.900"


def test_an_observation_of_one_truth_is_not_shown():
    assert gallery(films([0] * 8), found(), None, asked()) == ()


def test_the_commonest_observations_are_shown():
    count = OBSERVATIONS + 2
    observations = tuple(f"o{n}" for n in range(count))
    truth = np.tril(np.ones((12, count), dtype=bool), k=0)
    frame = pd.DataFrame({"image_id": [f"f{n}" for n in range(12)], "patient_id": "p", "corpus": "c"})
    scores = np.zeros((12, count), dtype=np.float32)
    prompts = PromptSet({name: Prompts(("a",), ("b",)) for name in observations}, (), ())
    every = Films(frame.assign(image="x"), observations, truth, np.ones_like(truth), 0)
    shown = gallery(every, ZeroShot(observations, scores, scores, scores), None, prompts)
    assert [one.group for one in shown] == list(observations[1 : OBSERVATIONS + 1])
