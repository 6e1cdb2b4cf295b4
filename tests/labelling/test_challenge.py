from __future__ import annotations

from pathlib import Path

import yaml

from plainfilm.labelling import Labeller
from plainfilm.types import State

CHALLENGE = [Path(__file__).with_name(name) for name in ("challenge.yaml", "challenge_more.yaml")]
SIGNS = {State.POSITIVE: "+", State.NEGATIVE: "-", State.UNCERTAIN: "?"}


def test_at_least_97_percent_of_the_challenge() -> None:
    labeller = Labeller.load()
    cases = [case for path in CHALLENGE for case in yaml.safe_load(path.read_text(encoding="utf-8"))]
    wrong = []
    for case in cases:
        found = {label.observation: SIGNS[label.state] for label in labeller.label_sentence(case["text"])}
        if found != case["labels"]:
            wrong.append(f"{case['text']}\n   wanted {case['labels']}\n   found  {found}")
    assert len({case["text"] for case in cases}) >= 400
    assert len(wrong) <= 0.03 * len(cases), "\n".join(wrong)
