"""Every source in `sources/` keeps the contract of `sources/base.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm import plugins
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError
from plainfilm.io.archives import is_file
from plainfilm.io.images import read_image
from plainfilm.sources.base import source
from plainfilm.types import SPLITS, Image, Rejection, Study
from tests.source_examples import source_example

NAMES = plugins.names("source")


@pytest.fixture(scope="module", params=NAMES)
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Study | Rejection]:
    """What each source yields of its example."""
    module = source(request.param)
    raw = source_example(request.param, tmp_path_factory.mktemp(request.param))
    found = list(module.read(raw, module.Config()))
    assert found == list(module.read(raw, module.Config())), "the order differs between readings"
    return found


def studies(items: list[Study | Rejection]) -> list[Study]:
    return [item for item in items if isinstance(item, Study)]


def images(items: list[Study | Rejection]) -> list[Image]:
    return [image for study in studies(items) for image in study.images]


def test_an_example_has_studies_and_images(example: list[Study | Rejection]) -> None:
    assert len(studies(example)) >= 3
    assert images(example)


def test_an_example_says_something_of_its_films(example: list[Study | Rejection]) -> None:
    """A report where the corpus has reports; else labels or boxes."""
    said = [(study.report, *study.labels) for study in studies(example)]
    shown = [(*image.labels, *image.boxes) for image in images(example)]
    assert any(any(part) for part in (*said, *shown))


def test_ids_are_unique_and_not_blank(example: list[Study | Rejection]) -> None:
    for ids in (
        [study.study_id for study in studies(example)],
        [image.image_id for image in images(example)],
    ):
        assert all(ids)
        assert len(set(ids)) == len(ids)


def test_files_exist(example: list[Study | Rejection]) -> None:
    assert all(is_file(image.path) for image in images(example))


def test_boxes_lie_inside_their_images(example: list[Study | Rejection]) -> None:
    for image in images(example):
        film = read_image(image.path)
        width, height = image.width or film.original_width, image.height or film.original_height
        for box in image.boxes:
            assert 0 <= box.x0 < box.x1 <= width
            assert 0 <= box.y0 < box.y1 <= height


def test_splits_keep_patients_together(example: list[Study | Rejection]) -> None:
    splits: dict[str, set[str | None]] = {}
    for study in studies(example):
        splits.setdefault(study.patient_id, set()).add(study.split)
        assert study.split in (None, *SPLITS)
    assert all(len(found) == 1 for found in splits.values())


@pytest.mark.parametrize("name", NAMES)
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown key 'no_such_option'"):
        build(source(name).Config, {"no_such_option": 1}, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_does_not_exist(name: str, tmp_path: Path) -> None:
    module = source(name)
    with pytest.raises(DataError, match="nowhere"):
        list(module.read(tmp_path / "nowhere", module.Config()))
