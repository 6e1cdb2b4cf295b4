"""What tells a film apart from those of training: pixels, header and view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm import phantom
from plainfilm.errors import ImageError
from plainfilm.io.images import read_image
from plainfilm.model_folder import ModelConfig, TrainedOn
from plainfilm.predictor.documents import Answers, ShownFilm, document
from plainfilm.predictor.film_flags import film_flags, with_flags
from plainfilm.types import View
from tests.io.dicom.maker import write
from tests.toys import toy_config

FRONTAL = (View.PA, View.AP, View.AP_SUPINE)


def trained_on(*views: View) -> ModelConfig:
    return ModelConfig(architecture=toy_config(), trained_on=TrainedOn(views=views or None))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    for view in ("PA", "LATERAL"):
        Image.fromarray(phantom.render(view, [], seed=5, size=320)).save(folder / f"{view}.png")
    Image.fromarray(255 - read_image(folder / "PA.png").array).save(folder / "inverted.png")
    return {file.stem: file for file in folder.iterdir()}


def test_a_film_as_in_training_has_no_flag(films: dict[str, Path]) -> None:
    assert film_flags(films["PA"], trained_on(*FRONTAL)) == ()


def test_what_prepare_flags_is_flagged(films: dict[str, Path]) -> None:
    flags = film_flags(films["inverted"], trained_on(*FRONTAL))
    assert any(flag.startswith("looks inverted") for flag in flags)


@pytest.mark.parametrize(
    ("film", "views", "flag"),
    [
        ("LATERAL", FRONTAL, "looks lateral; trained on PA, AP, AP_SUPINE"),
        ("LATERAL", (*FRONTAL, View.UNKNOWN), "looks lateral; trained on PA, AP, AP_SUPINE, unknown"),
        ("PA", (View.LATERAL,), "looks frontal; trained on LATERAL"),
        ("LATERAL", (*FRONTAL, View.LATERAL), None),
        ("LATERAL", (), None),
    ],
)
def test_a_view_that_was_not_trained_on_is_flagged(
    films: dict[str, Path], film: str, views: tuple[View, ...], flag: str | None
) -> None:
    assert film_flags(films[film], trained_on(*views)) == ((flag,) if flag else ())


def test_a_header_that_states_another_view_is_flagged(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    write(
        tmp_path / "film.dcm",
        phantom.render("PA", [], seed=5, size=128).astype(np.uint16) << 4,
        ViewPosition="LL",
    )
    flags = film_flags(tmp_path / "film.dcm", trained_on(*FRONTAL))
    assert "view LATERAL by its header; trained on PA, AP, AP_SUPINE" in flags


def test_a_film_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"junk")
    with pytest.raises(ImageError):
        film_flags(tmp_path / "junk.png", trained_on())
    answers = Answers(str(tmp_path / "junk.png"), error=ImageError("junk"))
    assert "flags" not in document(with_flags(answers, trained_on()))


def test_each_film_of_a_study_has_its_own(films: dict[str, Path]) -> None:
    shown = [ShownFilm(str(films[name]), View.UNKNOWN) for name in ("PA", "inverted")]
    answers = document(with_flags(Answers("study", films=shown), trained_on()))
    assert [bool(one["flags"]) for one in answers["films"]] == [False, True]
    assert "flags" not in answers


def test_few_grey_values_are_flagged(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(100, 120, (200, 200), dtype=np.uint8)
    Image.fromarray(rows).save(tmp_path / "flat.png")
    assert any("hardly any contrast" in flag for flag in film_flags(tmp_path / "flat.png", trained_on()))
