"""A region model in all its stages: trained on phantoms of Chest ImaGenome and VinDr-CXR, saved, asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm import load, phantom
from plainfilm.collection import Collection, prepare
from plainfilm.training.runner import Runner
from plainfilm.training.stages import load_stages

SMALL = [
    *("preprocessing.size=32", "data.cache=36", "training.batch_size=8", "training.max_steps=6"),
    *("training.sub_batch_size=5", "tokenizers.text.vocabulary=400", "training.warmup_epochs=0"),
    "stages.align.model.image={use: compact, width: 8, grid: 2, channels: 1}",
    "stages.align.model.text={use: compact, width: 16, depth: 1, heads: 2, max_tokens: 32}",
    "stages.align.model.projection={kind: linear, dimension: 16}",
    "stages.align.validation.metric=loss",
]
DETECTOR = "model.detector={depth: 1, heads: 2, guided: true}"
POST = "model.post_decoder={depth: 1, heads: 2}"
DECODER = "model.sentence={use: report_decoder, width: 16, depth: 1, heads: 2, max_tokens: 32}"
WRITING = [DETECTOR, POST, DECODER, "tokenizers.sentence.vocabulary=400"]
STAGES = {
    "align": [DETECTOR],
    "detect": [DETECTOR],
    "refine": [DETECTOR, POST],
    "text": WRITING,
    "write": WRITING,
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> list[Collection]:
    root = tmp_path_factory.mktemp("boxed")
    found = []
    for layout in ("imagenome", "vindr_cxr"):
        phantom.write(layout, root / f"raw-{layout}", studies=40, size=64, workers=1)
        found.append(prepare(layout, root / f"raw-{layout}", root / layout, size=64, workers=1))
    return found


@pytest.fixture(scope="module")
def trained(collections: list[Collection], tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = [f"stages.{name}.{one}" for name, changes in STAGES.items() for one in changes]
    runner = Runner(collections, tmp_path_factory.mktemp("run") / "run")
    return runner.train(load_stages("chex-tiny", SMALL + own))


def test_the_losses_of_all_objectives_are_finite(trained: Path) -> None:
    for stage in STAGES:
        folder = trained.parent / f"stage-{stage}"
        log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        steps = [line for line in log if line["event"] == "step"]
        assert len(steps) == 6
        for line in steps:
            assert all(np.isfinite(value) for value in line.values() if isinstance(value, float)), stage


def test_a_later_stage_leaves_what_is_frozen(trained: Path) -> None:
    detected, written = (
        load(trained.parent / f"stage-{name}" / "model")._core.model.state_dict()
        for name in ("detect", "write")
    )
    changed = [key for key, value in detected.items() if not torch.equal(value, written[key])]
    assert changed == []


def test_the_model_locates_describes_and_reports(trained: Path, collections: list[Collection]) -> None:
    predictor, [path] = load(trained), collections[0].table("images")["path"].slice(0, 1).to_pylist()
    film = predictor.encode_film(collections[0].image_path(path))
    assert {"locates", "describes", "encodes_regions", "writes_grounded_reports"} <= predictor.abilities
    [found] = predictor.locate(film, "Pleural effusion", describe=True)
    assert found.boxes.shape == (3, 4)
    assert isinstance(found.sentence, str)
    assert len(predictor.describe(film, [[5, 5, 40, 40]])) == 1
    report = predictor.write_grounded_report(film)
    assert report.text == " ".join(one.text for one in report.sentences)
