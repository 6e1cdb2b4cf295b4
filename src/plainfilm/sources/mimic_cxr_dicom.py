"""MIMIC-CXR with its films as DICOM, as downloaded from PhysioNet.

    RAW/files/p10/p10000032/s50414267/<dicom_id>.dcm
    RAW/cxr-record-list.csv.gz                      subject_id, study_id, dicom_id, path
    RAW/cxr-study-list.csv.gz                       subject_id, study_id, path (of the report)
    RAW/mimic-cxr-reports.zip                       read as it is, or unpacked

The split, the views and the labels are published with MIMIC-CXR-JPG; its tables are read where they lie in
RAW, in ../../mimic-cxr-jpg/VERSION, or where the option `tables` says. Without them views are unknown and the
split is drawn by patient. Everything else is as in `mimic_cxr`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plainfilm.sources import mimic_cxr
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.mimic_studies import read_release
from plainfilm.types import Rejection, Study

CORPUS, Config, complete = mimic_cxr.CORPUS, mimic_cxr.Config, mimic_cxr.complete


def read(raw: Path, config: mimic_cxr.Config) -> Iterator[Study | Rejection]:
    """The studies of a download, by patient and study number; see `cells.mimic_studies.Corpus.studies`.

    Raises:
        SourceError: `raw` holds no `files/`, or with `tables_only` no table.
    """
    return read_release(raw, ".dcm", config)


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("mimic_cxr_dicom", root)
