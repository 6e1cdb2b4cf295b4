"""The published CXR-CLIP, stated plainly with the libraries it is made of, and its checkpoints.

An oracle: torchvision and transformers compute, nothing of Plainfilm is used. transformers names the tensors
of a Swin differently since its version 5; checkpoints have the older names (`OLDER_SWIN`).
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
    def features(self, films: np.ndarray) -> Tensor:
        """What the image encoder makes of grey films (N, S, S) of uint8, pooled."""
        colours = torch.from_numpy(films).float()[:, None].expand(-1, 3, -1, -1) / 255
        if self.encoder == "resnet":
            mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            return self.image_encoder.resnet((colours - mean[:, None, None]) / deviation[:, None, None])
        output = self.image_encoder.image_encoder(pixel_values=(colours - 0.5) / 0.5)
        return output.last_hidden_state[:, 0] if self.swin_pooling == "first_patch" else output.pooler_output

    @torch.no_grad()
    def images(self, films: np.ndarray) -> Tensor:
        """Unit vectors of grey films (N, S, S) of uint8."""
        vectors = self.image_projection(self.features(films))
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
        words = text.lower().replace(".", " .").replace("effusions", "effusion ##s").split()
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
        "transform": {"train": {"CLAHE": {"clip_limit": 4.0}}},
    }


def save(network: Published, path: Path, **changes: Any) -> Path:
    """`network` as a checkpoint file; `changes` replace entries of its dictionary, `None` drops one."""
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
    torch.save({key: value for key, value in entries.items() if value is not None}, path)
    return path


@contextmanager
def omegaconf_list(values: Sequence[Any]) -> Iterator[object]:
    """`values` as omegaconf 2.3 stores a list among settings, made of classes that are gone afterwards."""
    made = {
        name: types.ModuleType(name)
        for name in ("omegaconf", "omegaconf.listconfig", "omegaconf.nodes", "omegaconf.base")
    }

    def kind(module: str, name: str) -> Any:
        found = type(name, (), {"__module__": module})
        setattr(made[module], name, found)
        return found

    node, metadata = kind("omegaconf.nodes", "AnyNode"), kind("omegaconf.base", "Metadata")
    containers, lists = (
        kind("omegaconf.base", "ContainerMetadata"),
        kind("omegaconf.listconfig", "ListConfig"),
    )

    def with_state(found: Any, **state: Any) -> Any:
        one = found()
        one.__dict__.update(state)
        return one

    result = with_state(lists, _parent=None)
    result._metadata = with_state(containers, ref_type=Any, object_type=list, key_type=int, element_type=Any)
    said = [
        with_state(node, _metadata=with_state(metadata, object_type=None), _val=value) for value in values
    ]
    for one in said:
        one._parent = result
    result._content = said
    sys.modules.update(made)
    try:
        yield result
    finally:
        for name in made:
            del sys.modules[name]
