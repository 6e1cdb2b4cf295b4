"""Converts line integrals to a film: scatter, noise, image processing, border and side marker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plainfilm.phantom.kernels import blur
from plainfilm.phantom.views import Technique
from plainfilm.types import View

Plane = NDArray[np.float32]
"""One value per pixel, (H, W)."""

_EVENED = {"direct": 0.5, "plate": 0.35, "film": 0.0}
"""Strength of contrast equalisation of each kind of scanner."""


def develop(attenuation: Plane, technique: Technique, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The film (H, W) of line integrals (H, W): dense tissue bright, air black."""
    pitch = technique.field_mm / max(attenuation.shape)
    signal = np.exp(-blur(attenuation, technique.blur_mm / pitch))
    signal = signal + _glow(np.minimum(signal, np.float32(0.25)), 16, 1.6) * np.float32(technique.scatter)
    signal = _noisy(signal, technique.noise, pitch, rng)
    grey = _window(-np.log(np.maximum(signal, np.float32(1e-5))), technique)
    film = np.clip(grey * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return _draw_marks(_collimate(film, technique), technique, rng)


def _glow(values: Plane, cells: int, sigma: float) -> Plane:
    """`values` with a very wide blur: reduced to `cells` per side, blurred by `sigma` cells, enlarged."""
    height, width = values.shape
    small = np.asarray(Image.fromarray(values).resize((cells, cells), Image.Resampling.BOX))
    wide = Image.fromarray(blur(small, sigma)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide)


def _noisy(signal: Plane, amount: float, pitch: float, rng: np.random.Generator) -> Plane:
    """Quantum noise: its relative spread falls with the square root of the signal and of the pixel's area."""
    spread = np.minimum(
        np.float32(amount * 0.0045 / pitch) / np.sqrt(signal + np.float32(1e-4)), np.float32(0.5)
    )
    return np.asarray(signal * (1 + spread * rng.standard_normal(signal.shape, dtype=np.float32)))


def _window(optical: Plane, technique: Technique) -> Plane:
    """Grey in 0..1: local contrast equalised as in digital systems, then a gentle S-shaped curve."""
    sample = optical[::3, ::3]
    tissue = sample[sample > 0.9]
    dark, middle, bright = np.quantile(tissue if tissue.size > 50 else sample, [0.04, 0.5, 0.99])
    # Half the window is what the exposure control expects, the other half is adapted to this patient.
    low = 0.6 * float(dark) + 0.4 * (float(middle) - 1.25)
    high = 0.6 * float(bright) + 0.4 * (float(middle) + 1.7)
    evened = _EVENED[technique.scanner]
    smooth = _glow(np.clip(optical, low, high + 0.5), 40, 5.0)
    gain = technique.contrast / ((high - low) * (1.0 - evened * 0.55))
    offset = (
        (float(middle) - low) / (high - low) + technique.brightness - float(middle) * gain * (1.0 - evened)
    )
    position = optical * np.float32(gain) - smooth * np.float32(evened * gain) + np.float32(offset)
    curved = np.float32(1.04) / (1 + np.exp(np.float32(-4.6) * (position - np.float32(0.5)))) - np.float32(
        0.03
    )
    straight = np.clip(position * np.float32(0.92) + np.float32(0.02), 0, 1)
    return np.asarray(np.float32(0.6) * curved + np.float32(0.4) * straight)


def _collimate(film: NDArray[np.uint8], technique: Technique) -> NDArray[np.uint8]:
    height, width = film.shape
    left, top, right, bottom = technique.border
    framed = np.zeros_like(film)
    rows = slice(round(top * height), height - round(bottom * height))
    columns = slice(round(left * width), width - round(right * width))
    framed[rows, columns] = film[rows, columns]
    return framed


def _draw_marks(film: NDArray[np.uint8], technique: Technique, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw the side letter and, on bedside films, words, as lead markers or burnt in."""
    if not technique.marker:
        return film
    picture = Image.fromarray(film)
    pen = ImageDraw.Draw(picture)
    height, width = film.shape
    font = ImageFont.load_default(size=max(round(max(width, height) * 0.045), 6))
    on_left = (technique.marker == "R") != (technique.view is View.LATERAL)
    x = width * rng.uniform(0.04, 0.08) if on_left else width * rng.uniform(0.89, 0.93)
    pen.text((x, height * rng.uniform(0.04, 0.14)), technique.marker, fill=250, font=font)
    if technique.view in (View.AP, View.AP_SUPINE) and rng.random() < 0.5:
        small = ImageFont.load_default(size=max(round(max(width, height) * 0.024), 5))
        words = (
            "SUPINE"
            if technique.view is View.AP_SUPINE
            else str(rng.choice(["PORTABLE", "AP ERECT", "SEMI"]))
        )
        pen.text((width * 0.05, height * rng.uniform(0.02, 0.05)), words, fill=240, font=small)
    return np.asarray(picture)
