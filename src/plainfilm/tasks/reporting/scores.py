"""The scores of generated reports: groups of metrics over the same pairs of texts, each with its identity.

Texts are read once (`ReportReader`): words, stems, findings by Plainfilm's labeller. A group turns the read
references and candidates into statistics per report (`metrics.scores`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field

from plainfilm.config import Settings
from plainfilm.labelling import FIVE, Labeller
from plainfilm.labelling.texts import TextFindings, read_texts
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.metrics.findings import States, state_matrix
from plainfilm.metrics.label_f1 import (
    Uncertain,
    label_f1_identity,
    label_statistics,
    outcomes,
    side_statistics,
)
from plainfilm.metrics.reports import bleu, cider, form, meteor, rouge
from plainfilm.metrics.reports.bleu import Tokenisation
from plainfilm.metrics.reports.words import words
from plainfilm.metrics.scores import Statistics, ratio_statistics
from plainfilm.tasks.scoring.measure import DescribedScore

TEXT, FINDINGS, POSITIVE_ONLY, SIDES, FORM = "text", "findings", "positive_only", "sides", "form"
"""The names of the groups."""
SIDE_AGREEMENT = "side_agreement"

_PLACEHOLDER = re.compile(r"\bX{3,}\b|_{2,}")


class TextSettings(Settings):
    """How texts are compared.

    placeholders: marks of removed words (`XXXX`, `___`), kept or removed in references and candidates.
    tokenisation: of BLEU, by sacrebleu. vocabulary: of the labeller. radeval: names of RadEval's metrics,
    where it is installed. resamples, seed: of the intervals.
    """

    placeholders: Literal["keep", "remove"] = "keep"
    tokenisation: Tokenisation = "13a"
    vocabulary: str = "chexpert"
    radeval: tuple[str, ...] = ()
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0


@dataclass(frozen=True)
class ReadReport:
    """A text as it is scored, its words, and what it states."""

    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    findings: TextFindings

    @cached_property
    def sentences(self) -> list[list[str]]:
        """The words of each sentence."""
        return [words(sentence) for sentence, _ in self.findings.sentences]


class ReportReader:
    """Reads texts by the same rules on both sides."""

    def __init__(self, settings: TextSettings) -> None:
        self.settings = settings
        self.labeller = Labeller.load(settings.vocabulary)
        self._known: dict[str, ReadReport] = {}

    @property
    def observations(self) -> tuple[str, ...]:
        """The observations of the labeller."""
        return self.labeller.observations

    def read(self, texts: Sequence[str]) -> list[ReadReport]:
        """The texts, with single spaces; equal texts are read once."""
        plain = [self._normalised(text) for text in texts]
        new = [text for text in dict.fromkeys(plain) if text not in self._known]
        for text, findings in zip(new, read_texts(new, self.labeller), strict=True):
            own = words(text)
            self._known[text] = ReadReport(text, tuple(own), tuple(cider.stemmed([own])[0]), findings)
        return [self._known[text] for text in plain]

    def _normalised(self, text: str) -> str:
        lines = (" ".join(self._kept(line).split()) for line in text.splitlines())
        return "\n".join(line for line in lines if line)

    def _kept(self, line: str) -> str:
        return line if self.settings.placeholders == "keep" else _PLACEHOLDER.sub(" ", line)

    def states(self, reports: Sequence[ReadReport]) -> States:
        """States (N, C) of what the reports state."""
        return state_matrix([one.findings.states for one in reports], self.observations)


Compute = Callable[[Sequence[ReadReport], Sequence[ReadReport]], Statistics]


@dataclass(frozen=True)
class ScoreGroup:
    """Scores of one heading; `statistics` of references and candidates (N of each). needs_reference: False if
    the references have scores of their own, which then stand beside those of the candidates."""

    name: str
    heading: str
    scores: tuple[DescribedScore, ...]
    statistics: Compute
    needs_reference: bool = True


def common_identity(settings: TextSettings, sections: str) -> str:
    """The part of the identity of all scores; `sections` names the text that the references are."""
    places = f"placeholders:{settings.placeholders}"
    return f"|sides:candidate whole,reference {sections}|{places}|white space:single"


def score_groups(reader: ReportReader, references: Sequence[ReadReport], common: str) -> list[ScoreGroup]:
    """All groups; `common` is the `common_identity`."""
    named = f"Plainfilm labeller ({reader.labeller.origin})"
    return [
        _text(reader, references, common),
        _findings(
            reader, FINDINGS, f"Findings by the {named}, uncertain counts as positive", "positive", common
        ),
        _findings(reader, POSITIVE_ONLY, f"Findings by the {named}, positive only", "negative", common),
        _sides(reader, f"Left and right of findings by the {named}", common),
        _form(common),
    ]


def _text(reader: ReportReader, references: Sequence[ReadReport], common: str) -> ScoreGroup:
    tokenisation = reader.settings.tokenisation
    of_words = cider.document_frequencies([one.words for one in references])
    of_stems = cider.document_frequencies([one.stems for one in references])

    def statistics(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> Statistics:
        first, second = [one.words for one in references], [one.words for one in candidates]
        stems = [one.stems for one in references], [one.stems for one in candidates]
        texts = [one.text for one in references], [one.text for one in candidates]
        counts = bleu.counts(*texts, tokenisation).astype(np.float64)
        return {
            "bleu/length": counts[:, 0],
            **{f"bleu/{size}": counts[:, size] for size in range(1, 1 + bleu.LARGEST)},
            "rouge_l": ratio_statistics(rouge.rouge_l(first, second)),
            "meteor": ratio_statistics(meteor.meteor(first, second)),
            "cider": ratio_statistics(cider.cider(stems[0], stems[1], of_stems)),
            "cider_d": ratio_statistics(cider.cider_d(first, second, of_words)),
        }

    sizes = range(1, 1 + bleu.LARGEST)
    scores = [
        DescribedScore(
            f"bleu_{size}",
            "bleu",
            ("bleu/length", *(f"bleu/{one}" for one in range(1, 1 + size))),
            f"BLEU-{size}",
            "higher",
            headline=size == bleu.LARGEST,
            identity=bleu.identity(size, tokenisation) + common,
        )
        for size in sizes
    ]
    by_report = (
        ("rouge_l", "ROUGE-L", rouge.IDENTITY, True),
        ("meteor", "METEOR (exact and stem)", meteor.identity(), True),
        ("cider", "CIDEr", cider.IDENTITY, False),
        ("cider_d", "CIDEr-D", cider.IDENTITY_D, True),
    )
    scores += [
        DescribedScore(name, "ratio", (name,), title, "higher", headline, identity + common)
        for name, title, identity, headline in by_report
    ]
    return ScoreGroup(TEXT, "Text", tuple(scores), statistics)


def _subsets(observations: Sequence[str]) -> list[tuple[str, ...]]:
    """Besides all observations: those that are findings, and the five of CheXpert's competition."""
    findings = tuple(name for name in observations if name != NO_FINDING)
    subsets = [findings] if 0 < len(findings) < len(observations) else []
    has_five = set(FIVE) <= set(findings) and len(FIVE) < len(findings)
    return [*subsets, FIVE] if has_five else subsets


def _findings(
    reader: ReportReader, group: str, heading: str, uncertain: Uncertain, common: str
) -> ScoreGroup:
    observations, subsets = reader.observations, _subsets(reader.observations)

    def statistics(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> Statistics:
        pair = reader.states(references), reader.states(candidates)
        return label_statistics(outcomes(*pair, uncertain), observations, subsets)

    def score(name: str, parts: Sequence[str], title: str, headline: bool = False) -> DescribedScore:
        identity = label_f1_identity(name, reader.labeller.origin, uncertain) + common
        aggregation = "ratio" if len(parts) == 1 else "mean"
        return DescribedScore(name, aggregation, tuple(parts), title, "higher", headline, identity)

    is_main = group == FINDINGS
    scores = []
    for over in (observations, *subsets):
        size = len(over)
        which = {observations: "all observations", FIVE: "CheXpert's five"}.get(over, "without No Finding")
        leads = is_main and over != FIVE
        scores += [
            score(f"f1_micro-{size}", [f"f1/micro-{size}"], f"micro F1, {which} ({size})", leads),
            score(f"f1_macro-{size}", [f"f1/{one}" for one in over], f"macro F1, {which} ({size})", leads),
        ]
    whole = f"micro-{len(observations)}"
    scores += [
        score(f"{kind}_{whole}", [f"{kind}/{whole}"], f"micro {kind} ({len(observations)})")
        for kind in ("precision", "recall")
    ]
    scores.append(score("f1_example", ["f1/example"], "F1 of a report, mean"))
    scores += [
        score(f"{kind}/{one}", [f"{kind}/{one}"], f"{kind.upper() if kind == 'f1' else kind}, {one}")
        for one in observations
        for kind in (("f1", "precision", "recall") if is_main else ("f1",))
    ]
    return ScoreGroup(group, heading, tuple(scores), statistics)


def _sides(reader: ReportReader, heading: str, common: str) -> ScoreGroup:
    def statistics(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> Statistics:
        first, second = ([one.findings.sides for one in side] for side in (references, candidates))
        return side_statistics(first, second, reader.observations)

    def score(name: str, part: str, title: str, headline: bool = False) -> DescribedScore:
        identity = label_f1_identity(name, reader.labeller.origin, "negative") + common
        return DescribedScore(name, "ratio", (part,), title, "higher", headline, identity)

    scores = (
        score(SIDE_AGREEMENT, SIDE_AGREEMENT, "same side, of one-sided findings in both", headline=True),
        score("f1_sides", "f1/sides", "micro F1 of finding and side"),
        score("f1_left", "f1/left", "micro F1, findings on the left"),
        score("f1_right", "f1/right", "micro F1, findings on the right"),
    )
    return ScoreGroup(SIDES, heading, scores, statistics)


def _form(common: str) -> ScoreGroup:
    def statistics(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> Statistics:
        lengths, wanted = (form.lengths([one.words for one in side]) for side in (candidates, references))
        tokens = [one.words for one in candidates]
        return {
            "length_difference": ratio_statistics(np.abs(lengths - wanted)),
            "repeated_ngrams": form.repeated_ngrams(tokens),
            "identical": ratio_statistics(form.is_repeated(tokens)),
            "distinct_sentences": form.distinct_sentences([one.sentences for one in candidates]),
            "empty": ratio_statistics(lengths == 0),
        }

    titles = {
        "length_difference": "difference in words from the reference",
        "repeated_ngrams": f"repeated {form.REPEATED_SIZE}-grams within a report",
        "identical": "reports identical to another",
        "distinct_sentences": "distinct sentences, of all",
        "empty": "empty reports",
    }
    scores = tuple(
        DescribedScore(
            name,
            "ratio",
            (name,),
            title,
            "higher" if name == "distinct_sentences" else "lower",
            headline=name in ("repeated_ngrams", "identical"),
            identity=f"{name}|{form.IDENTITY}{common}",
        )
        for name, title in titles.items()
    )
    return ScoreGroup(FORM, "Length and repetition", scores, statistics, needs_reference=False)
