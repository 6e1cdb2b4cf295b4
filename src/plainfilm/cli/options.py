"""Options that several commands have, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor
    from plainfilm.prompts import PromptPack

TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run Python files that the model names.", show_default=False)
]
"""Of commands that load a model."""

TrustCodeOfRun = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run Python files that a model to start from, or the folder of a run, names.",
        show_default=False,
    ),
]
"""Of commands that train; what the given recipe names is run, unless it lies in the run's folder."""

DEFAULT_PACK = "cxr"
"""The prompt pack for models without operating points, unless another is named."""


def pack_for(predictor: Predictor, prompts: str | None) -> PromptPack | None:
    """The prompt pack that is named, or the default one for a model that needs prompts and has none.

    Raises:
        ConfigError: no such pack.
    """
    from plainfilm.prompts import load_pack

    reads_prompts = "encodes_texts" in predictor.abilities and not predictor.observations
    if prompts or (predictor.operating_points is None and reads_prompts):
        return load_pack(prompts or DEFAULT_PACK)
    return None
