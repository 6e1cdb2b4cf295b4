"""DINOv2 as the transformers library names it, as a timm backbone; queries, keys and values are one there."""

from __future__ import annotations

import re

OUTSIDE = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
UNUSED = (r"embeddings\.mask_token",)
"""What stands for hidden patches in pre-training."""

_IN_BLOCK = {
    **{f"{norm}.{kind}": f"{norm}.{kind}" for norm in ("norm1", "norm2") for kind in ("weight", "bias")},
    **{
        f"mlp.{layer}.{kind}": f"mlp.{layer}.{kind}"
        for layer in ("fc1", "fc2")
        for kind in ("weight", "bias")
    },
    **{f"attn.proj.{kind}": f"attention.output.dense.{kind}" for kind in ("weight", "bias")},
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
}


def published_names(name: str) -> tuple[str, ...]:
    """The names in a checkpoint of what a timm vision transformer calls `name`."""
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
    if block is None:
        return (OUTSIDE[name],)
    there, rest = f"encoder.layer.{block[1]}.", block[2]
    fused = re.fullmatch(r"attn\.qkv\.(weight|bias)", rest)
    if fused:
        return tuple(f"{there}attention.attention.{one}.{fused[1]}" for one in ("query", "key", "value"))
    return (there + _IN_BLOCK[rest],)
