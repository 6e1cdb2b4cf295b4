"""The films that a server holds: a temporary folder each, removed with the film and at the end."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.io.processes import Crash, Helper
from plainfilm.predictor import EncodedFilm
from plainfilm.serve.opening import OpenedFilm, opened
from plainfilm.serve.problems import Problem


@dataclass
class HeldFilm:
    """A film, the folder that holds what was made of it, and its encoding by each model that was asked."""

    film_id: str
    name: str
    file: Path
    folder: Path
    facts: OpenedFilm
    asked: float = field(default_factory=time.monotonic)
    encoded: dict[str, EncodedFilm] = field(default_factory=dict)


class FilmStore:
    """Films by id. A film is opened in a process of its own, which damaged or hostile ones may kill.

    Beyond `limits.MOST_FILMS_HELD` and `MOST_BYTES_HELD`, the film that was not asked about for longest goes.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="plainfilm-serve-"))
        self._films: OrderedDict[str, HeldFilm] = OrderedDict()
        self._lock = threading.Lock()
        self._helper = Helper((opened.__module__,))

    def __len__(self) -> int:
        return len(self._films)

    def warm(self) -> None:
        """Start the process that opens films, and have it load its decoders."""
        with tempfile.TemporaryDirectory(prefix="plainfilm-serve-") as folder:
            ramp = Path(folder) / "ramp.png"
            Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16)).save(ramp)
            self._helper.call(opened, (ramp, Path(folder)), limits.SECONDS_FOR_A_FILM)

    def new_folder(self) -> Path:
        """An empty folder for a film that arrives."""
        folder = self.root / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        return folder

    def open(self, file: Path, name: str, folder: Path) -> HeldFilm:
        """Open `file`, called `name`, into `folder`, and hold it.

        Raises:
            Problem: it is no usable film; `folder` is removed.
        """
        try:
            facts = self._helper.call(opened, (file, folder), limits.SECONDS_FOR_A_FILM)
        except (ImageError, Crash) as error:
            shutil.rmtree(folder, ignore_errors=True)
            reason = str(error).replace(str(file), name)
            reason = f"{name}: cannot be decoded ({reason})" if isinstance(error, Crash) else reason
            raise Problem("not_possible", reason) from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        film = HeldFilm(folder.name, name, file, folder, facts)
        with self._lock:
            self._films[film.film_id] = film
        self._make_room()
        return film

    def get(self, film_id: str) -> HeldFilm:
        """The film of this id, which is the last to go from now on.

        Raises:
            Problem: it is not held.
        """
        self._make_room()
        with self._lock:
            film = self._films.get(film_id)
            if film is None:
                raise Problem("not_found", "this film is not held, or no longer: open it again")
            film.asked = time.monotonic()
            self._films.move_to_end(film_id)
            return film

    def all(self) -> list[HeldFilm]:
        """Every film, the one that was asked about last at the end."""
        with self._lock:
            return list(self._films.values())

    def of_content(self, sha256: str) -> HeldFilm | None:
        """The film whose file has this digest, if one is held."""
        return next((film for film in self.all() if film.facts.sha256 == sha256), None)

    def remove(self, film_id: str) -> None:
        """Forget a film and remove what was made of it; nothing happens if it is not held."""
        with self._lock:
            film = self._films.pop(film_id, None)
        if film is not None:
            shutil.rmtree(film.folder, ignore_errors=True)

    def close(self) -> None:
        """End the process that opens films, and remove all of them."""
        self._helper.close()
        with self._lock:
            self._films.clear()
        shutil.rmtree(self.root, ignore_errors=True)

    def _make_room(self) -> None:
        oldest = time.monotonic() - limits.SECONDS_A_FILM_IS_HELD
        for film in self.all():
            held = self.all()
            is_over = len(held) > limits.MOST_FILMS_HELD
            is_over |= len(held) > 1 and sum(one.facts.bytes_on_disk for one in held) > limits.MOST_BYTES_HELD
            if not is_over and film.asked >= oldest:
                return
            self.remove(film.film_id)
