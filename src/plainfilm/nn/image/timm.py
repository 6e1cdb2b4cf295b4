"""Image backbones of the timm library, by their names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError
from torch import Tensor, nn

from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.hub import before_download, local_only, not_here, unreadable
from plainfilm.nn.base import EncoderConfig, ImageEncoder, ImageFeatures
from plainfilm.nn.library_settings import check_library_settings
from plainfilm.nn.packaged_weights import load_strictly, named_for, read_weights
from plainfilm.nn.size import check_fits_in_memory


class Config(EncoderConfig):
    """The backbone, the origin of its weights, and its pooling.

    `pretrained` takes the library's weights (downloaded once, unless `offline`); `weights` names a local file
    or `package:NAME` instead. `pooling` is `native` (the input of the backbone's own classifier), `average`
    of the patches, `token` (the class token), or `first_patch` (the top left one, which the first CXR-CLIP
    took for the class token of a Swin). `image_size` is for backbones of a fixed input size. `drop_rate` is
    dropout on the pooled features. `upsample` is the side that films are scaled to before the backbone,
    bilinearly and with their corners kept (GLoRIA's 299). `settings` are further arguments of the backbone,
    such as `embed_dim` of a Swin.
    """

    use: str = "timm"
    name: str
    pretrained: bool = False
    weights: str | None = None
    offline: bool = False
    channels: Literal[1, 3] = 3
    image_size: int | None = Field(default=None, ge=16, le=4096)
    pooling: Literal["native", "average", "token", "first_patch"] = "native"
    upsample: int | None = Field(default=None, ge=16, le=4096)
    drop_rate: float = Field(default=0.0, ge=0, lt=1)
    drop_path_rate: float = Field(default=0.0, ge=0, lt=1)
    settings: dict[str, Any] = Field(default_factory=dict)

    def check(self) -> None:
        """Raise an error for a name that timm does not know, or weights that need a forbidden download."""
        import timm

        check_library_settings(self.settings, "image.settings")
        if self.pretrained and self.weights:
            raise ConfigError(f"image encoder '{self.name}': set pretrained or weights, not both")
        if not timm.is_model(self.name):
            close = difflib.get_close_matches(self.name.split(".")[0], timm.list_models(), n=1, cutoff=0.4)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise ConfigError(f"unknown timm model '{self.name}': {hint}timm.list_models() lists all")
        if self.pretrained and self.offline and not _is_cached(self.name):
            before_download(f"pretrained '{self.name}'", offline=True)


TINY = Config(name="test_vit", image_size=64, drop_rate=0.1, drop_path_rate=0.1)


class TimmEncoder(ImageEncoder):
    """A timm backbone without its classifier; `fixed_size` is its input size, if it is fixed."""

    config: Config

    def __init__(self, config: Config, backbone: Any) -> None:
        super().__init__()
        self.config = config
        self.backbone: Any = backbone
        self.pooling = config.pooling
        self.patch_features = int(backbone.num_features)
        self.features = self.patch_features
        if config.pooling == "native":
            self.features = int(getattr(backbone, "head_hidden_size", None) or self.patch_features)
        self.prefix = int(getattr(backbone, "num_prefix_tokens", 0))
        self.channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"
        self.fixed_size = _fixed_size(config, backbone)
        self.dropout = nn.Dropout(config.drop_rate)
        if config.pooling == "token" and not self.prefix:
            raise ConfigError(f"pooling 'token': {config.name} has no class token; use native or average")

    def forward(self, images: Tensor) -> ImageFeatures:
        """Features of normalised `images` (N, C, H, W); raises `ModelError` for an unsupported size."""
        if self.fixed_size not in (None, images.shape[-1]):
            raise ModelError(
                f"this encoder takes films of {self.fixed_size} px, not {images.shape[-1]}: set "
                f"preprocessing.size to {self.fixed_size} or the encoder's image_size to {images.shape[-1]}"
            )
        if self.config.upsample is not None:
            size = (self.config.upsample, self.config.upsample)
            images = nn.functional.interpolate(images, size=size, mode="bilinear", align_corners=True)
        features = self.backbone.forward_features(images)
        patches = self._patches(features)
        return ImageFeatures(self.dropout(self._pooled(features, patches)), patches)

    def _patches(self, features: Tensor) -> Tensor:
        if features.ndim == 3:
            return features[:, self.prefix :]
        return features.flatten(1, 2) if self.channels_last else features.flatten(2).transpose(1, 2)

    def _pooled(self, features: Tensor, patches: Tensor) -> Tensor:
        if self.pooling == "token":
            return features[:, 0]
        if self.pooling == "average":
            return patches.mean(dim=1)
        if self.pooling == "first_patch":
            return patches[:, 0]
        return self.backbone.forward_head(features, pre_logits=True)

    def pooled_alone(self, features: ImageFeatures) -> Tensor:
        """Pooled vectors (N, P, F) of films that show nothing but one patch: the patch, in the place of the
        class token too, after whatever the backbone does when it pools."""
        patches = features.patches
        if self.pooling != "native":
            return patches
        rows = patches.flatten(0, 1)
        if self._gives_sequences:
            films = rows.unsqueeze(1).expand(-1, self.prefix + 1, -1)
        else:
            films = rows[:, None, None] if self.channels_last else rows[:, :, None, None]
        pooled: Tensor = self.backbone.forward_head(films, pre_logits=True)
        return pooled.view(*patches.shape[:2], -1)

    @cached_property
    def _gives_sequences(self) -> bool:
        """Whether the patches of the backbone are a sequence and not a grid."""
        side = self.fixed_size or 64
        weight = next(self.backbone.parameters())
        blank = torch.zeros(1, self.config.channels, side, side, device=weight.device, dtype=weight.dtype)
        with torch.inference_mode():
            return bool(self.backbone.forward_features(blank).ndim == 3)

    def layers(self) -> Sequence[nn.Module]:
        """The embeddings of a vision transformer, its class token and positions among them, then each block.

        Raises:
            ConfigError: the backbone is no such transformer.
        """
        blocks = getattr(self.backbone, "blocks", None)
        if not isinstance(blocks, nn.Sequential | nn.ModuleList) or not hasattr(self.backbone, "patch_embed"):
            raise ConfigError(
                f"{self.config.name} has no numbered blocks: freeze it whole or not, without layer_decay"
            )
        tokens = nn.ParameterList(self.backbone.parameters(recurse=False))
        before = nn.ModuleList([tokens, self.backbone.patch_embed, self.backbone.norm_pre])
        return [before, *blocks]

    def rebuilt_from(self) -> dict[str, Any]:
        """The same backbone without weights, with its fixed size, if any."""
        return self.config.model_dump(mode="json") | {"pretrained": False, "weights": None}


def _fixed_size(config: Config, backbone: Any) -> int | None:
    if config.image_size is not None:
        return config.image_size
    described = backbone.pretrained_cfg
    return int(described["input_size"][-1]) if described.get("fixed_input_size") else None


def build(config: Config) -> TimmEncoder:
    """The encoder of `config`, with random, downloaded or stored weights.

    Raises:
        ConfigError: an unknown name, or an option that this backbone does not accept.
        ModelError: weights that are missing, cannot be downloaded or do not fit.
    """
    config.check()
    what = f"image encoder '{config.name}'"
    check_fits_in_memory(lambda: _create(config, pretrained=False), what)
    if config.pretrained and not _is_cached(config.name):
        before_download(f"pretrained '{config.name}'", offline=config.offline)
        backbone = _create(config, pretrained=True)
    else:
        with local_only():
            backbone = _create(config, pretrained=config.pretrained)
    if config.weights:
        _load(backbone, config)
    return TimmEncoder(config, backbone)


def _create(config: Config, pretrained: bool) -> Any:
    import timm

    options: dict[str, Any] = {"in_chans": config.channels, "num_classes": 0, **config.settings}
    if config.image_size is not None and _takes_size(config.name):
        options["img_size"] = config.image_size
    if config.drop_path_rate:
        options["drop_path_rate"] = config.drop_path_rate
    try:
        return timm.create_model(config.name, pretrained=pretrained, **options)
    except SafetensorError as error:
        raise unreadable(f"pretrained '{config.name}'", error) from None
    except Exception as error:  # of values that do not fit the library lets anything through
        if pretrained and isinstance(error, OSError | RuntimeError | ValueError):
            raise not_here(f"pretrained '{config.name}'", str(error)) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"image encoder '{config.name}': {reason}") from None


def _takes_size(name: str) -> bool:
    import timm

    described = timm.get_pretrained_cfg(name)
    return bool(described and described.fixed_input_size)


def _load(backbone: Any, config: Config) -> None:
    import timm

    origin = str(config.weights)
    tensors = read_weights(origin)
    with torch.device("meta"):
        whole = timm.create_model(config.name)
    tensors = named_for(whole, tensors, origin)
    own = backbone.state_dict()
    classifier = _classifier_prefixes(backbone)
    tensors = {key: tensor for key, tensor in tensors.items() if key in own or not key.startswith(classifier)}
    _fit_channels(tensors, f"{backbone.pretrained_cfg['first_conv']}.weight", config.channels)
    load_strictly(backbone, tensors, origin)


def _classifier_prefixes(backbone: Any) -> tuple[str, ...]:
    names = backbone.pretrained_cfg["classifier"]
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _fit_channels(tensors: dict[str, Tensor], first: str, channels: int) -> None:
    from timm.models import adapt_input_conv

    if first in tensors and tensors[first].shape[1] == 3 and channels != 3:
        tensors[first] = adapt_input_conv(channels, tensors[first])


def _is_cached(name: str) -> bool:
    import timm
    from huggingface_hub import try_to_load_from_cache

    described = timm.get_pretrained_cfg(name)
    if described is None:
        return False
    if described.hf_hub_id:
        files = ("model.safetensors", "pytorch_model.bin")
        return any(isinstance(try_to_load_from_cache(described.hf_hub_id, file), str) for file in files)
    stored = Path(torch.hub.get_dir()) / "checkpoints" / Path(str(described.url)).name
    return stored.is_file()
