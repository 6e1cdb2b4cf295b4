"""Small raw data for the tests of collections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from plainfilm.seeding import generator

WriteTable = Callable[..., Path]


def write_film(path: Path, number: int = 0, size: tuple[int, int] = (90, 72)) -> Path:
    """A smooth grey picture of (width, height) that is different for every number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = generator("film", number).integers(0, 255, (6, 6), dtype=np.uint8)
    PillowImage.fromarray(coarse).resize(size, PillowImage.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Writes a table of `studies` studies of one film each, two studies a patient."""

    def write(
        studies: int = 6, folder: str = "raw", report: str = "No effusion. Heart size is normal."
    ) -> Path:
        raw = tmp_path / folder
        rows = ["path,study_id,patient_id,report,labels"]
        for number in range(studies):
            write_film(raw / f"film{number}.png", number)
            rows.append(f"film{number}.png,study{number},patient{number // 2},{report},Edema|Mass")
        (raw / "films.csv").write_text("\n".join(rows) + "\n")
        return raw / "films.csv"

    return write
