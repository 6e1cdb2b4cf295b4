"""A raw layout of films whose findings, markers and views are known, for the audit of reliance.

The marker and the AP view go with the lesion and the effusion on nine films of ten, so that a model that
reads them is right nine times of ten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from plainfilm.config import Settings
from plainfilm.seeding import generator
from plainfilm.types import Box, Image, Label, Report, State, Study, View

SIDE = 64


class Config(Settings):
    """No options."""


def write_raw(raw: Path, studies: int) -> None:
    """Films and `studies.json`."""
    raw.mkdir()
    rows = []
    for number in range(studies):
        random = generator("audit source", number)
        findings = [name for name, chance in (("lesion", 0.5), ("effusion", 0.5)) if random.random() < chance]
        row = {"id": f"s{number}", "split": "train" if number % 3 == 0 else "test", "findings": {}}
        film = random.normal(90, 5, (SIDE, SIDE))
        for name in findings:
            side, severity = str(random.choice(["left", "right"])), str(random.choice(["mild", "severe"]))
            box = _box(name, side, random)
            film[box[1] : box[3], box[0] : box[2]] += 60 if severity == "mild" else 100
            row["findings"][name] = {"side": side, "severity": severity, "box": box}
        row["view"] = "AP" if ("effusion" in findings) != (random.random() < 0.1) else "PA"
        if row["view"] == "AP":
            film[:, :4], film[:, -4:] = 20, 20
        picture = Picture.fromarray(np.clip(film, 0, 255).astype(np.uint8))
        if ("lesion" in findings) != (random.random() < 0.1):
            ImageDraw.Draw(picture).text((50, 1), "L", fill=250, font=ImageFont.load_default(size=9))
        picture.save(raw / f"s{number}.png")
        rows.append(row)
    (raw / "studies.json").write_text(json.dumps(rows))


def _box(name: str, side: str, random: np.random.Generator) -> list[int]:
    if name == "effusion":
        left = 6 if side == "right" else 40  # the patient's right is at the left of the film
        return [left, 50, left + 18, 60]
    left = int(random.integers(11, 21) if side == "right" else random.integers(33, 43))
    top = int(random.integers(15, 36))
    return [left, top, left + 10, top + 10]


_NAMES = {"lesion": ("Lung Lesion", "lung mass"), "effusion": ("Pleural Effusion", "pleural effusion")}


def read(raw: Path, config: Config) -> Iterator[Study]:
    for row in json.loads((raw / "studies.json").read_text()):
        labels, boxes, said = [], [], []
        for name, (observation, words) in _NAMES.items():
            found = row["findings"].get(name)
            state = State.POSITIVE if found else State.NEGATIVE
            labels.append(Label(observation, state, "truth"))
            if found:
                boxes.append(Box(observation, "observation", *found["box"]))
                said.append(f"There is a {found['severity']} {found['side']} {words}.")
            else:
                said.append(f"There is no {words}.")
        image = Image(
            row["id"], raw / f"{row['id']}.png", View(row["view"]), labels=tuple(labels), boxes=tuple(boxes)
        )
        yield Study(
            row["id"],
            f"p{row['id']}",
            images=(image,),
            split=row["split"],
            report=Report(f"FINDINGS: {' '.join(said)}"),
        )
