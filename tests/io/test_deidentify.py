from __future__ import annotations

import hashlib
import json
import stat
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError
from plainfilm.io.deidentify import (
    KEPT,
    KEY_VARIABLE,
    Identifiers,
    Pseudonymiser,
    kept_header,
    load_key,
    scrub,
)

pydicom = pytest.importorskip("pydicom")
TEXTS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
SECRETS = ("DOE^JANE", "4711-0815", "19530217", "17.02.1953")


def header(**values: Any) -> Any:
    dataset = pydicom.Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def planted(secret: str) -> Any:
    """A header whose every text element holds a secret, in sequences and private elements too."""
    from pydicom.datadict import DicomDictionary

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    dataset = pydicom.Dataset()
    inner = pydicom.Dataset()
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        if kind in TEXTS and keyword and tag >> 16 > 2:
            element = pydicom.DataElement(tag, "LO", secret)
            dataset.add(element)
            inner.add(element)
    dataset.ReferencedImageSequence = [inner]
    block = dataset.private_block(0x0009, "PLANTED", create=True)
    block.add_new(1, "LO", secret)
    return dataset


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_planted_in_any_text_element_survives(secret: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = planted(secret)
        assert len(dataset) > 2000
        assert "PatientName" in dataset
        assert "DOE" not in json.dumps(kept_header(dataset))
        assert kept_header(dataset).keys() <= KEPT
        assert secret not in json.dumps(kept_header(dataset))


def test_a_secret_in_a_file_whose_elements_have_their_own_types_does_not_survive() -> None:
    dataset = header(PatientName="DOE^JANE", KVP="81", Modality="DX", SeriesDescription="DOE chest")
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue().replace(b"81", b"JD").replace(b"CS\x02\x00DX", b"CS\x02\x00JD")
    assert kept_header(pydicom.dcmread(BytesIO(data))) == {}


def test_what_describes_the_exposure_and_the_pixels_stays() -> None:
    kept = kept_header(
        header(
            Modality="dx ",
            ViewPosition="PA",
            BodyPartExamined="CHEST",
            PatientSex="F",
            PatientAge="063Y",
            Rows=2022,
            PixelSpacing=["0.143", "0.143"],
            KVP="117",
            PatientOrientation=["L", "F"],
            ImageType=["DERIVED", "PRIMARY", "POST_PROCESSED by J. Doe"],
        )
    )
    assert kept == {
        "Modality": "DX",
        "ViewPosition": "PA",
        "BodyPartExamined": "CHEST",
        "PatientSex": "F",
        "PatientAge": "063Y",
        "Rows": 2022.0,
        "PixelSpacing": [0.143, 0.143],
        "KVP": 117.0,
        "PatientOrientation": ["L", "F"],
        "ImageType": ["DERIVED", "PRIMARY"],
    }


@pytest.mark.parametrize(
    ("stated", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("011M", "011M")]
)
def test_an_age_that_would_name_a_person_is_coarse(stated: str, kept: str) -> None:
    assert kept_header(header(PatientAge=stated))["PatientAge"] == kept


def test_pseudonyms_depend_on_the_key_the_kind_and_the_identifier() -> None:
    names = Pseudonymiser(b"a key of many bytes")
    assert names.of("patient", "123") == names.of("patient", " 123 ")
    others = {
        names.of("patient", "123"),
        names.of("patient", "124"),
        names.of("study", "123"),
        Pseudonymiser(b"another key of many bytes").of("patient", "123"),
    }
    assert len(others) == 4
    assert all(len(name) == 21 and "123" not in name[:4] for name in others)


def test_a_pseudonym_is_the_hmac_of_the_standard() -> None:
    # printf 'patient\0123' | openssl dgst -sha256 -hmac 'a key of many bytes'
    import subprocess

    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "a key of many bytes"],
        input=b"patient\x00123",
        capture_output=True,
        check=True,
    )
    digest = done.stdout.split()[-1].decode()
    assert Pseudonymiser(b"a key of many bytes").of("patient", "123") == "p" + digest[:20]


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = load_key(None, file, {})
    assert load_key(None, file, {}) == key
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_stated_file_comes_before_the_environment_and_that_before_the_usual_file(tmp_path: Path) -> None:
    stated, usual = tmp_path / "stated", tmp_path / "usual"
    stated.write_text("the stated key, long enough\n")
    usual.write_text("the usual key, long enough\n")
    environment = {KEY_VARIABLE: "the key of the environment"}
    assert load_key(stated, usual, environment) == b"the stated key, long enough"
    assert load_key(None, usual, environment) == b"the key of the environment"
    assert load_key(None, usual, {}) == b"the usual key, long enough"


@pytest.mark.parametrize(
    ("stated", "environment", "message"),
    [
        ("missing", {}, "no such key file"),
        ("short", {}, "a key of 5 bytes is too short"),
        (None, {KEY_VARIABLE: "abc"}, "PLAINFILM_DEID_KEY: a key of 3 bytes is too short"),
        (None, {KEY_VARIABLE: ""}, "PLAINFILM_DEID_KEY: is empty; it needs 16 bytes or more"),
        (None, {KEY_VARIABLE: " " * 20}, "PLAINFILM_DEID_KEY: is empty"),
    ],
)
def test_a_key_that_cannot_be_used(
    tmp_path: Path, stated: str | None, environment: dict[str, str], message: str
) -> None:
    (tmp_path / "short").write_text("12345")
    with pytest.raises(DataError, match=message) as caught:
        load_key(tmp_path / stated if stated else None, tmp_path / "usual", environment)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        *("a" * 32, "passwordpassword", "1234567890123456", "abcdefghijklmnopqrst", "0123456789abcdef"),
        *("qwertyuiopasdfgh", "plainfilm-secret-key", "changeme-changeme-changeme", "hospital12345678"),
        *("abababababababababab", "0000000000000001", "MySecretPassword1"),
    ],
)
def test_a_key_that_may_be_guessed_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DataError, match=r"may be guessed; make a random one \(openssl rand -hex 32\)"):
        load_key(None, tmp_path / "usual", {KEY_VARIABLE: key})


def test_random_keys_are_taken(tmp_path: Path) -> None:
    for number in range(200):
        key = hashlib.sha256(str(number).encode()).hexdigest()
        for taken in (key, key[:32], key[:20]):
            assert load_key(None, tmp_path / "usual", {KEY_VARIABLE: taken}) == taken.encode()


def test_a_key_that_cannot_be_written_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"with the option key, or set {KEY_VARIABLE}"):
        load_key(None, tmp_path / "no such folder" / "key", {})


def test_identifiers_are_taken_out_of_a_text_as_whole_words() -> None:
    text = "Mrs DOE, Jane (4711) of 17.02.1953. Janeway lesions. Compared to 4711-2."
    known = Identifiers(frozenset({"Doe^jane", ""}), frozenset({"4711", "17.02.1953", "", "x"}))
    assert scrub(text, known) == "Mrs ___ (___) of ___. Janeway lesions. Compared to ___-2."
    assert scrub(text, Identifiers()) == text
