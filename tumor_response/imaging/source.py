"""Where an image or a mask comes from: a file, or objects of a DICOM archive.

A case holds sources, never voxels, so that a cohort of a thousand is small and travels to other
processes. :class:`ImageFile` and :class:`MaskFile` are here; DICOM series, contours and segments
(``imaging.dicom``) follow the same two protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry
from tumor_response.imaging.read import read_geometry, read_image, read_mask

__all__ = ["ImageFile", "ImageSource", "MaskFile", "MaskSource", "UnionOfMasks"]


@runtime_checkable
class ImageSource(Protocol):
    """A 3-D image that can be read again and again, from any process."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it is read from."""
        ...

    def load(self) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return the voxels and what was noticed in reading them; raises :class:`CaseError`."""
        ...

    def geometry(self) -> Geometry:
        """Return the grid without reading voxels; raises :class:`CaseError`."""
        ...

    def acquisition(self) -> Mapping[str, str | float]:
        """Return how the image was made: kernel, kVp, contrast ...; empty where unknown."""
        ...


@runtime_checkable
class MaskSource(Protocol):
    """A tumour's region that can be put on an image's grid."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it is read from."""
        ...

    def load(self, grid: Geometry | None) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return 0/1, 8-bit, and what is to be known of the region; raises :class:`CaseError`.

        ``grid`` is the image's; a source that has a grid of its own keeps to that, and its caller
        compares them.
        """
        ...


@dataclass(frozen=True)
class ImageFile:
    """A NIfTI, NRRD or other file that SimpleITK reads.

    Parameters
    ----------
    path
        The file.
    """

    path: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def load(self) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return the voxels; as :func:`tumor_response.imaging.read_image`."""
        return read_image(self.path), ()

    def geometry(self) -> Geometry:
        """Return the grid; as :func:`tumor_response.imaging.read_geometry`."""
        return read_geometry(self.path)

    def acquisition(self) -> Mapping[str, str | float]:
        """Return nothing: such a file does not say how it was made."""
        return {}

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class MaskFile:
    """One label of a mask file.

    Parameters
    ----------
    path
        The file.
    label
        The voxel value that means tumour; ``None`` takes the only one there is.
    """

    path: Path
    label: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def load(
        self,
        grid: Geometry | None,  # noqa: ARG002 - it has its own
    ) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return 0/1 on the file's own grid; as :func:`tumor_response.imaging.read_mask`."""
        return read_mask(self.path, self.label), ()

    def __str__(self) -> str:
        return str(self.path) if self.label is None else f"{self.path} (label {self.label})"


@dataclass(frozen=True)
class UnionOfMasks:
    """Several regions that were declared to be one lesion.

    Parameters
    ----------
    parts
        At least two.
    """

    parts: tuple[MaskSource, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all parts."""
        return tuple(path for part in self.parts for path in part.paths)

    def load(self, grid: Geometry | None) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return 1 where any part is, and the findings of all parts.

        Raises
        ------
        CaseError
            What loading a part raises; code ``geometry_mismatch`` for parts on different grids.
        """
        (whole, findings), *rest = [part.load(grid) for part in self.parts]
        for mask, noticed in rest:
            if Geometry.of(mask) != Geometry.of(whole):
                raise CaseError(
                    "the parts of one lesion lie on different grids.", code="geometry_mismatch"
                )
            whole = sitk.Or(whole, mask)
            findings += noticed
        return whole, findings
