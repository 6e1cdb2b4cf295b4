"""Repeats the benchmark on real films of docs/benchmark.md and writes its table anew.

    python benchmarks/real_benchmark.py WORK [--data ../shared/data]

The commands are those of the page, in the folder WORK: what is finished there is not made again. Every film
keeps the split of its patient, the same as in docs/real-data.md.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from nano import commands, run
from real_runs import ROOT, bounds, label_table, renewed, table

from plainfilm.config import read_yaml
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.models import study_encoder
from plainfilm.models.base import Facts, build_model
from plainfilm.nn.film_fusion import FusionConfig

PAGE = ROOT / "docs" / "benchmark.md"
SOURCES = {"nih": "nih-chestxray14", "children": "kermany-pediatric"}
"""The collections, by the sources of the pack that their films come from."""
RECIPE = ROOT / "examples" / "real-classifier.yaml"
SCORE = "auroc_macro"

Row = Mapping[str, str]


def save_imagenet(folder: Path) -> None:
    """Write the image encoder that the runs start from, with the weights of its package, as a model."""
    recipe = read_yaml(RECIPE)
    fusion = FusionConfig(use="mean", projections="none", film_tokens=False)
    architecture = study_encoder.Config(image=recipe["model"]["image"], fusion=fusion)
    model = build_model(architecture, Facts())
    how = Preprocessing(**recipe["preprocessing"])
    save_model(folder, model.eval(), {}, ModelConfig(architecture=model.rebuilt_from(), preprocessing=how))


def made(data: Path, work: Path) -> Path:
    """Run the commands of the page; the folder of the benchmark."""
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "examples", work / "examples", dirs_exist_ok=True)
    for name, source in SOURCES.items():
        label_table(data, work / f"{name}.csv", source)
    if not (work / "imagenet").exists():
        save_imagenet(work / "imagenet")
    words: list[str] = []
    for words in commands("real", PAGE):
        run(words, work)
    return work / words[words.index("--out") + 1]


def written(rows: Sequence[Row]) -> str:
    """The table of macro AUROC: a row per collection and score, a column per model; the best one bold."""
    chosen = [row for row in rows if row["score"].endswith(f"/{SCORE}")]
    models = list(dict.fromkeys(row["model"] for row in chosen))
    places = dict.fromkeys((row["collection"], row["task"], row["score"]) for row in chosen)
    lines = []
    for place in places:
        own = {row["model"]: row for row in chosen if (row["collection"], row["task"], row["score"]) == place}
        counts = {row["n"] for row in own.values() if row["n"]}
        collection, task, score = place
        what = f"{task.replace('_', ' ')}: {score.removesuffix(f'/{SCORE}')}"
        cells = [_cell(own[model]) if model in own else "–" for model in models]
        lines.append([collection, what, ", ".join(sorted(counts)), *cells])
    return table(["films", "score", "n", *models], lines)


def _cell(row: Row) -> str:
    if not row["value"]:
        return "–"
    low, high = (float(row[key]) if row[key] else None for key in ("low", "high"))
    rank = f", rank {float(row['rank']):g}" if row["rank"] else ""
    apart = f", p {float(row['p_holm']):.2f}" if row["p_holm"] else ""
    return f"{float(row['value']):.3f}{bounds(low, high)}{rank}{apart}"


def main() -> None:
    """Reads the arguments, runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    given = parser.parse_args()
    if not given.data.is_dir():
        parser.error(f"{given.data}: the real films are not here")
    out = made(given.data.resolve(), given.work.resolve())
    with (out / "benchmark.csv").open(newline="", encoding="utf-8") as opened:
        found = written(list(csv.DictReader(opened)))
    PAGE.write_text(renewed(PAGE.read_text("utf-8"), {"real": found}), encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
