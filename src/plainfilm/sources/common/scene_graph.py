"""One scene graph of Chest ImaGenome: boxes of regions, what is said of each, and the sentences that say it.

    objects      bbox_name, original_x1, original_y1, original_x2, original_y2 (pixels of MIMIC-CXR's image)
    attributes   bbox_name, attributes (a list per sentence of "category|relation|name"), phrases

A relation is "yes" or "no"; where one sentence affirms a finding of a region and another denies it, "yes"
stands. Attributes also name regions without a box ("left chest wall"); those speak of the image alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError
from plainfilm.io.archives import read_bytes
from plainfilm.sources.base import number_of, sex_of, shown
from plainfilm.types import Box, Label, State

SUFFIX = "_SceneGraph.json"
ORIGIN = "imagenome"
_CORNERS = ("original_x1", "original_y1", "original_x2", "original_y2")
_RELATIONS = {"yes": State.POSITIVE, "no": State.NEGATIVE}

States = dict[tuple[str, str], State]
"""(category, name) → state, in the order they are first said."""


@dataclass
class SceneGraph:
    """What a graph says; `problems` are what of it cannot be used, in a person's words."""

    regions: dict[str, Box] = field(default_factory=dict)
    states: dict[str, States] = field(default_factory=dict)
    phrases: dict[str, list[str]] = field(default_factory=dict)
    sex: str | None = None
    problems: list[str] = field(default_factory=list)

    def boxes(self) -> Iterator[Box]:
        """The box of each region with what is said of it, then one for each of its sentences."""
        for name, box in self.regions.items():
            yield replace(box, labels=tuple(_labels(self.states.get(name, {}))))
        for name, box in self.regions.items():
            for phrase in dict.fromkeys(self.phrases.get(name, ())):
                yield replace(box, kind="phrase", phrase=phrase)

    def labels(self) -> Iterator[Label]:
        """What is said of any region, as said of the image."""
        whole: States = {}
        for states in self.states.values():
            for key, state in states.items():
                _say(whole, key, state)
        return _labels(whole)


def read_scene_graph(path: Path) -> SceneGraph:
    """The graph in a file.

    Raises:
        DataError: the file cannot be read or is no scene graph.
    """
    try:
        content = json.loads(read_bytes(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: is no scene graph (a JSON object with objects and attributes)")
    graph = SceneGraph(sex=sex_of(str(content.get("gender", ""))))
    for entry in _records(content, "objects"):
        _add_region(graph, entry)
    for entry in _records(content, "attributes"):
        _add_statements(graph, entry)
    return graph


def _records(content: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    entries = content.get(name)
    yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


def _add_region(graph: SceneGraph, entry: Mapping[str, Any]) -> None:
    name = str(entry.get("bbox_name") or "")
    corners = [number_of(str(entry.get(corner, ""))) for corner in _CORNERS]
    x0, y0, x1, y1 = (float("nan") if corner is None else corner for corner in corners)
    if not name or None in corners:
        graph.problems.append(f"object '{name}' has no name or not four corners {[*map(str, corners)]}")
        return
    if x1 <= x0 or y1 <= y0:
        graph.problems.append(f"box '{name}' ({x0:g}, {y0:g}, {x1:g}, {y1:g}) is inverted or has no area")
        return
    other = graph.regions.get(name)
    if other is not None:
        graph.problems.append(f"region '{name}' has two boxes, which are made one")
        x0, y0, x1, y1 = min(x0, other.x0), min(y0, other.y0), max(x1, other.x1), max(y1, other.y1)
    graph.regions[name] = Box(name, "region", x0, y0, x1, y1)


def _add_statements(graph: SceneGraph, entry: Mapping[str, Any]) -> None:
    region = str(entry.get("bbox_name") or entry.get("name") or "")
    states = graph.states.setdefault(region, {})
    for statement in _statements(entry.get("attributes")):
        category, relation, name = (*(part.strip() for part in statement.split("|", 2)), "", "")[:3]
        if category and name and relation in _RELATIONS:
            _say(states, (category, name), _RELATIONS[relation])
        else:
            graph.problems.append(
                f"attribute '{shown(statement)}' of '{region}' is not category|yes or no|name"
            )
    phrases = entry.get("phrases")
    sentences = (" ".join(str(phrase).split()) for phrase in phrases) if isinstance(phrases, list) else ()
    graph.phrases.setdefault(region, []).extend(sentence for sentence in sentences if sentence)


def _statements(attributes: Any) -> Iterator[str]:
    """The statements of every sentence."""
    for said in attributes if isinstance(attributes, list) else ():
        yield from (str(statement) for statement in (said if isinstance(said, list) else [said]))


def _say(states: States, key: tuple[str, str], state: State) -> None:
    if states.get(key) is not State.POSITIVE:
        states[key] = state


def _labels(states: States) -> Iterator[Label]:
    for (category, name), state in states.items():
        yield Label(name, state, f"{ORIGIN}/{category}")
