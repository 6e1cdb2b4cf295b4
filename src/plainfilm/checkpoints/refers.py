"""REFERS (Zhou et al. 2022, arXiv:2111.03452), and what it is made of and became.

What a file is follows from the names of its tensors:

    visual.vit, fusion, contrastive_bert, textual
        pre-training (`checkpoint_N.pth`, also as BenchX trained it again): a study encoder of exactly three
        films that reads and writes reports
    transformer, head
        fine-tuning (`NAME_bestauc_checkpoint.bin`): a classifier
    transformer, or visual.vit alone
        an image encoder (`refers_checkpoint.pth`)
    visual.cnn, textual
        VirTex (Desai and Johnson 2021, arXiv:2006.06666): an encoder of films that writes texts
    cls, embedding/kernel, Transformer/...
        an `.npz` of Google: an image encoder

An image encoder alone becomes a study encoder whose films are averaged, to start a training from
(`parts.image.from`, `plainfilm finetune --init`). A film is grey, so that its channels, which the published
pre-training reads in the order of OpenCV and normalises in that of ImageNet, are the same in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import bert, virtex, vit
from plainfilm.checkpoints.reading.building import Filling, digest_of
from plainfilm.checkpoints.reading.published_file import Weights, model_tensors
from plainfilm.checkpoints.reading.report_tokenizer import report_tokenizer, text_tokenizer_name
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.errors import ModelError
from plainfilm.io.array_files import is_array_file, read_arrays
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.io.torch_files import number, read_published
from plainfilm.model_folder import ModelConfig
from plainfilm.models import classifier, study_encoder
from plainfilm.models.base import Facts, KindConfig, TokenizerFacts
from plainfilm.nn.film_fusion import FusionConfig
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.sources.refers import COLUMNS

ROOTS = ("visual", "fusion", "contrastive_bert", "textual", "backward_textual", "transformer", "head")
"""What the names of its tensors begin with."""

LICENCE = "MIT (code of REFERS and VirTex); Apache-2.0 (Google's vision transformers)"

PUBLISHED_TEXT = "emilyalsentzer/Bio_ClinicalBERT"
FILMS, LONGEST_TEXT, TEMPERATURE = 3, 100, 0.1

_PATCHES_ALONE = FusionConfig(use="mean", projections="none", film_tokens=False)
"""What a decoder of single films reads: their patches as they are."""
_VIT, _CNN, _BERT = "visual.vit.transformer.", "visual.cnn.", "contrastive_bert.text_encoder."
_BARE, _HEAD = "transformer.", "head."
_BERT_SHAPES = (
    *(f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")),
    "encoder.layer.0.intermediate.dense.weight",
)
"""What tells the architecture of the text encoder."""
_UNUSED = (
    r"contrastive_bert\.text_encoder\.embeddings\.(position_ids|token_type_ids)",
    r"pre_logits/(kernel|bias)",
    r"head/(kernel|bias)",
    r"visual\.cnn\.fc\.(weight|bias)",
)
"""Numbers that count from 0, and the classes of ImageNet."""


class Config(CheckpointConfig):
    """What only a person knows.

    tokenizer: of the text encoder, by default what lies beside the checkpoint as `vocab.txt`, else
    Bio_ClinicalBERT's; a `.model` file is taken for report_tokenizer. report_tokenizer: the SentencePiece
    vocabulary that reports are written with, by default the only `.model` file beside the checkpoint.
    trained_on: of a classifier, whose labels its outputs are in REFERS' lists; observations: their names, for
    other labels. image_size: side of the films, if it is not that of the checkpoint; positions are then
    interpolated as `grid` says (`reading.vit.with_positions_for`). preprocessing: films squashed to a square
    as in pre-training, or cropped to one as in fine-tuning; by default that of the file's own kind.
    image_heads, report_heads, text_heads: attention heads, where they are not 64 features wide.
    """

    report_tokenizer: str | None = None
    trained_on: Literal["nih14", "vinbigdata", "covid19_idc", "shenzhen_tb"] | None = None
    observations: tuple[str, ...] | None = None
    image_size: int | None = Field(default=None, ge=16, le=4096)
    grid: vit.Interpolation = "linear"
    preprocessing: Literal["pretraining", "finetuning"] | None = None
    image_heads: int | None = Field(default=None, ge=1)
    report_heads: int | None = Field(default=None, ge=1)
    text_heads: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class RefersFile:
    """A checkpoint opened: its tensors by name, and what else is known of it."""

    path: Path
    tensors: Mapping[str, Tensor]
    weights: Weights = "model"
    left_out: tuple[str, ...] = ()
    iteration: int | None = None
    heads: Mapping[str, int] = field(default_factory=dict)

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        found = self.tensors.items()
        return {key.removeprefix(prefix): value for key, value in found if key.startswith(prefix)}

    def has(self, *prefixes: str) -> bool:
        """Whether any name begins with one of `prefixes`."""
        return any(name.startswith(prefixes) for name in self.tensors)

    def facts(self) -> dict[str, Any]:
        """What a model folder should say of where it comes from."""
        return {
            "family": "refers",
            "file": self.path.name,
            "sha256": digest_of(self.path),
            "iteration": self.iteration,
            "weights": self.weights,
        }


def read(path: Path, config: Config) -> Imported:
    """The model of a checkpoint of REFERS, VirTex or Google's vision transformers.

    Raises:
        ModelError: none of these, a damaged one, or a question that is left open: the vocabulary of reports,
            the observations of a classifier.
    """
    checkpoint = _open(path, config)
    if checkpoint.has("fusion.", "contrastive_bert.") or (
        checkpoint.has(_VIT) and checkpoint.has("textual.")
    ):
        return _study_encoder(checkpoint, config)
    if checkpoint.has(_CNN):
        return _virtex(checkpoint, config)
    if checkpoint.has(_BARE) and checkpoint.has(_HEAD):
        return _classifier(checkpoint, config)
    if checkpoint.has(_VIT, _BARE):
        return _image_encoder(checkpoint, config)
    names = ", ".join(f"'{name[:60]}'" for name in list(checkpoint.tensors)[:3])
    raise ModelError(
        f"{path}: its tensors ({names}, ...) are not those of REFERS (visual.vit, textual, transformer), of "
        "VirTex (visual.cnn, textual) or of Google's vision transformers (.npz)"
    )


def _open(path: Path, config: Config) -> RefersFile:
    if is_array_file(path):
        tensors, heads = vit.of_jax(read_arrays(path), str(path))
        ours = {name if "/" in name else f"{_BARE}{name}": tensor for name, tensor in tensors.items()}
        return RefersFile(path, ours, heads={"image": heads})
    loaded = read_published(path)
    found = model_tensors(loaded, ROOTS, config.weights, str(path))
    iteration = number(loaded.get("iteration"))
    return RefersFile(
        path, found.tensors, found.weights, found.left_out, None if iteration is None else int(iteration)
    )


def _study_encoder(checkpoint: RefersFile, config: Config) -> Imported:
    where = str(checkpoint.path)
    _refuse_classes(checkpoint, config)
    tensors = _prepared(checkpoint, config, _VIT)
    for name in _BERT_SHAPES:
        shape_of(tensors, _BERT + name, 2, where)
    rows, _ = shape_of(tensors, _BERT + _BERT_SHAPES[0], 2, where)
    text = bert.bert_settings(checkpoint.below(_BERT), config.text_heads, where)
    image = _image(checkpoint, config, _VIT)
    features, _ = shape_of(tensors, "contrastive_bert.fc.weight", 2, where)
    report = virtex.decoder_config(checkpoint.tensors, config.report_heads, where)
    architecture = study_encoder.Config(
        image=image,
        fusion=FusionConfig(use="gate", projections="none", films=FILMS, exact=True, pooled="concatenated"),
        text={
            "use": "transformers",
            "name": PUBLISHED_TEXT,
            "pretrained": False,
            "settings": text,
            "pooling": "pooler",
        },
        report=report,
        decoding=virtex.published_decoding(report.max_tokens),
        projection=ProjectionConfig(kind="none", text_kind="linear", dimension=features),
        temperature=TEMPERATURE,
        learn_temperature=False,
    )
    longest = min(LONGEST_TEXT, int(text["max_position_embeddings"]))
    vocabulary, _ = shape_of(tensors, virtex.FORWARD + virtex.WORDS, 2, where)
    facts = Facts(
        tokenizers={
            "text": TokenizerFacts(vocabulary_size=rows, max_tokens=longest),
            "report": _published_facts(vocabulary, report.max_tokens),
        }
    )
    filling = Filling(tensors, _study_names, _UNUSED, where)
    filling.check(architecture, facts)
    name = text_tokenizer_name(checkpoint.path, config.tokenizer, PUBLISHED_TEXT)
    tokenizers = {
        "text": tokenizer_of(name, longest, rows, offline=config.offline),
        "report": _report_tokenizer(checkpoint, config, vocabulary, report.max_tokens),
    }
    model, unused = filling.build(architecture, facts)
    settings = _model_config(checkpoint, config, architecture, "pretraining", ("study_report", "captioning"))
    return Imported(model, tokenizers, settings, (*unused, *checkpoint.left_out))


def _virtex(checkpoint: RefersFile, config: Config) -> Imported:
    where = str(checkpoint.path)
    _refuse_classes(checkpoint, config)
    tensors = _prepared(checkpoint, config, None)
    report = virtex.decoder_config(checkpoint.tensors, config.report_heads, where)
    architecture = study_encoder.Config(
        image={"use": "timm", "name": "resnet50", "pooling": "average"},
        fusion=_PATCHES_ALONE,
        report=report,
        decoding=virtex.published_decoding(report.max_tokens),
    )
    vocabulary, _ = shape_of(tensors, virtex.FORWARD + virtex.WORDS, 2, where)
    facts = Facts(tokenizers={"report": _published_facts(vocabulary, report.max_tokens)})
    filling = Filling(tensors, _virtex_names, _UNUSED, where)
    filling.check(architecture, facts)
    tokenizer = _report_tokenizer(checkpoint, config, vocabulary, report.max_tokens)
    model, unused = filling.build(architecture, facts)
    settings = _model_config(checkpoint, config, architecture, "virtex", ("captioning",))
    return Imported(model, {"report": tokenizer}, settings, (*unused, *checkpoint.left_out))


def _classifier(checkpoint: RefersFile, config: Config) -> Imported:
    _refuse_tokenizers(checkpoint, config, "a classifier")
    outputs, _ = shape_of(checkpoint.tensors, f"{_HEAD}weight", 2, str(checkpoint.path))
    names = _observations(checkpoint, outputs, config)
    image = _image(checkpoint, config, _BARE)
    architecture, facts = classifier.Config(image=image), Facts(observations=names)
    return _without_texts(checkpoint, config, architecture, facts, "finetuning")


def _image_encoder(checkpoint: RefersFile, config: Config) -> Imported:
    _refuse_tokenizers(checkpoint, config, "an image encoder")
    _refuse_classes(checkpoint, config)
    is_start = bool(checkpoint.heads) or checkpoint.has(_VIT)
    image = _image(checkpoint, config, _VIT if checkpoint.has(_VIT) else _BARE)
    architecture = study_encoder.Config(
        image=image, fusion=FusionConfig(use="mean", projections="none", film_tokens=False)
    )
    kind = "pretraining" if is_start else "finetuning"
    return _without_texts(checkpoint, config, architecture, Facts(), kind)


def _without_texts(
    checkpoint: RefersFile, config: Config, architecture: KindConfig, facts: Facts, kind: str
) -> Imported:
    prefix = _VIT if checkpoint.has(_VIT) else _BARE

    def names(name: str) -> tuple[str, ...]:
        part, _, rest = name.partition(".")
        return (_HEAD + rest,) if part == "head" else _image_names(rest, prefix)

    filling = Filling(_prepared(checkpoint, config, prefix), names, _UNUSED, str(checkpoint.path))
    filling.check(architecture, facts)
    model, unused = filling.build(architecture, facts)
    objectives = ("classification",) if facts.observations else ()
    settings = _model_config(checkpoint, config, architecture, kind, objectives)
    return Imported(model, {}, settings, (*unused, *checkpoint.left_out))


def _image(checkpoint: RefersFile, config: Config, prefix: str) -> dict[str, Any]:
    heads = config.image_heads or checkpoint.heads.get("image")
    return vit.vit_image(checkpoint.tensors, prefix, heads, config.image_size, str(checkpoint.path))


def _prepared(checkpoint: RefersFile, config: Config, image: str | None) -> dict[str, Tensor]:
    """The tensors with the grid of positions below `image` resized and the decoder's taken apart."""
    where, tensors = str(checkpoint.path), dict(checkpoint.tensors)
    if image is not None and config.image_size is not None:
        tensors = vit.with_positions_for(tensors, image, config.image_size, config.grid, where)
    if checkpoint.has(virtex.FORWARD, virtex.BACKWARD):
        virtex.check_layers(tensors, where)
        tensors = virtex.taken_apart(tensors, where)
    return tensors


def _study_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "log_scale":
        return ()
    if part == "image":
        return _image_names(rest, _VIT)
    if part == "text":
        return (_BERT + rest.removeprefix("encoder."),)
    if part == "text_projection":
        return (f"contrastive_bert.fc.{rest}",)
    if part == "fusion":
        _, place, kind = rest.split(".")
        return (f"fusion.fc{int(place) + 1}.{kind}",)
    return virtex.published_names(rest)


def _virtex_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    return (_CNN + rest.removeprefix("backbone."),) if part == "image" else virtex.published_names(rest)


def _image_names(name: str, prefix: str) -> tuple[str, ...]:
    return tuple(prefix + one for one in vit.published_names(name.removeprefix("backbone.")))


def _published_facts(vocabulary: int, longest: int) -> TokenizerFacts:
    return TokenizerFacts(vocabulary_size=vocabulary, max_tokens=longest, pad=0, start=1, end=2)


def _report_tokenizer(checkpoint: RefersFile, config: Config, rows: int, longest: int) -> Any:
    given = config.report_tokenizer or config.tokenizer
    stated = given if config.report_tokenizer or (given or "").endswith(".model") else None
    return report_tokenizer(checkpoint.path, stated, _published_facts(rows, longest))


def _observations(checkpoint: RefersFile, outputs: int, config: Config) -> tuple[str, ...]:
    columns = COLUMNS.get(config.trained_on or "", ())
    # Of two columns that exclude each other, the second has the one output.
    known = columns[-1:] if len(columns) == 2 and outputs == 1 else columns
    names = config.observations or known
    if len(names) != outputs:
        raise ModelError(
            f"{checkpoint.path}: has {outputs} outputs and {len(names)} names for them; say whose labels "
            f"they are with trained_on=({', '.join(COLUMNS)}), or name them in their order with "
            "'observations=[A, B]'"
        )
    return tuple(names)


def _refuse_classes(checkpoint: RefersFile, config: Config) -> None:
    if config.observations or config.trained_on:
        raise ModelError(f"{checkpoint.path}: leave out observations and trained_on, it has no classes")


def _refuse_tokenizers(checkpoint: RefersFile, config: Config, what: str) -> None:
    if config.tokenizer or config.report_tokenizer:
        raise ModelError(f"{checkpoint.path}: leave out the tokenizer, {what} has no use for one")


def _model_config(
    checkpoint: RefersFile,
    config: Config,
    architecture: KindConfig,
    kind: str,
    objectives: tuple[str, ...],
) -> ModelConfig:
    size = architecture.image.get("image_size") or 224
    return ModelConfig(
        architecture=architecture,
        preprocessing=_preprocessing(config.preprocessing or kind, size),
        recipe={"objective": [{"use": name} for name in objectives], "imported": checkpoint.facts()},
    )


def _preprocessing(kind: str, size: int) -> Preprocessing:
    """As published: squashed by OpenCV, from films of 320 px; Pillow's by torchvision; or VirTex's."""
    opencv: dict[str, Any] = {
        "library": "opencv",
        "filter": "bilinear",
        "antialias": False,
        "order": "resize_first",
    }
    if kind == "pretraining":
        return Preprocessing(size=size, fit="squash", read_side=320, **opencv)
    if kind == "virtex":
        return Preprocessing(size=size, resize=round(size * 8 / 7), **opencv)
    return Preprocessing(size=size, order="resize_first")
