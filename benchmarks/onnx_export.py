"""One film, and one sentence, through a model: torch, its ONNX graph, and that of 8-bit integers, in turns.

    python benchmarks/onnx_export.py make WORK                  models and their exports in the folder WORK
    python benchmarks/onnx_export.py measure WORK [--threads 2] times them; prints a table

Models: `nano` of the package; `cxr-clip-tiny` and `classifier-tiny`, trained here on phantoms; `resnet50`, a
dual encoder of CXR-CLIP's size (ResNet-50 at 224 px, BERT of base size) with random weights; and
`resnet50-labels`, its image encoder with a layer that is fitted to labels, so that integers have an AUROC to
lose. A pass is one normalised film to its vector or logits, or one sentence to its vector; preparing the film
is left out, as it is the same for all. Times are by the clock, the median of single passes after passes that
do not count, with equal numbers of threads; the processes share nothing but the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from nano import run

from plainfilm.collection import Collection
from plainfilm.export import Calibration, export_onnx
from plainfilm.export.bundle import MODEL_FILE
from plainfilm.export.graphs import Session, graphs_of
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, find_model, load_model, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import Facts, build_model
from plainfilm.models.dual_encoder import Config
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.text.tokenizers import Tokenizer

BERT = {"use": "transformers", "pretrained": False, "settings": {"model_type": "bert"}, "pooling": "end"}
SENTENCES = ("There is a large left pneumothorax with a chest tube in place.", "No pleural effusion.")
MODELS = ("nano", "cxr-clip-tiny", "classifier-tiny", "resnet50", "resnet50-labels")
LABELS = "mimic-cxr/chexpert"
MOST_LOSS = 1.0
"""Nothing is refused here: the loss is what is measured."""

FILMS = (
    "plainfilm phantom mimic_cxr --out raw --studies 1000 --size 160 --seed 78",
    "plainfilm prepare mimic_cxr raw --out films --size 160",
    "plainfilm label films",
)
TRAINED = {
    "cxr-clip-tiny": "plainfilm train cxr-clip-tiny --data films --out cxr-clip-tiny",
    "classifier-tiny": "plainfilm train classifier-tiny --data films --out classifier-tiny training.epochs=3",
    "resnet50-labels": "plainfilm finetune finetune-linear --init resnet50/model --data films "
    "--out resnet50-labels "
    "data.augment=false training.max_steps=300 training.warmup_steps=30 training.batch_size=64",
}


def save_resnet50(folder: Path) -> None:
    """Write a dual encoder of full size with random weights."""
    tokenizer = Tokenizer.train(SENTENCES * 4, vocabulary_size=300, max_tokens=64)
    architecture = Config(
        image={"use": "timm", "name": "resnet50"}, text=BERT, projection=ProjectionConfig(dimension=128)
    )
    torch.manual_seed(0)
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=224))
    save_model(folder, model.eval(), {"text": tokenizer}, config)


def model_of(name: str, work: Path) -> Path:
    """The folder of a model."""
    return find_model(Path(name)) if name == "nano" else work / name / "model"


def make(work: Path) -> None:
    """Write the models and their exports; what is there is kept."""
    work.mkdir(parents=True, exist_ok=True)
    for command in FILMS:
        run(command.split(), work)
    if not (work / "resnet50").exists():
        save_resnet50(work / "resnet50" / "model")
    for command in TRAINED.values():
        run(command.split(), work)
    films = Collection.open(work / "films")
    for name in MODELS:
        wanted = {"onnx": None, "int8": Calibration(films, "validation", most_loss=MOST_LOSS, labels=LABELS)}
        for kind, calibration in wanted.items():
            out = work / "exported" / name / kind
            if not out.exists():
                print(name, kind, flush=True)
                export_onnx(model_of(name, work), out, calibration, say=print)


def in_turns(ways: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The median milliseconds of a pass of each way, all of them for `seconds` together.

    Threads that wait for more work after a pass would slow the next way, so that each begins after a pause
    and with passes that do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 10:
        for name, way in ways.items():
            time.sleep(0.02)
            way(), way()
            for _ in range(10):
                began = time.perf_counter()
                way()
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(found) for name, found in times.items()}


def measure(work: Path, threads: int, seconds: float) -> None:
    """Print the table."""
    torch.set_num_threads(threads)
    print(f"{threads} threads; median of single passes")
    heads = ("model", "graph", "largest difference", "torch, ms", "ONNX, ms", "faster by", "int8, ms")
    print(f"| {' | '.join((*heads, 'faster by', 'AUROC, int8, films'))} |\n|{'---|' * 9}")
    for name in MODELS:
        folder = work / "exported" / name
        about = {kind: json.loads((folder / kind / MODEL_FILE).read_text()) for kind in ("onnx", "int8")}
        lost = about["int8"]["int8"]
        for graph in graphs_of(load_model(model_of(name, work)), name):
            one = {key: values[:1] for key, values in graph.inputs.items()}
            arrays = {key: values.numpy() for key, values in one.items()}
            sessions = {kind: Session(folder / kind / f"{graph.name}.onnx", threads) for kind in about}
            ways = {"torch": lambda graph=graph, one=one: graph.expected(one)}
            ways |= {kind: lambda own=own, arrays=arrays: own.run(arrays) for kind, own in sessions.items()}
            found = in_turns(ways, seconds)
            ours, onnx, int8 = found["torch"], found["onnx"], found["int8"]
            difference = about["onnx"]["graphs"][graph.name]["largest_difference"]
            print(
                f"| {name} | {graph.name} | {difference:.0e} | {ours:.2f} | {onnx:.2f} | {ours / onnx:.2f} x "
                f"| {int8:.2f} | {ours / int8:.2f} x "
                f"| {lost['model']:.4f}, {lost['int8']:.4f}, {lost['films']} |",
                flush=True,
            )


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("make", "measure"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    if arguments.what == "make":
        make(work)
    else:
        measure(work, arguments.threads, arguments.seconds)


if __name__ == "__main__":
    main()
