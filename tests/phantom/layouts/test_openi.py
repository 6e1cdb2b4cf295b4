from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openi") / "raw"
    write("openi", folder, studies=60, seed=5, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def reports(corpus: Path) -> list[ElementTree.Element]:
    return [ElementTree.parse(path).getroot() for path in sorted(corpus.rglob("*.xml"))]


def test_reports_have_the_sections_of_the_collection(reports: list[ElementTree.Element]) -> None:
    labels = [[one.get("Label") for one in root.iter("AbstractText")] for root in reports]
    assert all(one == ["COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION"] for one in labels)
    texts = [one.text or "" for root in reports for one in root.iter("AbstractText")]
    assert "" in texts
    assert any("XXXX" in text for text in texts)


def test_films_are_named_by_the_reports(corpus: Path, reports: list[ElementTree.Element]) -> None:
    named = {one.get("id") for root in reports for one in root.iter("parentImage")}
    files = {path.stem: path for path in (corpus / "NLMCXR_png").iterdir()}
    assert set(files) < named
    with Image.open(next(iter(files.values()))) as film:
        assert film.mode == "L"


def test_some_reports_have_no_film_no_heading_or_are_normal(reports: list[ElementTree.Element]) -> None:
    headings = [[one.text for one in root.iter("major")] for root in reports]
    assert ["normal"] in headings
    assert ["No Indexing"] in headings
    assert any(root.find("parentImage") is None for root in reports)


def test_kaggles_table_calls_films_frontal_or_lateral(corpus: Path) -> None:
    views = pd.read_csv(corpus / "indiana_projections.csv", dtype=str)
    assert list(views.columns) == ["uid", "filename", "projection"]
    assert set(views["projection"]) == {"Frontal", "Lateral"}
    assert views["filename"].str.fullmatch(r"\d+_IM-\d{4}-\d{4}\.dcm\.png").all()
