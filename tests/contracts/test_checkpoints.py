"""Every family of checkpoints has its parts and refuses what is not one of its files in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from plainfilm import plugins
from plainfilm.checkpoints import import_checkpoint
from plainfilm.checkpoints.base import CheckpointConfig, family, licence_of
from plainfilm.errors import ModelError

FAMILIES = plugins.names("checkpoint family")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_options_with_defaults(name: str) -> None:
    config = family(name).Config()
    assert isinstance(config, CheckpointConfig)
    assert config.tokenizer is None


@pytest.mark.parametrize("name", FAMILIES)
def test_hyphens_and_underscores_name_the_same_family(name: str) -> None:
    assert family(name.replace("_", "-")) is family(name)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04cut off", b"\x80\x02cos\nsystem\n."], ids=len)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_refuses_what_is_no_checkpoint(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "model.tar"
    path.write_bytes(content)
    with pytest.raises(ModelError) as refused:
        import_checkpoint(name, path, tmp_path / "model")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "model").exists()


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize("legacy", [True, False], ids=["before PyTorch 1.6", "zip"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_refuses_a_pickle_that_runs_something(tmp_path: Path, name: str, legacy: bool) -> None:
    content = {"state_dict": {"a": torch.zeros(2)}, "config": Runs()}
    torch.save(content, tmp_path / "model.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelError, match=r"asks to run 'builtins.eval'") as refused:
        import_checkpoint(name, tmp_path / "model.pt", tmp_path / "model")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_states_a_licence_and_says_it_first(name: str) -> None:
    assert len(licence_of(family(name))) > 2
    assert hasattr(family(name), "LICENCE")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_refuses_the_weights_of_something_else(tmp_path: Path, name: str) -> None:
    torch.save({"model": torch.nn.Linear(2, 2).state_dict(), "config": {}}, tmp_path / "model.tar")
    with pytest.raises(ModelError) as refused:
        import_checkpoint(name, tmp_path / "model.tar", tmp_path / "model")
    assert "\n" not in str(refused.value)
