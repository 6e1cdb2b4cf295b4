"""What the view alone says: frequencies by view, against pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from plainfilm.metrics.scores import score_values
from plainfilm.seeding import generator
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import observation_scores, score_statistics
from plainfilm.tasks.film_classification.view_prior import frequency_at_view
from plainfilm.types import View

VIEWS = [View.PA, View.AP, View.LATERAL]


def some_films(seed: int, count: int = 200) -> tuple[Films, list[View]]:
    """Films on which the first observation goes with the view and the second does not."""
    random = generator("view prior", seed)
    views = [VIEWS[place] for place in random.integers(0, 3, count)]
    chance = np.array([[{View.PA: 0.1, View.AP: 0.8, View.LATERAL: 0.4}[view], 0.5] for view in views])
    positive = random.random((count, 2)) < chance
    known = random.random((count, 2)) < 0.8
    return Films(pd.DataFrame({"image_id": range(count)}), ("Edema", "Fracture"), positive, known, 0), views


def test_frequencies_are_those_of_pandas() -> None:
    films, views = some_films(0)
    found = frequency_at_view(films, views, VIEWS)
    for column in range(2):
        table = pd.DataFrame({"view": views, "y": films.positive[:, column]})[films.known[:, column]]
        grouped = table.groupby("view")["y"].agg(["sum", "count"])
        expected = [(grouped.loc[view, "sum"] + 1) / (grouped.loc[view, "count"] + 2) for view in VIEWS]
        assert found[:, column] == pytest.approx(expected)


def test_a_view_that_is_not_known_has_the_frequency_of_all() -> None:
    films, views = some_films(1)
    unseen = frequency_at_view(films, views, [View.AP_SUPINE])[0]
    positive, known = films.positive & films.known, films.known
    assert unseen == pytest.approx((positive.sum(0) + 1) / (known.sum(0) + 2))


def test_its_auroc_shows_what_the_view_gives_away() -> None:
    (known, views), (films, asked) = some_films(2), some_films(3)
    scores = frequency_at_view(known, views, asked)
    kinds = observation_scores("auroc", "AUROC", "higher", films.observations)
    _, edema, fracture = score_values(kinds, score_statistics(scores, films.truth))
    own = films.known[:, 0]
    assert edema == pytest.approx(roc_auc_score(films.positive[own, 0], scores[own, 0]))
    assert edema > 0.75
    assert abs(fracture - 0.5) < 0.1
