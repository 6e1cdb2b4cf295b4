"""A trained model on the page: a phantom effusion is found by its name, where it is.

PLAINFILM_REGION_MODEL names the folder of a model that was trained on phantoms, such as the one of recipe
`chex-tiny`; training one takes too long for a test.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.geometry import box_iou_xyxy
from plainfilm.phantom.film import render_film
from plainfilm.phantom.population import draw_patient
from plainfilm.phantom.truth import Finding
from plainfilm.predictor import load
from plainfilm.serve import app
from plainfilm.types import View
from tests.serve.browser import chromium, listening, page_at
from tests.serve.test_browser import ask, open_film

MODEL = "PLAINFILM_REGION_MODEL"
PATIENTS = range(9000, 9006)


@pytest.mark.slow
@pytest.mark.skipif(MODEL not in os.environ, reason=f"{MODEL} names no trained model")
def test_a_phantom_effusion_is_found_by_its_name(tmp_path: Path) -> None:
    found: list[float] = []
    with listening(app(load(Path(os.environ[MODEL])))) as address, chromium() as browser:
        for number in PATIENTS:
            side = ("left", "right")[number % 2]
            effusion = Finding("effusion", "effusion", side, None, 0.8, number)
            film = render_film(draw_patient(number, 0), [effusion], View.PA, number, 512)
            (truth,) = ([one.x0, one.y0, one.x1, one.y1] for one in film.boxes if one.name == "effusion")
            Image.fromarray(film.array).save(tmp_path / f"{number}.png")
            with page_at(browser, address) as page:
                open_film(page, tmp_path / f"{number}.png")
                ask(page, "pleural effusion", 1)
                page.locator("#threshold").focus()
                page.keyboard.press("Home")
                best = page.locator(".box rect").first
                x, y, width, height = (float(best.get_attribute(n)) for n in ("x", "y", "width", "height"))
                box = [x, y, x + width, y + height]
                found.append(float(box_iou_xyxy(np.array([truth]), np.array([box]))[0, 0]))
    assert sum(overlap > 0.2 for overlap in found) >= len(found) - 1, found
