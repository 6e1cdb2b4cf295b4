"""Models of a benchmark after fine-tuning with one set of settings, as `plainfilm finetune` does it.

BenchX (Zhou et al., NeurIPS 2024, arXiv:2410.21969) compares models in this way. Every model starts the same
recipe on the same patients of each collection; a fraction of the patients makes a cell, of all its repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plainfilm.benchmark.cells import CELLS, Cell, Plan
from plainfilm.collection import Collection
from plainfilm.errors import ConfigError, DataError, LeakageError, ModelError, UsageError
from plainfilm.finetuning import EVALUATED_ON, RESULTS_FOLDER, Evaluation, FractionGrid, finetune, place_of
from plainfilm.io.tables import read_json, write_json
from plainfilm.model_folder import find_model, read_model_config
from plainfilm.progress import Progress
from plainfilm.results.compare import read
from plainfilm.training.recipe import find_recipe
from plainfilm.training.stages import load_stages

TASK = "classification"


@dataclass(frozen=True)
class FineTuning:
    """One set of settings for all models. overrides: KEY=VALUE of the recipe. fractions: of the training
    patients, and how often each is drawn."""

    recipe: str
    overrides: tuple[str, ...]
    fractions: FractionGrid
    trust_code: bool = False

    @property
    def name(self) -> str:
        """The recipe in a table."""
        return Path(self.recipe).stem

    def check(self, split: str) -> None:
        """Finds the recipe before anything is trained.

        Raises:
            ConfigError: there is none of this name.
            UsageError: the benchmark is of another `split` than fine-tuned models are evaluated on.
        """
        find_recipe(self.recipe)
        if split != EVALUATED_ON:
            raise UsageError(
                f"benchmark: --finetune evaluates on split '{EVALUATED_ON}', --split is '{split}': leave out "
                "one of them"
            )


def finetuned(
    wanted: FineTuning, plan: Plan, out: Path, progress: Progress, name: str, leaks: Mapping[str, str]
) -> Iterator[Cell]:
    """The cells of the model called `name` on every collection; what is trained and evaluated is kept.

    leaks: by collection, why the model is not scored there.
    """
    for where, collection in plan.collections.items():
        folder = out / CELLS / name / where / wanted.name
        progress.log(f"{name} on {where}: {wanted.name}")
        reason = leaks.get(where) or _trained(wanted, plan, plan.models[name], collection, folder, progress)
        for fraction in wanted.fractions.values:
            repeats = range(wanted.fractions.repeats)
            places = [folder / RESULTS_FOLDER / place_of(fraction, repeat) for repeat in repeats]
            results = tuple(map(read, places)) if reason is None else ()
            yield Cell(name, where, _title(wanted, fraction), places[0].parent, results, reason)


def _trained(
    wanted: FineTuning, plan: Plan, model: Path, collection: Collection, folder: Path, progress: Progress
) -> str | None:
    """Trains and evaluates all fractions and repeats in `folder`; the reason where that is not possible."""
    evaluation = Evaluation(TASK, settings={"resamples": plan.resamples, "seed": plan.seed})
    try:
        _claim(folder, model, trust_code=wanted.trust_code)
        recipe = load_stages(wanted.recipe, wanted.overrides, model, trust_code=wanted.trust_code)
        summary = finetune(
            *(recipe, [collection], folder, wanted.fractions),
            evaluation=evaluation,
            resume=True,
            progress=progress,
            trust_code=wanted.trust_code,
        )
    except (ConfigError, DataError, LeakageError, ModelError, UsageError) as error:
        progress.log(f"not run: {error}")
        return str(error)
    return None if all(run["test"] for run in summary["runs"]) else "no labelled film in the test split"


def _claim(folder: Path, model: Path, *, trust_code: bool) -> None:
    """Notes beside `folder` which weights the runs in it start from.

    Raises:
        UsageError: those that are there started from others.
    """
    file = folder.with_name(f"{folder.name}.json")
    start = {"model": read_model_config(find_model(model), trust_code).fingerprint}
    if folder.is_dir() and file.is_file() and read_json(file) != start:
        raise UsageError(
            f"{folder}: was fine-tuned from other weights than those of {model} now; remove it, or choose "
            "another --out"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(start, file)


def _title(wanted: FineTuning, fraction: float) -> str:
    """What heads the scores of one fraction."""
    count = wanted.fractions.repeats
    of = f", mean of {count} repeats" if count > 1 else ""
    return f"{wanted.name}, {100 * fraction:g} % of the patients{of}"
