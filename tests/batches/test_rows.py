"""Which items a split consists of."""

from __future__ import annotations

import pytest

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.rows import Rows, build_rows, letters
from plainfilm.collection import Collection
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError


def texts(collection: Collection, rows: Rows, item: int) -> list[str]:
    column = collection.table("sentences")["text"]
    return [column[int(row)].as_py() for row in rows.sentences_of(item)]


def studies_of(collection: Collection, rows: Rows) -> list[str]:
    column = collection.table("images")["study_id"]
    return [column[int(rows.images_of(item)[0])].as_py() for item in range(len(rows))]


def test_one_item_per_film(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig())
    assert studies_of(studies, rows) == ["s0", "s0", "s1", "s2", "s6"]
    assert rows.study_keys[0] == rows.study_keys[1] != rows.study_keys[2]


def test_one_item_per_study(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig(item="study"))
    assert studies_of(studies, rows) == ["s0", "s1", "s2", "s6"]
    assert len(rows.images_of(0)) == 2


def test_studies_without_text_are_counted(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig())
    assert rows.without_text == 2  # s3 has no report, s5 numbers and placeholders only


def test_views_are_filtered_and_counted(studies: Collection) -> None:
    rows = build_rows([studies], "train", build(DataConfig, {"views": ["PA", "AP"]}, "data"))
    assert studies_of(studies, rows) == ["s0", "s1", "s6"]
    assert rows.without_image == 1


def test_best_section_is_the_impression(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig(text="best_section"))
    assert texts(studies, rows, 0) == ["Normal."]


def test_rule_decides_the_order(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig(text="impression_findings"))
    assert texts(studies, rows, 0)[:2] == ["Normal.", "The lungs are clear."]


def test_pieces_without_letters_are_left_out(studies: Collection) -> None:
    rows = build_rows([studies], "train", DataConfig(text="findings"))
    item = studies_of(studies, rows).index("s1")
    assert texts(studies, rows, item) == ["Small left effusion.", "Rib fracture."]


def test_two_collections_follow_each_other(studies: Collection) -> None:
    rows = build_rows([studies, studies], "train", DataConfig())
    assert rows.source.tolist() == [0] * 5 + [1] * 5
    assert rows.images_of(5).tolist() == rows.images_of(0).tolist()


def test_nothing_left_says_why(studies: Collection) -> None:
    with pytest.raises(DataError, match=r"split 'test': 0 studies, 0 without text under rule 'best_section'"):
        build_rows([studies], "test", DataConfig())


def test_unknown_rule_gives_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'impression'"):
        build(DataConfig, {"text": "impresion"}, "data")


@pytest.mark.parametrize("area", [[0.0, 1.0], [0.9, 0.5], [0.5, 1.2]])
def test_crop_area_out_of_range_is_refused(area: list[float]) -> None:
    with pytest.raises(ConfigError, match="crop_area"):
        build(DataConfig, {"crop_area": area}, "data")


@pytest.mark.parametrize(("text", "count"), [("XXXX.", 0), ("12 mm", 2), ("Ödem", 4), ("___", 0)])
def test_letters(text: str, count: int) -> None:
    assert letters(text) == count
