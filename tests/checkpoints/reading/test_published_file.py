"""Opening a file of `torch.save` that may be anything: nothing of it runs, one line says what is wrong."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from plainfilm.checkpoints.reading.published_file import (
    INERT,
    Inert,
    named_tensors,
    plain,
    read_published,
)
from plainfilm.errors import ModelError
from plainfilm.seeding import generator
from tests.checkpoints.published import omegaconf_list


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


@pytest.mark.parametrize("name", INERT)
def test_a_name_that_is_let_in_is_never_the_real_one(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    # {"a": module.attribute("x")}, then given a state
    pickled = b"\x80\x02}X\x01\x00\x00\x00ac" + f"{module}\n{attribute}\n".encode()
    pickled += b"X\x01\x00\x00\x00x\x85R}X\x04\x00\x00\x00_valK\x07sbs."
    found = read_published(with_pickle(tmp_path, pickled))["a"]
    assert type(found) is Inert
    assert plain(found) == 7


def test_settings_that_hold_each_other_are_read(tmp_path: Path) -> None:
    with omegaconf_list([0.8, 1.1]) as scale:
        path = saved(tmp_path, {"config": {"scale": scale}})
    found = plain(read_published(path)["config"]["scale"])
    assert [plain(value) for value in found] == [0.8, 1.1]


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
        r"is not a checkpoint of torch.save \(PyTorch 1.6 or later",
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


def test_only_plain_tensors_are_taken_by_name() -> None:
    assert list(named_tensors({"module.a": torch.zeros(1)}, "here")) == ["a"]
    for values in ([1], {}, {"a": 1}, {3: torch.zeros(1)}, {"a": torch.zeros(2).to_sparse()}):
        with pytest.raises(ModelError, match=r"^here: "):
            named_tensors(values, "here")
