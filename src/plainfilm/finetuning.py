"""Fine-tuning on fractions of the labels: a grid of runs, each evaluated, and what they say together.

    OUT/fraction-0.01/repeat-0/          a run (`training.runner`), also one of several stages
    OUT/results/fraction-0.01/repeat-0/  what a task says of its best model on the test split
    OUT/summary.json                     per fraction the mean over the repeats, and each run

Without fractions there is one run, OUT itself. With several collections each has a folder of its own below
the results of a run. Repeat k adds k to the seed of the recipe and to that of the fraction: another part of
the patients, another start of the new parts. Within a repeat the smaller fraction lies inside the larger. The
validation split stays whole. A fraction is that of every stage of a recipe: none learns from labels left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection
from plainfilm.config import build
from plainfilm.errors import DataError, UsageError, nearest
from plainfilm.io.locks import is_taken, writing
from plainfilm.io.manifest import settle
from plainfilm.io.tables import write_json
from plainfilm.metrics.scores import mean_and_spread
from plainfilm.model_folder import read_model_config
from plainfilm.models.base import ABILITIES, ability
from plainfilm.predictor import load
from plainfilm.progress import SILENT, Progress
from plainfilm.results import write
from plainfilm.results.reading import META, read_document
from plainfilm.results.text import interval, number
from plainfilm.tasks.base import Task, evaluate, task
from plainfilm.training.distributed import rank, writing_together
from plainfilm.training.dry_run import facts_of
from plainfilm.training.log import read_log
from plainfilm.training.pretrained import NOTHING
from plainfilm.training.recipe import Recipe
from plainfilm.training.run_folder import RunFolder
from plainfilm.training.runner import Run, Runner, planned
from plainfilm.training.setup import build_model
from plainfilm.training.staged_recipe import AnyRecipe, StagedRecipe, recipes_of

SUMMARY_FILE, RESULTS_FOLDER = "summary.json", "results"
EVALUATED_ON = "test"
_LABEL_RULES = ("uncertain", "absent")


@dataclass(frozen=True)
class FractionGrid:
    """Which fractions of the patients are trained on, and how often each."""

    values: tuple[float, ...]
    repeats: int = 1

    @classmethod
    def read(cls, fractions: str, repeats: int) -> FractionGrid:
        """The grid of fractions as they are written on the command line.

        Raises:
            UsageError: no numbers with commas between them, or fractions and repeats that make no sense.
        """
        try:
            return cls(tuple(float(word) for word in fractions.split(",")), repeats)
        except ValueError:
            raise UsageError(
                f"--fractions '{fractions}': write numbers and commas, e.g. 0.01,0.1,1"
            ) from None

    def __post_init__(self) -> None:
        for fraction in self.values:
            if not 0.0 < fraction <= 1.0:
                raise UsageError(
                    f"fraction {fraction:g}: above 0 and at most 1 (0.01 is 1 % of the patients)"
                )
        if len(set(self.values)) < len(self.values) or not self.values:
            raise UsageError("fractions: one or several different numbers, such as 0.01,0.1,1")
        if self.repeats < 1:
            raise UsageError(f"repeats is {self.repeats}: at least 1")


@dataclass(frozen=True)
class Cell:
    """One run of the grid: its recipe, where it lies below the folder of all, its fraction and repeat."""

    recipe: AnyRecipe
    place: str
    fraction: float
    repeat: int

    @property
    def last(self) -> Run:
        """What ends in the model that is evaluated."""
        return planned(self.recipe, self.place)[-1]


def place_of(fraction: float, repeat: int) -> str:
    """Where the run of a fraction and a repeat lies below the folder of all, and its results below theirs."""
    return f"fraction-{fraction:g}/repeat-{repeat}"


def grid(recipe: AnyRecipe, fractions: FractionGrid | None) -> list[Cell]:
    """The runs of a recipe, by fraction and repeat."""
    if fractions is None:
        return [Cell(recipe, "", recipes_of(recipe)[-1].data.fraction or 1.0, 0)]
    return [
        Cell(_drawn(recipe, fraction, repeat), place_of(fraction, repeat), fraction, repeat)
        for fraction in fractions.values
        for repeat in range(fractions.repeats)
    ]


def _drawn(recipe: AnyRecipe, fraction: float, repeat: int) -> AnyRecipe:
    drawn = [_drawn_alone(one, fraction, repeat) for one in recipes_of(recipe)]
    return recipe.each(drawn) if isinstance(recipe, StagedRecipe) else drawn[0]


def _drawn_alone(recipe: Recipe, fraction: float, repeat: int) -> Recipe:
    seeds = {"fraction": fraction, "fraction_seed": recipe.data.fraction_seed + repeat}
    data = recipe.data.model_copy(update=seeds)
    return recipe.model_copy(update={"data": data, "seed": recipe.seed + repeat})


@dataclass(frozen=True)
class Evaluation:
    """What is measured of every run: a task by its name, with `settings` of its protocol, and the metric that
    heads the summary; `None` is the task's first headline."""

    task: str = "classification"
    metric: str | None = None
    settings: Mapping[str, Any] | None = None

    @property
    def module(self) -> Task:
        """The task."""
        return task(self.task)

    def config(self, recipe: Recipe) -> Any:
        """The protocol: on the test split, and labels mean what they do to the objective of `recipe`."""
        known = self.module.Config.model_fields
        stated = next((one for one in recipe.objectives if "uncertain" in one), {})
        rules = {key: stated[key] for key in _LABEL_RULES if key in stated and key in known}
        if recipe.architecture.fuses_films and "item" in known:
            rules["item"] = recipe.data.item
        settings = {**rules, **(self.settings or {}), "split": EVALUATED_ON}
        return build(self.module.Config, settings, f"task {self.task}")


CLASSIFICATION = Evaluation()


def finetune(
    recipe: AnyRecipe,
    collections: Sequence[Collection],
    out: Path,
    fractions: FractionGrid | None = None,
    *,
    evaluation: Evaluation = CLASSIFICATION,
    resume: bool = False,
    progress: Progress = SILENT,
    trust_code: bool = False,
) -> dict[str, Any]:
    """Trains and evaluates every run; the summary, as it is written.

    Raises:
        UsageError: `out` is taken, another process is writing there, or the recipe's model cannot do what the
            task asks for.
        LeakageError: training patients, or those of a model that parts are taken from, are in the validation
            or test split.
    """
    last = recipes_of(recipe)[-1]
    evaluation.config(last)
    _check_abilities(last, evaluation)
    with writing_together(out):
        if is_taken(out) and not resume:
            raise UsageError(f"{out}: exists already; go on with --resume, or choose another --out")
        runner = Runner(collections, out, resume, progress, trust_code)
        return _finetune(recipe, runner, grid(recipe, fractions), evaluation)


def _finetune(
    recipe: AnyRecipe, runner: Runner, cells: Sequence[Cell], evaluation: Evaluation
) -> dict[str, Any]:
    collections, out, progress = runner.collections, runner.out, runner.progress
    last = recipes_of(recipe)[-1]
    tested = {name: one for name, one in _named(collections).items() if _can_be_tested(one, last)}
    if not tested:
        progress.log(f"no labelled film in split '{EVALUATED_ON}': the models will not be evaluated")
    reported = []
    for cell in cells:
        if cell.place:
            progress.log(f"fraction {cell.fraction:g}, repeat {cell.repeat}: {out / cell.place}")
        model = runner.train(cell.recipe, cell.place)
        if rank() == 0:
            _evaluate(cell, model, tested, runner, evaluation)
            reported.append(_reported(cell, runner, model, tested, evaluation))
    summary = _summary(recipe, collections, reported, evaluation)
    if rank() == 0:
        write_json(summary, out / SUMMARY_FILE)
    return summary


def _check_abilities(recipe: Recipe, evaluation: Evaluation) -> None:
    model = build_model(recipe, facts_of(recipe, NOTHING))
    for name in evaluation.module.NEEDS:
        way_out = f"choose a recipe such as finetune-linear, or another task than '{evaluation.task}'"
        ability(model, ABILITIES[name], "finetune", way_out)


def _named(collections: Sequence[Collection]) -> dict[str, Collection]:
    """The collections by name, numbered where two have the same."""
    found: dict[str, Collection] = {}
    for collection in collections:
        same = sum(name.partition("#")[0] == collection.name for name in found)
        found[f"{collection.name}#{same + 1}" if same else collection.name] = collection
    return found


def _can_be_tested(collection: Collection, recipe: Recipe) -> bool:
    """Whether any item of the test split has what the recipe learns from."""
    try:
        build_rows([collection], EVALUATED_ON, recipe.data, recipe.required)
    except DataError:
        return False
    return True


def _results_folder(cell: Cell, out: Path, name: str, tested: Mapping[str, Collection]) -> Path:
    folder = out / RESULTS_FOLDER / cell.place
    return folder / name if len(tested) > 1 else folder


def _evaluate(
    cell: Cell, model: Path, tested: Mapping[str, Collection], runner: Runner, evaluation: Evaluation
) -> None:
    """Writes the results of the best model of a run, where they are not there yet."""
    config, trust = evaluation.config(cell.last.recipe), runner.trusts(cell.last, model)
    for name, collection in tested.items():
        folder = _results_folder(cell, runner.out, name, tested)
        if _is_of(folder, model, evaluation, trust):
            with writing(folder):
                settle(folder, META)  # a killed run may have left files under hidden names
            continue
        predictor = load(model, trust_code=trust)
        write(evaluate(evaluation.module, predictor, [collection], config, runner.progress), folder)


def _is_of(folder: Path, model: Path, evaluation: Evaluation, trust: bool) -> bool:
    if not (folder / META).is_file():
        return False
    try:
        document = read_document(folder)
    except DataError:  # damaged: evaluated again
        return False
    fingerprint = read_model_config(model, trust).fingerprint
    made_of = document["protocol"].get("model_fingerprint")
    return bool(document["task"] == evaluation.task and made_of == fingerprint)


def _reported(
    cell: Cell, runner: Runner, model: Path, tested: Mapping[str, Collection], evaluation: Evaluation
) -> dict[str, Any]:
    """What a run is and what it reached."""
    file = RunFolder(runner.out / cell.last.place).log
    log = read_log(file)
    began = next((line for line in log if line["event"] == "start" and "items" in line), None)
    if began is None:
        raise DataError(f"{file}: has no event 'start' with 'items'; start the run again in a new folder")
    scores = read_model_config(model, runner.trusts(cell.last, model)).scores
    folders = {name: _results_folder(cell, runner.out, name, tested) for name in tested}
    return {
        "fraction": cell.fraction,
        "repeat": cell.repeat,
        "run": cell.place or ".",
        "films": began["items"],
        "patients": began.get("patients"),
        "without_positives": [name for name, count in began.get("positives", {}).items() if not count],
        "validation": {
            name.removeprefix("validation "): value for name, value in scores.items() if name != "step"
        },
        "step": scores.get("step"),
        "test": {name: _tested(folder, runner.out, evaluation) for name, folder in folders.items()},
    }


def _tested(folder: Path, out: Path, evaluation: Evaluation) -> dict[str, Any]:
    document = read_document(folder)
    found = {metric["name"]: metric for metric in document["metrics"] if not metric.get("subgroup")}
    name = evaluation.metric or next((key for key, one in found.items() if one.get("headline")), None)
    if name is None:
        raise UsageError(f"{folder / 'results.json'}: has no headline; go on with --resume and --metric NAME")
    if name not in found:
        raise UsageError(
            f"{folder / 'results.json'}: no metric '{name}': {nearest(name, found)}; go on with --resume and "
            "that --metric"
        )
    parts = f"{name.removesuffix('_macro')}/" if name.endswith("_macro") else f"{name}/"
    return {
        "results": str(folder.relative_to(out)),
        "metric": name,
        "title": found[name].get("title", name),
        **{key: found[name].get(key) for key in ("value", "low", "high", "n", "note")},
        "not_computable": [
            key.removeprefix(parts)
            for key, metric in found.items()
            if key.startswith(parts) and metric["value"] is None
        ],
    }


def _summary(
    recipe: AnyRecipe,
    collections: Sequence[Collection],
    reported: Sequence[dict[str, Any]],
    evaluation: Evaluation,
) -> dict[str, Any]:
    fractions = dict.fromkeys(one["fraction"] for one in reported)
    tests = [test for one in reported for test in one["test"].values()]
    return {
        "task": evaluation.task,
        "metric": tests[0]["metric"] if tests else evaluation.metric,
        "title": tests[0]["title"] if tests else None,
        "interval": "95 %, by resampling patients of the test films, of each run by itself",
        "standard_deviation": "of the values of the repeats",
        "split": EVALUATED_ON,
        "init": {
            name: {"model": part.source, "fingerprint": part.fingerprint}
            for name, part in recipes_of(recipe)[0].parts.items()
            if part.source is not None
        },
        "collections": [{"name": one.name, "fingerprint": one.fingerprint} for one in collections],
        "recipe": recipe.as_dict(),
        "fractions": [
            _of_fraction(fraction, name, [one for one in reported if one["fraction"] == fraction])
            for fraction in fractions
            for name in (reported[0]["test"] or (None,))
        ],
        "runs": list(reported),
    }


def _of_fraction(fraction: float, name: str | None, reported: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = [one["test"][name]["value"] for one in reported] if name else []
    known = [value for value in values if value is not None]
    mean, deviation = mean_and_spread(known)
    return {
        "fraction": fraction,
        "collection": name,
        "repeats": len(reported),
        "mean": mean,
        "standard_deviation": deviation,
        "computable": len(known),
    }


def table(summary: Mapping[str, Any]) -> list[str]:
    """The summary as lines for a terminal: of each fraction the mean and spread, then every run."""
    what = summary["title"] or "nothing"
    lines = [f"{what} on the test split; ± is the standard deviation over repeats, [] 95 % by patient"]
    for fraction in summary["fractions"]:
        spread = fraction["standard_deviation"]
        shown = number(fraction["mean"]) + (f" ± {number(spread)}" if spread is not None else "")
        where = f"  {fraction['collection']}" if fraction["collection"] else ""
        lines.append(
            f"fraction {fraction['fraction']:<6g} {shown:<16} {_counted(fraction['repeats'])}{where}"
        )
        runs = [run for run in summary["runs"] if run["fraction"] == fraction["fraction"]]
        lines += [_line(run, fraction["collection"]) for run in runs]
    return lines


def _counted(runs: int) -> str:
    return f"{runs} run" if runs == 1 else f"{runs} runs"


def _line(run: Mapping[str, Any], name: str | None) -> str:
    test = run["test"][name] if name else {}
    shown = f"{number(test.get('value'))} {interval(test.get('low'), test.get('high'))}"
    of = f" of {run['patients']} patients" if run["patients"] is not None else ""
    line = f"  {run['run']:<24} {shown}  {run['films']} films{of}"
    missing = ", ".join(run["without_positives"])
    return f"{line}; no positive to train on: {missing}" if missing else line
