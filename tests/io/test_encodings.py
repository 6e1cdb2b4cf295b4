from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.io.encodings import find_encoding

CHINESE = "影像,报告\na.png,胸部正位片示双肺纹理清晰，未见明显异常。\nb.png,左侧胸腔积液\n"
TAIWAN = "影像,報告\na.png,胸部X光顯示雙側肺紋理增加，心臟擴大。\nb.png,左側胸腔積液\n"
JAPANESE = "画像,所見\na.png,両側肺野に異常陰影を認めない。\nb.png,左胸水あり\n"
KOREAN = "영상,소견\na.png,양측 폐야에 이상 소견 없음.\nb.png,좌측 흉수\n"
RUSSIAN = "снимок,описание\na.png,Лёгкие без очаговых изменений.\n"
GERMAN = "Bild,Befund\na.png,Größe normal, für Überwachung, 3 µm, 5°\n"
FRENCH = "image,compte rendu\na.png,Pas d’épanchement – œdème à gauche\n"


def encoding(data: bytes, block: int = 1 << 20) -> str:
    blocks = (data[place : place + block] for place in range(0, len(data), block))
    return find_encoding(Path("t.csv"), blocks).name


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("text", [CHINESE, TAIWAN, JAPANESE, KOREAN, RUSSIAN, GERMAN, FRENCH, "a,b\n1,2\n"])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_utf8_with_and_without_a_mark_in_blocks_of_any_size(name: str, text: str, block: int) -> None:
    assert encoding(text.encode(name), block) == "utf-8-sig"


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_without_a_mark_too(name: str) -> None:
    data = GERMAN.encode(name)
    assert data.decode(encoding(data)).lstrip("\ufeff") == GERMAN


@pytest.mark.parametrize("text", [GERMAN, FRENCH, "a,b\n1,Señor Muñoz\n", "n\nÉ\n", "n\nSjögren, Åse\n"])
def test_western_words_are_read_as_windows_1252_with_a_note(text: str) -> None:
    found = find_encoding(Path("t.csv"), [text.encode("cp1252")])
    assert found.name == "cp1252"
    assert found.note is not None
    assert "read as Windows-1252" in found.note


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gb18030", CHINESE, "GB18030"),
        ("big5", TAIWAN, "Big5"),
        ("cp932", JAPANESE, "CP932"),
        ("euc_jp", JAPANESE, "EUC-JP"),
        ("cp949", KOREAN, "CP949"),
        ("cp1251", RUSSIAN, "CP1251"),
        ("koi8_r", RUSSIAN, "KOI8-R"),
        ("cp1253", "a\nΔεν υπάρχουν ευρήματα\n", "CP1253"),
        ("cp1255", "a\nללא ממצאים\n", "CP1255"),
        ("cp1256", "a\nلا توجد علامات\n", "CP1256"),
        ("cp874", "a\nไม่พบความผิดปกติ\n", "CP874"),
        ("mac_roman", "a\nGröße normal, für Überwachung, é\n", "MAC-ROMAN"),
        ("cp850", "a\nGröße normal, für Überwachung\n", "CP850"),
        ("cp1250", "a\nPłuca bez zmian ogniskowych, serce niepowiększone\n", "CP1250"),
    ],
)
def test_other_encodings_are_named_and_not_read(name: str, text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"not UTF-8: the text looks like .*{said}.*; save it as CSV UTF-8"):
        encoding(text.encode(name))


def test_a_single_name_in_another_encoding_is_not_read_as_western() -> None:
    with pytest.raises(DataError, match="line 3 is not UTF-8: the text looks like GB18030"):
        encoding(b"path,patient\na.png,p1\nb.png," + "病人三".encode("gbk") + b"\n")


def test_a_stray_byte_in_a_file_of_utf8_is_named_by_its_line() -> None:
    data = b"id\n" + "é\n".encode() * 800_000 + b"\xe9\n"
    with pytest.raises(DataError, match="line 800002 is not UTF-8, though what stands before it is"):
        encoding(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"PK\x03\x04" + b"\0" * 22 + b"[Content_Types].xml" + b"\0" * 9,
            r"an Excel workbook \(.xlsx\); save it as",
        ),
        (b"PK\x03\x04" + b"\0" * 26 + b"films.csv", "a zip archive; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 9, r"an old Excel workbook \(.xls\)"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "a web page or XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "a web page or XML"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"%PDF-1.4", "a PDF file"),
        (b"\x89PNG\r\n", "an image"),
        (b"\x1f\x8b\x08", "packed with gzip twice"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"t.csv: is no CSV but {said}"):
        encoding(data)


def test_nul_bytes_here_and_there_are_no_text() -> None:
    with pytest.raises(DataError, match="holds NUL bytes"):
        encoding(b"a,b\n1,\0\0\n2,3\n")


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("a,b\n1,2\n", "none"),
        ('a,b\n"1","2 ""x"", y"\n"",""\n', "regular"),
        ('"a";"b"\r\n"1 2";3', "regular"),
        ('a,b\n1,"x\ny"\n', "odd"),
        ('a,b\n1,"x\n2,y\n', "odd"),
        ('a,b\n1,"x\n2,"y"\n', "odd"),
        ('a,b\n1,5" tube\n', "odd"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_quotes_are_regular_where_each_opens_or_closes_a_cell(text: str, quotes: str, block: int) -> None:
    data = text.encode()
    blocks = (data[place : place + block] for place in range(0, len(data), block))
    assert find_encoding(Path("t.csv"), blocks).quotes == quotes
