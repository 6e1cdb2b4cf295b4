"""What there is to repeat of a paper: one YAML file each in `papers/`, its name is the paper's.

    title, citation         of the paper
    sources                 where a value was read, by a short name
    models                  weights to import, or recipes to train, by name
    corpora                 what is prepared, by name; where to get each says `download.corpus_index`
    evaluations             a task or a fine-tuning on a corpus, with its published values
    phantom                 what takes the place of weights and corpora with `--phantom`

A published value has a source that was opened, with table; one that nobody read is `null`, with the reason.
`differs` says where our protocol is not that of the paper, `not_comparable` why a verdict would say nothing.
Adding a paper is adding a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from plainfilm.config import Settings, build, read_yaml
from plainfilm.errors import UsageError, nearest

FOLDER = Path(__file__).parent / "papers"


class Source(Settings):
    """A page at an `address`, or a file at `path` of a `repository` in the state of `commit`. secondary:
    somebody else quotes the paper here; the paper itself was not read."""

    title: str
    address: str | None = Field(default=None, pattern=r"^https://\S+$")
    repository: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    path: str | None = None
    commit: str | None = Field(default=None, pattern=r"^[0-9a-f]{7,40}$")
    secondary: bool = False

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        stated = [part is not None for part in (self.repository, self.path, self.commit)]
        if any(stated) != all(stated) or not (self.address or any(stated)):
            raise ValueError("give an address, or repository, path and commit")
        return self

    @property
    def link(self) -> str:
        """Its address."""
        return self.address or f"https://github.com/{self.repository}/blob/{self.commit}/{self.path}"

    @property
    def place(self) -> str:
        """Where it is, for a table: the file with its commit, or the address."""
        if self.repository is None:
            return str(self.address)
        return f"{self.repository}/{self.path} at {str(self.commit)[:7]}"


class Companion(Settings):
    """A file or folder that an import needs beside the weights, as the option of this name. automatic: the
    import fetches it by itself where it is not given."""

    file: str
    origin: str
    automatic: bool = False


class ModelEntry(Settings):
    """Published weights, or a model to train.

    family, file, origin, options, companions: the importer, the published name of the file (a pattern), where
    to get it, what the importer is told, and further files. recipe, data, overrides: what is trained, on
    which corpora, with which changes.
    """

    family: str | None = None
    file: str | None = None
    origin: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    companions: dict[str, Companion] = Field(default_factory=dict)
    recipe: str | None = None
    data: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.family is None) == (self.recipe is None):
            raise ValueError("give a family of weights, or a recipe to train")
        if self.family is not None and (self.file is None or self.origin is None):
            raise ValueError("weights need a file and an origin")
        if self.recipe is not None and not self.data:
            raise ValueError("a recipe needs the corpora it is trained on, as data")
        return self


class CorpusEntry(Settings):
    """A corpus as `plainfilm prepare SOURCE` makes it: options and size; label: with findings of its reports
    by `plainfilm label`, in this vocabulary."""

    source: str
    options: dict[str, Any] = Field(default_factory=dict)
    size: int = Field(default=512, ge=16)
    label: str | None = None
    note: str = ""


class FineTuning(Settings):
    """`plainfilm finetune` from the model, on fractions of the labels."""

    recipe: str
    fractions: tuple[float, ...] = (1.0,)
    repeats: int = Field(default=1, ge=1)
    overrides: tuple[str, ...] = ()


class PublishedValue(Settings):
    """A published value, or `null` with the reason.

    what: for readers. metric: ours of the same definition; `None` where there is none. models: those it is
    of, by default all of the evaluation. fraction: of a fine-tuning. scale: published = scale x ours. spread:
    what the paper prints behind "±".
    """

    what: str
    metric: str | None = None
    models: tuple[str, ...] = ()
    fraction: float | None = None
    value: float | None = None
    spread: float | None = None
    scale: float = Field(default=100.0, gt=0)
    table: str | None = None
    source: str | None = None
    reason: str | None = None
    not_comparable: str | None = None

    @model_validator(mode="after")
    def _says_where_it_is_from(self) -> Self:
        if self.value is not None and not (self.table and self.source):
            raise ValueError("a value needs the table and the source that it was read in")
        if self.value is None and not self.reason:
            raise ValueError("without a value, say the reason")
        if self.metric is None and not self.not_comparable:
            raise ValueError("without a metric of ours, say in not_comparable why")
        return self


class Evaluation(Settings):
    """A task of the models on a corpus with options, or a fine-tuning that ends in one."""

    title: str
    corpus: str
    task: str
    options: dict[str, Any] = Field(default_factory=dict)
    finetune: FineTuning | None = None
    models: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    not_comparable: str | None = None
    values: tuple[PublishedValue, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fractions_are_fine_tuned(self) -> Self:
        fractions = self.finetune.fractions if self.finetune else ()
        for value in self.values:
            if (value.fraction is not None) != bool(fractions):
                raise ValueError(
                    f"'{value.what}': a fraction belongs to a fine-tuning, and to each value of one"
                )
            if value.fraction is not None and value.fraction not in fractions:
                raise ValueError(f"'{value.what}': fraction {value.fraction:g} is not fine-tuned on")
        return self


class PhantomEntry(Settings):
    """The scaled-down run: studies of each corpus (the longer side of films has `size` pixels), and, in place
    of weights, the model that comes with Plainfilm or a small recipe with `overrides`, trained on `data`.
    finetune: changes to the recipe of every fine-tuning. corpora: options of corpora that phantoms need
    otherwise. lacks: evaluations that phantoms have nothing for, with the reason.
    """

    studies: int = Field(default=60, ge=2)
    size: int = Field(default=96, ge=32)
    model: Literal["nano"] | None = "nano"
    recipe: str | None = None
    data: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    finetune: tuple[str, ...] = ()
    corpora: dict[str, dict[str, Any]] = Field(default_factory=dict)
    lacks: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_one_model(self) -> Self:
        if (self.model is None) == (self.recipe is None):
            raise ValueError("give a model, or `model: null` and a recipe")
        return self


class Paper(Settings):
    """A manifest."""

    title: str
    citation: str
    links: tuple[str, ...] = Field(min_length=1)
    about: str
    sources: dict[str, Source] = Field(default_factory=dict)
    models: dict[str, ModelEntry]
    corpora: dict[str, CorpusEntry]
    evaluations: dict[str, Evaluation]
    phantom: PhantomEntry = PhantomEntry()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        trained = [name for model in self.models.values() for name in model.data]
        self._known("corpus", [*trained, *self.phantom.data, *self.phantom.corpora], self.corpora)
        self._known("evaluation", self.phantom.lacks, self.evaluations)
        for evaluation in self.evaluations.values():
            values = evaluation.values
            self._known("corpus", [evaluation.corpus], self.corpora)
            named = [name for value in values for name in value.models]
            self._known("model", [*evaluation.models, *named], self.models)
            self._known("source", [value.source for value in values if value.source], self.sources)
        return self

    @staticmethod
    def _known(what: str, names: Iterable[str], known: Mapping[str, object]) -> None:
        for name in names:
            if name not in known:
                raise ValueError(f"no {what} '{name}': {nearest(name, known)}")

    def models_of(self, evaluation: Evaluation) -> tuple[str, ...]:
        """The models that an evaluation is of."""
        return evaluation.models or tuple(self.models)

    @property
    def weights(self) -> dict[str, ModelEntry]:
        """The models that are imported."""
        return {name: model for name, model in self.models.items() if model.family is not None}

    @property
    def values(self) -> list[PublishedValue]:
        """All published values, read or not."""
        return [value for evaluation in self.evaluations.values() for value in evaluation.values]


def papers() -> list[str]:
    """The names of all papers."""
    return sorted(file.stem.replace("_", "-") for file in FOLDER.glob("*.yaml"))


def paper(name: str) -> Paper:
    """The manifest called `name`.

    Raises:
        UsageError: there is none; the message has the nearest name.
        ConfigError: the file is not a manifest.
    """
    if name.replace("_", "-") not in papers():
        raise UsageError(f"no paper '{name}': {nearest(name, papers())}; plainfilm reproduce lists all")
    file = FOLDER / f"{name.replace('-', '_')}.yaml"
    return build(Paper, read_yaml(file), str(file))
