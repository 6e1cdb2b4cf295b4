"""Maps of similarity: what is planted lights up where it is, on films of every shape, and as NumPy says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plainfilm.batches.resizing import resize_to
from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Geometry
from plainfilm.io import limits
from plainfilm.io.images import read_image
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import LoadedModel, ModelConfig
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models import dual_encoder
from plainfilm.models.base import Facts, build_model
from plainfilm.nn.base import ImageFeatures
from plainfilm.predictor import Predictor, load
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.text.tokenizers import Tokenizer
from tests.io.dicom.maker import write

SIZE, CELL = 64, 8


class Brightness(torch.nn.Module):
    """Patches of `CELL` pixels as (brightness from 0 to 1, 0.5); a film is their mean."""

    def forward(self, images: torch.Tensor) -> ImageFeatures:
        cells = torch.nn.functional.avg_pool2d(images, CELL).flatten(1)
        patches = torch.stack([cells, torch.full_like(cells, 0.5)], dim=2)
        return ImageFeatures(patches.mean(1), patches)

    def pooled_alone(self, features: ImageFeatures) -> torch.Tensor:
        return features.patches


def bright_is_similar(fit: str = "crop", read_side: int | None = None) -> Predictor:
    """A dual encoder for which every text means a bright place."""
    tokenizer = Tokenizer.train(["a bright place"] * 4, vocabulary_size=270, max_tokens=12)
    architecture = dual_encoder.TINY.model_copy(
        update={"projection": dual_encoder.ProjectionConfig(kind="none", text_kind="linear", dimension=104)}
    )
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    model.image, model.dimension = Brightness(), 2
    model.text_projection = torch.nn.Linear(16, 2)
    model.text_projection.weight.data.zero_()
    model.text_projection.bias.data.copy_(torch.tensor([1.0, 0.0]))
    preprocessing = Preprocessing(
        size=SIZE, channels=1, mean=(0.0,) * 3, std=(1.0,) * 3, fit=fit, read_side=read_side
    )
    config = ModelConfig(architecture=architecture, preprocessing=preprocessing)
    return Predictor(LoadedModel(model, {"text": tokenizer}, config), "bright", torch.device("cpu"))


def film_with(box: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    """A dark film of `size` (width, height), bright in `box` (x0, y0, x1, y1)."""
    film = np.full((size[1], size[0]), 20, dtype=np.uint8)
    film[box[1] : box[3], box[0] : box[2]] = 240
    return film


def distance(point: tuple[float, float], box: tuple[int, int, int, int]) -> float:
    """How far in pixels `point` lies outside `box`."""
    x, y = point
    return max(box[0] - x, x - box[2], box[1] - y, y - box[3], 0.0)


PLANTED = [
    ("crop", (200, 200), (130, 20, 170, 60)),
    ("crop", (300, 200), (60, 120, 110, 180)),
    ("crop", (200, 500), (20, 200, 90, 260)),
    ("pad", (300, 200), (10, 120, 60, 180)),
    ("pad", (200, 500), (140, 430, 190, 490)),
    ("squash", (300, 200), (240, 10, 290, 60)),
    ("squash", (200, 500), (20, 380, 90, 460)),
]


@pytest.mark.parametrize("read_side", [None, 96])
@pytest.mark.parametrize(("fit", "size", "box"), PLANTED)
def test_what_is_planted_lights_up_where_it_is(fit, size, box, read_side) -> None:
    found = bright_is_similar(fit, read_side).similarity_map(film_with(box, size), "bright")
    values = found.pixels()
    assert values.shape == size[::-1]
    patch = max(size) / SIZE * CELL
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    assert distance((column + 0.5, row + 0.5), box) <= patch / 2
    assert distance(found.peak(), box) <= patch / 2
    boxes, scores = found.boxes(found.threshold(0.02))
    assert distance(tuple((boxes[0, :2] + boxes[0, 2:]) / 2), box) <= patch / 2
    assert scores[0] == pytest.approx(found.high, abs=1e-6)


@pytest.mark.parametrize(("fit", "size", "box"), PLANTED)
def test_pixels_that_the_model_does_not_see_have_no_value(fit, size, box) -> None:
    found = bright_is_similar(fit).similarity_map(film_with(box, size), "bright")
    seen = np.isfinite(found.pixels())
    width, height = size
    margin = ((width - height) / 2, (height - width) / 2) if fit == "crop" else (0, 0)
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    expected = np.outer(
        np.abs(rows - height / 2) < height / 2 - max(margin[1], 0),
        np.abs(columns - width / 2) < width / 2 - max(margin[0], 0),
    )
    assert np.array_equal(seen, expected)
    outside = np.isnan(found.grid).mean()
    assert outside == pytest.approx(1 - min(size) / max(size) if fit == "pad" else 0, abs=0.13)


def test_patches_that_take_too_much_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    patches, features = (SIZE // CELL) ** 2, 2
    monkeypatch.setattr(limits, "LARGEST_ARRAY", patches * features * 4 - 1)
    with pytest.raises(UsageError, match=f"the {patches} patches of 'bright' take"):
        bright_is_similar().similarity_map(film_with((60, 120, 110, 180), (300, 200)), "bright")


def test_values_are_those_of_numpy() -> None:
    film, preprocessing = film_with((60, 120, 110, 180), (300, 200)), Preprocessing(size=SIZE, channels=1)
    found = bright_is_similar().similarity_map(film, "bright")
    square = resize_to(film, preprocessing).astype(np.float64) / 255
    cells = square.reshape(SIZE // CELL, CELL, SIZE // CELL, CELL).mean((1, 3))
    np.testing.assert_allclose(found.grid, cells / np.hypot(cells, 0.5), atol=1e-6)
    mean = cells.mean()
    assert found.score == pytest.approx(mean / np.hypot(mean, 0.5), abs=1e-6)


def test_pixels_lie_linearly_between_the_centres_of_patches() -> None:
    grid = np.arange(16, dtype=np.float32).reshape(4, 4) ** 1.5
    geometry = Geometry((40, 20), 64, (10.0, 0.0, 30.0, 20.0))
    drawn = geometry.grid_on_film(grid)
    cells = np.clip((np.arange(20) + 0.5) / 5 - 0.5, 0, 3)
    low = np.minimum(cells.astype(int), 2)
    part = cells - low
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    expected = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    np.testing.assert_allclose(drawn[:, 10:30], expected, rtol=1e-5, atol=1e-9)
    assert np.isnan(drawn[:, :10]).all()
    assert np.isnan(drawn[:, 30:]).all()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 30.0, -90.0])
def test_a_turned_geometry_puts_a_cell_where_a_box_of_it_goes(angle: float, mirrored: bool) -> None:
    geometry = Geometry((300, 200), 64, (50.0, 0.0, 250.0, 200.0), angle=angle, mirrored=mirrored)
    grid = np.zeros((8, 8), dtype=np.float32)
    grid[2, 5] = 1
    drawn = geometry.grid_on_film(grid)
    row, column = np.unravel_index(np.nanargmax(drawn), drawn.shape)
    cell = geometry.boxes_to_film(np.array([[40.0, 16.0, 48.0, 24.0]]))[0]
    assert (column + 0.5, row + 0.5) == pytest.approx(tuple((cell[:2] + cell[2:]) / 2), abs=1.5)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_film_turned_by_its_file_is_upright(orientation: int, tmp_path: Path) -> None:
    upright = Image.fromarray(film_with((60, 120, 110, 180), (300, 200)))
    turned = {1: 0, 3: 180, 6: 90, 8: 270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.rotate(turned, expand=True).save(tmp_path / "film.png", exif=exif)
    found = bright_is_similar().similarity_map(tmp_path / "film.png", "bright")
    assert found.pixels().shape == (200, 300)
    assert distance(found.peak(), (60, 120, 110, 180)) <= 25


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_negative_is_read_as_the_film_it_is(photometric: str, tmp_path: Path) -> None:
    film = film_with((60, 120, 110, 180), (300, 200)).astype(np.uint16) * 16
    stored = 4095 - film if photometric == "MONOCHROME1" else film
    path = write(tmp_path / "film.dcm", stored, PhotometricInterpretation=photometric)
    assert read_image(path).array[150, 80] > 200
    found = bright_is_similar().similarity_map(path, "bright")
    assert distance(found.peak(), (60, 120, 110, 180)) <= 25


def test_boxes_surround_each_area_above_the_threshold() -> None:
    film = np.maximum(film_with((16, 16, 64, 64), (256, 256)), film_with((160, 128, 224, 224), (256, 256)))
    found = bright_is_similar().similarity_map(film, "bright")
    boxes, scores = found.boxes((found.low + found.high) / 2)
    assert sorted(boxes.tolist()) == [
        pytest.approx([16, 16, 64, 64], abs=17),
        pytest.approx([160, 128, 224, 224], abs=17),
    ]
    assert list(scores) == sorted(scores, reverse=True)
    assert [len(part) for part in found.boxes(2.0)] == [0, 0]
    everything, _ = found.boxes(-1.0)
    assert everything.tolist() == [[0, 0, 256, 256]]


def test_a_phrase_is_mapped_alike_alone_and_among_others(tiny_model, small_world) -> None:
    predictor = load(tiny_model)
    paths = [small_world.image_path(path) for path in small_world.table("images")["path"].to_pylist()[:3]]
    alone = [[predictor.similarity_map(path, text) for text in ("effusion", "heart")] for path in paths]
    streamed = list(predictor.stream_similarity_maps(paths, [["effusion", "heart"]] * 3))
    for first, second in zip(alone, streamed, strict=True):
        assert [one.text for one in second] == ["effusion", "heart"]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_allclose(one.grid, other.grid, atol=1e-5)
            assert one.score == pytest.approx(other.score, abs=1e-5)


def test_the_film_is_encoded_once_for_all_phrases(monkeypatch) -> None:
    predictor, calls = bright_is_similar(), []
    encode = Brightness.forward
    monkeypatch.setattr(Brightness, "forward", lambda *given: calls.append(1) or encode(*given))
    predictor.similarity_maps(film_with((10, 10, 20, 20), (64, 64)), ["one", "two", "three"])
    assert len(calls) == 1


def test_the_score_is_that_of_the_whole_film(tiny_model, small_world) -> None:
    predictor = load(tiny_model)
    path = small_world.image_path(small_world.table("images")["path"][0].as_py())
    expected = float(predictor.encode_images([path])[0] @ predictor.encode_texts("effusion")[0])
    assert predictor.similarity_map(path, "effusion").score == pytest.approx(expected, abs=1e-6)


def test_questions_without_an_answer_are_refused(tiny_classifier) -> None:
    film = film_with((10, 10, 20, 20), (64, 64))
    with pytest.raises(UsageError, match="does not compare the patches of films with texts"):
        load(tiny_classifier).similarity_map(film, "effusion")
    predictor = bright_is_similar()
    with pytest.raises(UsageError, match="a text is blank"):
        predictor.similarity_map(film, " ")
    with pytest.raises(UsageError, match="1 images but texts of 2"):
        list(predictor.stream_similarity_maps([film], [["a"], ["b"]]))
    with pytest.raises(UsageError, match="share"):
        predictor.similarity_map(film, "a").threshold(2)
    unusable = list(predictor.stream_similarity_maps([film, "nothing.png"], [["a"], ["b"]]))
    assert isinstance(unusable[0][0], SimilarityMap)
    assert isinstance(unusable[1], ImageError)
