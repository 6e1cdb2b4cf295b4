"""Which boxes of a collection count."""

from __future__ import annotations

from pathlib import Path

from plainfilm.collection import prepare
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.phantom import write


def test_of_several_readers_boxes_only_the_fused_ones_count(tmp_path: Path) -> None:
    write("vindr_cxr", tmp_path / "raw", studies=60, size=48, workers=1)
    collection = prepare("vindr_cxr", tmp_path / "raw", tmp_path / "made", size=32, workers=1)
    every, agreed = collection.frame("boxes"), agreed_boxes(collection)
    assert len(set(every["annotator"])) > 3
    assert {"fusion"} <= set(agreed["annotator"]) <= {"fusion", "consensus"}
    kept = every["annotator"].isin(["fusion", "consensus"])
    assert agreed["image_id"].tolist() == every.loc[kept, "image_id"].tolist()
    few = prepare(
        "vindr_cxr", tmp_path / "raw", tmp_path / "few", size=32, workers=1, options={"fusion_readers": 2}
    )
    assert set(agreed_boxes(few)["annotator"]) <= {"fusion", "consensus"}
    assert len(agreed_boxes(few)) < len(agreed)


def test_boxes_without_a_panel_all_count(tmp_path: Path) -> None:
    write("nih14", tmp_path / "raw", studies=24, size=64, workers=1)
    collection = prepare("nih14", tmp_path / "raw", tmp_path / "made", size=32, workers=1)
    assert len(collection.frame("boxes")) > 0
    assert agreed_boxes(collection).equals(collection.frame("boxes"))
