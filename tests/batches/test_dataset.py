"""Items: drawn anew every epoch, or fixed."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import VIEWS, Dataset, ItemNeeds
from plainfilm.batches.labels import NOT_LABELLED
from plainfilm.batches.pixel_cache import ImageFiles
from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection, prepare
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.types import View
from tests.batches.reading import NoTokenizer, texts_of


def dataset(studies: Collection, seed: int | None, **settings: Any) -> Dataset:
    config = DataConfig(**settings)
    rows = build_rows([studies], "train", config)
    preprocessing = Preprocessing(size=24, channels=1)
    return Dataset(rows, [studies], [ImageFiles(studies)], config, preprocessing, seed=seed)


def test_item_repeats(studies: Collection) -> None:
    first, second = (dataset(studies, 3) for _ in range(2))
    assert np.array_equal(first.item(1, 2).pixels, second.item(1, 2).pixels)
    assert texts_of(first, 1, 2) == texts_of(second, 1, 2)


def test_epochs_differ(studies: Collection) -> None:
    data = dataset(studies, 3)
    assert not np.array_equal(data.item(0, 0).pixels, data.item(0, 1).pixels)


def test_seeds_differ(studies: Collection) -> None:
    assert not np.array_equal(dataset(studies, 3).item(0, 0).pixels, dataset(studies, 4).item(0, 0).pixels)


def test_fixed_items_know_no_epoch(studies: Collection) -> None:
    data = dataset(studies, None, crop_area=(0.3, 0.5))
    assert np.array_equal(data.item(0, 0).pixels, data.item(0, 9).pixels)


def test_sentences_are_drawn_without_replacement_in_random_order(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=3)
    item = data.rows.ids.index(data.rows.ids[-1])
    drawn = {texts_of(data, item, epoch, 1)[0] for epoch in range(40)}
    pieces = [text.rstrip(".").split(". ") for text in drawn]
    assert all(len(set(piece)) == 3 for piece in pieces)
    assert len({piece[0] for piece in pieces}) == 4


def test_more_sentences_than_there_are_gives_all(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=9, text="impression")
    assert texts_of(data, 0, 0, 1) == ("Normal.",)


def test_no_number_gives_the_whole_text(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=None, text="findings")
    assert texts_of(data, 0, 5, 1) == ("The lungs are clear. Heart size is normal. No effusion.",)


def test_fixed_items_take_the_first_sentences(studies: Collection) -> None:
    data = dataset(studies, None, sentences=2, text="findings")
    assert texts_of(data, 0, 0, 1) == ("The lungs are clear. Heart size is normal.",)


@pytest.mark.parametrize("seed", [None, 0])
def test_the_film_of_a_study_with_one_is_repeated(studies: Collection, seed: int | None) -> None:
    data = dataset(studies, seed, item="study", text="all")
    item = data.item(1, 0, films="pair")
    assert item.pixels.shape == (2, 24, 24)
    assert item.projections[0] == item.projections[1]
    assert len(texts_of(data, 1, 0)) == 2


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """A study of three films, each brighter than the one before."""
    root = tmp_path_factory.mktemp("views")
    rows = [["path", "report", "study_id", "patient_id", "view", "split"]]
    for number, view in enumerate(("PA", "LATERAL", "AP")):
        film = np.tile(60 * number + 40 + np.arange(40) // 4, (40, 1)).astype(np.uint8)
        Image.fromarray(film).save(root / f"{number}.png")
        rows.append([f"{number}.png", "FINDINGS: Clear.", "s0", "p0", view, "train"])
    with (root / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return prepare("table", root / "films.csv", root / "collection", size=40, workers=1)


@pytest.mark.parametrize("seed", [None, 0])
def test_each_film_is_shown_once_with_its_projection(views: Collection, seed: int | None) -> None:
    data, orders = dataset(views, seed, item="study", text="all"), set()
    for epoch in range(20):
        item = data.item(0, epoch, films="all")
        shown = tuple(VIEWS[code] for code in item.projections)
        brightness = [View.PA, View.LATERAL, View.AP]
        assert [brightness[(int(film.mean()) - 40) // 60] for film in item.pixels] == list(shown)
        assert sorted(shown) == sorted(brightness)
        orders.add(shown)
    assert len(orders) == (1 if seed is None else 6)


def test_of_many_films_at_most_so_many_are_shown(views: Collection) -> None:
    data = dataset(views, 0, item="study", text="all", max_films=2)
    shown = [data.item(0, epoch, films="all").projections for epoch in range(20)]
    assert {len(set(codes)) for codes in shown} == {2}
    assert {VIEWS[code] for codes in shown for code in codes} == {View.PA, View.LATERAL, View.AP}


def test_texts_are_every_usable_sentence(studies: Collection) -> None:
    texts = list(dataset(studies, None, text="impression").texts(ItemNeeds(targets=("text",)), "text"))
    assert texts.count("Normal.") == 2  # two films
    assert "XXXX." not in texts


FINDINGS = ("Left Mass", "Right Mass", "Edema", "Left Rib")


@pytest.fixture(scope="module")
def sided(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Two studies with findings of one side, their films square and brighter to the right."""
    root = tmp_path_factory.mktemp("sided")
    rows = [["path", "study", "patient", "split", "report", *FINDINGS]]
    for number, states in enumerate([(1, 0, 1, 1), (0, 1, -1, 0)]):
        film = np.tile(np.arange(40, dtype=np.uint8) * 6 + number, (40, 1))
        Image.fromarray(film).save(root / f"{number}.png")
        report = "FINDINGS: Mass on the left. Bright right apex."
        rows.append([f"{number}.png", f"s{number}", f"p{number}", "train", report, *states])
    with (root / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    columns = {"image": "path", "study": "study", "patient": "patient", "split": "split", "text": "report"}
    options = {"columns": {**columns, "labels": ",".join(FINDINGS)}}
    return prepare("table", root / "films.csv", root / "collection", size=40, workers=1, options=options)


def _sided(sided: Collection, seed: int | None, flip: float) -> tuple[Dataset, dict[str, Any]]:
    config = DataConfig(text="findings", sentences=None, flip=flip, crop_area=(1.0, 1.0))
    rows = build_rows([sided], "train", config, (frozenset({"text", "labels"}),)).with_observations(FINDINGS)
    made = Dataset(rows, [sided], [ImageFiles(sided)], config, Preprocessing(size=40, channels=1), seed=seed)
    return made, made.readers(ItemNeeds(targets=("text", "labels")), {"text": NoTokenizer()})


def test_on_mirrored_films_words_and_labels_change_sides(sided: Collection) -> None:
    (plain, readers), (flipped, _) = _sided(sided, 0, 0.0), _sided(sided, 0, 1.0)
    for index, expected in enumerate([(0, 1, 1, NOT_LABELLED), (1, 0, -1, NOT_LABELLED)]):
        before, after = plain.item(index, 0, readers), flipped.item(index, 0, readers)
        assert np.array_equal(after.pixels, before.pixels[:, :, ::-1])
        assert before.values["text"][0] == ["Mass on the left. Bright right apex."]
        assert after.values["text"][0] == ["Mass on the right. Bright left apex."]
        assert after.values["labels"].tolist() == list(expected)  # a right rib is not among the observations


def test_films_are_mirrored_as_often_as_asked_and_all_of_an_item_together(sided: Collection) -> None:
    data, readers = _sided(sided, 0, 0.5)
    turned = 0
    for epoch in range(200):
        item = data.item(0, epoch, readers, "pair")
        mirrored = [bool(film[0, 0] > film[0, -1]) for film in item.pixels]
        assert len(set(mirrored)) == 1
        assert mirrored[0] == ("Mass on the right." in item.values["text"][0][0])
        assert mirrored[0] == (item.values["labels"][0] == 0)
        turned += mirrored[0]
    assert 70 <= turned <= 130


def test_fixed_items_are_never_mirrored(sided: Collection) -> None:
    data, readers = _sided(sided, None, 1.0)
    item = data.item(0, 0, readers)
    assert item.values["text"][0] == ["Mass on the left. Bright right apex."]
    assert item.pixels[0, 0, 0] < item.pixels[0, 0, -1]
