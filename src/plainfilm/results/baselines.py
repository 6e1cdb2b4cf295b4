"""The trivial answers that scores are compared with: each has one name and one colour everywhere."""

from __future__ import annotations

from dataclasses import dataclass

_GREY, _AMBER, _BROWN, _PURPLE, _BLUE, _PINK, _INK = (
    *("#7d8796", "#b8801f", "#a3552b", "#8e6bb0", "#4a86c5", "#c2588f", "#5a6472"),
)
"""Colours that stand out from white and from the dark background of a page, and from the model's."""


@dataclass(frozen=True)
class Baseline:
    """A trivial answer: what tables and legends call it, what it is in a sentence, and its colour."""

    title: str
    phrase: str
    colour: str


_KNOWN = {
    "random": Baseline("random", "a random answer", _GREY),
    "random_boxes": Baseline("random boxes", "boxes at random places", _GREY),
    "most_frequent": Baseline("most frequent", "always giving the most frequent answers", _AMBER),
    "prior_boxes": Baseline("prior boxes", "the mean box of the class on every film", _AMBER),
    "box_prior": Baseline("box prior", "the class that is usual at the place of the box", _BLUE),
    "majority": Baseline("majority", "always the commoner answer", _AMBER),
    "prevalence": Baseline("prevalence", "how often there is a finding, without the film", _BROWN),
    "prior_only": Baseline("prior only", "what is usual, without the film", _BROWN),
    "untrained": Baseline("untrained", "the same model with random weights", _PURPLE),
    "view_only": Baseline("view only", "what the view of the film alone tells", _PINK),
    "blank_film": Baseline("blank film", "the same model without the film", _PURPLE),
    "whole_film": Baseline("whole film", "the same model, asked about the whole film", _PURPLE),
    "nearest": Baseline("nearest", "the report of the most similar training study", _BLUE),
    "no_change": Baseline("no change", "answers that do not change", _GREY),
}


def baseline(name: str) -> Baseline:
    """What is shown of the baseline `name`, one of a user's own task too.

    >>> baseline("most_frequent").title, baseline("my_rule").title
    ('most frequent', 'my rule')
    """
    title = name.replace("_", " ")
    return _KNOWN.get(name, Baseline(title, f"the baseline '{title}'", _INK))
