"""Files that ask for far more memory or time than they have bytes, by what they are."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.io.dicom.maker import dataset, film

Make = Callable[[Path], None]

MILLION = 1_000_000
TEXTS = {
    "no": "no ",
    "stops": "a.b.",
    "and": "no effusion and ",
    "or": "or ",
    "digits": "1234567890",
    "one letter": "a",
    "capitals": "ABCDEFGHIJ",
    "brackets": "(",
    "pairs of brackets": "() ",
    "new lines": "a\n",
    "blank lines": " \n",
    "headings": "FINDINGS: ",
    "lines of headings": "IMPRESSION:\nFINDINGS:\n",
    "lists": "\n1) a",
    "dates": "12/12/2020 ",
    "addresses": "a@b.c ",
    "names": "Dr. Smith ",
    "ages": "95 year old ",
    "placeholders": "XXXX ___ ",
    "chinese": "無肋膜積液。",
    "accents": "e\u0301",
    "commas": "no effusion, ",
    "questions": "is it? ",
}
"""What a report of a million characters may repeat."""


def long_text(piece: str, length: int = MILLION) -> str:
    """`piece` again and again."""
    return (piece * (length // len(piece) + 1))[:length]


def table(folder: Path, rows: Iterable[str], header: str = "image,patient,report") -> None:
    """A CSV in `folder`, with a film beside it that can be used."""
    usable = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(usable).save(folder / "f.png")
    (folder / "t.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def packed_table(row: str, count: int) -> Make:
    """A table of `count` equal rows in a gzip file."""

    def make(folder: Path) -> None:
        with gzip.open(folder / "t.csv.gz", "wb", 9) as stream:
            stream.write(b"image,patient,report\n")
            for _ in range(count // 100_000):
                stream.write(f"{row}\n".encode() * 100_000)

    return make


def cell(content: str, header: str = "image,patient,report") -> Make:
    """A table of one row that begins with a quoted cell."""
    return lambda folder: table(folder, [f'"{content}",1,No effusion.'], header)


def zipped_table(row: bytes, megabytes: int) -> Make:
    """CheXpert's table, in an archive that is small."""

    def make(folder: Path) -> None:
        block = row * ((1 << 20) // len(row))
        with (
            zipfile.ZipFile(folder / "CheXpert-v1.0-small.zip", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("CheXpert-v1.0-small/train.csv", "w", force_zip64=True) as member,
        ):
            member.write(b"Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding\n")
            for _ in range(megabytes):
                member.write(block)

    return make


TABLES: dict[str, tuple[str, Make]] = {
    "gzip of 40 million rows": ("table", packed_table("f.png,1,No effusion is seen", 40 * MILLION)),
    "gzip of 16 million short rows": ("table", packed_table("f,1", 16 * MILLION)),
    "gzip of 40 million blank rows": ("table", packed_table("", 40 * MILLION)),
    "zip member of 4.5 GB of zeros": ("chexpert", zipped_table(b"\0", 4500)),
    "zip member of 100 million rows": ("chexpert", zipped_table(b"f,1\n", 400)),
    "list of 300,000 elements": ("table", cell(str(["f.png"] * 300_000))),
    "list of 9,999 elements": ("table", cell(str([f"{place}.png" for place in range(9_999)]))),
    "list of 5,000 levels": ("table", cell("[" * 5_000 + "'f.png'" + "]" * 5_000)),
    "names joined 300,000 times": ("table", cell("|".join(["Edema"] * 300_000), "labels,image,patient")),
    "json of a million levels": ("coco", lambda folder: _write(folder / "train.json", "[" * MILLION)),
    "json of many empty objects": (
        "coco",
        lambda folder: _write(folder / "train.json", json.dumps({"images": [{}] * MILLION})),
    ),
    "xml of a million levels": ("openi", lambda folder: _write(folder / "1.xml", "<a>" * MILLION)),
}


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def png(width: int, height: int, colour_type: int, bytes_a_pixel: int) -> bytes:
    """A PNG (ISO 15948) of zeros with a last row of sevens, written row by row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packing = zlib.compressobj(9)
    row = bytes(1 + width * bytes_a_pixel)
    packed = [packing.compress(row) for _ in range(height - 1)]
    packed += [packing.compress(b"\0" + b"\7" * (width * bytes_a_pixel)), packing.flush()]
    head = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", b"".join(packed)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture(mode: str, side: int, **options: object) -> bytes:
    """A picture of one colour as Pillow writes it."""
    Image.new(mode, (side, side)).save(buffer := BytesIO(), **options)
    return buffer.getvalue()


def frames(kind: str, count: int) -> bytes:
    """A picture of many different frames."""
    noise = [Image.effect_noise((400, 400), 10 + place).convert("RGB") for place in range(8)]
    rest = [noise[place % 8] for place in range(count)]
    noise[0].save(buffer := BytesIO(), format=kind, save_all=True, append_images=rest)
    return buffer.getvalue()


PICTURES: dict[str, Callable[[], bytes]] = {
    "13,300 px in RGBA": lambda: png(13_300, 13_300, 6, 4),
    "13,300 px in grey": lambda: png(13_300, 13_300, 0, 1),
    "one row of 178 million px": lambda: png(178_000_000, 1, 0, 1),
    "WebP of 16,000 px": lambda: picture("RGB", 16_000, format="WEBP", lossless=True),
    "TIFF of 10,000 px in RGBA": lambda: picture("RGBA", 10_000, format="TIFF", compression="tiff_deflate"),
    "TIFF of 10,000 px of LAB": lambda: picture("LAB", 10_000, format="TIFF", compression="tiff_deflate"),
    "TIFF of 10,000 px of floats": lambda: picture("F", 10_000, format="TIFF", compression="tiff_deflate"),
    "JPEG of 13,000 px in CMYK": lambda: picture("CMYK", 13_000, format="JPEG"),
    "progressive JPEG of 13,000 px": lambda: picture("RGB", 13_000, format="JPEG", progressive=True),
    "TIFF of 3,000 frames": lambda: frames("TIFF", 3_000),
    "WebP of 60 frames": lambda: frames("WEBP", 60),
    "PNG of 60 frames": lambda: frames("PNG", 60),
}


def dicom(syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    """A DICOM film."""
    made = dataset(film())
    made.file_meta.TransferSyntaxUID = syntax
    made.save_as(buffer := BytesIO(), enforce_file_format=True)
    return buffer.getvalue()


def with_element(element: bytes) -> bytes:
    """A DICOM film with an element before its pixels."""
    data = dicom()
    place = data.index(b"\x28\x00\x02\x00")
    return data[:place] + element + data[place:]


def deflated(megabytes: int) -> bytes:
    """A DICOM film that is deflated, with a private element of so many megabytes of zeros before it."""
    plain, head = dicom(), dicom("1.2.840.10008.1.2.1.99")
    start, end = (144 + int.from_bytes(data[140:144], "little") for data in (plain, head))
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x07\x00\x10\x00OB\0\0" + struct.pack("<I", megabytes << 20)
    body = [packing.compress(element), *(packing.compress(bytes(1 << 20)) for _ in range(megabytes))]
    return b"".join([head[:end], *body, packing.compress(plain[start:]), packing.flush()])


_ITEM = b"\xfe\xff\x00\xe0\0\0\0\0"
_OPEN, _END = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0"

DICOM: dict[str, Callable[[], bytes]] = {
    "3 million empty items": lambda: with_element(_OPEN + _ITEM * 3 * MILLION + _END),
    "3 million items of a stated length": lambda: with_element(
        b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", 24 * MILLION) + _ITEM * 3 * MILLION
    ),
    "20,000 levels": lambda: with_element((_OPEN + _ITEM[:4] + b"\xff\xff\xff\xff") * 20_000),
    "3 million elements": lambda: with_element(
        b"".join(struct.pack("<HH2sH", 9, 0x1000 + place % 0xE000, b"LO", 0) for place in range(3 * MILLION))
    ),
    "100 million values": lambda: with_element(
        b"\x08\x00\x60\x10UT\0\0" + struct.pack("<I", 200 * MILLION) + b"1\\" * 100 * MILLION
    ),
    "deflated, 2.5 GB": lambda: deflated(2_400),
}
