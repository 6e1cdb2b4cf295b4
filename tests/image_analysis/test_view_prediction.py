from __future__ import annotations

import csv
from pathlib import Path

import pytest

from plainfilm import phantom
from plainfilm.image_analysis.perceptual_hash import spectrum
from plainfilm.image_analysis.view_prediction import (
    LOOKS_FRONTAL,
    LOOKS_LATERAL,
    contradiction,
    lateral_score,
)
from plainfilm.io.images import read_image
from plainfilm.types import View


@pytest.mark.parametrize("seed", range(4))
def test_phantoms_look_as_they_are(seed: int) -> None:
    assert lateral_score(spectrum(phantom.render("PA", seed=seed, size=160))) < 0
    assert lateral_score(spectrum(phantom.render("LATERAL", seed=seed, size=160))) > 0


def test_only_a_stated_view_is_contradicted() -> None:
    lateral = spectrum(phantom.render("LATERAL", size=160))
    assert contradiction(lateral, View.PA) == "looks lateral"
    assert contradiction(lateral, View.LATERAL) is None
    assert contradiction(lateral, View.UNKNOWN) is None


def test_real_films_of_adults(real_data: Path) -> None:
    with (real_data / "metadata.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if "kermany" not in row["source"] and row["view_group"]]
    scores = {
        row["image"]: lateral_score(spectrum(read_image(real_data / row["image"]).array)) for row in rows[::4]
    }
    lateral = {row["image"] for row in rows if row["view_group"] == "lateral"}
    assert all(score < LOOKS_LATERAL for image, score in scores.items() if image not in lateral)
    assert all(score > LOOKS_FRONTAL for image, score in scores.items() if image in lateral)
