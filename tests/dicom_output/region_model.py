"""An untrained region model, which locates phrases and describes boxes."""

from __future__ import annotations

from pathlib import Path

import torch

from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import Facts, build_model
from plainfilm.models.region import TINY
from plainfilm.text.tokenizers import Tokenizer

TEXTS = ["Large left pleural effusion.", "The heart is enlarged.", "There is a right pneumothorax."]
TEXTS += ["There is a mass.", "There is a nodule."]


def save_region_model(folder: Path) -> Path:
    """Write the folder of the model: the same weights each time."""
    tokenizer = Tokenizer.train(TEXTS * 5, 300, 16)
    tokenizers = {"text": tokenizer, "sentence": tokenizer}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(TINY, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    config = ModelConfig(architecture=TINY, preprocessing=Preprocessing(size=64, channels=1))
    save_model(folder, model, tokenizers, config)
    return folder
