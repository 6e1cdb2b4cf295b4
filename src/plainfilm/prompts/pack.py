"""A prompt pack: sentences that state, deny or suspect each observation, and reports made from them.

Training on label tables needs text (CXR-CLIP, arXiv:2310.13292, section 3.1): each label becomes a sentence
drawn from a pack, and the sentences of a film become its report. Zero-shot scoring uses the same sentences as
classes. The `fingerprint` is part of the identity of anything made with a pack.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plainfilm.errors import ConfigError, DataError, nearest
from plainfilm.prompts.grammar import expand
from plainfilm.prompts.pack_file import STATES, Entry, PackFile, pack_path, read_pack_file
from plainfilm.seeding import generator
from plainfilm.types import State

FEWEST_NEGATIVES = 3
"""Number of denied observations in a report that would otherwise be empty."""

_STRENGTH = (State.NEGATIVE, State.UNCERTAIN, State.POSITIVE)


class Prompts(NamedTuple):
    """The ensemble of one class: positive prompts, and negative ones if the pack has any."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True)
class PromptPack:
    """Sentences by observation and state.

    `observations` are in the order of the file, `sets` are named lists of them, `implied` lists observations
    that a statement of another implies, and `normal` is the observation of a film without findings, if any.
    """

    name: str
    version: int
    language: str
    observations: tuple[str, ...]
    by_state: Mapping[tuple[str, State], tuple[str, ...]]
    aliases: Mapping[str, str]
    sets: Mapping[str, tuple[str, ...]]
    implied: Mapping[str, tuple[str, ...]]
    normal: str | None = None

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest, in hexadecimal, of all sentences and their places."""
        listed = [
            [observation, [self.sentences(observation, state) for state in STATES.values()]]
            for observation in self.observations
        ]
        text = json.dumps([self.language, listed], ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def observation(self, name: str) -> str:
        """The pack's own name of an observation, given that name or an alias.

        Raises:
            ConfigError: the pack has no such observation; the message has the nearest name.
        """
        own = self.aliases.get(name, name)
        if own not in self.observations:
            raise ConfigError(
                f"prompt pack '{self.name}' has no observation '{name}': {nearest(name, self.observations)}"
            )
        return own

    def knows(self, name: str) -> bool:
        """Whether `name` is an observation of the pack, or an alias of one."""
        return self.aliases.get(name, name) in self.observations

    def sentences(self, observation: str, state: State) -> tuple[str, ...]:
        """The sentences that give `observation` this state; empty if the pack has none.

        Raises:
            ConfigError: the pack has no such observation.
        """
        return self.by_state.get((self.observation(observation), state), ())

    def zero_shot(self, observation: str) -> Prompts:
        """The prompt ensembles for `observation`.

        Raises:
            ConfigError: the pack has no such observation.
        """
        return Prompts(
            self.sentences(observation, State.POSITIVE), self.sentences(observation, State.NEGATIVE)
        )

    def all_zero_shot(self) -> dict[str, Prompts]:
        """The prompt ensembles of every observation that has positive prompts."""
        ensembles = {name: self.zero_shot(name) for name in self.observations}
        return {name: prompts for name, prompts in ensembles.items() if prompts.positive}

    def report(
        self,
        states: Mapping[str, State],
        rng: np.random.Generator,
        negatives: int = 0,
        known_absent: Collection[str] = (),
        sentences: int | None = None,
    ) -> str:
        """One drawn sentence for each state, and for `negatives` drawn from `known_absent`, in random order.

        With `sentences`, that many of them are drawn, so that the length of texts does not depend on the
        number of findings.

        `states` are the states to report. `known_absent` are observations known to be absent, such as the
        classes of ChestX-ray14 that a row does not list; names in `states`, or implied by a positive one, are
        not drawn. Fewer are drawn if there are fewer. If all observations of the pack, or of a set with
        `normal` in it, are negative or absent, `normal` is stated. If the report would be empty,
        `FEWEST_NEGATIVES` are denied.

        Raises:
            ConfigError: an observation that the pack does not have, or `negatives` below 0.
            DataError: the pack has no sentence for the film (see `covers`).
        """
        chosen = self._statements(states, negatives, known_absent, rng)
        drawn = [pool[int(rng.integers(len(pool)))] for pool in chosen]
        return self._joined([drawn[place] for place in rng.permutation(len(drawn))[:sentences]])

    def fixed(
        self,
        states: Mapping[str, State],
        negatives: int = 0,
        known_absent: Collection[str] = (),
        key: object = "",
    ) -> str:
        """The report for validation: the first sentence of each, in the order of the pack.

        Negatives are drawn as in `report`, by a generator seeded with the pack, the states and `key` (for
        example, the study's id): the same in every run.

        Raises:
            ConfigError, DataError: as for `report`.
        """
        stated = sorted((self.observation(name), int(state)) for name, state in states.items())
        rng = generator("prompt pack", self.name, key, stated)
        return self._joined([pool[0] for pool in self._statements(states, negatives, known_absent, rng)])

    def covers(self, states: Mapping[str, State], known_absent: Collection[str] = ()) -> bool:
        """Whether `report` has a sentence for a film; otherwise its row of a table is to be left out."""
        absent = self._deniable({}, known_absent)
        return bool(absent) or any(self._plain(self._resolved(states)))

    def _statements(
        self,
        states: Mapping[str, State],
        negatives: int,
        known_absent: Collection[str],
        rng: np.random.Generator,
    ) -> list[tuple[str, ...]]:
        """The groups of sentences, of which each contributes one, in the order of the pack."""
        if negatives < 0:
            raise ConfigError(f"{negatives} negatives: the number of denied observations is 0 or more")
        resolved = self._resolved(states)
        absent = self._deniable(resolved, known_absent)
        if self.normal is not None and self._is_normal(resolved, known_absent):
            resolved[self.normal] = State.POSITIVE
        elif not any(self._plain(resolved)):
            negatives = max(negatives, FEWEST_NEGATIVES)
        drawn = rng.permutation(len(absent))[:negatives]
        resolved |= {absent[place]: State.NEGATIVE for place in drawn}
        statements = list(self._plain(resolved))
        if not statements:
            raise DataError(f"prompt pack '{self.name}' has no sentence for {_written(states)}")
        return statements

    def _plain(self, resolved: Mapping[str, State]) -> Iterator[tuple[str, ...]]:
        """The sentences of each state that has any, in the order of the pack."""
        for observation in self.observations:
            state = resolved.get(observation)
            if state is not None and (pool := self.by_state.get((observation, state), ())):
                yield pool

    def _resolved(self, states: Mapping[str, State]) -> dict[str, State]:
        """`states` under the pack's names; of two for one observation the stronger one."""
        resolved: dict[str, State] = {}
        for name, state in states.items():
            own = self.observation(name)
            resolved[own] = max(resolved.get(own, state), state, key=_STRENGTH.index)
        return resolved

    def _is_normal(self, resolved: Mapping[str, State], known_absent: Collection[str]) -> bool:
        """Whether all observations of the pack, or of a set with `normal` in it, are negative or absent."""
        if self.normal in resolved or any(state != State.NEGATIVE for state in resolved.values()):
            return False
        denied = set(resolved) | {self.observation(name) for name in known_absent} | {self.normal}
        whole = [names for names in self.sets.values() if self.normal in names]
        return any(denied.issuperset(names) for names in (self.observations, *whole))

    def _deniable(self, resolved: Mapping[str, State], known_absent: Collection[str]) -> list[str]:
        """The observations of `known_absent` that a report may deny, in the order of the pack."""
        named = set(resolved) | {self.normal}
        for observation, state in resolved.items():
            if state != State.NEGATIVE:
                named.update(self.implied.get(observation, ()))
        absent = {self.observation(name) for name in known_absent} - named
        return [
            name for name in self.observations if name in absent and (name, State.NEGATIVE) in self.by_state
        ]

    def _joined(self, sentences: Iterable[str]) -> str:
        """The sentences as one text; Chinese has no space between them."""
        return ("" if self.language.startswith("zh") else " ").join(sentences)


def _written(states: Mapping[str, State]) -> str:
    listed = ", ".join(f"{name} {state.name.lower()}" for name, state in states.items())
    return listed or "a film without known states"


def load_pack(name: str | Path) -> PromptPack:
    """Load the prompt pack called `name`, or the one in the YAML or JSON file at that path.

    Raises:
        ConfigError: no such pack (with the nearest name), or a file that is not one; names the entry.
    """
    path = pack_path(name)
    return _expanded(read_pack_file(path), path)


def _expanded(file: PackFile, path: Path) -> PromptPack:
    for name, meant in file.aliases.items():
        _require(file, meant, f"{path}: alias '{name}'")
    for name, members in (*file.sets.items(), ("normal", (file.normal,) if file.normal else ())):
        for member in members:
            _require(file, member, f"{path}: '{name}'")
    by_state: dict[tuple[str, State], tuple[str, ...]] = {}
    for observation, entry in file.observations.items():
        for member in entry.implies:
            _require(file, member, f"{path}: '{observation}' implies")
        for key, state in STATES.items():
            if sentences := _sentences(file, observation, entry, key, path):
                by_state[observation, state] = sentences
    return PromptPack(
        name=file.name,
        version=file.version,
        language=file.language,
        observations=tuple(file.observations),
        by_state=by_state,
        aliases=file.aliases,
        sets=file.sets,
        implied={name: entry.implies for name, entry in file.observations.items() if entry.implies},
        normal=file.normal,
    )


def _require(file: PackFile, observation: str, where: str) -> None:
    if observation not in file.observations:
        raise ConfigError(f"{where} names '{observation}': {nearest(observation, file.observations)}")


def _sentences(file: PackFile, observation: str, entry: Entry, key: str, path: Path) -> tuple[str, ...]:
    words = {**file.words, **entry.words}
    sentences: dict[str, None] = {}
    for pattern in entry.patterns(key):
        try:
            expanded = expand(pattern, words)
        except ConfigError as error:
            raise ConfigError(f"{path}: {observation}, {key}: {error}") from None
        if "" in expanded:
            raise ConfigError(f"{path}: {observation}, {key}: a sentence is blank; leave it out")
        sentences |= dict.fromkeys(expanded)
    return tuple(sentences)
