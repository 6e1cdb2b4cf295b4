from __future__ import annotations

from pathlib import Path

from plainfilm.collection import prepare
from plainfilm.collection.info import info


def test_numbers(tmp_path: Path, write_table) -> None:
    raw = write_table(4)
    (raw.parent / "film3.png").write_bytes(b"")
    found = info(prepare("table", raw, tmp_path / "films", size=32, workers=1))
    assert [
        found[name] for name in ("images", "studies", "patients", "reports", "sentences", "rejected")
    ] == [
        3,
        4,
        2,
        4,
        8,
        1,
    ]
    assert sum(found["splits"].values()) == 3
    assert found["views"] == {"unknown": 3}
    assert found["licences"] == {"not stated": 3}
    assert found["labels"]["Edema"] == {"positive": 4, "negative": 0, "uncertain": 0}
    assert found["origins"] == {"films.csv": 8}


def test_a_label_of_two_origins_counts_once(tmp_path: Path, write_table) -> None:
    raw = write_table(2)
    raw.write_text(raw.read_text().replace("labels", "l").replace("Edema|Mass", "Edema;Edema"))
    options = {"columns": {"image": "path", "labels": "l"}}
    found = info(prepare("table", raw, tmp_path / "films", size=32, workers=1, options=options))
    assert found["labels"] == {"Edema": {"positive": 2, "negative": 0, "uncertain": 0}}
