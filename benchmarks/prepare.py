"""Preparing full-size films: Plainfilm, the way TxtRayAlign published, and bare reduced decoding, in turns.

    python benchmarks/prepare.py [--films 2048] [--rounds 2]

Films are phantoms enlarged to 2544 x 3056 with detector noise, as grey JPEG of about 1.5 MB; all ways make
512 px of them. "published" is written afresh from the facts of its resize script: every JPEG decoded in
full as RGB, shortest side resized with antialiasing, saved as JPEG, in a torch DataLoader of batch 32 with
no worker (its default) and with two. "bare" only decodes at the JPEG scale nearest to twice the size
wanted, in Pillow, and throws the pixels away. Each measurement is a process of its own; imports are not
timed, starting worker processes is. Where other work disturbs the clock, the CPU time of the ways of one
process tells more; it is printed beside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 512
FULL_SIZE = (2544, 3056)
UNIQUE = 24
WAYS = ("ours-1", "ours-2", "published-0", "published-2", "bare-1", "bare-2")


def write_films(root: Path, count: int) -> Path:
    """`count` files of which `UNIQUE` differ, and the table that names them."""
    from plainfilm import phantom
    from plainfilm.seeding import generator

    phantom.write("mimic_cxr", root / "phantoms", studies=UNIQUE, size=512)
    sources = sorted((root / "phantoms").rglob("*.jpg"))[:UNIQUE]
    folder = root / "films"
    folder.mkdir()
    for number, source in enumerate(sources):
        with Image.open(source) as film:
            grey = np.asarray(film.convert("L").resize(FULL_SIZE, Image.Resampling.BICUBIC), dtype=np.float32)
        noise = generator("benchmark", number).normal(0.0, 4.6, grey.shape)
        noisy = Image.fromarray(np.clip(grey + noise, 0, 255).astype(np.uint8))
        noisy.save(folder / f"film{number:05d}.jpg", quality=88)
    for number in range(len(sources), count):
        os.link(folder / f"film{number % len(sources):05d}.jpg", folder / f"film{number:05d}.jpg")
    table = root / "films.csv"
    table.write_text("path\n" + "".join(f"films/film{number:05d}.jpg\n" for number in range(count)))
    return table


def ours(table: Path, out: Path, workers: int) -> float:
    """Seconds of `prepare`."""
    from plainfilm.collection import prepare

    begun = time.perf_counter()
    prepare("table", table, out, size=SIZE, workers=workers)
    return time.perf_counter() - begun


class Resized:
    """The published data set: item in, resized JPEG on disk out."""

    def __init__(self, files: list[Path], out: Path) -> None:
        from torchvision import transforms

        self.files, self.out = files, out
        self.resize = transforms.Resize(SIZE, antialias=True)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> str:
        film = Image.open(self.files[index]).convert("RGB")
        self.resize(film).save(self.out / self.files[index].name)
        return self.files[index].name


def published(table: Path, out: Path, workers: int) -> float:
    """Seconds of the published way."""
    from torch.utils.data import DataLoader

    out.mkdir(parents=True)
    files = sorted((table.parent / "films").glob("*.jpg"))
    begun = time.perf_counter()
    for _ in DataLoader(Resized(files, out), batch_size=32, num_workers=workers):
        pass
    return time.perf_counter() - begun


def decode(files: list[Path]) -> None:
    """Reduced decoding and nothing else."""
    for file in files:
        with Image.open(file) as film:
            film.draft("L", (2 * SIZE, 2 * SIZE))
            film.load()


def bare(table: Path, _: Path, workers: int) -> float:
    """Seconds of reduced decoding, the files shared out to processes."""
    files = sorted((table.parent / "films").glob("*.jpg"))
    begun = time.perf_counter()
    if workers == 1:
        decode(files)
    else:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(decode, (files[start::workers] for start in range(workers))))
    return time.perf_counter() - begun


def measure(way: str, table: Path, out: Path) -> None:
    """One measurement, its seconds printed."""
    name, workers = way.split("-")
    before = time.process_time()
    seconds = {"ours": ours, "published": published, "bare": bare}[name](table, out, int(workers))
    print(seconds, time.process_time() - before)


def run(way: str, table: Path, out: Path) -> tuple[float, float, float]:
    """Seconds, peak memory of all processes in MB and CPU seconds of the first, of one measurement."""
    command = [sys.executable, __file__, "--measure", way, "--table", str(table), "--out", str(out)]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, session_megabytes(process.pid))
            time.sleep(0.5)
        assert process.stdout is not None
        answer = process.stdout.read()
    shutil.rmtree(out, ignore_errors=True)
    seconds, cpu = map(float, answer.split())
    return seconds, peak, cpu


def session_megabytes(session: int) -> float:
    """What all processes of a session hold, shared pages shared out (PSS)."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total / 1024


def compare(films: int, rounds: int) -> None:
    """All ways in turns: times, ratios and peak memories."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        table = write_films(root, films)
        megabytes = statistics.mean(path.stat().st_size for path in (root / "films").iterdir()) / 1e6
        found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                found[way].append(run(way, table, root / "out"))
    report(films, megabytes, found)


def report(films: int, megabytes: float, found: dict[str, list[tuple[float, float, float]]]) -> None:
    """Prints the figures; the fastest round counts, for what slows a round down is other work."""
    seconds = {way: min(run[0] for run in runs) for way, runs in found.items()}
    print(f"{films} films of {FULL_SIZE[0]} x {FULL_SIZE[1]}, {megabytes:.2f} MB, to {SIZE} px")
    for way, runs in found.items():
        peak = max(run[1] for run in runs)
        print(f"{way:12} {1000 * seconds[way] / films:7.1f} ms a film, peak memory {peak:5.0f} MB")
    for ours_way, other in (("ours-1", "published-0"), ("ours-2", "published-2"), ("ours-2", "published-0")):
        print(f"{ours_way} is {seconds[other] / seconds[ours_way]:.2f} times as fast as {other}")
    for ours_way, other in (("ours-1", "bare-1"), ("ours-2", "bare-2")):
        print(f"{ours_way} takes {seconds[ours_way] / seconds[other]:.2f} times the time of {other}")
    print(f"ours-2 is {seconds['ours-1'] / seconds['ours-2']:.2f} times as fast as ours-1")
    cpu = {way: min(run[2] for run in runs) for way, runs in found.items() if way.endswith(("-1", "-0"))}
    spent = ", ".join(f"{way} {1000 * value / films:.1f} ms" for way, value in cpu.items())
    print(f"CPU time a film: {spent}; ours-1 takes {cpu['ours-1'] / cpu['bare-1']:.2f} times that of bare-1")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--films", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure, given.table, given.out)
    else:
        compare(given.films, given.rounds)


if __name__ == "__main__":
    main()
