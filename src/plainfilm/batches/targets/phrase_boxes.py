"""The phrases of the report with boxes on every image (MS-CXR), as prompts.

A phrase that names one side, of a class whose boxes all lie on one side, is asked with the other side too,
where there is nothing. A sentence of the report that denies findings and affirms none is asked as well, where
sentences are labelled (`plainfilm label`), and nothing is found for it. Other sentences without a box are no
prompts: a box may be missing for reasons other than that there is nothing. Sentences about regions of anatomy
(Chest ImaGenome) are read by `region_sentences`.
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
from plainfilm.batches.targets.base import TargetSource
from plainfilm.collection import Collection
from plainfilm.collection.sentence_labels import denying_sentences
from plainfilm.text.laterality import mirrored, sides_of

TOKENIZER = "text"
MOST_PROMPTS = 10
"""Prompts of an image in training."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the phrases of every item."""
    boxes = [phrases_by_image(collection) for collection in source.collections]
    of_one_side = [_of_one_side(collection) for collection in source.collections]
    denials = [denying_sentences(collection) for collection in source.collections]
    studies = [collection.table("images")["study_id"].to_pylist() for collection in source.collections]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        found = boxes[place].get(row, {})
        other = {mirrored(phrase) for phrase in found if phrase in of_one_side[place].get(row, ())}
        absent = [*sorted(other), *denials[place].get(studies[place][row], ())]
        return [
            *sorted(found.items()),
            *((text, NO_BOXES) for text in dict.fromkeys(absent) if text not in found),
        ]

    rows = source.rows
    return PromptedBoxesReader(
        prompts_of,
        rows.source,
        rows.images_of,
        source.tokenizers[TOKENIZER],
        source.most("phrase_boxes", MOST_PROMPTS),
        {text for one in denials for own in one.values() for text in own},
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
    """Every phrase with a box, and every sentence that denies, for training a tokenizer."""
    for collection in source.collections:
        for denials in denying_sentences(collection).values():
            yield from denials
        for named in phrases_by_image(collection).values():
            for phrase in named:
                yield from (phrase, mirrored(phrase))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Phrases of a few tokens."""
    return example_prompts(items)
