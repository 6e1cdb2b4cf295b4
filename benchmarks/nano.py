"""Makes the model that comes with Plainfilm, and measures it on phantoms that it has never seen.

    python benchmarks/nano.py make WORK       trains it in the folder WORK and puts it into the package
    python benchmarks/nano.py measure WORK    evaluates it and rewrites the tables of docs/nano.md

`make` runs the commands that docs/nano.md shows, then embeds sentences and draws the eight films; after an
interruption it goes on where it was.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from plainfilm import phantom
from plainfilm.demo.films import FACTS, FOLDER
from plainfilm.io.images import read_image
from plainfilm.io.json_records import write_record
from plainfilm.model_folder.shipped import SHIPPED
from plainfilm.phantom.truth import CHEXPERT, PatientTruth, StudyTruth
from plainfilm.results.baselines import baseline as trivial
from plainfilm.results.reading import read_document
from plainfilm.results.text import interval, number
from plainfilm.types import View

NAME = "nano"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "nano.md"
BANKS = SHIPPED.parent / "banks"

FILMS_SEED, FILM_PIXELS, FILMS = 9_000_017, 384, 8
"""Of the phantoms whose films come with Plainfilm; no other phantoms have this seed."""
BANK_STUDIES = 400
"""Studies whose sentences come with the model."""

HEADLINES = {
    "retrieval": (
        "image->sentence/finding_f1_micro_positive@2",
        "image->report/finding_f1_micro_positive@2",
        "image->sentence/recall@10",
        "image->report/recall@10",
        "text->image/recall@10",
    ),
    "zero_shot": (
        "combined/auroc_macro",
        "positive prompt/auroc_macro",
        "calibration/brier_calibrated_macro",
    ),
}


def commands(name: str, page: Path = PAGE) -> list[list[str]]:
    """The commands of the block of a page below the comment `<!-- NAME -->`."""
    block = re.search(rf"<!-- {name} -->\n```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert block, f"{page} has no commands called {name}"
    lines = re.sub(r"\\\n\s*", " ", block[1]).splitlines()
    return [line.split() for line in lines if line.startswith("plainfilm ")]


def run(words: list[str], folder: Path) -> None:
    """Run a command in `folder`; what it has finished before stays, as `plainfilm benchmark` does itself."""
    target = folder / words[words.index("--out") + 1] if "--out" in words else None
    if words[1] in ("train", "finetune") and target is not None and target.is_dir():
        words = [*words, "--resume"]
    elif words[1] != "benchmark" and target is not None and _is_finished(target):
        print("done before:", *words)
        return
    print(*words, flush=True)
    subprocess.run([sys.executable, "-m", "plainfilm", *words[1:]], cwd=folder, check=True)


def _is_finished(target: Path) -> bool:
    return target.is_dir() and not (target / ".unfinished.json").exists()


def make(work: Path) -> None:
    """Train the model, and replace that in the package with it, its sentences and its films."""
    work.mkdir(parents=True, exist_ok=True)
    for words in commands("make"):
        run(words, work)
    shutil.rmtree(SHIPPED / NAME, ignore_errors=True)
    shutil.copytree(work / "run" / "model", SHIPPED / NAME)
    shutil.rmtree(BANKS / NAME, ignore_errors=True)
    shutil.copytree(work / "bank", BANKS / NAME)
    draw_films(work / "drawn")
    size = sum(file.stat().st_size for file in (SHIPPED / NAME).rglob("*") if file.is_file())
    print(f"{SHIPPED / NAME}: {size / 1e6:.2f} MB")


def draw_films(work: Path) -> None:
    """Write the eight films, each frontal, of another patient and with other findings."""
    shutil.rmtree(work, ignore_errors=True)
    patients = phantom.write("mimic_cxr", work, studies=40, seed=FILMS_SEED, size=FILM_PIXELS)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    entries = []
    for study, film in chosen(patients):
        path = next(work.rglob(f"{film.film_id}.jpg"))
        file = f"{len(entries) + 1}.png"
        Image.fromarray(read_image(path).array).save(FOLDER / file, optimize=True)
        present = [name for name in CHEXPERT if study.states.get(name) == 1]
        report = " ".join(sentence.text for sentence in study.sentences)
        entries.append({"file": file, "view": str(film.view), "report": report, "present": present})
    write_record({"films": entries}, FOLDER / FACTS)


def chosen(patients: list[PatientTruth]) -> list[tuple[StudyTruth, object]]:
    """The first study of each patient with a frontal film whose set of findings no earlier one has."""
    found, seen = [], set()
    for patient in patients:
        study = patient.studies[0]
        present = frozenset(name for name, state in study.states.items() if state == 1)
        frontal = [film for film in study.films if View(film.view).is_frontal]
        if study.report is not None and frontal and present and present not in seen:
            seen.add(present)
            found.append((study, frontal[0]))
    return found[:FILMS]


def measure(work: Path) -> None:
    """Evaluate the model in the package on phantoms of another seed, and write the tables of docs/nano.md."""
    work.mkdir(parents=True, exist_ok=True)
    for words in commands("measure"):
        run(words, work)
    rows = []
    for task, names in HEADLINES.items():
        metrics = {
            one["name"]: one for one in read_document(work / task)["metrics"] if not one.get("subgroup")
        }
        rows += [row(metrics[name]) for name in names]
    table = "\n".join(["| score | nano | baselines | n |", "|---|---|---|---|", *rows])
    marked = r"(?s)(<!-- scores -->\n).*?(<!-- end of scores -->)"
    PAGE.write_text(re.sub(marked, rf"\g<1>{table}\n\g<2>", PAGE.read_text("utf-8")), encoding="utf-8")
    print(table)


def row(metric: dict[str, Any]) -> str:
    """A score of `results.json` with its interval, and the baselines with theirs."""
    shown = []
    for name, value in metric["baselines"].items():
        ends = metric["baseline_intervals"].get(name, (None, None))
        shown.append(f"{trivial(name).title} {number(value)} {interval(*ends)}")
    title = f"{metric['group']}: {metric['title']}" if metric.get("group") else metric["title"]
    own = f"{number(metric['value'])} {interval(metric['low'], metric['high'])}"
    return f"| {title} | {own} | {', '.join(shown)} | {metric['n']} |"


if __name__ == "__main__":
    {"make": make, "measure": measure}[sys.argv[1]](Path(sys.argv[2]).resolve())
