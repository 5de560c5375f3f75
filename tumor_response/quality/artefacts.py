"""Metal and the streaks it throws: which slices of a tumour are spoilt, and how badly.

A slice is an artefact slice if metal of a certain area lies anywhere in it, because streaks run
across the whole slice. Whether they reach the tumour is told by the noise of the soft tissue around
it, against slices without metal of the same patient. Taking such slices out is common in radiomics
of the head and neck; with up to half of the tumour taken out, most features kept their values
(Ger et al. 2018, Comput Med Imaging Graph 69, 134-139).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from tumor_response.imaging import Finding
from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.noise import neighbour_difference_hu
from tumor_response.imaging.volume import tumour_box
from tumor_response.quality.region import MARGIN_MM
from tumor_response.quality.settings import ArtefactLimits

__all__ = ["Artefacts", "artefact_findings", "find_artefacts"]

NEIGHBOURHOOD_MM = 10.0
"""Around the tumour's bounding box: where noise is measured."""

MIN_CLEAN_SLICES = 3


@dataclass(frozen=True)
class Artefacts:
    """Metal in the slices of a tumour.

    Parameters
    ----------
    slices
        The tumour's slices that hold metal, as indices along the image's axis of slices.
    n_slices
        All slices of the tumour.
    metal_cm2
        Largest area of metal in one of them (cm²).
    noise_ratio
        Noise of soft tissue around the tumour in these slices, over that in slices without metal;
        NaN where there is nothing to compare.
    """

    slices: tuple[int, ...]
    n_slices: int
    metal_cm2: float
    noise_ratio: float


def find_artefacts(image: sitk.Image, mask: sitk.Image, limits: ArtefactLimits) -> Artefacts:
    """Return the metal in a tumour's slices.

    Parameters
    ----------
    image
        CT in HU.
    mask
        The tumour, on the same grid, not empty.
    limits
        What metal is.

    Examples
    --------
    >>> image = sitk.Image(40, 40, 12, sitk.sitkInt16)
    >>> mask = sitk.Image(40, 40, 12, sitk.sitkUInt8); mask[18:22, 18:22, 4:8] = 1
    >>> image[2:8, 2:8, 5] = 3071
    >>> find_artefacts(image, mask, ArtefactLimits()).slices
    (5,)
    """
    axis = slice_axis(image)
    box = tumour_box(mask)
    spacing = image.GetSpacing()
    margin = round(MARGIN_MM / spacing[axis])
    start = max(0, box[axis][0] - margin)
    stop = box[axis][1] + 1 + margin
    values = np.moveaxis(sitk.GetArrayViewFromImage(image), 2 - axis, 0)[start:stop]
    inside = np.moveaxis(sitk.GetArrayViewFromImage(mask), 2 - axis, 0)
    tumour = [k for k in range(box[axis][0], box[axis][1] + 1) if inside[k].any()]

    in_plane = [a for a in (2, 1, 0) if a != axis]  # rows, then columns
    pixel_cm2 = float(spacing[in_plane[0]] * spacing[in_plane[1]]) / 100.0
    area = np.count_nonzero(values > limits.metal_above_hu, axis=(1, 2)) * pixel_cm2
    spoilt = [k for k in tumour if area[k - start] >= limits.min_metal_cm2]
    ratio = float("nan")
    if spoilt:
        window = []
        for a in in_plane:
            wide = round(NEIGHBOURHOOD_MM / spacing[a])
            window.append(slice(max(0, box[a][0] - wide), box[a][1] + 1 + wide))
        near = values[:, window[0], window[1]].astype(np.float32)
        ratio = _noise_ratio(near, [k - start for k in spoilt], area < limits.min_metal_cm2)
    return Artefacts(tuple(spoilt), len(tumour), float(max(area[k - start] for k in tumour)), ratio)


def _noise_ratio(near: np.ndarray, spoilt: list[int], clean: np.ndarray) -> float:
    noise = np.array([neighbour_difference_hu(values) for values in near])
    with_metal = noise[spoilt]
    without = noise[clean]
    with_metal, without = with_metal[np.isfinite(with_metal)], without[np.isfinite(without)]
    if not with_metal.size or without.size < MIN_CLEAN_SLICES or np.median(without) <= 0:
        return float("nan")
    return float(np.median(with_metal) / np.median(without))


def artefact_findings(image: sitk.Image, mask: sitk.Image, limits: ArtefactLimits) -> list[Finding]:
    """Return ``metal_at_tumour`` and ``streaks_at_tumour``."""
    found = find_artefacts(image, mask, limits)
    if not found.slices:
        return []
    n, of = len(found.slices), found.n_slices
    findings = [
        Finding(
            "metal_at_tumour",
            "warning",
            f"There is metal in {n} of the tumour's {of} slices: up to {found.metal_cm2:.2g} cm² "
            f"above {limits.metal_above_hu:g} HU.",
            measured=f"{found.metal_cm2:.2g} cm²",
            limit=f"{limits.min_metal_cm2:g} cm²",
            remedy="Exclude these slices from the features: ExclusionRule(artefact_slices=True).",
        )
    ]
    if found.noise_ratio > limits.max_noise_ratio:
        findings.append(
            Finding(
                "streaks_at_tumour",
                "warning",
                f"In the slices with metal the soft tissue around the tumour is "
                f"{found.noise_ratio:.2g} times as noisy as in the others: streaks reach it.",
                measured=f"{found.noise_ratio:.2g} times",
                limit=f"{limits.max_noise_ratio:g} times",
                remedy="Exclude these slices from the features, or use a reconstruction with "
                "metal artefact reduction for all patients.",
            )
        )
    return findings
