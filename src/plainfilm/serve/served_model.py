"""One of the models of a server, with what it is asked with and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plainfilm.predictor import EncodedFilm, Predictor
from plainfilm.predictor.answers import about_film, default_pack, gives_findings
from plainfilm.predictor.documents import Answers, Questions, ShownFilm, document
from plainfilm.predictor.zero_shot import PromptsOf
from plainfilm.types import View


@dataclass
class ServedModel:
    """A model by a name that no other model of the server has.

    prompts: what findings are asked with, if not with its operating points. offers: the groups of routes that
    answer with it.
    """

    name: str
    predictor: Predictor
    prompts: PromptsOf | None
    offers: list[str] = field(default_factory=list)

    @property
    def abilities(self) -> frozenset[str]:
        """What the model can do, by the names in `models.base.ABILITIES`."""
        return self.predictor.abilities

    @property
    def writes_reports(self) -> bool:
        """Whether the model writes reports of films."""
        return bool({"writes_reports", "writes_grounded_reports"} & self.abilities)

    @property
    def has_findings(self) -> bool:
        """Whether the model has an answer for observations."""
        return gives_findings(self.predictor)

    def answers(
        self, film: EncodedFilm, name: str, questions: Questions, *, findings: bool = False
    ) -> dict[str, Any]:
        """The document of `plainfilm predict` about a film that is called `name`."""
        return document(about_film(self.predictor, film, name, questions, self.prompts, findings=findings))

    def study_answers(
        self, films: Sequence[EncodedFilm], shown: Sequence[ShownFilm], *, report: bool
    ) -> dict[str, Any]:
        """The document of `plainfilm predict --study` about films, which `shown` names with their views."""
        views: list[View] = [one.view for one in shown]
        findings = self.predictor.findings_of_studies([films], [views], self.prompts)
        return document(
            Answers(
                shown[0].file,
                findings=next(findings) if self.has_findings else (),
                report=self.predictor.write_report(films, views) if report else None,
                films=list(shown),
            )
        )


def served(predictors: Sequence[Predictor], pack: str | None) -> tuple[ServedModel, ...]:
    """Models in their order; `pack` is that of `--prompts`.

    Raises:
        ConfigError: there is no such pack.
    """
    models = []
    for name, predictor in zip(distinct_names(predictors), predictors, strict=True):
        prompts = default_pack(predictor, pack)
        models.append(ServedModel(name, predictor, None if prompts is None else prompts.all_zero_shot()))
    return tuple(models)


def distinct_names(predictors: Sequence[Predictor]) -> list[str]:
    """The names of models; those of one name get that of the folder above, then a number."""
    names = [predictor.name for predictor in predictors]
    for place, predictor in enumerate(predictors):
        if Counter(one.name for one in predictors)[predictor.name] > 1 and predictor.folder is not None:
            names[place] = f"{predictor.folder.resolve().parent.name}/{predictor.name}"
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[place] = f"{name} ({seen[name]})"
    return names
