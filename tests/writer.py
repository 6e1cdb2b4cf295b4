"""A kind of model that writes: by the brightness of a study's first film it chooses one of its sentences.

A stand-in for a report decoder, small enough to know what it must write, and real in everything else: its
own tokenizer, weights, folder, film encoder and the ability to encode films.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.models.base import Facts, KindConfig, Model, TokenizerNeed, unit_vectors
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.ragged import Ragged

PURPOSE, LIMITS = "tests", "- It writes what it was given."


class Config(KindConfig):
    use: str = __file__
    image: dict = Field(default={"use": "compact", "width": 4, "grid": 2})
    texts: int = 2

    def tokenizers(self):
        return {"text": TokenizerNeed()}


TINY = Config()


class Writer(Model):
    writes_with = "text"

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.dimension = 4
        longest = facts.tokenizers["text"].max_tokens
        self.texts = nn.Embedding(config.texts, longest)

    def parts(self):
        return {"texts": self.texts}

    def film_features(self, images: Tensor) -> ImageFeatures:
        brightness = images.mean((1, 2, 3))
        powers = torch.stack([brightness**power for power in range(4)], dim=1)
        return ImageFeatures(pooled=powers, patches=powers[:, None])

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        return unit_vectors(features.pooled)

    def write_reports(self, features: ImageFeatures, films: Ragged, projections: Tensor, decoding):
        first = features.pooled[films.starts, 1]
        return self.texts((first > 0).long() % self.config.texts).long()


def build(config: Config, facts: Facts) -> Writer:
    return Writer(config, facts)


def save_writer(folder, texts: list[str], corpus: list[str], text_rule: str = "findings"):
    """A writer of `texts` (for dark and for bright films) in `folder`, with a tokenizer of `corpus`."""
    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, TrainedOn, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import build_model
    from plainfilm.text.tokenizers import Tokenizer

    tokenizer = Tokenizer.train([*corpus, *texts], vocabulary_size=300)
    config = Config(texts=len(texts))
    model = build_model(config, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    ids, mask = tokenizer.encode(texts)
    start = model.facts.tokenizers["text"].start
    model.texts.weight.data.zero_()
    for row, (own, kept) in enumerate(zip(ids, mask, strict=True)):
        tokens = [token for token, keep in zip(own.tolist(), kept.tolist(), strict=True) if keep]
        tokens = tokens[1:] if tokens[0] == start else tokens
        model.texts.weight.data[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.float32)
    settings = ModelConfig(
        architecture=config,
        preprocessing=Preprocessing(size=32, channels=1),
        trained_on=TrainedOn(text_rule=text_rule),
    )
    save_model(folder, model, {"text": tokenizer}, settings)
    return folder
