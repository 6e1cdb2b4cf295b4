"""Every manifest names what exists, and no published value stands without its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plainfilm import plugins
from plainfilm.checkpoints.base import family
from plainfilm.config import build
from plainfilm.download.corpus_index import corpus_names
from plainfilm.errors import ConfigError, UsageError
from plainfilm.prompts import load_pack
from plainfilm.reproduce import manifest
from plainfilm.reproduce.manifest import Paper, paper, papers
from plainfilm.tasks.base import task
from plainfilm.training.recipe import shipped_recipes
from tests.reproduce.papers import made, values

ALL = ("biovil", "cgmh", "chex", "chexzero", "cxr-clip", "gloria", "medclip", "refers", "txtrayalign")


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reproducing.md"


def test_the_papers_are_the_files() -> None:
    assert tuple(papers()) == ALL


@pytest.mark.parametrize("name", ALL)
def test_a_published_value_has_table_and_source_or_a_reason(name: str) -> None:
    entry = paper(name)
    assert entry.values
    for value in entry.values:
        if value.value is None:
            assert value.reason
            assert value.source is None
        else:
            assert value.table
            assert entry.sources[str(value.source)].link.startswith("https://")


@pytest.mark.parametrize("name", ALL)
def test_the_page_counts_the_values_that_were_read(name: str) -> None:
    values = paper(name).values
    (row,) = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    assert f"| {sum(one.value is not None for one in values)} of {len(values)} |" in row


@pytest.mark.parametrize("name", ALL)
def test_corpora_are_known_with_their_options(name: str) -> None:
    for corpus in paper(name).corpora.values():
        source: Any = plugins.resolve("source", corpus.source)
        build(source.Config, corpus.options, corpus.source)
        assert corpus.source in plugins.names("phantom layout")
        assert corpus.source in corpus_names()


@pytest.mark.parametrize("name", ALL)
def test_models_are_imported_or_trained_by_what_exists(name: str) -> None:
    entry = paper(name)
    for model in entry.weights.values():
        config = family(str(model.family)).Config
        build(config, model.options, str(model.family))
        assert set(model.companions) <= set(config.model_fields)
    trained = [model.recipe for model in entry.models.values() if model.recipe]
    tuned = [one.finetune.recipe for one in entry.evaluations.values() if one.finetune]
    assert {*trained, *tuned, *filter(None, [entry.phantom.recipe])} <= set(shipped_recipes())


@pytest.mark.parametrize("name", ALL)
def test_evaluations_are_of_known_tasks_options_and_prompts(name: str) -> None:
    for evaluation in paper(name).evaluations.values():
        module = task(evaluation.task)
        config: Any = build(module.Config, evaluation.options, evaluation.task)
        if hasattr(config, "prompts"):
            assert load_pack(config.prompts).observations


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": None}, "needs the table and the source"),
        ({"source": None}, "needs the table and the source"),
        ({"value": None, "source": None, "table": None}, "without a value, say the reason"),
        ({"metric": None}, "say in not_comparable why"),
        ({"source": "pag"}, "did you mean 'page'"),
        ({"models": ["frist"]}, "did you mean 'first'"),
        ({"fraction": 0.1}, "belongs to a fine-tuning"),
    ],
)
def test_a_manifest_that_is_silent_about_a_value_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Paper, values(**changes), "paper.yaml")


def test_a_source_that_cannot_be_found_is_refused() -> None:
    changed = values()
    changed["sources"]["page"] = {"title": "from memory"}
    with pytest.raises(ConfigError, match="give an address, or repository, path and commit"):
        build(Paper, changed, "paper.yaml")


def test_a_name_that_is_no_paper_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'chexzero'"):
        paper("chexzer")


def test_a_paper_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    (tmp_path / "a_paper.yaml").write_text(yaml.safe_dump(values()))
    assert papers() == ["a-paper"]
    assert paper("a-paper") == made()
