"""What `plainfilm download` leaves in a raw folder is what the source of the same name reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plainfilm import phantom, plugins
from plainfilm.download.corpus_index import corpus, corpus_names
from plainfilm.download.unpack import unpack
from plainfilm.sources.base import source
from plainfilm.types import Rejection, Study

PAGES = Path(__file__).resolve().parents[2] / "docs/corpora"
RELEASES = {"mimic_cxr_dicom": "mimic-cxr/2.1.0"}
"""Where in its phantom layout the release lies that is downloaded; elsewhere it is the whole layout."""

ARCHIVES = {
    ("openi", "NLMCXR_png.tgz"): ("NLMCXR_png", "."),
    ("openi", "NLMCXR_reports.tgz"): ("NLMCXR_reports", "."),
    ("shenzhen_tb", "ChinaSet_AllFiles.zip"): (".", "ChinaSet_AllFiles"),
    ("covid19_idc", "master.zip"): (".", "covid-chestxray-dataset-master"),
}
"""(source, archive) → the folder of the layout that the corpus packs, and the folder inside the archive."""

FETCHED = [name for name in corpus_names() if not corpus(name).by_hand]


def read(name: str, raw: Path) -> tuple[list[str], list[str]]:
    """The ids of the studies that have films, and the reasons of all rejections."""
    module = source(name)
    items = list(module.read(raw, module.Config()))
    studies = [item.study_id for item in items if isinstance(item, Study) and item.images]
    return sorted(studies), sorted(item.reason for item in items if isinstance(item, Rejection))


def pack(folder: Path, inside: str, archive: Path) -> None:
    """Moves what is in `folder` into an archive."""
    staged = archive.parent / "staged"
    entries = [path for path in folder.iterdir() if path.name != "truth"]
    for path in entries:
        (staged / inside).mkdir(parents=True, exist_ok=True)
        shutil.move(path, staged / inside / path.name)
    kind = "zip" if archive.suffix == ".zip" else "gztar"
    made = shutil.make_archive(str(archive.parent / "made"), kind, staged)
    shutil.rmtree(staged)
    shutil.move(made, archive)


@pytest.mark.parametrize("name", corpus_names())
def test_every_corpus_that_can_be_had_has_a_source(name: str) -> None:
    assert name in plugins.names("source")


@pytest.mark.parametrize("name", FETCHED)
def test_the_page_of_a_corpus_names_the_place_it_is_fetched_from(name: str) -> None:
    page = (PAGES / f"{name.removesuffix('_dicom')}.md").read_text("utf-8")
    for part in corpus(name).parts(name, None):
        place = part.competition or part.dataset or (part.physionet or "").partition("/")[0]
        assert place in page


@pytest.mark.parametrize("name", FETCHED)
def test_a_downloaded_tree_is_found(name: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    phantom.write(name, raw, studies=4, size=64, workers=1)
    expected = read(name, raw)
    release = raw / RELEASES.get(name, ".")
    for part in corpus(name).parts(name, None):
        for archive, folder in part.unpack.items():
            if (name, archive) in ARCHIVES:
                packed, inside = ARCHIVES[name, archive]
                pack(raw / packed, inside, raw / archive)
            if (release / archive).exists():
                shutil.rmtree(release / folder, ignore_errors=True)
                unpack(release / archive, release / folder).replace(release / folder)
                (release / archive).unlink()
    for left in (".plainfilm-download", "SHA256SUMS.txt", "LICENSE.txt", "README.md"):
        (release / left).write_text("left by the download\n", encoding="utf-8")
    studies, reasons = read(name, raw if name in RELEASES else release)
    assert (studies, reasons) == expected
    assert studies
