"""Runs cases in a process of its own, which may die: `python -m tests.fuzz.worker KIND FIRST COUNT FOLDER`.

Before a case its number is written down, so that whoever finds the process dead knows of what. A case has
SECONDS of computing and PATIENCE in all; an alarm then ends the process, whatever a C library does. Memory
is limited. What is compiled at first use is compiled before the first case.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

from plainfilm.errors import PlainfilmError
from plainfilm.seeding import generator
from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, SUFFIXES, TEXT
from tests.fuzz.seeds import KINDS

SECONDS = 30.0
PATIENCE = 600.0
SLOW = 10.0
MORE_MEMORY = 3 << 30


def case(kind: str, seeds: list[bytes], number: int) -> bytes:
    """The bytes of a case: the same for the same number, as long as the seeds are the same."""
    rng = generator("fuzz", kind, number)
    seed, other = (seeds[int(rng.integers(len(seeds)))] for _ in range(2))
    return mutated(seed, other, rng, is_text=kind in TEXT)


def finding(kind: str, path: Path) -> str | None:
    """What is wrong with how a case was read, or `None`."""
    begun = time.process_time()
    try:
        READERS[kind](path)
    except PlainfilmError as error:
        if "\n" in str(error) or len(str(error)) > 1200:
            return f"a message of more than a line: {str(error)[:300]!r}"
    except BaseException as error:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if "plainfilm" in frame.filename
        ]
        ours = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
        return f"{type(error).__name__} at {' '.join(ours[-3:])}: {str(error)[:200]}"
    seconds = time.process_time() - begun
    return f"took {seconds:.0f} s" if seconds > SLOW else None


def main() -> None:
    """Runs the cases asked for and prints what it finds, one JSON list [number, finding] to a line."""
    kind, first, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    seeds = list(KINDS[kind]())
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY, used + MORE_MEMORY))
    path = folder / f"case{SUFFIXES.get(kind, '.' + kind)}"
    for seed in seeds[:2]:
        path.write_bytes(seed)
        finding(kind, path)
    for number in range(first, first + count):
        path.write_bytes(case(kind, seeds, number))
        (folder / "number").write_text(str(number))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        found = finding(kind, path)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if found:
            sys.stdout.write(json.dumps([number, found]) + "\n")
            sys.stdout.flush()
    (folder / "number").write_text("done")


if __name__ == "__main__":
    main()
