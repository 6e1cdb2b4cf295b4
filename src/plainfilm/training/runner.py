"""Runs recipes: one, or the stages of one, each in a folder of its own and never twice.

    OUT/recipe.yaml        all stages with every default written out
    OUT/stage-NAME/        a run (`training.run_folder`)
    OUT/model/, OUT/last/  the best and the newest model of the last stage

A recipe without stages is a run in OUT itself. A plan is a list of `Run`s: stages are a chain, in which each
names the runs it starts from; what `finetuning` does with fractions and repeats is a grid of such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.collection.collection import Collection
from plainfilm.model_folder import LoadedModel, copy_model, foreign_names, read_model_config
from plainfilm.plugins import foreign_code
from plainfilm.progress import SILENT, Progress
from plainfilm.training.data import split_rows
from plainfilm.training.distributed import accelerator_for, writing_together
from plainfilm.training.log import check_trackers
from plainfilm.training.pretrained import PretrainedParts, read_pretrained
from plainfilm.training.recipe import Recipe
from plainfilm.training.run_folder import RunFolder
from plainfilm.training.run_page import write_stages_page
from plainfilm.training.staged_recipe import AnyRecipe, StagedRecipe
from plainfilm.training.trainer import train


@dataclass(frozen=True)
class Run:
    """One run of the trainer: its recipe, where it lies below the folder of all, and the places of the runs
    that its `parts.NAME.from` may name."""

    recipe: Recipe
    place: str = ""
    earlier: Mapping[str, Run] = field(default_factory=dict)


def planned(recipe: AnyRecipe, below: str = "") -> list[Run]:
    """The runs of a recipe in the folder `below` that of all."""
    if not isinstance(recipe, StagedRecipe):
        return [Run(recipe, below)]
    runs: dict[str, Run] = {}
    for stage in recipe.stages:
        place = f"{below}/{stage.folder}" if below else stage.folder
        runs[stage.folder] = Run(stage.recipe, place, dict(runs))
    return list(runs.values())


@dataclass(frozen=True)
class Runner:
    """Trains the runs of plans below `out`, on `collections`.

    resume: go on with what is there. trust_code: run code of models that parts are taken from, and code that
    a run which is resumed names and the recipe does not.
    """

    collections: Sequence[Collection]
    out: Path
    resume: bool = False
    progress: Progress = SILENT
    trust_code: bool = False

    def train(self, recipe: AnyRecipe, below: str = "") -> Path:
        """Trains what is not finished of `recipe` in the folder `below` that of all; the best model.

        Raises:
            UsageError: the folder is taken, another process is writing there, or it is to be resumed with
                another recipe or other data.
            PlainfilmError: see `trainer.train`.
        """
        with writing_together(self.out / below):
            if isinstance(recipe, StagedRecipe):
                return self._stages(recipe, below)
            (run,) = planned(recipe, below)
            return self._run(run, self.resume)

    def trusts(self, run: Run, model: Path | None = None) -> bool:
        """Whether the code that the best model of `run`, or its copy in the folder `model`, names may run:
        that of its recipe may, which trained it."""
        named = {name for _, name in foreign_code(run.recipe.model)}
        return self.trust_code or foreign_names(model or self.out / run.place / "model") <= named

    def _stages(self, recipe: StagedRecipe, below: str) -> Path:
        folder, runs = RunFolder(self.out / below), planned(recipe, below)
        for one in recipe.recipes:
            check_trackers(one.trackers)
        folder.check(recipe, self.collections, self.resume, self.trust_code)
        for run in runs:
            if not RunFolder(self.out / run.place).is_finished:
                split_rows(
                    run.recipe, self.collections
                )  # what a stage lacks shows before the first is trained
        accelerator = accelerator_for()
        accelerator.wait_for_everyone()  # all have looked at the folder before one changes it
        if accelerator.is_main_process:
            folder.claim(recipe, self.collections)
            write_stages_page(folder.path, [stage.folder for stage in recipe.stages])
        accelerator.wait_for_everyone()
        for number, run in enumerate(runs, 1):
            if accelerator.is_main_process:
                self.progress.log(f"stage {number} of {len(runs)}: {self.out / run.place}")
            self._run(run, resume=True)
        last = RunFolder(self.out / runs[-1].place)
        if accelerator.is_main_process:
            copy_model(last.model, folder.model)
            copy_model(last.last, folder.last)
        accelerator.wait_for_everyone()
        return folder.model

    def _run(self, run: Run, resume: bool) -> Path:
        folder = RunFolder(self.out / run.place)
        recipe = self._with_fingerprints(run)
        folder.check(recipe, self.collections, resume, self.trust_code)
        if resume and folder.is_finished:
            return folder.model
        return train(
            recipe,
            self.collections,
            folder.path,
            resume=resume,
            progress=self.progress,
            trust_code=self.trust_code,
            pretrained=self._pretrained(run),
            cache=self.out / "cache",
        )

    def _with_fingerprints(self, run: Run) -> Recipe:
        """The recipe with the fingerprints of the earlier runs it starts from."""
        parts = dict(run.recipe.parts)
        for name, (folder, trust) in self._sources(run).items():
            if parts[name].source in run.earlier:
                fingerprint = read_model_config(folder, trust).fingerprint
                parts[name] = parts[name].model_copy(update={"fingerprint": fingerprint})
        return run.recipe.model_copy(update={"parts": parts})

    def _pretrained(self, run: Run) -> PretrainedParts:
        """What the run starts from."""
        sources = self._sources(run)
        models: dict[str, LoadedModel] = {}
        for trust in (False, True):
            chosen = {name: str(folder) for name, (folder, code) in sources.items() if code == trust}
            models |= read_pretrained(chosen, trust).models
        return PretrainedParts(models, {name: str(folder) for name, (folder, _) in sources.items()})

    def _sources(self, run: Run) -> dict[str, tuple[Path, bool]]:
        """The folders that parts are taken from, and whether code that they name may run."""
        found = {}
        for name, source in run.recipe.sources().items():
            earlier = run.earlier.get(source)
            place = Path(source) if earlier is None else RunFolder(self.out / earlier.place).model
            found[name] = (place, self.trust_code if earlier is None else self.trusts(earlier))
        return found
