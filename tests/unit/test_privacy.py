"""Keyed pseudonyms: what they hide, what they keep, and where their key lies."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from tumor_response.exceptions import SettingsError
from tumor_response.privacy import KEY_FILE_VARIABLE, Pseudonyms, default_key_file


def test_pseudonym_is_the_hmac_of_the_identifier(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    digest = hmac.new(bytes.fromhex("ab" * 32), "Müller 7".encode(), hashlib.sha256).hexdigest()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    bits = f"{int(digest, 16):0256b}"
    expected = "".join(letters[int(bits[i : i + 5], 2)] for i in range(0, 50, 5))
    assert Pseudonyms(key).of("Müller 7") == f"P-{expected}"


def test_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "key"
    first = Pseudonyms(path).of_all(["1", "2", "3"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["key"]
    assert Pseudonyms(path).of_all(["1", "2", "3"]) == first
    assert Pseudonyms(tmp_path / "other").of("1") != first["1"]


def test_key_does_not_lie_with_the_result(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lies in the folder of the result") as caught:
        Pseudonyms(tmp_path / "study" / "key", apart_from=tmp_path / "study")
    assert caught.value.code == "key_file"
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("content", ["", "no key", "ab" * 31, "zz" * 32])
def test_what_is_no_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(SettingsError, match="is no key file"):
        Pseudonyms(path)
    assert path.read_text() == content


def test_two_patients_with_one_pseudonym_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Pseudonyms(tmp_path / "key")
    monkeypatch.setattr(Pseudonyms, "of", lambda self, patient_id: "P-SAME")
    with pytest.raises(SettingsError, match="the same pseudonym"):
        names.of_all(["1", "2"])


def test_environment_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "elsewhere"))
    assert default_key_file() == tmp_path / "elsewhere"
    Pseudonyms().of("1")
    assert (tmp_path / "elsewhere").is_file()
