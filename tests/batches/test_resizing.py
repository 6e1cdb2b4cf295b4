"""Squares as the libraries of published models make them, and where each pixel of a film goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.resizing import fixed_geometry, pad_to_square, resize_to
from plainfilm.batches.transforms import cut, draw_geometry, to_tensor
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator

SHAPES = (
    *((64, 64), (64, 65), (65, 64), (64, 67), (67, 64), (65, 97), (97, 65), (70, 71), (80, 100), (100, 80)),
    *((128, 128), (129, 131), (150, 97), (97, 150), (301, 200), (200, 301), (333, 111), (111, 333)),
    *((512, 624), (31, 40)),
)
"""(H, W): square and not, odd and even margins, reduced and enlarged."""
SIZE = 64
MODES = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def film(shape: tuple[int, int]) -> np.ndarray:
    """Blobs with sharp edges and noise, so that every filter and every shift shows."""
    rng = generator("film to resize", shape)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(shape[::-1], Image.Resampling.NEAREST), dtype=float)
    return np.clip(smooth + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)


def published(**values: Any) -> Preprocessing:
    return Preprocessing(**{"size": SIZE, "mean": (0, 0, 0), "std": (1, 1, 1), **values})


def check_equal(ours: np.ndarray, theirs: Any, within: float) -> None:
    found = np.asarray(theirs, dtype=np.float64).squeeze()
    np.testing.assert_allclose(ours.astype(np.float64), found, atol=within, rtol=0)
    assert np.ptp(found) > 50


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_default_is_one_resampling_of_the_exact_middle(shape: tuple[int, int]) -> None:
    side, (height, width) = min(shape), shape
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    square = Image.fromarray(film(shape)).resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box)
    assert np.array_equal(resize_to(film(shape), Preprocessing(size=SIZE)), np.asarray(square))


@pytest.mark.parametrize("resize", [64, 80])
@pytest.mark.parametrize("filter_", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torchvision_on_pillow_images(shape: tuple[int, int], filter_: str, resize: int) -> None:
    mode = InterpolationMode(filter_)
    theirs = tv.Compose([tv.Resize(resize, mode), tv.CenterCrop(SIZE)])(Image.fromarray(film(shape)))
    how = published(filter=filter_, resize=resize, order="resize_first")
    check_equal(resize_to(film(shape), how), theirs, 0)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("filter_", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torchvision_on_tensors(shape: tuple[int, int], filter_: str, antialias: bool) -> None:
    steps = tv.Compose([tv.Resize(80, MODES[filter_], antialias=antialias), tv.CenterCrop(SIZE)])
    pixels = torch.from_numpy(film(shape))[None]
    how = published(
        filter=filter_, antialias=antialias, library="torch", resize=80, order="resize_first", rounded=False
    )
    check_equal(resize_to(film(shape), how), steps(pixels.float()), 1e-4)
    rounded = how.model_copy(update={"rounded": True})
    check_equal(resize_to(film(shape), rounded), steps(pixels), 0)
    second = v2.functional.center_crop(
        v2.functional.resize(pixels, [80], MODES[filter_], antialias=antialias), [SIZE, SIZE]
    )
    check_equal(resize_to(film(shape), rounded.model_copy(update={"library": "torch_uint8"})), second, 0)


@pytest.mark.parametrize("filter_", PILLOW)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pillow_squashed(shape: tuple[int, int], filter_: str) -> None:
    theirs = Image.fromarray(film(shape)).convert("RGB").resize((SIZE, SIZE), PILLOW[filter_])
    ours = resize_to(film(shape), published(filter=filter_, fit="squash", order="resize_first"))
    check_equal(ours, np.asarray(theirs)[..., 0], 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_padded_then_resized(shape: tuple[int, int]) -> None:
    side = max(shape)
    square = Image.new("L", (side, side))
    square.paste(Image.fromarray(film(shape)), ((side - shape[1]) // 2, (side - shape[0]) // 2))
    theirs = square.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    ours = resize_to(film(shape), published(filter="bicubic", fit="pad", order="resize_last"))
    check_equal(ours, theirs, 0)


def resized_and_padded(shape: tuple[int, int], side: int) -> np.ndarray:
    longest = max(shape)
    size = tuple(side if own == longest else int(own * side / longest) for own in shape[::-1])
    square = Image.new("L", (side, side))
    resized = Image.fromarray(film(shape)).resize(size, Image.Resampling.LANCZOS)
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(square)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_resized_padded_and_resized_again_by_another_library(shape: tuple[int, int]) -> None:
    # CheXzero: Lanczos of Pillow to 320, black, normalised, then bicubic of tensors without antialiasing.
    padded = torch.from_numpy(resized_and_padded(shape, 100).astype(np.float32))[None]
    normalised = (padded.expand(3, -1, -1) - 101.48761) / 83.43944
    theirs = tv.Resize(SIZE, InterpolationMode.BICUBIC, antialias=False)(normalised)
    how = Preprocessing(
        size=SIZE,
        resize=100,
        fit="pad",
        filter="lanczos",
        order="resize_first",
        second={"library": "torch", "filter": "bicubic", "antialias": False, "rounded": False},
        value_range=(0, 255),
        mean=(101.48761,) * 3,
        std=(83.43944,) * 3,
    )
    ours = to_tensor(np.stack([resize_to(film(shape), how)]), how)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("backend", ["pil", "torchvision"])
@pytest.mark.parametrize("kind", ["bit", "clip", "vit"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_image_processors_of_transformers(shape: tuple[int, int], kind: str, backend: str) -> None:
    import transformers

    name = {"bit": "BitImageProcessor", "clip": "CLIPImageProcessor", "vit": "ViTImageProcessor"}[kind]
    sizes = {"size": {"height": SIZE, "width": SIZE}}
    how: dict[str, Any] = {"fit": "squash", "filter": "bilinear"}
    if kind != "vit":
        sizes = {"size": {"shortest_edge": 70}, "crop_size": {"height": SIZE, "width": SIZE}}
        how = {"resize": 70, "filter": "bicubic", "odd_margin": "down"}
    processor = getattr(transformers, name + ("Pil" if backend == "pil" else ""))(**sizes)
    colours = Image.fromarray(film(shape)).convert("RGB")
    theirs = processor(colours, return_tensors="pt")["pixel_values"][0]
    preprocessing = Preprocessing(
        size=SIZE,
        order="resize_first",
        library="pillow" if backend == "pil" else "torch_uint8",
        mean=processor.image_mean,
        std=processor.image_std,
        **how,
    )
    ours = to_tensor(np.stack([resize_to(film(shape), preprocessing)]), preprocessing)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torchxrayvision(shape: tuple[int, int]) -> None:
    import torchxrayvision as xrv

    values = xrv.utils.normalize(film(shape), 255)[None]
    theirs = xrv.datasets.XRayResizer(SIZE)(xrv.datasets.XRayCenterCrop()(values))
    how = published(
        channels=1,
        order="resize_last",
        odd_margin="halves",
        library="scikit_image",
        rounded=False,
        value_range=(-1024, 1024),
    )
    ours = to_tensor(np.stack([resize_to(film(shape), how)]), how)[0, 0].numpy()
    np.testing.assert_allclose(ours, theirs[0], atol=2048 / 255 / 100, rtol=0)


def mean_of_area(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    """The mean of rows from `start` to `stop`, parts of a row by their share."""
    covered = [max(0.0, min(stop, row + 1) - max(start, row)) for row in range(len(values))]
    return np.average(values, axis=0, weights=covered)


@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_area_means_of_opencv(shape: tuple[int, int]) -> None:
    values = film(shape).astype(float)
    for _ in range(2):  # rows, then columns
        step = len(values) / SIZE
        values = np.stack([mean_of_area(values, n * step, (n + 1) * step) for n in range(SIZE)]).T
    how = published(fit="squash", order="resize_first", library="opencv", filter="area", rounded=False)
    check_equal(resize_to(film(shape), how), values, 1e-3)


def test_stretched_films_run_from_black_to_white() -> None:
    grey = (film((64, 64)) // 4 + 50).astype(np.uint8)
    square = resize_to(grey, published(stretch=True))
    assert (square.min(), square.max()) == (0, 255)
    assert resize_to(np.full((64, 64), 7, dtype=np.uint8), published(stretch=True)).max() == 0


GEOMETRIES = (
    {"fit": "crop"},
    {"fit": "pad"},
    {"fit": "squash"},
    {"fit": "crop", "resize": 80},
    {"fit": "crop", "resize": 80, "order": "resize_first"},
    {"fit": "crop", "order": "resize_last", "odd_margin": "down"},
    {"fit": "pad", "resize": 80, "order": "resize_first"},
    {"fit": "pad", "order": "resize_last"},
    {"fit": "squash", "resize": 72, "order": "resize_first", "library": "torch"},
    {
        "fit": "pad",
        "resize": 90,
        "order": "resize_first",
        "second": {"library": "torch", "filter": "bicubic"},
    },
)


@pytest.mark.parametrize("shape", [(200, 200), (200, 301), (301, 203)], ids=str)
@pytest.mark.parametrize("how", GEOMETRIES, ids=str)
def test_geometry_says_where_a_bright_square_ends_up(how: dict[str, Any], shape: tuple[int, int]) -> None:
    height, width = shape
    black = np.zeros(shape, dtype=np.uint8)
    x0, y0, x1, y1 = width // 2 - 40, height // 2 - 10, width // 2 + 10, height // 2 + 45
    black[y0:y1, x0:x1] = 255
    square = resize_to(black, published(**how)).astype(float)
    weights = square / square.sum()
    middle = np.arange(SIZE) + 0.5
    where = fixed_geometry((width, height), published(**how))
    box = where.boxes_to_square(np.array([[x0, y0, x1, y1]], dtype=float))[0]
    assert (weights.sum(0) * middle).sum() == pytest.approx((box[0] + box[2]) / 2, abs=0.1)
    assert (weights.sum(1) * middle).sum() == pytest.approx((box[1] + box[3]) / 2, abs=0.1)
    assert square.sum() / 255 == pytest.approx((box[2] - box[0]) * (box[3] - box[1]), rel=0.03)


def test_geometry_of_a_square_of_the_right_size_changes_nothing() -> None:
    assert np.array_equal(fixed_geometry((SIZE, SIZE), published()).matrix, np.eye(3))


def test_a_random_cut_of_the_whole_film_is_its_square() -> None:
    square = film((100, 100))
    for how in (
        published(),
        published(filter="bicubic", order="resize_first"),
        published(fit="squash", library="torch_uint8", order="resize_first"),
        published(library="opencv", filter="area", order="resize_last"),
        published(stretch=True, fit="pad", order="resize_last"),
        published(resize=90, order="resize_first", second={"library": "torch", "filter": "bicubic"}),
    ):
        whole = draw_geometry((100, 100), generator(0), how, DataConfig(crop_area=(1.0, 1.0)))
        assert np.array_equal(cut(square, whole, how), resize_to(square, how))


def test_a_random_cut_of_a_squashed_film_has_its_proportions() -> None:
    drawn = draw_geometry(
        (200, 100), generator(0), published(fit="squash"), DataConfig(crop_area=(0.25, 0.25))
    )
    left, top, right, bottom = drawn.box
    assert (right - left, bottom - top) == pytest.approx((100, 50))


@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (50, 50)])
def test_fit_crop_keeps_the_middle_square(shape: tuple[int, int]) -> None:
    film = np.zeros(shape, dtype=np.uint8)
    film[shape[0] // 2 - 5 : shape[0] // 2 + 5, shape[1] // 2 - 5 : shape[1] // 2 + 5] = 255
    square = resize_to(film, Preprocessing(size=min(shape)))
    rows, columns = np.nonzero(square)
    assert rows.mean() == columns.mean() == pytest.approx(min(shape) / 2 - 0.5)


def test_fit_pad_keeps_the_whole_film() -> None:
    square = resize_to(np.full((40, 80), 200, dtype=np.uint8), Preprocessing(size=80, fit="pad"))
    assert (square == 200).sum() == 40 * 80
    assert (square[:20] == 0).all()


def test_pad_to_square_leaves_a_square_alone() -> None:
    square = film((30, 30))
    assert pad_to_square(square) is square


def test_black_and_white_become_the_ends_of_the_value_range() -> None:
    films = np.array([[[0, 255]]], dtype=np.uint8)
    plain = {"channels": 1, "mean": (0, 0, 0), "std": (1, 1, 1)}
    for ends in ((-1024, 1024), (0, 255), (-1, 1), (0, 1)):
        tensor = to_tensor(films, Preprocessing(value_range=ends, **plain))
        assert tensor.flatten().tolist() == pytest.approx(ends, abs=1e-6)


def test_to_tensor_keeps_what_lies_between_grey_values() -> None:
    films = np.array([[[-3.5, 100.25]]], dtype=np.float32)
    tensor = to_tensor(films, Preprocessing(channels=1, mean=(0, 0, 0), std=(1, 1, 1), value_range=(0, 255)))
    assert tensor.flatten().tolist() == [-3.5, 100.25]
