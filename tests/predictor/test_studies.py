"""Inference on studies: any number of films, each encoded once, in batches that do not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm.errors import ImageError, UsageError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.models.base import Facts, build_model
from plainfilm.models.classifier import Config
from plainfilm.nn.decoding import Decoding
from plainfilm.predictor import Predictor, load
from plainfilm.predictor.studies import study_films
from plainfilm.types import View

PROMPTS = {"Pleural Effusion": ("Pleural effusion.", "No pleural effusion.")}


@pytest.fixture
def model(tiny_study_model: Path) -> Predictor:
    return load(tiny_study_model)


@pytest.fixture(scope="module")
def films(small_world) -> list[str]:
    return [str(small_world.image_path(path)) for path in small_world.table("images")["path"].to_pylist()]


def studies_of(films: list[str]) -> list[list[str]]:
    return [films[:1], films[1:4], films[4:6], films[6:15]]


def test_a_study_alone_is_that_among_others(model: Predictor, films: list[str]) -> None:
    studies = studies_of(films)
    whole = model.encode_studies(studies)
    assert whole.shape == (4, model.dimension)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    for place, study in enumerate(studies):
        np.testing.assert_allclose(model.encode_studies([study])[0], whole[place], atol=1e-5)
    np.testing.assert_allclose(model.encode_images(films[:1])[0], whole[0], atol=1e-5)


@pytest.mark.parametrize("decoding", [None, Decoding(max_tokens=9), Decoding(use="beam", beams=2)])
def test_reports_do_not_depend_on_the_batch(
    model: Predictor, films: list[str], decoding: Decoding | None
) -> None:
    studies = studies_of(films)
    together = [report.text for report in model.write_reports(studies, decoding=decoding)]
    assert together == [model.write_report(study, decoding=decoding).text for study in studies]


def test_views_are_heeded_and_read_from_dicom_headers(model: Predictor, films: list[str]) -> None:
    known = model.encode_studies([films[:2]], [[View.PA, View.LATERAL]])
    assert not np.array_equal(known, model.encode_studies([films[:2]]))
    assert study_films(films[:2], [View.PA, None]).views == (View.PA, View.UNKNOWN)


def test_a_film_that_was_encoded_before_keeps_the_view_of_its_header(
    model: Predictor, tmp_path: Path
) -> None:
    pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")
    from tests.io.dicom.maker import film, write

    path = write(tmp_path / "film.dcm", film(), ViewPosition="LL")
    encoded = model.encode_film(path)
    assert study_films([encoded]).views == study_films([path]).views == (View.LATERAL,)
    assert model.write_report(encoded).text == model.write_report(path, [View.LATERAL]).text


def test_the_view_of_a_dicom_film_is_that_of_its_header(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from plainfilm.phantom import write

    write("mimic_cxr_dicom", tmp_path, studies=3, size=64, workers=1)
    films = sorted(tmp_path.rglob("*.dcm"))
    views = set(study_films(films).views)
    assert views - {View.UNKNOWN}


def test_mistakes_end_in_one_line(model: Predictor, films: list[str], tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"junk")
    with pytest.raises(ImageError, match=r"junk\.png"):
        model.encode_studies([films[:1], [str(tmp_path / "junk.png")]])
    with pytest.raises(UsageError, match="a study of 0 films"):
        model.encode_studies([[]])
    with pytest.raises(UsageError, match="a study of 2 films with 1 views"):
        model.encode_studies([films[:2]], [[View.PA]])
    with pytest.raises(UsageError, match="2 studies but views of 1"):
        model.encode_studies([films[:1], films[:1]], [[View.PA]])


def test_a_gate_with_three_places_refuses_a_study_of_nine(films: list[str], tmp_path: Path) -> None:
    config = Config(image={"use": "compact", "width": 4, "grid": 2}, fusion={"use": "gate"})
    predictor = load(classifier(config, tmp_path / "gate"))
    assert predictor.classify_studies([films[:3], films[:1]]).logits.shape == (2, 2)
    with pytest.raises(UsageError, match="gate: a study of 9 films, but this model takes at most 3"):
        predictor.classify_studies([films[:9]])


def test_studies_are_classified_from_all_their_films(films: list[str], tmp_path: Path) -> None:
    config = Config(image={"use": "compact", "width": 4, "grid": 2}, fusion={"use": "attention", "heads": 2})
    predictor = load(classifier(config, tmp_path / "model"))
    found = predictor.classify_studies([films[:1], films[:2]])
    assert found.observations == ("Edema", "Effusion")
    np.testing.assert_allclose(predictor.classify(films[:1]).logits, found.logits[:1], atol=1e-5)
    assert not np.allclose(found.logits[0], found.logits[1])


def test_a_model_of_single_films_says_so(tiny_model: Path, tiny_classifier: Path, films: list[str]) -> None:
    for folder in (tiny_model, tiny_classifier):
        with pytest.raises(UsageError, match="encodes single films, not studies"):
            load(folder).encode_studies([films[:2]])
    with pytest.raises(UsageError, match="predicts nothing from several films"):
        load(tiny_classifier).classify_studies([films[:2]])


def test_findings_of_studies_come_ranked(model: Predictor, films: list[str]) -> None:
    [[finding]] = model.findings_of_studies([films[:2]], prompts=PROMPTS)
    assert finding.observation == "Pleural Effusion"
    assert not finding.is_calibrated


def classifier(config: Config, folder: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(config, Facts(observations=("Edema", "Effusion")))
    settings = ModelConfig(architecture=config, preprocessing=Preprocessing(size=64, channels=1))
    save_model(folder, model, {}, settings)
    return folder
