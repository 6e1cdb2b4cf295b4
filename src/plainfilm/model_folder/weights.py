"""The weights of a model folder, checked before anything of the size that its settings claim is allocated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from plainfilm.errors import ModelError
from plainfilm.model_folder.config import ModelConfig
from plainfilm.model_folder.cost import check_cost
from plainfilm.models.base import Model
from plainfilm.nn.cost import Cost
from plainfilm.nn.library_settings import check_repeats
from plainfilm.nn.packaged_weights import check_fit, load_strictly
from plainfilm.nn.size import on_meta
from plainfilm.plugins import foreign_code

_AGAIN = "copy or train it again"


def read_model(
    file: Path,
    settings: ModelConfig,
    build: Callable[[], Model],
    fingerprint: Callable[[], str],
) -> tuple[Model, Cost]:
    """The model that `build` makes of `settings`, with the weights in `file`, and what a film costs it.

    It is first built without storage, compared with the header of the file, and tried with its largest
    inputs. The `fingerprint` of the folder must be the stated one.

    Raises:
        ModelError: damaged, a tensor that is missing, unexpected, of another shape or not finite, or another
            fingerprint.
        ConfigError: settings that cannot be built, or inputs beyond `io.limits`.
    """
    header, architecture = _header(file), settings.architecture.model_dump(mode="json")
    check_repeats(architecture, len(header), "architecture")
    is_ours = not any(foreign_code(architecture))  # other code is trusted, and may need real tensors
    described, cost = on_meta(build) if is_ours else None, Cost()
    if described is not None:
        check_fit(described, header, str(file))
        cost = check_cost(described.eval(), settings.preprocessing)
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from None
    _check_finite(tensors, file)
    if fingerprint() != settings.fingerprint:
        raise ModelError(
            f"{file}: is not what was written (the fingerprint in config.json differs): {_AGAIN}, or save "
            "the model anew if it was changed on purpose"
        )
    with torch.random.fork_rng(devices=[]):  # the random start is overwritten and should cost no draws
        model = build()
    load_strictly(model, tensors, str(file))
    return model, cost


def _header(file: Path) -> dict[str, Tensor]:
    """The tensors of a file without their storage."""
    try:
        with safe_open(file, framework="pt") as opened, torch.device("meta"):
            return {name: torch.empty(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> ModelError:
    return ModelError(f"{file}: damaged ({str(error).splitlines()[0]}); {_AGAIN}")


def _check_finite(tensors: Mapping[str, Tensor], file: Path) -> None:
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise ModelError(f"{file}: tensor '{broken[0]}'{more} holds NaN or infinity: train or copy it again")
