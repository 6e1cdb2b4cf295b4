from __future__ import annotations

from itertools import pairwise

import pytest

from plainfilm.phantom.population import MOST_STUDIES, draw_patient, make_studies, patient_truth, plan


@pytest.mark.parametrize("studies", [1, 7, 200])
def test_a_plan_has_exactly_the_studies_asked_for(studies):
    jobs = plan(studies, 3, 64)
    assert sum(job.studies for job in jobs) == studies
    assert all(1 <= job.studies <= MOST_STUDIES for job in jobs)


def test_shares_of_the_splits():
    splits = [job.split for job in plan(1000, 3, 64)]
    assert splits.count("test") / len(splits) == pytest.approx(0.15, abs=0.01)
    assert splits.count("validation") / len(splits) == pytest.approx(0.08, abs=0.01)


def test_a_patient_is_the_same_whoever_asks():
    assert draw_patient(3, 5) == draw_patient(3, 5)
    assert draw_patient(3, 5) != draw_patient(3, 6)


def test_ids_are_unique_over_many_patients():
    jobs = plan(3000, 1, 64)
    assert len({patient_truth(job, []).patient_id for job in jobs}) == len(jobs)


def test_studies_are_in_time_and_films_match_their_record():
    job = next(job for job in plan(60, 4, 48) if job.studies > 1)
    made = list(make_studies(job))
    assert [study.order for study, _ in made] == list(range(job.studies))
    assert all(later.days > earlier.days for (earlier, _), (later, _) in pairwise(made))
    for study, arrays in made:
        assert [(film.height, film.width) for film in study.films] == [array.shape for array in arrays]
