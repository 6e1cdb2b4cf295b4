"""`results/` draws what results say of themselves: it knows no task."""

from __future__ import annotations

from pathlib import Path

import pytest

import plainfilm
from plainfilm import plugins

ROOT = Path(plainfilm.__file__).parent
SOURCES = sorted(path for path in (ROOT / "results").iterdir() if path.suffix in (".py", ".html"))
METRICS = ("auroc", "recall@", "finding_f1", "miou", "fraction_", "brier", "_macro", "image->")
"""Parts of the names of metrics and groups that tasks give."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_names_a_task_or_a_metric(path):
    text = path.read_text("utf-8")
    assert [name for name in (*plugins.names("task"), *METRICS) if name in text] == []
