"""The published ChEX in plain NumPy, float64, and its checkpoints by the names of its tensors.

An oracle: every formula is written out here, nothing of Plainfilm and no layer of a library is used. Sizes
are small; names, axes and formulas are the published ones, without what is at random there at inference and
with prompts that do not attend to each other.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plainfilm.seeding import generator
from tests.checkpoints.published_refers import gelu, linear, norm, sigmoid, softmax

Array = NDArray[np.float64]
Tensors = dict[str, Array]

PATCH, GRID, IMAGE_WIDTH, TEXT_WIDTH, WIDTH, TEXT_POSITIONS = 8, 3, 128, 64, 24, 20
HEADS, REGIONS, BETA, LENGTH = 2, 3, 2.0, 2
WORDS_WIDTH, WORDS_POSITIONS, LAYERS = 128, 32, 2
IMAGE, TEXT, WORDS = "img_encoder.backbone.", "txt_encoder.", "txt_decoder.language_model.transformer."


def attend(q: Array, k: Array, v: Array, heads: int, hidden: Any = False) -> Array:
    """(N, L, W) and (N, M, W) each; `hidden` (..., L, M) is True where nothing is read."""

    def split(x: Array) -> Array:
        return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-2, -3)

    scores = split(q) @ split(k).swapaxes(-1, -2) / math.sqrt(q.shape[-1] // heads)
    mixed = softmax(np.where(hidden, -np.inf, scores)) @ split(v)
    return mixed.swapaxes(-2, -3).reshape(q.shape)


def multi_head(tensors: Tensors, name: str, x: Array, read: Array, heads: int, hidden: Any = False) -> Array:
    weights = np.split(tensors[f"{name}.in_proj_weight"], 3)
    biases = np.split(tensors[f"{name}.in_proj_bias"], 3)
    q, k, v = (one @ w.T + b for one, w, b in zip((x, read, read), weights, biases, strict=True))
    return linear(attend(q, k, v, heads, hidden), tensors, f"{name}.out_proj")


def tower(tensors: Tensors, x: Array, prefix: str, hidden: Any = False) -> Array:
    """CLIP's residual blocks, heads of 64 features."""
    layer = 0
    while f"{prefix}transformer.resblocks.{layer}.ln_1.weight" in tensors:
        block = f"{prefix}transformer.resblocks.{layer}"
        y = norm(x, tensors, f"{block}.ln_1", 1e-5)
        x = x + multi_head(tensors, f"{block}.attn", y, y, x.shape[-1] // 64, hidden)
        y = linear(norm(x, tensors, f"{block}.ln_2", 1e-5), tensors, f"{block}.mlp.c_fc")
        x = x + linear(y * sigmoid(1.702 * y), tensors, f"{block}.mlp.c_proj")
        layer += 1
    return x


def image(tensors: Tensors, pixels: Array) -> tuple[Array, Array, Array]:
    """Patches (N, P, D), their positions (P, D) and the class token (N, D) of films (N, 3, H, W)."""
    kernel = tensors[f"{IMAGE}conv1.weight"]
    count, side = len(pixels), pixels.shape[-1] // PATCH
    cut = pixels.reshape(count, 3, side, PATCH, side, PATCH).transpose(0, 2, 4, 1, 3, 5)
    x = cut.reshape(count, side * side, -1) @ kernel.reshape(len(kernel), -1).T
    own = np.broadcast_to(tensors[f"{IMAGE}class_embedding"], (count, 1, x.shape[-1]))
    positions = tensors[f"{IMAGE}positional_embedding"]
    x = norm(np.concatenate([own, x], 1) + positions, tensors, f"{IMAGE}ln_pre", 1e-5)
    x = norm(tower(tensors, x, IMAGE), tensors, f"{IMAGE}ln_post", 1e-5) @ tensors[f"{IMAGE}proj"]
    return x[:, 1:], positions[1:] @ tensors[f"{IMAGE}proj"], x[:, 0]


def text(tensors: Tensors, ids: NDArray[np.int64]) -> Array:
    """(N, D) of texts (N, L) whose largest id is their end."""
    x = tensors[f"{TEXT}token_embedding.weight"][ids] + tensors[f"{TEXT}positional_embedding"][: ids.shape[1]]
    later = np.triu(np.ones((ids.shape[1],) * 2, bool), 1)
    x = norm(tower(tensors, x, TEXT, later), tensors, f"{TEXT}ln_final", 1e-5)
    return x[np.arange(len(ids)), ids.argmax(1)] @ tensors[f"{TEXT}text_projection"]


def mlp(tensors: Tensors, name: str, x: Array) -> Array:
    return linear(gelu(linear(x, tensors, f"{name}.layers.0")), tensors, f"{name}.layers.3")


def block(tensors: Tensors, name: str, x: Array, source: Array) -> Array:
    """A decoder block on tokens of one group, (N, R, D)."""
    y = norm(x, tensors, f"{name}.norm_sa", 1e-5)
    x = x + multi_head(tensors, f"{name}.sa_block.sa", y, y, HEADS) * tensors[f"{name}.ls_sa.gamma"]
    y = norm(x, tensors, f"{name}.norm_mha", 1e-5)
    read = norm(source, tensors, f"{name}.norm_encoder", 1e-5)
    x = x + multi_head(tensors, f"{name}.mha_block.mha", y, read, HEADS) * tensors[f"{name}.ls_mha.gamma"]
    y = norm(x, tensors, f"{name}.norm_ff", 1e-5)
    return x + mlp(tensors, f"{name}.ff_block", y) * tensors[f"{name}.ls_ff.gamma"]


def pooled(tensors: Tensors, patches: Array, boxes: Array, tokens: Array | None) -> Array:
    """Features (N, K, D) of boxes (N, K, 4) as centre and size."""
    values = linear(
        norm(patches, tensors, "detector.patch_projector.0", 1e-5),
        tensors,
        "detector.patch_projector.1.layers.0",
    )
    centres = (np.arange(GRID) + 0.5) / GRID
    y, x = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    across = np.abs((x - boxes[..., :1]) / boxes[..., 2:3]) ** BETA
    down = np.abs((y - boxes[..., 1:2]) / boxes[..., 3:4]) ** BETA
    scores = np.exp(-across - down)
    features = scores / (scores.max(-1, keepdims=True) + 1e-12) @ values
    if tokens is not None:
        features = (tokens + features) / 2
    return mlp(tensors, "detector.out_projector.1", norm(features, tensors, "detector.out_projector.0", 1e-5))


def detected(tensors: Tensors, pixels: Array, prompt: Array) -> tuple[Array, Array, Array]:
    """Of one prompt (D,): boxes (N, R, 4) as centre and size, weights (N, R), features (N, R, D)."""
    patches, positions, _ = image(tensors, pixels)
    tokens = np.broadcast_to(prompt + tensors["detector.multiregion_tokens"], (len(pixels), REGIONS, WIDTH))
    layer = 0
    while f"detector.decoder.decoder_layers.{layer}.norm_sa.weight" in tensors:
        tokens = block(tensors, f"detector.decoder.decoder_layers.{layer}", tokens, patches + positions)
        layer += 1
    boxes = sigmoid(
        mlp(tensors, "detector.bbox_predictor.1", norm(tokens, tensors, "detector.bbox_predictor.0", 1e-5))
    )
    features = pooled(tensors, patches, boxes, tokens)
    return boxes, sigmoid(mlp(tensors, "detector.multiregion_weight_mlp", features)[..., 0]), features


def refined(tensors: Tensors, pixels: Array, aggregate: Array, regions: Array | None) -> Array:
    """`aggregate` (N, D) of a group after the post-decoder, beside its `regions` (N, R, D)."""
    patches, positions, whole = image(tensors, pixels)
    source = np.concatenate([patches + positions, whole[:, None]], 1)
    tokens = aggregate[:, None] if regions is None else np.concatenate([aggregate[:, None], regions], 1)
    layer = 0
    while f"post_decoder.post_decoder_layers.{layer}.norm_sa.weight" in tensors:
        tokens = block(tensors, f"post_decoder.post_decoder_layers.{layer}", tokens, source)
        layer += 1
    gated = aggregate + tensors["post_decoder.gate"] * tokens[:, 0]
    return norm(gated, tensors, "post_decoder.ln_gate", 1e-5)


def prompt_answer(tensors: Tensors, pixels: Array, prompt: Array) -> Array:
    """The refined feature (N, D) of a prompt (D,)."""
    _, weights, features = detected(tensors, pixels, prompt)
    aggregate = (weights[..., None] * features).sum(1) / np.maximum(weights.sum(1), 1)[:, None]
    return refined(tensors, pixels, aggregate, features)


def box_answer(tensors: Tensors, pixels: Array, box: Array) -> Array:
    """The refined feature (N, D) of a box (4,) as centre and size."""
    boxes = np.broadcast_to(box, (len(pixels), 1, 4))
    features = pooled(tensors, image(tensors, pixels)[0], boxes, None)[:, 0]
    return refined(tensors, pixels, features, None)


def words(tensors: Tensors, features: Array, ids: NDArray[np.int64]) -> Array:
    """Logits (S, L, V) after each token of `ids` (S, L), told of `features` (S, D) by a prefix."""
    made = mlp(tensors, "txt_decoder.prefix_proj", features)
    heads = WORDS_WIDTH // 64
    prefix = made.reshape(len(features), LENGTH, LAYERS, 2, WORDS_WIDTH)
    x = tensors[f"{WORDS}wte.weight"][ids] + tensors[f"{WORDS}wpe.weight"][: ids.shape[1]]
    later = np.concatenate(
        [np.zeros((ids.shape[1], LENGTH), bool), np.triu(np.ones((ids.shape[1],) * 2, bool), 1)], 1
    )
    for layer in range(LAYERS):
        name = f"{WORDS}h.{layer}"
        y = norm(x, tensors, f"{name}.ln_1", 1e-5)
        q, k, v = np.split(
            y @ tensors[f"{name}.attn.c_attn.weight"] + tensors[f"{name}.attn.c_attn.bias"], 3, -1
        )
        k, v = (np.concatenate([prefix[:, :, layer, place], one], 1) for place, one in enumerate((k, v)))
        mixed = attend(q, k, v, heads, later)
        x = x + mixed @ tensors[f"{name}.attn.c_proj.weight"] + tensors[f"{name}.attn.c_proj.bias"]
        y = norm(x, tensors, f"{name}.ln_2", 1e-5) @ tensors[f"{name}.mlp.c_fc.weight"]
        y = y + tensors[f"{name}.mlp.c_fc.bias"]
        y = 0.5 * y * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))
        x = x + y @ tensors[f"{name}.mlp.c_proj.weight"] + tensors[f"{name}.mlp.c_proj.bias"]
    return norm(x, tensors, f"{WORDS}ln_f", 1e-5) @ tensors[f"{WORDS}wte.weight"].T


class _Random:
    """Tensors with weights at random, by their names."""

    def __init__(self) -> None:
        self.tensors: Tensors = {}
        self._rng = generator("published chex")

    def add(self, name: str, *shape: int, around: float = 0.0) -> None:
        # Rounded to float32, which the file holds.
        self.tensors[name] = self._rng.normal(around, 0.15, shape).astype(np.float32).astype(np.float64)

    def line(self, name: str, outputs: int, inputs: int) -> None:
        self.add(f"{name}.weight", outputs, inputs)
        self.add(f"{name}.bias", outputs)

    def scale(self, name: str, width: int) -> None:
        self.add(f"{name}.weight", width, around=1.0)
        self.add(f"{name}.bias", width)

    def attention(self, name: str, width: int) -> None:
        self.add(f"{name}.in_proj_weight", 3 * width, width)
        self.add(f"{name}.in_proj_bias", 3 * width)
        self.line(f"{name}.out_proj", width, width)

    def perceptron(self, name: str, inputs: int, hidden: int, outputs: int) -> None:
        self.line(f"{name}.layers.0", hidden, inputs)
        self.line(f"{name}.layers.3", outputs, hidden)

    def tower(self, prefix: str, width: int) -> None:
        for layer in range(2):
            name = f"{prefix}transformer.resblocks.{layer}"
            self.attention(f"{name}.attn", width)
            self.line(f"{name}.mlp.c_fc", 4 * width, width)
            self.line(f"{name}.mlp.c_proj", width, 4 * width)
            self.scale(f"{name}.ln_1", width)
            self.scale(f"{name}.ln_2", width)

    def block(self, name: str) -> None:
        for kind in ("norm_sa", "norm_mha", "norm_encoder", "norm_ff"):
            self.scale(f"{name}.{kind}", WIDTH)
        for kind in ("ls_sa", "ls_mha", "ls_ff"):
            self.add(f"{name}.{kind}.gamma", WIDTH, around=0.5)
        self.attention(f"{name}.sa_block.sa", WIDTH)
        self.attention(f"{name}.mha_block.mha", WIDTH)
        self.perceptron(f"{name}.ff_block", WIDTH, 4 * WIDTH, WIDTH)

    def language_layer(self, name: str) -> None:
        self.scale(f"{name}.ln_1", WORDS_WIDTH)
        self.scale(f"{name}.ln_2", WORDS_WIDTH)
        sizes = {"attn.c_attn": (1, 3), "attn.c_proj": (1, 1), "mlp.c_fc": (1, 4), "mlp.c_proj": (4, 1)}
        for part, (inputs, outputs) in sizes.items():  # the library's Conv1D: inputs first
            self.add(f"{name}.{part}.weight", inputs * WORDS_WIDTH, outputs * WORDS_WIDTH)
            self.add(f"{name}.{part}.bias", outputs * WORDS_WIDTH)


def stage3(text_rows: int, word_rows: int) -> Tensors:
    """The tensors of a whole model with weights at random."""
    made = _Random()
    made.tower(IMAGE, IMAGE_WIDTH)
    made.tower(TEXT, TEXT_WIDTH)
    made.add(f"{IMAGE}conv1.weight", IMAGE_WIDTH, 3, PATCH, PATCH)
    made.add(f"{IMAGE}class_embedding", IMAGE_WIDTH)
    made.add(f"{IMAGE}positional_embedding", GRID * GRID + 1, IMAGE_WIDTH)
    made.add(f"{IMAGE}proj", IMAGE_WIDTH, WIDTH)
    made.scale(f"{IMAGE}ln_pre", IMAGE_WIDTH)
    made.scale(f"{IMAGE}ln_post", IMAGE_WIDTH)
    made.add(f"{TEXT}token_embedding.weight", text_rows, TEXT_WIDTH)
    made.add(f"{TEXT}positional_embedding", TEXT_POSITIONS, TEXT_WIDTH)
    made.add(f"{TEXT}text_projection", TEXT_WIDTH, WIDTH)
    made.scale(f"{TEXT}ln_final", TEXT_WIDTH)
    for name in ("detector.decoder.decoder_layers.0", "detector.decoder.decoder_layers.1"):
        made.block(name)
    made.block("post_decoder.post_decoder_layers.0")
    made.add("detector.multiregion_tokens", REGIONS, WIDTH)
    made.scale("detector.bbox_predictor.0", WIDTH)
    made.perceptron("detector.bbox_predictor.1", WIDTH, WIDTH, 4)
    made.tensors["detector.bbox_predictor.1.layers.3.bias"] = np.array([0.5, -0.5, 1.5, 1.5])
    made.scale("detector.patch_projector.0", WIDTH)
    made.line("detector.patch_projector.1.layers.0", WIDTH, WIDTH)
    made.scale("detector.out_projector.0", WIDTH)
    made.perceptron("detector.out_projector.1", WIDTH, 4 * WIDTH, WIDTH)
    made.perceptron("detector.multiregion_weight_mlp", WIDTH, WIDTH, 1)
    made.add("post_decoder.gate", 1, around=0.7)
    made.scale("post_decoder.ln_gate", WIDTH)
    made.perceptron("txt_decoder.prefix_proj", WIDTH, 4 * WIDTH, LENGTH * 2 * LAYERS * WORDS_WIDTH)
    made.add(f"{WORDS}wte.weight", word_rows, WORDS_WIDTH)
    made.add(f"{WORDS}wpe.weight", WORDS_POSITIONS, WORDS_WIDTH)
    made.scale(f"{WORDS}ln_f", WORDS_WIDTH)
    for layer in range(LAYERS):
        made.language_layer(f"{WORDS}h.{layer}")
    made.tensors["txt_decoder.language_model.lm_head.weight"] = made.tensors[f"{WORDS}wte.weight"]
    return made.tensors


CONFIG: dict[str, Any] = {
    "model_class": "ChEX",
    "d_model": WIDTH,
    "n_head": HEADS,
    "act": "gelu",
    "dropout": 0.3,
    "post_decoder_patches": True,
    "post_decoder_cls": True,
    "post_decoder_gate": True,
    "detector": {"multiregions": REGIONS, "soft_roi_beta": BETA, "decoder_sa": False, "clip_pos": False},
    "txt_decoder": {"position_offset": None, "max_length": 16, "language_model_url": "nobody/nothing"},
}


def save(tensors: Tensors, path: Path, config: dict[str, Any] | None = None) -> Path:
    """A checkpoint as the published trainer writes it."""
    state = {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in tensors.items()}
    whole = {
        "config_dict": CONFIG if config is None else config,
        "state_dict": state,
        "step": 7,
        "optimizer": {},
    }
    torch.save(whole, path)
    return path
