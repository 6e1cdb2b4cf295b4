"""The one rule of labels, and that every reader of them goes by it."""

from __future__ import annotations

import csv
import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from plainfilm import phantom
from plainfilm.bank.items import ItemFilter, gather
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.labels import item_labels, joined, truth
from plainfilm.batches.rows import LABELS, build_rows
from plainfilm.collection import Collection, prepare
from plainfilm.collection.info import info
from plainfilm.collection.label_agreement import label_agreement
from plainfilm.collection.label_origins import preferred_origins
from plainfilm.collection.labels import NOT_LABELLED, LabelReader, Labels, count_states, strongest
from plainfilm.errors import DataError
from plainfilm.interchange import convert
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.tasks.film_classification.films import gather_films
from tests.labels_world import Labelled

STRENGTH = (1, -1, 0)
"""Strongest first."""


def study(state, observation="Edema", origin="a", name="s"):
    return ("study", name, observation, state, origin)


def film(state, observation="Edema", origin="a", name="f"):
    return ("image", name, observation, state, origin)


def read(*rows, films=("f",)):
    """{observation: [state of each film]}"""
    reader = LabelReader(Labelled({"s": films}, rows), sorted({row[4] for row in rows}))
    return dict(zip(reader.observations, reader.images().T.tolist(), strict=True))


@pytest.mark.parametrize(("own", "of_study"), [*product((1, 0, -1), repeat=2)])
def test_a_films_own_label_goes_before_its_studys(own, of_study):
    assert read(film(own), study(of_study), films=("f", "g")) == {"Edema": [own, of_study]}
    assert read(study(of_study), film(own), films=("f", "g")) == {"Edema": [own, of_study]}


def test_it_does_so_observation_by_observation():
    found = read(film(0), study(1), study(1, "Mass"), study(-1, "Nodule"), film(1, "Hernia"))
    assert found == {"Edema": [0], "Hernia": [1], "Mass": [1], "Nodule": [-1]}


@pytest.mark.parametrize("states", [*permutations(STRENGTH, 2), *permutations(STRENGTH)])
@pytest.mark.parametrize("target", [film, study])
def test_of_several_rows_of_one_target_the_strongest_holds(states, target):
    assert read(*map(target, states)) == {"Edema": [min(states, key=STRENGTH.index)]}


@pytest.mark.parametrize("states", [*permutations(STRENGTH)])
def test_of_several_films_taken_together_the_strongest_holds(states):
    for kept in (states, states[:2]):
        labels = [film(state, name=name) for name, state in zip("fgh", kept, strict=False)]
        world = Labelled({"s": "fgh"[: len(kept)]}, [*labels, study(0)])
        (found,) = LabelReader(world, ["a"]).studies().ravel()
        assert found == min(kept, key=STRENGTH.index)
        assert item_labels(world, [list(range(len(kept)))]).states.tolist() == [[found]]


def test_a_study_is_as_its_films_and_without_films_as_itself():
    world = Labelled({"s": "f", "bare": ""}, [study(1), film(0), study(1, name="bare")])
    assert LabelReader(world, ["a"]).studies().ravel().tolist() == [0, 1]


def test_no_film_changes_what_a_text_says():
    rows = [study(1), film(0), ("sentence", "s:0", "Edema", -1, "a")]
    labels = Labels([Labelled({"s": "f"}, rows, sentences={"s": ["s:0", "s:1"]})], ("reports", "sentences"))
    edema = labels.observations.index("Edema")
    assert labels.reports(0, None, ["s", "s", "unknown"])[:, edema].tolist() == [1, 1, NOT_MENTIONED]
    assert labels.of_rows("sentences", 0, None, np.array([1, 0]))[:, edema].tolist() == [NOT_MENTIONED, -1]


def test_the_origin_of_most_labelled_targets_speaks_and_only_where_it_says_something():
    # "big" labels three films, "few" two: of film g they contradict each other, film h has "few" alone.
    rows = [film(1, "Edema", "big", name) for name in "fgi"]
    rows += [film(0, "Edema", "few", "g"), film(1, "Mass", "few", "g"), film(-1, "Edema", "few", "h")]
    assert read(*rows, films="fghi") == {"Edema": [1, 1, -1, 1], "Mass": [NOT_MENTIONED] * 4}


def test_of_origins_alike_in_size_the_first_by_name_speaks():
    assert read(film(1, origin="b"), film(0, origin="a")) == {"Edema": [0]}


def test_only_decisive_observations_choose_the_origin():
    rows = [film(1, "Mass", "big", name) for name in "fgh"] + [
        film(0, "Edema", "few"),
        film(1, "Hernia", "few"),
    ]
    world = Labelled({"s": "fgh"}, rows)
    assert LabelReader(world, ["big", "few"]).images()[0].tolist() == [NOT_MENTIONED, NOT_MENTIONED, 1]
    reader = LabelReader(world, ["big", "few"], decisive=["Edema"])
    assert reader.images()[0].tolist() == [0, 1, NOT_MENTIONED]
    assert reader.items(np.array([0]), np.array([0]), 1).tolist() == [[0, 1, NOT_MENTIONED]]
    assert item_labels(world, [[0]], observations=["Edema"]).states.tolist() == [[0]]


def test_the_origin_is_chosen_for_films_and_studies_apart():
    rows = [study(1, "Mass", "big"), study(1, "Edema", "big", name="t"), film(0, "Edema", "small")]
    world = Labelled({"s": "f", "t": "g"}, rows)
    found = item_labels(world, [[0], [1]])
    assert found.observations == ("Edema", "Mass")
    assert found.states.tolist() == [[0, 1], [1, NOT_MENTIONED]]


def test_the_origin_is_chosen_for_all_films_of_an_item():
    # By itself, film g speaks through "few" alone; as one item with film f it does through "big".
    rows = [*(film(0, "Edema", "big", name) for name in "fh"), film(1, "Mass", "few", "g")]
    world = Labelled({"s": "fg", "t": "h"}, rows)
    assert item_labels(world, [[1]]).states.tolist() == [[NOT_MENTIONED, 1]]
    assert item_labels(world, [[0, 1]]).states.tolist() == [[0, NOT_MENTIONED]]


def test_labels_of_sentences_and_regions_say_nothing_of_films():
    rows = [film(1), ("region", "f:left lung", "Opacity", 1, "a"), ("sentence", "s:0", "Mass", 1, "a")]
    assert read(*rows) == {"Edema": [1]}


def test_labels_of_things_that_are_not_there_are_passed_over():
    assert read(film(1), film(1, name="gone"), study(0, name="gone")) == {"Edema": [1]}


def test_a_code_that_is_no_state_says_nothing():
    assert read(film(1, "Mass"), film(7), study(0)) == {"Edema": [0], "Mass": [1]}


def reference(films, rows):
    """Rule 2 and 3 row by row, for one origin."""
    found = {}
    for image, of_study in films:
        for name in sorted({row[2] for row in rows}):
            for target, key in (("image", image), ("study", of_study)):
                said = [row[3] for row in rows if row[:3] == (target, key, name)]
                if said:
                    found[image, name] = min(said, key=STRENGTH.index)
                    break
    return found


@pytest.mark.parametrize("seed", range(5))
def test_any_table_gives_what_a_row_by_row_reading_does(seed):
    rng = np.random.default_rng(seed)
    films = {f"s{n}": [f"s{n}f{k}" for k in range(rng.integers(0, 4))] for n in range(12)}
    pairs = [(image, name) for name, own in films.items() for image in own]
    keys = {"study": list(films), "image": [image for image, _ in pairs]}
    rows = []
    for _ in range(200):
        target = ("study", "image")[rng.integers(2)]
        key = keys[target][rng.integers(len(keys[target]))]
        rows.append((target, key, f"o{rng.integers(4)}", int(rng.integers(-1, 2)), "a"))
    reader = LabelReader(Labelled(films, rows), ["a"])
    expected = reference(pairs, rows)
    for (image, _), states in zip(pairs, reader.images(), strict=True):
        stated = {
            n: s for n, s in zip(reader.observations, states.tolist(), strict=True) if s != NOT_MENTIONED
        }
        assert stated == {name: state for (key, name), state in expected.items() if key == image}


def test_blocks_of_a_large_table_do_not_change_what_it_says(monkeypatch):
    rows = [film(state, name, origin) for name in "XYZ" for state in STRENGTH for origin in ("a", "b")]
    whole = read(*rows)
    monkeypatch.setattr("plainfilm.collection.labels._BLOCK", 2)
    assert read(*rows) == whole


def test_statements_that_differ_give_the_strongest():
    states = np.array([[0], [-1], [1], [NOT_MENTIONED], [0], [-1]], np.int8)
    assert strongest(states, np.array([0, 0, 0, 1, 2, 2]), 4).tolist() == [
        [1],
        [NOT_MENTIONED],
        [-1],
        [NOT_MENTIONED],
    ]


def test_columns_are_the_chexpert_classes_or_in_alphabetical_order():
    chexpert = Labels([Labelled({"s": "f"}, [study(1)])], ("images",))
    assert chexpert.observations == CHEXPERT_OBSERVATIONS
    assert chexpert.stated == {"Edema"}
    assert Labels([Labelled({"s": "f"}, [study(1), study(0, "Apical cap")])], ("images",)).observations == (
        "Apical cap",
        "Edema",
    )


def test_films_keep_the_order_they_are_asked_in():
    labels = Labels([Labelled({"s": "fgh"}, [film(1), film(0, name="h")])], ("images",))
    edema = labels.observations.index("Edema")
    found = labels.images(0, None, ["h", "gone", "f", "g", "h"])
    assert found[:, edema].tolist() == [0, NOT_MENTIONED, 1, NOT_MENTIONED, 0]
    assert (np.delete(found, edema, axis=1) == NOT_LABELLED).all()


def test_an_observation_that_a_collection_never_labels_is_not_known_there(monkeypatch):
    both = [Labelled({"s": "f"}, [study(1)]), Labelled({"s": "f"}, [study(0, "Mass"), study(1)])]
    labels = Labels(both, ("images",))
    assert labels.images(0, None, ["f"]).tolist() == [[1, NOT_LABELLED]]
    monkeypatch.setattr("plainfilm.tasks.film_classification.films.require_images", lambda *_: None)
    films = gather_films(
        both, "test", None, Labels(both, ("images",), ("test",)), labels.observations, "ignore", "negative"
    )
    assert films.known.tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("uncertain", "absent", "positive", "known"),
    [
        ("ignore", "negative", [1, 0, 0, 0, 0], [1, 0, 1, 1, 0]),
        ("positive", "negative", [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]),
        ("negative", "ignore", [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]),
    ],
)
def test_what_states_count_as(uncertain, absent, positive, known):
    found = truth(np.array([[1, -1, 0, NOT_MENTIONED, NOT_LABELLED]], np.int8), uncertain, absent)
    assert [one.astype(int).tolist() for one in found] == [[positive], [known]]


def test_joined_items_are_unasked_where_their_collection_is_silent():
    one, other = (Labelled({"s": "f"}, [film(1, name)]) for name in ("Edema", "Mass"))
    found = joined([item_labels(one, [[0]]), item_labels(other, [[0]])])
    assert found.observations == ("Edema", "Mass")
    assert found.states.tolist() == [[1, NOT_LABELLED], [NOT_LABELLED, 1]]


def test_info_counts_studies_and_images_once_however_many_origins_say_so():
    rows = [
        film(1),
        film(1, origin="b"),
        film(0, origin="c"),
        study(1),
        ("region", "f:lung", "Edema", 1, "a"),
    ]
    expected = {"Edema": {"positive": 2, "negative": 1, "uncertain": 0}}
    assert count_states(Labelled({"s": "f"}, rows)) == expected


SOURCE = '''
"""Two films of a study: the study says edema and mass, the first film denies edema and states a nodule."""

import numpy as np
from PIL import Image as PillowImage

from plainfilm.sources.base import SourceConfig
from plainfilm.types import Image, Label, State, Study, View

CORPUS = "two"


class Config(SourceConfig):
    pass


def read(raw, config):
    for number, split in enumerate(("train", "validation", "test")):
        images = []
        for name in "fg":
            path = raw / f"{name}{number}.png"
            noise = np.random.default_rng(len(images) + 2 * number).integers(0, 255, (80, 80), dtype=np.uint8)
            PillowImage.fromarray(noise).save(path)
            own = (Label("Edema", State.NEGATIVE, "a"), Label("Nodule", State.POSITIVE, "a"))
            images.append(Image(f"{name}{number}", path, View.PA, labels=own if name == "f" else ()))
        said = tuple(Label(name, State.POSITIVE, "a") for name in ("Edema", "Mass"))
        said += (Label("Edema", State.NEGATIVE, "b"),)
        yield Study(f"s{number}", f"p{number}", tuple(images), labels=said, split=split)
'''

TRUTH = {
    "f": {"Edema": 0, "Mass": 1, "Nodule": 1},
    "g": {"Edema": 1, "Mass": 1},
}
"""Of each film by origin "a"."""


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Collection:
    root = tmp_path_factory.mktemp("two")
    (root / "raw").mkdir()
    (root / "two.py").write_text(SOURCE)
    return prepare(str(root / "two.py"), root / "raw", root / "collection", size=64, workers=1)


def stated(names, states):
    return {name: state for name, state in zip(names, states.tolist(), strict=True) if state > NOT_MENTIONED}


def in_training(two):
    found = item_labels(two, [[row] for row in range(6)], ["a"])
    ids = two.table("images")["image_id"].to_pylist()
    return {key: stated(found.observations, row) for key, row in zip(ids, found.states, strict=True)}


def in_evaluation(two):
    found = {}
    for split in ("train", "validation", "test"):
        labels = Labels([two], ("images",), (split,), wanted="a")
        names = tuple(sorted(labels.stated))
        films = gather_films([two], split, None, labels, names, "ignore", "ignore")
        states = np.where(films.known, films.positive, NOT_MENTIONED)
        found |= {k: stated(names, row) for k, row in zip(films.frame["image_id"], states, strict=True)}
    return found


def in_a_bank(two):
    items = gather([two], "images", ItemFilter(), Labels([two], ("images",), wanted="a"))
    rows = zip(items.frame["item_id"], items.states, strict=True)
    return {key: stated(items.observations, row) for key, row in rows}


def in_an_export(two, out, form):
    options = {"origin": "a", "frontal": True, "name": "t"} if form == "chex" else {"origin": "a"}
    convert(two, form, out, options)
    found = {}
    for path in out.glob("t.all.csv" if form == "chex" else "*.csv"):
        for row in csv.DictReader(path.read_text("utf-8").splitlines()):
            key = row.get("dicom_id") or row["image_id"]
            cells = {name.removeprefix("cls/cxp/"): cell for name, cell in row.items()}
            names = [name for name in ("Edema", "Mass", "Nodule") if cells.get(name)]
            found[key] = {name: int(float(cells[name])) for name in names}
    return found


def test_every_reader_says_the_same_of_a_film(two, tmp_path):
    expected = {f"{name}{number}": states for name, states in TRUTH.items() for number in range(3)}
    assert in_training(two) == expected
    assert in_evaluation(two) == expected
    assert in_a_bank(two) == expected
    assert in_an_export(two, tmp_path / "chex", "chex") == expected
    edema = {key: {"Edema": states["Edema"]} for key, states in expected.items()}
    assert in_an_export(two, tmp_path / "chexpert", "chexpert") == edema


def test_every_reader_says_the_same_of_a_study(two, tmp_path):
    items = item_labels(two, [[0, 1], [2, 3], [4, 5]], ["a"])
    expected = {"Edema": 1, "Mass": 1, "Nodule": 1}
    assert [stated(items.observations, row) for row in items.states] == [expected] * 3
    convert(two, "cxr_clip", tmp_path, {"what": "labels", "origin": "a"})
    (row,) = csv.DictReader((tmp_path / "test.csv").read_text("utf-8").splitlines())
    assert row["text_label"] == "[['Edema', 'Mass', 'Nodule'], [], []]"
    (entry,) = label_agreement(two)
    assert (entry["observation"], entry["n"], entry["one_positive"]) == ("Edema", 3, [3, 0])


def test_agreement_takes_a_films_own_label_before_its_studys():
    rows = [study(1), film(0), study(0, origin="b")]
    rows += [study(0, name="t"), film(1, name="g"), study(1, name="t", origin="b")]
    (entry,) = label_agreement(Labelled({"s": "f", "t": "g"}, rows))
    assert (entry["same"][0], entry["both_positive"], entry["n"]) == (1.0, 1, 2)


def test_agreement_of_rows_that_contradict_each_other_goes_by_the_strongest():
    rows = [study(0), study(1), study(1, origin="b"), study(0, origin="b")]
    (entry,) = label_agreement(Labelled({"s": "f"}, rows))
    assert entry["both_positive"] == 1


def test_info_is_a_document(two):
    counts = json.loads(json.dumps(info(two)))["labels"]
    assert counts["Edema"] == {"positive": 3, "negative": 6, "uncertain": 0}


def test_labels_of_nobody_are_refused_with_the_way_out(tmp_path: Path):
    with pytest.raises(DataError, match="run `plainfilm label somewhere`"):
        Labels([Labelled({"s": "f"}, [])], ("images",))


def test_a_classifier_is_evaluated_on_what_it_was_trained_on(tmp_path: Path):
    phantom.write("imagenome", tmp_path / "raw", studies=24, seed=3, size=64, workers=1)
    made = prepare("imagenome", tmp_path / "raw", tmp_path / "out", size=64, workers=1, tables_only=True)
    assert {"image", "study"} <= set(made.table("labels")["target"].to_pylist())
    origins = ((), ("imagenome/anatomicalfinding",), ("imagenome",), ("mimic-cxr",))
    some = ("Edema", "lung opacity", "cardiac pacer and wires", "abnormal")
    for wanted, asked in product(origins, (None, some)):
        config = DataConfig(label_origin=wanted, observations=None)
        if asked is not None:
            known = LabelReader(made, preferred_origins(made, wanted)).observations
            config = config.model_copy(
                update={"observations": tuple(name for name in known if name in asked)}
            )
        rows = build_rows([made], "train", config, LABELS)
        labels = Labels([made], ("images",), ("train",), None, wanted, config.observations)
        assert labels.stated >= set(rows.observations)
        places = [labels.observations.index(name) for name in rows.observations]
        assert np.array_equal(labels.images(0, "train", rows.ids)[:, places], rows.states)
