"""Lints a prompt pack: reports all problems of a file at once, one per line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from plainfilm.errors import ConfigError, nearest
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.vocabularies import Vocabulary, Wording, vocabulary_names
from plainfilm.prompts.grammar import expand
from plainfilm.prompts.pack_file import STATES, Entry, PackFile, pack_path, read_pack_file
from plainfilm.types import State


@dataclass(frozen=True)
class Problem:
    """A problem and its place: an observation and one of the keys of `STATES`, or the whole pack.

    `kind` is blank, template, missing, unknown, duplicate, polarity, several or labels. A problem with
    `is_note` may be intended.
    """

    kind: str
    message: str
    observation: str | None = None
    key: str | None = None
    is_note: bool = False

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.observation, self.key) if part)
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True)
class _PlacedSentence:
    """One expanded sentence and its place."""

    text: str
    observation: str
    key: str

    @property
    def same(self) -> str:
        """The sentence without case and punctuation, for comparison."""
        return re.sub(r"\W+", " ", self.text).strip().casefold()


def lint(name: str | Path, labels: Sequence[str] | None = None) -> list[Problem]:
    """The problems of a pack; `labels` are those of the data or vocabulary that it is to be compared with.

    Raises:
        ConfigError: no such pack, or a file whose form is not that of a pack at all.
    """
    path = pack_path(name)
    file = read_pack_file(path)
    items = [
        item
        for observation, entry in file.observations.items()
        for key in STATES
        for item in _expanded(file, observation, entry, key)
    ]
    sentences = [item for item in items if isinstance(item, _PlacedSentence)]
    problems = [item for item in items if isinstance(item, Problem)]
    problems += [
        Problem("duplicate", f"key '{key}' occurs twice in one mapping, and only the last counts")
        for key in _repeated_keys(path)
    ]
    problems += _missing(file)
    problems += _unknown(file)
    problems += _duplicates(sentences)
    problems += _misread(file, sentences) if file.language == "en" else ()
    problems += _other_labels(file, labels) if labels is not None else ()
    return problems


def _expanded(
    file: PackFile, observation: str, entry: Entry, key: str
) -> Iterator[_PlacedSentence | Problem]:
    for pattern in entry.patterns(key):
        try:
            sentences = expand(pattern, {**file.words, **entry.words})
        except ConfigError as error:
            yield Problem("template", str(error), observation, key)
            continue
        for text in sentences:
            if text:
                yield _PlacedSentence(text, observation, key)
            else:
                yield Problem("blank", f"a sentence of '{pattern}' is blank; leave it out", observation, key)


def _repeated_keys(path: Path) -> list[str]:
    """Keys that occur twice in one mapping, of which YAML and JSON silently keep the last."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".json":
        return list(_repeated_in(yaml.compose(text)))
    repeated: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        repeated.extend(_repeated([key for key, _ in pairs]))

    json.loads(text, object_pairs_hook=note)
    return repeated


def _repeated_in(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_in(item)
    if isinstance(node, yaml.MappingNode):
        yield from _repeated([key.value for key, _ in node.value])
        for _, value in node.value:
            yield from _repeated_in(value)


def _repeated(keys: Sequence[str]) -> list[str]:
    return [key for key, count in Counter(keys).items() if count > 1]


def _missing(file: PackFile) -> Iterator[Problem]:
    """Observations without sentences that state or deny them."""
    for observation, entry in file.observations.items():
        for key, meaning in (("positive", "stated"), ("negative", "denied")):
            if not entry.patterns(key):
                yield Problem("missing", f"no sentence: it cannot be {meaning}", observation, key)


def _unknown(file: PackFile) -> Iterator[Problem]:
    known = file.observations
    named = [("aliases", name) for name in file.aliases.values()]
    named += [(f"set '{name}'", member) for name, members in file.sets.items() for member in members]
    named += [("normal", file.normal)] if file.normal else []
    named += [(f"{name} implies", member) for name, entry in known.items() for member in entry.implies]
    for where, name in named:
        if name not in known:
            yield Problem("unknown", f"{where} names '{name}': {nearest(name, known)}")
    for name in file.aliases:
        if name in known:
            yield Problem("unknown", f"alias '{name}' is an observation itself and never used as an alias")
    for name in file.vocabularies:
        if name not in vocabulary_names() and not name.endswith((".yaml", ".yml")):
            yield Problem("unknown", f"no vocabulary '{name}': {nearest(name, vocabulary_names())}")


def _duplicates(sentences: Sequence[_PlacedSentence]) -> Iterator[Problem]:
    first: dict[str, _PlacedSentence] = {}
    for sentence in sentences:
        other = first.setdefault(sentence.same, sentence)
        if other is sentence:
            continue
        if (other.observation, other.key) == (sentence.observation, sentence.key):
            where = "twice"
        else:
            where = f"also under {other.observation}, {other.key}"
        message = f"'{sentence.text}' occurs {where}"
        yield Problem("duplicate", message, sentence.observation, sentence.key)


def _misread(file: PackFile, sentences: Sequence[_PlacedSentence]) -> Iterator[Problem]:
    """Sentences that the labeller assigns another state, or another observation as well."""
    labellers = _labellers(file)
    for observation, entry in file.observations.items():
        own = [sentence for sentence in sentences if sentence.observation == observation]
        for labeller in labellers:
            name = _name_in(labeller, file, observation, entry)
            if name is not None:
                yield from _misread_by(labeller, name, file, entry, own)
                break
        else:
            if entry.labelled_as:
                message = f"labelled_as '{entry.labelled_as}' is in no vocabulary of the pack"
                yield Problem("unknown", message, observation)
            yield from _denied_or_not(file, observation, entry, own)


def _labellers(file: PackFile) -> list[Labeller]:
    shipped = vocabulary_names()
    known = [name for name in file.vocabularies if name in shipped or Path(name).is_file()]
    return [Labeller.load(name) for name in known]


def _name_in(labeller: Labeller, file: PackFile, observation: str, entry: Entry) -> str | None:
    """The labeller's name of an observation, if it knows the observation."""
    aliases = [alias for alias, meant in file.aliases.items() if meant == observation]
    names = (entry.labelled_as, observation, *aliases)
    return next((name for name in names if name in labeller.observations), None)


def _misread_by(
    labeller: Labeller, name: str, file: PackFile, entry: Entry, own: Sequence[_PlacedSentence]
) -> Iterator[Problem]:
    for sentence in own:
        states = {label.observation: label.state for label in labeller.label_sentence(sentence.text)}
        wanted, state = STATES[sentence.key], states.pop(name, None)
        is_normal = sentence.observation == file.normal
        # The labeller has no observation for "abnormal": the denial of a normal film mentions nothing.
        if state != wanted and not (is_normal and wanted != State.POSITIVE and state is None):
            read = "names no such thing" if state is None else f"is {state.name.lower()}"
            message = f"'{sentence.text}' {read} to the labeller ({labeller.origin}: {name})"
            yield Problem("polarity", message, sentence.observation, sentence.key)
        for other in _others(states, file, entry, is_normal):
            message = f"'{sentence.text}' also mentions {other}"
            yield Problem("several", message, sentence.observation, sentence.key)


def _others(states: dict[str, State], file: PackFile, entry: Entry, is_normal: bool) -> Iterator[str]:
    """Other observations of the pack in a sentence, except those it implies and a normal film."""
    for label, state in states.items():
        name = file.aliases.get(label, label)
        allowed = name in entry.implies or name == file.normal or (is_normal and state == State.NEGATIVE)
        if name in file.observations and not allowed:
            yield name


def _denied_or_not(
    file: PackFile, observation: str, entry: Entry, own: Sequence[_PlacedSentence]
) -> Iterator[Problem]:
    """Checks an observation unknown to the labeller by its cues around the pack's own words for `finding`."""
    present = _phrases(file, entry)
    if not present:
        return
    names = {observation: Wording(present=present)}
    labeller = Labeller(Vocabulary(name=file.name, version=1, observations=names))
    for sentence in own:
        for label in labeller.label_sentence(sentence.text):
            if label.state != STATES[sentence.key]:
                message = f"'{sentence.text}' is {label.state.name.lower()} to the labeller"
                yield Problem("polarity", message, sentence.observation, sentence.key)


def _phrases(file: PackFile, entry: Entry) -> tuple[str, ...]:
    """The words for `finding` of an observation, as phrases of a vocabulary."""
    if "finding" not in entry.words:
        return ()
    try:
        texts = expand("{finding}", {**file.words, **entry.words})
    except ConfigError:
        return ()  # already reported, as a template
    return tuple(" ".join(re.escape(word) for word in text.lower().split()) for text in texts)


def _other_labels(file: PackFile, labels: Sequence[str]) -> Iterator[Problem]:
    named = {file.aliases.get(name, name) for name in labels}
    for name in sorted(set(labels)):
        if file.aliases.get(name, name) not in file.observations:
            yield Problem("labels", f"has no observation '{name}': {nearest(name, file.observations)}")
    for name in file.observations:
        if name not in named:
            yield Problem("labels", "the labels compared with lack it", name, is_note=True)
