"""`plainfilm tune` as a person types it."""

from __future__ import annotations

import json
import shutil

import pytest

from plainfilm.cli.main import run
from plainfilm.predictor import load
from plainfilm.predictor.box_tuning import BOX_TUNING_FILE


@pytest.fixture(scope="module")
def tuned(tiny_region_model, boxed_world, tmp_path_factory):
    """A tiny model, tuned on the training films: the boxed world has no others to spare."""
    folder = tmp_path_factory.mktemp("tuned") / "tiny"
    shutil.copytree(tiny_region_model, folder)
    assert run(["tune", str(folder), str(boxed_world.path), "--split", "train"]) == 0
    return folder


def test_what_it_finds_is_kept_in_the_model_folder(tuned):
    own = json.loads((tuned / BOX_TUNING_FILE).read_text())
    assert own["protocol"]["films"] == 32
    assert own["protocol"]["map_after_on_the_same_films"] >= own["protocol"]["map_before"]
    assert 0 <= own["threshold"] <= 1
    assert load(tuned).box_tuning.scale == own["scale"]


def test_tuning_again_starts_from_the_model_itself(tuned, boxed_world, capsys):
    before = (tuned / BOX_TUNING_FILE).read_bytes()
    assert run(["tune", str(tuned), str(boxed_world.path), "--split", "train"]) == 0
    assert (tuned / BOX_TUNING_FILE).read_bytes() == before
    assert "nothing is found below" in capsys.readouterr().out


def test_an_evaluation_states_the_tuning_and_uses_its_threshold(tuned, boxed_world, tmp_path):
    words = ["evaluate", "grounding", tuned, boxed_world.path, "--out", tmp_path, "resamples=100"]
    assert run(list(map(str, words))) == 0
    protocol = json.loads((tmp_path / "results.json").read_text())["protocol"]
    own = json.loads((tuned / BOX_TUNING_FILE).read_text())
    assert protocol["threshold"] == own["threshold"]
    assert protocol["box_tuning"]["scale"] == own["scale"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["tune", "MODEL", "BOXES", "--split", "validation"], "no film of split 'validation' has a box"),
        (["tune", "MODEL", "BOXES", "classes=vindr"], "unknown list 'vindr': did you mean 'vindr15'"),
        (["tune", "MODEL", "split=train"], "name at least one collection"),
        (["tune", "OTHER", "BOXES", "--split", "train"], "does not locate phrases"),
        (["tune", "MODEL", "BOXES", "critérion=f1"], "unknown key"),
    ],
)
def test_a_mistake_is_one_line(words, reason, tiny_region_model, tiny_model, boxed_world, capsys):
    places = {"MODEL": tiny_region_model, "OTHER": tiny_model, "BOXES": boxed_world.path}
    # The list of classes is looked at where there are boxes.
    words = [*words, "--split", "train"] if "classes=vindr" in words else words
    assert run([str(places.get(word, word)) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("plainfilm: ")]
    assert len(lines) == 1
    assert reason in lines[0]
    assert not (tiny_region_model / BOX_TUNING_FILE).exists()
