"""The phrases of the report with boxes on every image (MS-CXR), as prompts.

A phrase that names one side, of a class whose boxes all lie on one side, is asked with the other side too,
where there is nothing. Sentences about regions of anatomy (Chest ImaGenome) are read by `region_sentences`.

Where sentences are labelled (`plainfilm label`), other sentences of the report are asked as well: those that
affirm a finding are true of the film, but nobody says where, and with the other side there is nothing, if no
other sentence affirms the finding elsewhere; for those that deny, and affirm nothing, nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.prompted_boxes import (
    NO_BOXES,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    example_prompts,
    findings_by_image,
    of_sides,
    phrases_by_image,
    phrases_of_classes,
)
from plainfilm.batches.report_sentences import everything
from plainfilm.batches.targets.base import TargetSource
from plainfilm.collection import Collection
from plainfilm.collection.sentence_labels import StatedSentences
from plainfilm.text.laterality import mirrored, sides_of

REQUIRES, TOKENIZER = "text", "text"
MOST_PROMPTS = 10
"""Prompts of an image in training."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the phrases of every item."""
    boxes = [phrases_by_image(collection) for collection in source.collections]
    of_one_side = [_of_one_side(collection) for collection in source.collections]
    stated = [StatedSentences(collection) for collection in source.collections]
    rows = source.rows

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        found = boxes[place].get(row, {})
        other = {mirrored(phrase) for phrase in found if phrase in of_one_side[place].get(row, ())}
        report = rows.sentences_of(item)
        said = {text: sided for text, sided in stated[place].affirming(report).items() if text not in found}
        other |= {mirrored(text) for text, one_sided in said.items() if one_sided}
        absent = dict.fromkeys([*sorted(other), *stated[place].denying(report)])
        return [
            *sorted(found.items()),
            *((text, None) for text in said),
            *((text, NO_BOXES) for text in absent if text not in found and text not in said),
        ]

    items = range(len(rows))
    return PromptedBoxesReader(
        prompts_of,
        rows.source,
        rows.images_of,
        source.tokenizers[TOKENIZER],
        source.most("phrase_boxes", MOST_PROMPTS),
        {text for item in items for text in stated[rows.source[item]].denying(rows.sentences_of(item))},
    )


def _of_one_side(collection: Collection) -> dict[int, set[str]]:
    """By row of an image the phrases that name one side, of classes whose boxes all lie on one."""
    named = phrases_of_classes(collection)
    widths = collection.table("images")["width"].to_pylist()
    found: dict[int, set[str]] = {}
    for row, boxes in findings_by_image(collection).items():
        # Of two prompts for either side one has no box, if all lie on the other.
        one_sided = {
            name
            for name in boxes
            if any(not len(own) for _, own in of_sides({name: boxes[name]}, widths[row]))
        }
        phrases = named.get(row, {})
        found[row] = {
            phrase for phrase, names in phrases.items() if len(sides_of(phrase)) == 1 and names <= one_sided
        }
    return found


def texts(source: TargetSource) -> Iterator[str]:
    """Every phrase with a box and every sentence of every item, for training a tokenizer."""
    yield from everything(source)
    for collection in source.collections:
        for named in phrases_by_image(collection).values():
            for phrase in named:
                yield from (phrase, mirrored(phrase))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Phrases of a few tokens."""
    return example_prompts(items)
