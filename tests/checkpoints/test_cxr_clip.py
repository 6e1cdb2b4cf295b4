"""Checkpoints of CXR-CLIP: the numbers as published, every tensor accounted for, bad files in one line."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from plainfilm.checkpoints import import_checkpoint
from plainfilm.checkpoints.cxr_clip import OBSERVATIONS
from plainfilm.errors import ModelError
from plainfilm.predictor import load
from plainfilm.prompts import load_pack
from plainfilm.seeding import generator
from tests.checkpoints.published import (
    Published,
    hydra_settings,
    published,
    published_tensors,
    save,
    settings,
    token_ids,
    vocabulary_folder,
)

TEXTS = (
    *("No pleural effusion.", "There is a large pneumothorax.", "large PLEURAL effusions", "unheard of"),
    *("pneumothorax", "No pneumothorax. No effusion.", "a large effusion of the pleural", "the, the, the."),
)
SHAPES = ((512, 624), (56, 56), (80, 101), (101, 80), (57, 91), (301, 200), (40, 63), (224, 224))
"""(H, W) of films: square and not, odd and even margins of the crop, reduced and enlarged."""


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vocabulary_folder(tmp_path_factory.mktemp("tokenizer") / "words")


def films() -> list[np.ndarray]:
    rng = generator("published films")
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in SHAPES]


def check_equal(model: Published, path: Path, out: Path, side: int, **options: Any) -> None:
    """The same vectors, similarities and scale from the imported folder as from the published model."""
    import_checkpoint("cxr-clip", path, out, options)
    imported = load(out)
    images, texts = model.images(films(), side).numpy(), model.texts(token_ids(TEXTS)).numpy()
    ours = imported.encode_images(films()), imported.encode_texts(TEXTS)
    np.testing.assert_allclose(ours[0], images, atol=1e-5)
    np.testing.assert_allclose(ours[1], texts, atol=1e-5)
    np.testing.assert_allclose(ours[0] @ ours[1].T, images @ texts.T, atol=1e-5)
    assert imported.scale == pytest.approx(model.scale, rel=1e-6)
    assert np.ptp(images @ texts.T) > 0.01  # else everything would be equal to everything


@pytest.fixture(scope="module")
def swin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Swin of upstream, as a checkpoint."""
    return save(published(encoder="swin"), tmp_path_factory.mktemp("published") / "swint_m.tar")


def test_a_resnet_gives_the_published_numbers(tmp_path: Path, vocabulary: Path) -> None:
    model = published()
    path = save(model, tmp_path / "model-best.tar")
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary))
    preprocessing = load(tmp_path / "model").config.preprocessing
    assert (preprocessing.size, preprocessing.mean[0], preprocessing.std[0]) == (56, 0.485, 0.229)


@pytest.mark.parametrize("pooling", ["first_patch", "average"])
def test_a_swin_gives_the_published_numbers_in_the_pooling_asked_for(
    tmp_path: Path, vocabulary: Path, pooling: str
) -> None:
    model = published(encoder="swin", swin_pooling=pooling)
    path = save(model, tmp_path / "model-best.tar")
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling=pooling)


@pytest.mark.parametrize(
    "options",
    [
        {"text_pooling": "bos", "projection": "mlp"},
        {"text_pooling": "mean", "projection": None},
        {"temperature": None},
    ],
    ids=str,
)
def test_every_published_setting_of_a_model_gives_its_numbers(
    tmp_path: Path, vocabulary: Path, options: dict[str, Any]
) -> None:
    model = published(encoder="swin", **options)
    path = save(model, tmp_path / "model-best.tar")
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling="first_patch")


@pytest.mark.slow
def test_a_resnet_of_full_size_gives_the_published_numbers(tmp_path: Path) -> None:
    words = vocabulary_folder(tmp_path / "words", size=28_996)
    bert = {"vocab_size": 28_996, "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12}
    model = published(bert=bert)
    path = save(model, tmp_path / "r50_m.tar", config=settings(model, side=224))
    check_equal(model, path, tmp_path / "model", 224, tokenizer=str(words))


@pytest.mark.slow
def test_a_swin_of_full_size_gives_the_published_numbers(tmp_path: Path, vocabulary: Path) -> None:
    model = published(encoder="swin", swin={}, swin_pooling="average")
    path = save(model, tmp_path / "model-best.tar", config=settings(model, side=224, data=["cgmh"]))
    check_equal(model, path, tmp_path / "model", 224, tokenizer=str(vocabulary))


def test_a_run_on_labels_of_cgmh_tells_its_pooling(tmp_path: Path, vocabulary: Path) -> None:
    model = published(encoder="swin")
    path = save(model, tmp_path / "model-best.tar", config=settings(model, data=["cgmh"]))
    import_checkpoint("cxr-clip", path, tmp_path / "model", {"tokenizer": str(vocabulary)})
    config = load(tmp_path / "model").config
    assert config.architecture.image["pooling"] == "average"
    assert (config.preprocessing.mean, config.preprocessing.std) == ((0.5,) * 3, (0.5,) * 3)


def test_the_folder_says_where_the_model_comes_from(tmp_path: Path, vocabulary: Path, swin: Path) -> None:
    options = {"tokenizer": str(vocabulary), "pooling": "first_patch"}
    imported = import_checkpoint("cxr-clip", swin, tmp_path / "model", options)
    said = load(tmp_path / "model").config.recipe["imported"]
    assert (said["file"], said["epoch"], said["train_loss"]) == ("swint_m.tar", 15, 1.25)
    assert said["data"] == ["chexpert", "mimic_cxr"]
    assert said["sha256"] == hashlib.sha256(swin.read_bytes()).hexdigest()
    assert len(imported.dropped) == 7  # of four windows where its tokens stand, of texts theirs, and a pooler
    assert "text_encoder.text_encoder.pooler.dense.weight" in imported.dropped


def test_settings_are_as_the_trainers_of_hydra_leave_them(swin: Path) -> None:
    content = swin.read_bytes()
    for name in (
        b"omegaconf.listconfig",
        b"omegaconf.dictconfig",
        b"collections\ndefaultdict",
        b"2023-05-01",
    ):
        assert name in content


def test_settings_that_refer_to_others_are_followed(tmp_path: Path, vocabulary: Path) -> None:
    model = published(encoder="swin")
    config = settings(model)
    config["tokenizer"] = {"name": config["model"]["text_encoder"]["name"]}
    config["model"]["text_encoder"]["name"] = "${tokenizer.name}"
    config["base"] |= {"side": 56, "image_size": "${base.side}"}
    path = save(model, tmp_path / "model-best.tar", config=OmegaConf.create(config))
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling="first_patch")
    assert load(tmp_path / "model").config.architecture.text["name"] == "emilyalsentzer/Bio_ClinicalBERT"


def test_settings_that_refer_in_a_circle_are_missing(tmp_path: Path, vocabulary: Path) -> None:
    config = settings(published(encoder="swin"))
    config["base"] |= {"image_size": "${base.text_max_length}", "text_max_length": "${base.image_size}"}
    path = save(published(encoder="swin"), tmp_path / "model-best.tar", config=OmegaConf.create(config))
    with pytest.raises(ModelError, match=r"its setting 'config.base.image_size' is not"):
        import_checkpoint("cxr-clip", path, tmp_path / "model", {"tokenizer": str(vocabulary)})


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.model."])
def test_names_that_a_wrapper_made_longer_are_the_same_model(
    tmp_path: Path, vocabulary: Path, prefix: str
) -> None:
    model = published(encoder="swin")
    tensors = {f"{prefix}{name}": tensor for name, tensor in published_tensors(model).items()}
    path = save(model, tmp_path / "model-best.tar", model=tensors)
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling="first_patch")


def test_a_checkpoint_of_lightning_is_the_same_model(tmp_path: Path, vocabulary: Path) -> None:
    model = published(encoder="swin")
    tensors = {f"model.{name}": tensor for name, tensor in published_tensors(model).items()}
    path = tmp_path / "last.ckpt"
    stated = argparse.Namespace(**hydra_settings(settings(model)))
    torch.save({"state_dict": tensors, "hyper_parameters": stated, "epoch": 3, "global_step": 9}, path)
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling="first_patch")


def test_the_average_of_the_weights_is_had_by_asking(tmp_path: Path, vocabulary: Path) -> None:
    trained, average = published(encoder="swin"), published(seed=1, encoder="swin")
    path = save(trained, tmp_path / "model-best.tar", model_ema={"module": published_tensors(average)})
    options = {"tokenizer": str(vocabulary), "pooling": "first_patch"}
    check_equal(trained, path, tmp_path / "trained", 56, **options)
    check_equal(average, path, tmp_path / "average", 56, weights="ema", **options)
    assert load(tmp_path / "average").config.recipe["imported"]["weights"] == "ema"


def test_weights_of_half_precision_become_whole(tmp_path: Path, vocabulary: Path) -> None:
    model = published(encoder="swin").half().float()
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in published_tensors(model).items()}
    path = save(model, tmp_path / "model-best.tar", model=tensors)
    check_equal(model, path, tmp_path / "model", 56, tokenizer=str(vocabulary), pooling="first_patch")


@pytest.mark.parametrize(
    ("epoch", "loss"),
    [
        (np.int64(15), np.float64(1.25)),
        (torch.tensor(15), torch.tensor([1.25])),
        (np.int32(15), np.float32(1.25)),
        (15.0, torch.tensor(1.25, dtype=torch.float16)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_any_library_come_along(tmp_path: Path, vocabulary: Path, epoch: Any, loss: Any) -> None:
    path = save(published(encoder="swin"), tmp_path / "model-best.tar", epoch=epoch, train_loss=loss)
    options = {"tokenizer": str(vocabulary), "pooling": "first_patch"}
    import_checkpoint("cxr-clip", path, tmp_path / "model", options)
    said = load(tmp_path / "model").config.recipe["imported"]
    assert (said["epoch"], said["train_loss"]) == (15, 1.25)


def without(name: str) -> dict[str, Any]:
    model = published(encoder="swin")
    tensors = published_tensors(model)
    del tensors[name]
    return {"model": tensors}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = settings(published(encoder="swin"))
    *above, last = path.split(".")
    place = config
    for part in above:
        place = place[part]
    place[last] = value
    return {"config": config}


def with_tensor(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    return {"model": published_tensors(published(encoder="swin")) | {name: tensor}}


BLOCK = "image_encoder.image_encoder.encoder.layers.0.blocks.1"
REFUSED = {
    "missing": (
        lambda: without(f"{BLOCK}.attention.self.key.weight"),
        rf"tensor '{BLOCK}.attention.self.key.weight' is missing$",
    ),
    "unexpected": (
        lambda: with_tensor("text_encoder.adapter", torch.zeros(2)),
        r"tensor 'text_encoder.adapter' is not part of such a model",
    ),
    "shape": (
        lambda: with_tensor(f"{BLOCK}.layernorm_before.bias", torch.zeros(3)),
        r"layernorm_before.bias' is \(3,\) of float32, such a model needs \(32,\)",
    ),
    "whole numbers": (
        lambda: with_tensor(f"{BLOCK}.layernorm_before.bias", torch.zeros(32, dtype=torch.int64)),
        r"is \(32,\) of int64",
    ),
    "stretched": (
        lambda: with_tensor(f"{BLOCK}.layernorm_before.bias", torch.zeros(1).expand(32)),
        r"claims more numbers than it has",
    ),
    "no storage": (
        lambda: with_tensor("logit_scale", torch.empty((), device="meta")),
        r"'logit_scale' is not a plain tensor",
    ),
    "scale": (lambda: with_tensor("logit_scale", torch.tensor(float("nan"))), r"'logit_scale' is nan"),
    "no config": (lambda: {"config": None}, r"has no 'config' \(it holds model, optimizer"),
    "no model": (lambda: {"model": None}, r"has no 'model'"),
    "odd config": (lambda: {"config": 3}, r"setting 'config' is not as CXR-CLIP writes it"),
    "no pooling": (
        lambda: changed("model.text_encoder", {"name": "bert"}),
        r"setting 'config.model.text_encoder.pooling' is not .* \(Field required\)",
    ),
    "size": (lambda: changed("base.image_size", 10**9), r"setting 'config.base.image_size' is not"),
    "vit": (
        lambda: changed("model.image_encoder", {"name": "google/vit-base-patch16-224"}),
        r"image encoder is 'google/vit-base-patch16-224'; ResNet-50 and Swin, as published",
    ),
    "other model": (lambda: changed("model.name", "clip"), r"its model is 'clip'; CXR-CLIP has clip_custom,"),
    "lost scale": (lambda: without("logit_scale"), r"tensor 'logit_scale' is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, vocabulary: Path, case: str
) -> None:
    changes, message = REFUSED[case]
    path = save(published(encoder="swin"), tmp_path / "model-best.tar", **changes())
    with pytest.raises(ModelError, match=message) as refused:
        import_checkpoint(
            "cxr-clip", path, tmp_path / "model", {"tokenizer": str(vocabulary), "pooling": "average"}
        )
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "model").exists()


def test_a_swin_of_unknown_pooling_asks_for_it(tmp_path: Path, vocabulary: Path, swin: Path) -> None:
    with pytest.raises(ModelError, match=r"set pooling=first_patch for .*, pooling=average for"):
        import_checkpoint("cxr-clip", swin, tmp_path / "model", {"tokenizer": str(vocabulary)})


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path, swin: Path) -> None:
    words = vocabulary_folder(tmp_path / "words", size=30)
    with pytest.raises(ModelError, match=r"has 30 tokens, the text encoder 18"):
        import_checkpoint(
            "cxr-clip", swin, tmp_path / "model", {"tokenizer": str(words), "pooling": "average"}
        )


def test_a_tokenizer_that_needs_a_download_is_refused_offline(tmp_path: Path, swin: Path) -> None:
    with pytest.raises(
        ModelError, match=r"tokenizer 'emilyalsentzer/Bio_ClinicalBERT' is not on this machine"
    ):
        import_checkpoint("cxr-clip", swin, tmp_path / "model", {"offline": True, "pooling": "average"})


def classifier_file(
    model: Published, head: torch.nn.Linear, path: Path, table: str = "rsna_pneumonia"
) -> Path:
    """A checkpoint of the published linear probe on the image encoder of `model`."""
    tensors = {k: v for k, v in published_tensors(model).items() if k.startswith("image_encoder.")}
    tensors |= {f"classifier.classification_head.{k}": v for k, v in head.state_dict().items()}
    config = settings(model)
    config["data_train"] = {"base": {"name": table, "n_class": head.out_features}}
    config["model"] = {
        "name": "finetune_classification",
        "load_backbone_weights": "model-best.tar",
        "image_encoder": config["model"]["image_encoder"],
        "classifier": {"config": {"name": "linear", "n_class": head.out_features}},
    }
    return save(model, path, model=tensors, config=config)


@pytest.mark.parametrize(("encoder", "features"), [("resnet", 2048), ("swin", 64)])
def test_a_classifier_gives_the_published_logits(tmp_path: Path, encoder: str, features: int) -> None:
    model, head = published(encoder=encoder), torch.nn.Linear(features, 1)
    torch.nn.init.normal_(head.weight, std=1e-3)  # features of random weights are in the hundreds
    imported = import_checkpoint(
        "cxr-clip", classifier_file(model, head, tmp_path / "model-best.tar"), tmp_path / "model"
    )
    assert not imported.tokenizers
    said = load(tmp_path / "model").classify(films())
    assert said.observations == ("Pneumonia",)
    with torch.no_grad():
        expected = head(model.features(films(), 56)).numpy()
    np.testing.assert_allclose(said.logits, expected, atol=1e-5, rtol=1e-5)


def test_outputs_of_a_classifier_that_have_no_names_are_asked_for(tmp_path: Path) -> None:
    path = classifier_file(
        published(encoder="swin"), torch.nn.Linear(64, 2), tmp_path / "model-best.tar", table="ours"
    )
    with pytest.raises(ModelError, match=r"has 2 outputs, trained on ours, and 0 names for them; name them"):
        import_checkpoint("cxr-clip", path, tmp_path / "model")
    import_checkpoint("cxr-clip", path, tmp_path / "model", {"observations": ["Edema", "Hernia"]})
    assert load(tmp_path / "model").observations == ("Edema", "Hernia")


def test_a_classifier_of_vindr_has_the_observations_that_cxr_clip_scores() -> None:
    assert set(OBSERVATIONS["vindr_cxr"]) == set(load_pack("vindr_cxr").sets["cxr_clip"])
