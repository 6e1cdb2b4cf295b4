"""What is written in another system's format and read again is what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plainfilm.collection import Collection
from plainfilm.interchange import Written
from plainfilm.interchange.chexpert import COLUMNS
from plainfilm.text.rules import report_text
from plainfilm.types import Section
from tests.interchange.conftest import (
    assert_same_boxes,
    images_of,
    states_of,
    studies_of,
    texts_of,
)

ThereAndBack = Callable[..., tuple[Collection, Written]]


def texts_by_rule(collection: Collection, rule: str) -> dict[str, str]:
    """Study → the text of a rule with single spaces, where there is any."""
    found = {}
    for key, rows in collection.frame("sections").groupby("study_id"):
        rows = rows.sort_values("position")
        sections = [Section(row.section, row.text, row.start, row.end) for row in rows.itertuples()]
        text = " ".join(report_text(sections, rule).split())
        if text:
            found[str(key)] = text
    return found


def of_studies(items: set[tuple[Any, ...]], keys: set[str], place: int) -> set[tuple[Any, ...]]:
    return {item for item in items if item[place] in keys}


@pytest.mark.parametrize("rule", ["best_section", "impression_findings", "all"])
def test_txtrayalign(phantoms: Collection, there_and_back: ThereAndBack, rule: str) -> None:
    back, written = there_and_back(phantoms, "txtrayalign", {"text": rule}, "table", {})
    texts = texts_by_rule(phantoms, rule)
    assert texts_of(back) == texts
    assert studies_of(back) == of_studies(studies_of(phantoms), set(texts), 0)
    assert images_of(back) == of_studies(images_of(phantoms), set(texts), 1)
    assert written.rows == len(back.frame("images"))


def test_cxr_clip_with_texts(phantoms: Collection, there_and_back: ThereAndBack) -> None:
    back, written = there_and_back(phantoms, "cxr_clip", {}, "cxr_clip", {})
    kept = {key for key, _, _ in studies_of(back)}
    assert len(kept) == written.rows >= 20
    assert studies_of(back) == of_studies(studies_of(phantoms), kept, 0)
    assert images_of(back) == of_studies(images_of(phantoms), kept, 1)
    whole = {key: text for key, text in texts_by_rule(phantoms, "findings_impression").items() if key in kept}
    test = {key for key, _, split in studies_of(phantoms) if split == "test"}
    assert {key: text for key, text in texts_of(back).items() if key in whole.keys() - test} == {
        key: text for key, text in whole.items() if key not in test
    }
    assert all(text in whole[key] for key, text in texts_of(back).items() if key in test)
    names = phantoms.frame("sections").merge(back.frame("sections"), on=["study_id", "section"])
    assert set(names["study_id"]) == kept


def test_cxr_clip_with_labels(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(boxed, "cxr_clip", {"what": "labels"}, "cxr_clip", {})
    assert studies_of(back) == studies_of(boxed)
    assert images_of(back) == images_of(boxed)
    assert states_of(back, "cxr_clip") == states_of(boxed, "reader")


def test_refers_for_pretraining(phantoms: Collection, there_and_back: ThereAndBack) -> None:
    back, written = there_and_back(phantoms, "refers", {}, "refers", {})
    texts = texts_by_rule(phantoms, "findings_impression")
    assert texts_of(back) == texts
    assert studies_of(back) == of_studies(studies_of(phantoms), set(texts), 0)
    without_view = {(image, study) for image, study, *_ in images_of(back)}
    assert without_view == {(image, study) for image, study, *_ in images_of(phantoms) if study in texts}
    assert written.rows == len(texts)


def test_refers_for_finetuning(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(boxed, "refers", {"kind": "finetuning"}, "refers", {})
    assert studies_of(back) == studies_of(boxed)
    assert states_of(back, "refers", 1) == {
        (image, name, 1) for image, name, _ in states_of(boxed, "reader", 1, -1)
    }


def test_chexpert(phantoms: Collection, there_and_back: ThereAndBack) -> None:
    columns = {
        "image": "Path",
        "labels": ",".join(COLUMNS),
        "age": "Age",
        "sex": "Sex",
        **{role: role for role in ("image_id", "view")},
        **{role: f"{role}_id" for role in ("study", "patient")},
    }
    options = {"columns": columns, "label_origin": "mimic-cxr/chexpert"}
    back, _ = there_and_back(phantoms, "chexpert", {"origin": "mimic-cxr/chexpert"}, "table", options)
    with_films = {study for _, study, *_ in images_of(phantoms)}
    assert studies_of(back) == of_studies(studies_of(phantoms), with_films, 0)
    assert images_of(back) == images_of(phantoms)
    assert states_of(back, "mimic-cxr/chexpert") == states_of(phantoms, "mimic-cxr/chexpert")
    ages = [collection.frame("studies").set_index("study_id")["age"] for collection in (phantoms, back)]
    assert (ages[0][ages[1].index].round() == ages[1]).all()


def test_chexpert_by_its_own_source(phantoms: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(phantoms, "chexpert", {"origin": "mimic-cxr/chexpert"}, "chexpert", {})
    for table in ("images", "labels"):
        kept = phantoms.frame(table)
        if table == "labels":
            kept = kept[(kept["origin"] == "mimic-cxr/chexpert")]
        assert len(back.frame(table)) >= len(kept)
    assert back.frame("studies")["patient_id"].nunique() == phantoms.frame("studies")["patient_id"].nunique()


def test_coco(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(boxed, "coco", {}, "coco", {"images": boxed.path})
    assert studies_of(back) == studies_of(boxed)
    assert images_of(back) == images_of(boxed)
    assert_same_boxes(boxed, back, "image_id", "kind", "name", "annotator", "phrase")
    assert set(back.frame("images")["licence"]) == {"CC0-1.0"}


def test_coco_with_films_in_its_folder(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(boxed, "coco", {"images": "copy"}, "coco", {})
    assert_same_boxes(boxed, back, "image_id", "kind", "name")


def test_chex(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, _ = there_and_back(boxed, "chex", {}, "chex", {})
    assert studies_of(back) == studies_of(boxed)
    assert images_of(back) == images_of(boxed)
    assert texts_of(back) == texts_of(boxed)
    assert states_of(back, "chex/cxp") == states_of(boxed, "reader")
    assert_same_boxes(boxed, back, "image_id", "kind", "name", "phrase")
    regions = [
        set(
            collection.frame("labels")
            .query("target == 'region'")[["target_id", "observation", "state", "origin"]]
            .itertuples(index=False, name=None)
        )
        for collection in (boxed, back)
    ]
    assert regions[0] == regions[1] != set()


def test_chex_nih(boxed: Collection, there_and_back: ThereAndBack) -> None:
    back, written = there_and_back(boxed, "chex_nih", {}, "chex", {})
    assert written.left_out == ()
    splits = [
        dict(zip(frame["study_id"], frame["split"], strict=True))
        for frame in (
            collection.frame("images")
            .merge(collection.frame("studies"), on="study_id")
            .assign(study_id=lambda frame: frame["image_id"])
            for collection in (boxed, back)
        )
    ]
    assert splits[0] == splits[1]
    trained = {image for image, split in splits[0].items() if split == "train"}
    assert states_of(back, "nih14", 1) == {
        said for said in states_of(boxed, "reader", 1) if said[0] in trained
    }
    nodules = [
        collection.frame("boxes").query("name == 'Nodule'").set_index("image_id").loc[["film 3", "film2"]]
        for collection in (boxed, back)
    ]
    corners = ["x0", "y0", "x1", "y1"]
    assert (nodules[0][corners] - nodules[1][corners]).abs().to_numpy().max() < 0.1


def test_chex_of_phantoms(phantoms: Collection, there_and_back: ThereAndBack) -> None:
    back, written = there_and_back(
        phantoms, "chex", {"frontal": False, "origin": "mimic-cxr/negbio"}, "chex", {}
    )
    assert images_of(back) == images_of(phantoms)
    assert written.rows == len(back.frame("images"))
    assert states_of(back, "chex/cxp") == states_of(phantoms, "mimic-cxr/negbio")
    sentences = [
        collection.frame("sentences").query("section in ('findings', 'impression', 'other')")
        for collection in (phantoms, back)
    ]
    for one, other in ((sentences[0], sentences[1]), (sentences[1], sentences[0])):
        pairs = {(row.study_id, " ".join(row.text.split())) for row in one.itertuples()}
        others = {(row.study_id, " ".join(row.text.split())) for row in other.itertuples()}
        with_films = {study for _, study, *_ in images_of(phantoms)}
        assert {pair for pair in pairs if pair[0] in with_films} <= others
