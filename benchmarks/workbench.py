"""The workbench in Chromium: from opening a film to its first boxes, and frames a second on a large film.

    python benchmarks/workbench.py MODEL [--rounds 5]

MODEL locates phrases. A phantom film of 3,000 pixels and 12 bits is opened and a phrase is asked at once; then
the film is panned, zoomed and drawn on for two seconds each, while the page counts its frames. The server and
the browser share the machine. Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from plainfilm.phantom import render
from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.predictor import load
from plainfilm.serve import app
from tests.serve.browser import chromium, listening, page_at

SIDE, SECONDS = 3000, 2.0
COUNT = """() => { window.frames = 0; const next = () => { window.frames += 1; requestAnimationFrame(next); };
requestAnimationFrame(next); }"""


def seconds_to_boxes(page: Any, film: Path) -> float:
    """From choosing a file to the first box on the film."""
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
    page.keyboard.press({"pan": "h", "zoom": "h", "box": "k"}[tool])
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
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.dcm"
        write_dicom(film, render(size=SIDE), spacing_mm=0.14)
        print(f"film: {film.stat().st_size / 1e6:.1f} MB")
        with listening(app(load(options.model))) as address, chromium() as browser:
            waits = []
            for _ in range(options.rounds):
                with page_at(browser, address) as page:
                    page.evaluate("() => { document.querySelector('#threshold').value = 0; }")
                    page.locator("#threshold").dispatch_event("input")
                    waits.append(seconds_to_boxes(page, film))
            print(
                f"first boxes: median {statistics.median(waits):.2f} s of {sorted(round(w, 2) for w in waits)}"
            )
            with page_at(browser, address) as page:
                page.set_input_files("#chooser", str(film))
                page.locator("#status", has_text="W 32").wait_for()
                page.evaluate(COUNT)
                for tool in ("pan", "zoom", "box"):
                    print(f"{tool}: {frames_a_second(page, tool):.0f} frames a second")


if __name__ == "__main__":
    main()
