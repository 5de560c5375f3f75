"""How much memory a case needs, and how much there is: large cases must not meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import SimpleITK as sitk

from tumor_response.features.base import FeatureExtractor
from tumor_response.imaging import bounding_box

__all__ = ["Extent", "available_bytes", "extractor_bytes", "needed_bytes"]

_IMAGE_BYTES_PER_VOXEL = 6
"""Image, mask, and the copies that the checks make for a moment."""
_FIXED_BYTES = 10_000_000
"""What any case takes, however small: pages of libraries that it is the first to touch."""
_FOREIGN_BYTES_PER_VOXEL = 64
"""Of an extractor that says nothing of itself: eight copies in double precision."""
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class _Names:
    """How a version of cgroups names its files, and in memory.stat what it gives back at once."""

    limit: str
    usage: str
    given_back: str


_VERSION_1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = _Names("memory.max", "memory.current", "inactive_file")


@dataclass(frozen=True)
class Extent:
    """How large an image is, and the box around the contour in it.

    Parameters
    ----------
    image_voxels
        Voxels of the whole image.
    box_mm
        Sides of the contour's bounding box along x, y and z.
    spacing_mm
        The image's, along x, y and z.
    """

    image_voxels: int
    box_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]

    def box_voxels(self, spacing_mm: Sequence[float] | None = None, margin_mm: float = 0.0) -> int:
        """Return the voxels of the box on a grid of another spacing, with a margin around it.

        Examples
        --------
        >>> Extent(1_000, (10.0, 10.0, 9.0), (1.0, 1.0, 3.0)).box_voxels()
        300
        """
        voxels = 1.0
        for side_mm, own, wanted in zip(
            self.box_mm, self.spacing_mm, spacing_mm or (0.0, 0.0, 0.0), strict=True
        ):
            voxels *= (side_mm + 2 * margin_mm) / (wanted or own)
        return round(voxels)


def needed_bytes(
    image: sitk.Image, mask: sitk.Image, extractors: Sequence[FeatureExtractor]
) -> int:
    """Return what a worker needs for a case, above what it needs with nothing to do.

    Meant as an upper bound; ``benchmarks/extraction_memory.py`` compares it with what is taken.
    An extractor may say its own part: ``memory_bytes(extent: Extent) -> int``.

    Parameters
    ----------
    image, mask
        On one grid, the mask not empty.
    extractors
        They run one after the other, so that the largest counts.

    Examples
    --------
    >>> image = sitk.Image(100, 100, 100, sitk.sitkInt16)
    >>> mask = sitk.Image(100, 100, 100, sitk.sitkUInt8); mask[5, 5, 5] = 1
    >>> needed_bytes(image, mask, [])
    16000000
    """
    box = bounding_box(mask) or ((0, 0), (0, 0), (0, 0))
    x, y, z = (float(step) for step in image.GetSpacing())
    sides = [last - first + 1 for first, last in box]
    extent = Extent(
        image.GetNumberOfPixels(), (sides[0] * x, sides[1] * y, sides[2] * z), (x, y, z)
    )
    own = [extractor_bytes(extractor, extent) for extractor in extractors]
    return _FIXED_BYTES + _IMAGE_BYTES_PER_VOXEL * extent.image_voxels + max(own, default=0)


def extractor_bytes(extractor: FeatureExtractor, extent: Extent) -> int:
    """Return what one extractor needs beside the image of a case, as it says or as is put aside."""
    says = getattr(extractor, "memory_bytes", None)
    if says is None:
        return _FOREIGN_BYTES_PER_VOXEL * extent.image_voxels
    return int(says(extent))


def available_bytes() -> int:
    """Return the memory that processes started now may take on this machine.

    What the system has free, or what the limit of a container or of a batch system's job
    (cgroups) leaves of it. Files that were read count as used there until others need the room:
    what is given back at once is free.

    Examples
    --------
    >>> available_bytes() > 0
    True
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    for folder, names in _groups():
        limit, usage = _number(folder / names.limit), _number(folder / names.usage)
        if limit is not None and usage is not None:
            needed = usage - _given_back(folder / "memory.stat", names.given_back)
            free = min(free, max(0, limit - max(0, needed)))
    return free


def _groups() -> Iterator[tuple[Path, _Names]]:
    """Yield the groups that this process is in, and those around them: every limit counts.

    A container sees its own group as the outermost one.
    """
    for line in _text(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        outermost = _CGROUPS / "memory" if controllers else _CGROUPS
        names = _VERSION_1 if controllers else _VERSION_2
        own = PurePosixPath(path.lstrip("/"))
        for group in (own, *own.parents):
            yield outermost / group, names


def _given_back(path: Path, name: str) -> int:
    numbers = dict(line.split(" ", 1) for line in _text(path).splitlines() if " " in line)
    text = numbers.get(name, "")
    return int(text) if text.isdigit() else 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
