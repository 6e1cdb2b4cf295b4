"""Identifiers planted in reports are found, and what merely looks a little like one is not."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from plainfilm.seeding import generator
from plainfilm.text.privacy import find_identifiers

PLANTS = {
    "date": [
        *("12/03/1956", "3/7/14", "03-07-2014", "3.12.2014", "2014-07-01", "20140701", "2014/7/1"),
        *("March 3, 2014", "Mar 3", "3 March 2014", "3rd of March, 2014", "March 2014", "JULY 4TH, 2019"),
        *("14. März 2020", "3 juin 2011", "5 de mayo de 2018", "2019年5月3日"),
    ],
    "name": [
        *(
            "Dr. Smith",
            "Dr. John Smith",
            "Mr. O'Neill",
            "Mrs. Garcia-Lopez",
            "Prof. Dr. Müller",
            "Herr Schmidt",
        ),
        *("John Smith, M.D.", "J. Smith MD", "DOE^JANE", "Jane Doe", "Smith, John A.", "Maria L. Garcia"),
        *(
            "Patient: Quux, Esme",
            "Dictated by Esme Quux",
            "Radiologist: Esme Quux",
            "Electronically signed by: E. Quux",
        ),
    ],
    "phone": [
        *("(317) 555-1234", "317-555-1234", "317.555.1234", "+49 511 532-3400", "+1 317 555 1234"),
        *("pager 12345", "phone: 555-1234", "ext. 4567", "Tel. 0511 5323400"),
    ],
    "number": [
        *(
            "MRN 123456",
            "MRN: 00-45-82",
            "Medical record number 0045821",
            "accession number RX20934",
            "Acc# 8812345",
        ),
        *(
            "patient ID: A12345",
            "078-05-1120",
            "case no. 55231",
            "0045821",
            "RAD-2231045",
            "NHS number 9434765919",
        ),
    ],
    "address": [
        *("12 Main Street", "4521 W. Maple Ave", "Hauptstraße 12", "12 rue de la Paix", "Calle Mayor 5"),
        *("Indianapolis, IN 46202", "P.O. Box 221"),
    ],
    "e-mail": ["jane.doe@example.org", "https://example.org/p/12", "www.example.org"],
    "age": ["93-year-old", "101 yo"],
}
CLEAN = (
    *(
        "T12 compression fracture.",
        "A 5 mm nodule; 3.5 x 2.1 cm mass.",
        "Chest tube, 10-15 mm from the carina.",
    ),
    *(
        "C7-T1 level, ribs 5-7.",
        "___ year old man with cough.",
        "Discussed with Dr. ___ at ___ on ___.",
        "XXXX, M.D.",
    ),
    *("Compared to XXXX.", "Dr. XXXX was called.", "MRN: ___", "[**Name (MD) 3**] on [**2117-3-4**]."),
    *(
        "The heart may be enlarged. 2 views.",
        "64-year-old woman.",
        "ST. Jude valve.",
        "Findings: Heart size is normal.",
    ),
    *(
        "Impression: No acute disease.",
        "Small right, 50% pneumothorax, 1.5 cm.",
        "Swan-Ganz catheter.",
        "89 years old",
    ),
    *(
        "Kerley B lines; Jackson-Pratt drain.",
        "1. Right lower lobe. 2. March of opacities.",
        "Rate 1/2, 3/4 of lung.",
    ),
    *(
        "Technique: PA and lateral, 120 kVp, 2.5 mAs.",
        "Comparison: None.",
        "Exam: Chest 2V",
        "Patient: supine.",
    ),
    *("L3/4 disc space, 4/5 lumbar vertebrae.", "20-30 degrees; 12-15-mm nodule.", "Port-A-Cath tip in SVC."),
)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Reports that hold no identifier."""
    from plainfilm import phantom

    folder = tmp_path_factory.mktemp("phantom")
    phantom.write("mimic_cxr", folder, studies=30, size=64)
    return [path.read_text("utf-8") for path in sorted(folder.rglob("s*.txt"))]


def test_reports_of_phantoms_hold_none(reports: list[str]) -> None:
    assert [text for text in reports if find_identifiers(text)] == []


def test_every_plant_in_every_report_is_found(reports: list[str]) -> None:
    missed = []
    for report in reports:
        rng = generator("plants", report)
        for kind, plant in ((kind, plant) for kind, plants in PLANTS.items() for plant in plants):
            places = [place + 1 for place, letter in enumerate(report) if letter in " \n"]
            place = int(rng.choice(places))
            text = f"{report[:place]}{plant} {report[place:]}"
            # Words around the plant may seem to belong to it: "Dr. Smith Heart".
            end = place + len(plant)
            found = [span for span in find_identifiers(text) if span.start < end and place < span.end]
            if kind not in {span.kind for span in found}:
                missed.append((kind, text[place - 30 : place + 60]))
    assert missed == []


@pytest.mark.parametrize(("kind", "plant"), [(kind, plant) for kind in PLANTS for plant in PLANTS[kind]])
@pytest.mark.parametrize(
    "sentence", ["Lungs are clear. {} was noted.", "Findings: discussed; {}.", "{} - stable"]
)
def test_every_plant_is_found_and_nothing_around_it(kind: str, plant: str, sentence: str) -> None:
    before = sentence.index("{")
    (span,) = find_identifiers(sentence.format(plant))
    assert span.kind == kind
    assert (
        before <= span.start < span.end <= before + len(plant) + 1
    )  # the stop of an abbreviation may be one


@pytest.mark.parametrize("text", CLEAN)
def test_what_is_no_identifier_is_not_found(text: str) -> None:
    assert find_identifiers(text) == []


def test_few_real_reports_that_were_de_identified_hold_any(real_data: Path) -> None:
    with (real_data / "reports" / "openi_reports.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    parts = ("indication", "comparison", "findings", "impression")
    found = [row["uid"] for row in rows if any(find_identifiers(row[part]) for part in parts)]
    assert len(found) <= 3


def test_of_what_overlaps_the_longer_is_kept() -> None:
    """Found one by one, beside all that were kept: as the sweep of neighbours must give it."""
    text = "Dr. John Smith, M.D., 12/03/1956 at 3:40, J. Smith MD, call 555-0199-1234 or a.b@c.org; " * 3
    found = find_identifiers(text)
    assert found == sorted(found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert [text[one.start : one.end] for one in found][:2] == ["John Smith", "12/03/1956"]
