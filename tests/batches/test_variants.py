"""Texts in other words that come from the table of a collection."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import ItemNeeds
from plainfilm.batches.texts import Variants
from plainfilm.collection import Collection, augment
from plainfilm.collection.augment import BackTranslation, augment_collection
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError
from tests.batches.reading import NoTokenizer, texts_of
from tests.batches.test_texts import dataset, drawn, sentences

SAID = {
    "No effusion.": ["There is no effusion.", "Effusion is not seen."],
    "Heart size is normal.": ["The heart is of normal size."],
    "Small left effusion.": ["A small effusion on the left."],
}


@pytest.fixture
def augmented(studies: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """The studies with a table of two jobs' translations, which this test has made up."""
    collection = Collection.open(shutil.copytree(studies.path, tmp_path / "augmented"))
    monkeypatch.setattr(augment, "origin_of", lambda job: f"test {job.seed}")
    for seed in (0, 1):

        def translated(job: BackTranslation, texts: list[str]) -> list[str]:
            return [(SAID.get(text, [text]) * 2)[job.seed] for text in texts]

        monkeypatch.setattr(augment, "translated", translated)
        augment_collection(collection, BackTranslation("there", "back", seed=seed), workers=1)
    return collection


def test_variants_are_drawn_as_often_as_the_recipe_says(augmented: Collection) -> None:
    data = dataset([augmented], 0, text="findings", paraphrase=0.5, paraphrase_by=["table"])
    texts = [texts_of(data, 0, epoch)[0] for epoch in range(400)]
    original = "The lungs are clear. Heart size is normal. No effusion."
    assert texts.count(original) / len(texts) == pytest.approx(0.5, abs=0.08)
    assert {last for text in texts for last in sentences(text)} == {
        *sentences(original),
        *SAID["No effusion."],
        *SAID["Heart size is normal."],
    }


def test_a_section_that_serves_twice_is_said_in_other_words(augmented: Collection) -> None:
    settings = {"text_pairs": "sections", "paraphrase": 1e-9, "paraphrase_by": ["table"]}
    data = dataset([augmented], 0, text="findings", **settings)
    first, second = texts_of(data, 0, 0)
    assert first == "The lungs are clear. Heart size is normal. No effusion."
    assert second.startswith("The lungs are clear. The heart is of normal size.")


def test_what_the_table_lacks_is_left_or_said_by_rules(augmented: Collection) -> None:
    settings = {"text": "impression", "paraphrase": 1.0}
    assert drawn(dataset([augmented], 0, **settings, paraphrase_by=["table"]), "s2") == {"Clear lungs."}
    both = {"text": "findings", "paraphrase": 1.0, "paraphrase_by": ["table", "rules"]}
    texts = drawn(dataset([augmented], 0, **both), "s0", 60)
    assert any("The heart is of normal size." in text for text in texts)
    assert not any("Heart size is normal." in text for text in texts)


def test_a_collection_without_a_table_trains_beside_one_that_has_one(
    augmented: Collection, studies: Collection
) -> None:
    settings = {"text": "findings", "paraphrase": 1.0, "paraphrase_by": ["table"]}
    data = dataset([studies, augmented], 0, **settings)
    assert texts_of(data, 0, 0)[0] == "The lungs are clear. Heart size is normal. No effusion."
    with pytest.raises(DataError, match="make them with `plainfilm augment`"):
        dataset([studies], 0, **settings).readers(ItemNeeds(targets=("text",)), {"text": NoTokenizer()})


def test_a_tokenizer_learns_the_other_words_too(augmented: Collection) -> None:
    data = dataset([augmented], 0, text="findings", paraphrase=0.5, paraphrase_by=["table"])
    assert set(SAID["No effusion."]) <= set(data.texts())


def test_each_sentence_finds_its_own_variants(augmented: Collection) -> None:
    texts = augmented.table("sentences")["text"].to_pylist()
    variants = Variants(augmented)
    expected = [SAID.get(text, []) for text in texts]
    assert [list(dict.fromkeys(variants.of(row))) for row in range(len(texts))] == expected


@pytest.mark.parametrize("settings", [{"paraphrase_by": ["table"]}, {"paraphrase": 0.5, "paraphrase_by": []}])
def test_other_words_need_a_way_and_a_share(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="paraphrase"):
        build(DataConfig, settings, "data")
