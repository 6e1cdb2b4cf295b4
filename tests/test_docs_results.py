"""Commands of the pages run to their result, on small phantoms in place of the corpora that they name.

A folder that a page names stands for the corpus that it is called after; films are small and studies few.
Commands that train, download or import are run by other tests; so are pages with the line `<!-- run -->`.
"""

from __future__ import annotations

import functools
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from plainfilm import plugins
from plainfilm.cli.main import run
from plainfilm.collection import Collection
from tests.test_docs import RUN_PAGES, SHELL_COMMANDS

pytestmark = pytest.mark.slow

VERBS = (
    "prepare",
    "info",
    "audit",
    "label",
    "convert",
    "embed",
    "retrieve",
    "evaluate",
    "predict",
    "phantom",
    "prompts",
)
CORPORA = {
    **dict.fromkeys(("films", "collection", "mimic", "real"), "mimic_cxr"),
    **dict.fromkeys(("two", "unseen", "labelled", "mimic-layout"), "mimic_cxr"),
    **dict.fromkeys(("ms_cxr", "ms-cxr"), "ms_cxr"),
    **dict.fromkeys(("chexpert", "other-site", "other-films"), "chexpert"),
    **dict.fromkeys(("nih", "nih14"), "nih14"),
    **{
        "imagenome": "imagenome",
        "vindr": "vindr_cxr",
        "vindr_cxr": "vindr_cxr",
        "five": "chexpert5x200",
        "rsna": "rsna",
        "siim": "siim",
        "openi": "openi",
        "cgmh": "cgmh",
    },
}
"""What the folders of collections on the pages hold."""

OWN = "needs a file of the reader's own"
REPOSITORY = Path(__file__).parent.parent
ELSEWHERE = ("/lustre/", "s3://")
MISSING = {"covid", "shards", "--model", "--sr", "label_origin=vindr_cxr/consensus"}
"""Real corpora, packed films, several models, films with the identifiers of an archive, readers' labels."""
COMMANDS = sorted(
    {
        line
        for page, line in SHELL_COMMANDS
        if page not in RUN_PAGES and page.name != "cgmh.zh-TW.md" and line.split()[1] in VERBS
    }
)


class World:
    """Small phantoms of every corpus, and what is made of them."""

    def __init__(self, root: Path, models: Mapping[str, Path], own: Path) -> None:
        self._root, self.own = root, own
        # Copies, because operating points are stored in the folder of a model.
        copies = {name: shutil.copytree(one, root / "models" / name) for name, one in models.items()}
        self.model, self.classifier = copies["model"], copies["classifier"]
        self.region, self.writer = copies["region"], copies["writer"]
        self.raw = functools.cache(self._raw)
        self.collection = functools.cache(self._collection)
        self.bank = functools.cache(self._bank)

    def _raw(self, source: str) -> Path:
        raw = self._root / "raw" / source
        _ok("phantom", source, "--out", str(raw), "--studies", "40", "--seed", "5", "--size", "64")
        return raw

    def _collection(self, source: str) -> Path:
        made = self._root / "collections" / source
        _ok("prepare", source, str(self.raw(source)), "--out", str(made), "--size", "64", "--workers", "1")
        if source == "mimic_cxr":
            _ok("label", str(made), "--workers", "1")
        return made

    def _bank(self) -> Path:
        bank = self._root / "bank"
        words = ("--what", "sentences", "--out", str(bank))
        _ok("embed", str(self.model), str(self.collection("mimic_cxr")), *words)
        return bank


def _ok(*words: str) -> None:
    assert run(list(words)) == 0, shlex.join(words)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model: Path,
    tiny_classifier: Path,
    tiny_region_model: Path,
    tiny_writer: Path,
    small_world: Collection,
) -> World:
    models = {
        "model": tiny_model,
        "classifier": tiny_classifier,
        "region": tiny_region_model,
        "writer": tiny_writer,
    }
    return World(tmp_path_factory.mktemp("world"), models, small_world.path)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_gives_its_result(
    line: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, verb, *words = shlex.split(line)
    if any(word.startswith(ELSEWHERE) for word in words):
        pytest.skip("needs storage or a cluster: test_object_storage.py, test_cluster.py")
    if {*words} & MISSING:
        pytest.skip(OWN)
    words = FILL[verb](_small(words), world, tmp_path)
    monkeypatch.chdir(tmp_path)
    # `audit` answers with 1 where collections share films, as phantoms of one seed do.
    assert run([verb, *words]) in ((0, 1) if verb == "audit" else (0,)), shlex.join(words)
    if "--out" in words:
        assert Path(words[words.index("--out") + 1]).exists()


def _small(words: list[str]) -> list[str]:
    """The same command on less."""
    kept = list(words)
    for option, value in (("--size", "64"), ("--studies", "16")):
        if option in kept:
            kept[kept.index(option) + 1] = value
    return kept


def _corpus(name: str, world: World) -> str:
    """The collection that a word of a page names, or the word."""
    return str(world.collection(CORPORA[name])) if name in CORPORA else name


def _prepare(words: list[str], world: World, folder: Path) -> list[str]:
    source, raw_name, *rest = words
    if source not in plugins.names("phantom layout") or source == "table":
        pytest.skip(OWN)
    raw = world.raw(source)
    inside = next((path for path in sorted(raw.rglob(Path(raw_name).name))), raw)
    for place, word in enumerate(rest):
        key, _, value = word.partition("=")
        if key in ("images", "without", "splits", "sections", "reports") or key.startswith("lists"):
            rest[place] = f"{key}={_present(value, raw)}" if value not in SPLITS else word
        if rest[place - 1] == "--key":
            (folder / word).write_text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c\n")
    return [source, str(inside), *rest, "--workers", "1"]


SPLITS = ("official", "cxr_clip", "chex")


def _present(value: str, raw: Path) -> Path:
    """A file that a page names, where the phantom of the corpus has it."""
    found = next(iter(sorted(raw.rglob(Path(value).name))), None)
    if found is None:
        pytest.skip(f"{OWN}: {value}")
    return found


def _of_collections(words: list[str], world: World, folder: Path) -> list[str]:
    return [_corpus(word, world) for word in words]


def _prompts(words: list[str], world: World, folder: Path) -> list[str]:
    """A pack may have the name of a collection."""
    return [
        _corpus(word, world) if earlier == "--collection" else word
        for earlier, word in zip(["", *words], words, strict=False)
    ]


def _label(words: list[str], world: World, folder: Path) -> list[str]:
    if any(word.endswith(".yaml") for word in words):
        pytest.skip(OWN)
    (folder / "report.txt").write_text("FINDINGS: No effusion.\n")
    (folder / "reports.csv").write_text("report,findings,impression\nNo edema.,No effusion.,Normal.\n")
    if words[0] in CORPORA:
        shutil.copytree(_corpus(words[0], world), folder / "copy")
        return [str(folder / "copy"), *words[1:]]
    return words


def _convert(words: list[str], world: World, folder: Path) -> list[str]:
    nih = any(word == "origin=nih14" for word in words)
    return [str(world.collection("nih14")) if nih else _corpus(words[0], world), *words[1:]]


def _embed(words: list[str], world: World, folder: Path) -> list[str]:
    return [str(world.model), _corpus(words[1], world), *words[2:]]


def _retrieve(words: list[str], world: World, folder: Path) -> list[str]:
    return [str(world.model), str(world.bank()), *_films(words[2:], world, folder)]


ASKED_OF_REGIONS = ("chex", "grounding", "detection", "region_classification", "region_explanation")


def _evaluate(words: list[str], world: World, folder: Path) -> list[str]:
    task, _, collection, *rest = words
    model = world.classifier if task == "classification" else world.model
    if task in ASKED_OF_REGIONS or task == "report_generation":
        model = world.writer if task == "report_generation" else world.region
        trusted = ["--trust-code"] if model == world.writer else []
        return [task, str(model), *(_corpus(word, world) for word in words[2:]), "resamples=100", *trusted]
    if task == "classification":  # the classifier of the tests knows what ChestX-ray14 is labelled with
        collection, rest = "nih14", [word for word in rest if not word.startswith("labels=")]
    # A reader's own films have labels of one origin; those of MIMIC-CXR have several, to be chosen from.
    own = collection in ("films", "collection") and task != "retrieval"
    if own and "save_operating_points=true" in rest:
        pytest.skip("no validation split here; tests/tasks/test_zero_shot.py stores points")
    path = str(world.own) if own else _corpus(collection, world)
    return [task, str(model), path, *rest, "resamples=100"]


def _predict(words: list[str], world: World, folder: Path) -> list[str]:
    prompts = [] if any(word == "--prompts" for word in words) else ["--prompts", "chexpert"]
    asked = {"--find", "--box", "--report"} & {*words}
    model = world.region if asked else world.model
    return [str(model), *_films(words[1:], world, folder), *prompts]


def _films(words: list[str], world: World, folder: Path) -> list[str]:
    """Films where a page names some."""
    film = next((world.collection("mimic_cxr") / "images").rglob("*.jpg"))
    for name in ("film.jpg", "image.jpg"):
        shutil.copy(film, folder / name)
    for name in ("film.png", "demo/films/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(film).resize((520, 640)).save(folder / name)
    (folder / "folder-of-films").mkdir(exist_ok=True)
    shutil.copy(film, folder / "folder-of-films" / "a.jpg")
    dicom = next(world.raw("mimic_cxr_dicom").rglob("*.dcm"))
    for name in ("other.dcm", "film.dcm", "folder-of-dicom/a.dcm"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(dicom, folder / name)
    return words


FILL = {
    "prepare": _prepare,
    "info": _of_collections,
    "audit": _of_collections,
    "label": _label,
    "convert": _convert,
    "embed": _embed,
    "retrieve": _retrieve,
    "evaluate": _evaluate,
    "predict": _predict,
    "phantom": lambda words, world, folder: [
        str(REPOSITORY / words[0]) if "/" in words[0] else words[0],
        *words[1:],
    ],
    "prompts": _prompts,
}
"""Puts what a verb needs in place of what a page calls it."""
