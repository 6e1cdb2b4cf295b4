"""The whole workflow on phantoms: from a raw corpus to a trained model and evaluated retrieval.

Each stage calls the same function as its verb of the command line; the name printed before it is that of the
verb.
"""

from __future__ import annotations

from pathlib import Path

from plainfilm import __version__
from plainfilm.collection import Collection, prepare
from plainfilm.collection.audit import audit
from plainfilm.collection.label import label_collection
from plainfilm.errors import LeakageError
from plainfilm.io.unfinished import MARK, filling
from plainfilm.phantom import write as write_phantom
from plainfilm.predictor import load
from plainfilm.progress import SILENT, Progress
from plainfilm.results.text import lines
from plainfilm.tasks.base import Results, evaluate, task

FILM_SIZE = 192
"""Shortest side of the demo's films in pixels: more than its model needs, small enough to be quick."""

RECIPE = "txtrayalign-tiny"


def run(out: Path, studies: int = 1600, seed: int = 0, progress: Progress = SILENT) -> Results:
    """Run everything from phantoms to results, below `out`.

    Returns the results of the retrieval task on test patients; `out/results/index.html` shows them.

    Raises:
        UsageError: `out` is neither empty nor an unfinished demo of these arguments, or is being written.
    """
    with filling(out, {"demo": __version__, "studies": studies, "seed": seed}):
        collection = build_collection(out, studies, seed, progress)
        model = train_model(collection, out / "run", seed, progress)
        return evaluate_model(model, collection, out / "results", progress)


def build_collection(out: Path, studies: int, seed: int, progress: Progress = SILENT) -> Collection:
    """A phantom corpus in MIMIC-CXR's raw layout, prepared, labelled and audited."""
    progress.log(f"1/5 phantom: {studies} studies in MIMIC-CXR's raw layout -> {out / 'raw'}")
    if not (out / "raw" / "truth").is_dir() or (out / "raw" / MARK).is_file():
        write_phantom("mimic_cxr", out / "raw", studies=studies, seed=seed, size=FILM_SIZE, progress=progress)
    progress.log(f"2/5 prepare and label -> {out / 'collection'}")
    collection = prepare("mimic_cxr", out / "raw", out / "collection", size=FILM_SIZE, progress=progress)
    label_collection(collection, progress=progress)
    collection = Collection.open(out / "collection")
    leaks = audit([collection])["leaks"]
    if leaks:
        raise LeakageError(f"{collection.path}: {len(leaks)} patients are on both sides of a split")
    return collection


def train_model(collection: Collection, run_folder: Path, seed: int, progress: Progress = SILENT) -> Path:
    """Train the demo's recipe on `collection`; return the model folder."""
    from plainfilm.training.recipe import load_recipe
    from plainfilm.training.trainer import train

    progress.log(f"3/5 train {RECIPE} -> {run_folder}")
    recipe = load_recipe(RECIPE, [f"seed={seed}"])
    return train(recipe, [collection], run_folder, resume=run_folder.is_dir(), progress=progress)


def evaluate_model(model: Path, collection: Collection, out: Path, progress: Progress = SILENT) -> Results:
    """Evaluate retrieval for the test patients' films, and write the results to `out`."""
    from plainfilm.results import write as write_results

    progress.log(f"4/5 evaluate retrieval on unseen patients -> {out}")
    retrieval = task("retrieval")
    results = evaluate(retrieval, load(model), [collection], retrieval.Config(), progress)
    write_results(results, out)
    progress.log(f"5/5 done: open {out / 'index.html'}")
    return results


HEADLINES = (
    ("image->sentence", "finding_f1_micro_positive"),
    ("image->report", "finding_f1_micro_positive"),
    ("image->report", "recall@10"),
)
"""The scores in the demo's last lines: directions and metrics of the retrieval task."""


def headline(results: Results) -> list[str]:
    """One line per headline score: value, 95 % interval, n, and each baseline with its interval."""
    wanted = tuple(f"{direction}/{score}" for direction, score in HEADLINES)
    whole = [metric for metric in results.metrics if metric.subgroup is None]
    return lines([metric for metric in whole if metric.name.startswith(wanted)])
