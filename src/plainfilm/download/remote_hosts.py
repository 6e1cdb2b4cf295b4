"""The three kinds of hosts: PhysioNet, Kaggle, and public folders.

A `Place` has a client, the list of its files, and explanations of refusals. PhysioNet publishes a SHA-256 of
every file and no sizes; Kaggle provides the whole corpus as one zip archive, whose directory has sizes and
CRC-32; public folders publish nothing, so their archives are checked while they are unpacked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from plainfilm.download import credentials
from plainfilm.download.client import Client, Refused, base_address, shown
from plainfilm.download.corpus_index import Corpus, Part, matches
from plainfilm.download.credentials import Ask
from plainfilm.download.item import Fixed, Item, join, safe_path
from plainfilm.download.remote_zip import members
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.errors import DownloadError
from plainfilm.io import limits
from plainfilm.progress import SILENT, Progress

PHYSIONET = ("PLAINFILM_PHYSIONET_URL", "https://physionet.org")
KAGGLE = ("PLAINFILM_KAGGLE_URL", "https://www.kaggle.com")
SUMS = "SHA256SUMS.txt"
_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *]?(\S.*)")
_TOTAL = re.compile(r"bytes 0-0/(\d+)")


@dataclass(frozen=True)
class Access:
    """The settings of access: the user's name, if given, a prompt for credentials, and the retry policy."""

    user: str | None = None
    ask: Ask | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_s: float = 60.0
    progress: Progress = SILENT


@dataclass(frozen=True)
class Place:
    """A part of a corpus at its host.

    `refusal` explains a 401 and a 403 of the host, `gigabytes` is the approximate total size of `items`,
    `unpack` maps archives to folders, `sums` is the published list of checksums of a whole release. No file
    may have more than `most_bytes`.
    """

    client: Client
    items: tuple[Item, ...]
    refusal: dict[int, str]
    gigabytes: float
    unpack: dict[str, str]
    sums: bytes | None = None
    most_bytes: int | None = None

    def explained(self, error: Refused) -> DownloadError:
        """A refusal with its explanation."""
        return _explained(error, self.refusal)


def _explained(error: Refused, refusal: dict[int, str]) -> DownloadError:
    way_out = refusal.get(error.status, refusal.get(403, ""))
    return DownloadError(f"{error}; {way_out}" if way_out else str(error))


def agreement_page(part: Part) -> str:
    """The page of a part's agreement: at its owner, even if the files are mirrored."""
    if part.physionet:
        return f"{PHYSIONET[1]}/sign-dua/{part.physionet}/"
    if part.competition:
        return f"{KAGGLE[1]}/c/{part.competition}/rules"
    return f"{KAGGLE[1]}/datasets/{part.dataset}" if part.dataset else str(part.address)


def place(corpus: Corpus, part: Part, access: Access, stack: ExitStack) -> Place:
    """Open a part and list its files; its connections are closed with `stack`.

    Raises:
        DownloadError: no access (with the agreement to sign), no answer, or an untrustworthy list.
        UsageError: no credentials.
    """
    opened = (_physionet if part.physionet else _open_folder if part.address else _kaggle)(
        corpus, part, access, stack
    )
    wanted = tuple(item for item in opened.items if not part.files or matches(part.files, item.path))
    missing = [name for name in part.unpack if not any(item.path == name for item in wanted)]
    if missing:
        raise DownloadError(f"{agreement_page(part)}: the release has changed and lacks {missing[0]}")
    most_bytes = round(limits.MOST_TIMES_EXPECTED * part.gigabytes * 1e9)
    return replace(opened, items=wanted, most_bytes=most_bytes)


def _physionet(corpus: Corpus, part: Part, access: Access, stack: ExitStack) -> Place:
    base = base_address(*PHYSIONET)
    host = urlsplit(base).hostname or ""
    who = credentials.physionet(host, access.user, access.ask)
    client = stack.enter_context(Client(base, who, retries=access.retries, timeout_s=access.timeout_s))
    refusal = {
        401: f"{host} does not know this user and password, or the account lacks access: sign "
        f"'{corpus.agreement}' at {agreement_page(part)}",
        403: f"this account has no access to {part.physionet}: it needs {corpus.needs} "
        f"({PHYSIONET[1]}/settings/), "
        f"and '{corpus.agreement}' signed at {agreement_page(part)}",
    }
    folder = f"{base}/files/{part.physionet}"
    try:
        listing = client.read(f"{folder}/{SUMS}", limits.LARGEST_LIST)
    except Refused as error:
        raise _explained(error, refusal) from None
    items = tuple(sums(listing, folder))
    whole = None if part.files else listing
    return Place(client, items, refusal, part.gigabytes, part.unpack, whole)


def sums(listing: bytes, folder: str) -> Iterable[Item]:
    """The files of a SHA256SUMS list below the address `folder`.

    Raises:
        DownloadError: a line that is not a checksum and a path, or a path that leads out of the folder.
    """
    where = f"{shown(folder)}/{SUMS}"
    for number, line in enumerate(listing.decode("utf-8", errors="replace").split("\n"), 1):
        match = _SUM_LINE.fullmatch(line.rstrip("\r"))
        if line.strip() and not match:
            raise DownloadError(f"{where}: line {number} is no checksum and path; is this PhysioNet?")
        if number > limits.MOST_MEMBERS:
            raise DownloadError(f"{where}: lists more than {limits.MOST_MEMBERS:,} files; refused")
        if match:
            path = safe_path(match[2], f"{where} line {number}")
            yield Item(path, Fixed(join(folder, path)), sha256=match[1])


def _open_folder(corpus: Corpus, part: Part, access: Access, stack: ExitStack) -> Place:
    folder = str(part.address)
    client = stack.enter_context(Client(folder, None, retries=access.retries, timeout_s=access.timeout_s))
    items = tuple(Item(name, Fixed(join(folder, name))) for name in part.files)
    return Place(client, items, {}, part.gigabytes, part.unpack)


class Bundle:
    """The address of a corpus on Kaggle, which redirects to a signed one that expires."""

    def __init__(self, client: Client, api: str) -> None:
        self._client = client
        self._api = api
        self._lock = threading.Lock()
        self._resolve()

    def _resolve(self) -> None:
        def attempt() -> tuple[str, str, str]:
            with self._client.request(self._api, {"Range": "bytes=0-0"}) as response:
                headers = response.headers
                return str(response.url), headers.get("content-range", ""), headers.get("etag", "")

        self._url, extent, etag = self._client.retries.run(attempt, "the archive could not be requested")
        total = _TOTAL.fullmatch(extent)
        if total is None:
            raise DownloadError(f"{shown(self._url)}: the server does not support byte ranges")
        self.size, self.etag = int(total[1]), etag if etag.startswith('"') else None

    def url(self) -> str:
        """The signed address."""
        return self._url

    def renew(self, refused: str) -> bool:
        """Request a new signature, unless another thread has; False for an address without one."""
        with self._lock:
            if refused == self._api:
                return False
            if refused == self._url:
                self._resolve()
            return True


def _kaggle(corpus: Corpus, part: Part, access: Access, stack: ExitStack) -> Place:
    base = base_address(*KAGGLE)
    who = credentials.kaggle(access.progress)
    client = stack.enter_context(Client(base, who, retries=access.retries, timeout_s=access.timeout_s))
    path = f"competitions/data/download-all/{part.competition}"
    if part.dataset:
        path = f"datasets/download/{part.dataset}"
    refusal = {
        401: "Kaggle does not know this token; make a new one at https://www.kaggle.com/settings",
        403: f"accept the {corpus.agreement} at {agreement_page(part)} (late entry is enough) and try again",
    }
    try:
        bundle = Bundle(client, f"{base}/api/v1/{path}")
        items = tuple(members(client, bundle, bundle.size, bundle.etag))
    except Refused as error:
        raise _explained(error, refusal) from None
    access.progress.log(
        "Kaggle publishes no checksums: sizes and the CRC-32 of its archive are checked, which detects "
        "damage but not forgery"
    )
    return Place(client, items, refusal, part.gigabytes, part.unpack)
