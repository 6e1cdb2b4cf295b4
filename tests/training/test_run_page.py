"""RUN/index.html: what the log says, readable while training goes on."""

from __future__ import annotations

import json
import re

import pytest

from plainfilm.training import run_page, train
from plainfilm.training.run_page import Curve
from tests.results.conftest import Page


@pytest.fixture(scope="module")
def finished(collection, tmp_path_factory):
    import yaml

    from plainfilm.training.recipe import load_recipe
    from tests.training.conftest import TINY

    root = tmp_path_factory.mktemp("paged")
    (root / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    train(load_recipe(root / "tiny.yaml", []), [collection], root / "run")
    return root / "run"


def test_it_shows_the_values_of_the_log(finished):
    text = (finished / "index.html").read_text()
    Page(text)
    log = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    last = [line for line in log if line["event"] == "validation"][-1]
    step = [line for line in log if line["event"] == "step"][-1]
    assert f'aria-label="Loss by step: training {step["loss"]:.4g}, validation {last["loss"]:.4g}"' in text
    assert f"Finished after step {step['step']}" in text
    assert f"best validation loss {last['best']:.4g}" in text
    assert 'http-equiv="refresh"' not in text


def test_it_shows_films_and_texts_of_the_first_batch(finished):
    text = (finished / "index.html").read_text()
    films = re.findall(r'aria-label="film of (\S+), PA"', text)
    assert len(films) == 8
    assert re.search(rf"<b>{films[0]}</b> PA\s*<br>\S+", text)
    assert re.search(
        r"(The (right|left) lung is clear|Heart size is normal|opacity on the|bright line)", text
    )


def test_it_is_there_while_training_goes_on(tiny, collection, tmp_path, monkeypatch):
    seen = []
    write = run_page.RunPage.write

    def watched(self, position, **when):
        write(self, position, **when)
        seen.append((tmp_path / "run" / "index.html").read_text())

    monkeypatch.setattr(run_page.RunPage, "write", watched)
    train(tiny(), [collection], tmp_path / "run")
    assert "Step 0 of 6" in seen[0]
    assert 'http-equiv="refresh"' in seen[0]
    assert "Finished after step 6" in seen[-1]


def test_a_resumed_run_shows_what_was_before(tiny, collection, tmp_path):
    train(tiny("training.checkpoint_steps=1"), [collection], tmp_path / "run")
    log = tmp_path / "run" / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if '"event": "end"' not in line))
    (tmp_path / "run" / "index.html").unlink()
    train(tiny("training.checkpoint_steps=1"), [collection], tmp_path / "run", resume=True)
    text = (tmp_path / "run" / "index.html").read_text()
    assert "Finished after step 6" in text
    assert "Loss by step: training" in text


def test_what_was_left_out_is_counted(tiny, collection, tmp_path):
    train(tiny("data.views=[PA]", "training.batch_size=20"), [collection], tmp_path / "run")
    text = (tmp_path / "run" / "index.html").read_text()
    left = re.search(r"<h2>What was left out</h2>(.*?)<h2>", text, re.DOTALL)[1]
    assert "Nothing" in left or "items of each epoch" in left


def test_many_points_become_means_of_neighbours():
    curve = Curve()
    for number in range(20_000):
        curve.add(number, number)
    assert len(curve.points) < 2000
    assert all(x == y for x, y in curve.points)
    assert curve.points[-1][0] > 19_900
