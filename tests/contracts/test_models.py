"""Every kind of model keeps its contract: named parts, abilities that answer, a folder that comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from plainfilm import plugins
from plainfilm.config import build
from plainfilm.errors import ConfigError, UsageError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, load_model, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import ABILITIES, Facts, KindConfig, Model, abilities, ability, build_model, kind
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.row_dropout import RowDropout, per_row_dropout
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.training.freezing import freeze

NAMES = plugins.names("model")
SIDE, OBSERVATIONS = 64, ("Edema", "Effusion")
TEXTS = ["No effusion.", "A large left pleural effusion."]
FILMS = Ragged(torch.tensor([2, 1]))
BOXES = torch.tensor([[[0.1, 0.2, 0.6, 0.7], [0.0, 0.0, 1.0, 1.0]]]).repeat(FILMS.entries, 1, 1)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 4, vocabulary_size=300, max_tokens=12)


@pytest.fixture
def made(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> tuple[Model, dict[str, Tokenizer]]:
    """The kind's `TINY`, with a tokenizer for each that it asks for."""
    settings = kind(request.param).TINY
    tokenizers = dict.fromkeys(settings.tokenizers(), tokenizer)
    facts = Facts(
        observations=OBSERVATIONS if settings.answers_observations else (),
        tokenizers=tokenizer_facts(tokenizers),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_model(settings, facts).eval(), tokenizers


every_kind = pytest.mark.parametrize("made", NAMES, indirect=True)


@torch.no_grad()
def _answers(model: Model, tokenizer: Tokenizer) -> dict[str, Tensor]:
    """What every ability of a model says of the same films, by ability."""
    channels = model.rebuilt_from().image.get("channels", 3)
    images = torch.randn(FILMS.entries, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    ids, mask = (torch.from_numpy(array) for array in tokenizer.encode(TEXTS))
    features, views = model.film_features(images), torch.zeros(FILMS.entries, dtype=torch.int64)
    asked = {
        "encodes_images": lambda: model.image_vectors(features),
        "encodes_texts": lambda: model.encode_texts(ids, mask),
        "scores_pairs": lambda: model.pair_scores(features, model.pair_texts(ids, mask)),
        "classifies": lambda: model.logits(features),
        "encodes_studies": lambda: model.study_vectors(model.study_features(features, FILMS, views)),
        "classifies_studies": lambda: model.study_logits(model.study_features(features, FILMS, views)),
        "writes_reports": lambda: model.write_reports(features, FILMS, views, Decoding(max_tokens=8)),
        "locates": lambda: model.locate(features, ids, mask).boxes,
        "describes": lambda: model.describe(features, BOXES, 6),
        "locates_by_patches": lambda: model.patch_similarities(features, model.encode_texts(ids, mask)),
        "encodes_regions": lambda: model.region_vectors(features, BOXES),
        "writes_grounded_reports": lambda: model.describe_prompts(features, ids, mask, 6).token_ids,
    }
    assert asked.keys() == ABILITIES.keys()
    return {name: asked[name]() for name in sorted(abilities(model))}


@pytest.mark.parametrize("name", NAMES)
def test_the_module_offers_the_names(name: str) -> None:
    module = kind(name)
    assert issubclass(module.Config, KindConfig)
    assert isinstance(module.TINY, module.Config)
    assert module.TINY.use == name
    assert module.PURPOSE
    assert all(line.startswith(("- ", "  ")) for line in module.LIMITS.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_settings_come_back_from_plain_values(name: str) -> None:
    module = kind(name)
    plain = module.TINY.model_dump(mode="json")
    assert build(module.Config, plain, "here").model_dump(mode="json") == plain
    with pytest.raises(ConfigError, match="unknown key 'imge': did you mean 'image'"):
        build(module.Config, plain | {"imge": {}}, "here")


@every_kind
def test_parts_are_modules_of_the_model_by_their_names(made: tuple[Model, dict[str, Tokenizer]]) -> None:
    model, _ = made
    named = dict(model.named_modules())
    assert all(named[name] is part for name, part in model.parts().items())
    owned = [id(parameter) for part in model.parts().values() for parameter in part.parameters()]
    owned += [id(parameter) for parameter in model.other_parameters()]
    assert sorted(owned) == sorted({id(parameter) for parameter in model.parameters()})
    assert "image" in model.parts()


@every_kind
def test_every_part_may_be_frozen_alone(made: tuple[Model, dict[str, Tokenizer]]) -> None:
    model, _ = made
    for name, part in model.parts().items():
        freeze(model, {name: True})
        trained = {id(one) for one in model.parameters() if one.requires_grad}
        assert not trained & {id(one) for one in part.parameters()}
        assert not any(module.training for module in model.train().parts()[name].modules())


@every_kind
def test_a_tokenizer_that_belongs_to_a_part_has_its_name(made: tuple[Model, dict[str, Tokenizer]]) -> None:
    model, _ = made
    for name, need in model.config.tokenizers().items():
        longest = getattr(model.parts().get(name), "max_tokens", None)
        assert longest is None or need.max_tokens is None or need.max_tokens <= longest


@every_kind
def test_what_it_can_do_it_does(made: tuple[Model, dict[str, Tokenizer]], tokenizer: Tokenizer) -> None:
    model, tokenizers = made
    found = _answers(model, tokenizer)
    count, observations = FILMS.entries, len(model.facts.observations)
    expected = {
        "encodes_images": (count, model.dimension if "encodes_images" in found else 0),
        "encodes_texts": (len(TEXTS), model.dimension if "encodes_images" in found else 0),
        "scores_pairs": (count, len(TEXTS)),
        "classifies": (count, observations),
        "encodes_studies": (len(FILMS), model.dimension if "encodes_studies" in found else 0),
        "classifies_studies": (len(FILMS), observations),
        "writes_reports": (len(FILMS),),
        "locates": (count, len(TEXTS)),
        "describes": BOXES.shape[:2],
        "locates_by_patches": (count, len(TEXTS), (SIDE // 16) ** 2),
        "encodes_regions": (*BOXES.shape[:2], model.dimension if "encodes_regions" in found else 0),
        "writes_grounded_reports": (count, len(TEXTS)),
    }
    for name, answer in found.items():
        assert answer.shape[: len(expected[name])] == torch.Size(expected[name]), name
        if answer.is_floating_point():
            assert answer.dtype == torch.float32
            assert answer.isfinite().all()
    for name in ("encodes_images", "encodes_texts", "encodes_studies"):
        if name in found:
            torch.testing.assert_close(found[name].norm(dim=-1), torch.ones(found[name].shape[:-1]))
    assert "locates_by_patches" not in found or found["locates_by_patches"].abs().max() <= 1 + 1e-5
    assert ("classifies" in found) == (observations > 0)
    for name in {"encodes_texts", "locates", "writes_grounded_reports"} & found.keys():
        assert "text" in tokenizers, name
    for name in {"writes_reports", "describes"} & found.keys():
        assert model.writes_with in tokenizers, name


@every_kind
def test_what_it_cannot_do_is_said_in_one_line(made: tuple[Model, dict[str, Tokenizer]]) -> None:
    model, _ = made
    for name, protocol in ABILITIES.items():
        if name in abilities(model):
            assert ability(model, protocol, "this") is model
        else:
            with pytest.raises(UsageError, match=f"this: model of kind '{model.config.use}' .*: try that"):
                ability(model, protocol, "this", "try that")


@every_kind
def test_its_folder_gives_the_same_answers(
    made: tuple[Model, dict[str, Tokenizer]], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model, tokenizers = made
    preprocessing = Preprocessing(size=SIDE, channels=model.rebuilt_from().image.get("channels", 3))
    config = ModelConfig(architecture=model.config, preprocessing=preprocessing)
    save_model(tmp_path / "model", model, tokenizers, config)
    loaded = load_model(tmp_path / "model")
    assert type(loaded.model) is type(model)
    assert loaded.model.facts == model.facts
    assert loaded.tokenizers.keys() == tokenizers.keys()
    before, after = _answers(model, tokenizer), _answers(loaded.model, tokenizer)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    card = (tmp_path / "model" / "README.md").read_text()
    assert kind(model.config.use).PURPOSE in card


@every_kind
def test_its_dropout_draws_by_row(made: tuple[Model, dict[str, Tokenizer]]) -> None:
    model, _ = made
    layers = [module for module in model.modules() if isinstance(module, RowDropout)]
    assert len({layer.number for layer in layers}) == len(layers)
    channels = model.rebuilt_from().image.get("channels", 3)
    images = torch.randn(4, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    frozen = {
        module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._NormBase)
    }
    model.train()
    for module in frozen:
        module.eval()

    def passed(rows: Tensor) -> Tensor:
        with torch.no_grad(), per_row_dropout(model, 3, rows):
            return model("film_features", images[rows]).pooled

    whole = passed(torch.arange(4))
    torch.testing.assert_close(passed(torch.arange(1, 3)), whole[1:3], atol=1e-5, rtol=1e-4)
