from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import vindr_cxr
from plainfilm.sources.common.vindr_classes import vindr_classes
from plainfilm.types import Label, Rejection, State, Study, View

CLASSES = [
    *vindr_classes().local,
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other diseases",
    "No finding",
]


def label_row(image: str, reader: str | None, *positive: str) -> str:
    cells = ["1" if name in positive else "0" for name in CLASSES]
    return ",".join([image, *([reader] if reader else []), *cells])


def write(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two training films, read by three, and one of the test, as `wget -r` leaves them."""
    root = tmp_path / "physionet.org" / "files" / "vindr-cxr" / "1.0.0"
    for film in ("train/aa", "train/bb", "test/cc"):
        write(root / f"{film}.dicom")
    write(
        root / "annotations" / "image_labels_train.csv",
        ",".join(["image_id", "rad_id", *CLASSES]),
        label_row("aa", "R8", "Edema", "Other diseases"),
        label_row("aa", "R9", "Edema"),
        label_row("aa", "R10", "No finding"),
        *(label_row("bb", reader, "No finding") for reader in ("R1", "R2", "R3")),
    )
    write(
        root / "annotations" / "annotations_train.csv",
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max",
        "aa,R8,Edema,100,100,200,200",
        "aa,R9,Edema,120,100,220,200",
        "aa,R10,No finding,,,,",
        "aa,R8,Other diseases,,,,",
        *(f"bb,{reader},No finding,,,," for reader in ("R1", "R2", "R3")),
    )
    write(
        root / "annotations" / "image_labels_test.csv",
        ",".join(["image_id", *CLASSES]).replace("Other diseases", "Other disease"),
        label_row("cc", None, "Cardiomegaly", "Other diseases"),
    )
    write(
        root / "annotations" / "annotations_test.csv",
        "image_id,class_name,x_min,y_min,x_max,y_max",
        "cc,Cardiomegaly,1,2,3,4",
    )
    return tmp_path


def table(raw: Path, name: str) -> Path:
    return next(raw.rglob(f"{name}.csv"))


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(vindr_cxr.read(raw, vindr_cxr.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def states(study: Study, origin: str) -> Mapping[str, State]:
    return {label.observation: label.state for label in study.images[0].labels if label.origin == origin}


def boxes(study: Study) -> Sequence[tuple[Any, ...]]:
    return [(box.annotator, box.name, box.x0, box.y0, box.x1, box.y1) for box in study.images[0].boxes]


def test_films_patients_views_and_the_official_split(raw: Path) -> None:
    studies, rejections = read(raw)
    assert {key: study.split for key, study in studies.items()} == {
        "aa": "train",
        "bb": "train",
        "cc": "test",
    }
    assert all(study.patient_id == key for key, study in studies.items())
    assert studies["aa"].images[0].view is View.PA
    assert studies["aa"].images[0].path.is_file()
    assert rejections == []


def test_every_reader_is_kept_and_the_majority_counted(raw: Path) -> None:
    film = read(raw)[0]["aa"]
    assert states(film, "vindr_cxr/R8")["Edema"] is State.POSITIVE
    assert states(film, "vindr_cxr/R10")["Edema"] is State.NEGATIVE
    majority = states(film, "vindr_cxr/majority")
    assert [name for name, state in majority.items() if state is State.POSITIVE] == ["Edema"]
    assert len(majority) == 28


def test_any_reader_will_do_as_in_cxr_clip(raw: Path) -> None:
    found = states(read(raw, rule="any")[0]["aa"], "vindr_cxr/any")
    positive = {name for name, state in found.items() if state is State.POSITIVE}
    assert positive == {"Edema", "Other disease", "No finding"}


def test_two_readers_who_disagree_leave_it_uncertain(raw: Path) -> None:
    path = table(raw, "image_labels_train")
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("aa,R8")))
    assert states(read(raw)[0]["aa"], "vindr_cxr/majority")["Edema"] is State.UNCERTAIN


def test_boxes_of_readers_and_fused(raw: Path) -> None:
    assert boxes(read(raw)[0]["aa"]) == [
        ("R8", "Edema", 100, 100, 200, 200),
        ("R9", "Edema", 120, 100, 220, 200),
        ("fusion", "Edema", 110, 100, 210, 200),
    ]


def test_fused_boxes_of_too_few_readers_are_left_out(raw: Path) -> None:
    assert [box[0] for box in boxes(read(raw, fusion_readers=3)[0]["aa"])] == ["R8", "R9"]


def test_the_test_part_is_a_consensus(raw: Path) -> None:
    film = read(raw)[0]["cc"]
    assert boxes(film) == [("consensus", "Cardiomegaly", 1, 2, 3, 4)]
    assert states(film, "vindr_cxr/consensus")["Other disease"] is State.POSITIVE
    assert {label.origin for label in film.images[0].labels} == {"vindr_cxr/consensus"}


@pytest.mark.parametrize(("name", "count"), [("cxr_clip", 18), ("chex", 15), ("all", 28)])
def test_sets_of_classes(raw: Path, name: str, count: int) -> None:
    assert len(states(read(raw, classes=name)[0]["bb"], "vindr_cxr/R1")) == count


def test_the_sets_are_of_known_classes() -> None:
    classes = vindr_classes()
    assert (len(classes.local), len(classes.whole)) == (22, 6)
    assert all(set(names) <= set(classes.every) for names in classes.sets.values())


@pytest.mark.parametrize("part", ["train", "test"])
def test_one_part_alone(raw: Path, part: str) -> None:
    for path in (table(raw, f"image_labels_{part}"), table(raw, f"annotations_{part}")):
        path.unlink()
    studies, rejections = read(raw)
    assert {study.split for study in studies.values()} == {"train", "test"} - {part}
    assert all("in no table" in rejection.reason for rejection in rejections)


def test_labels_without_boxes(raw: Path) -> None:
    table(raw, "annotations_train").unlink()
    assert boxes(read(raw)[0]["aa"]) == []


def test_films_on_one_side_only(raw: Path) -> None:
    next(raw.rglob("bb.dicom")).rename(next(raw.rglob("train")) / "zz.dicom")
    studies, rejections = read(raw)
    assert "bb" not in studies
    assert [(Path(item.path).name, item.reason.partition(",")[0]) for item in rejections] == [
        ("bb.dicom", "listed in the tables but not on disk"),
        ("zz.dicom", "on disk but in no table"),
    ]


def test_tables_alone(raw: Path) -> None:
    for path in list(raw.rglob("*.dicom")):
        path.unlink()
    studies, rejections = read(raw, tables_only=True)
    assert len(studies) == 3
    assert rejections == []
    assert studies["aa"].files == ()


def test_a_zip_is_read_as_it_is(raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "vindr.zip", "w") as archive:
        for path in sorted(raw.rglob("*.*")):
            if path.is_file() and path.suffix != ".zip":
                archive.write(path, path.relative_to(raw))
    studies, rejections = read(tmp_path / "vindr.zip")
    assert len(studies) == 3
    assert rejections == []


@pytest.mark.parametrize(
    ("name", "row", "place", "reason"),
    [
        (
            "image_labels_train",
            label_row("bb", "R4").replace(",0,0,", ",2,0,", 1),
            7,
            "is '2': expected 1, 0 or blank",
        ),
        ("image_labels_train", label_row("bb", "R3"), 7, "R3 has a row of this film already"),
        ("image_labels_train", label_row("", "R3"), 7, "names no image or no reader"),
        ("annotations_train", "aa,R8,Edema,100,100,200,200", 8, "R8 has drawn this box of Edema already"),
        ("annotations_train", "aa,R8,Edema,5,1,2,3", 8, "box (5, 1, 2, 3) is inverted or has no area"),
        ("annotations_train", "aa,R8,Edema,1,1,two,3", 8, "is not four numbers"),
        ("annotations_train", "aa,R8,Edema,,,,", 8, "R8 sees Edema but the row has no box"),
        ("annotations_train", "aa,R8,Oedema,1,2,3,4", 8, "did you mean 'Edema'?"),
        ("annotations_train", "aa,,Edema,1,2,3,4", 8, "no reader"),
        ("annotations_test", "cc,Edema,1,2,3,4,5", 2, "has 7 cells, the header 6"),
    ],
)
def test_rows_that_cannot_be_used(raw: Path, name: str, row: str, place: int, reason: str) -> None:
    with table(raw, name).open("a") as stream:
        stream.write(row + "\n")
    studies, rejections = read(raw)
    assert [rejection.path for rejection in rejections] == [f"{name}.csv row {place}"]
    assert reason in rejections[0].reason
    assert len(studies) == 3


def test_a_bad_label_leaves_the_readers_others(raw: Path) -> None:
    with table(raw, "image_labels_train").open("a") as stream:
        stream.write(label_row("bb", "R4", "ILD").replace(",0,0,", ",2,0,", 1) + "\n")
    found = states(read(raw)[0]["bb"], "vindr_cxr/R4")
    assert found["ILD"] is State.POSITIVE
    assert "Aortic enlargement" not in found


def test_validation_as_cxr_clip_and_chex_draw_it(tmp_path: Path) -> None:
    """A fifth of the sorted training films by scikit-learn; the first half of the test films by pandas."""
    pandas = pytest.importorskip("pandas")
    model_selection = pytest.importorskip("sklearn.model_selection")
    films, others = [f"f{number}" for number in range(10)], [f"t{number}" for number in range(7)]
    write(
        tmp_path / "image_labels_train.csv",
        ",".join(["image_id", "rad_id", *CLASSES]),
        *(label_row(film, "R1") for film in reversed(films)),
    )
    write(
        tmp_path / "image_labels_test.csv",
        ",".join(["image_id", *CLASSES]),
        *(label_row(film, None) for film in others),
    )
    held = {
        name: {
            key
            for key, study in read(tmp_path, tables_only=True, validation=name)[0].items()
            if study.split == "validation"
        }
        for name in ("none", "cxr_clip", "chex")
    }
    _, expected = model_selection.train_test_split(films, test_size=0.2, random_state=0)
    sampled = pandas.DataFrame({"film": others}).sample(frac=1, random_state=12345)["film"]
    assert held == {"none": set(), "cxr_clip": set(expected), "chex": set(sampled[:3])}


def test_a_folder_without_any_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no image_labels_train\.csv or"):
        read(tmp_path)


def test_a_table_without_readers(raw: Path) -> None:
    write(table(raw, "annotations_train"), "image_id,class_name,x_min,y_min,x_max,y_max")
    with pytest.raises(DataError, match="no column 'rad_id'"):
        read(raw)


def test_labels_are_shared_records(raw: Path) -> None:
    studies, _ = read(raw)
    first: Label = studies["bb"].images[0].labels[0]
    assert first.state is State.NEGATIVE
