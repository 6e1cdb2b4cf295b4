"""Fine-tuning on shares of the labels: runs of the one trainer, each evaluated, and what they say together.

    OUT/share-0.01/repeat-0/          a run (`training.run_folder`)
    OUT/results/share-0.01/repeat-0/  what `evaluate classification` says of its best model on the test split
    OUT/summary.json                  per share the mean over the repeats, and each run

Without shares there is one run, OUT itself. With several collections each has a folder of its own below the
results of a run. Repeat k adds k to the seed of the recipe and to that of the share: another part of the
patients, another start of the new layer. Within a repeat the smaller share lies inside the larger. The
validation split stays whole.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.batches.rows import LABELS, build_rows
from plainfilm.collection import Collection
from plainfilm.config import build
from plainfilm.errors import DataError, UsageError
from plainfilm.io.tables import read_json, write_json
from plainfilm.model_folder import read_model_config
from plainfilm.models.base import Classifies, ability
from plainfilm.predictor import load
from plainfilm.progress import SILENT, Progress
from plainfilm.results import write
from plainfilm.results.text import interval, number
from plainfilm.tasks import classification
from plainfilm.training.distributed import rank
from plainfilm.training.dry_run import dry_run
from plainfilm.training.log import read_log
from plainfilm.training.pretrained import read_pretrained
from plainfilm.training.recipe import Recipe
from plainfilm.training.run_folder import RunFolder
from plainfilm.training.trainer import train

METRIC = f"{classification.GROUP}/auroc_macro"
SUMMARY_FILE, RESULTS_FOLDER = "summary.json", "results"
EVALUATED_ON = "test"


@dataclass(frozen=True)
class Shares:
    """Which shares of the patients are trained on, and how often each."""

    fractions: tuple[float, ...]
    repeats: int = 1

    def __post_init__(self) -> None:
        for fraction in self.fractions:
            if not 0.0 < fraction <= 1.0:
                raise UsageError(
                    f"fraction {fraction:g}: above 0 and at most 1 (0.01 is 1 % of the patients)"
                )
        if len(set(self.fractions)) < len(self.fractions) or not self.fractions:
            raise UsageError("fractions: one or several different numbers, such as 0.01,0.1,1")
        if self.repeats < 1:
            raise UsageError(f"repeats is {self.repeats}: at least 1")


@dataclass(frozen=True)
class Run:
    """One run: its recipe, where it lies below the folder of all, and which share and repeat it is."""

    recipe: Recipe
    place: str
    share: float
    repeat: int


def planned(recipe: Recipe, shares: Shares | None) -> list[Run]:
    """The runs of a recipe, by share and repeat."""
    if shares is None:
        return [Run(recipe, "", recipe.data.share or 1.0, 0)]
    return [
        Run(_drawn(recipe, share, repeat), f"share-{share:g}/repeat-{repeat}", share, repeat)
        for share in shares.fractions
        for repeat in range(shares.repeats)
    ]


def _drawn(recipe: Recipe, share: float, repeat: int) -> Recipe:
    seeds = {"share": share, "share_seed": recipe.data.share_seed + repeat}
    data = recipe.data.model_copy(update=seeds)
    return recipe.model_copy(update={"data": data, "seed": recipe.seed + repeat})


def finetune(
    recipe: Recipe,
    collections: Sequence[Collection],
    out: Path,
    shares: Shares | None = None,
    *,
    resume: bool = False,
    progress: Progress = SILENT,
    trust_code: bool = False,
) -> dict[str, Any]:
    """Trains and evaluates every run; the summary, as it is written.

    Raises:
        UsageError: `out` is taken, or the recipe's model does not classify.
        LeakageError: training patients, or those of a model that parts are taken from, are in the validation
            or test split.
    """
    ability(
        dry_run(recipe, read_pretrained(recipe.sources(), trust_code)),
        Classifies,
        "finetune",
        "use a recipe such as finetune-linear, or train with `plainfilm train`",
    )
    if out.is_dir() and any(out.iterdir()) and not resume:
        raise UsageError(f"{out}: exists already; go on with --resume, or choose another --out")
    tested = {name: one for name, one in _named(collections).items() if _has_labels(one, recipe)}
    if not tested:
        progress.say(f"no labelled film in split '{EVALUATED_ON}': the models will not be evaluated")
    told = []
    for run in planned(recipe, shares):
        if run.place:
            progress.say(f"share {run.share:g}, repeat {run.repeat}: {out / run.place}")
        model = train(
            run.recipe, collections, out / run.place, resume=resume, progress=progress, trust_code=trust_code
        )
        if rank() == 0:
            _evaluate(run, model, tested, out, progress)
            told.append(_told(run, out, tested))
    summary = _summary(recipe, collections, told)
    if rank() == 0:
        write_json(summary, out / SUMMARY_FILE)
    return summary


def _named(collections: Sequence[Collection]) -> dict[str, Collection]:
    """The collections by name, numbered where two have the same."""
    found: dict[str, Collection] = {}
    for collection in collections:
        same = sum(name.partition("#")[0] == collection.name for name in found)
        found[f"{collection.name}#{same + 1}" if same else collection.name] = collection
    return found


def _has_labels(collection: Collection, recipe: Recipe) -> bool:
    try:
        build_rows([collection], EVALUATED_ON, recipe.data, LABELS)
    except DataError:
        return False
    return True


def _results_folder(run: Run, out: Path, name: str, tested: Mapping[str, Collection]) -> Path:
    folder = out / RESULTS_FOLDER / run.place
    return folder / name if len(tested) > 1 else folder


def _evaluate(run: Run, model: Path, tested: Mapping[str, Collection], out: Path, progress: Progress) -> None:
    """Writes the results of the best model of a run, where they are not there yet."""
    stated = [objective for objective in run.recipe.objectives if "uncertain" in objective]
    settings = {key: stated[0][key] for key in ("uncertain", "absent")} if stated else {}
    config = build(classification.Config, settings | {"split": EVALUATED_ON}, "task classification")
    for name, collection in tested.items():
        folder = _results_folder(run, out, name, tested)
        if _is_of(folder / "results.json", model):
            continue
        # A model of somebody's code was allowed to run when it was trained.
        write(classification.run(load(model, trust_code=True), [collection], config, progress), folder)


def _is_of(file: Path, model: Path) -> bool:
    if not file.is_file():
        return False
    fingerprint = read_model_config(model, trust_code=True).fingerprint
    return bool(read_json(file)["protocol"]["model_fingerprint"] == fingerprint)


def _told(run: Run, out: Path, tested: Mapping[str, Collection]) -> dict[str, Any]:
    """What a run is and what it reached."""
    folder = RunFolder(out / run.place)
    began = next(line for line in read_log(folder.log) if line["event"] == "start")
    scores = read_model_config(folder.model, trust_code=True).scores
    return {
        "share": run.share,
        "repeat": run.repeat,
        "run": run.place or ".",
        "films": began["items"],
        "patients": began["patients"],
        "without_positives": [name for name, count in began["positives"].items() if not count],
        "validation": {
            name.removeprefix("validation "): value for name, value in scores.items() if name != "step"
        },
        "step": scores.get("step"),
        "test": {name: _tested(_results_folder(run, out, name, tested), out) for name in tested},
    }


def _tested(folder: Path, out: Path) -> dict[str, Any]:
    document = read_json(folder / "results.json")
    found = {metric["name"]: metric for metric in document["metrics"] if "subgroup" not in metric}
    prefix = f"{classification.GROUP}/auroc/"
    return {
        "results": str(folder.relative_to(out)),
        **{key: found[METRIC].get(key) for key in ("value", "low", "high", "n", "note")},
        "not_computable": [
            name.removeprefix(prefix)
            for name, metric in found.items()
            if name.startswith(prefix) and metric["value"] is None
        ],
    }


def _summary(
    recipe: Recipe, collections: Sequence[Collection], told: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    shares = dict.fromkeys(one["share"] for one in told)
    return {
        "metric": METRIC,
        "interval": "95 %, by resampling patients of the test films, of each run by itself",
        "standard_deviation": "of the values of the repeats",
        "split": EVALUATED_ON,
        "init": {
            name: {"model": part.source, "fingerprint": part.fingerprint}
            for name, part in recipe.parts.items()
            if part.source is not None
        },
        "collections": [{"name": one.name, "fingerprint": one.fingerprint} for one in collections],
        "recipe": recipe.as_dict(),
        "shares": [
            _of_share(share, name, [one for one in told if one["share"] == share])
            for share in shares
            for name in (told[0]["test"] or (None,))
        ],
        "runs": list(told),
    }


def _of_share(share: float, name: str | None, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = [one["test"][name]["value"] for one in told] if name else []
    known = [value for value in values if value is not None]
    return {
        "share": share,
        "collection": name,
        "repeats": len(told),
        "mean": statistics.fmean(known) if known else None,
        "standard_deviation": statistics.stdev(known) if len(known) > 1 else None,
        "computable": len(known),
    }


def table(summary: Mapping[str, Any]) -> list[str]:
    """The summary as lines for a terminal: of each share the mean and spread, then every run."""
    lines = ["macro AUROC on the test split; ± is the standard deviation over repeats, [] 95 % by patient"]
    for share in summary["shares"]:
        spread = share["standard_deviation"]
        shown = number(share["mean"]) + (f" ± {number(spread)}" if spread is not None else "")
        where = f"  {share['collection']}" if share["collection"] else ""
        lines.append(f"share {share['share']:<6g} {shown:<16} {_counted(share['repeats'])}{where}")
        runs = [run for run in summary["runs"] if run["share"] == share["share"]]
        lines += [_line(run, share["collection"]) for run in runs]
    return lines


def _counted(runs: int) -> str:
    return f"{runs} run" if runs == 1 else f"{runs} runs"


def _line(run: Mapping[str, Any], name: str | None) -> str:
    test = run["test"][name] if name else {}
    shown = f"{number(test.get('value'))} {interval(test.get('low'), test.get('high'))}"
    line = f"  {run['run']:<24} {shown}  {run['films']} films of {run['patients']} patients"
    missing = ", ".join(run["without_positives"])
    return f"{line}; no positive to train on: {missing}" if missing else line
