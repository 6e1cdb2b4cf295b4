"""An untrained region model, which locates phrases and describes boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import Facts, build_model
from plainfilm.models.region import TINY
from plainfilm.text.tokenizers import Tokenizer

TEXTS = [
    *("Large left pleural effusion.", "The heart is enlarged.", "There is a right pneumothorax."),
    *("A mass in the left lung.", "A nodule in the right lung."),
]


def save_region_model(
    folder: Path, texts: Sequence[str] = TEXTS * 5, vocabulary_size: int = 400, seed: int = 0
) -> Path:
    """Write the folder of the model, which reads and writes `texts`: the same weights for the same seed."""
    tokenizer = Tokenizer.train(texts, vocabulary_size, 16)
    tokenizers = {"text": tokenizer, "sentence": tokenizer}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(TINY, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    config = ModelConfig(architecture=TINY, preprocessing=Preprocessing(size=64, channels=1))
    save_model(folder, model, tokenizers, config)
    return folder
