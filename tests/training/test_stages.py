"""Recipes of several stages: merged, resolved and checked before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
from safetensors.torch import save_file

from plainfilm.errors import PlainfilmError
from plainfilm.training.recipe import Recipe, save_recipe
from plainfilm.training.stages import load_stages
from tests.training.staged import COMMON, FROZEN, untrained_classifier, with_stages, write

CLASSIFIER: dict[str, Any] = {
    "model": {"use": "classifier"},
    "objective": {"use": "classification"},
    "tokenizers": {},
}


def load(folder: Path, values: dict[str, Any], *overrides: str) -> Any:
    return load_stages(write(folder, values), overrides)


def sources(recipe: Recipe) -> dict[str, str | None]:
    return {name: part.source for name, part in recipe.parts.items()}


def test_a_recipe_without_stages_is_a_recipe(tmp_path: Path) -> None:
    assert isinstance(load(tmp_path, COMMON, "training.epochs=7"), Recipe)


def test_a_stage_starts_from_all_it_shares_with_the_one_before(tmp_path: Path) -> None:
    recipe = load(tmp_path, with_stages({}, {"name": "second"}, {}))
    parts = ("image", "text", "image_projection", "text_projection", "rest")
    assert [stage.folder for stage in recipe.stages] == ["stage-1", "stage-second", "stage-3"]
    assert sources(recipe.recipes[0]) == {}
    assert sources(recipe.recipes[1]) == dict.fromkeys(parts, "stage-1")
    assert sources(recipe.recipes[2]) == dict.fromkeys(parts, "stage-second")


def test_another_kind_of_model_takes_the_image_encoder_and_its_settings(tmp_path: Path) -> None:
    values = with_stages({"tokenizers": COMMON["tokenizers"]}, {**CLASSIFIER, "seed": 3})
    del values["tokenizers"]
    first, second = load(tmp_path, values).recipes
    assert second.model == {"use": "classifier", "image": first.model["image"], "fusion": None}
    assert sources(second) == {"image": "stage-1"}
    assert second.preprocessing == first.preprocessing


def test_a_stage_says_where_parts_come_from(tmp_path: Path) -> None:
    parts = {"text": {"from": None}, "image": {"from": "one"}, "rest": {"from": "stage-1"}}
    recipe = load(tmp_path, with_stages({"name": "one"}, {}, {"parts": parts}))
    found = sources(recipe.last)
    assert (found["text"], found["image"], found["rest"]) == (None, "stage-one", "stage-one")
    assert found["image_projection"] == "stage-2"


def test_what_a_stage_says_is_merged_with_what_is_common(tmp_path: Path) -> None:
    second = {
        "training": {"epochs": 3},
        "data": {"views": ["PA"]},
        "objective": {"use": "self_distillation"},
    }
    values = with_stages({}, second, objective={"use": "infonce", "same_text_negatives": True})
    values["data"]["views"] = ["PA", "AP"]
    one, two = load(tmp_path, values).recipes
    assert (one.training.epochs, two.training.epochs, two.training.batch_size) == (1, 3, 16)
    assert two.data.views == ("PA",)
    assert two.objective["use"] == "self_distillation"
    assert two.objective["same_text_negatives"] is False


def test_overrides_are_of_all_stages_or_of_one(tmp_path: Path) -> None:
    overrides = ["training.epochs=4", "stages.1.seed=5", "stages.late.training.epochs=9"]
    one, two, three = load(tmp_path, with_stages({}, {}, {"name": "late"}), *overrides).recipes
    assert [recipe.training.epochs for recipe in (one, two, three)] == [4, 4, 9]
    assert [recipe.seed for recipe in (one, two, three)] == [5, 0, 0]


def test_the_resolved_recipe_is_a_recipe_that_resolves_to_itself(tmp_path: Path) -> None:
    recipe = load(tmp_path, with_stages({}, {**FROZEN, "name": "b"}, {"parts": {"text": {"from": None}}}))
    save_recipe(recipe, tmp_path / "resolved.yaml")
    assert load_stages(tmp_path / "resolved.yaml").as_dict() == recipe.as_dict()


def test_weights_that_a_common_part_names_are_of_the_first_stage(tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet", in_chans=1).state_dict(), tmp_path / "w.safetensors")
    image = {"use": "timm", "name": "test_resnet", "channels": 1, "weights": str(tmp_path / "w.safetensors")}
    values = with_stages({}, {}, {}, training={**COMMON["training"], "batch_norm": "slices"})
    values["model"]["image"] = image
    recipes = load(tmp_path, values).recipes
    assert [one.model["image"]["weights"] is None for one in recipes] == [False, True, True]


def test_where_the_common_part_starts_the_first_stage_starts(tmp_path: Path) -> None:
    model = untrained_classifier(tmp_path / "model")
    values = with_stages({}, {}, parts={"image": {"from": str(model)}})
    for key in ("preprocessing", "data"):
        del values[key]
    del values["model"]["image"]
    one, two = load(tmp_path, values).recipes
    assert one.parts["image"].source == str(model)
    assert two.parts["image"].source == "stage-1"
    assert two.model["image"] == one.model["image"]


def test_dropout_may_change_from_stage_to_stage(tmp_path: Path) -> None:
    recipe = load(tmp_path, with_stages({}, {"model": {"image": {"dropout": 0.0}}}))
    assert [one.model["image"]["dropout"] for one in recipe.recipes] == [0.2, 0.0]


@pytest.mark.parametrize(
    ("stages", "overrides", "message"),
    [
        ([{"name": "a"}, {"name": "A"}], [], "two stages are called 'A'"),
        ([{"name": "2"}, {}], [], "stages.1.name is '2'"),
        ([{"name": "stage-x"}], [], "stages.1.name is 'stage-x'"),
        ([{"name": "../x"}], [], "stages.1.name is '../x'"),
        ([{}, {"parts": {"image": {"from": "stage-3"}}}, {}], [], "'stage-3' is not before this stage"),
        ([{}, {"parts": {"image": {"from": "2"}}}], [], "'2' is not before this stage"),
        ([{}, {"parts": {"image": {"from": "stage-9"}}}], [], "no stage 'stage-9' before this one"),
        ([{}, {"parts": {"imago": {"freeze": True}}}], [], "parts.imago: model 'dual_encoder' has no such"),
        ([{}, {"parts": {"rest": {"freeze": True}}}], [], "parts.rest.freeze: only parts can be frozen"),
        ([{}, {"trainign": {}}], [], "stage '2': recipe: unknown key 'trainign'"),
        ([{}, {"validation": {"metric": "recal"}}], [], "stage '2': unknown validation.metric 'recal'"),
        ([{}, {"model": {"image": {"width": 8}}}], [], "begin the part anew with parts.image.from=null"),
        ([{}, {"model": {"projection": {"dimension": 8}}}], [], "parts.NAME.from=null begins a part anew"),
        ([{}], ["stages.2.seed=1"], "no stage '2'"),
        ([{}], ["stages.1=3"], "name a key of the stage"),
        ([{}], ["stages.1.name=x"], "name a key of the stage"),
        ([], [], "stages: write a list of mappings"),
        (["one"], [], "stages: write a list of mappings"),
    ],
)
def test_what_is_wrong_is_one_line(
    stages: list[Any], overrides: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PlainfilmError) as raised:
        load(tmp_path, {**COMMON, "stages": stages}, *overrides)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_override_of_a_stage_needs_stages(tmp_path: Path) -> None:
    with pytest.raises(PlainfilmError, match="has no stages"):
        load(tmp_path, COMMON, "stages.1.seed=1")


def test_init_is_where_the_first_stage_starts(tmp_path: Path) -> None:
    model = untrained_classifier(tmp_path / "model")
    values = {
        "stages": [{"training": {"epochs": 1}}, {}],
        **{k: CLASSIFIER[k] for k in ("model", "objective")},
    }
    recipe = load_stages(write(tmp_path, values), (), model)
    assert [sources(one)["image"] for one in recipe.recipes] == [str(model), "stage-1"]
    assert sources(recipe.last)["head"] == "stage-1"


def test_a_head_comes_only_with_what_it_answers(tmp_path: Path) -> None:
    model = untrained_classifier(tmp_path / "model", "Edema", "Hernia")
    values = {
        "parts": {"head": {"from": str(model)}, "image": {"from": str(model)}},
        **CLASSIFIER,
        "stages": [{}],
    }
    assert load(tmp_path, values).last.parts["head"].source == str(model)
    with pytest.raises(PlainfilmError, match="answers Edema, Hernia, and this model Hernia, Edema"):
        load(tmp_path, values, "data.observations=[Hernia, Edema]")
