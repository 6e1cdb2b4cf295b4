"""File names of stored images, and the random split of a patient."""

from __future__ import annotations

import re

from plainfilm.seeding import stable_hash

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9_-]+")


def stored_path(image_id: str) -> str:
    """`images/xx/<image_id>.jpg`, relative to the collection; 256 folders keep each of them small.

    An id that is no plain file name (slashes, blanks, other scripts, very long) becomes its readable part, a
    tilde and its hash. No plain name has a tilde, so two ids never share a file, and no id leads out of the
    folder.

    >>> stored_path("film-1"), stored_path("../../etc/passwd")
    ('images/70/film-1.jpg', 'images/ab/etc-passwd~abe0da9f8e53c71c.jpg')
    """
    digest = f"{stable_hash('image', image_id, bits=64):016x}"
    name = image_id
    if not _SAFE.fullmatch(image_id):
        readable = _UNSAFE_RUN.sub("-", image_id).strip("-")[:60]
        name = f"{readable}~{digest}"
    return f"images/{digest[:2]}/{name}.jpg"


def drawn_split(patient_id: str) -> str:
    """The split of a patient if the source states none: 80 % train, 10 % validation, 10 % test.

    It depends on the patient's id only, so adding patients does not move others.
    """
    tenth = stable_hash("split", patient_id) % 10
    return {8: "validation", 9: "test"}.get(tenth, "train")
