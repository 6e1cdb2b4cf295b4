"""The documented runs on real films, and their tables in docs/real-data.md written anew.

    python benchmarks/real_runs.py [--data ../shared/data] [--work build/real] [--only RUN ...]

The commands are those of the page, in a folder that is kept: what is finished there is not made again, and
a training that was stopped goes on. Each table lies on the page between two comments with its name; the
text around it is for a person to read again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "real-data.md"
PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
SAME = ("view", "age", "sex")
RETRIEVAL_SCORES = ("recall@5", "recall@10", "finding_f1_micro_positive@2")

Metrics = Mapping[str, Mapping[str, Any]]


def plainfilm(*words: str | Path) -> None:
    """Run a command; the program ends with it if it fails."""
    print("plainfilm", *words, flush=True)
    subprocess.run([sys.executable, "-m", "plainfilm", *map(str, words)], check=True)


def columns(**headers: str) -> list[str]:
    """The options of `prepare table` for these headers."""
    known = {**{name: name for name in SAME}, "licence": "license", **headers}
    return [word for role, header in known.items() for word in ("--column", f"{role}={header}")]


def prepared(table: Path, out: Path, **headers: str) -> Path:
    """A collection of the table, made once."""
    if not (out / "collection.json").exists():
        plainfilm("prepare", "table", table, "--out", out, "--size", "256", *columns(**headers))
    return out


def trained(recipe: str, films: Path, run: Path) -> Path:
    """The model of a recipe of examples/; training goes on where it stopped."""
    resume = ["--resume"] if run.exists() else []
    plainfilm("train", ROOT / "examples" / recipe, "--data", films, "--out", run, *resume)
    return run / "model"


def evaluated(task: str, model: Path, films: Path, out: Path, *options: str) -> Metrics:
    """The metrics of an evaluation by name."""
    if not (out / "results.json").exists():
        plainfilm("evaluate", task, model, films, "--out", out, *options)
    document = json.loads((out / "results.json").read_text("utf-8"))
    return {metric["name"]: metric for metric in document["metrics"]}


def retrieval(data: Path, work: Path) -> dict[str, str]:
    """Films with texts: a dual encoder, and the retrieval of texts and films."""
    films = work / "real"
    texts = "report_findings,report_impression,clinical_notes,labels"
    is_new = not films.exists()
    prepared(
        data / "metadata.csv",
        films,
        image="image",
        image_id="image_id",
        text=texts,
        patient="patient_id",
        study="study_id",
    )
    if is_new:
        plainfilm("label", films)
    model = trained("real-films.yaml", films, work / "run-real")
    found = evaluated("retrieval", model, films, work / "results-real")
    head = ["direction", "score", "n", "model", "random", "most frequent"]
    rows = [
        [
            name.partition("/")[0].replace("->", "→"),
            metric["title"],
            str(metric["n"]),
            scored(metric),
            *(baseline(metric, one) for one in ("random", "most_frequent")),
        ]
        for name, metric in found.items()
        if name.partition("/")[2] in RETRIEVAL_SCORES and metric["value"] is not None
    ]
    return {"retrieval": table(head, rows)}


def labels(data: Path, work: Path) -> dict[str, str]:
    """Films with labels only: prompts, probes and a classifier."""
    films = prepared(
        label_table(data, work / "nih.csv"),
        work / "nih",
        image="image",
        image_id="image_id",
        labels="labels",
        patient="patient_id",
        study="study_id",
        split="split",
    )
    model = trained("real-labels.yaml", films, work / "run-labels")
    prompted = evaluated("zero_shot", model, films, work / "results-zero-shot", "prompts=nih14")
    probed = evaluated("linear_probe", model, films, work / "results-probe")
    classifier = trained("real-classifier.yaml", films, work / "run-classifier")
    supervised = evaluated("classification", classifier, films, work / "results-classifier")
    scores = ("auroc_macro", "average_precision_macro")
    rows = [
        ["chance", *(baseline(prompted[f"combined/{score}"], "random") for score in scores)],
        *(
            [what, *(scored(found[f"{group}/{score}"]) for score in scores)]
            for what, found, group in (
                ("zero-shot, both prompts contrasted", prompted, "combined"),
                ("zero-shot, positive prompt", prompted, "positive prompt"),
                ("zero-shot, negative prompt", prompted, "negative prompt"),
                ("supervised classifier", supervised, "classifier"),
            )
        ),
    ]
    for name, metric in probed.items():
        if name.endswith("/auroc_macro"):
            rows.append([f"linear probe of its features, {metric['heading']}", scored(metric), ""])
            rows.append(
                [f"the same of random weights, {metric['heading']}", baseline(metric, "untrained"), ""]
            )
    return {"labels": table(["", "macro AUROC", "macro average precision"], rows)}


def label_table(data: Path, out: Path, source: str = "nih-chestxray14") -> Path:
    """The films of a source of the pack, by default ChestX-ray14, split by patient as the page says."""
    films = pd.read_csv(data / "metadata.csv").query("source == @source")
    place = films.patient_id.astype(str).map(
        lambda name: int(hashlib.sha256(name.encode()).hexdigest(), 16) % 20
    )
    films["split"] = place.map(
        lambda value: "train" if value < 11 else "validation" if value < 14 else "test"
    )
    films["labels"] = films.labels.str.split("|").map(str)
    films["image"] = str(data.resolve()) + "/" + films.image
    out.parent.mkdir(parents=True, exist_ok=True)
    films.to_csv(out, index=False)
    return out


def scored(metric: Mapping[str, Any]) -> str:
    """A value with its interval."""
    if metric["value"] is None:
        return "–"
    return f"{metric['value']:.3f}{bounds(metric['low'], metric['high'])}"


def baseline(metric: Mapping[str, Any], name: str) -> str:
    """The value of a baseline with its interval; blank without one."""
    if name not in metric["baselines"]:
        return ""
    low, high = metric.get("baseline_intervals", {}).get(name, (None, None))
    return f"{metric['baselines'][name]:.3f}{bounds(low, high)}"


def bounds(low: float | None, high: float | None) -> str:
    """An interval, if there is one with a width."""
    return "" if low is None or high is None or low == high else f" [{low:.3f}, {high:.3f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [f"| {' | '.join(line)} |" for line in [head, *rows]]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def renewed(page: str, tables: Mapping[str, str]) -> str:
    """The page with the tables at their places.

    Raises:
        KeyError: the page has no place for one of them.
    """
    missing = set(tables) - {place["name"] for place in PLACE.finditer(page)}
    if missing:
        raise KeyError(f"{PAGE.name}: no place '<!-- table: {min(missing)} -->'")
    return PLACE.sub(
        lambda place: (
            f"{place[1]}\n{tables[place['name']]}\n{place[3]}" if place["name"] in tables else place[0]
        ),
        page,
    )


RUNS = {"retrieval": retrieval, "labels": labels}


def main() -> None:
    """Reads the arguments, runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "real")
    parser.add_argument("--only", action="append", choices=list(RUNS))
    given = parser.parse_args()
    if not given.data.is_dir():
        parser.error(f"{given.data}: the real films are not here")
    tables: dict[str, str] = {}
    for name in given.only or RUNS:
        tables |= RUNS[name](given.data, given.work)
    PAGE.write_text(renewed(PAGE.read_text("utf-8"), tables), encoding="utf-8")
    print(f"{PAGE}: {', '.join(tables)}")


if __name__ == "__main__":
    main()
