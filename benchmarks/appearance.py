"""How often the look at the pixels errs: burned-in text and exchanged black and white.

    python benchmarks/appearance.py [--films 300] [--real METADATA.csv]

Phantoms are the films without text and, with names, dates and numbers of several fonts and sizes drawn on
them (6 to 20 pixels high where the film has 512), those with it; a third set has a side marker only. Every
film stands for its negative too. `--real` adds a table with the column `image`: how many of its films are
flagged, and how many of their negatives. The time is of one core.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plainfilm.image_analysis import appearance
from plainfilm.io.area_resize import area_mean
from plainfilm.io.images import read_image
from plainfilm.seeding import generator

Film = NDArray[np.uint8]
FONTS = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif-Bold", "STIXGeneral")
NAMES = ("DOE^JANE", "Smith, John A.", "MUELLER HEIDI F", "GARCIA LOPEZ M", "NGUYEN T. 1971")
NUMBERS = ("12/03/1956", "MRN 0045821", "2014-07-01 10:22")
FINER = 4


def phantoms(count: int) -> Iterator[Film]:
    """Films of 512 pixels, frontal and lateral."""
    from plainfilm import phantom

    with tempfile.TemporaryDirectory() as folder:
        phantom.write("mimic_cxr", Path(folder), studies=count, size=512)
        for path in sorted(Path(folder).rglob("*.jpg"))[:count]:
            yield read_image(path).array


def with_text(film: Film, lines: list[str], rng: np.random.Generator) -> Film:
    """`film` with lines of text near a corner, drawn finer than its pixels and reduced with it."""
    height, width = film.shape
    canvas = Image.fromarray(film).resize((width * FINER, height * FINER), Image.Resampling.BICUBIC)
    draw, size = ImageDraw.Draw(canvas), int(rng.integers(6, 20)) * FINER
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(str(folder / f"{rng.choice(FONTS)}.ttf"), size)
    room = (
        canvas.width - max(draw.textlength(line, font=font) for line in lines),
        canvas.height - size * len(lines),
    )
    x, y = (max(0.0, float(rng.choice([0.02, 0.98])) * side) for side in room)
    below = np.asarray(canvas)[int(y) : int(y) + size, int(x) : int(x) + size]
    grey = 0 if below.mean() > 160 else 255
    for place, line in enumerate(lines):
        draw.text((x, y + place * size), line, font=font, fill=grey)
    return area_mean(np.asarray(canvas), height, width)


def lines_of(rng: np.random.Generator) -> list[str]:
    """A name, and sometimes a number below it."""
    return [str(rng.choice(NAMES)), str(rng.choice(NUMBERS))][: int(rng.integers(1, 3))]


def share(films: list[Film], flag: str) -> str:
    """How many of `films` have the flag."""
    found = sum(flag in appearance.flags(film) for film in films)
    return f"{found} of {len(films)} ({100 * found / len(films):.1f} %)"


def report(name: str, films: list[Film]) -> None:
    """What is said of films and of their negatives."""
    begun = time.process_time()
    for film in films:
        appearance.flags(film)
    spent = 1000 * (time.process_time() - begun) / len(films)
    print(f"{name}, {spent:.2f} ms each")
    for flag in (appearance.TEXT, appearance.INVERTED):
        print(f"  {flag}: {share(films, flag)}")
    print(f"  {appearance.INVERTED}, of their negatives: {share([255 - film for film in films], flag)}")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--real", type=Path)
    given = parser.parse_args()
    rng, films = generator("appearance"), list(phantoms(given.films))
    report("phantoms", films)
    report(
        "phantoms with a side marker", [with_text(film, [str(rng.choice(["L", "R"]))], rng) for film in films]
    )
    report("phantoms with names", [with_text(film, lines_of(rng), rng) for film in films])
    if given.real:
        with given.real.open(encoding="utf-8") as stream:
            paths = [given.real.parent / row["image"] for row in csv.DictReader(stream)]
        report("real films", [read_image(path).array for path in paths])


if __name__ == "__main__":
    main()
