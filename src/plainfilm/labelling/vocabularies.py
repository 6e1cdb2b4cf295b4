"""The observations and how they are written: vocabularies as data (YAML files beside this one).

`CHEXPERT_OBSERVATIONS` are the 14 classes of CheXpert in the published order; `FIVE` are those of its
competition (Irvin et al. 2019, arXiv:1901.07031).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from plainfilm.config import Settings, build, read_yaml
from plainfilm.errors import ConfigError, nearest

NO_FINDING = "No Finding"
SUPPORT_DEVICES = "Support Devices"

CHEXPERT_OBSERVATIONS: tuple[str, ...] = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    SUPPORT_DEVICES,
)

FIVE: tuple[str, ...] = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")

_FOLDER = Path(__file__).parent
_FILES = (".yaml", ".yml")
_NOT_VOCABULARIES = ("attributes", "chinese", "context", "english", "languages", "scopes", "spelling")


class Wording(Settings):
    """How one observation is written; the fields are explained in `chexpert.yaml`."""

    present: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Aggregation(Settings):
    """How many statements become one state, as CheXpert published it; each oddity can be switched.

    uncertain_over_positive: {uncertain, negative} make an observation uncertain even beside a positive one.
    empty_is_normal: text in which nothing is recognised is "No Finding".
    """

    uncertain_over_positive: bool = True
    empty_is_normal: bool = False


class Vocabulary(Settings):
    """A named list of observations with their wordings, in order.

    `neutral` are cues of `context.yaml` that say nothing in this vocabulary. `likely` is what words such as
    "probable" and "or" make of a finding.
    """

    name: str
    version: int = Field(ge=1)
    neutral: tuple[str, ...] = ()
    likely: Literal["positive", "uncertain"] = "uncertain"
    aggregation: Aggregation = Aggregation()
    observations: dict[str, Wording] = Field(min_length=1)

    def phrases(self) -> Iterator[str]:
        """All phrases of all observations."""
        for wording in self.observations.values():
            for written in (
                wording.present,
                wording.possible,
                wording.absent,
                wording.other,
                wording.exclude,
            ):
                yield from written


def vocabulary_names() -> list[str]:
    """The vocabularies that come with the package."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml") if file.stem not in _NOT_VOCABULARIES)


def placed_vocabulary(name: str) -> str:
    """`name` as another process can read it, whose working folder may differ: a file by its whole path."""
    return str(Path(name).absolute()) if Path(name).suffix in _FILES else name


def load_vocabulary(name: str) -> Vocabulary:
    """The vocabulary called `name`, or the one in the YAML file at that path.

    Raises:
        ConfigError: no such vocabulary (with the nearest name), or a file that is not one.
    """
    path = Path(name)
    if path.suffix not in _FILES:
        if name not in vocabulary_names():
            raise ConfigError(f"unknown vocabulary '{name}': {nearest(name, vocabulary_names())}")
        path = _FOLDER / f"{name}.yaml"
    return build(Vocabulary, read_yaml(path), str(path))
