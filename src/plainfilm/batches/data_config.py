"""The `data` part of a recipe."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.errors import nearest
from plainfilm.prompts import load_pack
from plainfilm.text.rules import TextRule
from plainfilm.types import View


class DataConfig(Settings):
    """The `data` part of a recipe: the definition and the sampling of items.

    text: the rule that selects the sections to read. sentences: number of sentences drawn per item, from its
    report or from the text made of its labels, without replacement and in random order; `None` reads the
    whole text. min_letters: shorter "sentences" (a number, a placeholder) are ignored. item: "image" makes
    one item of every film, "study" one of every study. views: films of other views are left out; `None` takes
    all. augment: `False` shows films in training as in evaluation; crop_area, rotation, flip, clahe,
    brightness and contrast then have no effect. cache_features: the features of a frozen image encoder for
    films that are not augmented are computed once and kept on disk (`training.frozen_features`).
    crop_area, rotation, clahe, brightness, contrast: see `batches.transforms`. flip: probability that the
    films of an item are mirrored and left and right exchanged in its words; 0 by default, because the heart
    then lies on the other side. max_films: the largest number of films per study, for objectives that read
    all. cache: shortest side of the decoded pixels kept on disk; `None` decodes the stored files every time.
    workers: number of loading threads; with 0 the training thread loads.

    For objectives with two views and two texts. pair_views: any two images of a study, or a frontal and a
    lateral one if it has both. text_pairs: "whole" draws each text from all sections of the rule, "sections"
    takes two sections if there are two. shuffle: sentences of a whole text in random order. paraphrase:
    probability of paraphrasing a text; above 0, a section that is used twice is paraphrased the second time,
    in validation too. paraphrase_by: sources of paraphrases, of which the first with one for the sentence is
    used: "rules" (`prompts.paraphrase`), or "table", the back-translations of the collection.

    For labels. label_origin: origins of the labels, in order of preference; empty for the corpus' own.
    observations: only these are read; `None` reads all. A classifier predicts them in this order.

    For studies without text. prompts: the pack (a name or file) that turns their labels into text; without
    one they are left out. negatives: number of negative observations stated for an item whose labels mention
    every observation; `None` states all. not_mentioned: whether an observation that the labels of an item do
    not mention is "unknown", or "absent" as in a table of findings.

    most_prompts: the largest number of prompts that training asks of an image: of each target that draws any
    (findings, regions, sentences), or by the name of the target; `None` leaves it to each target.
    abnormal_regions: of the regions that training asks of an image, the share that has a finding, where so
    many have one; `None` draws all alike, as published, and most sentences say that a region is normal.

    finding_regions: whether boxes of findings count as regions whose findings are known
    (`batches.targets.region_findings`).

    sampling_exponent: collections are sampled in proportion to items^sampling_exponent (the inverse of a
    sampling temperature): 1 in proportion to size, 0 equally often.
    rare_findings: items that affirm a finding which fewer than this share of a collection's items affirm are
    visited more often (`batches.rare_findings`); an epoch has as many items as without. `None`: all alike.
    fraction: the fraction of the patients of the training split that is trained on, stratified by label and
    reproducible by `fraction_seed` (`batches.label_fractions`); `None` takes all.
    """

    RENAMED: ClassVar = {
        "share": "data.fraction",
        "share_seed": "data.fraction_seed",
        "unlisted": "data.not_mentioned",
        "balance": "data.sampling_exponent",
    }

    text: TextRule = "best_section"
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
    not_mentioned: Literal["unknown", "absent"] = "unknown"
    most_prompts: Annotated[int, Field(ge=1)] | dict[str, Annotated[int, Field(ge=1)]] | None = None
    abnormal_regions: float | None = Field(default=None, ge=0.0, le=1.0)
    finding_regions: bool = False
    sampling_exponent: float = Field(default=1.0, ge=0.0, le=1.0)
    rare_findings: float | None = Field(default=None, gt=0.0, le=1.0)
    fraction: float | None = Field(default=None, gt=0.0, le=1.0)
    fraction_seed: int = 0

    @field_validator("prompts")
    @classmethod
    def _sound_pack(cls, value: str | None) -> str | None:
        if value is not None:
            load_pack(value)
        return value

    @field_validator("most_prompts")
    @classmethod
    def _known_targets(cls, value: int | dict[str, int] | None) -> int | dict[str, int] | None:
        known = plugins.names("target")
        for name in value if isinstance(value, dict) else ():
            if name not in known and not plugins.is_foreign(name):
                raise ValueError(f"most_prompts: no target '{name}': {nearest(name, known)}")
        return value

    @model_validator(mode="after")
    def _areas(self) -> Self:
        if self.paraphrase_by != ("rules",) and not self.paraphrase:
            raise ValueError("paraphrase_by is set, but paraphrase is 0; set a probability, such as 0.5")
        low, high = self.crop_area
        if not 0.0 < low <= high <= 1.0:
            raise ValueError("crop_area is [low, high] with 0 < low <= high <= 1")
        return self
