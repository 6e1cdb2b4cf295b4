"""From line integrals to a film: scatter, noise, the machine's processing, border and side marker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plainfilm.phantom.kernels import blur
from plainfilm.phantom.shapes import Array
from plainfilm.phantom.views import Technique
from plainfilm.types import View


def develop(attenuation: Array, technique: Technique, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The film (H, W) of line integrals (H, W): dense tissue bright, air black."""
    pitch = technique.field_mm / max(attenuation.shape)
    signal = np.exp(-blur(attenuation, technique.blur_mm / pitch))
    signal += _scatter(signal, technique.scatter)
    signal = _noisy(signal, technique.noise, pitch, rng)
    optical = -np.log(np.maximum(signal, 1e-5))
    grey = _window(optical, technique)
    film = np.clip(grey * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return _finish(film, technique, rng)


def _scatter(signal: Array, share: float) -> Array:
    """A wide glow that follows the light let through nearby."""
    height, width = signal.shape
    small = Image.fromarray(signal.astype(np.float32)).resize((16, 16), Image.Resampling.BOX)
    glow = blur(np.minimum(np.asarray(small, dtype=np.float64), 0.25), 1.6)
    wide = Image.fromarray(glow.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide, dtype=np.float64) * share


def _noisy(signal: Array, amount: float, pitch: float, rng: np.random.Generator) -> Array:
    """Quantum noise: relative spread falls with the square root of the light and of the pixel's area."""
    spread = amount * 0.0045 / pitch / np.sqrt(signal + 1e-4)
    return np.asarray(signal * (1.0 + np.minimum(spread, 0.5) * rng.standard_normal(signal.shape)))


def _window(optical: Array, technique: Technique) -> Array:
    """Grey in 0..1: local contrast evened out as digital machines do, then an S-shaped curve."""
    evened = {"direct": 0.5, "plate": 0.35, "film": 0.0}[technique.scanner]
    tissue = optical[optical > 0.9]
    if tissue.size < 50:
        tissue = optical.ravel()
    middle = float(np.median(tissue))
    low = 0.6 * float(np.quantile(tissue, 0.04)) + 0.4 * (middle - 1.25)
    high = 0.6 * float(np.quantile(tissue, 0.99)) + 0.4 * (middle + 1.7)
    smooth = _wide_blur(np.clip(optical, low, high + 0.5))
    flat = optical - evened * (smooth - middle)
    share = 1.0 - evened * 0.55
    position = (flat - middle) / ((high - low) * share) * technique.contrast
    centre = (middle - low) / (high - low) + technique.brightness
    position = position + centre
    return 1.0 / (1.0 + np.exp(-4.6 * (position - 0.5))) * 1.04 - 0.03


def _wide_blur(values: Array) -> Array:
    height, width = values.shape
    small = Image.fromarray(values.astype(np.float32)).resize((40, 40), Image.Resampling.BOX)
    smooth = blur(np.asarray(small, dtype=np.float64), 5.0)
    wide = Image.fromarray(smooth.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide, dtype=np.float64)


def _finish(film: NDArray[np.uint8], technique: Technique, rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = film.shape
    left, top, right, bottom = technique.border
    framed = np.zeros_like(film)
    rows = slice(round(top * height), height - round(bottom * height))
    columns = slice(round(left * width), width - round(right * width))
    framed[rows, columns] = film[rows, columns]
    return _draw_marks(framed, technique, rng)


def _draw_marks(film: NDArray[np.uint8], technique: Technique, rng: np.random.Generator) -> NDArray[np.uint8]:
    if not technique.marker:
        return film
    picture = Image.fromarray(film)
    pen = ImageDraw.Draw(picture)
    height, width = film.shape
    font = ImageFont.load_default(size=max(round(max(width, height) * 0.045), 6))
    on_left = (technique.marker == "R") != (technique.view is View.LATERAL)
    x = width * rng.uniform(0.04, 0.08) if on_left else width * rng.uniform(0.89, 0.93)
    y = height * rng.uniform(0.04, 0.14)
    pen.text((x, y), technique.marker, fill=250, font=font)
    if technique.view in (View.AP, View.AP_SUPINE) and rng.random() < 0.5:
        small = ImageFont.load_default(size=max(round(max(width, height) * 0.024), 5))
        words = "SUPINE" if technique.view is View.AP_SUPINE else str(rng.choice(["PORTABLE", "AP ERECT", "SEMI"]))
        pen.text((width * 0.05, height * rng.uniform(0.02, 0.05)), words, fill=240, font=small)
    return np.asarray(picture)
