"""The workbench in Chromium: from opening a film to its first boxes, and frames a second on a large film.

    python benchmarks/workbench.py MODEL [--film FILE] [--rounds 5]

MODEL locates phrases. A phantom film of 3,000 pixels and 12 bits with an effusion is opened, and the effusion
is asked for at once. Then the film is panned, zoomed, drawn on and windowed for two seconds each, while the
page counts its frames. Server and browser share the machine. Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.phantom.film import render_film
from plainfilm.phantom.population import draw_patient
from plainfilm.phantom.truth import Finding
from plainfilm.predictor import load
from plainfilm.serve import app
from plainfilm.types import View
from tests.serve.browser import chromium, listening, page_at

SIDE, SECONDS, TIMEOUT_MS, PATIENT = 3000, 2.0, 30_000, 9001
COUNT = """() => { window.frames = 0; const next = () => { window.frames += 1; requestAnimationFrame(next); };
requestAnimationFrame(next); }"""


def seconds_to_boxes(page: Any, film: Path) -> float:
    """From choosing a file to the first box on the film."""
    page.set_default_timeout(TIMEOUT_MS)
    page.locator("#threshold").focus()
    page.keyboard.press("Home")
    began = time.perf_counter()
    page.set_input_files("#chooser", str(film))
    page.locator("#stage canvas").wait_for()
    page.fill("#phrase", "pleural effusion")
    page.press("#phrase", "Enter")
    page.locator(".box").first.wait_for()
    return time.perf_counter() - began


def frames_a_second(page: Any, tool: str) -> float:
    """While the pointer drags to and fro with a tool, or the wheel turns."""
    place = page.locator("#viewport").bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.keyboard.press("Escape")
    page.keyboard.press({"pan": "h", "zoom": "h", "box": "k", "window": "w"}[tool])
    page.mouse.move(x, y)
    if tool != "zoom":
        page.mouse.down()
    before, began, step = page.evaluate("() => window.frames"), time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        step += 1
        if tool == "zoom":
            page.mouse.wheel(0, 60 if step // 10 % 2 else -60)
        else:
            page.mouse.move(x + 100 * (step % 20) / 20, y + 60 * (step % 7) / 7)
    shown = (page.evaluate("() => window.frames") - before) / (time.perf_counter() - began)
    page.mouse.up()
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--film", type=Path, help="a film instead of the phantom")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = options.film or Path(folder) / "film.dcm"
        if options.film is None:
            effusion = Finding("effusion", "effusion", "left", None, 0.8, PATIENT)
            drawn = render_film(draw_patient(PATIENT, 0), [effusion], View.PA, PATIENT, SIDE)
            write_dicom(film, drawn.array, spacing_mm=0.14)
        print(f"film: {film.stat().st_size / 1e6:.1f} MB")
        with listening(app(load(options.model))) as address, chromium() as browser:
            waits = []
            for _ in range(options.rounds + 1):
                with page_at(browser, address) as page:
                    waits.append(seconds_to_boxes(page, film))
            first, *others = waits
            print(f"first boxes, while the server and the browser still start: {first:.2f} s")
            shown = sorted(round(wait, 2) for wait in others)
            print(f"first boxes: median {statistics.median(others):.2f} s of {shown}")
            with page_at(browser, address) as page:
                seconds_to_boxes(page, film)
                page.wait_for_load_state("networkidle")
                page.evaluate(COUNT)
                for tool in ("pan", "zoom", "box", "window"):
                    print(f"{tool}: {frames_a_second(page, tool):.0f} frames a second")


if __name__ == "__main__":
    main()
