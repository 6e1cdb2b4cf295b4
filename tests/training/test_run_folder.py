"""Whether a run may start or go on in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import plainfilm.prompts
from plainfilm.collection import Collection
from plainfilm.config import read_yaml
from plainfilm.errors import UsageError
from plainfilm.training.recipe import Recipe
from plainfilm.training.run_folder import RunFolder

Tiny = Callable[..., Recipe]


@pytest.fixture
def claimed(tiny: Tiny, collection: Collection, tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.claim(tiny(), [collection])
    return folder


def test_an_empty_folder_is_free(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    RunFolder(tmp_path / "new").check(tiny(), [collection], resume=False)
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").check(tiny(), [collection], resume=True)


def test_a_file_is_not_a_folder(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "file").check(tiny(), [collection], resume=False)


def test_only_what_decides_weights_must_be_the_same(
    tiny: Tiny, collection: Collection, claimed: RunFolder
) -> None:
    claimed.check(tiny("data.workers=3", "trackers=[tensorboard]"), [collection], resume=True)
    with pytest.raises(UsageError, match=r"started with data.sentences=2, now it is 1"):
        claimed.check(tiny("data.sentences=1"), [collection], resume=True)


def test_other_data_are_refused(tiny: Tiny, train_only_collection: Collection, claimed: RunFolder) -> None:
    with pytest.raises(UsageError, match="started on other collections"):
        claimed.check(tiny(), [train_only_collection], resume=True)


def test_a_run_without_a_step_begins_again(tiny: Tiny, collection: Collection, claimed: RunFolder) -> None:
    claimed.tokenizers.mkdir()
    claimed.log.write_text('{"event": "start"}\n')
    other = tiny("data.sentences=1")
    claimed.check(other, [collection], resume=False)
    claimed.claim(other, [collection])
    assert not claimed.tokenizers.exists()
    assert not claimed.log.exists()


@pytest.mark.parametrize("trace", ["log.jsonl", "training_state.pt", "model", "last"])
def test_a_run_with_a_step_is_not_begun_again(
    trace: str, tiny: Tiny, collection: Collection, claimed: RunFolder
) -> None:
    (claimed.path / trace).write_text('{"event": "step", "step": 1}\n')
    with pytest.raises(UsageError, match="exists already"):
        claimed.check(tiny(), [collection], resume=False)


def test_a_folder_with_a_recipe_alone_is_taken(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine: 1\n")
    with pytest.raises(UsageError, match="exists already"):
        RunFolder(tmp_path).check(tiny(), [collection], resume=False)


def test_a_folder_of_something_else_is_not_resumed(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    (tmp_path / "thesis.doc").write_text("x")
    with pytest.raises(UsageError, match="holds no run to resume"):
        RunFolder(tmp_path).check(tiny(), [collection], resume=True)


def test_claiming_clears_what_a_kill_left(tiny: Tiny, collection: Collection, claimed: RunFolder) -> None:
    (claimed.path / ".model.part-x1").mkdir()
    (claimed.path / ".training_state.pt.abc.part").write_bytes(b"half")
    claimed.claim(tiny(), [collection])
    assert sorted(path.name for path in claimed.path.iterdir()) == ["collections.json", "recipe.yaml"]


def test_a_prompt_pack_that_changed_is_another_run(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    pack = tmp_path / "pack.yaml"
    shutil.copy(Path(plainfilm.prompts.__file__).parent / "packs" / "siim.yaml", pack)
    folder = RunFolder(tmp_path / "run")
    recipe = tiny(f"data.prompts={pack}")
    folder.claim(recipe, [collection])
    folder.check(recipe, [collection], resume=True)
    pack.write_text(pack.read_text().replace("There is a", "One sees a"))
    with pytest.raises(UsageError, match="another prompt pack"):
        folder.check(recipe, [collection], resume=True)


def test_a_run_of_a_version_with_fewer_keys_may_go_on(
    claimed: RunFolder, tiny: Tiny, collection: Collection
) -> None:
    stated = read_yaml(claimed.recipe)
    del stated["data"]["fraction_seed"], stated["training"]["warmup_steps"], stated["parts"]
    claimed.recipe.write_text(yaml.safe_dump(stated))
    claimed.state.touch()
    claimed.check(tiny(), [collection], resume=True)
