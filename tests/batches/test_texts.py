"""Two texts of an item: of its sections, in other words, or made of its labels; mixed in one run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Dataset, ItemNeeds
from plainfilm.batches.labels import NOT_LABELLED, NOT_MENTIONED
from plainfilm.batches.pixel_cache import ImageFiles
from plainfilm.batches.rows import build_rows
from plainfilm.batches.texts import states_of
from plainfilm.collection import Collection, prepare
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.types import State
from tests.batches.reading import label_hash_of, texts_of

PACK = """
name: toy
version: 1
observations:
  Effusion: {positive: [An effusion., Fluid is seen.], negative: [No effusion.], uncertain: ["An effusion?"]}
  Nodule: {positive: [A nodule.], negative: [No nodule.]}
  Hernia: {positive: [A hernia.], negative: [No hernia.]}
"""
ROWS = (
    # study, view, Effusion, Nodule, Hernia
    ("complete", "PA", "1", "0", "0"),
    ("denied", "PA", "0", "0", "0"),
    ("partial", "PA", "", "0", ""),
    ("unsure", "PA", "-1", "1", ""),
    ("blank", "PA", "", "", ""),
    ("pair", "LATERAL", "1", "", ""),
    ("pair", "AP", "1", "", ""),
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Six studies with labels and without reports."""
    root = tmp_path_factory.mktemp("labelled")
    rows = [["path", "study_id", "patient_id", "view", "split", "labels"]]
    for number, (study, view, *states) in enumerate(ROWS):
        film = np.tile(20 * number + 20 + np.arange(32) // 2, (32, 1)).astype(
            np.uint8
        )  # brighter from row to row
        Image.fromarray(film).save(root / f"{number}.png")
        rows.append([f"{number}.png", study, study, view, "train", *states])
    rows[0][5:] = ["Effusion", "Nodule", "Hernia"]
    with (root / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    columns = {"image": "path", "study": "study_id", "patient": "patient_id", "view": "view"}
    options = {"columns": {**columns, "split": "split", "labels": "Effusion,Nodule,Hernia"}}
    return prepare("table", root / "films.csv", root / "collection", size=32, workers=1, options=options)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a pack of three observations."""
    path = tmp_path_factory.mktemp("packs") / "toy.yaml"
    path.write_text(PACK)
    return str(path)


def dataset(collections: list[Collection], seed: int | None, **settings: Any) -> Dataset:
    config = build(DataConfig, {"item": "study", "sentences": None, **settings}, "data")
    rows = build_rows(collections, "train", config)
    pixels = [ImageFiles(collection) for collection in collections]
    preprocessing = Preprocessing(size=24, channels=1)
    return Dataset(rows, collections, pixels, config, preprocessing, seed=seed)


def drawn(data: Dataset, study: str, epochs: int = 20) -> set[str]:
    index = data.rows.ids.index(study)
    return {text for epoch in range(epochs) for text in texts_of(data, index, epoch)}


def sentences(text: str) -> set[str]:
    return {f"{piece.strip('.')}." if "?" not in piece else piece for piece in text.split(". ")}


def test_without_prompts_studies_without_text_are_left_out(labelled: Collection) -> None:
    with pytest.raises(DataError, match=r"6 studies, 6 without text .* or data.prompts"):
        dataset([labelled], 0)


def test_what_nothing_is_known_of_is_left_out_and_counted(labelled: Collection, pack: str) -> None:
    rows = dataset([labelled], 0, prompts=pack).rows
    assert rows.ids == ("complete", "denied", "partial", "unsure", "pair")
    assert (rows.without_text, rows.from_labels) == (1, 5)


def test_states_tell_not_mentioned_from_denied(labelled: Collection, pack: str) -> None:
    rows = dataset([labelled], 0, prompts=pack).rows
    assert states_of(rows, rows.ids.index("unsure")) == (
        {"Effusion": State.UNCERTAIN, "Nodule": State.POSITIVE},
        ["Hernia"],
    )


@pytest.mark.parametrize(("negatives", "count"), [(0, 1), (1, 2), (2, 3), (None, 3)])
def test_so_many_negatives_are_said_of_a_complete_row(
    labelled: Collection, pack: str, negatives: int | None, count: int
) -> None:
    data = dataset([labelled], 0, prompts=pack, negatives=negatives)
    assert {len(sentences(text)) for text in drawn(data, "complete")} == {count}
    fixed = dataset([labelled], None, prompts=pack, negatives=negatives)
    assert {len(sentences(text)) for text in drawn(fixed, "complete")} == {count}


def test_a_text_of_labels_may_be_one_of_its_sentences(labelled: Collection, pack: str) -> None:
    whole = drawn(dataset([labelled], 0, prompts=pack, negatives=1), "unsure")
    single = drawn(dataset([labelled], 0, prompts=pack, negatives=1, sentences=1), "unsure")
    assert {len(sentences(text)) for text in single} == {1}
    assert {piece for text in single for piece in sentences(text)} <= {
        piece for text in whole for piece in sentences(text)
    }


def test_what_a_partial_row_denies_is_said(labelled: Collection, pack: str) -> None:
    assert drawn(dataset([labelled], 0, prompts=pack, negatives=0), "partial") == {"No nodule."}


def test_a_film_without_findings_says_what_is_not_there(labelled: Collection, pack: str) -> None:
    texts = drawn(dataset([labelled], 0, prompts=pack, negatives=0), "denied")
    assert texts == {"No effusion.", "No nodule.", "No hernia."}


def test_not_mentioned_is_absent_on_request(labelled: Collection, pack: str) -> None:
    data = dataset([labelled], 0, prompts=pack, negatives=1, not_mentioned="absent")
    assert "blank" in data.rows.ids
    assert all("No " in text and ("An effusion." in text or "Fluid" in text) for text in drawn(data, "pair"))


def test_prompts_are_drawn_in_any_order_and_repeat_from_the_seed(labelled: Collection, pack: str) -> None:
    one, other = (dataset([labelled], 4, prompts=pack) for _ in range(2))
    assert drawn(one, "complete") == drawn(other, "complete")
    assert len(drawn(one, "complete")) > 4
    assert drawn(one, "unsure") == {"An effusion? A nodule.", "A nodule. An effusion?"}


def test_fixed_prompts_do_not_change_with_the_epoch(labelled: Collection, pack: str) -> None:
    data = dataset([labelled], None, prompts=pack)
    assert texts_of(data, 0, 0) == texts_of(data, 0, 5)


def test_reports_and_labels_train_together(studies: Collection, labelled: Collection, pack: str) -> None:
    data = dataset([studies, labelled], 0, prompts=pack, text="all")
    assert (len(data), data.rows.from_labels) == (9, 5)
    assert data.rows.observations == ("Effusion", "Hernia", "Nodule")
    assert set(data.rows.states[:4].reshape(-1).tolist()) <= {NOT_LABELLED, NOT_MENTIONED}
    assert drawn(data, "s2") == {"Clear lungs."}
    assert (
        "An effusion?"
        in set(data.texts(ItemNeeds(targets=("text",)), "text"))
        > {"Clear lungs.", "No hernia."}
    )


def test_a_label_the_pack_lacks_is_named(labelled: Collection, pack: str, tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text(PACK[: PACK.index("  Hernia")])
    with pytest.raises(ConfigError, match="'toy' has no observation 'Hernia'"):
        dataset([labelled], 0, prompts=str(short))
    assert len(dataset([labelled], 0, prompts=str(short), observations=["Effusion", "Nodule"])) == 5


def test_an_unknown_pack_or_origin_gives_the_nearest(labelled: Collection, pack: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'cgmh'"):
        build(DataConfig, {"prompts": "cghm"}, "data")
    with pytest.raises(DataError, match="no collection has labels from 'elsewhere'"):
        dataset([labelled], 0, prompts=pack, label_origin=["elsewhere"])


def test_two_sections_are_the_two_texts(studies: Collection) -> None:
    for seed in (0, None):
        data = dataset([studies], seed, text="findings_impression", text_pairs="sections")
        pairs = {frozenset(texts_of(data, 0, epoch)) for epoch in range(5)}
        assert pairs == {frozenset({"The lungs are clear. Heart size is normal. No effusion.", "Normal."})}


def test_shuffling_shuffles_and_loses_nothing(studies: Collection) -> None:
    texts = drawn(dataset([studies], 0, text="findings", shuffle=True), "s0", 40)
    assert len(texts) == 6
    assert {frozenset(sentences(text)) for text in texts} == {
        frozenset({"The lungs are clear.", "Heart size is normal.", "No effusion."})
    }


def test_a_single_section_is_the_second_time_said_in_other_words(studies: Collection) -> None:
    for seed in (0, None):
        data = dataset([studies], seed, text="findings", text_pairs="sections", paraphrase=1e-9)
        first, second = texts_of(data, 0, 0)
        assert first == "The lungs are clear. Heart size is normal. No effusion."
        assert first != second


def test_two_films_are_distinct_where_there_are_two(labelled: Collection, pack: str) -> None:
    data = dataset([labelled], 0, prompts=pack, crop_area=[1.0, 1.0])
    index = data.rows.ids.index("pair")
    for epoch in range(10):
        assert {int(film.mean()) // 20 for film in data.item(index, epoch, films="pair").pixels} == {6, 7}


@pytest.mark.parametrize("seed", [0, None])
def test_the_frontal_film_goes_before_the_lateral_on_request(
    labelled: Collection, pack: str, seed: int | None
) -> None:
    data = dataset([labelled], seed, prompts=pack, crop_area=[1.0, 1.0], pair_views="frontal_lateral")
    index = data.rows.ids.index("pair")
    for epoch in range(6):
        assert [int(film.mean()) // 20 for film in data.item(index, epoch, films="pair").pixels] == [7, 6]


def test_one_film_is_cropped_twice(labelled: Collection, studies: Collection, pack: str) -> None:
    data = dataset([studies], 0, text="all")
    first, second = data.item(data.rows.ids.index("s6"), 0, films="pair").pixels
    assert not np.array_equal(first, second)


def test_items_whose_labels_say_the_same_are_known_in_any_words(
    labelled: Collection, studies: Collection, pack: str
) -> None:
    data = dataset([labelled, studies], 0, prompts=pack, text="all", observations=["Effusion", "Nodule"])
    said = {data.rows.ids[index]: label_hash_of(data, index, 0) for index in range(len(data))}
    assert said["complete"] == label_hash_of(data, data.rows.ids.index("complete"), 1)
    assert len(set(said.values())) == len(said)
    nodules = dataset([labelled], 0, prompts=pack, observations=["Nodule"])
    states = {data_id: label_hash_of(nodules, index, 0) for index, data_id in enumerate(nodules.rows.ids)}
    assert states["complete"] == states["denied"] == states["partial"] != states["unsure"]


def test_what_is_absent_by_silence_is_absent(labelled: Collection, pack: str) -> None:
    data = dataset([labelled], 0, prompts=pack, not_mentioned="absent")
    said = {data_id: label_hash_of(data, index, 0) for index, data_id in enumerate(data.rows.ids)}
    assert said["complete"] == said["pair"]
    assert said["denied"] == said["partial"] == said["blank"]
