"""What headers say of modality, part of the body and species."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import ImageError
from plainfilm.io.dicom.subject import doubts
from plainfilm.io.images import read_image
from tests.io.dicom.maker import dataset, gradient, write

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")


def reason(**header: Any) -> str | None:
    return doubts(dataset(gradient(), **header))[0]


def code(meaning: str, value: str = "") -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeMeaning, item.CodeValue = meaning, value
    return item


@pytest.mark.parametrize(
    "part",
    [
        *(
            "CHEST",
            "THORAX",
            "Tórax PA",
            "Brustkorb",
            "poumons",
            "klatka piersiowa",
            "胸部正位",
            "흉부",
            "RIBS",
        ),
        *("грудная клетка", "göğüs", "Lungor", "hrudník", "", "UNKNOWN", "PORTABLE AP", "PORT CHEST_ABDOMEN"),
    ],
)
def test_chest_films_and_headers_that_say_nothing_are_believed(part: str) -> None:
    assert reason(BodyPartExamined=part, StudyDescription=part) is None


@pytest.mark.parametrize(
    ("part", "word"),
    [
        *(
            ("EXTREMITY", "extremity"),
            ("ABDOMEN", "abdomen"),
            ("TSPINE", "tspine"),
            ("LOWER_LEG", "lower leg"),
        ),
        *(("Thoracic Spine AP", "thoracic spine"), ("Schädel a.p.", "schadel"), ("genou gauche", "genou")),
        *(
            ("RODILLA DERECHA", "rodilla"),
            ("腹部立位", "腹"),
            ("череп", "череп"),
            ("Rx Mão e punho", "punho"),
        ),
    ],
)
def test_other_parts_are_refused_with_the_word(part: str, word: str) -> None:
    expected = f"BodyPartExamined speaks of another part of the body ('{word}'), not of the chest"
    assert reason(BodyPartExamined=part) == expected


@pytest.mark.parametrize(
    "keyword",
    *[["StudyDescription", "SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"]],
)
def test_descriptions_are_read_where_nothing_names_the_chest(keyword: str) -> None:
    assert keyword in (reason(**{keyword: "Non-ossifying fibroma of distal tibia"}) or "")


def test_the_anatomic_region_is_read() -> None:
    assert "AnatomicRegionSequence" in (reason(AnatomicRegionSequence=[code("Knee", "T-D9200")]) or "")
    assert reason(AnatomicRegionSequence=[code("", "T-D3000")], StudyDescription="hand") is None


def test_a_header_of_the_chest_and_of_another_part_is_kept_with_a_flag() -> None:
    refused, flags = doubts(dataset(gradient(), BodyPartExamined="CHEST", StudyDescription="Abdomen upright"))
    assert refused is None
    assert flags == (
        "StudyDescription speaks of another part of the body ('abdomen'), and of the chest as well",
    )


def test_the_text_of_an_element_is_never_quoted() -> None:
    said = reason(StudyDescription="knee of Mrs Esmeralda Quux")
    assert said is not None
    assert "Quux" not in said


@pytest.mark.parametrize(
    "header",
    [
        {"PatientSpeciesDescription": "Canis lupus familiaris"},
        {"ResponsiblePersonRole": "OWNER"},
        {"AcquisitionDeviceProcessingDescription": "CANINE LATERAL THORAX 0-15cm"},
        {"StudyDescription": "Hund Thorax"},
        {"InstitutionName": "Tierklinik am See"},
        {"InstitutionName": "Cliníca Veterinária"},
    ],
)
def test_animals_are_refused(header: dict[str, str]) -> None:
    assert reason(BodyPartExamined="CHEST", **header) is not None


@pytest.mark.parametrize(
    "header",
    [
        {"PatientSpeciesDescription": "Homo sapiens"},
        {"StudyDescription": "CHEST, PIG TAIL CATHETER"},
        {"InstitutionName": "Horse Creek Hospital"},
        {"ResponsiblePersonRole": "PARENT"},
    ],
)
def test_people_are_not(header: dict[str, str]) -> None:
    assert reason(**header) is None


def test_the_species_as_a_code() -> None:
    assert reason(PatientSpeciesCodeSequence=[code("Homo sapiens", "337915000")]) is None
    assert "not human" in (reason(PatientSpeciesCodeSequence=[code("Felis catus", "448169003")]) or "")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"Modality": "CT"}, "modality is 'CT'"),
        ({"Modality": "MG"}, "modality is 'MG'"),
        ({"Modality": "", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "scout view"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "its class is 'CT Image Storage'"),
    ],
)
def test_what_is_no_radiograph_is_refused(header: dict[str, Any], words: str) -> None:
    assert words in (reason(**header) or "")


def test_a_private_class_is_believed() -> None:
    assert reason(SOPClassUID="1.2.392.200036.9125.1.1.2") is None


def test_raw_detector_values_are_flagged() -> None:
    _, flags = doubts(dataset(gradient(), PresentationIntentType="FOR PROCESSING"))
    assert "FOR PROCESSING" in flags[0]


def test_what_is_refused_is_kept_with_a_flag_when_that_is_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient(), BodyPartExamined="KNEE")
    with pytest.raises(ImageError, match=r"'knee'.*keep it with --force"):
        read_image(path)
    assert "'knee'" in read_image(path, keep_refused=True).flags[0]
