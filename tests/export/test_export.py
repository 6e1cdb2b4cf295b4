"""Exported models: what onnxruntime and the short program without torch give, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.errors import ModelError, UsageError
from plainfilm.export import Calibration, bundle, export_onnx
from plainfilm.export.graphs import (
    Graph,
    Session,
    _CellMaxima,
    graphs_of,
    largest_difference,
    write_graph,
)
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, load_model, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models import dual_encoder, pair_scorer
from plainfilm.models.base import Facts, build_model
from plainfilm.predictor import load
from plainfilm.seeding import generator
from plainfilm.text.tokenizers import Tokenizer

pytest.importorskip("onnxruntime", reason="the extra 'onnx' runs the graphs")

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["No pleural effusion.", "A large left pneumothorax, and edema."]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.png"
    Image.fromarray(generator("film").integers(0, 255, (150, 111), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def exported(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "dual"
    found = export_onnx(tiny_model, out)
    assert max(found.differences.values()) <= 1e-4
    return out


@pytest.fixture(scope="module")
def classifier(tiny_classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "classifier"
    export_onnx(tiny_classifier, out)
    return out


def test_films_and_texts_have_the_vectors_of_the_model(exported: Path, tiny_model: Path, film: Path) -> None:
    predictor = load(tiny_model, "cpu")
    pixels = next(predictor.stream_inputs([film, film]))
    found = Session(exported / "films.onnx").run({"films": pixels})["vectors"]
    assert np.abs(found - predictor.encode_images([film, film])).max() <= 1e-4
    tokenizer = load_model(tiny_model).tokenizers["text"]
    for texts in (TEXTS, TEXTS[:1]):
        ids, mask = tokenizer.encode(texts)
        vectors = Session(exported / "texts.onnx").run({"token_ids": ids, "token_mask": mask})["vectors"]
        assert np.abs(vectors - predictor.encode_texts(texts)).max() <= 1e-4


def test_all_that_is_needed_lies_beside_the_graphs(exported: Path, tiny_model: Path) -> None:
    about = json.loads((exported / "model.json").read_text())
    config = load_model(tiny_model).config
    names = {"README.md", "films.onnx", "model.json", "texts.onnx", "tokenizer.json", "tokenizer_config.json"}
    assert {file.name for file in exported.iterdir()} == names
    assert about["preprocessing"] == config.preprocessing.model_dump(mode="json")
    assert about["model_fingerprint"] == config.fingerprint
    assert about["scale"] == pytest.approx(load(tiny_model).scale)


def ran(folder: Path, film: Path, *texts: str) -> list[tuple[float, str]]:
    """What the short program prints, run where importing torch or Plainfilm is an error."""
    code = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['plainfilm'] = None;"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    )
    program = [sys.executable, "-c", code, str(ROOT / "examples" / "onnx_runner.py"), str(folder), str(film)]
    done = subprocess.run([*program, *texts], capture_output=True, text=True, check=True)
    return [(float(line.split()[0]), line.split(maxsplit=1)[1]) for line in done.stdout.splitlines()]


def test_the_short_program_gives_the_cosines_of_the_model(
    exported: Path, tiny_model: Path, film: Path
) -> None:
    predictor = load(tiny_model, "cpu")
    expected = predictor.encode_texts(TEXTS) @ predictor.encode_images([film])[0]
    found = ran(exported, film, *TEXTS)
    assert [text for _, text in found] == TEXTS
    assert [cosine for cosine, _ in found] == pytest.approx(expected.tolist(), abs=2e-4)


def test_the_short_program_gives_the_probabilities_of_a_classifier(
    classifier: Path, tiny_classifier: Path, film: Path
) -> None:
    predictor = load(tiny_classifier, "cpu")
    logits = predictor.classify([film]).logits[0]
    found = {name: chance for chance, name in ran(classifier, film)}
    expected = dict(zip(predictor.observations, (1 / (1 + np.exp(-logits))).tolist(), strict=True))
    assert found == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("side", [4, 6, 7, 9])
def test_maxima_of_cells_are_those_of_the_module_that_onnx_lacks(side: int) -> None:
    grid = torch.from_numpy(generator("cells").normal(size=(2, 3, side, side + 1)).astype(np.float32))
    for size in (4, (3, 2)):
        assert torch.equal(_CellMaxima(size)(grid), nn.AdaptiveMaxPool2d(size)(grid))


def dual_encoder_of(text: dict[str, Any], folder: Path, size: int = 96) -> Path:
    """A dual encoder with random weights whose grid of patches is not divided evenly by its cells."""
    tokenizer = Tokenizer.train(TEXTS * 4, vocabulary_size=300, max_tokens=24)
    image = {"use": "compact", "channels": 1, "width": 4, "norm": "batch"}
    architecture = dual_encoder.Config(image=image, text=text)
    torch.manual_seed(0)
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer}))).eval()
    how = Preprocessing(size=size, channels=1)
    config = ModelConfig(architecture=architecture, preprocessing=how)
    save_model(folder, model, {"text": tokenizer}, config)
    return folder


SMALL_BERT = {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *(
            {"use": "transformers", "pretrained": False, "settings": SMALL_BERT, "pooling": pooling}
            for pooling in ("mean", "end", "start")
        ),
        *({"use": "compact", "width": 16, "depth": 1, "heads": 2, "pooling": one} for one in ("mean", "end")),
    ],
    ids=lambda text: f"{text['use']}, {text['pooling']}",
)
def test_texts_of_any_number_and_length_are_read_by_every_pooling(
    text: dict[str, Any], tmp_path: Path
) -> None:
    found = export_onnx(dual_encoder_of(text, tmp_path / "model"), tmp_path / "onnx")
    assert max(found.differences.values()) <= 1e-4


@pytest.mark.slow
def test_the_model_of_the_package_is_exported(tmp_path: Path) -> None:
    assert run(["export", "nano", "--onnx", str(tmp_path / "onnx")]) == 0


def test_a_graph_that_does_not_run_is_not_written(
    tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "write_graph", lambda graph, file: write_graph(narrower(graph), file))
    with pytest.raises(ModelError, match=r"'films': the graph cannot be run on films \(1, 1, .*nothing is"):
        export_onnx(tiny_classifier, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def narrower(graph: Graph) -> Graph:
    """The same for films of another size."""
    return replace(graph, inputs={"films": graph.inputs["films"][..., :-16, :-16]})


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"fit": "pad", "filter": "bicubic"},
        {"fit": "squash", "order": "resize_first"},
        {"fit": "crop", "order": "resize_first", "resize": 80, "odd_margin": "down"},
        {"fit": "pad", "order": "resize_first", "filter": "lanczos"},
    ],
    ids=str,
)
def test_the_short_program_makes_films_ready_as_the_model_says(
    changes: dict[str, Any], tiny_classifier: Path, film: Path, tmp_path: Path
) -> None:
    loaded = load_model(tiny_classifier)
    how = loaded.config.preprocessing
    changed = type(how).model_validate(how.model_dump() | changes)
    config = loaded.config.model_copy(update={"preprocessing": changed})
    save_model(tmp_path / "model", loaded.model, loaded.tokenizers, config)
    export_onnx(tmp_path / "model", tmp_path / "onnx")
    logits = load(tmp_path / "model", "cpu").classify([film]).logits[0]
    found = [chance for chance, _ in ran(tmp_path / "onnx", film)]
    assert found == pytest.approx((1 / (1 + np.exp(-logits))).tolist(), abs=2e-4)


def test_a_graph_of_other_weights_is_not_written(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_changed_weight(graph: Any, file: Path) -> None:
        with torch.no_grad():
            first = next(graph.part.model.image.parameters())
            first.add_(0.05)
            write_graph(graph, file)
            first.sub_(0.05)

    monkeypatch.setattr(bundle, "write_graph", with_a_changed_weight)
    with pytest.raises(ModelError, match=r"its graph 'films' differs from the model by .*nothing is written"):
        export_onnx(tiny_model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_integers_state_what_they_lose(tiny_classifier: Path, small_world: Any, tmp_path: Path) -> None:
    wanted = Calibration(Collection.open(small_world.path), "test", films=8, most_loss=1.0)
    found = export_onnx(tiny_classifier, tmp_path / "out", wanted)
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    assert found.loss is not None
    assert about["int8"]["lost"] == pytest.approx(about["int8"]["model"] - about["int8"]["int8"])
    assert about["int8"]["task"] == "classification"
    graph = graphs_of(load_model(tiny_classifier), "model")[0]
    assert largest_difference(graph, Session(tmp_path / "out" / "films.onnx")) > 1e-4


@pytest.mark.slow
def test_integers_that_lose_too_much_are_not_written(
    tiny_classifier: Path, small_world: Any, tmp_path: Path
) -> None:
    wanted = Calibration(Collection.open(small_world.path), "test", films=8, most_loss=-2.0)
    with pytest.raises(ModelError, match=r"int8 loses .* more than --most-loss -2.0; nothing is written"):
        export_onnx(tiny_classifier, tmp_path / "out", wanted)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_scores_pairs_has_nothing_to_export(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(TEXTS * 4, vocabulary_size=300, max_tokens=12)
    facts = Facts(tokenizers=tokenizer_facts({"text": tokenizer}))
    model = build_model(pair_scorer.TINY, facts)
    save_model(tmp_path / "model", model, {"text": tokenizer}, ModelConfig(architecture=pair_scorer.TINY))
    with pytest.raises(UsageError, match="gives neither vectors nor logits of films"):
        export_onnx(tmp_path / "model", tmp_path / "out")


@pytest.mark.parametrize("placed", [0, 2, 5])
def test_an_export_that_was_stopped_in_its_last_renames_goes_on(
    placed: int, exported: Path, tiny_model: Path, tiny_classifier: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def made_before(part: Path, *_: Any) -> bundle.Exported:
        files = [Path(shutil.copy(file, part)) for file in exported.iterdir()]
        return bundle.Exported(tuple(files), {}, None, ())

    def stopped(part: Path, out: Path) -> None:
        for file in sorted(part.iterdir())[:placed]:
            file.replace(out / file.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "_written", made_before)
    with monkeypatch.context() as patched:
        patched.setattr(bundle, "_place", stopped)
        with pytest.raises(KeyboardInterrupt):
            export_onnx(tiny_model, tmp_path / "out")
    with pytest.raises(UsageError, match="holds the unfinished work of another command"):
        export_onnx(tiny_classifier, tmp_path / "out")
    export_onnx(tiny_model, tmp_path / "out")
    there = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert there == {file.name: file.read_bytes() for file in exported.iterdir()}
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_the_command_says_what_it_wrote(
    tiny_classifier: Path, small_world: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(tiny_classifier), "--onnx", str(tmp_path / "out")]) == 0
    assert "films.onnx: differs from the model by" in capsys.readouterr().out
    assert run(["export", str(tiny_classifier), "--onnx", str(tmp_path / "out")]) == 2
    assert "exists and is not an empty folder" in capsys.readouterr().err
    unknown = ["--int8", "--calibrate", str(small_world.path), "--split", "test", "--labels", "nobody"]
    assert run(["export", str(tiny_classifier), "--onnx", str(tmp_path / "other"), *unknown]) == 2
    assert "nobody" in capsys.readouterr().err
    assert run(["export", str(tiny_classifier), "--onnx", str(tmp_path / "other"), "--int8"]) == 2
    assert "--int8 and --calibrate COLLECTION go together" in capsys.readouterr().err
