"""One film through a model: torch, the exported ONNX graph, and that of 8-bit integers, in turns.

    python benchmarks/onnx_export.py [--rounds 15] [--threads 1]

Models with random weights: `tiny` (the small encoder of the packaged recipes at 128 px), `resnet50` (of
CXR-CLIP's size at 224 px, with a BERT of base size for texts) and `vit` (ViT-B/16). A pass is one normalised
film to its vector, and one sentence to its vector; preparing the film is left out, as it is the same for all.
Weights at random say nothing of what integers lose: that is measured by `plainfilm export --int8` on films
with labels. Ranges are set on noise.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from plainfilm.export.graphs import FILMS, Session, graphs_of, largest_difference, write_graph
from plainfilm.export.quantized import quantize_texts
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import LoadedModel, ModelConfig
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import Facts, build_model
from plainfilm.models.dual_encoder import Config
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.text.tokenizers import Tokenizer

BERT = {"use": "transformers", "pretrained": False, "settings": {"model_type": "bert"}, "pooling": "end"}
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "tiny": ({"use": "compact", "channels": 1}, {"use": "compact"}, 128),
    "resnet50": ({"use": "timm", "name": "resnet50"}, BERT, 224),
    "vit": ({"use": "timm", "name": "vit_base_patch16_224"}, BERT, 224),
}
SENTENCE = "There is a large left pneumothorax with a chest tube in place."


class _Noise:
    """Films that ranges are set on."""

    def __init__(self, example: np.ndarray, count: int = 8) -> None:
        random = np.random.default_rng(0)
        self._films = iter([random.normal(size=example.shape).astype(np.float32) for _ in range(count)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        film = next(self._films, None)
        return None if film is None else {"films": film}


def loaded(name: str) -> LoadedModel:
    """A model of `MODELS` with random weights."""
    image, text, size = MODELS[name]
    tokenizer = Tokenizer.train([SENTENCE] * 4, vocabulary_size=300, max_tokens=64)
    architecture = Config(image=image, text=text, projection=ProjectionConfig(dimension=128))
    torch.manual_seed(0)
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer}))).eval()
    how = Preprocessing(size=size, channels=model.rebuilt_from().image.get("channels", 3))
    return LoadedModel(model, {"text": tokenizer}, ModelConfig(architecture=architecture, preprocessing=how))


def passes(graph: Any, folder: Path, threads: int) -> tuple[dict[str, Callable[[], object]], float]:
    """Each way of one pass, and the largest difference of the graph."""
    file, small = folder / f"{graph.name}.onnx", folder / f"{graph.name}.int8.onnx"
    write_graph(graph, file)
    one = {name: values[:1] for name, values in graph.inputs.items()}
    arrays = {name: values.numpy() for name, values in one.items()}
    if graph.name == FILMS:
        options = {"quant_format": QuantFormat.QDQ, "per_channel": True}
        options |= {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(str(file), str(small), _Noise(arrays["films"]), **options)
    else:
        quantize_texts(file, small)
    session, integers = Session(file, threads), Session(small, threads)
    ways = {
        "torch": lambda: graph.expected(one),
        "onnx": lambda: session.run(arrays),
        "int8": lambda: integers.run(arrays),
    }
    return ways, largest_difference(graph, session)


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median milliseconds of the processor of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 2):
        for name, way in ways.items():
            began = time.process_time()
            way()
            if number >= 2:
                times[name].append(1000 * (time.process_time() - began))
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| model | graph | largest difference | torch, ms | ONNX, ms | faster by | int8, ms | faster by |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.models:
        for graph in graphs_of(loaded(name), name):
            with tempfile.TemporaryDirectory() as folder:
                ways, difference = passes(graph, Path(folder), arguments.threads)
                found = in_turns(ways, arguments.rounds)
            ours, onnx, int8 = found["torch"], found["onnx"], found["int8"]
            print(
                f"| {name} | {graph.name} | {difference:.0e} | {ours:.1f} | {onnx:.1f} | {ours / onnx:.2f} x "
                f"| {int8:.1f} | {ours / int8:.2f} x |",
                flush=True,
            )


if __name__ == "__main__":
    main()
