"""What no family imports: cut files, code, the files of other families, and tensors of another size.

Of every family a small file that is imported as it is, changed in one way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plainfilm.checkpoints import import_checkpoint
from plainfilm.errors import ModelError
from tests.checkpoints.small_files import SMALL_FILES, SmallFile

pytestmark = pytest.mark.slow

ALL = "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
"""torchxrayvision knows the outputs of a file by its name."""
LAYER = re.compile("layer|block")


@pytest.fixture(scope="module", params=list(SMALL_FILES))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def small(family: str, tmp_path_factory: pytest.TempPathFactory) -> SmallFile:
    return SMALL_FILES[family](tmp_path_factory.mktemp(family))


@pytest.fixture
def refused(family: str, small: SmallFile, tmp_path: Path) -> Callable[[Path], str]:
    """Imports a file that is refused; the message."""

    def message(path: Path) -> str:
        with pytest.raises(ModelError) as found:
            import_checkpoint(family, path, tmp_path / "out", small.options)
        assert "\n" not in str(found.value)
        assert not (tmp_path / "out").exists()
        return str(found.value)

    return message


def saved(content: Any, folder: Path, name: str = ALL) -> Path:
    torch.save(content, folder / name)
    return folder / name


def test_the_file_is_imported_as_it_is(family: str, small: SmallFile, tmp_path: Path) -> None:
    import_checkpoint(family, saved(small.content, tmp_path), tmp_path / "model", small.options)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_a_cut_file(small: SmallFile, refused: Callable[[Path], str], tmp_path: Path) -> None:
    path = saved(small.content, tmp_path)
    whole = path.read_bytes()
    for share in (0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        assert str(path) in refused(path)


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


def test_a_pickle_that_runs_something(
    small: SmallFile, refused: Callable[[Path], str], tmp_path: Path
) -> None:
    if isinstance(small.content, nn.Module):
        content = {"weights": small.content.state_dict(), "more": Runs()}
    else:
        content = {**small.content, "more": Runs()}
    assert "asks to run 'builtins.eval'" in refused(saved(content, tmp_path))


@pytest.mark.parametrize("key", ["auto_map", "trust_remote_code"])
def test_settings_that_ask_for_code(
    key: str, small: SmallFile, refused: Callable[[Path], str], tmp_path: Path
) -> None:
    (tmp_path / "hub").mkdir()
    saved(small.content, tmp_path / "hub", "pytorch_model.bin")
    (tmp_path / "hub" / "config.json").write_text(json.dumps({key: {"AutoModel": "code.Model"}}))
    said = refused(tmp_path / "hub")
    assert f"asks for code of its own ('{key}')" in said or "is a folder" in said


def test_the_file_of_another_family(family: str, refused: Callable[[Path], str], tmp_path: Path) -> None:
    names = list(SMALL_FILES)
    other = names[(names.index(family) + 1) % len(names)]
    (tmp_path / "other").mkdir()
    path = saved(SMALL_FILES[other](tmp_path / "other").content, tmp_path)
    assert str(path) in refused(path)


def tensors_in(content: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every tensor of at least two dimensions, as the dictionary that holds it and its name."""
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, Tensor) and value.ndim >= 2 and value.is_floating_point():
                yield content, name
            else:
                yield from tensors_in(value)


def copied(content: Any) -> Any:
    """The same dictionaries, new, with the same tensors."""
    return {name: copied(value) for name, value in content.items()} if isinstance(content, dict) else content


def test_a_tensor_of_another_size(small: SmallFile, refused: Callable[[Path], str], tmp_path: Path) -> None:
    """One of an inner layer, by whose neighbours its size is known."""
    whole = small.content.state_dict() if isinstance(small.content, nn.Module) else small.content
    content = copied(dict(whole))
    found = [one for one in tensors_in(content) if LAYER.search(one[1])]
    holder, name = found[len(found) // 2]
    holder[name] = holder[name][:-1].clone()
    assert "tensor '" in refused(saved(content, tmp_path))
