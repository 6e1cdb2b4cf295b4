"""The folder that `plainfilm export` writes: graphs, and all that is needed to use them without torch.

films.onnx, texts.onnx   the graphs (`export.graphs`), or with int8 those of 8-bit integers
tokenizer.json           of the tokenizers library, if the model reads texts
model.json               preprocessing, tokenizer settings, observations, scale, licence, differences, losses
README.md                the model card

Nothing is written there unless every graph gives what the model gives: outputs may differ by `TOLERANCE` at
most. Those of 8-bit integers may lose a stated AUROC on films of a collection.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plainfilm import __version__
from plainfilm.errors import ModelError, UsageError
from plainfilm.export.graphs import (
    EXTRA,
    FILMS,
    OPSET,
    Graph,
    Session,
    graphs_of,
    largest_difference,
    write_graph,
)
from plainfilm.export.quantized import Calibration, Loss, loss_of, quantize_films, quantize_texts
from plainfilm.io.files import folder_beside, sha256_of
from plainfilm.io.json_records import write_record
from plainfilm.io.locks import writing
from plainfilm.io.optional import optional_import
from plainfilm.io.unfinished import check_fillable, filling
from plainfilm.model_folder import LoadedModel, find_model, load_model
from plainfilm.models.base import EncodesTexts
from plainfilm.predictor import Predictor, load
from plainfilm.progress import SILENT, Progress

FORMAT_VERSION = 1
TOLERANCE = 1e-4
"""Of vectors of unit length, and of logits."""

MODEL_FILE, CARD_FILE, TOKENIZER_FILE = "model.json", "README.md", "tokenizer.json"


@dataclass(frozen=True)
class Exported:
    """differences: the largest one of each graph from the model. loss: of 8-bit integers. not_exported: what
    the model can do and the graphs cannot."""

    files: tuple[Path, ...]
    differences: dict[str, float]
    loss: Loss | None
    not_exported: tuple[str, ...]


def export_onnx(
    model: Path,
    out: Path,
    calibration: Calibration | None = None,
    progress: Progress = SILENT,
    say: Callable[[str], object] = lambda _: None,
) -> Exported:
    """Writes the model folder `model`, or the shipped one with this name, as ONNX to the folder `out`, which
    is new, empty, or what the same export left when it was killed; with `calibration` in 8-bit integers.

    Raises:
        UsageError: `out` holds something else, or the model has nothing that can be exported.
        ModelError: not a model folder, or a graph that differs from the model or loses too much.
        MissingDependency: the extra is not installed.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        optional_import(package, EXTRA, "ONNX export")
    model = find_model(model)
    loaded, predictor = load_model(model), load(model, "cpu")
    work = _work(loaded, calibration)
    with writing(out):
        check_fillable(out, work)
        with folder_beside(out) as part:
            found = _written(part, model, loaded, predictor, calibration, progress, say)
            with filling(out, work):
                _place(part, out)
    files = tuple(out / file.name for file in found.files)
    return Exported(files, found.differences, found.loss, found.not_exported)


def _work(loaded: LoadedModel, calibration: Calibration | None) -> dict[str, Any]:
    """What an export is of: one that was killed goes on as the same only."""
    work: dict[str, Any] = {"export": loaded.config.fingerprint}
    if calibration is not None:
        work["calibration"] = calibration.as_record()
    return work


def _place(part: Path, out: Path) -> None:
    """Moves what is written into `out`, `MODEL_FILE` last: who reads a folder begins with it."""
    for file in sorted(part.iterdir(), key=lambda file: file.name == MODEL_FILE):
        file.replace(out / file.name)


def _written(
    part: Path,
    model: Path,
    loaded: LoadedModel,
    predictor: Predictor,
    calibration: Calibration | None,
    progress: Progress,
    say: Callable[[str], object],
) -> Exported:
    graphs = graphs_of(loaded, predictor.name)
    differences = {}
    for graph in graphs:
        file = part / f"{graph.name}.onnx"
        write_graph(graph, file)
        differences[graph.name] = _checked(graph, file, model)
        say(f"{graph.name}.onnx: differs from the model by {differences[graph.name]:.1e} at most")
    loss = None
    if calibration is not None:
        loss = _in_integers(part, graphs, loaded, predictor, calibration, progress)
        say(
            f"int8: macro AUROC of {loss.task} on {loss.films} films {loss.int8:.4f}, before {loss.model:.4f}"
        )
    if isinstance(loaded.model, EncodesTexts):
        loaded.tokenizers["text"].save(part)
    shutil.copyfile(model / CARD_FILE, part / CARD_FILE)
    missing = tuple(sorted(predictor.abilities - {"encodes_images", "encodes_texts", "classifies"}))
    write_record(_described(part, graphs, loaded, differences, loss, missing), part / MODEL_FILE)
    return Exported(tuple(sorted(part.iterdir())), differences, loss, missing)


def _checked(graph: Graph, file: Path, model: Path) -> float:
    try:
        difference = largest_difference(graph, Session(file))
    except UsageError as error:
        raise ModelError(f"{model}: '{graph.name}': {error}; nothing is written") from None
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{model}: its graph '{graph.name}' differs from the model by {difference:.1e}, more than "
            f"{TOLERANCE:.0e}; nothing is written"
        )
    return difference


def _in_integers(
    part: Path,
    graphs: tuple[Graph, ...],
    loaded: LoadedModel,
    predictor: Predictor,
    wanted: Calibration,
    progress: Progress,
) -> Loss:
    """Replaces the graphs in `part` by those of 8-bit integers.

    Raises:
        ModelError: they lose more than is accepted.
    """
    for graph in graphs:
        file, small = part / f"{graph.name}.onnx", part / f"{graph.name}.int8.onnx"
        if graph.name == FILMS:
            quantize_films(file, small, predictor, wanted)
        else:
            quantize_texts(file, small)
        small.replace(file)
    sessions = {graph.name: Session(part / f"{graph.name}.onnx") for graph in graphs}
    loss = loss_of(loaded, predictor, sessions, wanted, progress)
    if loss.lost > wanted.most_loss:
        raise ModelError(
            f"{predictor.name}: int8 loses {loss.lost:.4f} of macro AUROC ({loss.model:.4f} to "
            f"{loss.int8:.4f}, {loss.films} films), more than --most-loss {wanted.most_loss}; nothing is "
            "written"
        )
    return loss


def _described(
    part: Path,
    graphs: tuple[Graph, ...],
    loaded: LoadedModel,
    differences: dict[str, float],
    loss: Loss | None,
    missing: tuple[str, ...],
) -> dict[str, Any]:
    config, model = loaded.config, loaded.model
    imported = config.recipe.get("imported") or {}
    texts = loaded.tokenizers.get("text") if isinstance(model, EncodesTexts) else None
    return {
        "format_version": FORMAT_VERSION,
        "written_by": f"plainfilm {__version__}",
        "opset": OPSET,
        "model_fingerprint": config.fingerprint,
        "licence": str(imported.get("licence", "not stated")),
        "graphs": {
            graph.name: {
                "inputs": list(graph.inputs),
                "outputs": list(graph.outputs),
                "largest_difference": differences[graph.name],
                "sha256": sha256_of(part / f"{graph.name}.onnx"),
            }
            for graph in graphs
        },
        "int8": None if loss is None else {**asdict(loss), "lost": loss.lost},
        "preprocessing": config.preprocessing.model_dump(mode="json"),
        "tokenizer": None if texts is None else {"max_tokens": texts.max_tokens, "pad_id": texts.pad_id},
        "observations": list(model.facts.observations),
        "scale": float(model.scale().detach()) if isinstance(model, EncodesTexts) else None,
        "not_exported": list(missing),
    }
