"""`plainfilm predict` as a person types it."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from plainfilm.cli.main import run


@pytest.fixture
def films(small_world, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for number, path in enumerate(small_world.table("images")["path"].to_pylist()[:2]):
        (folder / f"{number}.jpg").write_bytes(small_world.image_path(path).read_bytes())
    return folder


def documents(capsys):
    return json.loads(capsys.readouterr().out)


def test_the_document_has_the_fields_of_the_contract(tiny_model, films, capsys):
    assert run(["predict", str(tiny_model), str(films), "--json"]) == 0
    found = documents(capsys)
    assert [entry["file"] for entry in found] == [str(films / "0.jpg"), str(films / "1.jpg")]
    fields = {"observation", "probability", "positive_score", "negative_score", "abstains"}
    for entry in found:
        assert fields <= entry["findings"][0].keys()
        assert (entry["find"], entry["boxes"], entry["report"]) == ([], [], None)
        chances = [finding["probability"] for finding in entry["findings"]]
        assert chances == sorted(chances, reverse=True)


def test_a_film_that_cannot_be_read_is_an_entry_and_status_1(tiny_model, films, capsys):
    (films / "0.jpg").write_bytes(b"junk")
    assert run(["predict", str(tiny_model), str(films), "--json"]) == 1
    broken, whole = documents(capsys)
    assert "not an image" in broken["error"]
    assert broken["findings"] == []
    assert whole["findings"]


def test_top_limits_the_lines_and_says_uncalibrated(tiny_model, films, capsys):
    assert run(["predict", str(tiny_model), str(films / "0.jpg"), "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headers = next(place for place, line in enumerate(lines) if "probability" in line)
    assert lines[headers].split() == ["finding", "probability", "decision", "for", "against"]
    assert lines[headers + 1].strip() == "not calibrated:"
    assert len(lines[headers + 2 :]) == 3
    assert len({line.rindex(".") for line in lines[headers + 2 :]}) == 1  # numbers are in columns


def test_the_table_has_a_row_per_film_and_observation(tiny_model, films, tmp_path):
    (films / "0.jpg").write_bytes(b"junk")
    table = tmp_path / "out.csv"
    words = ["predict", str(tiny_model), str(films), "--prompts", "cgmh", "--csv", str(table)]
    assert run(words) == 1
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert "not an image" in rows[0]["error"]
    assert {row["file"] for row in rows[1:]} == {str(films / "1.jpg")}
    assert "Pneumothorax" in {row["observation"] for row in rows}


def test_a_table_that_exists_is_not_replaced(tiny_model, films, tmp_path, capsys):
    table = tmp_path / "out.csv"
    table.write_text("corrected by hand", encoding="utf-8")
    assert run(["predict", str(tiny_model), str(films), "--csv", str(table)]) == 2
    assert "out.csv: exists already" in capsys.readouterr().err
    assert table.read_text(encoding="utf-8") == "corrected by hand"


def test_the_first_byte_of_a_folder_s_hidden_files_is_not_read(tiny_model, films, capsys):
    (films / ".DS_Store").write_bytes(b"junk")
    assert run(["predict", str(tiny_model), str(films), "--json"]) == 0
    assert len(documents(capsys)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "MODEL", "EMPTY"], "no film in"),
        (["predict", "MODEL", "FILM", "--prompts", "cxrr"], "did you mean 'cxr'"),
        (["predict", "EMPTY", "FILM"], "not a model folder"),
        (["predict", "RUN", "FILM"], "it is the folder of a run, whose best model is"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(words, message, tiny_model, films, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    shutil.copytree(tiny_model, tmp_path / "run" / "model")
    places = {"MODEL": tiny_model, "EMPTY": tmp_path / "empty", "FILM": films / "0.jpg"}
    places["RUN"] = tmp_path / "run"
    assert run([str(places.get(word, word)) for word in words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_denials_films_are_ranked_by_what_all_prompts_have(tiny_model, films, tmp_path, capsys):
    pack = {name: {"pos": [f"{name}."], "neg": [""]} for name in ("Edema", "Mass", "Fracture", "Effusion")}
    pack["Fracture"]["neg"] = ["No fracture."]
    (tmp_path / "pack.json").write_text(json.dumps(pack))
    (tmp_path / "texts.json").write_text(json.dumps(["Edema.", "Mass.", "Effusion.", "A fracture."]))
    for name in ("pack.json", "texts.json"):
        words = [
            "predict",
            str(tiny_model),
            str(films / "0.jpg"),
            "--prompts",
            str(tmp_path / name),
            "--json",
        ]
        assert run(words) == 0
        [entry] = documents(capsys)
        scores = [finding["positive_score"] for finding in entry["findings"]]
        assert len(scores) == 4
        assert scores == sorted(scores, reverse=True)


def test_a_study_is_one_entry_with_its_films_and_report(tiny_study_model, films, capsys):
    words = ["predict", str(tiny_study_model), str(films / "0.jpg"), str(films / "1.jpg"), "--study"]
    assert run([*words, "--view", "PA", "--view", "LATERAL", "--report", "--json"]) == 0
    [entry] = documents(capsys)
    assert entry["file"] == str(films / "0.jpg")
    assert [(one["file"], one["view"]) for one in entry["films"]] == [
        (str(films / "0.jpg"), "PA"),
        (str(films / "1.jpg"), "LATERAL"),
    ]
    assert entry["findings"]
    assert entry["report"].keys() == {"sentences"}


def test_each_folder_of_films_is_a_study_and_a_broken_film_is_left_out(
    tiny_study_model, films, tmp_path, capsys
):
    for name, count in (("a", 2), ("b", 1), ("c", 1)):
        (tmp_path / "studies" / name).mkdir(parents=True)
        for number in range(count):
            data = (films / f"{number}.jpg").read_bytes()
            (tmp_path / "studies" / name / f"{number}.jpg").write_bytes(data)
    (tmp_path / "studies" / "a" / "1.jpg").write_bytes(b"junk")
    (tmp_path / "studies" / "c" / "0.jpg").write_bytes(b"junk")
    (tmp_path / "studies" / "report.txt").write_text("No effusion.")
    assert run(["predict", str(tiny_study_model), str(tmp_path / "studies"), "--study", "--json"]) == 1
    first, second, third = documents(capsys)
    assert ["error" in one for one in first["films"]] == [False, True]
    assert first["findings"]
    assert "error" not in first
    assert second["findings"]
    assert "no film of this study is usable" in third["error"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--study", "--find", "effusion"],
            "--find, --box and --map ask about a single film: leave --study out",
        ),
        (["--study", "--view", "PA"], "--view: 1 views for 0 files; give one for each film of one study"),
        (["--view", "PA"], "--view states the views of the films of one study: give --study too"),
    ],
)
def test_questions_that_do_not_fit_a_study(words, message, tiny_study_model, films, capsys):
    assert run(["predict", str(tiny_study_model), str(films), *words]) == 2
    assert message in capsys.readouterr().err


def test_maps_are_pictures_with_their_numbers(tiny_model, films, tmp_path, capsys):
    words = ["predict", str(tiny_model), str(films), "--map", "heart", "--map", "effusion", "--json"]
    assert run([*words, "--out", str(tmp_path / "maps")]) == 0
    printed = documents(capsys)
    written = json.loads((tmp_path / "maps" / "maps.json").read_text())
    assert written["model"] == "tiny"
    for entry, film in zip(printed, written["films"], strict=True):
        assert film["file"] == entry["file"]
        assert [one["text"] for one in entry["maps"]] == ["heart", "effusion"]
        numbers = [{**one} for one in film["maps"]]
        assert all((tmp_path / "maps" / one.pop("picture")).is_file() for one in numbers)
        assert numbers == entry["maps"]
    assert run([*words[:-1], "--out", str(tmp_path / "maps")]) == 0
    assert "map of heart: film " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["--map", "heart"], ["--out", "maps"], ["--study", "--map", "heart", "--out", "maps"]]
)
def test_a_map_needs_a_folder_and_a_single_film(words, tiny_model, films, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["predict", str(tiny_model), str(films), *words]) == 2
    assert "--map" in capsys.readouterr().err
    assert not (tmp_path / "maps").exists()


def test_a_model_without_texts_has_no_maps(tiny_classifier, films, tmp_path, capsys):
    words = ["--map", "heart", "--out", str(tmp_path / "maps")]
    assert run(["predict", str(tiny_classifier), str(films), *words]) == 2
    assert "does not compare the patches of films with texts" in capsys.readouterr().err
    assert not (tmp_path / "maps").exists()
