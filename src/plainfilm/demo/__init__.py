"""The whole workflow on phantoms: from a raw corpus to a trained model and evaluated retrieval.

First comes a page to look at, with answers of a model that comes with Plainfilm; training starts from
nothing.
Each stage calls the same function as its verb of the command line; the name printed before it is that of the
verb.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm import __version__
from plainfilm.bank import Bank, build_bank
from plainfilm.bank.items import ItemFilter
from plainfilm.collection import Collection, prepare
from plainfilm.collection.audit import audit
from plainfilm.collection.label import label_collection
from plainfilm.demo import films
from plainfilm.demo.films import PhantomFilm, phantom_films
from plainfilm.demo.first_page import Learned, Shown, answer, write_page
from plainfilm.errors import LeakageError
from plainfilm.io.unfinished import filling
from plainfilm.model_folder.shipped import SHIPPED
from plainfilm.phantom.write import write_once
from plainfilm.predictor import Predictor, load
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Metric, Results, evaluate, task

FILM_SIZE = 160
"""Longest side of the demo's phantoms in pixels: more than its model needs, small enough to be quick."""

STUDIES = 1200
RECIPE = MODEL = "nano"
"""The recipe that the demo trains from nothing, and the shipped model that was trained by it."""

BANK = SHIPPED.parent / "banks" / MODEL
PAGE = "index.html"
STAGES = 6


def run(out: Path, studies: int = STUDIES, seed: int = 0, progress: Progress = SILENT) -> Results:
    """Run everything from phantoms to results, below `out`.

    Returns the results of the retrieval task on test patients; `out/results/index.html` shows them.
    `out/index.html` is there at once, with what a shipped model says of eight films; when the demo ends, it
    has what was learned as well.

    Raises:
        UsageError: `out` is neither empty nor an unfinished demo of these arguments, or is being written.
    """
    with filling(out, {"demo": __version__, "studies": studies, "seed": seed}):
        page = FirstPage.write(out, progress)
        collection = build_collection(out, studies, seed, progress)
        model = train_model(collection, out / "run", seed, progress)
        results = evaluate_model(model, collection, out / "results", progress)
        page.add(model, collection, out / "bank", results)
        progress.log(f"{STAGES}/{STAGES} done: open {out / PAGE}")
        return results


@dataclass(frozen=True)
class FirstPage:
    """`out/index.html`, to which the demo adds what it has learned."""

    file: Path
    predictor: Predictor
    films: Sequence[PhantomFilm]
    shown: Sequence[Shown]

    @staticmethod
    def write(out: Path, progress: Progress = SILENT) -> FirstPage:
        """Copy the films that come with Plainfilm to `out/films`, and write the page about them."""
        shutil.copytree(films.FOLDER, out / "films", dirs_exist_ok=True)
        own = phantom_films(out / "films")
        predictor, bank = load(SHIPPED / MODEL), Bank.open(BANK)
        page = FirstPage(out / PAGE, predictor, own, answer(predictor, bank, own, with_maps=True))
        write_page(page.file, predictor, own, page.shown)
        progress.log(
            f"1/{STAGES} open {page.file}: eight phantoms, and what the model '{MODEL}' says of them"
        )
        return page

    def add(self, model: Path, collection: Collection, bank: Path, results: Results) -> None:
        """Add the scores of the model that was trained, and what it says of the films."""
        predictor = load(model)
        rule = predictor.config.training_facts.text_rule or "best_section"
        sentences = build_bank(predictor, collection, "sentences", bank, ItemFilter("train", rule))
        shown = answer(predictor, sentences, self.films)
        learned = Learned(shown, headline(results), "results/index.html")
        write_page(self.file, self.predictor, self.films, self.shown, learned)


def build_collection(out: Path, studies: int, seed: int, progress: Progress = SILENT) -> Collection:
    """A phantom corpus in MIMIC-CXR's raw layout, prepared, labelled and audited."""
    progress.log(f"2/{STAGES} phantom: {studies} studies in MIMIC-CXR's raw layout -> {out / 'raw'}")
    write_once("mimic_cxr", out / "raw", studies=studies, seed=seed, size=FILM_SIZE, progress=progress)
    progress.log(f"3/{STAGES} prepare and label -> {out / 'collection'}")
    collection = prepare("mimic_cxr", out / "raw", out / "collection", size=FILM_SIZE, progress=progress)
    label_collection(collection, progress=progress)
    collection = Collection.open(out / "collection")
    leaks = audit([collection])["leaks"]
    alike = [entry for entry in leaks if entry["kind"] == "near-duplicate image"]
    if len(alike) < len(leaks):
        count = len(leaks) - len(alike)
        raise LeakageError(f"{collection.path}: {count} patients or films are in two splits")
    if alike:  # phantoms of different patients can be
        progress.log(f"audit: films of different patients that look alike in two splits: {len(alike)}")
    return collection


def train_model(collection: Collection, run_folder: Path, seed: int, progress: Progress = SILENT) -> Path:
    """Train the demo's recipe on `collection`; return the model folder."""
    from plainfilm.training.recipe import load_recipe
    from plainfilm.training.trainer import train

    progress.log(f"4/{STAGES} train {RECIPE} -> {run_folder}")
    recipe = load_recipe(RECIPE, [f"seed={seed}"])
    return train(recipe, [collection], run_folder, resume=run_folder.is_dir(), progress=progress)


def evaluate_model(model: Path, collection: Collection, out: Path, progress: Progress = SILENT) -> Results:
    """Evaluate retrieval for the test patients' films, and write the results to `out`."""
    from plainfilm.results import write as write_results

    progress.log(f"5/{STAGES} evaluate retrieval on unseen patients -> {out}")
    retrieval = task("retrieval")
    results = evaluate(retrieval, load(model), [collection], retrieval.Config(), progress)
    write_results(results, out)
    return results


HEADLINES = (
    ("image->sentence", "finding_f1_micro_positive"),
    ("image->report", "finding_f1_micro_positive"),
    ("image->report", "recall@10"),
)
"""The scores in the demo's last lines: directions and metrics of the retrieval task."""


def headline(results: Results) -> list[Metric]:
    """The headline scores over all test patients."""
    wanted = tuple(f"{direction}/{score}" for direction, score in HEADLINES)
    whole = [metric for metric in results.metrics if metric.subgroup is None]
    return [metric for metric in whole if metric.name.startswith(wanted)]
