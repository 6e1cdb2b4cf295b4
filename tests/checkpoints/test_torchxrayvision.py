"""torchxrayvision's classifiers: the library itself computes, and its whole modules are stored and read."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from plainfilm.checkpoints.torchxrayvision import _table, preprocessing
from plainfilm.errors import ModelError
from plainfilm.io.torch_files import read_published
from plainfilm.model_folder import LoadedModel
from plainfilm.predictor import load
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

xrv = pytest.importorskip("torchxrayvision", reason="torchxrayvision computes the reference")

ALL = "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
CHEX = "chex-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"


@pytest.fixture(scope="module")
def model() -> Any:
    return randomised(xrv.models.DenseNet(), 0.05)


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole module as a PyTorch of before 1.6 stored it."""
    folder = tmp_path_factory.mktemp("xrv")
    torch.save(model, folder / ALL, _use_new_zipfile_serialization=False)
    return folder


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedModel:
    return imported("torchxrayvision", folder / ALL, folder / "model")


def test_logits_and_features_are_those_of_the_library(loaded: LoadedModel, model: Any) -> None:
    films = noise(3, 1, 224, 224)
    with torch.no_grad():
        features = loaded.model.film_features(films)
        found, expected = loaded.model.logits(features), model(films)
        expected_features = model.features2(films)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert least_cosine(features.pooled, expected_features) > 0.99999


def test_the_outputs_are_named_in_the_order_of_the_library(loaded: LoadedModel) -> None:
    assert list(loaded.model.facts.observations) == list(xrv.models.DenseNet.targets)


def test_the_table_is_that_of_the_library() -> None:
    for key, entry in _table().items():
        stated = xrv.models.model_urls["resnet50-res512-all" if key == "resnet_all" else key]
        assert stated["weights_url"].endswith(f"/{entry['file']}")
        pairs = zip(stated["labels"], stated["op_threshs"], strict=True)
        expected = [{"label": one, "point": point} if point == point else {} for one, point in pairs]
        assert entry["outputs"] == expected


def test_outputs_that_were_never_trained_are_left_out(model: Any, tmp_path: Path) -> None:
    torch.save(model, tmp_path / CHEX)
    found = imported("torchxrayvision", tmp_path / CHEX, tmp_path / "model")
    kept = [place for place, name in enumerate(xrv.models.model_urls["chex"]["labels"]) if name]
    films = noise(2, 1, 224, 224)
    with torch.no_grad():
        logits = found.model.logits(found.model.film_features(films))
        expected = model(films)[:, kept]
    assert len(kept) == logits.shape[1] < 18
    assert least_cosine(logits, expected) > 0.99999
    points = found.config.recipe["imported"]["operating_points"]
    assert points["Pneumothorax"] == pytest.approx(0.0531293)


def test_a_film_is_classified(folder: Path, loaded: LoadedModel) -> None:
    scores = load(folder / "model").encode_images([film((90, 70))])
    assert np.linalg.norm(scores) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("side", [224, 512])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_library(shape: tuple[int, int], side: int) -> None:
    values = xrv.utils.normalize(film(shape), 255)[None]
    square = xrv.datasets.XRayResizer(side)(xrv.datasets.XRayCenterCrop()(values))
    how = preprocessing(side)
    assert grey_levels(ours(shape, how), torch.from_numpy(square), how) <= 1 / 255


def test_the_resnet_of_512_pixels(tmp_path: Path) -> None:
    from torchvision.models import resnet50

    net = resnet50(weights=None, num_classes=18)
    net.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    randomised(net, 0.03)
    torch.save({f"model.{name}": tensor for name, tensor in net.state_dict().items()}, tmp_path / "net.pt")
    options = {"trained_on": "resnet_all"}
    found = imported("torchxrayvision", tmp_path / "net.pt", tmp_path / "model", **options)
    films = noise(2, 1, 96, 96)
    kept = [place for place, output in enumerate(_table()["resnet_all"]["outputs"]) if output]
    with torch.no_grad():
        logits, expected = found.model.logits(found.model.film_features(films)), net(films)[:, kept]
    assert found.config.preprocessing.size == 512
    assert least_cosine(logits, expected) > 0.99999


class Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("__import__('pathlib').Path('/tmp/it-was-run').touch()",)


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_a_module_that_runs_something_ends_in_one_line(
    tmp_path: Path, model: Any, legacy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(model.__dict__, "targets", Runs())
    torch.save(model, tmp_path / ALL, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelError, match=r"asks to run 'builtins.eval'") as refused:
        imported("torchxrayvision", tmp_path / ALL, tmp_path / "model")
    assert "\n" not in str(refused.value)
    assert not Path("/tmp/it-was-run").exists()


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5, 0.9999])
def test_a_cut_file_ends_in_one_line(folder: Path, tmp_path: Path, share: float) -> None:
    content = (folder / ALL).read_bytes()
    (tmp_path / ALL).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"damaged, or not of torch.save") as refused:
        imported("torchxrayvision", tmp_path / ALL, tmp_path / "model")
    assert "\n" not in str(refused.value)


def legacy(tmp_path: Path, main: bytes) -> Path:
    """A file as of before PyTorch 1.6, whose object is the pickle `main`."""
    head = [
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        pickle.dumps(1001, 2),
        pickle.dumps({"little_endian": True}, 2),
    ]
    (tmp_path / "old.pt").write_bytes(b"".join(head) + main + pickle.dumps([], 2))
    return tmp_path / "old.pt"


@pytest.mark.parametrize(
    "main",
    [
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
        b"\x80\x02ccollections\nOrderedDict\n(X\x01\x00\x00\x00ax\x86b.",
        b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x05\x00\x00\x00\x00\x01NtQ.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00tR.",
    ],
    ids=["later protocol", "state of a class", "claims 16 GB", "tensor of nothing"],
)
def test_an_old_file_that_makes_no_sense_ends_in_one_line(tmp_path: Path, main: bytes) -> None:
    with pytest.raises(ModelError) as refused:
        read_published(legacy(tmp_path, main))
    assert "damaged, or not of torch.save" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["os.system", "builtins.getattr", "numpy.fromfile", "torch.load"])
def test_an_old_file_that_asks_for_a_function_is_refused(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    main = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b"X\x02\x00\x00\x00ls\x85R."
    with pytest.raises(ModelError, match=rf"asks to run '{re.escape(name)}'"):
        read_published(legacy(tmp_path, main))


def test_a_name_that_is_not_published_is_a_question(
    folder: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / "mine.pt").write_bytes((folder / ALL).read_bytes())
    with pytest.raises(ModelError, match=r"trained_on=\(all, nih, pc"):
        imported("torchxrayvision", tmp_path / "mine.pt", tmp_path / "model")
    with pytest.raises(ModelError, match=r"is of another architecture than the weights 'resnet_all'"):
        imported("torchxrayvision", tmp_path / "mine.pt", tmp_path / "model", trained_on="resnet_all")


def test_another_number_of_outputs_ends_in_one_line(tmp_path: Path, model: Any) -> None:
    tensors: dict[str, Tensor] = dict(model.state_dict()) | {"classifier.weight": torch.zeros(14, 1024)}
    torch.save(tensors, tmp_path / ALL)
    with pytest.raises(ModelError, match=r"has 14 outputs, such weights have 18"):
        imported("torchxrayvision", tmp_path / ALL, tmp_path / "model")
