"""Inference with a trained model: images and texts to vectors, probabilities, boxes and sentences.

All inference goes through this package: the command line, tasks, banks and the server use it. It is
deterministic and in float32, so the same call gives the same bytes on the same machine.
"""

from __future__ import annotations

from plainfilm.predictor.classify import Classification
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.findings import Finding
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.predictor import Predictor, load
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.predictor.zero_shot import PromptVectors, Vectors, ZeroShot

__all__ = [
    "Classification",
    "EncodedFilm",
    "Finding",
    "FoundText",
    "Predictor",
    "PromptVectors",
    "SimilarityMap",
    "Vectors",
    "WrittenReport",
    "ZeroShot",
    "load",
]
