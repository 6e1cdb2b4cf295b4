from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture
def truth(corpus):
    """Reads a table of the truth by its name."""
    return lambda name: pd.read_parquet(corpus / "truth" / f"{name}.parquet")


def test_sentences_lie_in_the_reports_on_disk(corpus, truth):
    texts = {path.stem[1:]: path.read_text() for path in corpus.rglob("s*.txt")}
    sentences = truth("sentences")
    assert len(sentences) > 100
    for row in sentences.itertuples():
        assert " ".join(texts[row.study_id][row.start : row.end].split()) == row.text


def test_studies_without_a_report_state_nothing(truth):
    studies = truth("studies")
    silent = set(studies.loc[~studies["has_report"], "study_id"])
    assert not silent & set(truth("states")["study_id"])


def test_boxes_lie_on_their_films(truth):
    boxes = truth("boxes").merge(truth("films"), on="film_id")
    assert ((boxes.x0 >= 0) & (boxes.x0 < boxes.x1) & (boxes.x1 <= boxes.width)).all()
    assert ((boxes.y0 >= 0) & (boxes.y0 < boxes.y1) & (boxes.y1 <= boxes.height)).all()


def test_boxes_of_findings_name_their_observation(truth):
    boxes = truth("boxes")
    assert boxes.loc[boxes.kind == "finding", "observation"].notna().all()
    assert boxes.loc[boxes.kind == "region", "observation"].isna().all()


def test_most_findings_are_boxed_on_a_film_of_their_study(truth):
    findings = truth("findings")
    boxes = truth("boxes").merge(truth("films")[["film_id", "study_id"]], on="film_id")
    boxed = set(zip(boxes.study_id, boxes.name, strict=True))
    seen = [(row.study_id, row.key) in boxed for row in findings.itertuples()]
    assert sum(seen) >= 0.95 * len(seen)
