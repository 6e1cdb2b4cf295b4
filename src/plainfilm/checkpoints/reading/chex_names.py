"""The names of ChEX' tensors, beside those of a region model of ours.

What is above the towers are blocks of self-attention, attention to the image and a perceptron, each with a
normalisation before and a scale after it, and perceptrons of two layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from plainfilm.checkpoints.reading import clip

IMAGE, TEXT, POSITIONS = "img_encoder.backbone.", "txt_encoder.", "img_encoder.positions"
"""Before the names of both towers; and what the positions of patches are called that are made of others."""
DECODER, PREFIX = "txt_decoder.language_model.", "txt_decoder.prefix_proj.layers."
DETECTOR, AFTER = "detector.decoder.decoder_layers.", "post_decoder.post_decoder_layers."
"""Before the numbers of blocks."""

_OUTSIDE_BLOCKS = {
    "detector.regions": "detector.multiregion_tokens",
    "positions.positions": POSITIONS,
    "image_projection.weight": f"{IMAGE}proj",
    "text_projection.weight": f"{TEXT}text_projection",
    "post_decoder.gate": "post_decoder.gate",
}
_LAYERS = {
    "detector.head.0": "detector.bbox_predictor.0",
    "detector.head.1": "detector.bbox_predictor.1.layers.0",
    "detector.head.4": "detector.bbox_predictor.1.layers.3",
    "region_features.values.0": "detector.patch_projector.0",
    "region_features.values.1": "detector.patch_projector.1.layers.0",
    "region_features.output.0": "detector.out_projector.0",
    "region_features.output.1": "detector.out_projector.1.layers.0",
    "region_features.output.4": "detector.out_projector.1.layers.3",
    "region_weights.score.0": "detector.multiregion_weight_mlp.layers.0",
    "region_weights.score.3": "detector.multiregion_weight_mlp.layers.3",
    "post_decoder.norm": "post_decoder.ln_gate",
    "prefix.perceptron.0": f"{PREFIX}0",
    "prefix.perceptron.3": f"{PREFIX}3",
}
_IN_BLOCK = {
    "norms.0": "norm_sa",
    "norms.1": "norm_mha",
    "norms.2": "norm_ff",
    "image_norm": "norm_encoder",
    "perceptron.0": "ff_block.layers.0",
    "perceptron.3": "ff_block.layers.3",
}
_ATTENTIONS = {"self_attention": "sa_block.sa", "image_attention": "mha_block.mha"}
_ATTENTION = {"queries": "q_proj", "keys": "k_proj", "values": "v_proj", "output": "out_proj"}
_SCALES = {"scales.0": "ls_sa.gamma", "scales.1": "ls_mha.gamma", "scales.2": "ls_ff.gamma"}


def with_places_of_dropout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors` with the second layer of a perceptron in the place it has after a dropout, which a model
    that was trained without dropout lacks."""

    def place(name: str) -> str:
        after = re.sub(r"\.layers\.2\.(weight|bias)$", r".layers.3.\1", name)
        ours = name.startswith(("detector.", "post_decoder.", PREFIX))
        return after if ours and after not in tensors else name

    return {place(name): tensor for name, tensor in tensors.items()}


def published_names(name: str) -> tuple[str, ...]:
    """The name, in a prepared checkpoint, of what a region model of ours calls `name`."""
    part, _, rest = name.partition(".")
    block = re.fullmatch(r"(detector|post_decoder)\.blocks\.(\d+)\.(.+)", name)
    stem, _, kind = name.rpartition(".")
    if name == "log_scale":
        return ()
    if name in _OUTSIDE_BLOCKS:
        return (_OUTSIDE_BLOCKS[name],)
    if part == "image":
        return (IMAGE + clip.image_name(rest.removeprefix("backbone.")),)
    if part == "text":
        return (TEXT + clip.text_name(rest.removeprefix("encoder.")),)
    if part == "sentence":
        return (DECODER + rest.removeprefix("decoder."),)
    if block:
        stack = DETECTOR if block[1] == "detector" else AFTER
        return (f"{stack}{block[2]}.{_name_in_block(block[3])}",)
    return (f"{_LAYERS[stem]}.{kind}",)


def _name_in_block(name: str) -> str:
    if name in _SCALES:
        return _SCALES[name]
    stem, _, kind = name.rpartition(".")
    part, _, layer = stem.partition(".")
    if part in _ATTENTIONS:
        return f"{_ATTENTIONS[part]}.{_ATTENTION[layer]}.{kind}"
    return f"{_IN_BLOCK[stem]}.{kind}"
