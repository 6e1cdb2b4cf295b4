"""Every route, setting and metric stands in docs/workbench.md, and nothing there that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from fastapi.testclient import TestClient

from plainfilm.bank import Bank
from plainfilm.cli.main import build_app
from plainfilm.predictor import Predictor
from plainfilm.serve import ServerSettings, app
from plainfilm.serve.problems import STATUSES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "workbench.md").read_text("utf-8")


def test_every_route_is_documented(predictor: Predictor, bank: Bank, tmp_path: Path) -> None:
    settings = ServerSettings(dicomweb="http://127.0.0.1:9/dicom-web", work=tmp_path)
    paths = app(predictor, bank, settings).openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    listed = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", PAGE))
    others = {"POST /api/studies"}  # this model does not fuse films
    assert listed - others - {"GET /openapi.json"} == served


def test_every_option_is_documented() -> None:
    command = typer.main.get_command(build_app()).commands["serve"]  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    assert options == set(re.findall(r"^\| `(--[\w-]+)", PAGE, re.MULTILINE))


def test_every_code_of_errors_is_documented() -> None:
    for code, status in STATUSES.items():
        assert f"| `{code}` | {status} |" in PAGE


def test_every_metric_is_documented(client: TestClient) -> None:
    names = set(re.findall(r"^# TYPE (\w+) ", client.get("/metrics").text, re.MULTILINE))
    assert {name for name in names if not name.endswith("_created")} == set(
        re.findall(r"`(plainfilm_\w+)`", PAGE)
    )
