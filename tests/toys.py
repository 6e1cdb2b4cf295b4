"""Small real models and batches for tests: seconds to build, no file, no network."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers, processors
from torch import nn

from plainfilm.batches.batch import Batch, Films, FilmsPerItem
from plainfilm.batches.collate import keys_of
from plainfilm.batches.targets.labels import Labels
from plainfilm.batches.targets.report import ReportTarget
from plainfilm.batches.texts import TextTarget
from plainfilm.models import classifier, dual_encoder, region, study_encoder
from plainfilm.models.base import Facts, Model, TokenizerFacts, build_model
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives.base import Objective, ObjectiveSum, films_of, objective
from plainfilm.seeding import stable_hash
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.training.freezing import freeze
from tests.region_toys import REGION_TARGETS, Draw

VOCABULARY, SIDE, LENGTH = 50, 32, 9
OBSERVATIONS = ("Edema", "Pneumothorax", "Effusion")

IMAGE = {"use": "timm", "name": "test_vit", "image_size": SIDE, "drop_rate": 0.2, "drop_path_rate": 0.2}
CNN = {"use": "timm", "name": "test_efficientnet", "drop_rate": 0.2}
COMPACT = {"use": "compact", "width": 4, "grid": 2, "channels": 3, "dropout": 0.2}
TEXT = {"use": "compact", "width": 16, "depth": 1, "heads": 2, "dropout": 0.2, "max_tokens": LENGTH}
TEXT_FACTS = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=VOCABULARY, max_tokens=LENGTH)})


def toy_config(**changes: Any) -> dual_encoder.Config:
    """A tiny dual encoder with dropout everywhere and no batch normalisation."""
    return dual_encoder.Config(**({"image": IMAGE, "text": TEXT, "projection": {"dimension": 8}} | changes))


def toy_model(seed: int = 0, **changes: Any) -> dual_encoder.DualEncoder:
    """A tiny dual encoder in training mode, always the same for a seed."""
    return _seeded(toy_config(**changes), TEXT_FACTS, seed)


def toy_classifier(seed: int = 0, image: dict[str, Any] = IMAGE) -> classifier.Classifier:
    """A tiny classifier of `OBSERVATIONS` in training mode, always the same for a seed."""
    return _seeded(classifier.Config(image=image), Facts(observations=OBSERVATIONS), seed)


def _seeded(config: Any, facts: Facts, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(config, facts).train()


def toy_study_encoder(seed: int = 0, **changes: Any) -> study_encoder.StudyEncoder:
    """A tiny study encoder in training mode that reads and writes reports, always the same for a seed."""
    report = {"width": 16, "depth": 1, "heads": 2, "max_tokens": LENGTH, "dropout": 0.2}
    values = {"image": COMPACT, "text": TEXT, "report": report, "projection": {"dimension": 8}}
    facts = TokenizerFacts(vocabulary_size=VOCABULARY, max_tokens=LENGTH, start=2, end=3)
    known = Facts(tokenizers={"text": facts, "report": facts})
    return _seeded(study_encoder.Config(**(values | {"fusion": {"heads": 2}} | changes)), known, seed)


def toy_report_tokenizer() -> Tokenizer:
    """The tokenizer of `toy_study_encoder` as words: each of its tokens is one, many of them findings."""
    special = ["[PAD]", "[UNK]", "[START]", "[END]", "[MASK]"]
    words = ["no", "edema.", "pneumothorax.", "effusion.", "left", "right", "consolidation.", "cardiomegaly."]
    filler = [f"word{number}" for number in range(VOCABULARY - len(special) - len(words))]
    names = [*special, *words, *filler]
    known = {name: number for number, name in enumerate(names)}
    backend = Backend(models.WordLevel(known, unk_token="[UNK]"))
    backend.add_special_tokens(special)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [("[START]", 2), ("[END]", 3)]
    backend.post_processor = processors.TemplateProcessing("[START] $A [END]", special_tokens=ends)
    return Tokenizer(backend, LENGTH, "[PAD]")


def toy_region_model(seed: int = 0, trained: tuple[str, ...] = (), **changes: Any) -> region.RegionModel:
    """A tiny region model in training mode, always the same for a seed; with `trained`, all other parts are
    frozen."""
    detector = {"depth": 1, "heads": 2, "dropout": 0.2, "drop_path": 0.2}
    projection = {"kind": "none", "text_kind": "linear", "dimension": 104}
    values = {"image": COMPACT, "text": TEXT, "projection": projection, "detector": detector}
    values["learn_temperature"] = False
    known = {name: TokenizerFacts(**TOKENS) for name in ("text", "sentence")}
    model = _seeded(region.Config(**(values | changes)), Facts(tokenizers=known), seed)
    freeze(model, {name: bool(trained) and name not in trained for name in model.parts()})
    return model


TOKENS = {"vocabulary_size": VOCABULARY, "max_tokens": LENGTH, "start": 2, "end": 3}
_MEAN = {"use": "mean", "projections": "none", "film_tokens": False}
_POST = {"post_decoder": {"depth": 1, "heads": 2, "dropout": 0.2, "reads_pooled": False}}
_DECODER = {"use": "report_decoder", "width": 16, "depth": 1, "heads": 2, "max_tokens": LENGTH}
_WRITES = _POST | {"sentence": _DECODER, "prefix": {"length": 2, "hidden": 12}}
_MODELS = {
    "labels": toy_classifier,
    "finding_detection": toy_region_model,
    "region_detection": toy_region_model,
    "phrase_detection": toy_region_model,
    "finding_classification": partial(toy_region_model, **_POST),
    "region_classification": partial(toy_region_model, **_POST),
    "region_regression": partial(toy_region_model, **_POST),
    "sentence_regression": partial(toy_region_model, **_POST),
    "sentence_contrast": partial(toy_region_model, **_POST),
    "global_contrast": partial(
        toy_region_model, trained=("image", "text", "text_projection", "patch_projection")
    ),
    "finding_areas": partial(
        toy_region_model,
        trained=("image", "text", "text_projection", "patch_projection", "positions", "prompt_projection"),
    ),
    "region_generation": partial(toy_region_model, **_WRITES),
    "finding_generation": partial(toy_region_model, **_WRITES),
    "sentence_generation": partial(toy_region_model, **_WRITES),
    "sentence_reconstruction": partial(toy_region_model, trained=("sentence", "prefix"), **_WRITES),
    "captioning": partial(toy_study_encoder, text=None, fusion=_MEAN),
    "study_report": partial(toy_study_encoder, report=None, fusion=_MEAN),
}
"""What trains the objective, or one that reads the target, of this name; others train a dual encoder."""


def toy_model_for(name: str, seed: int = 0) -> Model:
    """A tiny model that the objective called `name` can train."""
    made = [make for known, make in _MODELS.items() if known in (name, *objective(name).NEEDS)]
    return (made or [toy_model])[0](seed)


def toy_objective(name: str, model: nn.Module) -> ObjectiveSum:
    """The objective called `name` alone, with its defaults, in training mode."""
    module = objective(name)
    return alone(module.build(module.Config(), model), module.NEEDS)


def alone(built: Objective, needs: tuple[str, ...] = ()) -> ObjectiveSum:
    """An objective as the only one of a run, in training mode."""
    return ObjectiveSum.of(built, needs).train()


def toy_batch_for(name: str, rows: int = 7, seed: int = 0, dtype: torch.dtype = torch.float32) -> Batch:
    """A batch that the objective called `name` reads."""
    module = objective(name)
    return toy_batch(rows, seed, dtype=dtype, targets=module.NEEDS, films=films_of(module))


def toy_batch(
    rows: int = 7,
    seed: int = 0,
    side: int = SIDE,
    dtype: torch.dtype = torch.float32,
    targets: tuple[str, ...] = ("text",),
    films: FilmsPerItem = "one",
) -> Batch:
    """Random films, texts of uneven length and labels, all of different studies and wording."""
    generator = torch.Generator().manual_seed(seed)
    texts = [name for name in targets if name.startswith("text")]
    count = 2 if "text_pair" in texts else 1
    lengths = 3 + torch.arange(rows) % (LENGTH - 2)
    mask = torch.arange(LENGTH) < lengths[:, None]
    ids = torch.randint(5, VOCABULARY, (rows, count, LENGTH), generator=generator) * mask[:, None]
    names = torch.tensor([stable_hash(row) for row in range(rows)], dtype=torch.int64)
    of = Ragged.even(rows, 2) if films == "pair" else Ragged.even(rows, 1)
    if films == "all":
        of = Ragged(1 + torch.arange(rows) % 3)
    pixels = torch.randn(of.entries, 3, side, side, generator=generator).to(dtype)
    found: dict[str, Any] = {}
    for name in texts:
        keys = names[:, None] ^ torch.arange(1, 1 + count)
        wide = mask[:, None].expand(-1, count, -1)
        found[name] = TextTarget(torch.ones(rows, dtype=torch.bool), ids, wide, keys, names)
    if "labels" in targets:
        found["labels"] = Labels(torch.ones(rows, dtype=torch.bool), _states(rows, generator))
    if "report" in targets:
        ones = torch.ones(rows, dtype=torch.bool)
        written = ids[:, 0].clone()
        written[:, 0] = 2  # the start token of `toy_study_encoder`
        found["report"] = ReportTarget(ones, written, mask, torch.arange(rows) % 3 > 0)
    for name in targets:
        if name in REGION_TARGETS:
            found[name] = REGION_TARGETS[name](Draw(rows, generator))
    return Batch(
        films=Films(pixels, of, of.place % 2),
        keys=keys_of(names, found),
        rows=torch.arange(rows),
        targets=found,
    )


def _states(rows: int, generator: torch.Generator) -> torch.Tensor:
    """States of every kind, at least one known in each row."""
    states = torch.randint(-3, 2, (rows, len(OBSERVATIONS)), generator=generator, dtype=torch.int8)
    states[:, 0] = torch.arange(rows) % 2
    return states


def gradients(*modules: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every gradient, by name."""
    named = [pair for module in modules for pair in module.named_parameters()]
    return {name: value.grad.clone() for name, value in named if value.grad is not None}


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest absolute difference of two sets of tensors, which must have the same names."""
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)
