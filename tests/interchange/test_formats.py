"""What is written, as the published readers read it."""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from plainfilm import plugins
from plainfilm.collection import Collection
from plainfilm.errors import ConfigError, UsageError
from plainfilm.interchange import convert
from plainfilm.interchange.base import interchange_format

NAMES = plugins.names("interchange format")
ORIGIN = {"origin": "mimic-cxr/chexpert"}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_keeps_its_contract(name: str, phantoms: Collection, tmp_path: Path) -> None:
    module = interchange_format(name)
    assert module.__doc__
    options = ORIGIN if name in ("chexpert", "chex_nih") else {}
    written = convert(phantoms, name, tmp_path / "out", options)
    assert all(path.is_file() and path.is_relative_to(tmp_path / "out") for path in written.files)
    assert written.rows > 0
    assert all(line[0].isdigit() for line in written.left_out)
    again = convert(phantoms, name, tmp_path / "again" / "out", options)
    for one, other in zip(written.files, again.files, strict=True):
        there, here = f"{tmp_path}/again/out".encode(), f"{tmp_path}/out".encode()
        assert other.read_bytes().replace(there, here) == one.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str, phantoms: Collection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'no_such_option'"):
        convert(phantoms, name, tmp_path / "out", {"no_such_option": 1})


def test_a_folder_with_something_in_it_is_left_alone(phantoms: Collection, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        convert(phantoms, "coco", tmp_path)


@pytest.mark.parametrize("options", [{}, {"origin": "mimic-cxr/chexper"}])
def test_whose_labels_must_be_clear(phantoms: Collection, tmp_path: Path, options: dict) -> None:
    with pytest.raises(ConfigError, match="mimic-cxr/chexpert"):
        convert(phantoms, "chexpert", tmp_path / "out", options)


def test_sections_of_txtrayalign_have_no_header(phantoms: Collection, tmp_path: Path) -> None:
    convert(phantoms, "txtrayalign", tmp_path / "out")
    with (tmp_path / "out" / "sections.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert {len(row) for row in rows} == {2}
    assert rows[0][0] in set(phantoms.frame("studies")["study_id"])


def test_split_tables_of_txtrayalign_have_an_index_and_full_paths(
    phantoms: Collection, tmp_path: Path
) -> None:
    convert(phantoms, "txtrayalign", tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "train.csv", index_col=0)
    assert list(frame.columns[:3]) == ["study_id", "path", "report"]
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in frame["path"])


def test_cxr_clip_reads_lists_and_chooses_films_by_view(phantoms: Collection, tmp_path: Path) -> None:
    convert(phantoms, "cxr_clip", tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "train.csv")
    for row in frame.to_dict("records"):
        images, views = ast.literal_eval(row["image"]), ast.literal_eval(row["view"])
        by_view = [path for view in ("AP", "PA", "Lateral") for path in ast.literal_eval(row[view])]
        assert set(by_view) <= set(images)
        assert views == [view for view in ("AP", "PA", "Lateral") if ast.literal_eval(row[view])]
        assert 1 <= len(ast.literal_eval(row["text"])) <= 2
    test = pd.read_csv(tmp_path / "out" / "test.csv")
    assert not test["text"].str.startswith("[").any()


def test_cxr_clip_takes_labels_only_where_there_is_no_text(phantoms: Collection, tmp_path: Path) -> None:
    convert(phantoms, "cxr_clip", tmp_path / "out", {"what": "labels", **ORIGIN})
    frame = pd.read_csv(tmp_path / "out" / "train.csv")
    assert "text" not in frame.columns
    assert all(len(ast.literal_eval(cell)) == 3 for cell in frame["text_label"])


def test_folders_of_refers_end_in_a_slash_and_hold_small_films(phantoms: Collection, tmp_path: Path) -> None:
    written = convert(phantoms, "refers", tmp_path / "out")
    assert [path.name for path in written.files] == [
        f"{split}_img_caption_patients.txt" for split in ("train", "val", "test")
    ]
    for file in written.files:
        for line in file.read_text("utf-8").splitlines():
            folder, text = line.split("\t")
            assert folder.endswith("/")
            assert text.strip()
            films = list(Path(folder).iterdir())
            assert films
            assert all(film.name.endswith("-small.jpg") and film.is_file() for film in films)


def test_lists_of_refers_split_at_white_space(boxed: Collection, tmp_path: Path) -> None:
    convert(boxed, "refers", tmp_path / "out", {"kind": "finetuning"})
    for split in ("train", "val", "test"):
        for line in (tmp_path / "out" / f"{split}.txt").read_text().splitlines():
            name, *values = line.split()
            assert (tmp_path / "out" / "images" / name).is_file()
            assert set(values) <= {"0", "1"}
            assert len(values) == 2


def test_one_observation_of_refers_as_two_columns(boxed: Collection, tmp_path: Path) -> None:
    options = {"kind": "finetuning", "observations": "Edema", "one_hot": True, "uncertain": "negative"}
    written = convert(boxed, "refers", tmp_path / "out", options)
    lines = (tmp_path / "out" / "train.txt").read_text().splitlines()
    assert [line.split()[1:] for line in lines] == [["1", "0"], ["1", "0"]]
    assert (tmp_path / "out" / "labels.txt").read_text() == "other than Edema\nEdema\n"
    assert "2 uncertain labels, written as negative" in written.left_out


def test_chex_casts_the_ids_of_mimic_to_numbers_and_reads_json(boxed: Collection, tmp_path: Path) -> None:
    convert(boxed, "chex", tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "mimic-cxr-plainfilm.train.csv")
    assert frame["study_id"].astype(int).tolist() == [50000000, 50000001]
    assert frame["view"].tolist() == ["PA", "AP"]
    for row in frame.to_dict("records"):
        boxes, phrases = json.loads(row["clsbbox"]), json.loads(row["clsbboxphrases"])
        assert len(boxes) == len(phrases)
        assert all(len(box) == 5 and box[4].startswith("mscxr/") for box in boxes)
        assert json.loads(row["anatbbox/left lung"]) == pytest.approx([20, 30.5, 120, 200], abs=0.01)
        assert json.loads(row["anatphrases/left lung"]) == ["The left lung is clear."]
        assert row["anatcls/cig/disease/Edema/left lung"] in (0.0, 1.0)
    assert (frame["H"] == [300, 301]).all()


def test_boxes_of_coco_are_corner_and_size_in_pixels_of_the_file(boxed: Collection, tmp_path: Path) -> None:
    convert(boxed, "coco", tmp_path / "out", {"images": "link"})
    document = json.loads((tmp_path / "out" / "train.json").read_text())
    categories = {entry["id"]: entry for entry in document["categories"]}
    image = document["images"][0]
    assert (tmp_path / "out" / image["file_name"]).is_file()
    scale = image["width"] / 250
    for entry in document["annotations"]:
        if categories[entry["category_id"]]["name"] == "Nodule":
            expected = [33.3 * scale, 44.4 * scale, 22.2 * scale, 22.2 * scale]
            assert entry["bbox"] == pytest.approx(expected, abs=0.2)
            assert entry["area"] == pytest.approx(entry["bbox"][2] * entry["bbox"][3], abs=0.01)
    assert len({entry["id"] for entry in document["annotations"]}) == len(document["annotations"])


def test_kinds_of_boxes_can_be_chosen(boxed: Collection, tmp_path: Path) -> None:
    written = convert(boxed, "coco", tmp_path / "out", {"kinds": "observation"})
    document = json.loads(written.files[0].read_text())
    assert [entry["name"] for entry in document["categories"]] == ["Nodule"]
    assert "12 boxes of other kinds" in written.left_out


def test_chexpert_without_columns_of_ours_has_the_published_header(
    phantoms: Collection, tmp_path: Path
) -> None:
    convert(phantoms, "chexpert", tmp_path / "out", {**ORIGIN, "ids": False})
    frame = pd.read_csv(tmp_path / "out" / "train.csv")
    assert len(frame.columns) == 19
    assert (frame.columns[0], frame.columns[-1]) == ("Path", "Support Devices")
    assert frame["Path"].str.match(r"CheXpert-v1\.0-small/train/patient\d{5}/study\d+/view\d_\w+\.jpg").all()
    assert all((tmp_path / "out" / path).is_file() for path in frame["Path"])
