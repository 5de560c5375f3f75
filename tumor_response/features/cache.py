"""A folder of finished results, each under the hash of everything that decides it.

An entry is written to a temporary name, flushed to the disk and then renamed, so that a killed
run leaves whole entries or none; what is damaged afterwards fails its checksum and is computed
again. Two processes may share a folder: both would write the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from tumor_response._version import __version__
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureValues, Shortfall
from tumor_response.settings import canonical_json, sha256_of_json

__all__ = ["FeatureCache", "image_sha256"]

_FORMAT = 1


class FeatureCache:
    """Results of extractors on cases, by content.

    Parameters
    ----------
    directory
        Made if it does not exist.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``: the folder cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> from tumor_response.features.base import FeatureValues
    >>> from tumor_response.features.cache import FeatureCache
    >>> cache = FeatureCache(tempfile.mkdtemp())
    >>> cache.put("ab" * 32, FeatureValues({"x__y": 0.1}))
    >>> cache.get("ab" * 32).values
    {'x__y': 0.1}
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FeatureError(
                f"cache_dir={str(directory)!r} cannot be used ({error.strerror}). Choose a folder "
                "that can be written to, or cache_dir=None.",
                code="cache_unusable",
            ) from None

    @staticmethod
    def key(
        identity: Mapping[str, Any],
        block: str,
        voxels: Sequence[str],
        variables: Mapping[str, float | str | None],
    ) -> str:
        """Return the key of one extractor on one case's voxel hashes and variables."""
        parts = [_FORMAT, __version__, dict(identity), block, list(voxels), dict(variables)]
        return sha256_of_json(parts)

    def get(self, key: str) -> FeatureValues | None:
        """Return an entry, or ``None`` if there is none or it is damaged."""
        try:
            record = json.loads(self._path(key).read_text(encoding="utf-8"))
            content = record["content"]
            if record["sha256"] != sha256_of_json([key, content]):
                return None
            return FeatureValues(
                content["values"],
                [Shortfall(**shortfall) for shortfall in content["shortfalls"]],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, values: FeatureValues) -> None:
        """Write an entry.

        Raises
        ------
        FeatureError
            Code ``cache_unusable``: the disk is full, or the folder may not be written to.
        """
        content = {
            "values": dict(values.values),
            "shortfalls": [
                {
                    "code": s.code,
                    "message": s.message,
                    "n_columns_missing": s.n_columns_missing,
                }
                for s in values.shortfalls
            ],
        }
        text = canonical_json({"sha256": sha256_of_json([key, content]), "content": content})
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            _write_atomically(path, text)
        except OSError as error:
            raise FeatureError(
                f"The cache {self.directory} cannot be written to ({error.strerror}). Make room or "
                "choose another cache_dir; what is finished is kept.",
                code="cache_unusable",
            ) from None

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.json"


def image_sha256(image: sitk.Image) -> str:
    """Return the SHA-256 over an image's grid, type and voxels."""
    header = [
        list(image.GetSize()),
        list(image.GetSpacing()),
        list(image.GetOrigin()),
        list(image.GetDirection()),
        image.GetPixelIDTypeAsString(),
    ]
    digest = hashlib.sha256(canonical_json(header).encode())
    digest.update(memoryview(sitk.GetArrayViewFromImage(image)).cast("B"))
    return digest.hexdigest()


def _write_atomically(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
