"""Links that lead out of docs/ lead, on the site, to copies of these files below `source/`."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"(\]\()([^)\s#]+)([^)]*\))")
BELOW = "source"
_SEARCH = 'data-md-component="search" role="dialog"'


def outside(page: PurePosixPath, target: str) -> PurePosixPath | None:
    """The path in the project of a link from a page of docs/, if it leads out of that folder."""
    if re.match(r"[a-z]+:|/", target):
        return None
    path = PurePosixPath(os.path.normpath(PurePosixPath("docs") / page.parent / target))
    return None if path.parts[0] == "docs" else path


def place(path: PurePosixPath) -> str:
    """The place on the site of a file of the project; a folder is a link to its list."""
    return f"{BELOW}/{path}" if path.suffix == ".md" else f"{BELOW}/{path}.txt"


def text_of(path: PurePosixPath) -> str:
    """The content of a file, or the names in a folder."""
    file = ROOT / path
    if file.is_dir():
        return "\n".join(sorted(str(one.relative_to(ROOT)) for one in file.rglob("*") if one.is_file()))
    text = file.read_text("utf-8")
    if path.suffix == ".md":  # its own links are relative to the project
        text = LINK.sub(lambda link: f"{link[1]}{_from_copy(path, link[2])}{link[3]}", text)
    return text


def _from_copy(path: PurePosixPath, target: str) -> str:
    if re.match(r"[a-z]+:|/", target):
        return target
    whole = PurePosixPath(os.path.normpath(path.parent / target))
    up = "../" * (len(path.parts))
    if whole.parts[0] == "docs":
        return f"{up}{PurePosixPath(*whole.parts[1:])}"
    return f"{up}{place(whole)}"


def linked() -> set[PurePosixPath]:
    """The files of the project that pages link to, directly or from another copied page."""
    found: set[PurePosixPath] = set()
    waiting = [
        path
        for page in DOCS.rglob("*.md")
        for link in LINK.findall(page.read_text("utf-8"))
        if (path := outside(PurePosixPath(page.relative_to(DOCS)), link[1]))
    ]
    while waiting:
        path = waiting.pop()
        if path in found or not (ROOT / path).exists():
            continue
        found.add(path)
        if path.suffix == ".md":
            inner = LINK.findall((ROOT / path).read_text("utf-8"))
            wholes = [
                PurePosixPath(os.path.normpath(path.parent / link[1])) for link in inner if ":" not in link[1]
            ]
            waiting += [whole for whole in wholes if whole.parts[0] != "docs"]
    return found


def on_files(files: Any, config: Any) -> Any:
    """Add the linked files."""
    for path in sorted(linked()):
        files.append(File.generated(config, place(path), content=text_of(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of docs/ to the copies."""
    own = PurePosixPath(page.file.src_uri)
    if own.parts[0] == BELOW:
        return markdown
    up = "../" * (len(own.parts) - 1)

    def turned(link: re.Match[str]) -> str:
        path = outside(own, link[2])
        return link[0] if path is None else f"{link[1]}{up}{place(path)}{link[3]}"

    return LINK.sub(turned, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Give the search a name that can be read aloud; the theme gives it none."""
    return output.replace(_SEARCH, f'{_SEARCH} aria-label="Search"')


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """Leave out the page of a server for addresses that it does not have: its links begin at the server's
    root, and the site may lie anywhere."""
    return "" if template_name == "404.html" else output
