"""The parts of a region model: boxes, pooling, matching and detection against independent statements."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import generalized_box_iou, sigmoid_focal_loss

from plainfilm.errors import ModelError
from plainfilm.nn.decoder_layers import Attention
from plainfilm.nn.regions.blocks import BlockConfig, GroupBlock
from plainfilm.nn.regions.boxes import box_cxcywh_to_xyxy, box_xyxy_to_cxcywh, generalised_iou
from plainfilm.nn.regions.detection_loss import detection_counts, detection_sums, opposite_sum
from plainfilm.nn.regions.detector import (
    Detector,
    DetectorConfig,
    RegionFeatures,
    evidence_in,
    prompt_features,
)
from plainfilm.nn.regions.matching import assigned
from plainfilm.nn.regions.pooling import gaussian_weights, pooled_regions
from plainfilm.nn.regions.positions import LearnedPositions, PatchPositions, patch_centres, patches_touched
from plainfilm.nn.regions.post_decoder import PostDecoder, PostDecoderConfig

F = 8


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def boxes(*shape: int, seed: int = 0) -> torch.Tensor:
    corners = random(*shape, 2, 2, seed=seed).sort(dim=-2).values
    return corners.flatten(-2)


def test_formats_come_back() -> None:
    given = boxes(5)
    torch.testing.assert_close(box_cxcywh_to_xyxy(box_xyxy_to_cxcywh(given)), given)


def test_generalised_iou_is_torchvisions() -> None:
    first, second = boxes(6), boxes(4, seed=1)
    own = generalised_iou(first[:, None], second[None])
    torch.testing.assert_close(own, generalized_box_iou(first, second))


def test_patches_are_counted_by_rows() -> None:
    expected = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert patch_centres(4).tolist() == expected
    with pytest.raises(ModelError, match="6 patches are no square grid"):
        patch_centres(6)


def test_a_box_touches_every_patch_that_it_has_a_part_of() -> None:
    given = torch.tensor([[0.3, 0.05, 0.45, 0.1], [0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.75, 0.8]])
    found = patches_touched(given, 16).view(3, 4, 4)
    assert found[0].nonzero().tolist() == [[0, 1]]
    assert found[1].all()
    assert found[2].nonzero().tolist() == [[2, 2], [3, 2]]


@torch.no_grad()
def test_positions_of_a_finer_grid_lie_between_those_of_a_coarser_one() -> None:
    positions = PatchPositions(F)
    assert positions(16, "cpu").shape == (16, F)
    assert not torch.allclose(positions(16, "cpu")[0], positions(16, "cpu")[1])


def test_soft_pooling_is_as_stated() -> None:
    given, values = boxes(2, 3), random(2, 16, F, seed=2)
    found = pooled_regions(given, values)
    line = (np.arange(4) + 0.5) / 4
    for n in range(2):
        for k in range(3):
            x0, y0, x1, y1 = given[n, k].double().tolist()
            total, weights = np.zeros(F), 0.0
            for row in range(4):
                for column in range(4):
                    across = ((line[column] - (x0 + x1) / 2) / (x1 - x0)) ** 2
                    down = ((line[row] - (y0 + y1) / 2) / (y1 - y0)) ** 2
                    weight = np.exp(-across - down)
                    total += weight * values[n, 4 * row + column].double().numpy()
                    weights += weight
            np.testing.assert_allclose(found[n, k].numpy(), total / weights, atol=1e-5)


def test_a_box_without_area_is_pooled_where_it_is() -> None:
    weights = gaussian_weights(torch.tensor([[0.3, 0.3, 0.3, 0.3], [0.0, 0.0, 1.0, 1.0]]), 16)
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert int(weights[0].argmax()) == 5


@pytest.mark.parametrize(("regions", "most"), [(3, 1), (3, 2), (3, 3), (2, 4), (6, 2), (3, 7)])
def test_matching_is_the_cheapest_there_is(regions: int, most: int) -> None:
    costs = random(20, regions, most, seed=regions * 10 + most)
    present = random(20, most, seed=3) > 0.3
    found = assigned(costs, present)
    for row in range(20):
        places = present[row].nonzero().flatten()
        pairs = [(region, int(box)) for region, box in enumerate(found[row]) if box >= 0]
        rows, columns = linear_sum_assignment(costs[row][:, places].numpy())
        best = sum(
            float(costs[row, region, places[column]]) for region, column in zip(rows, columns, strict=True)
        )
        assert sum(float(costs[row, region, box]) for region, box in pairs) == pytest.approx(best, abs=1e-5)
        assert len(pairs) == min(regions, len(places))
        assert len({box for _, box in pairs}) == len(pairs)


def test_the_loss_is_as_stated() -> None:
    found, logits, true = (
        boxes(3, 2),
        torch.randn(3, 2, generator=torch.Generator().manual_seed(4)),
        boxes(3, 2, seed=5),
    )
    there = torch.tensor([[True, True], [True, False], [False, False]])
    sums, counts = detection_sums(found, logits, true, there), detection_counts(there, 2)
    assert {name: int(count) for name, count in counts.items()} == {
        "distance": 4,
        "overlap": 4,
        "there": 3,
        "not_there": 3,
    }
    chances = logits.sigmoid()
    distance = overlap = 0.0
    is_there = torch.zeros(3, 2)
    for prompt, count in enumerate((2, 1)):
        own, wanted = box_xyxy_to_cxcywh(found[prompt]), box_xyxy_to_cxcywh(true[prompt])
        cost = {
            (r, m): float(
                5 * (own[r] - wanted[m]).abs().sum()
                + 2 * (1 - generalized_box_iou(found[prompt, r : r + 1], true[prompt, m : m + 1])[0, 0])
                + 3 * (1 - chances[prompt, r])
            )
            for r in range(2)
            for m in range(count)
        }
        chosen = min(
            permutations(range(2), count), key=lambda order: sum(cost[r, m] for m, r in enumerate(order))
        )
        to = {region: box for box, region in enumerate(chosen)}
        for region in range(2):
            box = to.get(region, min(range(count), key=lambda m: cost[region, m]))
            is_there[prompt, region] = float(region in to)
            distance += float((own[region] - wanted[box]).abs().sum())
            overlap += 1 - float(
                generalized_box_iou(found[prompt, region : region + 1], true[prompt, box : box + 1])[0, 0]
            )
    focal = sigmoid_focal_loss(logits, is_there, alpha=-1, gamma=2)
    assert float(sums["distance"]) == pytest.approx(distance, abs=1e-5)
    assert float(sums["overlap"]) == pytest.approx(overlap, abs=1e-5)
    assert float(sums["there"]) == pytest.approx(float((focal * is_there).sum()), abs=1e-5)
    assert float(sums["not_there"]) == pytest.approx(float((focal * (1 - is_there)).sum()), abs=1e-5)


def test_of_what_is_somewhere_the_best_region_is_there_and_nothing_is_known_of_the_others() -> None:
    found, logits = boxes(3, 2), torch.tensor([[-1.0, 2.0], [0.5, -3.0], [1.0, 0.0]])
    none = torch.zeros(3, 0, dtype=torch.bool)
    unplaced = torch.tensor([True, False, False])
    for true, there in ((torch.zeros(3, 0, 4), none), (boxes(3, 1), torch.zeros(3, 1, dtype=torch.bool))):
        sums, counts = (
            detection_sums(found, logits, true, there, unplaced),
            detection_counts(there, 2, unplaced),
        )
        assert [int(counts[name]) for name in ("distance", "there", "not_there")] == [0, 1, 4]
        best = sigmoid_focal_loss(torch.tensor(2.0), torch.tensor(1.0), alpha=-1, gamma=2)
        others = sigmoid_focal_loss(logits[1:], torch.zeros(2, 2), alpha=-1, gamma=2)
        assert float(sums["there"]) == pytest.approx(float(best), abs=1e-6)
        assert float(sums["not_there"]) == pytest.approx(float(others.sum()), abs=1e-6)


def test_the_other_side_has_to_score_lower() -> None:
    logits = torch.tensor([[-1.0, 2.0], [0.5, -3.0], [1.0, 0.0]])
    named, other = torch.tensor([True, False, True]), torch.tensor([1, 0, 0])
    expected = -np.log(1 / (1 + np.exp(-(2.0 - 0.5)))) - np.log(1 / (1 + np.exp(-(1.0 - 2.0))))
    assert float(opposite_sum(logits, named, other)) == pytest.approx(expected, abs=1e-6)


@torch.no_grad()
def test_guided_tokens_read_what_is_similar_to_their_prompt() -> None:
    torch.manual_seed(0)
    block = GroupBlock(F, BlockConfig(depth=1, heads=2), drops_image_path=False, guided=True).eval()
    tokens, image = random(1, 2, 3, F), random(1, 4, F, seed=1)
    only_second = torch.tensor([[[-50.0, 50.0, -50.0, -50.0]]]).expand(1, 2, 4)
    found = block(tokens, block.read(image), similar=only_second)
    block.guidance.zero_()
    torch.testing.assert_close(
        found, block(tokens, block.read(image[:, 1:2]), similar=only_second[:, :, 1:2])
    )
    assert not torch.allclose(found, block(tokens, block.read(image), similar=only_second))


@torch.no_grad()
def test_evidence_is_as_stated() -> None:
    given, similar = boxes(2, 3, 2), random(2, 3, 16, seed=2) * 2 - 1
    found = evidence_in(given, similar, 2.0)
    for n, q, r in np.ndindex(2, 3, 2):
        weights = gaussian_weights(given[n, q, r], 16).double().numpy()
        expected = np.log((weights * np.exp(10 * similar[n, q].double().numpy())).sum()) / 10
        assert float(found[n, q, r]) == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("guided", [False, True])
def test_a_prompt_does_not_depend_on_the_others(guided: bool) -> None:
    made = Detector(DetectorConfig(depth=2, heads=2, guided=guided), F).eval()
    prompts, image = random(2, 5, F), random(2, 16, F, seed=1)
    whole = made(prompts, image)
    for place in range(5):
        alone = made(prompts[:, place : place + 1], image)
        torch.testing.assert_close(alone.boxes[:, 0], whole.boxes[:, place], atol=1e-6, rtol=0)
        torch.testing.assert_close(alone.features[:, 0], whole.features[:, place], atol=1e-6, rtol=1e-5)


def refining(**changes: object) -> PostDecoder:
    return PostDecoder(PostDecoderConfig(depth=2, heads=2, dropout=0.0, drop_path=0.0, **changes), F)


@torch.no_grad()
def test_an_untrained_post_decoder_only_normalises() -> None:
    aggregate, regions = random(2, 3, F), random(2, 3, 4, F, seed=1)
    after = refining().eval()(aggregate, regions, random(2, 16, F, seed=2))
    torch.testing.assert_close(after, torch.nn.functional.layer_norm(aggregate, (F,)))


@torch.no_grad()
def test_regions_are_left_out_in_training_alone() -> None:
    made = refining(region_dropout=0.6, attention_dropout=0.0)
    made.gate.fill_(1.0)
    given = random(1, 20, F), random(1, 20, 3, F, seed=1), random(1, 16, F, seed=2)
    alone = made(given[0], None, given[2])
    at_inference = made.eval()(*given)
    assert torch.equal(at_inference, made(*given))
    differs = (made.train()(*given) - at_inference).abs().amax(dim=-1) > 1e-6
    assert differs.any()
    assert not torch.allclose(alone, at_inference)


@torch.no_grad()
def test_a_group_does_not_depend_on_the_others() -> None:
    made = refining().eval()
    made.gate.fill_(1.0)
    aggregate, regions, image = random(1, 4, F), random(1, 4, 3, F, seed=1), random(1, 16, F, seed=2)
    whole = made(aggregate, regions, image)
    for place in range(4):
        alone = made(aggregate[:, place, None], regions[:, place, None], image)
        torch.testing.assert_close(alone[:, 0], whole[:, place], atol=1e-6, rtol=0)


def attention(block: Attention, inputs: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Multi-head attention of one film, written out."""

    def layer(one: torch.nn.Linear, values: np.ndarray) -> np.ndarray:
        return values @ one.weight.double().numpy().T + one.bias.double().numpy()

    queries, keys, values = (
        layer(block.queries, inputs),
        layer(block.keys, source),
        layer(block.values, source),
    )
    size, mixed = F // block.heads, []
    for head in range(block.heads):
        own = slice(head * size, (head + 1) * size)
        scores = np.exp(queries[:, own] @ keys[:, own].T / np.sqrt(size))
        mixed.append(scores / scores.sum(axis=1, keepdims=True) @ values[:, own])
    return layer(block.output, np.concatenate(mixed, axis=1))


def normed(one: torch.nn.LayerNorm, values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + one.eps)
    return scaled * one.weight.detach().double().numpy() + one.bias.detach().double().numpy()


@torch.no_grad()
def test_a_block_lets_tokens_read_their_group_and_the_image_as_stated() -> None:
    made = GroupBlock(F, BlockConfig(heads=2), False).eval()
    tokens, image = random(1, 2, 3, F), random(1, 5, F, seed=1)
    found = made(tokens, made.read(image))[0].double().numpy()
    own, other, _ = (scale.double().numpy() for scale in made.scales)
    patches = normed(made.image_norm, image[0].double().numpy())
    for group in range(2):
        values = tokens[0, group].double().numpy()
        inner = normed(made.norms[0], values)
        values = values + own * attention(made.self_attention, inner, inner)
        values = values + other * attention(made.image_attention, normed(made.norms[1], values), patches)
        last = made.perceptron(torch.from_numpy(normed(made.norms[2], values)).float()).double().numpy()
        values = values + made.scales[2].double().numpy() * last
        np.testing.assert_allclose(found[group], values, atol=1e-5)


def test_prompts_are_the_weighted_mean_of_their_regions() -> None:
    features, scores = random(1, 2, 3, F), torch.tensor([[[0.9, 0.8, 0.1], [0.2, 0.1, 0.0]]])
    found = prompt_features(features, scores)
    weighted = [(features[0, q] * scores[0, q, :, None]).sum(0) for q in range(2)]
    torch.testing.assert_close(found[0, 0], weighted[0] / 1.8)
    torch.testing.assert_close(found[0, 1], weighted[1])


@torch.no_grad()
def test_box_features_do_not_depend_on_other_boxes() -> None:
    made = RegionFeatures(DetectorConfig(), F, F).eval()
    given, patches = boxes(1, 4), random(1, 16, F, seed=2)
    whole = made(given, patches)
    torch.testing.assert_close(made(given[:, 2:3], patches)[:, 0], whole[:, 2])


@torch.no_grad()
def test_tokens_are_mixed_in_always_at_inference_and_at_times_in_training() -> None:
    made = RegionFeatures(DetectorConfig(dropout=0.0, token_share=0.25), F, F)
    given, patches, tokens = boxes(1, 400), random(1, 16, F, seed=2), random(1, 400, F, seed=3)
    alone = made(given, patches)
    mixed = made.eval()(given, patches, tokens)
    assert torch.equal(mixed, made(given, patches, tokens))
    drawn = made.train()(given, patches, tokens)
    is_mixed = torch.isclose(drawn, mixed).all(dim=-1)
    assert torch.equal(torch.where(is_mixed.unsqueeze(-1), mixed, alone), drawn)
    assert 0.15 < float(is_mixed.float().mean()) < 0.35


def test_published_pooling_grows_with_the_box() -> None:
    small, large = torch.tensor([[[0.4, 0.4, 0.6, 0.6]]]), torch.tensor([[[0.1, 0.1, 0.9, 0.9]]])
    values = torch.ones(1, 49, F)
    assert float(pooled_regions(large, values, pooling="sum").mean()) > 5 * float(
        pooled_regions(small, values, pooling="sum").mean()
    )
    torch.testing.assert_close(pooled_regions(large, values), pooled_regions(small, values))


def test_learned_positions_are_for_one_resolution() -> None:
    made = LearnedPositions(16, F)
    assert made(16, "cpu") is made.positions
    with pytest.raises(ModelError, match="9 patches, but positions are learned for 16"):
        made(9, "cpu")
