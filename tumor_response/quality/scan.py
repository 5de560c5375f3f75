"""All checks that one scan and its contour allow, baseline or follow-up alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import SimpleITK as sitk

from tumor_response.imaging import Finding, Geometry
from tumor_response.quality.artefacts import artefact_findings
from tumor_response.quality.contour import contour_findings, slice_thickness_mm
from tumor_response.quality.edges import Shift, measure_shifts, shift_findings
from tumor_response.quality.intensity import intensity_findings
from tumor_response.quality.region import Region
from tumor_response.quality.settings import QualitySettings

__all__ = ["ScanFacts", "check_scan", "voxels_sha256"]


@dataclass(frozen=True)
class ScanFacts:
    """What is kept of a scan to compare it with others; no voxels.

    Parameters
    ----------
    image_sha256, mask_sha256
        Of the voxels and the grid; no image's for a contour without one.
    slice_thickness_mm
        As :func:`tumor_response.quality.contour.slice_thickness_mm`.
    acquisition
        Kernel, kVp, contrast ... as the file tells them.
    shifts
        Of the image's edges against the contour; none for images that are not in HU.
    """

    image_sha256: str | None
    mask_sha256: str
    slice_thickness_mm: float
    acquisition: Mapping[str, str | float] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()


def check_scan(
    image: sitk.Image,
    mask: sitk.Image,
    acquisition: Mapping[str, str | float],
    settings: QualitySettings,
) -> tuple[list[Finding], ScanFacts]:
    """Check one image and the contour on it.

    Parameters
    ----------
    image
        3-D.
    mask
        0/1 on the same grid, not empty.
    acquisition
        How the image was made; empty if unknown.
    settings
        The limits.
    """
    region = Region.around(image, mask)
    found = contour_findings(image, mask, region, acquisition, settings)
    shifts: tuple[Shift, ...] = ()
    if settings.judges_hu(acquisition.get("modality")):
        of_values = intensity_findings(image, region, settings)
        found += of_values
        # streaks and edges are judged by tissue; without Hounsfield units there is no telling it
        if all(finding.code != "not_hu" for finding in of_values):
            found += artefact_findings(image, mask, settings.artefacts)
            shifts = measure_shifts(region)
            found += shift_findings(shifts, settings)
    facts = ScanFacts(
        voxels_sha256(image),
        voxels_sha256(mask),
        slice_thickness_mm(image, acquisition),
        dict(acquisition),
        shifts,
    )
    return found, facts


def voxels_sha256(image: sitk.Image) -> str:
    """Return the SHA-256 of an image's voxels and grid (rounded to a micrometre).

    Examples
    --------
    >>> image = sitk.Image(4, 4, 4, sitk.sitkInt16)
    >>> voxels_sha256(image) == voxels_sha256(sitk.Image(image))
    True
    """
    grid = Geometry.of(image)
    numbers = [*grid.spacing_mm, *grid.origin_mm, *grid.direction]
    head = (grid.size, image.GetPixelIDTypeAsString(), [round(v, 3) + 0.0 for v in numbers])
    digest = hashlib.sha256(repr(head).encode())
    digest.update(memoryview(sitk.GetArrayViewFromImage(image)).cast("B"))
    return digest.hexdigest()
