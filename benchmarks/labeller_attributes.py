"""Laterality, location, severity and change that the labeller reads, against what is true.

    python benchmarks/labeller_attributes.py [OPENI_REPORTS.csv]

Two truths: sentences that the phantoms' grammar writes about findings whose side, place, severity and
course are known, and 200 sentences of Open-i that were labelled by hand
(`tests/labelling/openi_attributes.csv`, which names them by their SHA-256 and has none of their text).
Precision, recall and F1 count values, over all sentences. On phantoms a value counts as said where one of
its words is in the sentence; severity and change are judged where the labeller reads one.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from plainfilm.labelling import CHEXPERT_OBSERVATIONS, Labeller
from plainfilm.labelling.attributes import NAMES
from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports.statements import Topic, describe, topics
from plainfilm.seeding import generator
from plainfilm.text.sentences import split_sentences

HAND_LABELLED = Path(__file__).parents[1] / "tests" / "labelling" / "openi_attributes.csv"
_SITES = {
    "upper": ("upper lobe", "apex"),
    "mid": ("mid lung", "middle lobe"),
    "lower": ("lower lobe", "base"),
}
_SIDED = set(CHEXPERT_OBSERVATIONS) - {"Support Devices"}
_IN_LUNGS = ("opacity", "consolidation", "nodule", "mass")
_CHANGES = {"new": "new", "worse": "worse", "better": "better", "stable": "unchanged"}
_GRADES = (("minimal", "mild"), ("moderate",), ("severe",))

Values = Mapping[str, frozenset[str]]


def read_values(labeller: Labeller, text: str, observation: str) -> Values:
    """What the labeller reads of an observation in a sentence, by attribute."""
    found = {label.observation: dict(label.attributes) for label in labeller.label_sentence(text)}
    said = found.get(observation, {})
    return {name: frozenset(filter(None, said.get(name, "").split(","))) for name in NAMES}


def hand_labelled(reports: Path) -> Iterator[tuple[str, str, Values]]:
    """Sentence, observation and values of the sentences that were labelled by hand."""
    with reports.open(encoding="utf-8", newline="") as opened:
        texts = [row[column] for row in csv.DictReader(opened) for column in ("findings", "impression")]
    sentences = {one.text for text in texts for one in split_sentences(text)}
    by_name = {sha256(sentence.encode()).hexdigest()[:16]: sentence for sentence in sentences}
    with HAND_LABELLED.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            values = {name: frozenset(filter(None, row[name].split(","))) for name in NAMES}
            yield by_name[row["sentence_sha256"]], row["observation"], values


def of_phantoms(count: int) -> Iterator[tuple[str, Topic]]:
    """Sentences about findings of phantoms, with what they are about."""
    for number in range(count):
        rng = generator("attributes", number)
        visit = draw_visits(3, rng)[-1]
        for topic in topics(visit.findings):
            if topic.observation in _SIDED and topic.state == 1:
                yield describe(topic, rng).text, topic


def score(pairs: Iterator[tuple[Values, Values]]) -> dict[str, tuple[float, float, float, int]]:
    """Precision, recall, F1 and the number of true values of each attribute, of (read, true)."""
    counted = {name: [0, 0, 0] for name in NAMES}
    for read, true in pairs:
        for name in NAMES:
            hits = len(read[name] & true[name])
            for place, more in enumerate((hits, len(read[name]), len(true[name]))):
                counted[name][place] += more
    return {
        name: (hits / max(said, 1), hits / max(there, 1), 2 * hits / max(said + there, 1), there)
        for name, (hits, said, there) in counted.items()
    }


def phantom_values(text: str, topic: Topic, read: Values) -> Values:
    """What is true of a topic and said in its sentence."""
    side = frozenset({topic.side} if topic.side and topic.side in text.lower() else ())
    if topic.side == "bilateral" and not side and read["laterality"]:
        side = frozenset({"bilateral"})
    places = read["location"]
    if topic.kind in _IN_LUNGS and topic.side != "bilateral" and places:
        places = places & frozenset(_SITES.get(topic.lead.site or "", ())) or frozenset({"elsewhere"})
    grade = 0 if topic.lead.severity < 0.36 else 1 if topic.lead.severity < 0.7 else 2
    severity = frozenset(_GRADES[grade]) if read["severity"] else frozenset[str]()
    change = frozenset({_CHANGES[topic.change]} if topic.change and read["change"] else ())
    return {"laterality": side, "location": places, "severity": severity & read["severity"], "change": change}


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", type=Path, nargs="?")
    parser.add_argument("--phantoms", type=int, default=1000)
    arguments = parser.parse_args()
    labeller = Labeller.load()
    tables = {"phantoms": score(_phantom_pairs(labeller, arguments.phantoms))}
    if arguments.reports:
        tables["Open-i, 200 sentences"] = score(
            (read_values(labeller, text, observation), true)
            for text, observation, true in hand_labelled(arguments.reports)
        )
    for title, scores in tables.items():
        for name, (precision, recall, f1, count) in scores.items():
            print(f"{title:22} {name:12} precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f} n {count}")


def _phantom_pairs(labeller: Labeller, count: int) -> Iterator[tuple[Values, Values]]:
    for text, topic in of_phantoms(count):
        read = read_values(labeller, text, topic.observation)
        yield read, phantom_values(text, topic, read)


if __name__ == "__main__":
    main()
