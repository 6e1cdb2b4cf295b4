"""Recipes are checked whole before any data is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from plainfilm.config import read_yaml
from plainfilm.errors import ConfigError
from plainfilm.sources.refers import COLUMNS
from plainfilm.training.recipe import SHIPPED, Recipe, load_recipe, save_recipe, shipped_recipes

Tiny = Callable[..., Recipe]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


ALONE = [
    name for name in shipped_recipes() if not {"stage", "stages"} & read_yaml(SHIPPED / f"{name}.yaml").keys()
]


@pytest.mark.parametrize("name", ALONE)
def test_shipped_recipes_load(name: str, tiny_classifier: Path) -> None:
    needs_model = "image" not in read_yaml(SHIPPED / f"{name}.yaml")["model"]
    assert load_recipe(name, init=tiny_classifier if needs_model else None).seed == 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_example_recipes_load(path: Path) -> None:
    assert load_recipe(path).seed == 0


def test_a_recipe_without_an_image_encoder_says_where_one_comes_from() -> None:
    with pytest.raises(ConfigError, match=r"finetune-full: key 'model.image' is missing.*--init MODEL"):
        load_recipe("finetune-full")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.text={use: compact}", "model: unknown key 'text'"),
        (
            "tokenizers.text.vocabulary=400",
            "tokenizers.text: model 'classifier' has no tokenizer; remove this key",
        ),
        (
            "validation.metric=recall@5",
            "target 'text' needs tokenizer 'text', but model 'classifier' has no tokenizer; ",
        ),
        ("validation.evaluators=[{use: recall}]", "model 'classifier' has no tokenizer"),
        ("training.epochs=null", "would never end; set one"),
        ("objective.use=infonce", "objective: unknown key 'uncertain'"),
    ],
)
def test_a_classifier_is_checked_too(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("classifier-tiny", [override])


def test_there_are_the_two_of_txtrayalign() -> None:
    assert {"txtrayalign", "txtrayalign-tiny"} <= set(shipped_recipes())


def test_published_settings_of_txtrayalign() -> None:
    recipe = load_recipe("txtrayalign")
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.learning_rate) == (
        50,
        32,
        1e-4,
    )
    assert (recipe.objective["epsilon"], recipe.objective["momentum"]) == (0.05, 0.999)
    assert (recipe.data.text, recipe.data.sentences, recipe.data.crop_area) == (
        "best_section",
        1,
        (0.75, 1.0),
    )


@pytest.mark.parametrize("name", ["cxr-clip-resnet50", "cxr-clip-swin", "cxr-clip-cgmh"])
def test_published_settings_of_cxr_clip(name: str) -> None:
    recipe = load_recipe(name)
    weights = [recipe.objective[part] for part in ("multi_view", "image", "text", "label_smoothing")]
    assert weights == [1.0, 1.0, 0.5, 0.0]
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.weight_decay) == (
        15,
        128,
        1e-4,
    )
    assert recipe.training.learning_rate == (1e-5 if name.endswith("cgmh") else 5e-5)
    dimension, longest = recipe.model["projection"]["dimension"], recipe.longest_text("text")
    assert (dimension, longest, recipe.model["text"]["pooling"]) == (512, 256, "end")
    assert f"{name}-tiny" in shipped_recipes()


def test_published_settings_of_refers() -> None:
    recipe = load_recipe("refers")
    training = recipe.training
    assert (training.optimizer, training.momentum, training.learning_rate) == ("sgd", 0.9, 3e-3)
    assert (training.lookahead.steps, training.lookahead.alpha) == (5, 0.5)
    assert (training.max_steps, training.warmup_steps, training.max_grad_norm) == (400_000, 10_000, 10)
    assert {part.learning_rate for part in recipe.parts.values()} == {3e-4}
    report, decoding = recipe.model["report"], recipe.model["decoding"]
    assert [report[key] for key in ("width", "depth", "heads", "feed_forward", "norm", "max_tokens")] == [
        *(1024, 1, 16, 4096, "after", 100)
    ]
    assert (decoding["beams"], decoding["repeat_token"], recipe.model["temperature"]) == (5, False, 0.1)


@pytest.mark.parametrize(
    ("name", "steps", "warmup", "rate", "columns"),
    [
        ("refers-covid19", 500, 50, 3e-2, ("COVID-19",)),
        ("refers-shenzhen", 100, 5, 3e-2, ("Tuberculosis",)),
        ("refers-nih14", 60_000, 1000, 1e-2, COLUMNS["nih14"]),
        ("refers-vinbigdata", 100, 10, 3e-2, COLUMNS["vinbigdata"]),
    ],
)
def test_published_settings_of_the_four_sets_of_refers(
    name: str, steps: int, warmup: int, rate: float, columns: tuple[str, ...], tiny_classifier: Path
) -> None:
    recipe = load_recipe(name, init=tiny_classifier)
    training = recipe.training
    assert (training.max_steps, training.warmup_steps, training.learning_rate) == (steps, warmup, rate)
    assert (training.batch_size, training.max_grad_norm, training.weight_decay) == (128, 1.0, 0.0)
    assert recipe.data.observations == columns


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_explain_themselves(name: str) -> None:
    assert (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key 'training.epoch': did you mean 'epochs'"),
        ("traning.epochs=3", "unknown key 'traning': did you mean 'training'"),
        ("objective.use=infonec", "unknown objective 'infonec': did you mean 'infonce'"),
        ("model.image.use=timmm", "unknown image encoder 'timmm': did you mean 'timm'"),
        ("model.image.name=resnet5O", "unknown timm model 'resnet5O': did you mean 'resnet50'"),
        ("model.text.widht=32", "unknown key 'widht': did you mean 'width'"),
        ("objective.same_texts=1", "unknown key 'same_texts'"),
        ("data.text=impresion", "did you mean 'impression'"),
        ("image.use=compact", "unknown key 'image': it is 'model.image' now"),
        ("tokenizer.vocabulary=400", "unknown key 'tokenizer': it is 'tokenizers.text' now"),
        ("training.rate=1e-3", "unknown key 'training.rate': it is 'training.learning_rate' now"),
        ("data.share=0.5", "unknown key 'data.share': it is 'data.fraction' now"),
        ("tokenizers.txt.vocabulary=400", "tokenizers.txt: model 'dual_encoder' has only 'text'"),
        (
            "tokenizers.text.vocabulay=400",
            "unknown key 'tokenizers.text.vocabulay': did you mean 'vocabulary'",
        ),
        ("parts.image.freez=true", "unknown key 'parts.image.freez': did you mean 'freeze'"),
        ("parts.image.fro=x", "unknown key 'parts.image.fro': did you mean 'from'"),
        ("parts.text.freeze=-1", "'parts.text.freeze' is -1"),
        ("model.use=dual_encodr", "unknown model 'dual_encodr': did you mean 'dual_encoder'"),
        ("objective.weight=0", "objective: 'weight' is 0: it takes a number above 0"),
        ("objective=[]", "objective: an empty list"),
        ("objective=[{use: infonce}, {use: infonec}]", "unknown objective 'infonec': did you mean 'infonce'"),
        ("validation.evaluators=[{use: recal}]", "unknown evaluator 'recal': did you mean 'recall'"),
        ("validation.evaluators=[{use: recall, a: 1}]", "validation.evaluators: unknown key 'a'"),
        ("training.batch_size=1", "'training.batch_size' is 1"),
        ("validation.metric=recall@", "recall needs a number, e.g. recall@5"),
        ("trackers=[tensorbord]", "tensorbord"),
        ("data.workers=-1", "'data.workers' is -1"),
        ("validation.every=0", "'validation.every' is 0"),
        ("training.batch_size=true", "'batch_size' is true"),
        ("data.cache=24", "data.cache is 24 and preprocessing.size 32"),
        ("preprocessing.read_side=64", "set data.cache instead"),
        ("preprocessing.channels=3", "model.image.channels is 1 and preprocessing.channels 3"),
    ],
)
def test_mistakes_name_the_way_out(override: str, message: str, tiny: Tiny, recipe_file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        tiny(override)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(recipe_file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("txtrayalgn", "did you mean 'txtrayalign'"), ("no/such.yaml", "no such recipe file")],
)
def test_unknown_recipe(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(name)


@pytest.mark.parametrize("part", ["objective", "model.image"])
def test_a_part_without_use_is_refused(part: str, recipe_file: Path) -> None:
    values = yaml.safe_load(recipe_file.read_text())
    del (values["model"]["image"] if part == "model.image" else values[part])["use"]
    recipe_file.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=f"{part}: key 'use' is missing"):
        load_recipe(recipe_file)


def test_saved_recipe_loads_as_the_same(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny(
        "training.max_grad_norm=1.0",
        "parts.text.freeze=1",
        "objective.use=self_distillation",
        "data.views=[PA, AP]",
    )
    save_recipe(recipe, tmp_path / "resolved.yaml")
    assert load_recipe(tmp_path / "resolved.yaml") == recipe
    assert read_yaml(tmp_path / "resolved.yaml")["objective"]["momentum"] == 0.999


def test_objective_of_several_views_wants_studies(tiny: Tiny, tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(
        "from plainfilm.objectives.infonce import Config, build\nNEEDS, FILMS = ('text',), 'pair'\n"
    )
    with pytest.raises(ConfigError, match="needs item: study"):
        tiny(f"objective.use={own}")
    assert tiny(f"objective.use={own}", "data.item=study").needs.films == "pair"


def test_a_part_is_frozen_whole_or_by_blocks(tiny: Tiny) -> None:
    frozen = [tiny(f"parts.text.freeze={value}").parts["text"].freeze for value in ("true", 1, 0, "false")]
    assert frozen == [True, 1, 0, False]
    assert [type(value) for value in frozen] == [bool, int, int, bool]


def test_objectives_add_up_what_they_need(tiny: Tiny) -> None:
    both = tiny("objective=[{use: infonce}, {use: cxr_clip, weight: 0.5}]", "data.item=study")
    assert [(one["use"], one["weight"]) for one in both.objectives] == [("infonce", 1.0), ("cxr_clip", 0.5)]
    assert (both.needs.films, both.needs.targets) == ("pair", ("text", "text_pair"))
    assert both.required == (frozenset({"text"}), frozenset({"text"}))


def test_a_metric_brings_its_evaluator(tiny: Tiny) -> None:
    assert tiny().evaluators() == []
    [(module, settings)] = tiny("validation.metric=recall@3").evaluators()
    assert module.metrics(settings) == {"recall@3": "higher"}
    named = tiny("validation.metric=recall@3", "validation.evaluators=[{use: recall, at: [3]}]")
    assert len(named.evaluators()) == 1
    policies = load_recipe("classifier-tiny", ["objective.uncertain=positive"]).evaluators()
    assert [settings.uncertain for _, settings in policies] == ["positive"]
