from __future__ import annotations

from plainfilm import doctor


def test_what_is_installed_is_found_with_its_version() -> None:
    findings = {finding.what: finding for finding in doctor.examine()}
    assert findings["torch"].works
    assert findings["torch"].detail[0].isdigit()


def test_what_is_missing_says_how_to_get_it(monkeypatch: object) -> None:
    doctor.OPTIONAL["no-such-package"] = ("dicom", "does nothing")
    try:
        missing = next(finding for finding in doctor.examine() if finding.what == "no-such-package")
    finally:
        del doctor.OPTIONAL["no-such-package"]
    assert not missing.works
    assert "pip install 'pydicom>=3.0'" in missing.detail
