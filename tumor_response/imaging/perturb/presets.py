"""Perturbations by name, for those who do not want to choose every number."""

from __future__ import annotations

from tumor_response.imaging.perturb.base import Rule
from tumor_response.imaging.perturb.chain import PerturbationChain
from tumor_response.imaging.perturb.contour import ContourOffset, ContourVariation
from tumor_response.imaging.perturb.intensity import (
    ImageNoise,
    IntensityOffset,
    ReconstructionKernel,
)
from tumor_response.imaging.perturb.rigid import Rotation, Translation
from tumor_response.imaging.perturb.slices import SliceThickness

__all__ = ["plausible_contours", "standard_perturbations"]


def plausible_contours(*, observer_sd_mm: float) -> ContourVariation:
    """Return the rule for contours that other observers might have drawn.

    Parameters
    ----------
    observer_sd_mm
        Standard deviation of the contour along its normal between observers, mm, for this kind of
        tumour and this kind of image. It has no default, because everything that follows from it
        is as good as this number.

    Examples
    --------
    >>> plausible_contours(observer_sd_mm=2.0).smooth_over_mm
    20.0
    """
    return ContourVariation(observer_sd_mm=observer_sd_mm)


def standard_perturbations(*, observer_sd_mm: float = 2.0) -> dict[str, Rule]:
    """Return one rule for each thing that differs between two scans of the same tumour.

    Parameters
    ----------
    observer_sd_mm
        Of ``contour``, as in :func:`plausible_contours`. The default is a round number, not a
        measurement: give your own.

    Returns
    -------
    dict
        ``translation`` up to 2 mm along each axis; ``rotation`` up to 5 degrees in the plane of the
        slices; ``noise`` as large as the image's own; ``contour``, another observer's;
        ``growth`` and ``shrinkage`` of the contour by up to 2 mm; ``slice_thickness``, twice as
        thick; ``kernel``, softer or sharper by up to a factor of 2 at high frequencies;
        ``hu_offset`` up to 10 HU; ``test_retest``, translation, rotation and noise in one.

    Examples
    --------
    >>> rules = standard_perturbations(observer_sd_mm=1.5)
    >>> [name for name, rule in rules.items() if not rule.touches_image]
    ['contour', 'growth', 'shrinkage']
    """
    translation, rotation, noise = Translation(max_mm=2.0), Rotation(max_degrees=5.0), ImageNoise()
    return {
        "translation": translation,
        "rotation": rotation,
        "noise": noise,
        "contour": plausible_contours(observer_sd_mm=observer_sd_mm),
        "growth": ContourOffset(min_mm=0.0, max_mm=2.0),
        "shrinkage": ContourOffset(min_mm=-2.0, max_mm=0.0),
        "slice_thickness": SliceThickness(times=2.0),
        "kernel": ReconstructionKernel(min_gain=0.5, max_gain=2.0),
        "hu_offset": IntensityOffset(min_hu=-10.0, max_hu=10.0),
        "test_retest": PerturbationChain([translation, rotation, noise]),
    }
