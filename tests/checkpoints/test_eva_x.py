"""EVA-X: a plain statement of EVA-02 with its published names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from PIL import Image
from torch import Tensor
from torch.nn.functional import layer_norm, linear, silu

from plainfilm.checkpoints.eva_x import preprocessing
from plainfilm.errors import ModelError
from plainfilm.predictor import load
from tests.checkpoints.families import (
    SHAPES,
    Tensors,
    differ,
    film,
    grey_levels,
    imported,
    least_cosine,
    noise,
    ours,
)

WIDTH, HEADS, DEPTH, INNER, GRID, PATCH = 128, 2, 2, 340, 4, 16


def published(base: bool) -> Tensors:
    """Weights at random: of EVA-X-B (`base`: queries apart, normalised perceptron), or as Ti and S."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)

        def drawn(*shape: int) -> Tensor:
            return torch.randn(*shape) * 0.1

        def norm(name: str, width: int) -> Tensors:
            return {f"{name}.weight": 1 + drawn(width), f"{name}.bias": drawn(width)}

        found = {
            "cls_token": drawn(1, 1, WIDTH),
            "mask_token": drawn(1, 1, WIDTH),
            "pos_embed": drawn(1, GRID * GRID + 1, WIDTH),
            "patch_embed.proj.weight": drawn(WIDTH, 3, PATCH, PATCH),
            "patch_embed.proj.bias": drawn(WIDTH),
            "rope.freqs_cos": drawn(GRID * GRID, WIDTH // HEADS),
            "rope.freqs_sin": drawn(GRID * GRID, WIDTH // HEADS),
            "lm_head.weight": drawn(8, WIDTH),
            "lm_head.bias": drawn(8),
            **norm("norm", WIDTH),
        }
        for block in range(DEPTH):
            stem = f"blocks.{block}."
            found |= norm(f"{stem}norm1", WIDTH) | norm(f"{stem}norm2", WIDTH)
            found |= {f"{stem}attn.{one}_bias": drawn(WIDTH) for one in "qv"}
            if base:
                found |= {f"{stem}attn.{one}_proj.weight": drawn(WIDTH, WIDTH) for one in "qkv"}
                found |= {f"{stem}mlp.w{one}.weight": drawn(INNER, WIDTH) for one in "12"}
                found |= {f"{stem}mlp.w{one}.bias": drawn(INNER) for one in "12"}
                found |= norm(f"{stem}mlp.ffn_ln", INNER) | norm(f"{stem}attn.inner_attn_ln", WIDTH)
            else:
                found[f"{stem}attn.qkv.weight"] = drawn(3 * WIDTH, WIDTH)
                found |= {
                    f"{stem}mlp.w12.weight": drawn(2 * INNER, WIDTH),
                    f"{stem}mlp.w12.bias": drawn(2 * INNER),
                }
            found |= {f"{stem}mlp.w3.weight": drawn(WIDTH, INNER), f"{stem}mlp.w3.bias": drawn(WIDTH)}
            found |= {f"{stem}attn.proj.weight": drawn(WIDTH, WIDTH), f"{stem}attn.proj.bias": drawn(WIDTH)}
        return found


def rotated(values: Tensor) -> Tensor:
    """Rotary positions (N, heads, places, size) of a square grid: half of the features by row, half by
    column, neighbours in pairs, frequencies 1 / 10000 ** (2 i / (size / 2))."""
    size = values.shape[-1]
    frequencies = 1.0 / 10000 ** (torch.arange(0, size // 2, 2).float() / (size // 2))
    rows, columns = torch.meshgrid(torch.arange(GRID).float(), torch.arange(GRID).float(), indexing="ij")
    angles = torch.cat([place.flatten()[:, None] * frequencies for place in (rows, columns)], dim=1)
    angles = angles.repeat_interleave(2, dim=1)
    partner = torch.stack([-values[..., 1::2], values[..., 0::2]], dim=-1).flatten(-2)
    return values * angles.cos() + partner * angles.sin()


def reference(tensors: Tensors, films: Tensor) -> Tensor:
    """The mean of the patches, normalised: (N, WIDTH)."""

    def norm(name: str, values: Tensor) -> Tensor:
        return layer_norm(values, values.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], 1e-6)

    def layer(name: str, values: Tensor) -> Tensor:
        return linear(values, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))

    stem = "patch_embed.proj."
    maps = torch.nn.functional.conv2d(films, tensors[f"{stem}weight"], tensors[f"{stem}bias"], stride=PATCH)
    state = torch.cat(
        [tensors["cls_token"].expand(len(films), -1, -1), maps.flatten(2).transpose(1, 2)], dim=1
    )
    state = state + tensors["pos_embed"]
    for block in range(DEPTH):
        name = f"blocks.{block}"
        inner = norm(f"{name}.norm1", state)
        if f"{name}.attn.qkv.weight" in tensors:
            parts = layer(f"{name}.attn.qkv", inner).chunk(3, dim=-1)
        else:
            parts = tuple(layer(f"{name}.attn.{one}_proj", inner) for one in "qkv")
        biases = (tensors[f"{name}.attn.q_bias"], torch.zeros(WIDTH), tensors[f"{name}.attn.v_bias"])
        split = [part + bias for part, bias in zip(parts, biases, strict=True)]
        queries, keys, values = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in split)
        queries, keys = (torch.cat([one[:, :, :1], rotated(one[:, :, 1:])], dim=2) for one in (queries, keys))
        weights = (queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5).softmax(dim=-1)
        mixed = (weights @ values).transpose(1, 2).flatten(2)
        if f"{name}.attn.inner_attn_ln.weight" in tensors:
            mixed = norm(f"{name}.attn.inner_attn_ln", mixed)
        state = state + layer(f"{name}.attn.proj", mixed)
        inner = norm(f"{name}.norm2", state)
        if f"{name}.mlp.w12.weight" in tensors:
            gate, value = layer(f"{name}.mlp.w12", inner).chunk(2, dim=-1)
        else:
            gate, value = layer(f"{name}.mlp.w1", inner), layer(f"{name}.mlp.w2", inner)
        hidden = silu(gate) * value
        if f"{name}.mlp.ffn_ln.weight" in tensors:
            hidden = norm(f"{name}.mlp.ffn_ln", hidden)
        state = state + layer(f"{name}.mlp.w3", hidden)
    return norm("norm", state[:, 1:].mean(dim=1))


@pytest.mark.parametrize("base", [True, False], ids=["B", "Ti and S"])
def test_films_have_the_features_of_eva_02(base: bool, tmp_path: Path) -> None:
    tensors = published(base)
    torch.save({"model_ema": {"module": tensors}}, tmp_path / "eva_x.pt")
    found = imported("eva-x", tmp_path / "eva_x.pt", tmp_path / "model")
    films = noise(3, 3, GRID * PATCH, GRID * PATCH)
    with torch.no_grad():
        pooled = found.model.film_features(films).pooled
    expected = reference(tensors, films)
    assert differ(expected)
    assert least_cosine(pooled, expected) > 0.99999
    vectors = load(tmp_path / "model").encode_images([film((90, 70))])
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_published_evaluation(shape: tuple[int, int]) -> None:
    steps = [tv.Resize(256, interpolation=tv.InterpolationMode.BICUBIC), tv.CenterCrop(224), tv.ToTensor()]
    steps.append(tv.Normalize(0.49185243, 0.28509309))
    expected = tv.Compose(steps)(Image.fromarray(film(shape)))
    how = preprocessing(224)
    assert grey_levels(ours(shape, how), expected.expand(3, -1, -1), how) <= 1 / 255


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocks.1.norm1.weight": None}, "tensor 'blocks.1.norm1.weight' is missing"),
        ({"blocks.1.mlp.w1.weight": torch.zeros(9, WIDTH)}, "'blocks.1.mlp.fc1_g.weight' is (9, 128)"),
        ({"fc_norm.weight": torch.ones(WIDTH)}, "has two tensors that are 'fc_norm.weight'"),
        ({"patch_embed.proj.weight": torch.zeros(WIDTH, 1, 16, 16)}, "takes 1 channels"),
        ({"text.weight": torch.zeros(1)}, "tensor 'text.weight' is not part of such a model"),
    ],
)
def test_what_does_not_fit_ends_in_one_line(
    tmp_path: Path, change: dict[str, Tensor | None], words: str
) -> None:
    tensors = {name: value for name, value in (published(True) | change).items() if value is not None}
    torch.save(tensors, tmp_path / "eva_x.pt")
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        imported("eva-x", tmp_path / "eva_x.pt", tmp_path / "model")
    assert "\n" not in str(refused.value)
