"""A training step of ResNet-50 and a BERT-base-sized text encoder: Plainfilm, plain fp32, and as published.

    python benchmarks/training_step.py [--batch 32] [--rounds 3] [--tokens 97] [--size 224]

Random weights, AdamW, InfoNCE over the whole batch. "ours" is the trainer's step with the precision and
memory format it picks on this machine. "plain" is the same step in fp32 with contiguous tensors. "published"
is written afresh from the facts of TxtRayAlign's code: fp32 and contiguous, every batch encoded once without
gradient, then films and texts encoded again with gradient, each with a full loss and a backward of its own.

Each way is a process of its own, and they step in turns (`in_turns.py`).
"""

from __future__ import annotations

import argparse
import math
from functools import partial

import torch
from in_turns import Step, measure, table
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Films, Keys
from plainfilm.batches.texts import TextTarget
from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.dual_encoder import Config, DualEncoder
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives import infonce
from plainfilm.objectives.base import ObjectiveSum
from plainfilm.training.machine import choose_device_config, has_bf16
from plainfilm.training.optim import build_optimizer
from plainfilm.training.recipe import Recipe, TrainingConfig
from plainfilm.training.step import train_step

VOCABULARY = 30_522
RESNET = {"use": "timm", "name": "resnet50"}
BERT = {"use": "transformers", "pretrained": False, "settings": {"model_type": "bert"}}
PLAIN = TrainingConfig(precision="fp32", memory_format="contiguous")


def make_model() -> DualEncoder:
    """ResNet-50 and BERT-base, joined in 768 dimensions."""
    torch.manual_seed(0)
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=VOCABULARY, max_tokens=256)})
    model: DualEncoder = build_model(Config(image=RESNET, text=BERT), facts).train()  # type: ignore[assignment]
    return model


def make_batch(items: int, size: int, tokens: int) -> Batch:
    """Noise for films, random tokens for texts."""
    draw = torch.Generator().manual_seed(0)
    numbers = torch.arange(items)
    pixels = torch.randn(items, 3, size, size, generator=draw)
    texts = TextTarget(
        present=torch.ones(items, dtype=torch.bool),
        token_ids=torch.randint(5, VOCABULARY, (items, 1, tokens), generator=draw),
        token_mask=torch.ones(items, 1, tokens, dtype=torch.bool),
        keys=numbers[:, None],
        label_hash=numbers,
    )
    return Batch(
        films=Films(pixels, Ragged.even(items, 1), torch.zeros(items, dtype=torch.int64)),
        keys=Keys(numbers, numbers[:, None], numbers),
        rows=numbers,
        targets={"text": texts},
    )


def plainfilm_step(config: TrainingConfig, items: int, size: int, tokens: int) -> tuple[Step, str]:
    """The trainer's step as `config` says."""
    batch, model = make_batch(items, size, tokens), make_model()
    machine = choose_device_config(config, model, torch.device("cpu"))
    machine.place(model)
    objective = ObjectiveSum.of(infonce.build(infonce.Config(), model), infonce.NEEDS)
    recipe = Recipe(model={"image": RESNET, "text": BERT}, objective={"use": "infonce"}, training=config)
    optimizer = build_optimizer(recipe, model, objective)

    def step(number: int) -> float:
        [report] = train_step(model, objective, [batch], seed=0, step=number, autocast=machine.autocast)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        objective.after_step(model)
        return float(report.total)

    return step, f"{machine.precision} {machine.memory_format}"


def published_step(items: int, size: int, tokens: int) -> tuple[Step, str]:
    """Encode all without gradient, then each side again with gradient against the other's cached vectors."""
    batch, model = make_batch(items, size, tokens), make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-6)
    images, texts = batch.films.pixels, batch.targets["text"]
    ids, mask = texts.token_ids[:, 0], texts.token_mask[:, 0]
    own = torch.arange(len(batch))

    def loss(films: Tensor, words: Tensor) -> Tensor:
        logits = films @ words.T * model.log_scale.clamp(-math.log(100), math.log(100)).exp()
        return (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)) / 2

    def step(number: int) -> float:
        with torch.no_grad():
            films, words = model.encode_images(images), model.encode_texts(ids, mask)
        total = loss(model.encode_images(images), words)
        total.backward()
        loss(films, model.encode_texts(ids, mask)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(total.detach())

    return step, "fp32 contiguous, encoded twice"


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=97)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    shape = (options.batch, options.size, options.tokens)
    print(f"batch {shape[0]}, {shape[1]} px, {shape[2]} tokens, {torch.get_num_threads()} threads\n")
    ways = {
        "ours": partial(plainfilm_step, TrainingConfig(), *shape),
        "plain": partial(plainfilm_step, PLAIN, *shape),
        "published": partial(published_step, *shape),
    }
    print(table(measure(ways, options.rounds)))
    if not has_bf16(torch.device("cpu")):
        print("no bfloat16 units here: ours ran in fp32, so most of its gain is not to be seen")


if __name__ == "__main__":
    main()
