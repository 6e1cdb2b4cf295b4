"""A whole download: selects files, checks the disk space, downloads, verifies and unpacks."""

from __future__ import annotations

import errno
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plainfilm.download.client import Refused
from plainfilm.download.corpus_index import Corpus, Part, corpus
from plainfilm.download.download_state import DownloadState
from plainfilm.download.item import Item
from plainfilm.download.remote_hosts import SUMS, Access, Place, agreement_page, place
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.download.transfer import Notify, fetch
from plainfilm.download.unpack import unpack
from plainfilm.download.worker_pool import Outcome, outcomes
from plainfilm.errors import DownloadError, UsageError
from plainfilm.io.files import flush_tree, move, replacing
from plainfilm.io.locks import writing

MOST_SIZES_ASKED = 200
"""PhysioNet publishes no sizes; for up to this many files each is requested, for more it is estimated."""

_SIZES_AT_ONCE = 4
_GIGABYTE = 1e9
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Summary:
    """The results of a download. `received` is in bytes; `failed`: (path, reason); `unpacked`: folders."""

    source: str
    edition: str
    out: str
    agreement: str
    files: int = 0
    fetched: int = 0
    kept: int = 0
    received: int = 0
    checked: dict[str, int] = field(default_factory=dict)
    failed: tuple[tuple[str, str], ...] = ()
    unpacked: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        failed = [{"path": path, "reason": reason} for path, reason in self.failed]
        return {**vars(self), "failed": failed, "unpacked": list(self.unpacked)}


def listing(source: str, edition: str | None, only: Sequence[str], access: Access) -> list[Item]:
    """The files that a download would fetch, with sizes if available.

    Raises:
        DownloadError, UsageError: as `download`.
    """
    entry = corpus(source)
    with ExitStack() as stack:
        places = _places(entry, entry.parts(source, edition), only, access, stack)
        return [item for each in places for item in each.items]


def download(
    source: str,
    out: Path,
    *,
    edition: str | None = None,
    only: Sequence[str] = (),
    workers: int = 4,
    recheck: bool = False,
    access: Access | None = None,
) -> Summary:
    """Download a corpus into `out` in the layout for the source of that name.

    Existing verified files are kept (`recheck`: their checksums are computed again), unfinished ones are
    continued, every file is verified before it gets its name. A killed download continues when called again.

    Raises:
        UsageError: an unknown source, edition or pattern, no credentials, or somebody else is writing `out`.
        DownloadError: no access (with the agreement to sign), no answer, no space, an untrustworthy list.
            A single file that cannot be downloaded is not raised but listed in `Summary.failed`.
    """
    access = access or Access()
    entry = corpus(source)
    parts = entry.parts(source, edition)
    chosen = edition or next(iter(entry.editions))
    summary = Summary(source, chosen, str(out), entry.agreement)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder")
    _announce(entry, parts, access)
    with ExitStack() as stack:
        stack.enter_context(writing(out))
        places = _places(entry, parts, only, access, stack)
        try:
            journal = stack.enter_context(DownloadState(out))
            _check_room(places, out)
            for each in places:
                summary = _fetch_all(each, journal, out, workers, recheck, access, summary)
            return summary if summary.failed else _unpack_all(places, journal, out, access, summary)
        except OSError as error:
            raise _disk_trouble(error, out) from None


def _announce(entry: Corpus, parts: Sequence[Part], access: Access) -> None:
    access.progress.log(f"{entry.title}; terms: {entry.agreement}; needed: {entry.needs}")
    for part in parts:
        access.progress.log(f"about {part.gigabytes:g} GB in all; terms at {agreement_page(part)}")


def _places(
    entry: Corpus, parts: Sequence[Part], only: Sequence[str], access: Access, stack: ExitStack
) -> list[Place]:
    """Every part, with its selected files."""
    places, unmet = [], set(only)
    for part in parts:
        opened = place(entry, part, access, stack)
        wanted = tuple(item for item in opened.items if entry.wants(only, item.path))
        unmet -= {one for one in unmet if any(entry.wants([one], item.path) for item in wanted)}
        share = len(wanted) / max(1, len(opened.items))
        places.append(
            _sized(replace(opened, items=wanted, gigabytes=opened.gigabytes * share), access.retries)
        )
    if unmet or not any(each.items for each in places):
        subsets = f" (or one of {', '.join(entry.subsets)})" if entry.subsets else ""
        raise UsageError(
            f"no file fits {', '.join(map(repr, sorted(unmet)))}; --list shows the paths{subsets}"
        )
    return places


def _sized(opened: Place, retries: RetryPolicy) -> Place:
    """Request unknown sizes, if they are few."""
    unknown = [item for item in opened.items if item.size is None]
    if not 0 < len(unknown) <= MOST_SIZES_ASKED:
        return opened

    def work(item: Item, notify: Notify) -> Outcome:
        return Outcome(replace(item, size=opened.client.size(item.address.url())), "kept")

    try:
        with closing(outcomes(unknown, work, _SIZES_AT_ONCE, retries)) as events:
            sized = {event.item.path: event.item for event in events if isinstance(event, Outcome)}
    except Refused as error:
        raise opened.explained(error) from None
    return replace(opened, items=tuple(sized.get(item.path, item) for item in opened.items))


def _check_room(places: Sequence[Place], out: Path) -> None:
    needed = 0.0
    for each in places:
        usual = each.gigabytes * _GIGABYTE / max(1, len(each.items))
        for item in each.items:
            folder = each.unpack.get(item.path)
            if (out / item.path).exists() or (folder and (out / folder).exists()):
                continue
            size = usual if item.size is None else item.size
            part = out / f"{item.path}.part"
            needed += size * (2 if folder else 1) - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise DownloadError(
            f"{out}: needs about {needed / _GIGABYTE:.1f} GB and has {free / _GIGABYTE:.1f} GB free; "
            "free some space, choose another folder, or download less with --only"
        )


def _fetch_all(
    each: Place,
    journal: DownloadState,
    out: Path,
    workers: int,
    recheck: bool,
    access: Access,
    summary: Summary,
) -> Summary:
    def work(item: Item, notify: Notify) -> Outcome:
        folder = each.unpack.get(item.path)
        if folder and journal.knows_unpacked(item, folder):
            return Outcome(item, "kept")
        file = out / item.path
        if not recheck and journal.knows(item):
            return Outcome(item, "kept")
        if file.is_file() and item.describes(file):
            journal.add(item)
            return Outcome(item, "kept")
        received = fetch(each.client, item, out, notify, each.most_bytes)
        journal.add(item)
        return Outcome(item, "fetched", received)

    done: list[Outcome] = []
    total = sum(item.size or 0 for item in each.items)
    by_size = total > 0 and all(item.size is not None for item in each.items)
    try:
        with closing(outcomes(each.items, work, workers, access.retries)) as events:
            steps = _megabytes(events, done, total) if by_size else _files(events, done)
            count = math.ceil(total / _MEGABYTE) if by_size else len(each.items)
            for _ in access.progress.track(steps, count, "downloading (MB)" if by_size else "downloading"):
                _give_up_with_the_server(done, workers)
    except Refused as error:
        raise each.explained(error) from None
    if each.sums:
        with replacing(out / SUMS) as temporary:
            temporary.write_bytes(each.sums)
    return _with(summary, done)


def _files(events: Iterator[int | Outcome], done: list[Outcome]) -> Iterator[None]:
    """Yield once per finished file."""
    for event in events:
        if isinstance(event, Outcome):
            done.append(event)
            yield


def _megabytes(events: Iterator[int | Outcome], done: list[Outcome], total: int) -> Iterator[None]:
    """Yield once per million bytes; earlier bytes count too, repeated bytes count once."""
    came, steps, last = 0, 0, math.ceil(total / _MEGABYTE)
    for event in events:
        if isinstance(event, Outcome):
            done.append(event)
            came += (event.item.size or 0) - min(event.received, event.item.size or 0)
        else:
            came += event
        while steps < min(last, came // _MEGABYTE):
            steps += 1
            yield
    yield from [None] * (last - steps)


def _give_up_with_the_server(done: Sequence[Outcome], workers: int) -> None:
    """End a run in which one file after another fails on all its attempts."""
    recent = done[-2 * workers :]
    if len(recent) == 2 * workers and all(outcome.gave_up for outcome in recent):
        raise DownloadError(f"{recent[-1].reason}; repeat the command later to continue")


def _with(summary: Summary, done: Sequence[Outcome]) -> Summary:
    checked = dict(summary.checked)
    for outcome in done:
        how = outcome.item.identity.partition(":")[0]
        if outcome.state != "failed":
            checked[how] = checked.get(how, 0) + 1
    failed = tuple((outcome.item.path, outcome.reason) for outcome in done if outcome.state == "failed")
    return replace(
        summary,
        files=summary.files + len(done),
        fetched=summary.fetched + sum(outcome.state == "fetched" for outcome in done),
        kept=summary.kept + sum(outcome.state == "kept" for outcome in done),
        received=summary.received + sum(outcome.received for outcome in done),
        checked=checked,
        failed=(*summary.failed, *failed),
    )


def _unpack_all(
    places: Sequence[Place], journal: DownloadState, out: Path, access: Access, summary: Summary
) -> Summary:
    """Unpack archives that a reader cannot open, and remove them, as they would be read twice."""
    wanted = [
        (item, each.unpack[item.path]) for each in places for item in each.items if item.path in each.unpack
    ]
    todo = [(item, folder) for item, folder in wanted if not journal.knows_unpacked(item, folder)]
    for item, folder in access.progress.track(todo, len(todo), "unpacking") if todo else ():
        unfinished = unpack(out / item.path, out / folder)
        flush_tree(unfinished)  # its archive is removed
        journal.add_unpacked(item, folder)  # before the folder has its name: without it the entry is void
        move(unfinished, out / folder)
    for item, _ in wanted:
        (out / item.path).unlink(missing_ok=True)
    return replace(summary, unpacked=tuple(folder for _, folder in wanted))


def _disk_trouble(error: OSError, out: Path) -> DownloadError:
    where = error.filename or out
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(f"{where}: the disk is full; free some space and repeat the command to continue")
    return DownloadError(f"{where}: {error.strerror or error}; choose another folder or fix this one")
