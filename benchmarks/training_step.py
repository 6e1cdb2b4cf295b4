"""A training step of ResNet-50 and a BERT-base-sized text encoder: Plainfilm, plain fp32, and as published.

    python benchmarks/training_step.py [--batch 32] [--rounds 5] [--tokens 97] [--size 224]

Random weights, AdamW, InfoNCE over the whole batch. "ours" is the trainer's step with the precision and
memory format it picks on this machine. "plain" is the same step in fp32 with contiguous tensors. "published"
is written afresh from the facts of TxtRayAlign's code: fp32 and contiguous, every batch encoded once without
gradient, then films and texts encoded again with gradient, each with a full loss and a backward of its own.

Each way is a process of its own, so that peak memories are its own; they step in turns, so that a busy
machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Keys
from plainfilm.nn.dual_encoder import ArchitectureConfig, DualEncoder, build_dual_encoder
from plainfilm.objectives import infonce
from plainfilm.training.machine import Machine, choose_machine, has_bf16
from plainfilm.training.optim import build_optimizer
from plainfilm.training.recipe import TrainingConfig
from plainfilm.training.step import train_step

WAYS = ("ours", "plain", "published")
VOCABULARY = 30_522
BERT = {"use": "transformers", "pretrained": False, "settings": {"model_type": "bert"}}
PLAIN = TrainingConfig(precision="fp32", memory_format="contiguous")


def make_model() -> DualEncoder:
    """ResNet-50 and BERT-base, joined in 768 dimensions."""
    torch.manual_seed(0)
    image = {"use": "timm", "name": "resnet50"}
    return build_dual_encoder(ArchitectureConfig(image=image, text=BERT), VOCABULARY).train()


def make_batch(items: int, size: int, tokens: int) -> Batch:
    """Noise for films, random tokens for texts."""
    draw = torch.Generator().manual_seed(0)
    numbers = torch.arange(items)
    return Batch(
        images=torch.randn(items, 1, 3, size, size, generator=draw),
        token_ids=torch.randint(5, VOCABULARY, (items, 1, tokens), generator=draw),
        token_mask=torch.ones(items, 1, tokens, dtype=torch.bool),
        keys=Keys(numbers, numbers[:, None]),
        rows=numbers,
    )


def plainfilm_step(config: TrainingConfig, batch: Batch) -> tuple[Callable[[], float], Machine]:
    """The trainer's step as `config` says."""
    model = make_model()
    machine = choose_machine(config, model, torch.device("cpu"))
    machine.place(model)
    objective = infonce.build(infonce.Config(), model)
    optimizer = build_optimizer(config, model, objective)
    count = iter(range(10**6))

    def step() -> float:
        report = train_step(model, objective, batch, seed=0, step=next(count), autocast=machine.autocast)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        objective.after_step(model)
        return float(report.total)

    return step, machine


def published_step(batch: Batch) -> Callable[[], float]:
    """Encode all without gradient, then each side again with gradient against the other's cached vectors."""
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-6)
    images, ids, mask = batch.images[:, 0], batch.token_ids[:, 0], batch.token_mask[:, 0]
    own = torch.arange(len(batch))

    def loss(films: Tensor, texts: Tensor) -> Tensor:
        logits = films @ texts.T * model.log_scale.clamp(-math.log(100), math.log(100)).exp()
        return (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)) / 2

    def step() -> float:
        with torch.no_grad():
            films, texts = model.encode_images(images), model.encode_texts(ids, mask)
        total = loss(model.encode_images(images), texts)
        total.backward()
        loss(films, model.encode_texts(ids, mask)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(total.detach())

    return step


def work(way: str, batch: int, size: int, tokens: int, pipe: Connection) -> None:
    """A process that makes one step whenever it is asked to."""
    items = make_batch(batch, size, tokens)
    if way == "published":
        step, note = published_step(items), "fp32 contiguous, encoded twice"
    else:
        step, machine = plainfilm_step(TrainingConfig() if way == "ours" else PLAIN, items)
        note = f"{machine.precision} {machine.memory_format}"
    pipe.send(note)
    while pipe.recv():
        began = time.perf_counter()
        step()
        pipe.send(time.perf_counter() - began)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)


def measure(rounds: int, batch: int, size: int, tokens: int) -> dict[str, tuple[str, list[float], float]]:
    """What each way is, seconds of its steps without the first, and its peak memory in GiB."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    processes = []
    for way in WAYS:
        pipes[way], theirs = context.Pipe()
        process = context.Process(target=work, args=(way, batch, size, tokens, theirs))
        process.start()
        processes.append(process)
    notes = {way: pipes[way].recv() for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
            pipes[way].send(True)
            seconds[way].append(pipes[way].recv())
    memory = {way: _finish(pipes[way]) for way in WAYS}
    for process in processes:
        process.join()
    return {way: (notes[way], seconds[way][1:], memory[way]) for way in WAYS}


def _finish(pipe: Connection) -> float:
    pipe.send(False)
    return float(pipe.recv())


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=97)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    measured = measure(options.rounds, options.batch, options.size, options.tokens)
    ours = statistics.median(measured["ours"][1])
    shape = f"batch {options.batch}, {options.size} px, {options.tokens} tokens"
    print(f"{shape}, {torch.get_num_threads()} threads")
    for way, (note, seconds, memory) in measured.items():
        median = statistics.median(seconds)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{way:10} {median:7.2f} s ({spread})  {median / ours:5.2f} x ours  {memory:5.1f} GiB  {note}")
    if not has_bf16(torch.device("cpu")):
        print("no bfloat16 units here: ours ran in fp32, so most of its gain is not to be seen")


if __name__ == "__main__":
    main()
