"""How often items with rare findings are visited."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from plainfilm.batches.rare_findings import repeat_factors
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.types import State


def test_the_rarest_finding_of_an_item_decides() -> None:
    yes, no = int(State.POSITIVE), int(State.NEGATIVE)
    states = np.full((20, 3), no, dtype=np.int8)
    states[:8, 0], states[0, 1], states[8, 1], states[9:19, 2] = yes, yes, yes, NOT_MENTIONED
    states[19, 2] = yes
    rows = SimpleNamespace(source=np.repeat([0, 1], [16, 4]), states=states)
    found = repeat_factors(rows, 0.5)
    assert found[1:8].tolist() == [1.0] * 7
    np.testing.assert_allclose(found[[0, 8]], np.sqrt(0.5 / (2 / 16)))
    assert found[9:19].tolist() == [1.0] * 10
    assert found[19] == 1.0
