from __future__ import annotations

from pathlib import Path

from plainfilm.sources.common.unique_file_index import UniqueFileIndex


def test_a_shelf_keeps_the_first_file_of_a_name_and_tells_of_others() -> None:
    shelf = UniqueFileIndex()
    for name, path in (("b", "x/b.png"), ("a", "x/a.png"), ("b", "y/b.png"), ("b", "x/b.png")):
        shelf.add(name, Path(path))
    assert (shelf.get("b"), shelf.get("c"), len(shelf)) == (Path("x/b.png"), None, 2)
    assert [item.path for item in shelf.rejections] == ["y/b.png"]
    assert list(shelf.beside(["b"])) == [("a", Path("x/a.png"))]
