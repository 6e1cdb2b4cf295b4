"""The `data` part of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plainfilm.config import Settings
from plainfilm.errors import nearest
from plainfilm.prompts import load_pack
from plainfilm.text.rules import TEXT_RULES
from plainfilm.types import View


class DataConfig(Settings):
    """The `data` part of a recipe: what an item is and how it is drawn.

    text: the rule that says which sections are read. sentences: how many sentences are drawn per item, of a
    report or of what its labels give, without replacement and in random order; `None` reads the whole text.
    min_letters: a shorter "sentence" (a number, a placeholder) is not one. item: "image" makes one item of
    every film, "study" one of every study. views: films of other views are left out; `None` takes all.
    augment: `False` shows films in training as in evaluation; crop_area, rotation, flip, clahe, brightness
    and contrast then do nothing. cache_features: what a frozen image encoder makes of films that are not
    augmented is computed once and kept on disk (`training.frozen_features`).
    crop_area, rotation, clahe, brightness, contrast: see `batches.transforms`. flip: how often the films of
    an item are mirrored, and left and right in its words with them; never by default, as the heart then
    lies on the other side. max_films: at most so many films of a study, for objectives that read all.
    cache: shortest side of the decoded pixels kept on disk; `None` decodes the stored files again and
    again. workers: loading threads, 0 for none beside the training one.

    Of objectives that take two views and two texts. pair_views: any two films of a study, or a frontal and a
    lateral one where it has both. text_pairs: "whole" draws each text from all sections the rule reads,
    "sections" takes two sections where there are two. shuffle: sentences of a whole text in random order.
    paraphrase: how often a text is said in other words; above 0, a section that serves twice is so the second
    time, in validation too. paraphrase_by: where the words of each sentence come from, the first that knows
    any: "rules" (`prompts.paraphrase`), or "table", the back-translations of the collection.

    Of labels. label_origin: whose labels, in order of preference; none takes the corpus' own. observations:
    only these are read; `None` reads all. For a classifier they are what it answers, in this order.

    Of studies without text. prompts: the pack (a name or file) that makes texts of their labels; without
    one they are left out. negatives: how many of the observations that are not
    there are said of an item whose labels speak of every observation; `None` says all. unlisted: whether what
    the labels of an item do not speak of is "unknown", or "absent" as in a table that lists what there is.

    balance: how much the sizes of several collections count in what is drawn from each; 1 as they are, 0 all
    alike. share: train on this share of the patients of the training split, stratified by label and the same
    for a `share_seed` (`batches.label_fractions`); `None` takes all.
    """

    text: str = "best_section"
    sentences: int | None = Field(default=1, ge=1)
    min_letters: int = Field(default=3, ge=1)
    item: Literal["image", "study"] = "image"
    views: tuple[View, ...] | None = None
    augment: bool = True
    cache_features: bool = True
    crop_area: tuple[float, float] = (0.75, 1.0)
    rotation: float = Field(default=0.0, ge=0.0, le=45.0)
    flip: float = Field(default=0.0, ge=0.0, le=1.0)
    max_films: int = Field(default=4, ge=1)
    clahe: float = Field(default=0.0, ge=0.0, le=1.0)
    brightness: float = Field(default=0.0, ge=0.0, le=0.9)
    contrast: float = Field(default=0.0, ge=0.0, le=0.9)
    cache: int | None = Field(default=256, ge=16)
    workers: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    drop_last: bool = False
    pair_views: Literal["any", "frontal_lateral"] = "any"
    text_pairs: Literal["whole", "sections"] = "whole"
    shuffle: bool = False
    paraphrase: float = Field(default=0.0, ge=0.0, le=1.0)
    paraphrase_by: tuple[Literal["rules", "table"], ...] = Field(default=("rules",), min_length=1)
    prompts: str | None = None
    label_origin: tuple[str, ...] = ()
    observations: tuple[str, ...] | None = None
    negatives: int | None = Field(default=3, ge=0)
    unlisted: Literal["unknown", "absent"] = "unknown"
    balance: float = Field(default=1.0, ge=0.0, le=1.0)
    share: float | None = Field(default=None, gt=0.0, le=1.0)
    share_seed: int = 0

    @field_validator("text")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in TEXT_RULES:
            raise ValueError(f"unknown text rule '{value}': {nearest(value, TEXT_RULES)}")
        return value

    @field_validator("prompts")
    @classmethod
    def _sound_pack(cls, value: str | None) -> str | None:
        if value is not None:
            load_pack(value)
        return value

    @model_validator(mode="after")
    def _areas(self) -> Self:
        if self.paraphrase_by != ("rules",) and not self.paraphrase:
            raise ValueError("paraphrase_by says how, but paraphrase is 0; say how often, such as 0.5")
        low, high = self.crop_area
        if not 0.0 < low <= high <= 1.0:
            raise ValueError("crop_area is [low, high] with 0 < low <= high <= 1")
        return self
