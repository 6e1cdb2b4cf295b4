"""Reads the answers of an archive within bounds, before a library sees them.

An archive may be broken, or somebody else's: a body without an end, an object that inflates to gigabytes or
that holds millions of elements must not take the memory of the machine.
"""

from __future__ import annotations

import io
import time
import warnings
from typing import Any

from plainfilm.errors import ArchiveError, ImageError
from plainfilm.io import limits
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.optional import optional_import

_CHUNK = 1 << 18
_BODY = b"\r\n\r\n"
"""Ends the head of the first part of a multipart message (RFC 2046 section 5.1)."""


class BoundedAnswers:
    """A hook of requests' for responses, which reads their bodies. archive: its name, for errors."""

    def __init__(self, archive: str, extra: str, purpose: str) -> None:
        self._archive = archive
        self._pydicom = optional_import("pydicom", extra, purpose)

    def __call__(self, response: Any, **_: Any) -> None:
        """Read the body of `response`, which then has it as its content.

        Raises:
            ArchiveError: it is too long, takes too long, or holds a DICOM object that is refused as unsafe.
        """
        kind = response.headers.get("Content-Type", "").lower()
        holds_objects = kind.startswith(("multipart/related", "application/dicom;")) or (
            kind == "application/dicom"
        )
        body = self._read(response, limits.LARGEST_OBJECT if holds_objects else limits.LARGEST_RECORDS)
        if holds_objects:
            self._check_object(body)
        response._content = body  # where `content` looks for it, once it is read

    def _read(self, response: Any, most: int) -> bytes:
        until = time.monotonic() + limits.SECONDS_FOR_AN_ANSWER
        body = bytearray()
        for part in response.iter_content(_CHUNK):
            body += part
            if len(body) > most:
                response.close()
                raise ArchiveError(f"{self._archive}: an answer of more than {most:,} bytes is refused")
            if time.monotonic() > until:
                response.close()
                seconds = limits.SECONDS_FOR_AN_ANSWER
                raise ArchiveError(f"{self._archive}: an answer takes more than {seconds:g} s to arrive")
        return bytes(body)

    def _check_object(self, body: bytes) -> None:
        """Parse the object in an answer once with the limits of files, which the client does not know."""
        start = body.find(_BODY) + len(_BODY) if body[128:132] != b"DICM" else 0
        if body[start + 128 : start + 132] != b"DICM":
            return  # whoever reads it says that it is none
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._pydicom.dcmread(safe_stream(io.BytesIO(body[start:])), force=True)
        except ImageError as error:
            raise ArchiveError(f"{self._archive}: gives an object that {error}") from None
        except Exception:  # damage, which is found where the object is read
            return
