"""The classes that a detection task asks for, and the prompts that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from plainfilm.batches.prompted_boxes import prompt_of
from plainfilm.config import read_yaml
from plainfilm.errors import UsageError, nearest
from plainfilm.sources.common.vindr_classes import vindr_classes

Wording = Literal["names", "chex"]
"""The words of prompts: the names of classes, as in training, or those that ChEX was published with."""


@dataclass(frozen=True)
class ClassList:
    """C classes; `prompts` ask for them, in their order."""

    name: str
    classes: tuple[str, ...]
    prompts: tuple[str, ...]

    @property
    def denials(self) -> tuple[str, ...]:
        """A sentence that denies each class."""
        return tuple(denial_of(prompt) for prompt in self.prompts)


def denial_of(prompt: str) -> str:
    """A sentence that denies what a prompt names.

    >>> denial_of("Pleural effusion")
    'No pleural effusion'
    """
    return f"No {prompt[:1].lower()}{prompt[1:]}"


@cache
def _stated() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).with_name("classes.yaml")))


def class_lists() -> dict[str, tuple[str, ...]]:
    """The published lists by name."""
    stated = _stated()
    return {
        "vindr15": vindr_classes().sets["chex"],
        "nih8": tuple(stated["nih8"]),
        "mscxr": tuple(stated["mscxr"]),
    }


def class_list(wanted: str | Sequence[str], present: Iterable[str], wording: Wording = "names") -> ClassList:
    """The classes to ask for.

    wanted: the name of a list, names of classes, or "auto": the published list that has most of the names of
    boxes `present`, or those names themselves where no list has half of them.

    Raises:
        UsageError: an unknown list.
    """
    known, names = class_lists(), sorted(set(present))
    if not isinstance(wanted, str):
        return ClassList("own", tuple(wanted), tuple(map(prompt_of, wanted)))
    if wanted == "auto":
        shared = {name: len(set(classes) & set(names)) for name, classes in known.items()}
        wanted = max(shared, key=lambda name: (shared[name], -len(known[name])))
        if 2 * shared[wanted] < len(names):
            return ClassList("boxes", tuple(names), tuple(map(prompt_of, names)))
    if wanted not in known:
        raise UsageError(f"classes: unknown list '{wanted}': {nearest(wanted, [*known, 'auto'])}")
    own = _stated()["chex_prompts"][wanted] if wording == "chex" else {}
    classes = known[wanted]
    return ClassList(wanted, classes, tuple(own.get(name, prompt_of(name)) for name in classes))
