"""What boxes of a region model read of its patches."""

from __future__ import annotations

import pytest
import torch

from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.region import TINY
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.regions.post_decoder import PostDecoderConfig


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


@torch.no_grad()
def test_a_box_is_told_its_size_and_a_prompt_is_not() -> None:
    torch.manual_seed(0)
    post_decoder = PostDecoderConfig(depth=1, heads=2, reads_boxes=True)
    config = TINY.model_copy(update={"post_decoder": post_decoder, "sentence": None})
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=50, max_tokens=16)})
    model = build_model(config, facts).eval()
    features = torch.randn(1, 1, model.image.patch_features).expand(-1, 64, -1)
    films, boxes = ImageFeatures(torch.randn(1, model.image.features), features), [[0.2, 0.2, 0.4, 0.4]]
    both = torch.tensor([[*boxes, [0.1, 0.1, 0.5, 0.5]]])
    prompts = torch.randn(1, 2, model.dimension)
    same, asked = model.box_answers(films, both)[0], model.prompt_answers(films, prompts)[2]
    torch.testing.assert_close(same[0], same[1])
    torch.nn.init.normal_(model.post_decoder.boxes.projection.weight)
    assert not torch.allclose(*model.box_answers(films, both)[0], atol=1e-2)
    torch.testing.assert_close(model.prompt_answers(films, prompts)[2], asked)


@pytest.mark.parametrize("guided", [False, True])
@torch.no_grad()
def test_the_map_of_a_guided_detector_is_what_it_was_taught(guided: bool) -> None:
    detector = TINY.detector.model_copy(update={"guided": guided})
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=50, max_tokens=16)})
    config = TINY.model_copy(update={"detector": detector, "sentence": None, "post_decoder": None})
    model = build_model(config, facts).eval()
    films = model.film_features(torch.randn(2, model.rebuilt_from().image.get("channels", 3), 64, 64))
    texts = model.encode_texts(torch.ones(3, 4, dtype=torch.int64), torch.ones(3, 4, dtype=torch.bool))
    taught = model.patch_cosines(films, model.as_prompts(texts).expand(2, -1, -1))
    alone = texts @ model.image_patch_vectors(films).transpose(1, 2)
    torch.testing.assert_close(model.patch_similarities(films, texts), taught if guided else alone)
