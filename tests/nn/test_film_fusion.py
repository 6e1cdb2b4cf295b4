"""Fusion of films: masked, any number, in every order; the gate as written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from plainfilm.errors import ConfigError, UsageError
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.film_fusion import Fusion, FusionConfig, build_fusion
from plainfilm.nn.ragged import Ragged
from plainfilm.types import View

F, P = 8, 5
PA, LATERAL, UNKNOWN = (tuple(View).index(view) for view in (View.PA, View.LATERAL, View.UNKNOWN))
WAYS = [
    *({"use": "mean"}, {"use": "attention", "heads": 2, "depth": 2}, {"use": "gate"}),
    {"use": "gate", "pooled": "concatenated"},
]


def fusion(seed: int = 0, **options: Any) -> Fusion:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = build_fusion(FusionConfig(**options), F, F).eval()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return made


def films(count: int) -> ImageFeatures:
    draw = torch.Generator().manual_seed(3)
    return ImageFeatures(torch.randn(count, F, generator=draw), torch.randn(count, P, F, generator=draw))


def part(features: ImageFeatures, rows: list[int]) -> ImageFeatures:
    return features.each(lambda values: values[rows])


@torch.no_grad()
@pytest.mark.parametrize("options", WAYS, ids=lambda one: "-".join(map(str, one.values())))
def test_a_study_does_not_depend_on_those_beside_it(options: dict[str, Any]) -> None:
    made, features = fusion(**options), films(6)
    views = torch.tensor([PA, LATERAL, PA, PA, LATERAL, UNKNOWN])
    whole = made(features, Ragged(torch.tensor([2, 1, 3])), views)
    starts = [0, 2, 3, 6]
    for study in range(3):
        rows = list(range(starts[study], starts[study + 1]))
        alone = made(part(features, rows), Ragged(torch.tensor([len(rows)])), views[rows])
        torch.testing.assert_close(alone.pooled[0], whole.pooled[study])
        kept = alone.memory[0][alone.mask[0]]
        torch.testing.assert_close(kept, whole.memory[study][whole.mask[study]])
        assert len(kept) == (P + (options["use"] != "gate")) * len(rows)
    assert whole.pooled.shape[1] == made.features
    assert whole.memory.shape[2] == made.memory_features


@torch.no_grad()
@pytest.mark.parametrize("use", ["mean", "attention"])
def test_the_order_of_films_does_not_matter(use: str) -> None:
    made, features, views = fusion(use=use, heads=2), films(3), torch.tensor([PA, LATERAL, UNKNOWN])
    one = made(features, Ragged(torch.tensor([3])), views)
    other = made(part(features, [2, 0, 1]), Ragged(torch.tensor([3])), views[[2, 0, 1]])
    torch.testing.assert_close(one.pooled, other.pooled)
    by_film = (found.memory.view(3, P + 1, F) for found in (one, other))
    torch.testing.assert_close(next(by_film)[[2, 0, 1]], next(by_film))


@torch.no_grad()
@pytest.mark.parametrize("use", ["mean", "attention"])
def test_only_with_positions_does_it_matter_where_a_patch_lies(use: str) -> None:
    square = films(2).each(lambda values: values[:, :4] if values.ndim == 3 else values)
    moved = ImageFeatures(square.pooled, square.patches[:, [3, 1, 2, 0]])
    for asked in (False, True):
        made = fusion(use=use, heads=2, patch_positions=asked)
        one, other = (
            made(given, Ragged(torch.tensor([2])), torch.tensor([PA, LATERAL])) for given in (square, moved)
        )
        by_film = [found.memory.view(2, 5, F)[:, 1:] for found in (one, other)]
        assert torch.allclose(by_film[0][:, [3, 1, 2, 0]], by_film[1], atol=1e-5) is not asked


def test_a_gate_takes_patches_as_they_come() -> None:
    with pytest.raises(ValueError, match="patch_positions is a setting of use 'mean' and 'attention'"):
        FusionConfig(use="gate", patch_positions=True)


@torch.no_grad()
def test_the_gate_is_as_published() -> None:
    made, features = fusion(use="gate", projections="none", exact=True, pooled="concatenated"), films(6)
    found = made(features, Ragged(torch.tensor([3, 3])), torch.zeros(6, dtype=torch.int64))
    vectors, patches = (values.numpy().astype(np.float64) for values in (features.pooled, features.patches))
    for study in range(2):
        c, x = vectors[3 * study :][:3], patches[3 * study :][:3]
        shifted = x + c[:, None]
        beside = np.concatenate(list(shifted), axis=1)
        memory = []
        for place, layer in enumerate(made.gates):
            weight, bias = layer.weight.numpy().astype(np.float64)[0], float(layer.bias)
            gate = 1 / (1 + np.exp(-(beside @ weight + bias)))
            memory.append(gate[:, None] * shifted[place])
        np.testing.assert_allclose(found.memory[study].numpy(), np.concatenate(memory), atol=1e-5)
        np.testing.assert_allclose(found.pooled[study].numpy(), c.reshape(-1), atol=1e-6)
    assert bool(found.mask.all())


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ([2, 9], {}, "a study with 9 films, but this model takes at most 3"),
        ([1, 3], {"exact": True}, "a study with 1 film, but this model takes exactly 3"),
    ],
)
def test_a_gate_has_so_many_places(counts: list[int], options: dict[str, Any], message: str) -> None:
    made, features = fusion(use="gate", **options), films(sum(counts))
    with pytest.raises(UsageError, match=message):
        made(features, Ragged(torch.tensor(counts)), torch.zeros(sum(counts), dtype=torch.int64))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["embedding", "routing"])
def test_only_a_known_view_changes_a_film(kind: str) -> None:
    made, features, one = fusion(use="mean", projections=kind), films(1), Ragged(torch.tensor([1]))
    unknown = made(features, one, torch.tensor([UNKNOWN])).memory[0, 1:]
    torch.testing.assert_close(unknown, features.patches[0])
    shifted = {view: made(features, one, torch.tensor([view])).memory[0, 1:] for view in (PA, LATERAL)}
    assert not torch.allclose(shifted[PA], unknown)
    assert not torch.allclose(shifted[PA], shifted[LATERAL])


def test_heads_must_divide_the_features_of_a_patch() -> None:
    with pytest.raises(ConfigError, match=r"model\.fusion\.heads is 3: must divide the 8 features"):
        build_fusion(FusionConfig(use="attention", heads=3), F, F)
