"""Cuts a report into its sections by header rules that are data (`header_rules.yaml`).

Offsets are exact: a section's text is `report[start:end]`, sections never overlap, and every character
that is neither white space nor part of a header belongs to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, nearest
from plainfilm.text.section_overrides import Override
from plainfilm.text.slips import is_one_slip
from plainfilm.types import Section

_RULES_FILE = Path(__file__).with_name("header_rules.yaml")
_STATED = {"findings", "impression", "findings_and_impression"}
_ADDED = ("addendum", "notification")
_SHORTEST_SLIP = 7
_LONGEST_HEADER = 60
_COLON = r"[ \t]*[:：]"
_BLANK_LINE = re.compile(r"\n[ \t\r\f\v]*\n")


class HeaderRules(Settings):
    """How one style of report announces its sections; the fields are explained in `header_rules.yaml`."""

    style: Literal["line", "anywhere"]
    last_paragraph: bool
    banners: tuple[str, ...]
    titles: tuple[str, ...]
    headers: dict[str, tuple[str, ...]]
    contains: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Header:
    """A header found: it announces `section` and covers `start` to `end`; a banner announces "other"."""

    section: str
    start: int
    end: int


@cache
def _all_rules() -> dict[str, HeaderRules]:
    loaded = yaml.safe_load(_RULES_FILE.read_text(encoding="utf-8"))
    return {name: build(HeaderRules, rules, f"{_RULES_FILE.name}: {name}") for name, rules in loaded.items()}


HEADER_RULES: tuple[str, ...] = tuple(_all_rules())
"""The names that `parse_sections` takes."""


def parse_sections(
    text: str, header_rules: str = "plain", override: Override | None = None
) -> tuple[Section, ...]:
    """The sections of a report in their order; those without text are left out.

    Text before the first header, and a report without any, is "other"; but a title above the headers
    ("CHEST, PA AND LATERAL") is "technique". `override` is what a file says of this study
    (`overrides.read_overrides`).

    Raises:
        ConfigError: `header_rules` names no rules (with the nearest name).
    """
    rules = _all_rules().get(header_rules)
    if rules is None:
        raise ConfigError(f"unknown header rules '{header_rules}': {nearest(header_rules, HEADER_RULES)}")
    if override is None and rules.style == "anywhere" and not _may_hold_header(text):
        return tuple(_trimmed(text, "other", 0, len(text)))
    headers = sorted(_headers(text, header_rules), key=lambda header: header.start)
    sections = list(_between(text, headers))
    if sections and headers and sections[0].end <= headers[-1].start and _is_title(sections[0], rules):
        sections[0] = replace(sections[0], name="technique")
    announced = {section.name for section in sections}
    sections = [_settled(section, announced) for section in sections]
    if rules.last_paragraph and not announced & _STATED:
        last = next(
            (place for place in reversed(range(len(sections))) if sections[place].name not in _ADDED), None
        )
        if last is not None:
            sections[last : last + 1] = _cut_at_blank_line(text, sections[last])
    return tuple(sections) if override is None else override.apply(text, sections)


def _may_hold_header(text: str) -> bool:
    """False for one line without a colon that is longer than any header."""
    return ":" in text or "\n" in text or "：" in text or len(text) <= _LONGEST_HEADER


def _settled(section: Section, announced: set[str]) -> Section:
    """What a first reader thought is history where the report itself follows."""
    if section.name != "preliminary":
        return section
    return replace(section, name="comparison" if announced & _STATED else "other")


def _is_title(section: Section, rules: HeaderRules) -> bool:
    first_word = re.split(r"[\W_]", section.text.lower(), maxsplit=1)[0]
    one_line = not re.search(r"[\n.]", section.text)
    return section.name == "other" and one_line and first_word in rules.titles


def _between(text: str, headers: list[_Header]) -> Iterator[Section]:
    name, start = "other", 0
    for header in [*headers, _Header("other", len(text), len(text))]:
        yield from _trimmed(text, name, start, header.start)
        name, start = header.section, header.end


def _trimmed(text: str, name: str, start: int, end: int) -> Iterator[Section]:
    piece = text[start:end]
    inner = piece.strip()
    if inner:
        start += len(piece) - len(piece.lstrip())
        yield Section(name, inner, start, start + len(inner))


def _cut_at_blank_line(text: str, section: Section) -> Iterator[Section]:
    cut = _BLANK_LINE.search(text, section.start, section.end)
    middle = cut.start() if cut else section.end
    yield from _trimmed(text, section.name, section.start, middle)
    yield from _trimmed(text, "other", middle, section.end)


def _headers(text: str, name: str) -> Iterator[_Header]:
    rules = _all_rules()[name]
    for match in _pattern(name).finditer(text):
        section = "other" if match["banner"] else _announced(match.group(), rules)
        if section:
            yield _Header(section, match.start(), match.end())


def _announced(header: str, rules: HeaderRules) -> str | None:
    """The section that a header announces, or None where it is none that is known.

    One that ends in a semicolon must be a whole phrase; any may have one slip of the keyboard.
    """
    phrase = " ".join(header.lower().rstrip(":：; \t\r").split())
    for section, phrases in rules.headers.items():
        if phrase in phrases:
            return section
    for section, phrases in rules.headers.items():
        if any(len(known) >= _SHORTEST_SLIP and is_one_slip(phrase, known) for known in phrases):
            return section
    words = f" {re.sub(r'[^a-z-]+', ' ', phrase)} "
    for fragment, section in () if header.endswith(";") else rules.contains:
        if f" {fragment} " in words:
            return section
    return None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """What may be a header under the rules called `name`; the group `banner` is set for a banner."""
    rules = _all_rules()[name]
    banner = rf"^[ \t]*(?P<banner>(?i:{_either(rules.banners)}))[ \t]*:?[ \t]*\r?$"
    if rules.style == "line":
        # A colon between digits is a time of day: "PORTABLE CHEST, 5:40 A.M.:".
        header = r"^[ \t]*[A-Z](?:[A-Z0-9_ ()/,.&'-]|:(?=\d\d)){1,90}?[ \t]*[:;](?=\s|$|[A-Z_]|\d-)"
        return re.compile(f"{banner}|{header}", re.MULTILINE)
    phrases = [phrase for known in rules.headers.values() for phrase in known]
    any_case, capitals = f"(?i:{_either(phrases)})", _either([phrase.upper() for phrase in phrases])
    begins = r"(?:^[ \t]*|(?<=[.!?;])[ \t]+|(?<=[。；！？])[ \t]*)"
    at_start = rf"{begins}{any_case}{_COLON}"
    inside = rf"(?<![\w/-])(?:{capitals}){_COLON}"
    alone = rf"^[ \t]*{any_case}[ \t]*\r?$"
    with_slip = rf"^[ \t]*[A-Za-z][A-Za-z ]{{5,30}}{_COLON}"
    return re.compile("|".join((banner, at_start, inside, alone, with_slip)), re.MULTILINE)


def _either(phrases: Sequence[str]) -> str:
    longest_first = sorted(phrases, key=len, reverse=True)
    return "|".join(r"[ \t]+".join(map(re.escape, phrase.split())) for phrase in longest_first)
