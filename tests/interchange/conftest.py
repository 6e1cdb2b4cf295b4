"""Two collections to convert: phantoms of MIMIC-CXR, and films with boxes of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plainfilm import phantom
from plainfilm.collection import Collection, prepare
from plainfilm.interchange import Written, convert

SIZE = 96
BOXED = '''
"""Films of noise with boxes, labels and reports of every kind; one id has a space in it."""

import numpy as np
from PIL import Image as PillowImage

from plainfilm.sources.base import SourceConfig
from plainfilm.types import Box, Image, Label, Report, Section, State, Study, View

CORPUS = "mimic-cxr"
VIEWS = (View.PA, View.AP_SUPINE, View.AP, View.PA)


class Config(SourceConfig):
    pass


def read(raw, config):
    for number, split in enumerate(("train", "train", "validation", "test")):
        yield study(raw, number, split)


def study(raw, number, split):
    path = raw / f"film{number}.png"
    shape = (300 + number, 250) if number < 2 else (250, 250)
    noise = np.random.default_rng(number).integers(0, 255, shape, dtype=np.uint8)
    PillowImage.fromarray(noise).save(path)
    edema = Label("Edema", State(number % 2), "imagenome/disease")
    region = Box("left lung", "region", 20, 30.5, 120, 200, labels=(edema,))
    nodule = Box("Nodule", "observation", 33.3, 44.4, 55.5, 66.6, annotator="R9")
    phrase = Box("Pneumonia", "phrase", 10, 20, 30, 40.25, phrase="a patch, seen once")
    said = Box("left lung", "phrase", 20, 30.5, 120, 200, phrase="The left lung is clear.")
    text = "Seen.  Clear."
    return Study(
        study_id=f"s5000000{number}",
        patient_id=f"p1000000{number // 2}",
        images=(Image(f"film {number}" if number == 3 else f"film{number}", path, VIEWS[number],
                      boxes=(region, nodule, phrase, said), licence="CC0-1.0"),),
        report=Report(text, (Section("findings", "Seen.", 0, 5), Section("impression", "Clear.", 7, 13))),
        labels=(Label("Edema", State(number % 3 - 1), "reader"), Label("Mass", State.POSITIVE, "reader")),
        split=split,
    )
'''


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("to convert")
    phantom.write("mimic_cxr", root / "raw", studies=24, seed=3, size=128, workers=1)
    return prepare("mimic_cxr", root / "raw", root / "collection", size=SIZE, workers=1)


@pytest.fixture(scope="session")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("boxed")
    (root / "boxed.py").write_text(BOXED)
    (root / "raw").mkdir()
    return prepare(str(root / "boxed.py"), root / "raw", root / "collection", size=SIZE, workers=1)


@pytest.fixture
def there_and_back(tmp_path: Path) -> Callable[..., tuple[Collection, Written]]:
    """Converts a collection and prepares what was written again."""

    def run(
        collection: Collection,
        format_name: str,
        options: dict[str, Any],
        source: str,
        source_options: dict[str, Any],
    ) -> tuple[Collection, Written]:
        out = tmp_path / format_name
        written = convert(collection, format_name, out, options)
        found = prepare(source, out, tmp_path / "back", size=SIZE, workers=1, options=source_options)
        return found, written

    return run


def studies_of(collection: Collection) -> set[tuple[str, ...]]:
    """(study, patient, split) of every study."""
    frame = collection.frame("studies")[["study_id", "patient_id", "split"]]
    return set(frame.itertuples(index=False, name=None))


def images_of(collection: Collection) -> set[tuple[Any, ...]]:
    """(image, study, view, width, height) of every image."""
    frame = collection.frame("images")[["image_id", "study_id", "view", "width", "height"]]
    return set(frame.itertuples(index=False, name=None))


def texts_of(collection: Collection) -> dict[str, str]:
    """Study → all its text with single spaces."""
    sections = collection.frame("sections").sort_values(["study_id", "position"])
    joined = sections.groupby("study_id")["text"].agg(" ".join)
    return {str(key): " ".join(text.split()) for key, text in joined.items()}


def states_of(collection: Collection, origin: str, *states: int) -> set[tuple[str, str, int]]:
    """(image, observation, state) of an origin, a study's labels being those of its films."""
    labels = collection.frame("labels")
    labels = labels[(labels["origin"] == origin) & labels["state"].isin(states or (1, 0, -1))]
    of_images = labels[labels["target"] == "image"].rename(columns={"target_id": "image_id"})
    of_studies = labels[labels["target"] == "study"].rename(columns={"target_id": "study_id"})
    spread = of_studies.merge(collection.frame("images")[["image_id", "study_id"]], on="study_id")
    both = pd.concat([of_images, spread])[["image_id", "observation", "state"]]
    return set(both.itertuples(index=False, name=None))


def assert_same_boxes(one: Collection, other: Collection, *columns: str) -> None:
    """The same boxes by `columns`, to a tenth of a pixel."""
    corners = ["x0", "y0", "x1", "y1"]
    frames = []
    for collection in (one, other):
        frame = collection.frame("boxes").fillna({"annotator": "", "phrase": ""})
        frames.append(frame.sort_values([*columns, *corners], ignore_index=True))
    assert frames[0][list(columns)].equals(frames[1][list(columns)])
    assert len(frames[0])
    assert np.abs(frames[0][corners].to_numpy() - frames[1][corners].to_numpy()).max() < 0.1
