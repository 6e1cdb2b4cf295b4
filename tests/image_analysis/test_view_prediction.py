from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from plainfilm import phantom
from plainfilm.image_analysis.perceptual_hash import spectrum
from plainfilm.image_analysis.view_prediction import contradiction, lateral_score, sideways
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


def test_contrast_between_left_and_right() -> None:
    stripes = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (128, 1))
    assert sideways(spectrum(stripes)) == pytest.approx(1)
    assert sideways(spectrum(stripes.T.copy())) == pytest.approx(0, abs=1e-6)


def test_no_real_frontal_film_looks_lateral_and_most_lateral_ones_do(real_data: Path) -> None:
    """Children of one to five years among them, by the views that their sources publish."""
    with (real_data / "metadata.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["view_group"]]
    lateral = [row for row in rows if row["view_group"] == "lateral"]
    frontal = [row for row in rows if row["view_group"] == "frontal"]
    children = [row for row in frontal if "kermany" in row["source"]]

    def said(rows: list[dict[str, str]], view: View) -> list[str | None]:
        return [contradiction(spectrum(read_image(real_data / row["image"]).array), view) for row in rows]

    assert set(said([*frontal[::4], *children], View.PA)) == {None}
    assert said(lateral, View.PA).count("looks lateral") >= 20
    assert set(said(lateral, View.LATERAL)) == {None}
