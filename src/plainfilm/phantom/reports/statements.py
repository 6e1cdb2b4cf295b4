"""Sentences about findings, each with its statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plainfilm.phantom.findings.devices import central_line_goal, tracheal_tube_tip_mm
from plainfilm.phantom.reports.grammar import choose, expand, phrases, pick, tidy, with_article
from plainfilm.phantom.truth import OBSERVATIONS, Finding, placement

POSITIVE, NEGATIVE, UNCERTAIN = 1, 0, -1


@dataclass(frozen=True)
class Statement:
    """A sentence and its statements: (observation, state) pairs."""

    text: str
    states: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Topic:
    """Findings described together: of one kind, on one side or on both."""

    kind: str
    findings: tuple[Finding, ...]
    state: int

    @property
    def observation(self) -> str:
        """The observation of the topic."""
        return OBSERVATIONS[self.kind]

    @property
    def lead(self) -> Finding:
        """The most severe finding."""
        return max(self.findings, key=lambda finding: finding.severity)

    @property
    def side(self) -> str:
        """ "right", "left", "bilateral", or "" for findings without a side."""
        sides = {finding.side for finding in self.findings}
        if sides >= {"right", "left"}:
            return "bilateral"
        return self.lead.side or ""

    @property
    def place(self) -> str:
        """The place in the lungs, to precede a noun; "" outside the lungs."""
        if self.side == "bilateral":
            return "bilateral"
        return _PLACES[(self.side, self.lead.site or "lower")] if self.side else ""

    @property
    def change(self) -> str | None:
        """The change since the previous study, if all findings changed the same way."""
        changes = {finding.change for finding in self.findings}
        return changes.pop() if len(changes) == 1 else None


_PLACES = {
    ("right", "upper"): "right [upper lobe|upper lung|upper lung zone]",
    ("right", "mid"): "right [mid lung|middle lobe|mid lung zone]",
    ("right", "lower"): "right [lower lobe|lower lung|lung base]",
    ("left", "upper"): "left [upper lobe|upper lung|upper lung zone]",
    ("left", "mid"): "left [mid lung|mid lung zone]",
    ("left", "lower"): "left [lower lobe|lower lung|lung base]",
}
_OPPOSITE = {"right": "left", "left": "right"}
_ADVERBS = {0: "[mildly|slightly]", 1: "moderately", 2: "[severely|markedly]"}
_MERGED = {
    "effusion",
    "pneumothorax",
    "consolidation",
    "opacity",
    "nodule",
    "plate_atelectasis",
    "lobar_atelectasis",
    "pleural_thickening",
    "pleural_plaques",
    "subcutaneous_emphysema",
    "tuberculosis",
}


def topics(findings: Sequence[Finding]) -> list[Topic]:
    """Findings grouped for description; both sides of a kind in one topic if that is usual."""
    groups: dict[tuple[Any, ...], list[Finding]] = {}
    for finding in findings:
        merged = finding.kind in _MERGED and finding.variant not in ("tension", "calcified")
        apart = () if merged else (finding.side, finding.variant)
        groups.setdefault((finding.kind, finding.stated, *apart), []).append(finding)
    return [Topic(key[0], tuple(group), int(key[1])) for key, group in groups.items()]


def slots_of(topic: Topic, rng: np.random.Generator) -> dict[str, str]:
    """The slots of the templates of `topic`; choices inside are made once here."""
    words = phrases()["kinds"][topic.kind]
    grade = 0 if topic.lead.severity < 0.36 else 1 if topic.lead.severity < 0.7 else 2
    several = bool(words.get("plural")) or (len(topic.findings) > 1 and not words.get("mass"))
    place = choose(topic.place, {}, rng)
    slots = {
        "level": choose(words["levels"][grade], {}, rng),
        "levelly": choose(_ADVERBS[grade], {}, rng),
        "side": topic.side,
        "other": _OPPOSITE.get(topic.side, ""),
        "place": place,
        "the place": "both lungs" if topic.side == "bilateral" else f"the {place}",
        "noun": choose(pick(words["plurals" if several else "nouns"], rng), {}, rng),
        "is": "are" if several else "is",
        "has": "have" if several else "has",
    }
    adjective = "place_adjective" in words and rng.random() < 0.5
    noun_phrase = choose(words["place_adjective" if adjective else "place"], slots, rng)
    counted = not several and not words.get("mass")
    slots["np"], slots["new np"] = noun_phrase, f"new {noun_phrase}"
    slots["a np"] = with_article(noun_phrase) if counted else noun_phrase
    slots["a new np"] = with_article(f"new {noun_phrase}") if counted else f"new {noun_phrase}"
    return slots


def describe(topic: Topic, rng: np.random.Generator, brief: bool = False) -> Statement:
    """A sentence about `topic`; a brief one suits an impression."""
    states = ((topic.observation, topic.state),)
    if topic.observation == "Support Devices":
        return Statement(_device_sentence(topic, rng), states)
    slots = slots_of(topic, rng)
    if topic.state == UNCERTAIN:
        return Statement(expand(pick(phrases()["uncertain"], rng), slots, rng), states)
    template = _positive_template(topic, rng, brief)
    if isinstance(template, dict):
        states += tuple((name, POSITIVE) for name in template["also"])
        template = template["text"]
    return Statement(expand(template, slots, rng), states)


def _positive_template(topic: Topic, rng: np.random.Generator, brief: bool) -> Any:
    """A sentence, or a mapping of a `text` and the observations that it states `also`."""
    words, variant = phrases(), topic.lead.variant
    if variant in words["variants"]:
        return pick(words["variants"][variant], rng)
    if topic.change and rng.random() < 0.7:
        return pick(words["change"][topic.change], rng)
    own = words["kinds"][topic.kind]
    extra = own.get("bilateral_extra" if topic.side == "bilateral" else "extra", [])
    if extra and rng.random() < 0.42:
        return pick(extra, rng)
    return "{np}." if brief and rng.random() < 0.5 else pick(words["positive"], rng)


def _device_sentence(topic: Topic, rng: np.random.Generator) -> str:
    finding = topic.lead
    forms = phrases()["devices"][topic.kind]
    form = finding.variant or "good"
    if form == "malpositioned":
        form = f"malpositioned {central_line_goal(finding)}"
    template = pick(forms.get(form, forms[next(iter(forms))]), rng)
    slots = {"side": topic.side, "other": _OPPOSITE.get(topic.side, "")}
    if topic.kind == "tracheal_tube":
        slots["cm"] = f"{tracheal_tube_tip_mm(finding) / 10:.1f}"
    text = expand(template, slots, rng)
    change = phrases()["device_change"].get(finding.change or "")
    if change and placement(finding) != "malposition" and rng.random() < 0.35:
        text = tidy(text.rstrip(".") + ", " + choose(pick(change, rng), {}, rng) + ".")
    return text


def describe_pneumonia(findings: Sequence[Finding], rng: np.random.Generator) -> Statement | None:
    """A sentence on pneumonia if it caused an opacity."""
    causes = [finding for finding in findings if finding.cause]
    if not causes:
        return None
    state = POSITIVE if any(finding.cause == "pneumonia" for finding in causes) else UNCERTAIN
    lead = max(causes, key=lambda finding: finding.severity)
    topic = Topic(lead.kind, (lead,), state)
    words = phrases()["pneumonia"]["positive" if state == POSITIVE else "uncertain"]
    slots = {"side": topic.side, "place": choose(topic.place, {}, rng)}
    return Statement(expand(pick(words, rng), slots, rng), (("Pneumonia", state),))


def describe_resolved(finding: Finding, rng: np.random.Generator) -> Statement | None:
    """A sentence that states the absence of an earlier finding."""
    options = phrases()["kinds"].get(finding.kind, {}).get("resolved")
    if not options:
        return None
    text = expand(pick(options, rng), {"side": finding.side or ""}, rng)
    return Statement(text, ((finding.observation, NEGATIVE),))


def deny(allowed: set[str], count: int, rng: np.random.Generator) -> list[Statement]:
    """Up to `count` sentences that deny observations of `allowed`, none of them twice."""
    options = [option for option in phrases()["normal"] if rng.random() < option.get("chance", 1.0)]
    rng.shuffle(options)
    denied: set[str] = set()
    statements: list[Statement] = []
    for option in options:
        states = option["states"]
        if len(statements) < count and set(states) <= allowed and not denied & set(states):
            denied |= set(states)
            text = expand(pick(option["text"], rng), {}, rng)
            statements.append(Statement(text, tuple((name, NEGATIVE) for name in states)))
    return statements
