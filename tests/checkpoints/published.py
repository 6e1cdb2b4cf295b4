"""The published CXR-CLIP, stated plainly with the libraries it is made of, and its checkpoints.

An oracle: torchvision and transformers compute, nothing of Plainfilm is used. transformers names the tensors
of a Swin differently since its version 5; checkpoints have the older names (`OLDER_SWIN`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision.transforms as tv
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet50
from transformers import BertConfig, BertModel, SwinConfig, SwinModel

OLDER_SWIN = {
    "attention.q_proj": "attention.self.query",
    "attention.k_proj": "attention.self.key",
    "attention.v_proj": "attention.self.value",
    "attention.relative_position_bias.relative_position_bias_table": (
        "attention.self.relative_position_bias_table"
    ),
    "attention.o_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    "no",
    "there",
    "is",
    "a",
    "pleural",
    "effusion",
    "pneumothorax",
    "large",
    "##s",
    ".",
    ",",
    "of",
    "the",
)


def vocabulary_folder(folder: Path, size: int = len(SPECIAL + WORDS)) -> Path:
    """A folder with a BERT vocabulary and nothing else; unused words fill it up to `size`."""
    folder.mkdir()
    unused = (f"[unused{number}]" for number in range(size - len(SPECIAL + WORDS)))
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS, *unused]) + "\n")
    return folder


class Projection(nn.Module):
    """A line, or the published perceptron: added to its own first layer and normalised."""

    def __init__(self, features: int, dimension: int, kind: str) -> None:
        super().__init__()
        self.projection = nn.Linear(features, dimension)
        if kind == "mlp":
            self.fc = nn.Linear(dimension, dimension)
            self.layer_norm = nn.LayerNorm(dimension)

    def forward(self, features: Tensor) -> Tensor:
        line = self.projection(features)
        if not hasattr(self, "fc"):
            return line
        return self.layer_norm(self.fc(nn.functional.gelu(line)) + line)


class Published(nn.Module):
    """Encoders, pooling, projections, scale; `swin_pooling` is first_patch (upstream) or average (fork)."""

    def __init__(
        self,
        encoder: str = "resnet",
        *,
        projection: str | None = "linear",
        text_pooling: str = "eos",
        swin_pooling: str = "first_patch",
        side: int = 56,
        swin: dict[str, Any] | None = None,
        bert: dict[str, Any] | None = None,
        temperature: float | None = 0.07,
    ) -> None:
        super().__init__()
        self.encoder, self.text_pooling, self.swin_pooling = encoder, text_pooling, swin_pooling
        self.image_encoder, self.text_encoder = nn.Module(), nn.Module()
        if encoder == "resnet":
            self.image_encoder.resnet = nn.SyncBatchNorm.convert_sync_batchnorm(resnet50())
            del self.image_encoder.resnet.fc
            self.image_encoder.resnet.fc = nn.Identity()
            features = 2048
        else:
            small = {"embed_dim": 32, "depths": [2, 2], "num_heads": [2, 4], "image_size": side}
            self.image_encoder.image_encoder = SwinModel(SwinConfig(**(small if swin is None else swin)))
            features = self.image_encoder.image_encoder.num_features
        small_bert = {
            "vocab_size": len(SPECIAL + WORDS),
            "hidden_size": 64 if projection else features,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "intermediate_size": 96,
            "max_position_embeddings": 40,
        }
        self.text_encoder.text_encoder = BertModel(BertConfig(**(small_bert if bert is None else bert)))
        width = self.text_encoder.text_encoder.config.hidden_size
        self.image_projection = Projection(features, 24, projection) if projection else nn.Identity()
        self.text_projection = Projection(width, 24, projection) if projection else nn.Identity()
        if temperature:
            self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature) + 0.3))

    @property
    def scale(self) -> float:
        """What cosines are multiplied with."""
        return math.exp(self.logit_scale.item()) if hasattr(self, "logit_scale") else math.e

    @torch.no_grad()
    def features(self, films: Sequence[np.ndarray], side: int) -> Tensor:
        """What the image encoder makes of grey films (H, W) of uint8 in any shape, pooled."""
        is_resnet = self.encoder == "resnet"
        mean, deviation = (IMAGENET_MEAN, IMAGENET_STD) if is_resnet else ((0.5,) * 3, (0.5,) * 3)
        steps = [tv.Resize(side), tv.CenterCrop(side), tv.ToTensor(), tv.Normalize(mean, deviation)]
        seen = tv.Compose(steps)
        pixels = torch.stack([seen(Image.fromarray(film).convert("RGB")) for film in films])
        if is_resnet:
            return self.image_encoder.resnet(pixels)
        output = self.image_encoder.image_encoder(pixel_values=pixels)
        return output.last_hidden_state[:, 0] if self.swin_pooling == "first_patch" else output.pooler_output

    @torch.no_grad()
    def images(self, films: Sequence[np.ndarray], side: int) -> Tensor:
        """Unit vectors of grey films (H, W) of uint8."""
        vectors = self.image_projection(self.features(films, side))
        return vectors / vectors.norm(dim=1, keepdim=True)

    @torch.no_grad()
    def texts(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Unit vectors of texts as token ids, each between [CLS] and [SEP]."""
        vectors = []
        for row in ids:
            tokens = self.text_encoder.text_encoder(torch.tensor([list(row)])).last_hidden_state[0]
            pooled = {"eos": tokens[-1], "bos": tokens[0], "mean": tokens.mean(0)}[self.text_pooling]
            vectors.append(self.text_projection(pooled[None])[0])
        stacked = torch.stack(vectors)
        return stacked / stacked.norm(dim=1, keepdim=True)


def published(seed: int = 0, **options: Any) -> Published:
    """A model with weights, statistics and biases at random, none of them at its usual start."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Published(**options).eval()
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith(("bias", "running_mean", "relative_position_bias_table")):
                tensor.normal_(0, 0.2)
    return model


def token_ids(texts: Sequence[str]) -> list[list[int]]:
    """Ids by the vocabulary above, of small letters; one word here is written as two."""
    numbers = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    rows = []
    for text in texts:
        words = (
            text.lower().replace(".", " .").replace(",", " ,").replace("effusions", "effusion ##s").split()
        )
        rows.append([2, *(numbers.get(word, 1) for word in words), 3])
    return rows


def published_tensors(model: Published) -> dict[str, Tensor]:
    """The tensors as the published trainers save them, with the buffers older libraries keep."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name.startswith("image_encoder.image_encoder."):
            for newer, older in OLDER_SWIN.items():
                name = name.replace(newer, older)
        tensors[name] = tensor.clone()
    positions = model.text_encoder.text_encoder.config.max_position_embeddings
    tensors["text_encoder.text_encoder.embeddings.position_ids"] = torch.arange(positions)[None]
    if model.encoder != "resnet":
        for stage, layer in enumerate(model.image_encoder.image_encoder.encoder.layers):
            for place, block in enumerate(layer.blocks):
                index = block.attention.relative_position_bias.relative_position_index.view(49, 49)
                stem = f"image_encoder.image_encoder.encoder.layers.{stage}.blocks.{place}.attention.self"
                tensors[f"{stem}.relative_position_index"] = index.clone()
    return tensors


def settings(
    model: Published, *, data: Sequence[str] = ("mimic_cxr", "chexpert"), side: int = 56
) -> dict[str, Any]:
    """The settings a checkpoint carries along, as far as the facts about them go."""
    swin = {"source": "huggingface", "name": "microsoft/swin-tiny-patch4-window7-224", "model_type": "swin"}
    resnet = {"source": "torchvision", "name": "resnet", "pretrained": True}
    stated: dict[str, Any] = {
        "name": "clip_custom",
        "image_encoder": resnet if model.encoder == "resnet" else swin,
        "text_encoder": {
            "source": "huggingface",
            "name": "emilyalsentzer/Bio_ClinicalBERT",
            "pooling": model.text_pooling,
            "mlm_head": True,
        },
    }
    if hasattr(model, "logit_scale"):
        stated["temperature"] = 0.07
    if not isinstance(model.image_projection, nn.Identity):
        kind = "mlp" if hasattr(model.image_projection, "fc") else "linear"
        stated["projection_head"] = {"name": kind, "dropout": 0.1, "proj_dim": 24}
    return {
        "base": {"seed": 1234, "amp": True, "image_size": side, "text_max_length": 32},
        "data_train": {name: {"name": name, "num_negs": 0} for name in data},
        "model": stated,
        "optimizer": {"name": "adamw", "config": {"lr": 5e-5, "weight_decay": 1e-4}},
        "transform": {
            "train": {
                "RandomResizedCrop": {"size": 224, "scale": [0.8, 1.1]},
                "CLAHE": {"clip_limit": 4.0},
            },
        },
    }


def save(network: Published, path: Path, **changes: Any) -> Path:
    """`network` as a checkpoint file; `changes` replace entries of its dictionary, `None` drops one.

    Settings are stored as the trainers do it, where they are a plain dictionary.
    """
    entries = {
        "model": published_tensors(network),
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4)}},
            "param_groups": [],
        },
        "scheduler": {"last_epoch": 3, "_last_lr": [1e-5]},
        "config": settings(network),
        "epoch": 15,
        "train_loss": 1.25,
        **changes,
    }
    if type(entries["config"]) is dict:
        entries["config"] = as_trainers_save(entries["config"])
    torch.save({key: value for key, value in entries.items() if value is not None}, path)
    return path


def hydra_settings(values: dict[str, Any]) -> Any:
    """`values` as omegaconf holds them in a program of Hydra: below a root whose resolver `now` was asked.

    Hydra keeps the answers of `now` in the root; every list and dictionary below leads there by its parent.
    """
    if not OmegaConf.has_resolver("now"):
        OmegaConf.register_new_resolver(
            "now", lambda form: datetime(2023, 5, 1).strftime(form), use_cache=True
        )
    root = OmegaConf.create({"output": "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}", "stated": values})
    assert root.output.startswith("outputs/20")  # asking fills the cache
    return root.stated


def as_trainers_save(values: dict[str, Any]) -> dict[str, Any]:
    """`values` as CXR-CLIP's trainers put them into a checkpoint: dictionaries are plain, lists are not."""
    return _plain_dictionaries(hydra_settings(values))


def _plain_dictionaries(value: Any) -> Any:
    if not isinstance(value, DictConfig):
        return value
    return {key: _plain_dictionaries(value[key]) for key in value}
