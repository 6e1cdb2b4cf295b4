"""Paraphrases a sentence of a report without changing its labels.

The rules are data (`paraphrase.yaml`): parts to swap, frames (there is / is seen / the film shows), synonyms.
The labeller checks every step with both shipped vocabularies; a step that changes an observation, its state,
or its side, place, severity or change is undone. So text augmentation needs no translation model, and cannot
teach a model that "no effusion" means an effusion.
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
"""Probability of each possible step, and of replacing a synonym."""

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
    """A form of a whole sentence, and its alternatives."""

    when: str
    say: tuple[str, ...]


class Rules(Settings):
    """The contents of `paraphrase.yaml`, which explains its keys."""

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
    """A paraphrase of `sentence` with the same labels; the sentence itself if the rules have none.

    The same generator state gives the same words. White space at the ends is removed, a full stop is kept.
    """
    text = sentence.strip()
    for _ in range(_ATTEMPTS):
        paraphrased = text
        for step in (_swapped, _framed, _exchanged):
            paraphrased = _step(step, paraphrased, rng)
        if paraphrased != text:
            return paraphrased
    return text


_Step = Callable[[str, np.random.Generator], str]


def _step(step: _Step, text: str, rng: np.random.Generator) -> str:
    """`text` after a step, if the step is drawn and keeps the labels."""
    if rng.random() >= _STEP_SHARE:
        return text
    body, stop = (text[:-1], ".") if text.endswith(".") else (text, "")
    changed = step(body, rng)
    if changed == body:
        return text
    paraphrased = changed[:1].upper() + changed[1:] + stop if text[:1].isupper() else changed + stop
    is_worse = len(_WRONG_ARTICLE.findall(paraphrased)) > len(_WRONG_ARTICLE.findall(text))
    return text if is_worse or labels_of(paraphrased) != labels_of(text) else paraphrased


def labels_of(text: str) -> frozenset[tuple[object, ...]]:
    """The labels of a sentence: vocabulary, observation, state and attributes."""
    return frozenset(
        (label.origin, label.observation, label.state, label.attributes)
        for labeller in map(Labeller.load, vocabulary_names())
        for label in labeller.label_sentence(text)
    )


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
    """The sentence with two parts swapped."""
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
    groups = match.groupdict()
    what = _uncapitalised(groups["what"])
    words = {"what": what, "be": groups.get("be") or _verb(what), "how": (groups.get("how") or "").lower()}
    form = say[int(rng.integers(len(say)))]
    for name, word in words.items():
        form = form.replace(f"<{name}>", word)
    return form


def _exchanged(text: str, rng: np.random.Generator) -> str:
    """The sentence with some words replaced by synonyms."""

    def other(match: re.Match[str]) -> str:
        choices = _rules().synonyms[match[0].lower()]
        word = choices[int(rng.integers(len(choices)))]
        if rng.random() >= _STEP_SHARE:
            return match[0]
        return word[:1].upper() + word[1:] if match[0][:1].isupper() else word

    return _rules().any_synonym.sub(other, text)


def _uncapitalised(text: str) -> str:
    """`text` for the middle of a sentence: abbreviations keep their capitals."""
    return text[:1].lower() + text[1:] if re.match(r"A |[A-Z][a-z]", text) else text


def _verb(what: str) -> str:
    """The verb for a subject, from the ending of the word before "or", "of" and the like.

    >>> _verb("nodules in the left lung"), _verb("pleural effusion or pneumothorax")
    ('are', 'is')
    """
    if re.search(r" and ", what):
        return "are"
    head = re.split(r",| (?:or|of|in|at|on|over|within|along|from|to) ", what)[0]
    return "are" if re.search(r"(?:[^sui]s|ae|opacities|densities|abnormalities)$", head) else "is"
