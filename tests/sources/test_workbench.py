"""Saved work becomes studies: what a person stands for, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from plainfilm.collection import prepare
from plainfilm.errors import SourceError
from plainfilm.sources import workbench
from plainfilm.types import Rejection, State, Study
from tests.source_examples import SAVED_BOX, saved_film, write_saved_work


def read(raw: Path, **options: Any) -> list[Study | Rejection]:
    return list(workbench.read(raw, workbench.Config(**options)))


def sentence(state: str, **changes: Any) -> dict[str, Any]:
    made = {
        "id": "1",
        "kind": "phrase",
        "phrase": "pleural  effusion",
        "text": "Left effusion.",
        "state": state,
    }
    return made | {"boxes": [{**SAVED_BOX, "state": "proposed"}]} | changes


@pytest.mark.parametrize(
    ("changes", "boxes", "text"),
    [
        ({"state": "accepted"}, 1, "Left effusion."),
        ({"state": "edited"}, 1, "Left effusion."),
        ({"state": "rejected"}, 0, None),
        ({"state": "proposed"}, 0, None),
        ({"state": "proposed", "origin": "person", "kind": "box"}, 1, "Left effusion."),
        ({"state": "proposed", "boxes": [{**SAVED_BOX, "state": "accepted"}]}, 1, None),
        ({"state": "accepted", "boxes": [{**SAVED_BOX, "state": "rejected"}]}, 0, "Left effusion."),
        ({"state": "accepted", "text": None}, 1, None),
    ],
)
def test_what_a_person_stands_for_is_taken(
    changes: dict[str, Any], boxes: int, text: str | None, tmp_path: Path
) -> None:
    write_saved_work(tmp_path, [saved_film(tmp_path, "a.png", sentences=[sentence(**changes)])])
    (study,) = read(tmp_path)
    assert len(study.images[0].boxes) == boxes
    assert (study.report and study.report.text) == text


@pytest.mark.parametrize(
    ("phrase", "named"),
    [
        ("pleural  effusion", ("Pleural Effusion", "observation")),
        ("Left lung", ("left lung", "region")),
        ("a tube that is too high", ("a tube that is too high", "phrase")),
        (None, ("phrase", "phrase")),
    ],
)
def test_a_box_is_of_what_was_asked(phrase: str | None, named: tuple[str, str], tmp_path: Path) -> None:
    write_saved_work(
        tmp_path, [saved_film(tmp_path, "a.png", sentences=[sentence("accepted", phrase=phrase)])]
    )
    (box,) = read(tmp_path)[0].images[0].boxes
    assert (box.name, box.kind) == named
    assert (box.x0, box.y0, box.x1, box.y1, box.phrase) == (4, 5, 30, 60, "Left effusion.")


def test_what_nobody_judged_is_taken_if_asked_for(tmp_path: Path) -> None:
    write_saved_work(tmp_path, [saved_film(tmp_path, "a.png", sentences=[sentence("proposed")])])
    assert len(read(tmp_path, proposed=True)[0].images[0].boxes) == 1


def test_labels_are_those_of_the_person(tmp_path: Path) -> None:
    states = {"Edema": "positive", "Hernia": "negative", "Nodule": "uncertain"}
    write_saved_work(tmp_path, [saved_film(tmp_path, "a.png", labels=states)])
    labels = read(tmp_path)[0].images[0].labels
    found = {label.observation: label.state for label in labels}
    assert found == {"Edema": State.POSITIVE, "Hernia": State.NEGATIVE, "Nodule": State.UNCERTAIN}


def test_films_of_one_study_are_one_study(tmp_path: Path) -> None:
    whose = {"patient": "p", "study": "1"}
    films = [saved_film(tmp_path, name, **whose) for name in ("a.png", "b.png")]
    write_saved_work(
        tmp_path, [*films, saved_film(tmp_path, "c.png", patient="p"), saved_film(tmp_path, "d.png")]
    )
    found = read(tmp_path)
    assert [len(study.images) for study in found] == [2, 1, 1]
    assert [study.patient_id == "p" for study in found] == [True, True, False]


def test_a_film_is_found_by_its_content_and_its_absence_is_told(tmp_path: Path) -> None:
    films = [saved_film(tmp_path, name) for name in ("a.png", "b.png")]
    write_saved_work(tmp_path, films)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "deeper" / "other name.png")
    shutil.copy(tmp_path / "deeper" / "other name.png", tmp_path / "b.png")
    study, rejection = sorted(read(tmp_path), key=lambda item: isinstance(item, Rejection))
    assert study.images[0].path.name in ("other name.png", "b.png")
    assert isinstance(rejection, Rejection)
    assert "b.png" in rejection.path


def test_work_that_was_saved_later_counts(tmp_path: Path) -> None:
    for name, saved, label in (("z", "2026-01-01", "negative"), ("a", "2026-02-01", "positive")):
        film = saved_film(tmp_path, "a.png", labels={"Edema": label})
        write_saved_work(tmp_path, [film], name=name, saved=saved)
    rejection, study = read(tmp_path)
    assert "saved again later, in a.json" in rejection.reason
    assert study.images[0].labels[0].state is State.POSITIVE


@pytest.mark.parametrize("damage", [{"films": [{"sha256": "x"}]}, {"version": 2}, {"films": None}])
def test_damaged_work_is_rejected_with_its_name(damage: dict[str, Any], tmp_path: Path) -> None:
    write_saved_work(tmp_path, [saved_film(tmp_path, "a.png")])
    broken = json.loads((tmp_path / "work.json").read_text()) | damage
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    rejection, study = read(tmp_path)
    assert isinstance(study, Study)
    assert rejection.path == "broken.json"


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_folder_without_work_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "other.json").write_text(content)
    with pytest.raises(SourceError, match="no work that was saved in the workbench"):
        read(tmp_path)


def test_it_becomes_a_collection(tmp_path: Path) -> None:
    film = saved_film(tmp_path, "a.png", labels={"Edema": "positive"}, sentences=[sentence("accepted")])
    write_saved_work(tmp_path, [film])
    collection = prepare("workbench", tmp_path, tmp_path / "out", size=64, workers=1)
    assert collection.table("boxes")["name"].to_pylist() == ["Pleural Effusion"]
    assert collection.table("sentences")["text"].to_pylist() == ["Left effusion."]
    assert collection.table("labels")["origin"].to_pylist() == ["workbench"]


@pytest.mark.parametrize("content", ["", "{}\n[]", '{}\n{"work": 1}', "{}\n{", "{}\n" + "[" * 100_000])
def test_damaged_work_of_a_server_is_rejected_with_its_name(content: str, tmp_path: Path) -> None:
    write_saved_work(tmp_path, [saved_film(tmp_path, "a.png")])
    (tmp_path / "0123.work.json").write_text(content)
    (rejection,) = [item for item in read(tmp_path) if isinstance(item, Rejection)]
    assert rejection.path == "0123.work.json"
    assert "damaged" in rejection.reason
