"""What the fuzzer starts from: one small good file of every kind that Plainfilm reads, and some bombs."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_LARGEST_REAL = 120_000


def film(height: int = 56, width: int = 44) -> np.ndarray:
    """A smooth film with a little noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 9, (height, width))
    return (40 + rows + 2 * columns + noise).astype(np.uint8)


def images() -> Iterator[bytes]:
    """Grey and coloured, 1 to 32 bits, of every format."""
    grey = Image.fromarray(film())
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(film().astype(np.uint16) * 200)
    yield _saved(grey, "JPEG")
    yield _saved(grey.convert("RGB"), "JPEG", progressive=True)
    yield _saved(grey.convert("CMYK"), "JPEG")
    yield _saved(grey, "JPEG", exif=exif)
    for mode in ("L", "LA", "RGB", "RGBA", "P", "1"):
        yield _saved(grey.convert(mode), "PNG")
    yield _saved(deep, "PNG")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield _saved(grey, "TIFF", compression=compression)
    yield _saved(deep, "TIFF")
    yield _saved(Image.fromarray(film().astype(np.float32)), "TIFF")
    yield _saved(grey, "BMP")
    yield _saved(grey, "WEBP")
    yield _png_bomb()
    yield from _real("originals", (".png", ".jpg"))
    yield from _real("images/openi_nc_nd", (".png",))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    image.save(buffer := BytesIO(), kind, **options)
    return buffer.getvalue()


def _png_bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def _real(folder: str, suffixes: tuple[str, ...]) -> Iterator[bytes]:
    for path in sorted((REAL_DATA / folder).glob("*")):
        if path.suffix in suffixes and path.stat().st_size <= _LARGEST_REAL:
            yield path.read_bytes()


def dicoms() -> Iterator[bytes]:
    """Every transfer syntax, several depths, with and without preamble, and those that come with pydicom."""
    from pydicom.data import get_testdata_file

    from plainfilm.phantom.dicom_files import write_dicom

    with TemporaryDirectory() as folder:
        path = Path(folder, "film.dcm")
        for syntax in ("explicit", "implicit", "big endian", "rle", "jpeg lossless", "jpeg-ls", "jpeg 2000"):
            for bits in (8, 12, 16):
                write_dicom(path, film(), bits_stored=bits, syntax=syntax, spacing_mm=0.2)  # type: ignore[arg-type]
                yield path.read_bytes()
        write_dicom(path, film(), preamble=False)
        yield path.read_bytes()
    names = (
        *("JPGExtended", "SC_rgb_jpeg_dcmtk", "SC_rgb_rle", "SC_rgb_small_odd", "image_dfl"),
        *("SC_ybr_full_422_uncompressed", "examples_palette", "JPEGLSNearLossless_16", "MR_small"),
        *("MR_small_RLE", "J2K_pixelrep_mismatch", "reportsi", "test-SR", "nested_priv_SQ", "no_meta"),
        *("badVR", "UN_sequence", "liver_1frame"),
    )
    for name in names:
        found = get_testdata_file(f"{name}.dcm", download=False)
        if found and Path(found).stat().st_size <= 4 * _LARGEST_REAL:
            yield Path(found).read_bytes()
    yield from _real("originals", (".dcm",))


def csvs() -> Iterator[bytes]:
    """Quotes, several encodings, gzip, list cells."""
    rows = [
        "path,patient_id,study_id,report,labels,view,age,split",
        'a.png,p1,s1,"FINDINGS: No effusion. ""Clear"" lungs.",Edema|Mass,PA,063Y,train',
        "b.png,p2,s2,\"Line one\nline two; caf\u00e9\",\"['Mass', 'Edema']\",AP,40,test",
        "c.png,p2,s3,,,LATERAL,,validate",
    ]
    text = "\n".join(rows) + "\n"
    yield text.encode()
    yield text.replace("\n", "\r\n").encode("utf-8-sig")
    yield text.encode("cp1252")
    yield text.encode("utf-16")
    yield gzip.compress(text.encode() * 20, mtime=0)
    yield gzip.compress(b"path,report\n" + b"a.png," + b"0" * (20 << 20), mtime=0)


def xmls() -> Iterator[bytes]:
    """An Open-i report, and entities that grow."""
    yield (
        b'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR1"/><MedlineCitation><Article>'
        b'<Abstract><AbstractText Label="COMPARISON">None.</AbstractText>'
        b'<AbstractText Label="FINDINGS">Lungs are clear. '
        b"XXXX &amp; normal &lt; 5 mm.</AbstractText></Abstract></Article></MedlineCitation>"
        b'<MeSH><major>normal</major></MeSH><parentImage id="CXR1_1_IM-0001-3001"/></eCitation>'
    )
    entities = '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    yield f'<?xml version="1.0"?><!DOCTYPE a [{entities}]><a>&e11;</a>'.encode()
    yield f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [{entities}]><a>&e11;</a>'.encode("utf-16")
    yield b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><eCitation>&e;</eCitation>'
    yield from _real("reports/openi_xml", (".xml",))


def jsons() -> Iterator[bytes]:
    """COCO boxes, a scene graph, and nesting without end."""
    boxes = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1.5, 2, 30, 40], "label_text": "left effusion"}
    ]
    document = {"images": [{"id": 1, "file_name": "a.jpg", "width": 56, "height": 44}], "annotations": boxes}
    yield json.dumps(document).encode()
    yield json.dumps(
        {"objects": [{"bbox_name": "left lung", "x1": 1, "y1": 2}], "relationships": []}
    ).encode()
    yield b"[" * 50_000
    yield b'{"a": ' * 50_000 + b"1e999"


def zips() -> Iterator[bytes]:
    """Members that are stored, packed, nested, and one that unpacks to 3 GB."""
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(buffer := BytesIO(), "w", compression) as archive:
            archive.writestr("films/a.png", _saved(Image.fromarray(film()), "PNG"))
            archive.writestr("table.csv", "path,report\na.png,Clear.\n")
        yield buffer.getvalue()
    with zipfile.ZipFile(buffer := BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(40 << 20))
    yield buffer.getvalue()


def reports() -> Iterator[bytes]:
    """Sections, lists, abbreviations, another script."""
    yield (
        b"EXAMINATION: CHEST (PA AND LAT)\n\nINDICATION: ___ year old man with cough.\n\n"
        b"FINDINGS: Heart size is normal. No pleural effusion. 1. Possible 5 mm nodule vs. vessel.\n\n"
        b"IMPRESSION: 1) No acute cardiopulmonary process. 2) Cannot exclude early pneumonia, e.g. below."
    )
    yield "Befund: Kein Erguss. \u80f8\u90e8\u6b63\u5e38\u3002 \u0421\u0435\u0440 \U0001fac1 \u202e".encode()
    table = REAL_DATA / "reports" / "openi_reports.csv"
    if table.is_file():
        lines = table.read_bytes().splitlines()
        yield from (b"\n".join(lines[start : start + 3]) for start in range(0, 120, 3))


KINDS = {
    "image": images,
    "dicom": dicoms,
    "csv": csvs,
    "xml": xmls,
    "json": jsons,
    "zip": zips,
    "report": reports,
}
"""What is read, and where its seeds come from."""
