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
from plainfilm.results.baselines import baseline

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
    places = dict.fromkeys((row["collection"], row["task"], row["heading"]) for row in chosen)
    lines = []
    for place in places:
        own = [row for row in chosen if (row["collection"], row["task"], row["heading"]) == place]
        collection, task, heading = place
        by_model = {row["model"]: row for row in own}
        cells = [_cell(by_model[model]) if model in by_model else "–" for model in models]
        counts = dict.fromkeys(row["n"] for row in own if row["n"])
        what = f"{task.replace('_', ' ')}: {heading}"
        lines.append([collection, what, ", ".join(counts), *cells, _trivial(own)])
    return table(["films", "score", "n", *models, "best trivial answer"], lines)


def _cell(row: Row) -> str:
    """Value, interval, rank and the corrected p of the difference from the best one."""
    if not row["value"]:
        return "–"
    low, high = (float(row[key]) if row[key] else None for key in ("low", "high"))
    rank = f", rank {float(row['rank']):g}" if row["rank"] else ""
    value = f"{float(row['value']):.3f}"
    value = f"**{value}**" if row["is_best"] == "True" else value
    return f"{value}{bounds(low, high)}{rank}{_apart(row['p_holm'])}"


def _apart(p: str) -> str:
    if not p:
        return ""
    return ", p < 0.01" if float(p) < 0.01 else f", p {float(p):.2f}"


def _trivial(rows: Sequence[Row]) -> str:
    """The best trivial answers of a score, with the range of their values, as some are those of a model."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if row["best_baseline"]:
            values.setdefault(row["best_baseline"], []).append(float(row["best_baseline_value"]))
    return ", ".join(
        f"{baseline(name).title} {' to '.join(dict.fromkeys(f'{one:.3f}' for one in (min(own), max(own))))}"
        for name, own in values.items()
    )


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
