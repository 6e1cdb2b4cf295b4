"""report_f1: micro F1 of the findings that the labeller reads in written reports and in the radiologists'.

The loss of every token counts the wording of normal sentences as much as a finding, and falls while a
decoder learns to ignore the film; this metric chooses the model that writes the right findings. Reports are
decoded greedily, by default; `validation.items` limits their number. It is the score "micro F1, all
observations" of task `report_generation`, except that a reference ends where the decoder must end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from torch import Tensor

from plainfilm.config import Settings
from plainfilm.errors import ConfigError
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.texts import read_texts
from plainfilm.metrics.findings import state_matrix
from plainfilm.metrics.label_f1 import Uncertain, outcomes
from plainfilm.models.base import Facts, WritesReports, ability
from plainfilm.nn.decoding import Decoding
from plainfilm.objectives.base import Encoded
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.types import Better

NEEDS = ("report",)
METRIC = "report_f1"


class Config(Settings):
    """decoding: how reports are written, by default greedily and as long as the decoder can. vocabulary: of
    the labeller. uncertain: what uncertain states count as."""

    use: str = "report_f1"
    decoding: Decoding = Decoding(max_tokens=1024)
    vocabulary: str = "chexpert"
    uncertain: Uncertain = "positive"


def metrics(config: Config) -> dict[str, Better]:
    """`report_f1`."""
    return {METRIC: "higher"}


def provides(metric: str, objectives: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings for `report_f1`."""
    return {} if metric == METRIC else None


class ReportF1:
    """Writes a report for every item and compares it with the item's own."""

    def __init__(self, config: Config, tokenizer: Tokenizer) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._labeller = Labeller.load(config.vocabulary)

    def records(self, encoded: Encoded) -> list[Any]:
        """The report of each item and what was written, as texts."""
        model = ability(encoded.model, WritesReports, f"evaluator '{METRIC}'", "use a model with a decoder")
        target, films = encoded.batch.targets["report"], encoded.batch.films
        written = model.write_reports(encoded.films(), films.of, films.projections, self._config.decoding)
        facts: Facts = cast(Any, encoded.model).facts
        end = facts.tokenizers["report"].end
        pairs = zip(self._texts(target.token_ids, end), self._texts(written, end), strict=True)
        return [pair if has else None for pair, has in zip(pairs, target.present.tolist(), strict=True)]

    def scores(self, records: Sequence[Any]) -> dict[str, float]:
        """`report_f1`, if any text states a finding."""
        references, candidates = ([pair[side] for pair in records] for side in (0, 1))
        counts = outcomes(self._states(references), self._states(candidates), self._config.uncertain)
        hits, extra, missed = counts.sum(axis=(0, 1), dtype=np.float64)
        total = 2 * hits + extra + missed
        return {METRIC: float(2 * hits / total)} if total else {}

    def _states(self, texts: Sequence[str]) -> Any:
        found = [one.states for one in read_texts(texts, self._labeller)]
        return state_matrix(found, self._labeller.observations)

    def _texts(self, token_ids: Tensor, end: int | None) -> list[str]:
        """The texts of token ids (N, L), each up to its `end` token."""
        texts = []
        for row in token_ids.tolist():
            kept = row[: row.index(end)] if end in row else row
            texts.append(self._tokenizer.decode(kept).strip())
        return texts


def build(config: Config, context: EvaluatorContext) -> ReportF1:
    """The evaluator.

    Raises:
        ConfigError: the model has no tokenizer of reports.
    """
    if "report" not in context.tokenizers:
        raise ConfigError(f"evaluator '{METRIC}': the model writes no reports: use one with model.report set")
    return ReportF1(config, context.tokenizers["report"])
