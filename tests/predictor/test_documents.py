from __future__ import annotations

import pytest

from plainfilm.predictor.documents import finding, rounded
from plainfilm.predictor.findings import Finding


@pytest.mark.parametrize("difference", [-1.2e-7, 1.2e-7])
def test_documents_give_the_digits_that_hold(difference: float) -> None:
    """Cosines differ by 1.2e-7, probabilities by a quarter of a hundred times that."""
    alone = Finding("Edema", 0.71234, 0.4321987, -0.1234563, None, None, False)
    among = Finding("Edema", 0.71234 + 25 * difference, 0.4321987 + difference, -0.1234563, None, None, False)
    assert finding(alone) == finding(among)
    assert finding(alone)["positive_score"] == 0.432199


def test_what_is_not_known_stays_so() -> None:
    assert rounded(None) is None
