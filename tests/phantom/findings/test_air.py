from __future__ import annotations

import pytest

from plainfilm.phantom.film import render_film
from plainfilm.types import View


@pytest.mark.parametrize("side", ["right", "left"])
def test_air_in_the_chest_wall_lies_beside_the_lung_of_its_side(side, patient, finding):
    made = render_film(patient, [finding("subcutaneous_emphysema", side, severity=0.15)], View.AP, 4, 160)
    item = next(box for box in made.boxes if box.kind == "finding")
    lung = next(box for box in made.boxes if box.name == f"{side} lung")
    middle = (item.x0 + item.x1) / 2
    assert middle < lung.x0 + 3 if side == "right" else middle > lung.x1 - 3


def test_air_in_the_mediastinum_reaches_from_the_neck_to_the_heart(patient, finding):
    made = render_film(patient, [finding("pneumomediastinum", severity=0.8)], View.PA, 4, 160)
    boxes = {box.name: box for box in made.boxes}
    assert boxes["f0"].y0 < boxes["right lung"].y0
    assert boxes["f0"].y1 > boxes["cardiac silhouette"].y0 + 10
    assert boxes["f0"].x0 > boxes["right lung"].x0
    assert boxes["f0"].x1 < boxes["left lung"].x1
