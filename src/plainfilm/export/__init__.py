"""Models as ONNX graphs that run without torch, checked against the model before they are written."""

from __future__ import annotations

from plainfilm.export.bundle import Exported, export_onnx
from plainfilm.export.quantized import Calibration

__all__ = ["Calibration", "Exported", "export_onnx"]
