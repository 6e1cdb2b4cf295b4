"""Chooses precision and memory format for the device, by measured speed.

On CPUs with bfloat16 units, autocast halves the step time of residual networks, ViT and BERT and does
nothing for EfficientNets; channels-last speeds up convolutional networks and slows down vision transformers.
Without such units bfloat16 is emulated and slower than float32. Attention written as two matrix products
takes a BERT step of 97 tokens from 5.9 s to 5.0 s on a CPU (no difference at 256 tokens): the backward pass
of torch's fused CPU kernel is slow.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plainfilm.batches.batch import Batch
from plainfilm.models.base import Model
from plainfilm.nn.base import ImageEncoder
from plainfilm.nn.size import count_parameters
from plainfilm.training.recipe import TrainingConfig

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
_WITHOUT_GAIN = {"EfficientNet", "MobileNetV3"}
"""Class names of backbones of depthwise convolutions, which bfloat16 does not speed up."""


@dataclass(frozen=True)
class DeviceConfig:
    """device: a torch device's name. precision: "fp32" or "bf16". memory_format: "contiguous" or
    "channels_last". threads: torch threads; results repeat exactly for the same number of threads."""

    device: str
    precision: str
    memory_format: str
    threads: int

    def autocast(self) -> AbstractContextManager:
        """A new context for running encoders."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)

    def place(self, module: nn.Module) -> None:
        """Move `module` to the device, in the chosen memory format and with the fastest attention."""
        module.to(self.device)
        if self.precision == "bf16" and torch.device(self.device).type == "cpu":
            _write_attention_out(module)
        if self.memory_format == "channels_last":
            module.to(memory_format=torch.channels_last)

    def take(self, batch: Batch) -> Batch:
        """`batch` on the device."""
        return batch.to(self.device)

    def describe(self) -> dict[str, Any]:
        """The description of this device for logs."""
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        return asdict(self) | versions | {"processor": platform.processor() or platform.machine()}


def _write_attention_out(module: nn.Module) -> None:
    for part in module.modules():
        choose = getattr(part, "set_attn_implementation", None)  # a transformers model; not imported here
        if choose is not None:
            choose("eager")


def choose_device_config(config: TrainingConfig, model: Model, device: torch.device) -> DeviceConfig:
    """The precision and memory format that `config` sets; "auto" chooses the fastest by measurement."""
    precision, memory_format = config.precision, config.memory_format
    if precision == "auto":
        precision = "bf16" if has_bf16(device) and gains_from_bf16(model) else "fp32"
    if memory_format == "auto":
        memory_format = "channels_last" if is_convolutional(model) else "contiguous"
    return DeviceConfig(str(device), precision, memory_format, torch.get_num_threads())


def has_bf16(device: torch.device) -> bool:
    """Whether `device` has hardware for bfloat16 multiplication."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(_BF16_FLAGS & _processor_flags())


def _processor_flags(file: Path = Path("/proc/cpuinfo")) -> set[str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return set(flags.partition(":")[2].split())


def gains_from_bf16(model: Model) -> bool:
    """False if depthwise convolution does most of the work: such a backbone and smaller other parts."""
    slow = [part for part in model.parts().values() if _is_depthwise(part)]
    if not slow:
        return True
    return count_parameters(model) > 2 * sum(map(count_parameters, slow))


def _is_depthwise(part: nn.Module) -> bool:
    return any(type(module).__name__ in _WITHOUT_GAIN for module in part.modules())


def is_convolutional(model: nn.Module) -> bool:
    """True if convolutions encode the images; a transformer has a single one, for its patches."""
    encoders = [module for module in model.modules() if isinstance(module, ImageEncoder)]
    counts = [sum(isinstance(module, nn.Conv2d) for module in encoder.modules()) for encoder in encoders]
    return any(count > 1 for count in counts)


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """While open, torch uses deterministic algorithms where it has them; earlier settings are restored."""
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    guards: Any = torch.utils.deterministic  # a module whose attribute torch does not type
    fills = guards.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by cuBLAS
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    # Filling uninitialised memory takes time, and no code here reads memory before writing (docs/log.md).
    guards.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        torch.backends.cudnn.benchmark = benchmark
        guards.fill_uninitialized_memory = fills
