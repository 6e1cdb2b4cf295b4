"""A few studies in the raw layout of every source: a phantom's where there is a layout, else written here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plainfilm import phantom, plugins
from plainfilm.seeding import generator

STUDIES = {"cgmh": 16, "chexpert5x200": 30, "ms_cxr": 12, "rsna": 12, "siim": 12, "vinbigdata": 12}
"""Of layouts of which six studies are too few to show everything."""


def source_example(name: str, root: Path) -> Path:
    """Writes a few studies that the source called `name` reads; returns what it is given as RAW."""
    if name in plugins.names("phantom layout") and name not in WRITTEN:
        phantom.write(name, root, studies=STUDIES.get(name, 6), size=96, workers=1)
        return root
    return WRITTEN[name](root)


def write_example_film(path: Path, width: int = 64, height: int = 72) -> None:
    """A grey film of noise that follows from its name alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = generator("example film", path.name).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _chex(root: Path) -> Path:
    """Three films of two patients in two tables of MIMIC-CXR's."""
    columns = (
        "dicom_id",
        "subject_id",
        "study_id",
        "H",
        "W",
        "view",
        "report_sentences",
        "anatbbox/left lung",
    )
    lines = [
        'film0,10000001,50000001,72,64,PA,"[""Clear lungs.""]","[4, 5, 30, 60]"',
        'film1,10000001,50000002,72,64,AP,"[""Effusion.""]",',
        'film2,10000002,50000003,72,64,PA,"[""No change.""]","[1, 2, 20, 50.5]"',
    ]
    for number, (patient, study) in enumerate((("1", "1"), ("1", "2"), ("2", "3"))):
        place = f"files/p10/p1000000{patient}/s5000000{study}/film{number}.jpg"
        write_example_film(root / place)
    for name, rows in (("train", lines[:2]), ("val", lines[2:])):
        text = "\n".join((",".join(columns), *rows, ""))
        (root / f"mimic-cxr-frontal.{name}.csv").write_text(text, encoding="utf-8")
    return root


def _coco(root: Path) -> Path:
    """Three films with boxes, in two files."""
    boxes = {0: [5, 6, 20.5, 30], 1: [1, 2, 3, 4], 2: [10, 10, 40, 40]}
    for split, numbers in (("train", (0, 1)), ("val", (2,))):
        document = {
            "images": [
                {"id": number, "file_name": f"images/film{number}.png", "width": 64, "height": 72}
                for number in numbers
            ],
            "categories": [{"id": 1, "name": "Nodule"}],
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1, "bbox": boxes[number]}
                for number in numbers
            ],
        }
        for number in numbers:
            write_example_film(root / "images" / f"film{number}.png")
        (root / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    return root


def _cxr_clip(root: Path) -> Path:
    """Three studies in two tables."""
    header = "image,view,AP,PA,Lateral,text\n"
    for number in range(4):
        write_example_film(root / f"film{number}.png")
    rows = (
        "\"['film0.png', 'film1.png']\",\"['PA', 'Lateral']\",[],['film0.png'],['film1.png'],",
        "\"['Clear.', 'Normal.']\"\n",
        "['film2.png'],['AP'],['film2.png'],[],[],['Effusion.']\n",
    )
    (root / "train.csv").write_text(header + "".join(rows), encoding="utf-8")
    (root / "valid.csv").write_text(f"{header}['film3.png'],[],[],[],[],['No change.']\n", encoding="utf-8")
    return root


def _refers(root: Path) -> Path:
    """Three studies in the lists of pre-training."""
    reports = ("Large effusion.", "No pneumothorax.", "The heart is enlarged.")
    for number, report in enumerate(reports):
        folder = root / "files" / f"p{number // 2}" / f"s{number}"
        write_example_film(folder / f"film{number}-small.jpg")
        name = ("train", "train", "val")[number]
        with (root / f"{name}_img_caption_patients.txt").open("a", encoding="utf-8") as stream:
            stream.write(f"files/p{number // 2}/s{number}/\t{report}\n")
    return root


def _table(root: Path) -> Path:
    """A table with every role: three studies of two patients, one with two views, one without a film."""
    for number in range(3):
        write_example_film(root / f"film{number}.png")
    rows = [
        "path,study_id,patient_id,report,labels,view,split,age,sex,licence",
        "film0.png,study1,alice,No effusion.,,PA,train,61,F,CC0-1.0",
        "film1.png,study1,alice,No effusion.,,LL,train,61,F,CC0-1.0",
        "film2.png,study2,bert,Large left effusion.,Pleural Effusion|Atelectasis,AP,test,47,M,CC0-1.0",
        ",study3,bert,Effusion has gone.,,,test,48,M,CC0-1.0",
    ]
    table = root / "films.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


SAVED_BOX = {"box_id": "1", "x0": 4, "y0": 5, "x1": 30, "y1": 60, "score": 0.8}
"""A box in the format of the workbench, without its state."""


def saved_film(root: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Writes a film and returns what saved work of the workbench says of it."""
    write_example_film(root / name)
    digest = hashlib.sha256((root / name).read_bytes()).hexdigest()
    return {"sha256": digest, "name": name, "width": 64, "height": 72, "view": "PA"} | changes


def write_saved_work(
    root: Path, films: list[dict[str, Any]], name: str = "work", saved: str = "2026-01-01"
) -> None:
    """Writes saved work of the workbench about films."""
    document = {"format": "plainfilm-work", "version": 1, "saved": saved, "films": films}
    (root / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")


def _workbench(root: Path) -> Path:
    """Three films of two patients, with a sentence and its box each."""
    root.mkdir(parents=True, exist_ok=True)
    films = []
    for number, patient in enumerate(("1", "1", "2")):
        box = {**SAVED_BOX, "state": "accepted"}
        said = {
            "id": "1",
            "kind": "phrase",
            "phrase": "edema",
            "text": "Edema.",
            "state": "accepted",
            "boxes": [box],
        }
        whose = {"patient": patient, "study": str(number)}
        films.append(saved_film(root, f"film{number}.png", sentences=[said], **whose))
    write_saved_work(root, films)
    return root


WRITTEN = {
    "chex": _chex,
    "coco": _coco,
    "cxr_clip": _cxr_clip,
    "refers": _refers,
    "table": _table,
    "workbench": _workbench,
}
"""Of sources whose layout no phantom writes, or not in this form."""
