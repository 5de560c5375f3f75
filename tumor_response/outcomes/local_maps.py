"""The maps of one lesion on the disk: named, written whole, found again by what decided them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from tumor_response.exceptions import OutcomeError
from tumor_response.settings import canonical_json, sha256_of_json

__all__ = ["MAP_NAMES", "LesionFiles", "file_stem", "write_checked"]

MAP_NAMES = ("retreat_mm", "log_jacobian", "reliability")

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

Record = dict[str, float | str]


def file_stem(patient_id: str, lesion_id: str) -> str:
    """Return a file name's beginning for a lesion.

    Identifiers of letters, digits and hyphens stay as they are. Whatever else stands in one (a
    slash, a dot, an underscore that would make two lesions share a name) is replaced, and a piece
    of the key's hash keeps the names apart.

    Examples
    --------
    >>> file_stem("P0001", "1")
    'P0001_1'
    >>> file_stem("../P1", "1")
    '---P1_1_e2bc7093'
    """
    parts = (patient_id, lesion_id)
    plain = "_".join(re.sub(r"[^A-Za-z0-9-]", "-", part)[:64] for part in parts)
    # capitals as well: some disks take P1 and p1 for one name
    if all(_PLAIN.fullmatch(part) and part == part.upper() for part in parts):
        return plain
    return f"{plain}_{sha256_of_json(list(parts))[:8]}"


@dataclass(frozen=True)
class LesionFiles:
    """Maps and record of one lesion in a folder.

    Parameters
    ----------
    directory
        Exists.
    stem
        From :func:`file_stem`.
    """

    directory: Path
    stem: str

    def load(self, key: str) -> Record | None:
        """Return the row that was kept under ``key``, if its maps are all there and whole."""
        try:
            content = json.loads(self._record.read_text(encoding="utf-8"))
            if content["sha256"] != sha256_of_json(
                [content["key"], content["row"], content["maps"]]
            ):
                return None
            if content["key"] != key:
                return None
            for name, digest in content["maps"].items():
                if hashlib.sha256(self.path(name).read_bytes()).hexdigest() != digest:
                    return None
            row: Record = content["row"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return row

    def keep(self, key: str, row: Record, maps: dict[str, sitk.Image]) -> None:
        """Write maps and record; maps of an earlier run that are none of these are removed.

        Raises
        ------
        OutcomeError
            Code ``maps_unwritable``.
        """
        try:
            # without its record no map is taken for a finished one
            self._record.unlink(missing_ok=True)
            digests = {name: self._write(name, image) for name, image in maps.items()}
            for name in set(MAP_NAMES) - set(maps):
                self.path(name).unlink(missing_ok=True)
            content: dict[str, Any] = {"key": key, "row": row, "maps": digests}
            content["sha256"] = sha256_of_json([key, row, digests])
            with self._replacing(self._record) as part:
                part.write_text(canonical_json(content), encoding="utf-8")
        except (OSError, RuntimeError) as error:
            raise OutcomeError(
                f"The maps of {self.stem!r} cannot be written to {self.directory} ({error}). Make "
                "room or choose another directory; what is finished is kept.",
                code="maps_unwritable",
            ) from None

    def path(self, name: str) -> Path:
        """Return where a map lies."""
        return self.directory / f"{self.stem}_{name}.nii.gz"

    @property
    def _record(self) -> Path:
        return self.directory / f"{self.stem}_local_shrinkage.json"

    def _write(self, name: str, image: sitk.Image) -> str:
        with self._replacing(self.path(name)) as part:
            return write_checked(image, part)

    @contextlib.contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        """Give a temporary path beside ``path``, and put it in its place when all went well."""
        handle, name = tempfile.mkstemp(dir=self.directory, prefix=".part-", suffix=path.name[-7:])
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_checked(image: sitk.Image, path: Path) -> str:
    """Write an image, compressed, and return the file's SHA-256.

    Raises
    ------
    OSError, RuntimeError
        If the file cannot be written, or does not hold the image's voxels.
    """
    sitk.WriteImage(image, str(path), useCompression=True)
    # ITK on a full disk writes what fits and says nothing
    if not _equal(sitk.ReadImage(str(path)), image):
        raise OSError("not written whole; is the disk full?")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _equal(one: sitk.Image, other: sitk.Image) -> bool:
    return bool((sitk.GetArrayViewFromImage(one) == sitk.GetArrayViewFromImage(other)).all())
