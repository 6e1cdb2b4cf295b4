"""Duplicate images and reports are those of comparing all with all."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainfilm.collection import Collection, near_duplicates, repeats, row_index, same_films, study_facts
from plainfilm.collection.near_duplicates import RADIUS, Pairs
from tests.collection.in_memory import Row, collection_of, studies


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables in many parts, and hashes that are believed without looking at pixels."""
    for module in (near_duplicates, repeats, row_index, study_facts):
        monkeypatch.setattr(module, "_AT_ONCE", 7)
    monkeypatch.setattr(same_films, "_COMPARED", 0)


def images(of: list[Row], centres: np.ndarray, random: np.random.Generator) -> list[Row]:
    """Two images a study, some of unknown studies, with few different files, and hashes near few centres."""
    rows = []
    for number, study in enumerate([*of, *of]):
        bits = centres[random.integers(len(centres))] ^ (random.random(256) < 0.03)
        row = {
            "image_id": f"{study['study_id']}-{number}",
            "study_id": study["study_id"] if random.random() < 0.9 else "unknown",
            "sha256": f"digest {random.integers(60)}" if random.random() < 0.9 else None,
            "perceptual_hash": np.packbits(bits).tobytes().hex() if random.random() < 0.8 else None,
        }
        rows.append(row)
    return rows


@pytest.fixture(params=range(3))
def collections(request: pytest.FixtureRequest) -> list[Collection]:
    random = np.random.default_rng(request.param)
    centres = random.integers(0, 2, (30, 256)).astype(bool)
    made = []
    for name, corpus in (("z", "one"), ("a", "one"), ("m", "other")):
        own = studies(name, 20, random)
        texts = [
            {
                "study_id": row["study_id"],
                "section": "findings",
                "text": str(random.choice(["A b.", "a  B.", "C."])),
            }
            for row in [*own[::-1], {"study_id": "unknown"}]
        ]
        films = images(own, centres, random)
        made.append(collection_of(name, corpus, studies=own, images=films, sections=texts))
    return made


def joined(collections: list[Collection], table: str) -> list[Row]:
    """The rows of a table with what is known of their studies, where these are known."""
    found = []
    for collection in collections:
        of = {row["study_id"]: row for row in collection.table("studies").to_pylist()}
        known = [row for row in collection.table(table).to_pylist() if row["study_id"] in of]
        facts = {"collection": collection.name, "corpus": collection.corpus}
        found += [row | of[row["study_id"]] | facts for row in known]
    return found


def described(groups: list[list[Row]], name: str) -> list[tuple[Any, ...]]:
    return [
        (
            *(len(own), len({(row["corpus"], row["patient_id"]) for row in own})),
            *(sorted({row[key] for row in own}) for key in ("split", "collection")),
            [row[name] for row in own][:5],
        )
        for own in sorted((own for own in groups if len(own) > 1), key=lambda own: -len(own))
    ]


def told(entries: list[dict[str, Any]], kind: str) -> list[tuple[Any, ...]]:
    names = ("n", "patients", "splits", "collections", "ids")
    return [tuple(entry[name] for name in names) for entry in entries if entry["kind"] == kind]


def by(rows: list[Row], key: Any) -> list[list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.values())


def test_files_with_the_same_bytes(collections: list[Collection]) -> None:
    rows = [row for row in joined(collections, "images") if row["sha256"]]
    expected = described(by(rows, lambda row: row["sha256"]), "image_id")
    found = repeats.repeats(collections).images
    assert told(found, "image") == expected != []
    of = {row["image_id"]: row["collection"] for row in joined(collections, "images")}
    assert all(entry["images"] == [[of[name], name] for name in entry["ids"]] for entry in found)


def test_films_of_like_hashes(collections: list[Collection]) -> None:
    """Of images with the same digest, or without one, the first stands for all."""
    films = [row for row in joined(collections, "images") if row["perceptual_hash"]]
    films = [own[0] for own in by(films, lambda row: row["sha256"])]
    bits = np.array(
        [np.unpackbits(np.frombuffer(bytes.fromhex(row["perceptual_hash"]), np.uint8)) for row in films]
    )
    group = list(range(len(films)))
    for one, other in np.argwhere((bits[:, None] != bits[None]).sum(axis=2) <= RADIUS).tolist():
        low, high = sorted((group[one], group[other]))
        group = [low if number == high else number for number in group]
    expected = described(
        [[films[n] for n in range(len(films)) if group[n] == g] for g in sorted({*group})], "image_id"
    )
    assert told(repeats.repeats(collections).images, "near-duplicate image") == expected != []


def test_reports_with_the_same_words(collections: list[Collection]) -> None:
    rows = joined(collections, "sections")
    expected = described(by(rows, lambda row: " ".join(row["text"].casefold().split())), "study_id")
    found = repeats.repeats(collections).reports
    assert told(found, "report") == expected
    text_of = {row["study_id"]: row["text"] for row in rows}
    assert [entry["words"] for entry in found] == [len(text_of[entry["ids"][0]].split()) for entry in found]


def test_pixels_decide_by_the_files_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def none(pairs: Pairs, files: Any) -> Pairs:
        asked.extend(files(np.unique(pairs[:, :2]).astype(np.int64)))
        return pairs[:0]

    monkeypatch.setattr(repeats, "same_films", none)
    study = {"study_id": "s", "patient_id": "p", "split": "train"}
    films = [
        {"study_id": study_id, "path": f"{name}.jpg", "sha256": name, "perceptual_hash": byte * 32}
        for study_id, name, byte in (
            ("gone", "x", "0f"),
            ("s", "a", "0f"),
            ("s", "b", "ff"),
            ("s", "c", "0f"),
        )
    ]
    made = [
        collection_of(name, studies=[study], images=films[place:]) for place, name in enumerate(("k", "l"))
    ]
    assert repeats.repeats(made).images[0]["kind"] == "image"
    assert asked == [Path("k/a.jpg"), Path("k/c.jpg")]


def test_tables_alone_have_no_duplicate_images() -> None:
    study = {"study_id": "s", "patient_id": "p", "split": "train"}
    assert repeats.repeats([collection_of(studies=[study], images=[{"study_id": "s"}] * 3)]) == ([], [])
    assert repeats.repeats([collection_of()]) == ([], [])
