"""Which sections of a report are its text: the rules that recipes and tasks name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from plainfilm.errors import ConfigError, nearest
from plainfilm.types import SECTIONS, Section

TEXT_RULES = (
    *("impression", "findings", "impression_findings", "findings_impression", "impression_findings_or_last"),
    *("best_section", "longest_section", "all"),
)
"""The rules; `best_section` is TxtRayAlign's default.

    impression            the impressions
    findings              the findings
    impression_findings   impressions, then findings
    findings_impression   findings, then impressions
    impression_findings_or_last
                          impressions, then findings; where there is neither, the last text under no known
                          header (the last paragraph): TxtRayAlign's create_section_files.py --concat
    best_section          the last section of the best kind there is: impression, findings, text under no
                          known header (in MIMIC-CXR the last paragraph), comparison
    longest_section       the findings or the impressions, whichever is the longer text; CXR-CLIP's test texts
    all                   every section, in the order of the report
"""


def known_rule(rule: str) -> str:
    """`rule`.

    Raises:
        ValueError: no such rule (with the nearest one).
    """
    if rule not in TEXT_RULES:
        raise ValueError(f"unknown text rule '{rule}': {nearest(rule, TEXT_RULES)}")
    return rule


TextRule = Annotated[str, AfterValidator(known_rule)]
"""A setting that names a rule."""

_BEST_FIRST = ("impression", "findings", "other", "comparison")
_FOR_BOTH = "findings_and_impression"
_OR_LAST = "_or_last"


def select_sections(sections: Sequence[Section], rule: str) -> list[Section]:
    """The sections that `rule` takes, in the order it names them; none where the report has none.

    Raises:
        ConfigError: no such rule (with the nearest one).
    """
    try:
        known_rule(rule)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if rule == "all":
        return sorted(sections, key=lambda section: section.start)
    if rule == "best_section":
        kinds = (_named(sections, name) for name in _BEST_FIRST)
        return next((kind[-1:] for kind in kinds if kind), [])
    if rule == "longest_section":
        either = [select_sections(sections, name) for name in ("findings", "impression")]
        return max(either, key=lambda kind: len(_joined(kind)))
    if rule.endswith(_OR_LAST):
        return select_sections(sections, rule.removesuffix(_OR_LAST)) or _named(sections, "other")[-1:]
    wanted = [name for name in rule.split("_") if name in SECTIONS]
    return list(dict.fromkeys(section for name in wanted for section in _named(sections, name)))


def _named(sections: Sequence[Section], name: str) -> list[Section]:
    """The sections of a name; text under one header for findings and impression is either."""
    either = (name, _FOR_BOTH) if name in ("findings", "impression") else (name,)
    return [section for section in sections if section.name in either]


def _joined(sections: Sequence[Section]) -> str:
    return "\n".join(" ".join(section.text.split()) for section in sections)


def report_text(sections: Sequence[Section], rule: str) -> str:
    """The text that `rule` takes, white space made single spaces, sections set apart by a line break."""
    return _joined(select_sections(sections, rule))


def normalise(text: str) -> str:
    """`text` in folded case with single spaces: two texts are the same text when this is equal."""
    return " ".join(text.casefold().split())
