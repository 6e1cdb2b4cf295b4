"""De-identification of DICOM headers: pseudonyms by a keyed hash, and the few elements that may be kept.

The Basic Application Level Confidentiality Profile (DICOM PS3.15, Annex E) lists what must go. Lists of what
must go are never complete, so this module lists what may stay: numbers about the exposure and the pixels,
and text whose every permitted value is written here. Age and sex stay too, as the profile's Retain Patient
Characteristics Option allows (113108). No date, no free text, no private element and no sequence stays.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plainfilm.errors import DataError
from plainfilm.io.files import flush
from plainfilm.io.person_names import spans

KEY_VARIABLE = "PLAINFILM_DEID_KEY"
SMALLEST_KEY = 16
OLDEST = 89
"""Who is older is said to be 90: the age alone may name the person (45 CFR 164.514 (b)(2)(i)(C))."""

BLANK = "___"
"""What stands where an identifier was taken out of a text, as in MIMIC-CXR."""

_HOW_TO = "openssl rand -hex 32"
_FEWEST_LETTERS = 6
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
)
_WORDS_TYPED = (
    *("password", "passwort", "secret", "plainfilm", "changeme", "hospital", "radiology", "admin", "letmein"),
    *("default", "test", "example", "patient", "pseudonym", "deidentify", "deid", "welcome", "study", "key"),
)
_TYPED = (*_ROWS, *(row[::-1] for row in _ROWS))
_DIGITS = 20
_LARGEST = 1_000_000


class Pseudonymiser:
    """Turns identifiers into names that nobody without the key can turn back, the same ones every time.

    Two collections made with one key share their patients' pseudonyms; with two keys they do not.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, value: str) -> str:
        """A pseudonym of 21 characters: the first letter of `kind` and 80 bits of HMAC-SHA256 of both."""
        message = f"{kind}\0{value.strip()}".encode("utf-8", "surrogatepass")
        return kind[0] + hmac.new(self._key, message, hashlib.sha256).hexdigest()[:_DIGITS]


def load_key(
    stated: Path | None, default: Path, environment: Mapping[str, str] = os.environ, *, may_make: bool = True
) -> bytes:
    """The key: of the file `stated`, else of `PLAINFILM_DEID_KEY`, else of the file `default`.

    Where none of them is there, a random one is written to `default`, which only its owner may read.

    Raises:
        DataError: the stated file cannot be read, a key is empty, too short or may be guessed, or `default`
            cannot be written.
    """
    if stated is None and KEY_VARIABLE in environment:
        return _checked(environment[KEY_VARIABLE].encode(), f"the environment variable {KEY_VARIABLE}")
    file = stated or default
    try:
        return _checked(file.read_bytes().strip(), str(file))
    except FileNotFoundError:
        if stated is not None or not may_make:
            raise DataError(f"{file}: no such key file; make one with `openssl rand -hex 32`") from None
    except OSError as error:
        raise DataError(f"{file}: the key cannot be read ({error.strerror or error})") from None
    return _make_key(default)


def _checked(key: bytes, where: str) -> bytes:
    key = key.strip()
    if len(key) < SMALLEST_KEY:
        said = "is empty" if not key else f"a key of {len(key)} bytes is too short"
        raise DataError(f"{where}: {said}; it needs {SMALLEST_KEY} bytes or more ({_HOW_TO})")
    if _is_guessable(key):
        raise DataError(f"{where}: the key may be guessed; make a random one ({_HOW_TO})")
    return key


def _is_guessable(key: bytes) -> bool:
    """Whether little of a key is left without words, sequences and repetitions that people type."""
    text = key.decode("latin-1").casefold()
    if (text + text).find(text, 1) <= len(text) // 2:
        return True
    for word in _WORDS_TYPED:
        text = text.replace(word, "")
    for run in _TYPED:
        for length in range(len(run), 2, -1):
            for start in range(len(run) - length + 1):
                text = text.replace(run[start : start + length], "")
    return len(set(text)) < _FEWEST_LETTERS


def _make_key(file: Path) -> bytes:
    key = secrets.token_hex(32).encode()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(key + b"\n")
            stream.flush()
            os.fsync(handle)
        flush(file.parent)
    except OSError as error:
        raise DataError(
            f"{file}: the key for pseudonyms cannot be written ({error.strerror or error}); "
            f"name a file with the option key, or set {KEY_VARIABLE}"
        ) from None
    return key


_RULES = yaml.safe_load(Path(__file__).with_name("kept_header.yaml").read_text(encoding="utf-8"))
_TERMS: dict[str, frozenset[str]] = {name: frozenset(terms) for name, terms in _RULES["terms"].items()}
_NUMBERS: tuple[str, ...] = tuple(_RULES["numbers"])
_ORIENTATION = re.compile(r"[LRAPHF]{1,3}")
_AGE = re.compile(r"(\d{1,3})([DWMY])")

KEPT = frozenset((*_TERMS, *_NUMBERS, "PatientOrientation", "PatientAge"))
"""The keywords of all elements that may stay."""


def kept_header(dataset: Any) -> dict[str, str | float | list[str] | list[float]]:
    """What may stay of a pydicom dataset or of its elements by keyword; any other value is left out.

    Text is in capitals and without surrounding space, numbers are below a million either way (as no date of
    eight digits is), an age above 89 years is "090Y". Nothing that is returned can hold a name, a date or
    free text.
    """
    kept: dict[str, str | float | list[str] | list[float]] = {}
    for keyword, terms in _TERMS.items():
        words = [word.upper() for word in _words(dataset, keyword)]
        allowed = [word for word in words if word in terms]
        if allowed and (len(allowed) == len(words) or keyword == "ImageType"):
            kept[keyword] = allowed if keyword == "ImageType" else allowed[0]
    for keyword in _NUMBERS:
        numbers = _plausible(_words(dataset, keyword))
        if numbers:
            kept[keyword] = numbers[0] if len(numbers) == 1 else numbers
    orientation = _words(dataset, "PatientOrientation")
    if len(orientation) == 2 and all(_ORIENTATION.fullmatch(part) for part in orientation):
        kept["PatientOrientation"] = orientation
    age = _age("".join(_words(dataset, "PatientAge")))
    return kept | ({"PatientAge": age} if age else {})


def _words(dataset: Any, keyword: str) -> list[str]:
    """The values of an element as text; none where it is absent or cannot be read."""
    try:
        value = dataset.get(keyword)
    except (ValueError, TypeError, AttributeError, NotImplementedError, OverflowError):
        return []
    if value is None:
        return []
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    return [str(part).strip() for part in (value if several else [value])]


def _plausible(words: list[str]) -> list[float]:
    """The words as numbers; none if any of them is no number, or none that an exposure or a film has."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return []
    return numbers if all(abs(number) < _LARGEST for number in numbers) else []


def _age(text: str) -> str | None:
    found = _AGE.fullmatch(text)
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    return f"{OLDEST + 1:03d}Y" if unit == "Y" and number > OLDEST else f"{number:03d}{unit}"


@dataclass(frozen=True)
class Identifiers:
    """What could name a person in a report: `names` as DICOM headers hold them, and other `words`."""

    names: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __or__(self, other: Identifiers) -> Identifiers:
        return Identifiers(self.names | other.names, self.words | other.words)


def scrub(text: str, identifiers: Identifiers) -> str:
    """`text` with every one of `identifiers`, however it is written (`io.person_names`), replaced by `___`.

    This takes out what a header says of a person. What only the text says, such as the name of a relative,
    it cannot know: text from a hospital needs a tool made for that, and a person who looks.
    """
    kept, place = [], 0
    for start, end in spans(text, identifiers.names, identifiers.words):
        kept.append(text[place:start])
        place = end
    return BLANK.join([*kept, text[place:]])
