"""MIMIC-CXR-JPG (and the reports of MIMIC-CXR) as downloaded from PhysioNet.

    RAW/files/p10/p10000032/s50414267/<dicom_id>.jpg
    RAW/files/p10/p10000032/s50414267.txt           or in mimic-cxr-reports/ or mimic-cxr-reports.zip
    RAW/mimic-cxr-2.0.0-metadata.csv.gz             views, dates, sizes   (2.1.0 and unzipped too)
    RAW/mimic-cxr-2.0.0-split.csv.gz                official split
    RAW/mimic-cxr-2.0.0-chexpert.csv.gz, -negbio    labels
    RAW/mimic-cxr-2.1.0-test-set-labeled.csv        a radiologist's labels of test studies
    RAW/patients.csv.gz                             sex and age, from MIMIC-IV, optional

RAW may be any folder above. Every table may be missing: without them the folder tree is what is read, views
are unknown and the split is drawn by patient. `cells.mimic_release` says where each part is looked for.
Johnson et al., "MIMIC-CXR, a de-identified publicly available database of chest radiographs with free-text
reports", Scientific Data 6, 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.mimic_release import MimicConfig
from plainfilm.sources.common.mimic_studies import read_release, with_report
from plainfilm.types import Rejection, Study

CORPUS = "mimic-cxr"


class Config(MimicConfig):
    """Nothing beyond the options that every source of MIMIC-CXR has."""


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a download, by patient and study number; see `cells.mimic_studies.Corpus.studies`.

    Raises:
        SourceError: `raw` holds no `files/`, or with `tables_only` no table.
    """
    return read_release(raw, ".jpg", config)


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with its report."""
    return with_report(study)


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("mimic_cxr", root)
