"""The files around the project are what their readers expect."""

from __future__ import annotations

from pathlib import Path

import yaml

import plainfilm

ROOT = Path(__file__).resolve().parents[1]


def test_the_citation_names_this_version_and_every_published_system() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert found["version"] == plainfilm.__version__
    assert found["cff-version"] == "1.2.0"
    recipes = " ".join(one["notes"] for one in found["references"])
    assert all(name in recipes for name in ("txtrayalign", "cxr-clip", "refers", "chex"))
    assert all(one["authors"] and one["title"] for one in found["references"])


def test_the_public_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs == [".ci/run", "make site"]
    assert workflow["permissions"] == {"contents": "read"}


def test_issue_forms_ask_that_no_patient_is_named() -> None:
    forms = [
        yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
    ]
    asked = [part for form in forms for part in form.get("body", []) if part["type"] == "checkboxes"]
    assert any(option["required"] for part in asked for option in part["attributes"]["options"])


def test_the_container_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "examples" / "serve" / "Dockerfile").read_text("utf-8").splitlines()
    user = next(line.split()[1] for line in lines if line.startswith("USER "))
    assert user not in ("root", "0")
    assert lines.index(f"USER {user}") < next(
        n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT")
    )
