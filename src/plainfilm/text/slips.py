"""Slips of the keyboard."""

from __future__ import annotations


def is_one_slip(written: str, meant: str) -> bool:
    """True for one letter added, left out or changed, or two neighbours that changed places.

    >>> [is_one_slip(word, "effusion") for word in ("efusion", "effussion", "efufsion", "infusion")]
    [True, True, True, False]
    """
    longer, shorter = (written, meant) if len(written) >= len(meant) else (meant, written)
    if len(longer) - len(shorter) > 1 or written == meant:
        return False
    pairs = enumerate(zip(longer, shorter, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), len(shorter))
    if len(longer) > len(shorter):
        return longer[place + 1 :] == shorter[place:]
    swapped = longer[place : place + 2] == shorter[place : place + 2][::-1]
    return longer[place + 1 :] == shorter[place + 1 :] or (
        swapped and longer[place + 2 :] == shorter[place + 2 :]
    )
