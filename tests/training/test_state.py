"""The state on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from plainfilm.errors import ModelError
from plainfilm.training.state import Parts, Position, load_state, save_state, seeded_torch


def parts(width: int = 3) -> Parts:
    model = nn.Linear(width, 2)
    return Parts(model, nn.BatchNorm1d(2), torch.optim.AdamW(model.parameters(), lr=0.1))


def stepped() -> Parts:
    made = parts()
    made.model(torch.ones(1, 3)).sum().backward()
    made.optimizer.step()
    return made


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    saved, loaded = stepped(), parts()
    position = Position(epoch=2, batch=5, step=17, best=0.25, best_step=12, worse=1)
    save_state(tmp_path / "state.pt", position, saved)
    assert load_state(tmp_path / "state.pt", loaded) == position
    assert torch.equal(saved.model.weight, loaded.model.weight)
    first, second = saved.optimizer.state_dict()["state"], loaded.optimizer.state_dict()["state"]
    assert torch.equal(first[0]["exp_avg_sq"], second[0]["exp_avg_sq"])


def test_a_full_disk_is_one_line_and_keeps_the_old_state(tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    save_state(file, Position(step=1), stepped())
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path\n"
        "from plainfilm.errors import DataError\n"
        "from plainfilm.training.state import Position, save_state\n"
        "from tests.training.test_state import stepped\n"
        "made, limits = stepped(), resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))\n"
        f"try: save_state(Path({str(file)!r}), Position(step=2), made)\n"
        "except DataError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "state.pt: cannot be written" in found.stdout, found.stderr
    assert load_state(file, parts()).step == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", Position(), stepped())
    whole = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"state.pt: not a state of this run"):
        load_state(tmp_path / "state.pt", parts())


def test_another_shape_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", Position(), stepped())
    with pytest.raises(ModelError, match="not a state of this run"):
        load_state(tmp_path / "state.pt", parts(width=4))


def test_a_pickle_bomb_does_not_go_off(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"position": Bomb()}, tmp_path / "state.pt")
    with pytest.raises(ModelError, match="not a state of this run"):
        load_state(tmp_path / "state.pt", parts())
    assert not (tmp_path / "exploded").exists()


def test_seeded_torch_repeats_and_leaves_no_trace() -> None:
    before = torch.random.get_rng_state()
    drawn = []
    for _ in range(2):
        with seeded_torch(0, "weights"):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.random.get_rng_state())
