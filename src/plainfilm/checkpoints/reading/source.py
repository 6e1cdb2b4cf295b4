"""A checkpoint of a family from its files to a model of ours: the steps that all families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading.building import Filling
from plainfilm.checkpoints.reading.opened import CONFIG, Opened, below, open_weights, origin, read_settings
from plainfilm.checkpoints.reading.published_file import model_tensors
from plainfilm.checkpoints.reading.tensors import PublishedNames
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, TrainedOn, TrainingCollection
from plainfilm.models.base import Facts, KindConfig, TokenizerFacts
from plainfilm.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Source:
    """A checkpoint opened: its tensors by name, and what a model folder should say of it."""

    opened: Opened
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """How errors name it."""
        return str(self.opened.path)

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        return below(self.tensors, prefix)

    def has(self, prefix: str) -> bool:
        """Whether the name of any tensor begins with `prefix`."""
        return any(name.startswith(prefix) for name in self.tensors)

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Source:
        """The same with other tensors."""
        return replace(self, tensors=tensors)


def open_source(
    path: Path, family: str, roots: Sequence[str], config: CheckpointConfig, known: Mapping[str, str]
) -> Source:
    """The checkpoint at `path`. roots: what the names of its tensors begin with; known: hashes of published
    files by name (`opened.origin`).

    Raises:
        ModelError: no checkpoint, a damaged one, or one whose weights or settings ask for code.
    """
    opened = open_weights(path)
    if path.is_dir() and (path / CONFIG).is_file():
        read_settings(path / CONFIG)
    found = model_tensors(opened.content, roots, config.weights, str(path))
    facts = {"family": family, **origin(opened, known), "weights": found.weights}
    return Source(opened, found.tensors, facts, found.left_out)


@dataclass(frozen=True)
class Stated:
    """What a family says of its models.

    preprocessing: of films, as published. objective: by our names, as far as there is one. data: what it was
    trained on. text_rule: the part of a report that was read. prompts: how the authors ask for a finding.
    """

    preprocessing: Preprocessing
    objective: str | None = None
    data: tuple[str, ...] = ()
    text_rule: str | None = None
    prompts: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def imported(
    source: Source,
    architecture: KindConfig,
    names: PublishedNames,
    unused: Sequence[str],
    stated: Stated,
    *,
    observations: tuple[str, ...] = (),
    rows: tuple[int, int] | None = None,
    tokenizer: Callable[[], Tokenizer] | None = None,
) -> Imported:
    """The model of `source`, every tensor accounted for.

    names, unused: see `tensors.fill`. rows: of a model that reads texts, the tokens that it knows and the
    longest text; `tokenizer` is asked for only after the tensors have been found to fit.

    Raises:
        ModelError: tensors that do not fit, or a tokenizer that cannot be had.
    """
    read = {} if rows is None else {"text": TokenizerFacts(vocabulary_size=rows[0], max_tokens=rows[1])}
    facts = Facts(observations=observations, tokenizers=read)
    filling = Filling(source.tensors, names, unused, source.where)
    filling.check(architecture, facts)
    tokenizers = {} if tokenizer is None else {"text": tokenizer()}
    model, left = filling.build(architecture, facts)
    prompts = {} if stated.prompts is None else {"prompts": stated.prompts}
    recipe: dict[str, Any] = {"imported": {**source.facts, **prompts, **stated.more}}
    if stated.objective is not None:
        recipe["objective"] = {"use": stated.objective}
    settings = ModelConfig(
        architecture=architecture,
        preprocessing=stated.preprocessing,
        trained_on=None if stated.text_rule is None else TrainedOn(text_rule=stated.text_rule),
        collections=tuple(
            TrainingCollection(name=name, fingerprint="none, named by its authors") for name in stated.data
        ),
        recipe=recipe,
    )
    return Imported(model, tokenizers, settings, (*left, *source.left_out))


def refuse(source: Source, reason: str, **options: object) -> None:
    """Refuses options that have no meaning for a checkpoint.

    Raises:
        ModelError: one of `options` is set.
    """
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None:
        raise ModelError(f"{source.where}: leave out {given}, {reason}")
