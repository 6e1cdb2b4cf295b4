"""Opening a file of `torch.save` that may be anything: nothing of it runs, one line says what is wrong."""

from __future__ import annotations

import argparse
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm.errors import ModelError
from plainfilm.io.torch_files import INERT, MAPPINGS, MODULE, SEQUENCES, Inert, number, plain, read_published
from plainfilm.seeding import generator
from tests.checkpoints.published import hydra_settings


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[str, str], object], tuple[str, str]]:
        return open, (str(self.target), "w")


def saved(folder: Path, value: object) -> Path:
    torch.save(value, folder / "model.tar")
    return folder / "model.tar"


def with_pickle(folder: Path, pickled: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """A file of `torch.save` whose pickle is another."""
    original, changed = saved(folder, {"a": torch.zeros(2)}), folder / "changed.tar"
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(changed, "w", compression) as target:
        for member in source.infolist():
            is_pickle = member.filename.endswith("data.pkl")
            target.writestr(member.filename, pickled if is_pickle else source.read(member))
    return changed


def test_a_file_that_asks_for_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": {"a": torch.zeros(2)}, "config": Bomb(tmp_path / "ran")})
    with pytest.raises(ModelError, match=r"asks to run 'io.open', which a file of weights has no need of"):
        read_published(path)
    assert not (tmp_path / "ran").exists()


HOSTILE = (
    *("os.system", "posix.system", "subprocess.Popen", "subprocess.run", "runpy._run_code", "io.FileIO"),
    *("builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__", "builtins.open"),
    *("importlib.import_module", "shutil.rmtree", "webbrowser.open", "pickle.loads", "ctypes.CDLL"),
    *("operator.methodcaller", "pathlib.Path.unlink", "socket.socket", "types.FunctionType"),
    *("code.InteractiveConsole", "collections.UserDict", "numpy.testing._private.utils.runstring"),
    *("torch.hub.load", "pip._internal.main", "__main__.run", "run"),
)
"""Functions of anybody, and anything of Python's own library that is not known to be harmless."""


def calling(name: str, argument: bytes = b"X\x01\x00\x00\x00x") -> bytes:
    """The pickle of {"a": NAME(argument)} with the state {"_val": 7}."""
    module, _, attribute = name.rpartition(".")
    called = f"{module}\n{attribute}\n".encode() + argument + b"\x85R"
    return b"\x80\x02}X\x01\x00\x00\x00ac" + called + b"}X\x04\x00\x00\x00_valK\x07sbs."


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_could_run_something_ends_the_reading(tmp_path: Path, name: str) -> None:
    asked = name.replace("builtins.", "")
    with pytest.raises(ModelError, match=f"asks to run '.*{asked}', which") as refused:
        read_published(with_pickle(tmp_path, calling(name)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name", [*INERT, "omegaconf.listconfig.ListConfig", "__main__.Settings", "our.code._Net"]
)
def test_a_name_that_is_let_in_is_never_the_real_one(tmp_path: Path, name: str) -> None:
    found = read_published(with_pickle(tmp_path, calling(name)))["a"]
    assert type(found) is Inert
    assert plain(found) == 7


@pytest.mark.parametrize(
    "name", [*MAPPINGS, "lightning.fabric.utilities.data.AttributeDict", "yacs.config.CfgNode"]
)
def test_containers_of_others_become_dictionaries(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    filled = b"\x80\x02}X\x01\x00\x00\x00ac" + f"{module}\n{attribute}\n".encode()
    filled += b")\x81X\x01\x00\x00\x00bK\x07ss."  # NAME.__new__(NAME), then ["b"] = 7
    found = read_published(with_pickle(tmp_path, filled))["a"]
    assert isinstance(found, dict)
    assert dict(found) == {"b": 7}


@pytest.mark.parametrize("name", SEQUENCES)
def test_containers_of_others_become_lists(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    filled = b"\x80\x02}X\x01\x00\x00\x00ac" + f"{module}\n{attribute}\n".encode() + b"]K\x07a\x85Rs."
    assert read_published(with_pickle(tmp_path, filled))["a"] in ([7], {7})


def test_settings_that_hold_each_other_are_read(tmp_path: Path) -> None:
    config = hydra_settings({"scale": [0.8, 1.1], "named": {"a": None}})
    found = plain(read_published(saved(tmp_path, {"config": config}))["config"])
    assert [plain(value) for value in plain(found["scale"])] == [0.8, 1.1]
    assert plain(plain(found["named"])["a"]) is None


def test_numbers_of_other_libraries_are_numbers(tmp_path: Path) -> None:
    values = {
        "int": 3,
        "float": 0.5,
        "numpy": np.float64(1.25),
        "numpy32": np.float32(1.5),
        "half": np.float16(0.25),
        "big": np.array([7], dtype=">i8")[0],
        "tensor": torch.tensor(15),
        "one": torch.tensor([2.5], dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.tensor(0.75)),
    }
    read = read_published(saved(tmp_path, values))
    assert [number(read[key]) for key in values] == [3, 0.5, 1.25, 1.5, 0.25, 7, 15, 2.5, 0.75]


def test_what_is_no_number_is_none(tmp_path: Path) -> None:
    values = {
        "none": None,
        "text": "3",
        "truth": True,
        "complex": np.complex128(1j),
        "many": torch.zeros(2),
        "array": np.zeros(3),
        "time": np.datetime64("2023-05-01"),
    }
    read = read_published(saved(tmp_path, values))
    assert {number(read[key]) for key in values} == {None}


@pytest.mark.parametrize("state", [b"K\x07", b"}X\x06\x00\x00\x00storedK\x05s", b"(K\x01K\x02t"])
def test_a_number_made_of_nonsense_is_none(tmp_path: Path, state: bytes) -> None:
    kind = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R" + state + b"b"
    pickled = b"\x80\x02}X\x01\x00\x00\x00acnumpy.core.multiarray\nscalar\n" + kind + b"K\x08\x86Rs."
    assert number(read_published(with_pickle(tmp_path, pickled))["a"]) is None


def test_a_whole_module_is_read_without_its_code(tmp_path: Path) -> None:
    read = read_published(
        saved(tmp_path, {"model": torch.nn.Linear(2, 2), "args": argparse.Namespace(side=224)})
    )
    assert type(read["model"]) is Inert
    assert plain(read["args"]) == {"side": 224}


@pytest.mark.parametrize("old", [True, False], ids=["before PyTorch 1.6", "zip"])
def test_a_module_that_was_stored_whole_gives_its_tensors(tmp_path: Path, old: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU())
    module.register_buffer("angles", torch.ones(3), persistent=False)
    torch.save(module, tmp_path / "module.pt", _use_new_zipfile_serialization=not old)
    tensors = read_published(tmp_path / "module.pt")[MODULE]
    expected = module.state_dict()
    assert list(tensors) == list(expected)
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_what_weights_alone_do_not_allow_is_named(tmp_path: Path) -> None:
    filled = b"\x80\x02}X\x01\x00\x00\x00acour.code\nNet\n)\x81X\x01\x00\x00\x00bK\x07ss."
    with pytest.raises(ModelError, match=r"does not take \(Can only SETITEM.*\); have it saved again"):
        read_published(with_pickle(tmp_path, filled))


def test_a_file_that_is_cut_off_at_any_place_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": {"a": torch.arange(5000.0)}, "config": {"b": "c" * 500}})
    whole = path.read_bytes()
    for length in (1, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"(is cut off|is not a checkpoint|damaged)") as refused:
            read_published(path)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("seed", range(40))
def test_a_pickle_with_any_byte_changed_ends_in_an_answer_or_one_line(tmp_path: Path, seed: int) -> None:
    with zipfile.ZipFile(
        saved(tmp_path, {"model": {"a": torch.zeros(2)}, "config": {"b": [1, "c"]}})
    ) as file:
        pickled = bytearray(file.read("model/data.pkl"))
    rng = generator("changed pickle", seed)
    for place in rng.integers(2, len(pickled), 3):
        pickled[place] = rng.integers(256)
    said = ""
    try:
        read_published(with_pickle(tmp_path, bytes(pickled)))
    except ModelError as error:
        said = str(error)
    assert "\n" not in said


def test_a_weight_with_a_wrong_bit_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": {"a": torch.full((100,), 3.5)}})
    content = path.read_bytes()
    place = content.index(torch.tensor(3.5).numpy().tobytes() * 50)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ModelError, match=r"damaged \(checksum of 'model/data/0'\)"):
        read_published(path)


def archive(folder: Path) -> Path:
    with tarfile.open(folder / "model.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("model-best.tar"), io.BytesIO())
    return folder / "model.tar"


def other_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "model.tar", "w") as file:
        file.writestr("films/1.png", b"")
    return folder / "model.tar"


def bytes_of(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "model.tar").write_bytes(content)
        return folder / "model.tar"

    return write


def overlapping(folder: Path) -> Path:
    """A member that says it is a thousand times as long as the file."""
    path = saved(folder, {"a": torch.zeros(2)})
    content = path.read_bytes()
    start = content.rindex(b"PK\x01\x02")
    path.write_bytes(content[: start + 24] + (10**9).to_bytes(4, "little") + content[start + 28 :])
    return path


REFUSED = {
    "missing": (lambda folder: folder / "nowhere.tar", r"nowhere.tar: no such file"),
    "folder": (lambda folder: folder, r"is a folder; name the checkpoint file in it"),
    "empty": (bytes_of(b""), r"is empty; fetch it again"),
    "text": (
        bytes_of(b"<html>not found</html>"),
        r"is not a checkpoint of torch.save$",
    ),
    "pickle": (bytes_of(pickle.dumps({"model": {}})), r"is not a checkpoint of torch.save"),
    "real archive": (archive, r"is an archive of files \(tar\), .*; unpack it and name the file in it"),
    "other zip": (other_zip, r"is a zip archive of other things"),
    "list": (lambda folder: saved(folder, [1, 2]), r"holds list, a checkpoint is a dictionary"),
    "compressed": (
        lambda folder: with_pickle(folder, b"\x80\x02}.", zipfile.ZIP_DEFLATED),
        r"its members are compressed, which torch.save never does",
    ),
    "overlapping": (overlapping, r"claims to hold more than its size"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_a_checkpoint_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ModelError, match=message) as refused:
        read_published(make(tmp_path))
    assert "\n" not in str(refused.value)


def test_tensors_that_claim_more_than_the_file_has_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": {"a": torch.zeros(1000)}})
    with zipfile.ZipFile(path) as file:
        pickled = file.read("model/data.pkl")
    more = pickled.replace((1000).to_bytes(2, "little"), (60000).to_bytes(2, "little"))
    assert more != pickled
    with pytest.raises(ModelError):
        read_published(with_pickle(tmp_path, more))
