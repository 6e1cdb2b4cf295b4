"""Who is who: images of competitions that were made of ChestX-ray14, by the mapping that RSNA publishes.

`pneumonia-challenge-dataset-mappings_2018.json` (on the RSNA's page of its challenge of 2018) is a list with
an entry for each of 30,000 images: `subset_img_id` is the id on Kaggle, `SOPInstanceUID` that of its DICOM
file, `img_id` the file in ChestX-ray14, which begins with the number of the patient (`00000013_005.png`).
"""

from __future__ import annotations

import re
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.tables import read_json

MAPPING = "pneumonia-challenge-dataset-mappings_2018"
_NIH_FILE = re.compile(r"(\d{8})_\d{3}(\.png)?")


def nih_patients(path: Path | None, key: str) -> dict[str, str]:
    """Patients of ChestX-ray14 by the `key` of the mapping file; empty where there is no such file.

    A patient is named as in its table: the number without leading zeros.

    Raises:
        SourceError: the file is no such list.
    """
    entries = read_json(path) if path else []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SourceError(f"{path}: expected a list of images; fetch it again from the RSNA's page")
    patients: dict[str, str] = {}
    for entry in entries:
        patient = patient_of_file(str(entry.get("img_id", "")))
        if patient and entry.get(key):
            patients[str(entry[key])] = patient
    return patients


def patient_of_file(name: str) -> str | None:
    """The patient that a file name of ChestX-ray14 begins with; `None` for a name of another form.

    >>> patient_of_file("00000042_006.png"), patient_of_file("36199.png")
    ('42', None)
    """
    file = _NIH_FILE.fullmatch(name)
    return str(int(file[1])) if file else None
