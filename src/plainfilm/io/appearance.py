"""What a look at the pixels alone says of a film: a hint for a person, never a reason to refuse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def flags(film: NDArray[np.uint8]) -> tuple[str, ...]:
    """What a person should look at in a grey `film` (H, W), in words."""
    return ()
