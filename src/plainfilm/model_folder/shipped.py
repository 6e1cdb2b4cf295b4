"""The models that come with Plainfilm, by name."""

from __future__ import annotations

from pathlib import Path

from plainfilm.errors import UsageError

SHIPPED = Path(__file__).parent.parent / "shipped" / "models"


def shipped_models() -> list[str]:
    """Names of the models that come with Plainfilm."""
    return sorted(folder.parent.name for folder in SHIPPED.glob("*/config.json"))


def find_model(name_or_path: str | Path) -> Path:
    """The folder of the shipped model with this name, unless there is a folder with this path."""
    path = Path(name_or_path)
    return SHIPPED / path if not path.exists() and str(path) in shipped_models() else path


def check_changeable(folder: Path) -> None:
    """Refuse to write into a model that comes with Plainfilm.

    Raises:
        UsageError: it is one.
    """
    if folder.resolve().parent == SHIPPED.resolve():
        raise UsageError(
            f"model '{folder.name}' comes with Plainfilm and is not changed; copy {folder} and use the copy"
        )
