"""What boxes of a region model read of its patches."""

from __future__ import annotations

import pytest
import torch

from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.region import TINY
from plainfilm.nn.base import ImageFeatures


@pytest.mark.parametrize("pools_positions", [False, True])
@torch.no_grad()
def test_equal_patches_differ_by_their_place_where_a_box_pools_positions(pools_positions: bool) -> None:
    detector = TINY.detector.model_copy(update={"pools_positions": pools_positions})
    config = TINY.model_copy(update={"detector": detector, "sentence": None, "post_decoder": None})
    model = build_model(
        config, Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=50, max_tokens=16)})
    ).eval()
    patches = torch.randn(1, 1, model.image.patch_features).expand(-1, 64, -1)
    films = ImageFeatures(torch.randn(1, model.image.features), patches)
    left, right = model.box_answers(films, torch.tensor([[[0.1, 0.2, 0.4, 0.5], [0.6, 0.2, 0.9, 0.5]]]))[0]
    assert torch.allclose(left, right, atol=1e-5) is not pools_positions
