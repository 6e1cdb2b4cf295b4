from __future__ import annotations

from plainfilm.seeding import generator, stable_hash


def test_the_same_parts_give_the_same_numbers() -> None:
    assert generator(1, "crop").random() == generator(1, "crop").random()


def test_other_parts_give_other_numbers() -> None:
    assert generator(1, "crop").random() != generator(2, "crop").random()
    assert stable_hash("ab", "c") != stable_hash("a", "bc")


def test_the_hash_is_fixed_for_all_time_and_fits() -> None:
    assert stable_hash("patient", 7) == stable_hash("patient", "7")
    assert 0 <= stable_hash("x", bits=8) < 256


def test_text_that_is_not_valid_unicode_is_hashed() -> None:
    assert stable_hash("\ud800") > 0
