"""How an image was made and what it shows around the tumour: what a training domain is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase
from tumor_response.features.base import KEY_ROLE, FeatureSpec, FeatureValues, Shortfall
from tumor_response.features.case_facts import slice_thickness_mm
from tumor_response.features.memory import Extent
from tumor_response.imaging import volume_cc
from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.noise import SOFT_TISSUE_HU, soft_tissue_noise_hu
from tumor_response.imaging.volume import tumour_box

__all__ = ["BLOCK", "NOT_STATED", "NUMBERS", "SETTINGS", "TEXTS", "AcquisitionFacts", "Measured"]

BLOCK = "acquisition"
NOT_STATED = "not stated"
"""Of a fact that only a DICOM header tells, where there is none."""

AROUND_MM = 20.0
"""How far around the tumour's box the surroundings are looked at."""

_BODY_HU, _AIR_HU, _BONE_HU = -300.0, -500.0, 300.0
_FORMAT = 1


@dataclass(frozen=True)
class Measured:
    """What a number among the facts is.

    Parameters
    ----------
    words, unit
        As a message names it.
    is_log
        Whether it is compared by ratios.
    tolerance
        A difference that means nothing: in the unit, or of logarithms.
    """

    words: str
    unit: str = ""
    is_log: bool = False
    tolerance: float = 0.01


NUMBERS = {
    "slice_thickness_mm": Measured("slice thickness", "mm", tolerance=0.1),
    "pixel_spacing_mm": Measured("pixel spacing", "mm", tolerance=0.05),
    "volume_cc": Measured("volume", "cc", is_log=True, tolerance=0.1),
    "hu_mean": Measured("mean inside the contour", "HU", tolerance=5.0),
    "hu_sd": Measured("standard deviation inside the contour", "HU", is_log=True, tolerance=0.1),
    "hu_p05": Measured("5th percentile inside the contour", "HU", tolerance=5.0),
    "hu_p95": Measured("95th percentile inside the contour", "HU", tolerance=5.0),
    "noise_hu": Measured("noise", "HU", is_log=True, tolerance=0.1),
    "noise_grain": Measured("grain of the noise", "", tolerance=0.02),
    "body_section_cm2": Measured("section of the body", "cm2", is_log=True, tolerance=0.1),
    "air_share": Measured("share of air around the tumour", "", tolerance=0.02),
    "bone_share": Measured("share of bone around the tumour", "", tolerance=0.02),
}
"""Facts that are measured, by name."""

TEXTS = {
    "modality": "modality",
    "kvp_kv": "tube voltage (kV)",
    "kernel": "kernel",
    "contrast": "contrast agent",
    "manufacturer": "manufacturer",
}
"""Facts that a DICOM header tells, by name; words for messages."""

SETTINGS = frozenset(f"{BLOCK}__{name}" for name in ("slice_thickness_mm", "pixel_spacing_mm"))
"""Columns of what somebody sets at the scanner, as numbers."""

_DESCRIPTIONS = {
    "slice_thickness_mm": "Distance between axial slices.",
    "pixel_spacing_mm": "The larger spacing within a slice.",
    "volume_cc": "Volume of the contour by voxel count.",
    "hu_mean": "Mean intensity inside the contour.",
    "hu_sd": "Standard deviation of the intensity inside the contour.",
    "hu_p05": "5th percentile of the intensity inside the contour.",
    "hu_p95": "95th percentile of the intensity inside the contour.",
    "noise_hu": "Noise in soft tissue in and around the tumour, from neighbouring voxels.",
    "noise_grain": "Difference of direct neighbours over that of voxels three apart.",
    "body_section_cm2": "Area above -300 HU in the slice through the middle of the tumour.",
    "air_share": "Share of voxels below -500 HU within 20 mm of the tumour's box.",
    "bone_share": "Share of voxels above 300 HU within 20 mm of the tumour's box.",
}


class AcquisitionFacts:
    """Tell how a case's image was made: grid, header, intensities, noise, surroundings.

    Not meant for prediction: a :class:`TrainingDomain` is made of it, and new cases are held
    against that. A predictor runs it beside its own extractors. Files that are not DICOM say
    nothing of kernel, tube voltage and contrast (``"not stated"``); the noise and its grain, the
    ratio of differences between direct neighbours to those between voxels three apart, stand in
    for them: a smooth kernel has fine grain damped, a ratio well below 1. The section of the body
    and the shares of air and bone around the tumour tell a neck from a chest.

    Examples
    --------
    >>> [spec.column for spec in AcquisitionFacts().feature_specs()][:2]
    ['acquisition__slice_thickness_mm', 'acquisition__pixel_spacing_mm']
    """

    block = BLOCK
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()
    cacheable = True
    contour_as_drawn = True

    def identity(self) -> dict[str, Any]:
        """Return the version of the definitions; there are no settings."""
        return {"extractor": "acquisition_facts", "format": _FORMAT}

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows, measured facts first."""
        numbers = [
            FeatureSpec(f"{BLOCK}__{n}", BLOCK, n, BLOCK, "", of.unit, _DESCRIPTIONS[n])
            for n, of in NUMBERS.items()
        ]
        texts = [
            FeatureSpec(f"{BLOCK}__{n}", BLOCK, n, KEY_ROLE, "", "", f"{words} by the header.")
            for n, words in TEXTS.items()
        ]
        return numbers + texts

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image: the tumour's surroundings in doubles."""
        return 24 * extent.box_voxels(margin_mm=30.0)

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the facts of one case.

        What cannot be measured (noise where there is no soft tissue) is left out with a shortfall
        of code ``acquisition_unknown``.

        Raises
        ------
        CaseError
            The image or the mask cannot be read.
        """
        image, mask = case.image, case.mask
        found = {
            "slice_thickness_mm": slice_thickness_mm(case),
            "volume_cc": volume_cc(mask),
            "noise_hu": soft_tissue_noise_hu(image, mask),
            **_inside(image, mask),
            **_surroundings(image, mask),
        }
        told = case.acquisition
        values: dict[str, float | str] = {
            f"{BLOCK}__{name}": _stated(told.get(name)) for name in TEXTS
        }
        values |= {f"{BLOCK}__{n}": v for n, v in found.items() if math.isfinite(v)}
        missing = [name for name, value in found.items() if not math.isfinite(value)]
        if not missing:
            return FeatureValues(values)
        low, high = SOFT_TISSUE_HU
        why = (
            f"{', '.join(missing)} could not be measured: too few voxels between {low:g} and "
            f"{high:g} HU around the contour."
        )
        return FeatureValues(values, [Shortfall("acquisition_unknown", why, len(missing))])


def _stated(value: str | float | None) -> str:
    if value is None:
        return NOT_STATED
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inside(image: sitk.Image, mask: sitk.Image) -> dict[str, float]:
    box = tumour_box(mask)
    window = tuple(slice(first, last + 1) for first, last in box)
    inside = sitk.GetArrayFromImage(mask[window]) > 0
    values = sitk.GetArrayFromImage(image[window])[inside].astype(np.float64)
    low, high = np.percentile(values, [5, 95])
    return {
        "hu_mean": float(values.mean()),
        "hu_sd": float(values.std()),
        "hu_p05": float(low),
        "hu_p95": float(high),
    }


def _surroundings(image: sitk.Image, mask: sitk.Image) -> dict[str, float]:
    axis, box, spacing = slice_axis(image), tumour_box(mask), image.GetSpacing()
    in_plane = [a for a in range(3) if a != axis]
    window = []
    for a, (first, last) in enumerate(box):
        wide = round(AROUND_MM / spacing[a])
        window.append(slice(max(0, first - wide), min(image.GetSize()[a], last + 1 + wide)))
    around = sitk.GetArrayFromImage(image[tuple(window)]).astype(np.float32)
    whole: list[slice | int] = [slice(None)] * 3
    whole[axis] = (box[axis][0] + box[axis][1]) // 2
    section = sitk.GetArrayFromImage(image[tuple(whole)])
    area = float(np.count_nonzero(section > _BODY_HU)) * spacing[in_plane[0]] * spacing[in_plane[1]]
    return {
        "pixel_spacing_mm": float(max(spacing[a] for a in in_plane)),
        "noise_grain": _grain(np.moveaxis(around, 2 - axis, 0)),
        # an image without a body in it has no logarithm of its section
        "body_section_cm2": max(area, 1.0) / 100.0,
        "air_share": float((around < _AIR_HU).mean()),
        "bone_share": float((around > _BONE_HU).mean()),
    }


def _grain(slices: npt.NDArray[np.float32]) -> float:
    """Return the mean difference of direct neighbours in a row over that of voxels three apart.

    Of soft tissue alone; 1 for white noise.
    """
    low, high = SOFT_TISSUE_HU
    soft = (slices > low) & (slices < high)
    spread = []
    for apart in (1, 3):
        pairs = soft[..., apart:] & soft[..., :-apart]
        if np.count_nonzero(pairs) < 50:
            return math.nan
        spread.append(float(np.abs(slices[..., apart:] - slices[..., :-apart])[pairs].mean()))
    return spread[0] / spread[1] if spread[1] > 0 else math.nan
