"""Models of open_clip: the library itself computes, its towers small and with weights at random."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from plainfilm.checkpoints.open_clip import _preprocessing
from plainfilm.checkpoints.reading.open_clip_config import Architecture, Pixels
from plainfilm.cli.main import run
from plainfilm.errors import ModelError
from plainfilm.model_folder import LoadedModel
from tests.checkpoints.clip_tokenizer import TEXTS, clip_tokenizer_folder
from tests.checkpoints.families import (
    SHAPES,
    differ,
    film,
    grey_levels,
    imported,
    least_cosine,
    noise,
    ours,
    randomised,
)
from tests.checkpoints.published import vocabulary_folder

LENGTH, JOINT = 16, 24
VIT = {"image_size": 64, "layers": 2, "width": 128, "patch_size": 32}
TIMM = {"timm_model_name": "test_vit", "image_size": 160}
CAUSAL = {"context_length": LENGTH, "width": 64, "heads": 2, "layers": 2}
SIGLIP = CAUSAL | {
    "no_causal_mask": True,
    "pool_type": "last",
    "proj_bias": True,
    "norm_kwargs": {"eps": 1e-6},
}
BERT = {"hf_proj_type": "mlp", "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": LENGTH}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "clip": (VIT, CAUSAL, {}),
    "clip of openai": (VIT, CAUSAL, {"quick_gelu": True}),
    "custom text": (VIT, CAUSAL | {"proj_bias": True}, {"custom_text": True}),
    "siglip": (
        TIMM | {"timm_pool": "map", "timm_proj": "none"},
        SIGLIP | {"tokenizer_kwargs": {"clean": "canonicalize"}},
        {"custom_text": True, "init_logit_bias": -10},
    ),
    "biomedclip": (TIMM | {"timm_pool": "", "timm_proj": "linear"}, BERT, {"custom_text": True}),
    "mean of a bert": (
        TIMM | {"timm_pool": "avg", "timm_proj": "linear", "timm_proj_bias": True},
        BERT | {"hf_pooler_type": "mean_pooler", "hf_proj_type": "linear"},
        {"custom_text": True},
    ),
    "pooler of a bert": (
        TIMM | {"timm_pool": "avg", "timm_proj": "none"},
        BERT | {"hf_pooler_type": "cls_pooler"},
        {"custom_text": True},
    ),
}


class Case:
    """A model of the library in a folder as the hub has it, and what Plainfilm makes of it."""

    def __init__(self, name: str, folder: Path) -> None:
        vision, text, more = CASES[name]
        self.settings = {"vision_cfg": dict(vision), "text_cfg": dict(text), **more}
        is_bert = "hf_pooler_type" in text
        self.folder = folder
        folder.mkdir()
        words = folder / "words"
        if is_bert:
            vocabulary_folder(words, 40)
            small = {"vocab_size": 40, "hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 96}
            small |= {"model_type": "bert", "num_hidden_layers": 2}
            (words / "config.json").write_text(json.dumps(small))
            self.settings["text_cfg"] |= {"hf_model_name": str(words), "hf_model_pretrained": False}
        else:
            self.settings["text_cfg"]["vocab_size"] = clip_tokenizer_folder(words)
        # A tower of timm without a projection has its own width.
        self.settings["embed_dim"] = 64 if vision.get("timm_proj") == "none" else JOINT
        kind = CustomTextCLIP if self.settings.pop("custom_text", False) else CLIP
        self.model = randomised(kind(**self.settings_of_library(text)), 0.1)
        self.model.logit_scale.data.fill_(2.5)
        tensors = dict(self.model.state_dict())
        if is_bert:
            tensors["text.transformer.embeddings.position_ids"] = torch.arange(512)[None]
        torch.save(tensors, folder / "open_clip_pytorch_model.bin")
        self.tensors = tensors
        (folder / "open_clip_config.json").write_text(
            json.dumps(
                {"model_cfg": self.settings, "preprocess_cfg": {"mean": None, "resize_mode": "squash"}}
            )
        )
        self.options = {"tokenizer": str(words)}
        self.loaded: LoadedModel = imported("open-clip", folder, folder / "model", **self.options)

    def settings_of_library(self, text: dict[str, Any]) -> dict[str, Any]:
        own = dict(self.settings["text_cfg"])
        own.pop("tokenizer_kwargs", None)
        return {**self.settings, "text_cfg": own}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(request.param, tmp_path_factory.mktemp("open-clip") / "checkpoint")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case("clip", tmp_path_factory.mktemp("open-clip") / "checkpoint")


def test_films_have_the_vectors_of_the_library(case: Case) -> None:
    side = case.settings["vision_cfg"]["image_size"]
    films = noise(3, 3, side, side)
    with torch.no_grad():
        expected, found = case.model.encode_image(films), case.loaded.model.encode_images(films)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_texts_have_the_vectors_of_the_library(case: Case) -> None:
    tokenizer = case.loaded.tokenizers["text"]
    ids, mask = (torch.from_numpy(one) for one in tokenizer.encode(TEXTS[:3]))
    padded = torch.nn.functional.pad(ids, (0, LENGTH - ids.shape[1]), value=tokenizer.pad_id)
    with torch.no_grad():
        expected, found = case.model.encode_text(padded), case.loaded.model.encode_texts(ids, mask)
    assert len(set(mask.sum(dim=1).tolist())) > 1
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_the_scale_and_settings_are_the_published_ones(case: Case) -> None:
    assert float(case.loaded.model.scale().detach()) == pytest.approx(
        float(torch.tensor(2.5).exp()), rel=1e-5
    )
    assert case.loaded.config.preprocessing.fit == "squash"
    assert case.loaded.config.preprocessing.mean == open_clip.OPENAI_DATASET_MEAN
    bias = case.loaded.config.recipe["imported"].get("logit_bias")
    assert (bias is None) == (case.settings.get("init_logit_bias") is None)


def test_an_answer_to_a_text_does_not_depend_on_the_others(case: Case) -> None:
    tokenizer = case.loaded.tokenizers["text"]
    with torch.no_grad():
        together = case.loaded.model.encode_texts(*map(torch.from_numpy, tokenizer.encode(TEXTS[:3])))
        alone = case.loaded.model.encode_texts(*map(torch.from_numpy, tokenizer.encode(TEXTS[:1])))
    assert torch.allclose(together[:1], alone, atol=1e-6)


def test_texts_are_cleaned_as_the_library_does(tmp_path: Path) -> None:
    from open_clip.tokenizer import _clean_canonicalize

    case = Case("siglip", tmp_path / "checkpoint")
    tokenizer = case.loaded.tokenizers["text"]
    text = "  No_pleural   effusion, (left-sided)! Heart's size: NORMAL. "
    assert tokenizer.encode([text])[0].tolist() == tokenizer.encode([_clean_canonicalize(text)])[0].tolist()


def test_a_file_of_its_trainer_and_safetensors_are_the_same_model(clip: Case, tmp_path: Path) -> None:
    config = str(clip.folder / "open_clip_config.json")
    wrapped = {f"module.{name}": tensor for name, tensor in clip.tensors.items()}
    torch.save({"epoch": 32, "name": "run", "state_dict": wrapped}, tmp_path / "epoch_32.pt")
    save_file(clip.tensors, tmp_path / "model.safetensors")
    for file in ("epoch_32.pt", "model.safetensors"):
        found = imported(
            "open-clip", tmp_path / file, tmp_path / f"{file}.model", config=config, **clip.options
        )
        assert found.config.fingerprint == clip.loaded.config.fingerprint
    with pytest.raises(ModelError, match="no open_clip_config.json lies beside it; name its settings"):
        imported("open-clip", tmp_path / "epoch_32.pt", tmp_path / "model", **clip.options)


def test_the_settings_of_the_library_are_read(tmp_path: Path) -> None:
    """Every one of its model_configs is understood, or refused with what it has that cannot be had."""
    from plainfilm.checkpoints.reading.open_clip_config import read_open_clip

    files = sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json"))
    read, refused = 0, []
    for file in files:
        try:
            read_open_clip(file)
            read += 1
        except ModelError as error:
            refused.append(str(error).removeprefix(f"{file}: "))
    assert read > 0.7 * len(files)
    assert all("cannot be imported" in line for line in refused), refused


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_library(shape: tuple[int, int], mode: str) -> None:
    expected = image_transform_v2(PreprocessCfg(size=224, resize_mode=mode), is_train=False)(
        Image.fromarray(film(shape))
    )
    settings = Architecture.model_validate({"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}})
    how = _preprocessing(settings, Pixels.model_validate({"resize_mode": mode}))
    assert grey_levels(ours(shape, how), expected, how) <= 1 / 255


def with_settings(clip: Case, folder: Path, **changes: Any) -> Path:
    folder.mkdir()
    for key, value in changes.items():
        part, _, name = key.partition("__")
        assert name
        stated = json.loads((clip.folder / "open_clip_config.json").read_text())
        stated["model_cfg"][part] |= {name: value}
    (folder / "open_clip_config.json").write_text(json.dumps(stated))
    (folder / "open_clip_pytorch_model.bin").write_bytes(
        (clip.folder / "open_clip_pytorch_model.bin").read_bytes()
    )
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vision_cfg__attentional_pool": True}, "vision_cfg.attentional_pool is True"),
        ({"vision_cfg__layers": [3, 4, 6, 3]}, "CLIP's own ResNet, which cannot be imported"),
        ({"text_cfg__embed_cls": True}, "text_cfg.embed_cls is True, a tower that cannot be imported"),
        ({"text_cfg__pool_type": "first"}, "its text tower pools by 'first'"),
        ({"text_cfg__no_causal_mask": True}, "its text tower has no causal mask, pools by 'argmax'"),
        ({"vision_cfg__image_size": "large"}, "image_size"),
    ],
)
def test_a_tower_that_cannot_be_had_ends_in_one_line(
    clip: Case, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        imported(
            "open-clip",
            with_settings(clip, tmp_path / "other", **changes),
            tmp_path / "model",
            **clip.options,
        )
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visual.proj": None}, "tensor 'visual.proj' is missing"),
        ({"logit_scale": None}, "tensor 'logit_scale' is missing"),
        ({"visual.transformer.resblocks.1.ln_1.bias": torch.zeros(9)}, "ln_1.bias' is (9,)"),
        (
            {"visual.head.proj.weight": torch.zeros(9)},
            "'visual.head.proj.weight' is not part of such a model",
        ),
    ],
)
def test_tensors_that_do_not_fit_end_in_one_line(
    clip: Case, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    tensors = {name: one for name, one in (clip.tensors | change).items() if one is not None}
    torch.save(tensors, tmp_path / "other.pt")
    config = str(clip.folder / "open_clip_config.json")
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("open-clip", tmp_path / "other.pt", tmp_path / "model", config=config, **clip.options)


def test_the_command_reads_a_folder(clip: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tokenizer", clip.options["tokenizer"]]
    assert run(["import", "open-clip", str(clip.folder), "--out", str(tmp_path / "model"), *words]) == 0
    assert "licence of the weights of open-clip: that of the single weights" in capsys.readouterr().out
