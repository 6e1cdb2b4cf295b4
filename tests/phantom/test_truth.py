from __future__ import annotations

import pytest

from plainfilm.phantom.truth import CHEXPERT, OBSERVATIONS, placement


def test_the_14_observations_of_chexpert_are_those_that_findings_show_and_two_conclusions():
    shown = set(OBSERVATIONS.values())
    assert len(CHEXPERT) == 14
    assert set(CHEXPERT) - shown == {"Pneumonia", "No Finding"}
    assert shown - set(CHEXPERT) == {
        *("Emphysema", "Fibrosis", "Hernia", "Tuberculosis", "Foreign Body"),
        *("Subcutaneous Emphysema", "Pneumomediastinum"),
    }


@pytest.mark.parametrize(
    ("kind", "variant", "expected"),
    [
        ("tracheal_tube", "good", "in place"),
        ("tracheal_tube", "bronchial", "malposition"),
        ("feeding_tube", None, "in place"),
        ("feeding_tube", "coiled", "malposition"),
        ("chest_tube", "pigtail", "in place"),
        ("chest_tube", "outside", "malposition"),
        ("central_line", "picc", "in place"),
        ("central_line", "malpositioned", "malposition"),
        ("pacemaker", "dual", None),
        ("mass", None, None),
    ],
)
def test_placement_of_tubes_and_lines(finding, kind, variant, expected):
    assert placement(finding(kind, variant=variant)) == expected
