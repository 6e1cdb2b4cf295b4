"""A model on disk: weights, settings, tokenizers and a card."""

from __future__ import annotations

from plainfilm.model_folder.config import ModelConfig, TrainedOn, TrainingCollection
from plainfilm.model_folder.folder import (
    PATIENTS_FILE,
    LoadedModel,
    PatientKeys,
    copy_model,
    load_model,
    save_model,
    training_patients,
    writing_beside,
)
from plainfilm.model_folder.shipped import find_model, shipped_models
from plainfilm.model_folder.stored_config import foreign_names, read_model_config

__all__ = [
    "PATIENTS_FILE",
    "LoadedModel",
    "ModelConfig",
    "PatientKeys",
    "TrainedOn",
    "TrainingCollection",
    "copy_model",
    "find_model",
    "foreign_names",
    "load_model",
    "read_model_config",
    "save_model",
    "shipped_models",
    "training_patients",
    "writing_beside",
]
