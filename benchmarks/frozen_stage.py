"""A stage with a frozen image encoder: features of films kept, and films encoded anew in every epoch.

    python benchmarks/frozen_stage.py [--studies 400] [--epochs 10] [--encoder resnet18] [--size 224]

A linear layer on the frozen encoder of a model, on phantoms of ChestX-ray14 (`data.augment=false` and
`parts.image.freeze=true`). "kept" is `data.cache_features=true`, first with nothing on disk and then with
what the first left there, as another share, repeat or stage finds it; "anew" is the usual way, from decoded
pixels that are on disk already. Each in a process of its own; seconds on the clock and of processors,
validation after every epoch included. The weights of all three are compared.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.torch import load_file

from plainfilm.collection import Collection, prepare
from plainfilm.training.recipe import load_recipe
from plainfilm.training.trainer import train

WAYS = {"kept, nothing there": "true", "kept, all there": "true", "anew": "false"}


def collection_of(root: Path, studies: int, size: int) -> Path:
    """Phantoms of ChestX-ray14, prepared a little larger than the encoder takes them."""
    from plainfilm import phantom

    phantom.write("nih14", root / "raw", studies=studies, size=2 * size)
    return prepare("nih14", root / "raw", root / "films", size=round(size * 8 / 7)).path


def recipe_file(root: Path, encoder: str, size: int, epochs: int) -> Path:
    """One linear layer on a frozen encoder with random weights."""
    values = {
        "model": {"use": "classifier", "image": {"use": "timm", "name": encoder, "channels": 1}},
        "parts": {"image": {"freeze": True}},
        "preprocessing": {"size": size, "channels": 1},
        "objective": {"use": "classification"},
        "data": {"augment": False, "cache": round(size * 8 / 7)},
        "training": {"epochs": epochs, "batch_size": 32, "learning_rate": 1e-3},
    }
    (root / "recipe.yaml").write_text(json.dumps(values))  # JSON is YAML
    return root / "recipe.yaml"


def one(recipe: Path, collection: Path, out: Path, keep: str) -> dict[str, float]:
    """Trains one way; what it took."""
    checked = load_recipe(recipe, [f"data.cache_features={keep}"])
    opened = Collection.open(collection)
    began, worked = time.perf_counter(), time.process_time()
    train(checked, [opened], out)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def apart(command: list[str]) -> dict[str, float]:
    """The same in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *command], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        recipe, collection, out, keep = given.one
        print(json.dumps(one(Path(recipe), Path(collection), Path(out), keep)))
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        collection = collection_of(root, given.studies, given.size)
        recipe = recipe_file(root, given.encoder, given.size, given.epochs)
        one(recipe_file(root, given.encoder, given.size, 1), collection, root / "pixels", "false")
        recipe_file(root, given.encoder, given.size, given.epochs)
        films = Collection.open(collection).table("images").num_rows
        print(f"{films} films, {given.encoder} at {given.size} px, {given.epochs} epochs")
        print("| way | seconds | of processors | peak memory |\n|---|---|---|---|")
        for way, keep in WAYS.items():
            found = apart(["--one", str(recipe), str(collection), str(root / way), keep])
            print(
                f"| {way} | {found['seconds']:.1f} | {found['processor']:.1f} | {found['memory']:.2f} GiB |",
                flush=True,
            )
        weights = [load_file(root / way / "last" / "model.safetensors") for way in WAYS]
        for other in weights[1:]:
            difference = max(float((weights[0][key] - other[key]).abs().max()) for key in other)
            print(f"largest difference of weights: {difference:g}")
        kept = sum(file.stat().st_size for file in (collection / "cache").glob("features-*"))
        print(f"features on disk: {kept / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
