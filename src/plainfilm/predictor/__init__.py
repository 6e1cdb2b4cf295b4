"""A trained model to ask: films and texts in, vectors, probabilities, boxes and sentences out.

This is the one inference path: the command line, tasks, banks and the server all use it. Nothing in it is
random and everything is 32-bit, so the same call gives the same bytes on the same machine.
"""

from __future__ import annotations

from plainfilm.predictor.classify import Classification
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.findings import Finding
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.predictor import Predictor, load
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.zero_shot import PromptVectors, Vectors, ZeroShot

__all__ = [
    "Classification",
    "EncodedFilm",
    "Finding",
    "FoundText",
    "Predictor",
    "PromptVectors",
    "Vectors",
    "WrittenReport",
    "ZeroShot",
    "load",
]
