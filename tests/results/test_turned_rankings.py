"""Where a lenient score ranks two results the other way round than its strict form, a comparison says so."""

from __future__ import annotations

import pytest

from plainfilm.results.compare import Difference, turned_rankings


def score(name, difference, lenient_of=None):
    numbers = (0.3, 0.3 + difference, difference, None, None, 9)
    return Difference(name, f"title of {name}", "group", "higher", False, *numbers, lenient_of=lenient_of)


@pytest.mark.parametrize(("strict", "lines"), [(-0.1, 1), (0.1, 0), (0.0, 0)])
def test_it_is_named_where_the_differences_have_other_signs(strict, lines):
    found = turned_rankings([score("strict", strict), score("lenient", 0.2, "strict")])
    assert len(found) == lines
    assert all("0.200 by 'title of lenient', -0.100 by 'title of strict'" in line for line in found)


def test_a_score_whose_strict_form_was_not_compared_is_passed_over():
    assert turned_rankings([score("lenient", 0.2, "strict")]) == []
