"""The loss of areas against a statement in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.objectives.base import Encoded
from plainfilm.objectives.regions.encoding import texts
from tests.toys import toy_batch_for, toy_model_for, toy_objective


def softplus(values: np.ndarray | float) -> np.ndarray:
    return np.log1p(np.exp(values))


@torch.no_grad()
def test_the_loss_is_as_stated() -> None:
    model, batch = toy_model_for("finding_areas").eval(), toy_batch_for("finding_areas", 5)
    [built] = toy_objective("finding_areas", model)
    asked = batch.targets["finding_areas"]
    encoded = Encoded(model, batch)
    read = model.prompt_projection(texts(encoded, asked.token_ids, asked.token_mask, "prompt_vectors"))
    shown = model.positioned(encoded.films(1)).double().numpy()
    side = int(np.sqrt(shown.shape[1]))
    area = outside = 0.0
    for entry, prompt in enumerate(read.double().numpy()):
        patches = shown[int(asked.of.item[entry])]
        lengths = np.linalg.norm(patches, axis=1) * np.linalg.norm(prompt)
        logits = patches @ prompt / lengths * float(built.log_scale.exp()) + float(built.bias)
        covered = np.zeros((side, side), dtype=bool)
        for x0, y0, x1, y1 in asked.boxes[entry][asked.there[entry]].double().tolist():
            own = np.zeros_like(covered)
            for row in range(side):
                for column in range(side):
                    across = x0 < (column + 1) / side and x1 > column / side
                    own[row, column] = across and y0 < (row + 1) / side and y1 > row / side
            covered |= own
            area += float(softplus(-np.log(np.exp(logits[own.ravel()]).mean())))
        if not covered.all():
            outside += float(softplus(logits[~covered.ravel()]).mean())
    found, counts = built.sums(encoded), built.counts(batch)
    assert int(counts["area"]) == int(asked.there.sum()) > 0
    assert int(counts["outside"]) == asked.of.entries
    assert float(found["area"]) == pytest.approx(area, rel=1e-5)
    assert float(found["outside"]) == pytest.approx(outside, rel=1e-5)
