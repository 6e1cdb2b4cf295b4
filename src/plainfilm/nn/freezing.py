"""Keeps parts of a model as they are: no gradient, and nothing random or adaptive inside them."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.errors import ConfigError
from plainfilm.nn.model import Model


def freeze(model: Model, *, image: bool = False, text: bool | int = False, batch_norm: bool = False) -> None:
    """Freeze the image encoder, and all (`True`) or the embeddings and first N blocks of the text encoder.

    Frozen parts get no gradient and stay in evaluation mode whatever `model.train()` is told, so their
    dropout is off and their batch statistics do not move. With `batch_norm` the statistics of every layer of
    batch normalisation stay as they are, while its scale and shift are trained. What follows the encoders
    stays trainable. Calling it again replaces what was frozen before.

    Raises:
        ConfigError: `text` asks for more blocks than there are, or the model reads no texts.
    """
    parts: list[nn.Module] = [model.image] if image else []
    parts += _text_parts(model, text)
    for parameter in model.encoder_parameters():
        parameter.requires_grad_(True)
    for part in parts:
        part.requires_grad_(False)
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase)] if batch_norm else []
    model.keep_frozen([*parts, *layers])


def _text_parts(model: Model, text: bool | int) -> list[nn.Module]:
    if text is False:
        return []
    if model.text_encoder is None:
        raise ConfigError(
            "training.freeze_text_layers is set, but this model has no text encoder: leave it out"
        )
    if text is True:
        return [model.text_encoder]
    layers = model.text_encoder.layers()
    if not 0 <= text < len(layers):
        raise ConfigError(f"freezing {text} text blocks: this encoder has {len(layers) - 1}")
    return list(layers[: text + 1])
