"""Says a sentence of a report in other words, and never in words that change a label.

Rules as data (`paraphrase.yaml`): parts that change places, frames (there is / is seen / the film shows),
synonyms. Every step is read by the labeller under both vocabularies of the package; a step after which an
observation, its state, or a side, place, severity or change that is said of it differs is undone. So text
augmentation needs no translation model, and cannot teach a model that "no effusion" means an effusion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from plainfilm.config import Settings, build, read_yaml
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.vocabularies import vocabulary_names

_FILE = Path(__file__).with_name("paraphrase.yaml")
_ATTEMPTS = 3
_STEP_SHARE = 0.7
"""How often a step is tried that could be taken, and a synonym exchanged."""

_WRONG_ARTICLE = re.compile(r"\b[Aa] (?:[aeio]|un(?!i))|\b[Aa]n (?=[b-df-gj-np-tv-wyz])")
_VERBS = (
    "is|are|was|were|be|been|has|have|had|may|might|could|can|cannot|appears?|remains?|shows?|reveals?"
    "|demonstrates?|projects?|overl(?:y|ies)|extends?|lies|measures?|represents?|seen|identified|noted|present"
    "|visuali[sz]ed|appreciated|demonstrated|shown|visible"
)
_TURNS = (
    "no|not|but|however|although|though|except|which|that|who|with|without|there|if|as|compared|since|than"
    "|when|while|due|secondary|for|longer|more|other"
)
_MACROS = {
    "what": rf"(?P<what>(?:(?!\b(?:{_VERBS}|{_TURNS})\b)[\w /'-])+?)",
    "list": rf"(?P<what>(?:(?!\b(?:{_VERBS}|{_TURNS})\b)[\w ,/'-])+?)",
    "item": rf"(?:(?!\b(?:{_VERBS}|{_TURNS}|or|and|normal|stable)\b)[\w /'-])+?",
    "part": r"[\w ,/'-]+? (?:is|are|was|were) [\w ,/'-]+?",
    "be": r"(?P<be>is|are)",
}


class Frame(Settings):
    """A form of a whole sentence, and other forms for it."""

    when: str
    say: tuple[str, ...]


class Rules(Settings):
    """What `paraphrase.yaml` holds; it explains its keys."""

    synonyms: tuple[tuple[str, ...], ...]
    frames: tuple[Frame, ...]
    swaps: tuple[str, ...]


@dataclass(frozen=True)
class _Compiled:
    """The rules, ready to use."""

    frames: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]
    swaps: tuple[re.Pattern[str], ...]
    synonyms: Mapping[str, tuple[str, ...]]
    any_synonym: re.Pattern[str]


def paraphrase(sentence: str, rng: np.random.Generator) -> str:
    """`sentence` in other words with the same labels; itself where the rules know no other.

    The same generator state gives the same words. White space at the ends goes, a full stop stays.
    """
    text = sentence.strip()
    for _ in range(_ATTEMPTS):
        said = text
        for step in (_swapped, _framed, _exchanged):
            said = _step(step, said, rng)
        if said != text:
            return said
    return text


_Step = Callable[[str, np.random.Generator], str]


def _step(step: _Step, text: str, rng: np.random.Generator) -> str:
    """`text` after a step, if it is taken and leaves the labels as they are."""
    if rng.random() >= _STEP_SHARE:
        return text
    body, stop = (text[:-1], ".") if text.endswith(".") else (text, "")
    changed = step(body, rng)
    if changed == body:
        return text
    said = changed[:1].upper() + changed[1:] + stop if text[:1].isupper() else changed + stop
    is_worse = len(_WRONG_ARTICLE.findall(said)) > len(_WRONG_ARTICLE.findall(text))
    return text if is_worse or labels_of(said) != labels_of(text) else said


def labels_of(text: str) -> frozenset[tuple[object, ...]]:
    """What the labeller reads in a sentence: vocabulary, observation, state and attributes."""
    return frozenset(
        (label.origin, label.observation, label.state, label.attributes)
        for labeller in _labellers()
        for label in labeller.label_sentence(text)
    )


@cache
def _labellers() -> tuple[Labeller, ...]:
    return tuple(Labeller.load(name) for name in vocabulary_names())


@cache
def _rules() -> _Compiled:
    rules = build(Rules, read_yaml(_FILE), str(_FILE))
    synonyms = {
        word: tuple(other for other in group if other != word) for group in rules.synonyms for word in group
    }
    longest_first = sorted(synonyms, key=len, reverse=True)
    return _Compiled(
        frames=tuple((_compiled(frame.when), frame.say) for frame in rules.frames),
        swaps=tuple(_compiled(swap) for swap in rules.swaps),
        synonyms=synonyms,
        any_synonym=re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE),
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    full = re.sub(r"(?<!\?P)<(\w+)>", lambda macro: _MACROS[macro[1]], pattern)
    return re.compile(full, re.IGNORECASE)


def _swapped(text: str, rng: np.random.Generator) -> str:
    """Two parts of the sentence in each other's place."""
    matches = [match for pattern in _rules().swaps if (match := pattern.fullmatch(text))]
    if not matches:
        return text
    parts = {"before": "", "after": ""} | matches[int(rng.integers(len(matches)))].groupdict()
    first, second = _uncapitalised(parts["first"]), parts["second"]
    return f"{parts['before']}{second}{parts['join']}{first}{parts['after']}"


def _framed(text: str, rng: np.random.Generator) -> str:
    """The sentence in another of its forms."""
    fitting = [(match, say) for form, say in _rules().frames if (match := form.fullmatch(text))]
    if not fitting:
        return text
    match, say = fitting[0]
    found = match.groupdict()
    what = _uncapitalised(found["what"])
    words = {"what": what, "be": found.get("be") or _verb(what), "how": (found.get("how") or "").lower()}
    form = say[int(rng.integers(len(say)))]
    for name, word in words.items():
        form = form.replace(f"<{name}>", word)
    return form


def _exchanged(text: str, rng: np.random.Generator) -> str:
    """Some words for others that mean the same."""

    def other(match: re.Match[str]) -> str:
        choices = _rules().synonyms[match[0].lower()]
        word = choices[int(rng.integers(len(choices)))]
        if rng.random() >= _STEP_SHARE:
            return match[0]
        return word[:1].upper() + word[1:] if match[0][:1].isupper() else word

    return _rules().any_synonym.sub(other, text)


def _uncapitalised(text: str) -> str:
    """`text` for the middle of a sentence: abbreviations keep their letters."""
    return text[:1].lower() + text[1:] if re.match(r"A |[A-Z][a-z]", text) else text


def _verb(what: str) -> str:
    """The verb that a thing takes, from the ending of the word before "or", "of" and the like.

    >>> _verb("nodules in the left lung"), _verb("pleural effusion or pneumothorax")
    ('are', 'is')
    """
    if re.search(r" and ", what):
        return "are"
    head = re.split(r",| (?:or|of|in|at|on|over|within|along|from|to) ", what)[0]
    return "are" if re.search(r"(?:[^sui]s|ae|opacities|densities|abnormalities)$", head) else "is"
