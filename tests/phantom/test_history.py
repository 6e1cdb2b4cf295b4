from __future__ import annotations

from plainfilm.phantom.history import PRESENT, draw_visits
from plainfilm.phantom.truth import placement
from plainfilm.seeding import generator
from plainfilm.types import View


def visits(patients=300, studies=3):
    return [draw_visits(studies, generator("history", n)) for n in range(patients)]


def test_about_a_third_of_studies_are_without_findings():
    told = [visit for patient in visits() for visit in patient]
    assert 0.25 < sum(not visit.findings for visit in told) / len(told) < 0.45


def test_a_layout_may_have_patients_of_its_own():
    drawn = [draw_visits(1, generator("history", n), {"bedside": 1.0})[0] for n in range(200)]
    assert {visit.scenario for visit in drawn} == {"bedside"}
    placed = [placement(finding) for visit in drawn for finding in visit.findings]
    assert 0.25 < placed.count("malposition") / (len(placed) - placed.count(None)) < 0.45


def test_a_finding_keeps_its_shape_from_study_to_study():
    for patient in visits(100):
        seeds = {}
        for visit in patient:
            for finding in visit.findings:
                assert seeds.setdefault(finding.key, (finding.seed, finding.side)) == (
                    finding.seed,
                    finding.side,
                )


def test_change_agrees_with_severity():
    for patient in visits(150):
        before = {}
        for visit in patient:
            for finding in visit.findings:
                earlier = before.get(finding.key)
                if visit.first:
                    assert finding.change is None
                elif earlier is None:
                    assert finding.change == "new"
                elif finding.change == "worse":
                    assert finding.severity > earlier
                elif finding.change == "better":
                    assert finding.severity < earlier
            before = {finding.key: finding.severity for finding in visit.findings}


def test_edema_comes_with_a_large_heart_or_fluid_more_often_than_not():
    with_edema = [
        {finding.kind for finding in visit.findings}
        for patient in visits()
        for visit in patient
        if any(finding.kind == "edema" for finding in visit.findings)
    ]
    together = [kinds for kinds in with_edema if kinds & {"cardiomegaly", "effusion"}]
    assert len(together) > 0.7 * len(with_edema)


def test_everything_present_is_severe_enough_to_be_there():
    assert all(f.severity >= PRESENT for patient in visits(50) for visit in patient for f in visit.findings)


def test_all_views_occur():
    views = {view for patient in visits() for visit in patient for view in visit.views}
    assert views == {View.PA, View.AP, View.AP_SUPINE, View.LATERAL}
