"""Every phantom layout, read by the source of its name, gives back what is true, table by table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plainfilm import phantom, plugins
from plainfilm.collection import Collection, prepare
from plainfilm.phantom.layouts.base import layout
from plainfilm.types import Image, Label, Rejection, Study, View

NAMES = plugins.names("phantom layout")
STUDIES, SEED, SIZE, STORED = 30, 5, 160, 96


@dataclass(frozen=True)
class World:
    """A prepared phantom corpus and what it should have become."""

    collection: Collection
    studies: dict[str, Study]
    images: dict[str, Image]
    rejections: list[Rejection]

    def frame(self, name: str) -> pd.DataFrame:
        return self.collection.frame(name)


@pytest.fixture(scope="module", params=NAMES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    name = request.param
    raw = tmp_path_factory.mktemp(name) / "raw"
    patients = phantom.write(name, raw, studies=STUDIES, seed=SEED, size=SIZE, workers=1)
    items = list(layout(name).expected(raw, patients, SEED))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    images = {image.image_id: image for study in studies.values() for image in study.images}
    rejections = [item for item in items if isinstance(item, Rejection)]
    collection = prepare(name, raw, raw.with_name("out"), size=STORED, workers=1)
    return World(collection, studies, images, rejections)


def test_studies_patients_and_splits(world: World) -> None:
    found = world.frame("studies").set_index("study_id")
    assert set(found.index) == set(world.studies)
    assert found["patient_id"].to_dict() == {key: study.patient_id for key, study in world.studies.items()}
    stated = {key: study.split for key, study in world.studies.items() if study.split is not None}
    assert found["split"][list(stated)].to_dict() == stated


def test_sex_and_age(world: World) -> None:
    found = world.frame("studies").set_index("study_id").astype(object)
    for key, study in world.studies.items():
        if study.sex is not None:
            assert found.loc[key, "sex"] == study.sex
        if study.age is not None:
            assert found.loc[key, "age"] == pytest.approx(study.age, abs=1.0)


def test_images_and_views(world: World) -> None:
    found = world.frame("images").set_index("image_id")
    assert {key: View(view) for key, view in found["view"].items()} == {
        key: image.view for key, image in world.images.items()
    }
    studies = {image.image_id: key for key, study in world.studies.items() for image in study.images}
    assert found["study_id"].to_dict() == studies


def test_films_are_where_they_are_expected(world: World) -> None:
    from plainfilm.io.archives import is_file

    assert all(is_file(image.path) for image in world.images.values())


def test_films_are_not_black_white_or_inverted(world: World) -> None:
    from plainfilm.io.images import read_image

    for row in world.frame("images").head(6).itertuples():
        film = read_image(world.collection.image_path(row.path)).array
        assert 20 < film.mean() < 235
        height, width = film.shape
        if View(row.view).is_frontal:  # air beside the neck is darker than the belly
            assert (
                film[: height // 12, : width // 12].mean()
                < film[-height // 5 :, width // 3 : -width // 3].mean()
            )


def rows_of(labels: Iterable[Label], target: str, target_id: str) -> set[tuple[Any, ...]]:
    return {(target, target_id, label.observation, int(label.state), label.origin) for label in labels}


def test_labels(world: World) -> None:
    expected: set[tuple[Any, ...]] = set()
    for key, study in world.studies.items():
        expected |= rows_of(study.labels, "study", key)
    for key, image in world.images.items():
        expected |= rows_of(image.labels, "image", key)
        for box in image.boxes:
            expected |= rows_of(box.labels, "region", f"{key}:{box.name}")
    columns = ["target", "target_id", "observation", "state", "origin"]
    assert set(world.frame("labels")[columns].itertuples(index=False, name=None)) == expected


def test_boxes_to_a_pixel(world: World) -> None:
    stored = world.frame("images").set_index("image_id")
    expected = []
    for key, image in world.images.items():
        row = stored.loc[key]
        scale = row["width"] / row["original_width"], row["height"] / row["original_height"]
        for box in image.boxes:
            corners = np.array([box.x0 * scale[0], box.y0 * scale[1], box.x1 * scale[0], box.y1 * scale[1]])
            corners = np.clip(corners, 0, [row["width"], row["height"]] * 2)
            expected.append((key, box.kind, box.name, box.annotator or "", box.phrase or "", *corners))
    found = world.frame("boxes").fillna({"annotator": "", "phrase": ""})
    columns = ["image_id", "kind", "name", "annotator", "phrase", "x0", "y0", "x1", "y1"]
    actual = sorted(found[columns].itertuples(index=False, name=None))
    assert [row[:5] for row in actual] == [row[:5] for row in sorted(expected)]
    for one, other in zip(actual, sorted(expected), strict=True):
        assert one[5:] == pytest.approx(other[5:], abs=1.0), one


def test_reports(world: World) -> None:
    sections = world.frame("sections").groupby("study_id")["text"].agg(" ".join)
    for key, study in world.studies.items():
        if study.report is None:
            assert key not in sections.index
            continue
        words = set(" ".join(part.text for part in study.report.sections or ()).split())
        read = set(sections.get(key, "").split())
        assert words <= read
        assert read <= set(study.report.text.split())


def test_what_cannot_be_used_is_told(world: World) -> None:
    told = world.frame("rejected")
    assert all(told["reason"])
    for rejection in world.rejections:
        name = Path(rejection.path).name
        assert any(name in path for path in told["path"]), f"{rejection.path}: {rejection.reason}"
    assert len(told) == len(world.rejections), told.to_string()
