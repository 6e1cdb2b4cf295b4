from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from plainfilm.collection import Collection, augment
from plainfilm.collection.augment import BackTranslation, augment_collection
from plainfilm.collection.label import label_collection
from plainfilm.errors import CollectionError, DataError
from plainfilm.text import translation
from tests.marian import make_marian

OTHER_WORDS = {
    "Large left pleural effusion.": "There is a large left pleural effusion.",
    "The heart is enlarged.": "The heart is not enlarged.",
    "There is a right pneumothorax.": "There is a pneumothorax on the right.",
    "No pleural effusion or pneumothorax.": "No pneumothorax or pleural effusion.",
    "No acute cardiopulmonary process.": "No acute cardiopulmonary process.",
}
"""What the models of these tests have learned; the second is wrong and the last is the same."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two real models: there repeats what it knows, back says it in other words."""
    root = tmp_path_factory.mktemp("models")
    texts = [*OTHER_WORDS, *OTHER_WORDS.values()]
    there = make_marian(root / "en-xx", texts, learn={text: text for text in OTHER_WORDS})
    return str(there), str(make_marian(root / "xx-en", texts, learn=OTHER_WORDS))


@pytest.fixture
def job(models: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> BackTranslation:
    monkeypatch.setattr(translation, "LONGEST", 40)
    return BackTranslation(*models, temperatures=(0.5, 0.5), batch_size=2)


@pytest.fixture
def collection(small_world: Collection, tmp_path: Path) -> Collection:
    shutil.copytree(small_world.path, tmp_path / "collection")
    return Collection.open(tmp_path / "collection")


def variants(collection: Collection) -> set[tuple[str, str]]:
    """Texts and what is said in their place."""
    own = collection.frame("sentences").set_index("sentence_id")["text"]
    found = collection.frame("text_variants")
    return set(zip(own[found["sentence_id"]], found["text"], strict=True))


def test_what_still_says_the_same_becomes_rows(collection: Collection, job: BackTranslation) -> None:
    done = augment_collection(collection, job, workers=1)
    wrong = ("The heart is enlarged.", "No acute cardiopulmonary process.")
    expected = {pair for pair in OTHER_WORDS.items() if pair[0] not in wrong}
    assert {pair for pair in variants(collection) if pair[0] in OTHER_WORDS} == expected
    assert done.reasons["the same words"] == 1
    assert done.reasons["Cardiomegaly: positive became negative"] == 1
    assert done.kept + sum(done.reasons.values()) == done.texts


def test_every_occurrence_in_training_studies_has_a_row(collection: Collection, job: BackTranslation) -> None:
    done = augment_collection(collection, job, workers=1)
    rows = collection.frame("text_variants")
    studies = collection.frame("studies").set_index("study_id")["split"]
    assert set(studies[rows["study_id"]]) == {"train"}
    assert len(rows) == done.sentences == rows["sentence_id"].nunique()
    sentences = collection.frame("sentences")
    large = sentences[sentences["text"] == "Large left pleural effusion."]
    assert (
        len(rows[rows["sentence_id"].isin(large["sentence_id"])])
        == (studies[large["study_id"]] == "train").sum()
    )


def test_random_weights_say_nothing_that_is_kept(
    collection: Collection, job: BackTranslation, tmp_path: Path
) -> None:
    models = [str(make_marian(tmp_path / name, list(OTHER_WORDS))) for name in ("there", "back")]
    done = augment_collection(collection, BackTranslation(*models), workers=1, rejected=tmp_path / "r.jsonl")
    assert (done.kept, done.sentences) == (0, 0)
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert lines
    assert {line["reason"] for line in lines} <= done.reasons.keys()
    assert len(collection.table("text_variants")) == 0


def test_the_fingerprint_follows_the_table_and_labels_keep_it(
    collection: Collection, job: BackTranslation
) -> None:
    before = collection.fingerprint
    augment_collection(collection, job, workers=1)
    with_table = collection.fingerprint
    assert with_table != before
    label_collection(collection, workers=1)
    opened = Collection.open(collection.path)
    assert opened.fingerprint == with_table
    assert len(opened.table("text_variants"))


def test_another_seed_is_added_and_the_same_job_done_once(
    collection: Collection, job: BackTranslation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = augment_collection(collection, job, workers=1)
    table = (collection.path / "text_variants.parquet").read_bytes()
    monkeypatch.setattr(augment, "in_workers", None)
    # As if killed once `collection.json` was written.
    digest = sha256(table).hexdigest()[:16]
    (collection.path / "text_variants.parquet").rename(
        collection.path / f".text_variants.parquet.{digest}.new"
    )
    (collection.path / augment.JOURNAL).touch()
    assert augment_collection(collection, job, workers=1) == first
    assert not [path.name for path in collection.path.glob(".text_variants*")]
    with pytest.raises(DataError, match="leave --rejected out"):
        augment_collection(collection, job, workers=1, rejected=tmp_path / "r.jsonl")
    assert (collection.path / "text_variants.parquet").read_bytes() == table
    monkeypatch.undo()
    monkeypatch.setattr(translation, "LONGEST", 40)
    augment_collection(collection, BackTranslation(job.there, job.back, seed=1), workers=1)
    origins = collection.frame("text_variants")["origin"]
    assert origins.nunique() == 2
    assert all("en-xx@" in origin and "xx-en@" in origin for origin in origins)


@pytest.mark.parametrize("torn", [b"", b'[["half a li'])
def test_killed_and_repeated_gives_the_same_bytes(
    collection: Collection,
    job: BackTranslation,
    torn: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(augment, "BATCHES_PER_CHUNK", 1)
    whole = Collection.open(shutil.copytree(collection.path, tmp_path / "whole"))
    expected = augment_collection(whole, job, workers=1)
    translated, asked = augment.translated, []

    def dying(job: BackTranslation, texts: list[str]) -> list[str | None]:
        asked.append(tuple(texts))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return translated(job, texts)

    monkeypatch.setattr(augment, "translated", dying)
    with pytest.raises(KeyboardInterrupt):
        augment_collection(collection, job, workers=1)
    assert not collection.has_table("text_variants")
    with (collection.path / augment.JOURNAL).open("ab") as journal:
        journal.write(torn)
    assert augment_collection(collection, job, workers=1) == expected
    assert len(asked) == len(set(asked)) + 1
    for name in ("text_variants.parquet", "collection.json"):
        assert (collection.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert not (collection.path / augment.JOURNAL).exists()


def test_a_journal_of_another_job_is_begun_anew(collection: Collection, job: BackTranslation) -> None:
    (collection.path / augment.JOURNAL).write_text('{"origin": "another"}\n[["x", "kept"]]\n')
    augment_collection(collection, job, workers=1)
    assert "x" not in collection.frame("text_variants")["text"].to_list()


@pytest.mark.slow
def test_processes_change_no_byte(
    collection: Collection, models: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = BackTranslation(*models, temperatures=(0.5, 0.5), batch_size=1)
    whole = Collection.open(shutil.copytree(collection.path, tmp_path / "whole"))
    augment_collection(whole, job, workers=1)
    augment_collection(collection, job, workers=2)
    assert collection.fingerprint == whole.fingerprint


def test_a_collection_without_the_table_says_so(small_world: Collection) -> None:
    with pytest.raises(CollectionError, match="make it with `plainfilm augment`"):
        small_world.table("text_variants")
