"""Keyed pseudonyms for whatever is made to be sent away.

Within the hospital ``patient_id`` joins tables. What leaves carries a pseudonym instead: an HMAC
(RFC 2104) of the identifier under a secret key. Without the key nobody can compute it from an
identifier, not even from a list of all of them, which a plain hash would allow; with the key the
same patient gets the same pseudonym in every file, so that files can be joined.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from tumor_response.exceptions import SettingsError

__all__ = ["KEY_FILE_VARIABLE", "Pseudonyms", "default_key_file", "is_harmless_lesion_name"]

KEY_FILE_VARIABLE = "TUMOR_RESPONSE_KEY_FILE"
_KEY_BYTES = 32
_LESION = re.compile(r"\d{1,2}|(?:GTV|ITV|CTV|PTV|HTV)[ _-]?[pnmtb]?[ _-]?\d{0,2}", re.IGNORECASE)
_LETTERS = 10  # 50 bits: among 100,000 patients two share one with a chance of 4 in a million


def default_key_file() -> Path:
    """Return where the key lies unless another file is named: apart from every result.

    The environment variable ``TUMOR_RESPONSE_KEY_FILE``, or the user's configuration folder.
    """
    named = os.environ.get(KEY_FILE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("tumor_response") / "pseudonyms.key"


def is_harmless_lesion_name(name: str) -> bool:
    """Return whether a lesion's name can tell nobody who its patient is: a number, or ``GTVp 2``.

    Examples
    --------
    >>> is_harmless_lesion_name("GTVn 2"), is_harmless_lesion_name("Smith left neck")
    (True, False)
    """
    return _LESION.fullmatch(name) is not None


class Pseudonyms:
    """Turn patient identifiers into pseudonyms under one key.

    Parameters
    ----------
    key_file
        File with the key; made with a random one, readable by its owner alone, if it is not there.
        Who has it can tell who a pseudonym is: keep it, and keep it from what is sent away.
        ``None`` takes :func:`default_key_file`.
    apart_from
        The folder of the result; a key file in it is refused.

    Raises
    ------
    SettingsError
        Code ``key_file``: it cannot be read or made, is no key, or lies with the result.

    Examples
    --------
    >>> import tempfile
    >>> from tumor_response.privacy import Pseudonyms
    >>> names = Pseudonyms(tempfile.mkdtemp() + "/pseudonyms.key")
    >>> names.of("4711") == names.of("4711"), names.of("4711") == names.of("4712")
    (True, False)
    >>> len(names.of("4711")), names.of("4711")[:2]
    (12, 'P-')
    """

    def __init__(
        self, key_file: str | Path | None = None, *, apart_from: str | Path | None = None
    ) -> None:
        path = default_key_file() if key_file is None else Path(key_file)
        if apart_from is not None and path.resolve().parent == Path(apart_from).resolve():
            raise SettingsError(
                f"The key file {path} lies in the folder of the result; whoever gets both can tell "
                f"the patients. Name another with key_file= or {KEY_FILE_VARIABLE}.",
                code="key_file",
            )
        self.key_file = path
        self._key = _key(path)

    def of(self, patient_id: str) -> str:
        """Return the pseudonym of one patient: ``P-`` and ten letters and digits."""
        digest = hmac.new(self._key, patient_id.encode("utf-8"), hashlib.sha256).digest()
        return f"P-{base64.b32encode(digest).decode()[:_LETTERS]}"

    def of_all(self, patient_ids: Iterable[str]) -> dict[str, str]:
        """Return identifier -> pseudonym.

        Raises
        ------
        SettingsError
            Code ``key_file``: two patients share one. Take another key.
        """
        found = {patient_id: self.of(patient_id) for patient_id in patient_ids}
        if len(set(found.values())) < len(found):
            raise SettingsError(
                f"Two of {len(found)} patients get the same pseudonym under the key of "
                f"{self.key_file}; take another key.",
                code="key_file",
            )
        return found


def _key(path: Path) -> bytes:
    try:
        if not path.exists():
            _make_key(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be read or made ({error.strerror}); name another with "
            f"key_file= or {KEY_FILE_VARIABLE}.",
            code="key_file",
        ) from None
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise SettingsError(
            f"{path} is no key file: expected {2 * _KEY_BYTES} hexadecimal digits. Name the right "
            "one; a new one would give every patient another pseudonym.",
            code="key_file",
        )
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike a rename this never replaces the key of another process
    except FileExistsError:
        pass
    finally:
        part.unlink()
