"""The model folder: comes back as it was, is written whole, and every defect is one line that names it."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from plainfilm.errors import DataError, ModelError, UsageError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import (
    ModelConfig,
    TrainedOn,
    TrainingCollection,
    load_model,
    read_model_config,
    save_model,
    writing_beside,
)
from plainfilm.model_folder import folder as written
from plainfilm.models.base import Facts, build_model
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.types import View
from tests.io.test_locks import held_by_another
from tests.toys import IMAGE, TEXT, toy_config

TEXTS = ["No effusion.", "Small left effusion."]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 4, vocabulary_size=300, max_tokens=9)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer):
    facts = Facts(tokenizers=written.tokenizer_facts({"text": tokenizer}))
    return build_model(toy_config(), facts).eval()


@pytest.fixture
def folder(tmp_path: Path, model, tokenizer: Tokenizer) -> Path:
    config = ModelConfig(
        architecture=toy_config(),
        preprocessing=Preprocessing(size=32),
        trained_on=TrainedOn(text_rule="impression"),
        collections=(TrainingCollection(name="phantom", fingerprint="abc", licence="CC0-1.0"),),
        recipe={"objective": {"use": "infonce"}, "seed": 3},
        scores={"recall@5": 0.25},
    )
    save_model(tmp_path / "model", model, {"text": tokenizer}, config)
    return tmp_path / "model"


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    values.pop("sha256", None)  # as whoever changes it does
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("code", ["mine.py", "lab.encoders"])
def test_a_model_of_somebodys_code_runs_nothing_unasked(folder: Path, code: str) -> None:
    architecture = json.loads((folder / "config.json").read_text())["architecture"]
    _edit(folder, architecture=architecture | {"image": {"use": code}})
    with pytest.raises(
        ModelError, match=f"'architecture.image.use' is foreign code \\('{code}'\\).*--trust-code"
    ):
        load_model(folder)
    with pytest.raises(ModelError, match="no such file|no module named"):
        load_model(folder, trust_code=True)


def test_a_full_disk_is_one_line(folder: Path, model, tokenizer: Tokenizer, monkeypatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise SafetensorError("No space left on device (os error 28)")

    settings = written.read_model_config(folder)
    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(written, "save_file", full)
    with pytest.raises(DataError, match=r"model.safetensors: cannot be written \(No space left"):
        save_model(folder, model, {"text": tokenizer}, settings)
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_model_comes_back_as_it_was(folder: Path, model, tokenizer: Tokenizer) -> None:
    loaded = load_model(folder)
    ids, mask = (torch.from_numpy(array) for array in loaded.tokenizers["text"].encode(TEXTS))
    assert torch.equal(loaded.model.encode_texts(ids, mask), model.encode_texts(ids, mask))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded.model.encode_images(images), model.encode_images(images))
    assert not any(module.training for module in loaded.model.modules())


def test_its_facts_come_back(folder: Path, tokenizer: Tokenizer) -> None:
    config = load_model(folder).config
    assert config.preprocessing.size == 32
    [(name, facts)] = config.facts.tokenizers.items()
    assert (name, facts.vocabulary_size, facts.max_tokens) == ("text", tokenizer.vocabulary_size, 9)
    assert (facts.pad, facts.start, facts.end) == (tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id)
    assert config.collections[0].fingerprint == "abc"
    assert config.recipe["seed"] == 3


def test_the_fingerprint_follows_the_weights(folder: Path, model, tokenizer: Tokenizer) -> None:
    first = load_model(folder).config
    save_model(folder, model, {"text": tokenizer}, first)
    assert load_model(folder).config.fingerprint == first.fingerprint
    with torch.no_grad():
        changed = load_model(folder).model
        changed.log_scale.add_(1)
    save_model(folder, changed, {"text": tokenizer}, first)
    assert load_model(folder).config.fingerprint != first.fingerprint


def test_the_card_states_the_facts(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    for fact in (
        "not a medical device",
        "timm test_vit",
        "phantom (fingerprint abc",
        "| recall@5 | 0.25 |",
        "infonce",
    ):
        assert fact in card


def test_only_the_stated_files_are_written(folder: Path) -> None:
    names = {"README.md", "config.json", "model.safetensors"}
    names |= {f"tokenizers/text/{name}" for name in ("tokenizer.json", "tokenizer_config.json")}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["text.norm.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors: tensor 'text\.norm\.weight' is missing"):
        load_model(folder)


def test_an_unexpected_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors") | {"extra": torch.ones(1)}
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError, match="tensor 'extra' is not part of this model"):
        load_model(folder)


def test_a_tensor_of_another_shape_is_named(folder: Path) -> None:
    _edit(folder, architecture=toy_config(projection={"dimension": 9}).model_dump(mode="json"))
    with pytest.raises(ModelError, match=r"is \(8, 64\), this model needs \(9, 64\) \(and 3 more\)"):
        load_model(folder)


def test_a_newer_format_says_what_to_do(folder: Path) -> None:
    _edit(folder, format_version=3, package_version="9.0", something_new=1)
    with pytest.raises(ModelError, match=r"model format 3 \(written by plainfilm 9\.0\).*newer plainfilm"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizers/text/tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"no {Path(name).name}"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_model(folder)


def test_an_unknown_setting_is_named(folder: Path) -> None:
    _edit(folder, colour="blue")
    with pytest.raises(ModelError, match=r"config\.json: unknown key 'colour'"):
        load_model(folder)


def test_an_encoder_that_is_not_known_here_is_named(folder: Path) -> None:
    architecture = {"use": "dual_encoder", "image": IMAGE | {"use": "theirs"}, "text": TEXT}
    _edit(folder, architecture=architecture)
    with pytest.raises(ModelError, match="unknown image encoder 'theirs'"):
        load_model(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_model(tmp_path / "nothing")


def test_a_failed_save_leaves_the_old_model(
    folder: Path, model, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*args: object) -> str:
        raise OSError(28, "No space left on device")

    before = (folder / "config.json").read_bytes()
    monkeypatch.setattr(written, "model_card", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(folder, model, {"text": tokenizer}, load_model(folder).config)
    assert (folder / "config.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_save_killed_between_its_two_renames_is_mended(folder: Path) -> None:
    folder.rename(folder.parent / ".model.old")
    assert load_model(folder).config.recipe["seed"] == 3


def test_leftovers_of_a_killed_save_are_cleared(folder: Path, model, tokenizer: Tokenizer) -> None:
    (folder.parent / ".model.part-abc").mkdir()
    save_model(folder, model, {"text": tokenizer}, load_model(folder).config)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_the_patients_it_was_trained_on_come_back(folder: Path, model, tokenizer: Tokenizer) -> None:
    config = load_model(folder).config
    save_model(folder, model, {"text": tokenizer}, config, np.array([3, 5]))
    assert load_model(folder).patients.tolist() == [3, 5]


def test_a_damaged_list_of_patients_is_named(folder: Path, model, tokenizer: Tokenizer) -> None:
    config = load_model(folder).config
    save_model(folder, model, {"text": tokenizer}, config, np.array([3, 5]))
    (folder / "patients.npy").write_bytes(b"no array")
    with pytest.raises(ModelError, match=r"patients.npy: damaged"):
        load_model(folder)


def test_tokenizers_lie_apart_by_name_and_decide_the_fingerprint(folder: Path, model, tokenizer) -> None:
    before = load_model(folder).config
    other = Tokenizer.train(["Something else."], vocabulary_size=tokenizer.vocabulary_size, max_tokens=9)
    save_model(folder, model, {"text": tokenizer, "report": other}, before)
    assert {path.name for path in (folder / "tokenizers").iterdir()} == {"text", "report"}
    assert (
        written.load_tokenizer(folder, "report").encode(["Else"])[0].tolist()
        == other.encode(["Else"])[0].tolist()
    )
    assert load_model(folder).config.fingerprint != before.fingerprint


def _of_format_1(folder: Path, **architecture: object) -> None:
    """Rewrites a model folder as the first version wrote it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("sha256")  # the first version wrote none
    config.pop("patients_sha256")
    stated = config["architecture"] | architecture
    config |= {"format_version": 1, "architecture": {"kind": stated.pop("use"), **stated}}
    facts = config.pop("facts")
    config["vocabulary_size"] = facts["tokenizers"].get("text", {"vocabulary_size": 0})["vocabulary_size"]
    config["observations"] = []
    path.write_text(json.dumps(config))
    if (folder / "tokenizers").is_dir():
        for file in (folder / "tokenizers" / "text").iterdir():
            file.rename(folder / file.name)
        shutil.rmtree(folder / "tokenizers")


@pytest.mark.parametrize("states_its_kind", [True, False])
def test_a_folder_of_the_first_format_gives_the_same_vectors(folder: Path, states_its_kind: bool) -> None:
    before = load_model(folder)
    _of_format_1(folder)
    if not states_its_kind:  # the very first ones did not
        architecture = json.loads((folder / "config.json").read_text())["architecture"]
        assert architecture.pop("kind") == "dual_encoder"
        _edit(folder, architecture=architecture)
    after = load_model(folder)
    ids, mask = (torch.from_numpy(array) for array in after.tokenizers["text"].encode(TEXTS))
    assert torch.equal(after.model.encode_texts(ids, mask), before.model.encode_texts(ids, mask))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(after.model.encode_images(images), before.model.encode_images(images))
    assert after.model.facts == before.model.facts
    assert after.config.fingerprint == before.config.fingerprint
    assert after.config.format_version == 2


def test_a_classifier_of_the_first_format_gives_the_same_logits(
    tiny_classifier: Path, tmp_path: Path
) -> None:
    before = load_model(tiny_classifier)
    older = Path(shutil.copytree(tiny_classifier, tmp_path / "older"))
    _of_format_1(older, observations=list(before.model.facts.observations))
    after = load_model(older)
    assert after.model.facts == before.model.facts
    features = before.model.film_features(torch.randn(2, 1, 64, 64))
    assert torch.equal(after.model.logits(features), before.model.logits(features))


def test_a_folder_of_the_first_format_is_saved_as_todays(folder: Path, tmp_path: Path) -> None:
    _of_format_1(folder)
    loaded = load_model(folder)
    save_model(tmp_path / "new", loaded.model, loaded.tokenizers, loaded.config)
    assert json.loads((tmp_path / "new" / "config.json").read_text())["format_version"] == 2
    again = load_model(tmp_path / "new")
    assert again.config.facts == again.model.facts == loaded.model.facts
    assert again.config.architecture == loaded.config.architecture
    assert again.config.fingerprint == loaded.config.fingerprint


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_of_the_first_format_is_named(folder: Path, name: str) -> None:
    _of_format_1(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        load_model(folder)


def test_what_evaluation_must_know_of_training_comes_back(folder: Path) -> None:
    _edit(folder, trained_on={"views": ["PA"], "label_origin": [], "text_rule": "impression"})
    found = read_model_config(folder).trained_on
    assert found == TrainedOn(views=(View.PA,), label_origin=(), text_rule="impression")


def test_a_folder_that_says_nothing_of_its_training_restricts_nothing(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    del settings["trained_on"], settings["sha256"]
    (folder / "config.json").write_text(json.dumps(settings))
    assert load_model(folder).config.training_facts == TrainedOn()


def test_whoever_loads_a_model_that_is_being_replaced_does_not_end_its_writer(tmp_path: Path) -> None:
    """A reader that finds the folder missing puts the older one back."""
    stopped = threading.Event()

    def read() -> None:
        while not stopped.is_set():
            written._recover(tmp_path / "model")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(300):
            part = tmp_path / f"part-{number}"
            part.mkdir()
            (part / "number").write_text(str(number))
            written._replace_folder(part, tmp_path / "model")
            assert (tmp_path / "model" / "number").read_text() == str(number)
    finally:
        stopped.set()
        reader.join()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("held", ["run", "run/model"])
def test_nobody_writes_into_a_model_that_is_being_trained(folder: Path, tmp_path: Path, held: str) -> None:
    shutil.copytree(folder, tmp_path / "run" / "model")
    (tmp_path / "run" / "recipe.yaml").write_text("{}")
    with (
        held_by_another(tmp_path / held),
        pytest.raises(UsageError, match=f"{held}: is being written by process"),
        writing_beside(tmp_path / "run" / "model"),
    ):
        pass
