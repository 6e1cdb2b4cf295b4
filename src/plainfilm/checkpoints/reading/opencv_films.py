"""Films as GLoRIA and the code that descends from it read them."""

from __future__ import annotations

from plainfilm.io.preprocessing import Preprocessing


def padded_by_opencv(size: int, mean: float, std: float) -> Preprocessing:
    """The longer side to 256 pixels by means over areas, black to a square, and the middle 224; for an input
    of another `size` in the same proportion."""
    return Preprocessing(
        size=size,
        resize=round(size * 8 / 7),
        fit="pad",
        library="opencv",
        filter="area",
        order="resize_first",
        mean=(mean,) * 3,
        std=(std,) * 3,
    )
