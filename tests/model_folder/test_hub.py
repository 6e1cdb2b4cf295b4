"""Models go to the Hub and come back, as safe files only; against a stand-in of its API on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import constants

import plainfilm
from plainfilm.cli.main import run
from plainfilm.errors import ModelError, UsageError
from plainfilm.model_folder.hub import local_folder, push_model
from tests.model_folder.hub_server import Hub, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving() as answering:
        template = f"{answering.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", answering.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_ENDPOINT", answering.address)
        monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield answering


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model with patients, and with files that must stay here."""
    from plainfilm.io.files import sha256_of

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    np.save(folder / "patients.npy", np.array([1, 2, 3], dtype=np.int64))
    values = json.loads((folder / "config.json").read_text())
    values.pop("sha256", None)
    (folder / "config.json").write_text(
        json.dumps({**values, "patients_sha256": sha256_of(folder / "patients.npy")})
    )
    (folder / "helper.py").write_text("raise SystemExit")
    (folder / "old.pt").write_bytes(b"a pickle")
    return folder


def test_a_model_comes_back_as_it_went(hub: Hub, model: Path, small_world) -> None:
    assert run(["push", str(model), "lab/tiny"]) == 0
    film = small_world.image_path(small_world.table("images")["path"][0].as_py())
    back, here = plainfilm.load("hf://lab/tiny"), plainfilm.load(model)
    assert np.array_equal(back.encode_images(film), here.encode_images(film))
    assert hub.private == {"lab/tiny": True}


def test_safe_files_go_and_hashes_of_patients_stay(hub: Hub, model: Path) -> None:
    push_model(model, "lab/tiny")
    names = set(hub.files["lab/tiny"])
    assert {"config.json", "model.safetensors", "README.md"} <= names
    assert not {name for name in names if name.endswith((".py", ".pt", ".npy"))}
    assert plainfilm.load("hf://lab/tiny").trained_patients is None
    assert plainfilm.load(model).trained_patients.tolist() == [1, 2, 3]


def test_hashes_of_patients_go_if_wanted(hub: Hub, model: Path) -> None:
    push_model(model, "lab/tiny", with_patients=True, private=False)
    assert plainfilm.load("hf://lab/tiny").trained_patients.tolist() == [1, 2, 3]
    assert hub.private == {"lab/tiny": False}


def test_the_card_begins_with_what_the_hub_reads(hub: Hub, model: Path) -> None:
    push_model(model, "lab/tiny")
    _, head, text = hub.files["lab/tiny"]["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(head)["library_name"] == "plainfilm"
    assert "# Model card" in text
    assert not (model / "README.md").read_text().startswith("---")


def test_what_is_not_safe_is_not_taken(hub: Hub, model: Path) -> None:
    push_model(model, "lab/tiny")
    hub.files["lab/tiny"]["tokenizers/text/evil.py"] = b"raise SystemExit"
    hub.files["lab/tiny"]["pytorch_model.bin"] = b"a pickle"
    folder = local_folder("hf://lab/tiny")
    assert not [path for path in folder.rglob("*") if path.suffix in (".py", ".bin")]


def test_a_model_that_was_loaded_before_needs_no_network(
    hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_model(model, "lab/tiny")
    first = local_folder("hf://lab/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert local_folder("hf:/lab/tiny") == first  # as a path of the command line has it
    with pytest.raises(ModelError, match="hf://lab/other is not on this machine.*out of reach"):
        local_folder("hf://lab/other")


def test_a_model_that_is_not_there_is_one_line(hub: Hub, model: Path) -> None:
    with pytest.raises(ModelError, match=r"hf://lab/none: the Hub does not give or take it.*check the name"):
        plainfilm.load("hf://lab/none")


def test_a_hub_that_refuses_is_one_line(hub: Hub, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.refused = True
    assert run(["push", str(model), "lab/tiny"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("plainfilm: ")]
    assert len(said) == 1
    assert "hf auth login" in said[0]


@pytest.mark.parametrize("name", ["hf://tiny", "hf:lab/tiny", "hf://lab/tiny@", "hf://lab/../x y"])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="hf://OWNER/NAME"):
        local_folder(name)


def test_a_model_that_names_code_is_not_pushed(hub: Hub, model: Path) -> None:
    values = json.loads((model / "config.json").read_text())
    values["architecture"]["image"]["use"] = "./mine.py"
    (model / "config.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match=r"needs code \('./mine.py'\)"):
        push_model(model, "lab/tiny")
    assert hub.files == {}
