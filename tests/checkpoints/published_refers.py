"""The published REFERS in plain NumPy, float64, and its checkpoints by the names of its tensors.

An oracle: every formula is written out here, nothing of Plainfilm and no layer of a library is used. Sizes
are small; names, axes and formulas are the published ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
Tensors = dict[str, Array]

WIDTH, DEPTH, PATCH, GRID = 128, 2, 8, 4
TEXT_WIDTH, TEXT_DEPTH, POSITIONS = 64, 2, 40
HEAD, LONGEST = 64, 24
VIT = "visual.vit.transformer."
BERT = "contrastive_bert.text_encoder."
_erf = np.vectorize(math.erf)


def norm(x: Array, tensors: Tensors, name: str, epsilon: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def linear(x: Array, tensors: Tensors, name: str) -> Array:
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def attend(queries: Array, keys: Array, values: Array, hidden: Any = False) -> Array:
    """(B, L, W) each; heads of HEAD features; `hidden` (..., L, M) is True where nothing is read."""

    def split(x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1, HEAD).transpose(0, 2, 1, 3)

    scores = split(queries) @ split(keys).transpose(0, 1, 3, 2) / math.sqrt(HEAD)
    mixed = softmax(np.where(hidden, -np.inf, scores)) @ split(values)
    return mixed.transpose(0, 2, 1, 3).reshape(queries.shape)


def vit(tensors: Tensors, pixels: Array, prefix: str = VIT) -> Array:
    """All tokens (N, 1 + P, W) of films (N, 3, H, W), the class token first."""
    count, colours, height, width = pixels.shape
    patch = tensors[f"{prefix}embeddings.patch_embeddings.weight"].shape[-1]
    cut = pixels.reshape(count, colours, height // patch, patch, width // patch, patch)
    cut = cut.transpose(0, 2, 4, 1, 3, 5).reshape(count, -1, colours * patch * patch)
    kernel = tensors[f"{prefix}embeddings.patch_embeddings.weight"].reshape(-1, colours * patch * patch)
    x = cut @ kernel.T + tensors[f"{prefix}embeddings.patch_embeddings.bias"]
    own = np.broadcast_to(tensors[f"{prefix}embeddings.cls_token"], (count, 1, x.shape[-1]))
    x = np.concatenate([own, x], 1) + tensors[f"{prefix}embeddings.position_embeddings"]
    for layer in range(DEPTH):
        block = f"{prefix}encoder.layer.{layer}"
        y = norm(x, tensors, f"{block}.attention_norm", 1e-6)
        read = [linear(y, tensors, f"{block}.attn.{which}") for which in ("query", "key", "value")]
        x = x + linear(attend(*read), tensors, f"{block}.attn.out")
        y = gelu(linear(norm(x, tensors, f"{block}.ffn_norm", 1e-6), tensors, f"{block}.ffn.fc1"))
        x = x + linear(y, tensors, f"{block}.ffn.fc2")
    return norm(x, tensors, f"{prefix}encoder.encoder_norm", 1e-6)


def fused(tensors: Tensors, tokens: Sequence[Array]) -> tuple[Array, Array, Array]:
    """The gates (B, 3, P), the memory (B, 3 P, W) and the class tokens beside each other (B, 3 W)."""
    own = [one[:, :1] for one in tokens]
    x = [one[:, 1:] + cls for one, cls in zip(tokens, own, strict=True)]
    beside = np.concatenate(x, -1)
    gates = [sigmoid(linear(beside, tensors, f"fusion.fc{number}")) for number in (1, 2, 3)]
    memory = np.concatenate([gate * one for gate, one in zip(gates, x, strict=True)], 1)
    return np.stack([gate[..., 0] for gate in gates], 1), memory, np.concatenate(own, -1)[:, 0]


def bert(tensors: Tensors, ids: NDArray[np.int64], mask: NDArray[np.bool_]) -> Array:
    """(B, 3 W): BERT's pooler, and the published layer after it."""
    there = f"{BERT}embeddings."
    x = tensors[f"{there}word_embeddings.weight"][ids]
    x = x + tensors[f"{there}position_embeddings.weight"][: ids.shape[1]]
    x = x + tensors[f"{there}token_type_embeddings.weight"][0]
    x = norm(x, tensors, f"{there}LayerNorm", 1e-12)
    for layer in range(TEXT_DEPTH):
        block = f"{BERT}encoder.layer.{layer}"
        read = [linear(x, tensors, f"{block}.attention.self.{which}") for which in ("query", "key", "value")]
        y = linear(attend(*read, ~mask[:, None, None, :]), tensors, f"{block}.attention.output.dense")
        x = norm(x + y, tensors, f"{block}.attention.output.LayerNorm", 1e-12)
        y = gelu(linear(x, tensors, f"{block}.intermediate.dense"))
        x = norm(x + linear(y, tensors, f"{block}.output.dense"), tensors, f"{block}.output.LayerNorm", 1e-12)
    pooled = np.tanh(linear(x[:, 0], tensors, f"{BERT}pooler.dense"))
    return linear(pooled, tensors, "contrastive_bert.fc")


def decoded(
    tensors: Tensors, memory: Array, ids: NDArray[np.int64], prefix: str = "textual.", layers: int = 1
) -> Array:
    """Logits (B, L, V) after each token of `ids` (B, L), padded with 0."""
    seen = linear(memory, tensors, f"{prefix}visual_projection")
    x = tensors[f"{prefix}embedding.words.weight"][ids]
    x = norm(
        x + tensors[f"{prefix}embedding.positions.weight"][: ids.shape[1]],
        tensors,
        f"{prefix}embedding.layer_norm",
        1e-8,
    )
    x = x * (ids != 0)[..., None]
    later = np.triu(np.ones((ids.shape[1],) * 2, bool), 1)
    for layer in range(layers):
        block = f"{prefix}transformer.layers.{layer}"
        for name, read, hidden, after in (
            ("self_attn", None, later, "norm1"),
            ("multihead_attn", seen, False, "norm2"),
        ):
            queries, keys, values = _joined(tensors, f"{block}.{name}", x, x if read is None else read)
            y = linear(attend(queries, keys, values, hidden), tensors, f"{block}.{name}.out_proj")
            x = norm(x + y, tensors, f"{block}.{after}", 1e-5)
        y = linear(gelu(linear(x, tensors, f"{block}.linear1")), tensors, f"{block}.linear2")
        x = norm(x + y, tensors, f"{block}.norm3", 1e-5)
    return linear(x, tensors, f"{prefix}output")


def _joined(tensors: Tensors, name: str, x: Array, read: Array) -> list[Array]:
    weights = np.split(tensors[f"{name}.in_proj_weight"], 3)
    biases = np.split(tensors[f"{name}.in_proj_bias"], 3)
    return [one @ weight.T + bias for one, weight, bias in zip((x, read, read), weights, biases, strict=True)]


def writing_loss(logits: Array, ids: NDArray[np.int64]) -> float:
    """The mean cross entropy of every next token that is not 0."""
    given, wanted = logits[:, :-1], ids[:, 1:]
    chosen = np.take_along_axis(np.log(softmax(given)), wanted[..., None], -1)[..., 0]
    return float(-chosen[wanted != 0].mean())


def contrast(films: Array, texts: Array) -> float:
    """0.75 from films to texts and 0.25 back, of cosines divided by 0.1."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (films, texts)]
    scores = np.exp(unit[0] @ unit[1].T / 0.1)
    own = np.diag(scores)
    return float((-0.75 * np.log(own / scores.sum(1)) - 0.25 * np.log(own / scores.sum(0))).mean())


def image_shapes(prefix: str = VIT) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of the image encoder, by its published name."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.position_embeddings": (1, GRID**2 + 1, WIDTH),
        "embeddings.cls_token": (1, 1, WIDTH),
        "embeddings.patch_embeddings.weight": (WIDTH, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.bias": (WIDTH,),
    }
    for layer in range(DEPTH):
        block = f"encoder.layer.{layer}"
        for part, (rows, columns) in {
            **{f"attn.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value", "out")},
            "ffn.fc1": (2 * WIDTH, WIDTH),
            "ffn.fc2": (WIDTH, 2 * WIDTH),
        }.items():
            shapes |= {f"{block}.{part}.weight": (rows, columns), f"{block}.{part}.bias": (rows,)}
        shapes |= _norms(f"{block}.attention_norm", f"{block}.ffn_norm", width=WIDTH)
    shapes |= _norms("encoder.encoder_norm", width=WIDTH)
    return {prefix + name: shape for name, shape in shapes.items()}


def text_shapes(words: int) -> dict[str, tuple[int, ...]]:
    """Of the text side."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (words, TEXT_WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, TEXT_WIDTH),
        "embeddings.token_type_embeddings.weight": (2, TEXT_WIDTH),
        **_norms("embeddings.LayerNorm", width=TEXT_WIDTH),
    }
    for layer in range(TEXT_DEPTH):
        block = f"encoder.layer.{layer}"
        for part, (rows, columns) in {
            **{f"attention.self.{name}": (TEXT_WIDTH,) * 2 for name in ("query", "key", "value")},
            "attention.output.dense": (TEXT_WIDTH,) * 2,
            "intermediate.dense": (96, TEXT_WIDTH),
            "output.dense": (TEXT_WIDTH, 96),
        }.items():
            shapes |= {f"{block}.{part}.weight": (rows, columns), f"{block}.{part}.bias": (rows,)}
        both = (f"{block}.attention.output.LayerNorm", f"{block}.output.LayerNorm")
        shapes |= _norms(*both, width=TEXT_WIDTH)
    shapes |= {"pooler.dense.weight": (TEXT_WIDTH,) * 2, "pooler.dense.bias": (TEXT_WIDTH,)}
    below = {BERT + name: shape for name, shape in shapes.items()}
    return below | {
        "contrastive_bert.fc.weight": (3 * WIDTH, TEXT_WIDTH),
        "contrastive_bert.fc.bias": (3 * WIDTH,),
    }


def writing_shapes(pieces: int, features: int = WIDTH, layers: int = 1) -> dict[str, tuple[int, ...]]:
    """Of the head that writes, without what is stored twice."""
    shapes: dict[str, tuple[int, ...]] = {
        "textual.visual_projection.weight": (WIDTH, features),
        "textual.visual_projection.bias": (WIDTH,),
        "textual.embedding.words.weight": (pieces, WIDTH),
        "textual.embedding.positions.weight": (LONGEST, WIDTH),
        **_norms("textual.embedding.layer_norm", width=WIDTH),
        "textual.output.bias": (pieces,),
    }
    return shapes | layer_shapes("textual.", layers)


def layer_shapes(prefix: str, layers: int = 1) -> dict[str, tuple[int, ...]]:
    """Of the layers of a head."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        block = f"{prefix}transformer.layers.{layer}"
        for name in ("self_attn", "multihead_attn"):
            shapes |= {
                f"{block}.{name}.in_proj_weight": (3 * WIDTH, WIDTH),
                f"{block}.{name}.in_proj_bias": (3 * WIDTH,),
                f"{block}.{name}.out_proj.weight": (WIDTH, WIDTH),
                f"{block}.{name}.out_proj.bias": (WIDTH,),
            }
        for name, (rows, columns) in {"linear1": (192, WIDTH), "linear2": (WIDTH, 192)}.items():
            shapes |= {f"{block}.{name}.weight": (rows, columns), f"{block}.{name}.bias": (rows,)}
        shapes |= _norms(*(f"{block}.norm{number}" for number in (1, 2, 3)), width=WIDTH)
    return shapes


def _norms(*names: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{kind}": (width,) for name in names for kind in ("weight", "bias")}


def drawn(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> Tensors:
    """Random tensors, none at its usual start, with activations of moderate size; float32 numbers."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        deviation = 1 / math.sqrt(fan) if len(shape) in (2, 4) and "embeddings." not in name else 0.3
        values = rng.normal(0, deviation, shape)
        if "norm" in name.lower() and name.endswith("weight"):
            values = values + 1
        tensors[name] = values.astype(np.float32).astype(np.float64)
    return tensors


def pretrained(words: int, pieces: int, *, backward: bool = False, seed: int = 0) -> Tensors:
    """Every tensor of a pre-training checkpoint."""
    gates = {
        f"fusion.fc{number}.{kind}": shape
        for number in (1, 2, 3)
        for kind, shape in (("weight", (1, 3 * WIDTH)), ("bias", (1,)))
    }
    shapes = image_shapes() | gates | text_shapes(words) | writing_shapes(pieces)
    tensors = drawn(shapes | (layer_shapes("backward_textual.") if backward else {}), seed)
    return with_copies(tensors, backward=backward)


def with_copies(tensors: Tensors, *, backward: bool = False) -> Tensors:
    """`tensors` with what the published code stores a second time."""
    tensors = {**tensors, "textual.output.weight": tensors["textual.embedding.words.weight"]}
    shared = ("visual_projection.", "embedding.", "output.")
    own = [name for name in tensors if name.startswith(tuple(f"textual.{part}" for part in shared))]
    return tensors | ({f"backward_{name}": tensors[name] for name in own} if backward else {})


def as_torch(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}


def save(tensors: Tensors, path: Path, *, positions: bool = True, **entries: Any) -> Path:
    """As the published trainer saves; with `positions`, what older libraries store of BERT."""
    model = as_torch(tensors)
    if positions and f"{BERT}pooler.dense.bias" in tensors:
        model[f"{BERT}embeddings.position_ids"] = torch.arange(POSITIONS)[None]
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(4)}}, "param_groups": [{"lr": 3e-3}]}
    scheduler = {"last_epoch": 100, "_last_lr": [3e-3]}
    whole = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "iteration": 100, **entries}
    torch.save(whole, path)
    return path


def jax_arrays(tensors: Tensors, prefix: str = VIT) -> dict[str, NDArray[np.float32]]:
    """The image encoder as Google's files store it, with the classes of ImageNet."""
    own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    found: dict[str, Array] = {
        "cls": own["embeddings.cls_token"],
        "embedding/kernel": own["embeddings.patch_embeddings.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": own["embeddings.patch_embeddings.bias"],
        "Transformer/posembed_input/pos_embedding": own["embeddings.position_embeddings"],
        "Transformer/encoder_norm/scale": own["encoder.encoder_norm.weight"],
        "Transformer/encoder_norm/bias": own["encoder.encoder_norm.bias"],
        "head/kernel": np.zeros((WIDTH, 7)),
        "head/bias": np.zeros(7),
        "pre_logits/kernel": np.zeros((WIDTH, WIDTH)),
        "pre_logits/bias": np.zeros(WIDTH),
    }
    for layer in range(DEPTH):
        block, there = f"encoder.layer.{layer}", f"Transformer/encoderblock_{layer}"
        for ours, theirs in (("attention_norm", "LayerNorm_0"), ("ffn_norm", "LayerNorm_2")):
            found[f"{there}/{theirs}/scale"] = own[f"{block}.{ours}.weight"]
            found[f"{there}/{theirs}/bias"] = own[f"{block}.{ours}.bias"]
        for number, name in enumerate(("fc1", "fc2")):
            found[f"{there}/MlpBlock_3/Dense_{number}/kernel"] = own[f"{block}.ffn.{name}.weight"].T
            found[f"{there}/MlpBlock_3/Dense_{number}/bias"] = own[f"{block}.ffn.{name}.bias"]
        attention = f"{there}/MultiHeadDotProductAttention_1"
        for name in ("query", "key", "value"):
            weight = own[f"{block}.attn.{name}.weight"]
            found[f"{attention}/{name}/kernel"] = weight.T.reshape(WIDTH, WIDTH // HEAD, HEAD)
            found[f"{attention}/{name}/bias"] = own[f"{block}.attn.{name}.bias"].reshape(-1, HEAD)
        out = own[f"{block}.attn.out.weight"].T
        found[f"{attention}/out/kernel"] = out.reshape(WIDTH // HEAD, HEAD, WIDTH)
        found[f"{attention}/out/bias"] = own[f"{block}.attn.out.bias"]
    return {name: array.astype(np.float32) for name, array in found.items()}
