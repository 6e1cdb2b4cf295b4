"""A DICOMweb archive (PS3.18): search (QIDO-RS), retrieval (WADO-RS) and storage (STOW-RS).

A server that cannot be reached, or that answers with an error of its own, is asked again with growing
pauses; a request that it refuses is an error. An answer of "stored" is not believed: the caller asks back.
"""

from __future__ import annotations

import logging
import os
import struct
import urllib.parse
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

from plainfilm.dicomweb.bounded_answers import BoundedAnswers
from plainfilm.dicomweb.studies import FIELDS, ListedStudy, listed_study
from plainfilm.download.retry_policy import Retriable, RetryPolicy, requested_wait
from plainfilm.errors import ArchiveError, UsageError
from plainfilm.io import limits
from plainfilm.io.dicom.subject import RADIOGRAPHS
from plainfilm.io.optional import optional_import

EXTRA, PURPOSE = "dicom-out", "DICOMweb"
AUTHORIZATION = "PLAINFILM_DICOMWEB_AUTHORIZATION"
"""The environment variable with the value of the Authorization header, which no command line should hold."""
_TIMEOUT_S = (10.0, 300.0)
"""To connect, and between two bytes of an answer."""
_WHOLE = 1 << 30
"""Requests of fewer bytes are sent in one piece: the client cannot repeat a request in pieces."""
_TRANSIENT = (408, 425, 429)
_STUDY, _SERIES, _UID = "0020000D", "0020000E", "00080018"
_DAMAGE = (
    *(ValueError, KeyError, AttributeError, TypeError, EOFError, IndexError, OverflowError),
    *(NotImplementedError, RecursionError, AssertionError, struct.error, zlib.error, ParseError),
)
"""What reading an answer may raise that is not what the standard says."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Instance:
    """An object in an archive, by its identifiers."""

    study: str
    series: str
    uid: str


class Archive:
    """An archive at `url`, asked again as `retries` says.

    Raises:
        UsageError: `url` is no address of the web.
        MissingDependency: a package for DICOMweb is not installed.
    """

    def __init__(self, url: str, retries: RetryPolicy) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(
                f"--dicomweb '{url}': is no address of an archive, such as http://host:8042/dicom-web"
            )
        if parts.username or parts.password:
            raise UsageError(
                f"--dicomweb: put no password into the address, where others see it; set {AUTHORIZATION}"
            )
        web = optional_import("dicomweb_client.web", EXTRA, PURPOSE)
        secret = os.environ.get(AUTHORIZATION)
        headers = {"Authorization": secret} if secret else None
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._requests = optional_import("requests", EXTRA, PURPOSE)
        self._client = web.DICOMwebClient(
            self.name.rstrip("/"),
            session=_session(self._requests),
            headers=headers,
            callback=BoundedAnswers(self.name, EXTRA, PURPOSE),
            chunk_size=_WHOLE,
            permissive_uid=True,
            timeout=_TIMEOUT_S,
        )
        self._client.set_http_retry_params(retry=False)
        # It logs identifiers.
        logging.getLogger("dicomweb_client").addHandler(logging.NullHandler())
        logging.getLogger("dicomweb_client").propagate = False
        self._not_dicom = optional_import("pydicom.errors", EXTRA, PURPOSE).InvalidDicomError
        self._retries = retries

    def images(self, modality: str, since: str) -> Iterator[Instance]:
        """The objects of a modality in studies of the day `since` (YYYYMMDD) and later.

        Raises:
            ArchiveError: the archive refuses.
        """
        filters = {"Modality": modality, "StudyDate": f"{since}-"}
        yield from self._search({}, filters)

    def studies(self, filters: Mapping[str, str], most: int) -> list[ListedStudy]:
        """At most so many studies that fit `filters`, which are DICOM keywords and their values.

        Raises:
            ArchiveError: the archive refuses.
        """
        found = self._ask(
            self._client.search_for_studies, search_filters=dict(filters), fields=FIELDS, limit=most
        )
        listed = found[:most] if isinstance(found, list) else []
        studies = (listed_study(one) for one in listed if isinstance(one, Mapping))
        return [study for study in studies if study is not None]

    def radiographs(self, study: str) -> list[Instance]:
        """The objects of a study whose modality may be that of a film.

        Raises:
            ArchiveError: the archive refuses.
        """
        scope = {"study_instance_uid": study}
        found = [one for name in RADIOGRAPHS for one in self._search(scope, {"Modality": name})]
        return list(dict.fromkeys(one for one in found if one.study == study))

    def stored(self, study: str, series: str) -> set[str]:
        """The SOP Instance UIDs of the objects in a series; empty where there is no such series.

        Raises:
            ArchiveError: the archive refuses.
        """
        # As a filter: the path of a series that does not exist is an error for some archives.
        found = self._search({"study_instance_uid": study}, {"SeriesInstanceUID": series})
        return {one.uid for one in found if one.series == series}

    def header(self, instance: Instance) -> Any:
        """The elements of an object without its pixels, as a pydicom dataset.

        Raises:
            ArchiveError: the archive refuses, or answers with something else.
        """
        pydicom = optional_import("pydicom", EXTRA, PURPOSE)
        found = self._ask(
            self._client.retrieve_instance_metadata, instance.study, instance.series, instance.uid
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pixels are referred to, and not fetched
            try:
                return pydicom.Dataset.from_json(found)
            except _DAMAGE as error:
                raise ArchiveError(f"{self.name}: a header is not in the DICOM JSON format") from error

    def film(self, instance: Instance) -> Any:
        """A whole object as a pydicom dataset, in the form it is stored in.

        Raises:
            ArchiveError: the archive refuses, or answers with something else.
        """
        return self._ask(self._client.retrieve_instance, instance.study, instance.series, instance.uid)

    def store(self, study: str, datasets: Sequence[Any]) -> None:
        """Send objects to a study; whether they are there, `stored` tells.

        Raises:
            ArchiveError: the archive refuses one.
        """
        self._ask(self._client.store_instances, datasets, study)

    def _search(self, scope: dict[str, str], filters: dict[str, str]) -> list[Instance]:
        """All that a search finds, page by page. An archive that cannot skip what it gave before gives the
        same again, and has given all."""
        found: dict[Instance, None] = {}
        rows = 0
        while True:
            page = self._ask(
                self._client.search_for_instances, search_filters=dict(filters), offset=rows, **scope
            )
            page = page if isinstance(page, list) else []
            before, rows = len(found), rows + len(page)
            found |= {one: None for one in map(_instance, page) if one is not None}
            if len(found) == before:
                return list(found)
            if len(found) > limits.MOST_FOUND:
                raise ArchiveError(
                    f"{self.name}: lists more than {limits.MOST_FOUND:,} objects; begin later, with --since"
                )

    def _ask(self, request: Callable[..., Answer], *arguments: Any, **options: Any) -> Answer:
        """The answer to a request, which is repeated while the archive is not there."""

        def attempt() -> Answer:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # odd values in what the archive holds
                    return request(*arguments, **options)
            except self._requests.HTTPError as error:
                raise self._refused(error) from error
            except self._requests.exceptions.JSONDecodeError as error:
                raise Retriable(f"{self.name}: answers with something else than DICOM JSON") from error
            except (self._requests.RequestException, ConnectionError, TimeoutError) as error:
                raise Retriable(f"{self.name}: cannot be reached ({type(error).__name__})") from error
            except self._not_dicom as error:
                raise ArchiveError(f"{self.name}: gives an object that is no DICOM file") from error
            except _DAMAGE as error:
                raise ArchiveError(
                    f"{self.name}: an answer cannot be read ({type(error).__name__})"
                ) from error

        return self._retries.run(attempt, self.name)

    def _refused(self, error: Any) -> Exception:
        status = error.response.status_code
        if status >= 500 or status in _TRANSIENT:
            wait_s = requested_wait(error.response.headers.get("Retry-After"))
            return Retriable(f"{self.name}: answers with status {status}", wait_s)
        hint = f"; set {AUTHORIZATION}" if status in (401, 403) else ""
        return ArchiveError(f"{self.name}: refuses a request with status {status}{hint}")


def _session(requests: Any) -> Any:
    """A session that sends wildcards as they are: plug-in 1.7 of Orthanc takes encoded ones for letters."""

    class PlainWildcards(requests.adapters.HTTPAdapter):  # type: ignore[misc]
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            request.url = request.url.replace("%2A", "*")
            return super().send(request, *arguments, **options)

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, PlainWildcards())
    return session


def _instance(found: Any) -> Instance | None:
    """The identifiers of an answer to a search, in the DICOM JSON format; `None` where they are missing."""
    try:
        study, series, uid = (str(found[tag]["Value"][0]) for tag in (_STUDY, _SERIES, _UID))
    except (KeyError, IndexError, TypeError):
        return None
    return Instance(study, series, uid)
