"""What the sentences of reports say of findings, by the labels that `plainfilm label` gave them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.labels import LabelReader
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.types import State


def sentence_states(collection: Collection) -> tuple[list[str], NDArray[Any]]:
    """Observations without "No Finding", and the states (S, C) that each of the S sentences of the collection
    gives them; no column where sentences have no labels."""
    own = origins(collection, ("sentence",))
    count = collection.table("sentences").num_rows
    if not own:
        return [], np.zeros((count, 0), dtype=np.int8)
    reader = LabelReader(collection, own, targets=("sentence",))
    kept = [place for place, name in enumerate(reader.observations) if name != NO_FINDING]
    states = reader.texts("sentence", np.arange(count))[:, kept]
    return [reader.observations[place] for place in kept], states


def denying_sentences(collection: Collection) -> dict[str, list[str]]:
    """By study its distinct sentences that deny a finding and affirm none, in the order of the report."""
    states = sentence_states(collection)[1]
    asserts = np.isin(states, (State.POSITIVE, State.UNCERTAIN)).any(axis=1)
    denies = (states == State.NEGATIVE).any(axis=1) & ~asserts
    sentences = collection.frame("sentences")[denies]
    by_study = sentences.groupby("study_id", sort=False)["text"].agg(lambda own: list(dict.fromkeys(own)))
    return {str(study): texts for study, texts in by_study.items()}
