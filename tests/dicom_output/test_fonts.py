"""Every character of a text is drawn, or replaced and said so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plainfilm.dicom_output import fonts
from plainfilm.dicom_output.annotations import Annotation, Answer, FilmResults
from plainfilm.dicom_output.fonts import REPLACEMENT, fitting_font
from plainfilm.dicom_output.secondary_capture import picture
from tests.dicom_output.films import ALGORITHM

CHINESE = "左側肋膜積液。"
GREY = np.full((300, 400), 90, np.uint8)


def pictured(text: str) -> np.ndarray:
    return picture(GREY, FilmResults((Annotation(Answer("report", 1), sentence=text),)), ALGORITHM)


def chinese_font() -> fonts.FittingFont:
    found = fitting_font([CHINESE])
    if found.missing:
        pytest.skip("no font with Chinese characters is here: apt-get install fonts-noto-cjk")
    return found


def test_the_font_that_comes_along_is_taken_where_it_has_every_character() -> None:
    for text in ("Pleural effusion", "Плевральный выпот", "Überblähung, naïve ≥ 2 µm"):
        found = fitting_font([text])
        assert found.path.stem == "DejaVuSans"
        assert not found.missing


def test_chinese_characters_are_drawn_and_differ_from_each_other() -> None:
    font = chinese_font().of_size(24)
    shapes = [bytes(font.getmask(one)) for one in CHINESE]
    empty = bytes(font.getmask("\U0010fffd"))
    assert len(set(shapes)) == len(set(CHINESE))
    assert empty not in shapes


def test_a_long_chinese_sentence_is_broken_within_the_picture() -> None:
    chinese_font()
    short, long = pictured(CHINESE), pictured(CHINESE * 20)
    assert long.shape[0] > short.shape[0] + 60
    assert (long[:, -4:] == long[-1, -1]).all(axis=2)[300:].all()


def test_a_word_that_is_wider_than_the_picture_is_cut() -> None:
    long = pictured("x" * 400)
    assert (long[:, -4:] == long[-1, -1]).all(axis=2)[300:].all()
    assert long.shape[0] > pictured("x").shape[0] + 60


def test_characters_that_no_font_has_are_replaced_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_of_system", lambda: (Path("/no/such/font.ttf"),))
    found = fitting_font([CHINESE, "effusion"])
    assert found.missing == set(CHINESE)
    assert found.drawable("積液 effusion") == f"{REPLACEMENT * 2} effusion"
    assert pictured(CHINESE).shape[0] > pictured("abcdefg").shape[0]  # a line more, which says so


def test_a_file_that_is_no_font_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "damaged.ttf").write_bytes(b"\0\1\0\0" + b"x" * 100)
    monkeypatch.setattr(fonts, "_of_system", lambda: (tmp_path / "damaged.ttf",))
    assert fitting_font([CHINESE]).path.stem == "DejaVuSans"
