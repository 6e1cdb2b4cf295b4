"""Seeded damage to bytes: what disks, networks, careless programs and hostile people do to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Rng = np.random.Generator

_NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    10_000,
    60_000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
_TEXT = (
    *("\x00", '"', "'", ",", ";", "\n", "\r\n", "\t", "|", "&", "<", ">", "]]>", "[", "{", "\\", "%", "=1+1"),
    *(
        "NaN",
        "inf",
        "-1",
        "1e309",
        "9" * 30,
        "\ufeff",
        "\u202e",
        "\u0301" * 40,
        "\U0001f480",
        "\ud7ff",
        "a" * 20_000,
    ),
    *(
        "FINDINGS:",
        "IMPRESSION:",
        "No ",
        " vs. ",
        "1. ",
        "___",
        "XXXX",
        "(" * 400,
        "- " * 400,
        "no or and " * 300,
    ),
)


def flip_bits(data: bytearray, rng: Rng, _: bytes) -> None:
    """Some bits change, half of the time near the beginning, where the headers are."""
    for place in _places(data, rng, int(rng.integers(1, 20))):
        data[place] ^= 1 << int(rng.integers(8))


def overwrite(data: bytearray, rng: Rng, _: bytes) -> None:
    """A block becomes noise, zeros or ones."""
    start, stop = _block(data, rng)
    kind = int(rng.integers(3))
    noise = rng.integers(0, 256, stop - start, dtype=np.uint8).tobytes()
    data[start:stop] = (noise, bytes(stop - start), b"\xff" * (stop - start))[kind]


def truncate(data: bytearray, rng: Rng, _: bytes) -> None:
    """The end is missing."""
    del data[int(rng.integers(0, len(data) + 1)) :]


def fill_end(data: bytearray, rng: Rng, _: bytes) -> None:
    """The end is zeros, as an interrupted download leaves it."""
    start = int(rng.integers(0, len(data) + 1))
    data[start:] = bytes(len(data) - start)


def remove(data: bytearray, rng: Rng, _: bytes) -> None:
    """A block is missing."""
    start, stop = _block(data, rng)
    del data[start:stop]


def repeat(data: bytearray, rng: Rng, _: bytes) -> None:
    """A block comes several times."""
    start, stop = _block(data, rng)
    data[start:start] = data[start:stop] * int(rng.integers(1, 6))


def splice(data: bytearray, rng: Rng, other: bytes) -> None:
    """The end is that of another file."""
    start = int(rng.integers(0, len(data) + 1))
    data[start:] = other[int(rng.integers(0, len(other) + 1)) :]


def lie(data: bytearray, rng: Rng, _: bytes) -> None:
    """Lengths, sizes and counts become numbers that nobody expects."""
    for place in _places(data, rng, int(rng.integers(1, 4))):
        width = int(rng.choice([1, 2, 4]))
        number = int(rng.choice(_NUMBERS)) % (1 << (8 * width))
        order = "little" if rng.integers(2) else "big"
        data[place : place + width] = number.to_bytes(width, order)  # type: ignore[arg-type]


def write_text(data: bytearray, rng: Rng, _: bytes) -> None:
    """Letters, quotes and phrases where they do not belong."""
    for place in _places(data, rng, int(rng.integers(1, 6))):
        encoding = str(rng.choice(["utf-8", "utf-16-le", "cp1252", "latin-1"]))
        piece = str(_TEXT[int(rng.integers(len(_TEXT)))])
        data[place:place] = piece.encode(encoding, "replace")


_BINARY: Sequence[Callable[[bytearray, Rng, bytes], None]] = (
    *(flip_bits, overwrite, truncate, fill_end, remove, repeat, splice, lie, lie),
)
_WRITTEN: Sequence[Callable[[bytearray, Rng, bytes], None]] = (
    *(flip_bits, overwrite, truncate, remove, repeat, splice, write_text, write_text, write_text),
)


def mutated(seed: bytes, other: bytes, rng: Rng, *, is_text: bool) -> bytes:
    """`seed` after one to three kinds of damage."""
    data = bytearray(seed)
    kinds = _WRITTEN if is_text else _BINARY
    for _ in range(int(rng.integers(1, 4))):
        kinds[int(rng.integers(len(kinds)))](data, rng, other)
    return bytes(data)


def _places(data: bytearray, rng: Rng, count: int) -> list[int]:
    ends = [min(len(data), 512) if rng.integers(2) else len(data) for _ in range(count)]
    return [int(rng.integers(end)) for end in ends if end]


def _block(data: bytearray, rng: Rng) -> tuple[int, int]:
    start = int(rng.integers(0, len(data) + 1))
    return start, min(len(data), start + int(rng.integers(1, 400)))
