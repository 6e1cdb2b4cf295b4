"""Logs a run: JSON lines, experiment trackers, a page, and a readable line per epoch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from plainfilm.progress import Progress
from plainfilm.training.log import JsonLines, flat
from plainfilm.training.recipe import Recipe
from plainfilm.training.run_page import RunPage
from plainfilm.training.state import Position


class RunLogger:
    """Writes the log of a run; on processes other than the main one it writes nothing."""

    def __init__(
        self,
        recipe: Recipe,
        file: Path,
        accelerator: Accelerator,
        progress: Progress,
        total: int,
        page: Callable[[], RunPage],
    ) -> None:
        self._recipe = recipe
        self._make_page = page
        self._page: RunPage | None = None
        self._file = file
        self._accelerator = accelerator
        self._progress = progress
        self._total = total
        self._round_loss: list[float] = []
        self._items = 0
        self._validation: Mapping[str, float] = {}
        self._has_warned = False
        self._closing = ExitStack()

    def start(self, position: Position, facts: Mapping[str, Any]) -> None:
        """Log the start of a run at `position`; lines that an earlier attempt logged after it are removed."""
        if self._accelerator.is_main_process:
            self._lines = JsonLines(self._file, keep_to_step=position.step)
            self._page = self._make_page()  # it shows the lines that are kept
        if self._recipe.trackers:
            self._start_trackers(self._file.parent)
        if position.step:
            self._progress.log(f"resuming after step {position.step} of {self._total}")
        self._write("start", position, facts)
        self._show(position, at_once=True)
        self._began = self._round_began = self._before = time.monotonic()
        self._first_step = position.step

    def step(
        self,
        position: Position,
        means: Mapping[str, float],
        rates: Mapping[str, float],
        norm: float,
        items: int,
    ) -> None:
        """Log an optimizer step on `items` items."""
        now = time.monotonic()
        speed = items / max(1e-9, now - self._before)
        self._before = now
        self._items += items
        self._round_loss.append(means["loss"])
        facts = {**means, "rates": dict(rates), "gradient_norm": norm, "items_per_second": round(speed, 2)}
        self._write("step", position, facts)
        tracked = {f"train/{name}": value for name, value in means.items()}
        tracked |= {f"rate/{name}": value for name, value in rates.items()}
        self._accelerator.log(tracked, step=position.step)

    def validation(self, position: Position, values: Mapping[str, float], alarms: Sequence[str] = ()) -> None:
        """Log the metrics of a validation, and what puts them in doubt: once in a readable line too."""
        self._before = time.monotonic()
        self._validation = values
        facts: dict[str, Any] = {
            **values,
            "best": position.best,
            "is_best": position.best_step == position.step,
        }
        if alarms:
            facts["warnings"] = list(alarms)
            if not self._has_warned:
                self._progress.log(f"warning: validation at step {position.step}: {'; '.join(alarms)}")
            self._has_warned = True
        self._write("validation", position, facts)
        self._show(position)
        self._accelerator.log({f"validation/{k}": v for k, v in values.items()}, step=position.step)

    def round(self, position: Position) -> None:
        """Log the end of an epoch, of a number of steps, or of training, in a readable line."""
        now = time.monotonic()
        loss = sum(self._round_loss) / max(1, len(self._round_loss))
        speed = self._items / max(1e-9, now - self._round_began)
        steps = max(1, position.step - self._first_step)
        left = (now - self._began) / steps * (self._total - position.step)
        line = f"step {position.step} of {self._total}: loss {loss:.3f}{self._measured(position)}"
        self._progress.log(f"{line}, {speed:.0f} items/s, {_duration(left)} left")
        self._show(position)
        self._round_loss, self._items, self._round_began = [], 0, now

    def end(self, position: Position) -> None:
        """Log the end of training; the page first, as a run whose log has ended is not gone on with."""
        self._show(position, is_finished=True)
        self._write("end", position, {"best": position.best, "best_step": position.best_step})

    def close(self) -> None:
        """Close the trackers, also after an error."""
        for tracker in self._accelerator.trackers:
            tracker.finish()
        self._closing.close()

    def _start_trackers(self, run: Path) -> None:
        if "mlflow" in self._recipe.trackers and "MLFLOW_TRACKING_URI" not in os.environ:
            import mlflow

            # Without a tracking server the run keeps its own files; MLflow requires an explicit setting.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            self._closing.callback(_forget_tracking_folder)
            mlflow.set_tracking_uri((run / "trackers" / "mlruns").resolve().as_uri())
        options = {"wandb": {"dir": str(run)}}
        config = flat(self._recipe.as_dict())
        self._accelerator.init_trackers("plainfilm", config=config, init_kwargs=options)

    def _measured(self, position: Position) -> str:
        if not self._validation or position.best is None:
            return ""
        metric = self._recipe.validation.metric
        value = f", validation {metric} {self._validation[metric]:.3f}"
        return f"{value} (best {position.best:.3f} at step {position.best_step})"

    def _write(self, event: str, position: Position, facts: Mapping[str, Any]) -> None:
        if self._accelerator.is_main_process:
            # At the end of an epoch the position is already that of the next one's first batch.
            epoch = position.epoch + (position.batch > 0)
            values = {"step": position.step, "epoch": epoch, **facts}
            self._lines.write(event, values)
            if self._page is not None:
                self._page.add({"event": event, **values})

    def _show(self, position: Position, **when: bool) -> None:
        if self._page is not None:
            self._page.write(position, **when)


def _forget_tracking_folder() -> None:
    """Reset MLflow, which otherwise keeps the folder of one run for the whole process."""
    import mlflow

    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def _duration(seconds: float) -> str:
    """A readable duration.

    >>> _duration(42), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
