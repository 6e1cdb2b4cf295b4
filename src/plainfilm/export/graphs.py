"""The graphs of a model: films to vectors or logits, and texts to vectors; written and run as ONNX.

films.onnx   films (N, C, S, S) float32, normalised → vectors (N, D) of unit length, logits (N, O)
texts.onnx   token_ids (N, L) int64, token_mask (N, L) bool → vectors (N, D) of unit length

N and L are free. A model has the outputs of its abilities; a classifier also has its pooled vectors.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plainfilm.errors import UsageError
from plainfilm.io.optional import optional_import
from plainfilm.model_folder import LoadedModel
from plainfilm.models.base import Classifies, EncodesImages, EncodesTexts

EXTRA = "onnx"
OPSET = 18
FILMS, TEXTS = "films", "texts"
"""The names of the graphs."""

Arrays = Mapping[str, NDArray[Any]]

_OF_FILMS: dict[str, tuple[Any, Callable[[Any, Any], Tensor]]] = {
    "vectors": (EncodesImages, lambda model, features: model.image_vectors(features)),
    "logits": (Classifies, lambda model, features: model.logits(features)),
}
_SENTENCES = (
    "No pleural effusion.",
    "There is a large left pneumothorax, with a chest tube in place; the heart is not enlarged.",
    "Edema",
)


class _Films(nn.Module):
    def __init__(self, model: Any, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, films: Tensor) -> tuple[Tensor, ...]:
        features = self.model.film_features(films)
        return tuple(_OF_FILMS[name][1](self.model, features) for name in self.outputs)


class _Texts(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> tuple[Tensor, ...]:
        return (self.model.encode_texts(token_ids, token_mask),)


@dataclass(frozen=True)
class Graph:
    """A part of a model. inputs: an example of each, in order; free: the names of its free axes, with the
    largest length of each, if there is one. samples: on which the written graph is compared with the part."""

    name: str
    part: nn.Module
    inputs: Mapping[str, Tensor]
    free: Mapping[str, int | None]
    outputs: tuple[str, ...]
    samples: tuple[Mapping[str, Tensor], ...]

    @torch.inference_mode()
    def expected(self, inputs: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
        """What the model itself gives for `inputs`, by the names of the outputs."""
        found = self.part(*inputs.values())
        return {name: one.numpy() for name, one in zip(self.outputs, found, strict=True)}


def graphs_of(loaded: LoadedModel, name: str) -> tuple[Graph, ...]:
    """The graphs of the model called `name`.

    Raises:
        UsageError: it gives neither vectors nor logits of single films.
    """
    model = loaded.model
    outputs = tuple(one for one, (ability, _) in _OF_FILMS.items() if isinstance(model, ability))
    if not outputs:
        raise UsageError(f"{name}: gives neither vectors nor logits of films, which is what is exported")
    films = _film_graph(loaded, outputs)
    return (films, _text_graph(loaded)) if isinstance(model, EncodesTexts) else (films,)


def _film_graph(loaded: LoadedModel, outputs: tuple[str, ...]) -> Graph:
    how = loaded.config.preprocessing
    random = torch.Generator().manual_seed(0)
    shape = (how.channels, how.size, how.size)
    samples = [torch.randn(count, *shape, generator=random) for count in (1, 3)]
    samples.append(torch.zeros(2, *shape))
    return Graph(
        name=FILMS,
        part=_Films(loaded.model, outputs).eval(),
        inputs={"films": torch.randn(2, *shape, generator=random)},
        free={"films_count": None},
        outputs=outputs,
        samples=tuple({"films": one} for one in samples),
    )


def _text_graph(loaded: LoadedModel) -> Graph:
    tokenizer = loaded.tokenizers["text"]

    def inputs(texts: tuple[str, ...]) -> dict[str, Tensor]:
        ids, mask = (torch.from_numpy(one) for one in tokenizer.encode(texts))
        return {"token_ids": ids, "token_mask": mask}

    long = (" ".join(_SENTENCES * 20),)
    return Graph(
        name=TEXTS,
        part=_Texts(loaded.model).eval(),
        inputs=inputs(_SENTENCES[:2]),
        free={"texts_count": None, "tokens_count": tokenizer.max_tokens},
        outputs=("vectors",),
        samples=(inputs(_SENTENCES), inputs(_SENTENCES[2:]), inputs(long)),
    )


def write_graph(graph: Graph, file: Path) -> None:
    """Writes a graph as ONNX, one file with its weights.

    Raises:
        MissingDependency: the extra is not installed.
        UsageError: the model does something that ONNX cannot express.
    """
    optional_import("onnxscript", EXTRA, "ONNX export")
    axes = [torch.export.Dim(name, max=most) for name, most in graph.free.items()]
    shapes = tuple(dict(enumerate(axes)) for _ in graph.inputs)
    try:
        with torch.no_grad(), quietly(), _expressible(graph.part) as part:
            torch.onnx.export(
                part,
                tuple(graph.inputs.values()),
                file,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter lets anything through
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UsageError(f"{graph.name}: cannot be expressed as ONNX ({reason})") from None


class _CellMaxima(nn.Module):
    """What `nn.AdaptiveMaxPool2d` computes, of which ONNX has only what divides the grid evenly: a maximum
    over the rows of each cell, then over the columns."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def forward(self, grid: Tensor) -> Tensor:
        for axis, cells in zip((2, 3), self.size, strict=True):
            pixels = grid.shape[axis]
            ends = [(place * pixels // cells, -(-(place + 1) * pixels // cells)) for place in range(cells)]
            parts = [grid.narrow(axis, start, end - start).amax(axis, keepdim=True) for start, end in ends]
            grid = torch.cat(parts, dim=axis)
        return grid


@contextmanager
def _expressible(part: nn.Module) -> Iterator[nn.Module]:
    """`part` with equal modules in place of those that ONNX does not have; they are put back."""
    found = [
        (module, name, child)
        for module in part.modules()
        for name, child in module.named_children()
        if isinstance(child, nn.AdaptiveMaxPool2d)
    ]
    try:
        for module, name, child in found:
            setattr(module, name, _CellMaxima(child.output_size))
        yield part
    finally:
        for module, name, child in found:
            setattr(module, name, child)


@contextmanager
def quietly() -> Iterator[None]:
    """Without the reports of the libraries; what matters is an error, or a difference that is found."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class Session:
    """A written graph, run by onnxruntime on the processor."""

    def __init__(self, file: Path, threads: int | None = None) -> None:
        runtime = optional_import("onnxruntime", EXTRA, "ONNX export")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.outputs = tuple(one.name for one in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The outputs for `inputs`, arrays or tensors, by name.

        Raises:
            UsageError: the graph does not take them.
        """
        arrays = {name: np.asarray(one) for name, one in inputs.items()}
        try:
            found = self._session.run(None, arrays)
        except Exception as error:  # the library's own, of many kinds
            shapes = ", ".join(f"{name} {one.shape}" for name, one in arrays.items())
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"the graph cannot be run on {shapes} ({reason})") from None
        return dict(zip(self.outputs, found, strict=True))


def largest_difference(graph: Graph, session: Session) -> float:
    """The largest difference of any output on the graph's samples; infinite for a value that is no number."""
    worst = 0.0
    for sample in graph.samples:
        found, expected = session.run(sample), graph.expected(sample)
        for name, values in expected.items():
            difference = float(np.abs(found[name].astype(np.float64) - values).max())
            worst = max(worst, difference if np.isfinite(difference) else float("inf"))
    return worst
