from __future__ import annotations

import numpy as np
import pytest

from plainfilm.errors import ConfigError
from plainfilm.phantom import render


def test_a_film_by_itself():
    film = render("LATERAL", seed=1, size=64)
    assert film.dtype == np.uint8
    assert max(film.shape) == 64


def test_an_unknown_view_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'LATERAL'"):
        render("LATERALL", size=64)


def test_an_unknown_kind_is_named_with_the_nearest(finding):
    with pytest.raises(ConfigError, match="did you mean 'effusion'"):
        render(findings=[finding("effusions", "left")], size=64)
