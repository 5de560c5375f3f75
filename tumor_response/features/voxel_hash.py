"""The identity of an image: its grid, type and voxels."""

from __future__ import annotations

import hashlib

import SimpleITK as sitk

from tumor_response.settings import canonical_json

__all__ = ["image_sha256"]


def image_sha256(image: sitk.Image) -> str:
    """Return the SHA-256 over an image's grid, type and voxels.

    Examples
    --------
    >>> image = sitk.Image(4, 4, 4, sitk.sitkInt16)
    >>> moved = sitk.Image(image); moved.SetOrigin((0.0, 0.0, 1.0))
    >>> image_sha256(image) == image_sha256(moved)
    False
    """
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
