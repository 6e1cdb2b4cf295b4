from __future__ import annotations

import importlib.util
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import openi
from plainfilm.types import Rejection, Study, View

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR{uid}"/><licenseURL>http://example.org/by-nc-nd/4.0/</licenseURL>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="FINDINGS">XXXX.</AbstractText>
<MeSH>{mesh}<automatic>Scarring</automatic></MeSH>{films}</eCitation>"""


def add(
    raw: Path, uid: int, films: tuple[str, ...] = (), mesh: tuple[str, ...] = (), text: str = "XXXX."
) -> None:
    folder = raw / "NLMCXR_reports" / "ecgen-radiology"
    folder.mkdir(parents=True, exist_ok=True)
    majors = "".join(f"<major>{heading}</major>" for heading in mesh)
    parents = "".join(f'<parentImage id="{film}"/>' for film in films)
    content = REPORT.format(uid=uid, mesh=majors, films=parents)
    (folder / f"{uid}.xml").write_text(content)


def add_film(raw: Path, name: str) -> None:
    path = raw / "NLMCXR_png" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"not opened by a source")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A study of two films, the first with an id of two numbers as the corpus has it, and one of none."""
    films = ("CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001")
    add(tmp_path, 1, films, ("Lung/hypoinflation/mild", "Lung/hyperdistention", "Cardiomegaly"))
    add(tmp_path, 10, mesh=("normal",))
    add(tmp_path, 2, mesh=("No Indexing",))
    for film in films:
        add_film(tmp_path, f"{film}.png")
    return tmp_path


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(openi.read(raw, openi.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def test_studies_come_by_their_number_with_films_and_licence(raw: Path) -> None:
    studies, told = read(raw)
    assert [(name, len(study.images)) for name, study in studies.items()] == [
        ("CXR1", 2),
        ("CXR2", 0),
        ("CXR10", 0),
    ]
    assert {image.licence for image in studies["CXR1"].images} == {"http://example.org/by-nc-nd/4.0/"}
    assert told == []


def test_main_headings_are_labels_and_qualifiers_are_kept(raw: Path) -> None:
    labels = [one for one in read(raw)[0]["CXR1"].labels if one.origin == "openi/mesh"]
    assert [(one.observation, int(one.state), one.rule) for one in labels] == [
        ("Lung", 1, "Lung/hypoinflation/mild; Lung/hyperdistention"),
        ("Cardiomegaly", 1, "Cardiomegaly"),
    ]


def test_normal_is_no_finding_and_an_unindexed_report_has_no_label(raw: Path) -> None:
    studies, _ = read(raw)
    named = {
        name: [one.observation for one in study.labels if one.origin == "openi/mesh"]
        for name, study in studies.items()
    }
    assert (named["CXR10"], named["CXR2"]) == (["No Finding"], [])
    assert {one.origin for one in studies["CXR2"].labels} == {"openi/mesh-automatic"}


def test_views_are_those_of_kaggles_table(raw: Path) -> None:
    table = raw / "indiana_projections.csv"
    table.write_text(
        "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n1,1_IM-0001-3001.dcm.png,Side\n"
    )
    studies, told = read(raw)
    assert [image.view for image in studies["CXR1"].images] == [View.UNKNOWN, View.PA]
    assert [one.path for one in told] == ["indiana_projections.csv row 2"]


def test_views_may_be_assumed_by_order(raw: Path) -> None:
    assert [image.view for image in read(raw)[0]["CXR1"].images] == [View.UNKNOWN, View.UNKNOWN]
    assumed = read(raw, assume_views=True)[0]["CXR1"].images
    assert [image.view for image in assumed] == [View.PA, View.LATERAL]


def test_films_on_one_side_only_are_told(raw: Path) -> None:
    (raw / "NLMCXR_png" / "CXR1_1_IM-0001-3001.png").unlink()
    add_film(raw, "CXR77_IM-2297-1001.png")
    assert [(Path(one.path).name, one.reason) for one in read(raw)[1]] == [
        ("CXR1_1_IM-0001-3001", "named by the report but not on disk"),
        ("CXR77_IM-2297-1001.png", "on disk but named by no report"),
    ]


def test_dicom_films_by_the_names_they_have(raw: Path) -> None:
    for film in (raw / "NLMCXR_png").iterdir():
        film.rename(raw / film.name.replace("CXR1_1_", "1_").replace(".png", ".dcm"))
    assert [image.path.name for image in read(raw)[0]["CXR1"].images] == [
        "1_IM-0001-3001.dcm",
        "1_IM-0001-4001.dcm",
    ]


def test_a_report_without_words_is_told(raw: Path) -> None:
    folder = raw / "NLMCXR_reports" / "ecgen-radiology"
    text = (folder / "10.xml").read_text().replace("None.", "").replace("XXXX.", " ")
    (folder / "10.xml").write_text(text)
    studies, told = read(raw)
    assert studies["CXR10"].report is None
    assert [one.reason for one in told] == ["the report is empty"]


def test_a_damaged_report_is_told(raw: Path) -> None:
    (raw / "NLMCXR_reports" / "ecgen-radiology" / "2.xml").write_text("<eCitation>")
    studies, told = read(raw)
    assert set(studies) == {"CXR1", "CXR10"}
    assert told[0].reason.startswith("not XML")


def test_members_of_zips(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = tmp_path_factory.mktemp("packed")
    for part in ("NLMCXR_reports", "NLMCXR_png"):
        with zipfile.ZipFile(packed / f"{part}.zip", "w") as archive:
            for path in sorted((raw / part).rglob("*.*")):
                archive.write(path, path.relative_to(raw / part).as_posix())
    studies, told = read(packed)
    assert [len(study.images) for study in studies.values()] == [2, 0, 0]
    assert told == []


def test_kaggles_form_has_the_same_studies(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    kaggle = tmp_path_factory.mktemp("kaggle")
    header = "uid,MeSH,Problems,image,indication,comparison,findings,impression"
    rows = f'{header}\n1,Cardiomegaly/mild;Lung/hypoinflation,,"PA",,None.,XXXX.,\n10,normal,,,,,Clear.,\n'
    (kaggle / "indiana_reports.csv").write_text(rows)
    (kaggle / "indiana_projections.csv").write_text(
        "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n"
    )
    add_film(kaggle, "1_IM-0001-4001.dcm.png")
    studies, told = read(kaggle)
    (image,) = studies["CXR1"].images
    assert (image.image_id, image.view) == ("CXR1_IM-0001-4001", View.PA)
    assert [one.observation for one in studies["CXR1"].labels] == ["Cardiomegaly", "Lung"]
    assert studies["CXR10"].report is not None
    assert told == []


def test_what_is_still_packed_is_named(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = tmp_path_factory.mktemp("tgz")
    with tarfile.open(packed / "NLMCXR_reports.tgz", "w:gz") as archive:
        archive.add(raw / "NLMCXR_reports", "ecgen-radiology")
    with pytest.raises(SourceError, match=r"unpack NLMCXR_reports\.tgz"):
        read(packed)
    with pytest.raises(SourceError, match="unpack it first"):
        read(packed / "NLMCXR_reports.tgz")


def test_real_reports(real_data: Path) -> None:
    studies, told = read(real_data / "reports" / "openi_xml", tables_only=True)
    assert Counter(len(study.images) for study in studies.values()) == {2: 100, 1: 14, 3: 3, 0: 2, 4: 1}
    assert sum(study.report is not None for study in studies.values()) == 119
    assert [one.reason for one in told] == ["the report is empty"]


@pytest.mark.slow
def test_every_report_of_the_collection(tmp_path: Path) -> None:
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision, which holds the reports, is not installed")
    archive = Path(found.origin).parent / "data" / "NLMCXR_reports.tgz"
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    studies, told = read(tmp_path, tables_only=True)
    assert len(studies) == 3_955
    assert sum(len(study.images) for study in studies.values()) == 7_470
    assert Counter(one.reason for one in told) == {"the report is empty": 28}
