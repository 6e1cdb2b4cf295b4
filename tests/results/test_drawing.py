"""Names in figures: in a font that has their letters, never as boxes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from plainfilm.results.drawing import legible


@pytest.fixture
def fonts(monkeypatch):
    """Two fonts: the usual one with Latin letters, and whatever a test adds."""
    from matplotlib import font_manager

    charmaps = {"usual": dict.fromkeys(range(32, 127)), "resort": dict.fromkeys(range(100_000))}
    installed = [SimpleNamespace(name="Last Resort", fname="resort")]
    monkeypatch.setattr(font_manager, "findfont", lambda name: "usual")
    get_font = lambda path: SimpleNamespace(get_charmap=lambda: charmaps[path])  # noqa: E731
    monkeypatch.setattr(font_manager, "get_font", get_font)
    monkeypatch.setattr(font_manager, "fontManager", SimpleNamespace(ttflist=installed))

    def add(name, letters):
        charmaps[name] = {ord(letter): 0 for letter in letters}
        installed.append(SimpleNamespace(name=name, fname=name))

    return add


def test_latin_names_are_in_the_usual_font(fonts):
    assert legible(["Edema"]).families == ("DejaVu Sans",)


def test_chinese_names_are_in_a_font_that_has_them(fonts):
    fonts("Half", "氣")
    fonts("Whole", "氣胸")
    found = legible(["氣胸 (29)", "Edema"])
    assert (found.texts, found.families) == (("氣胸 (29)", "Edema"), ("DejaVu Sans", "Whole"))


def test_without_such_a_font_names_are_numbers(fonts):
    fonts("Half", "氣")
    found = legible(["氣胸", "Edema"])
    assert (found.texts, found.are_numbers) == (("1", "2"), True)


def test_the_fonts_of_this_machine_are_asked():
    assert legible(["Lung Opacity"]).texts == ("Lung Opacity",)
