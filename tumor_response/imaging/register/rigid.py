"""Rigid registration of a follow-up CT to its baseline, from what surrounds the tumour.

The tumour changes, so it must not decide how the patient is aligned: it and a rim around it are
left out of the similarity. What counts is the neighbourhood and not the whole scan, because a neck
bends between two sessions. The similarity is the correlation of both images clipped to soft tissue
(indifferent to a calibration offset), evaluated at every voxel of the region: no random sampling,
one thread, the same result each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.register.region import Region, correlation, region_around
from tumor_response.imaging.register.settings import RegistrationSettings
from tumor_response.parallel.threads import held_threads

__all__ = ["RigidAlignment", "register_rigidly"]

EXTRA_MARGIN_MM = 15.0
"""The alignment may look further than the deformation: six numbers need edges all around."""

MIN_VOXELS = 200
"""Of the surroundings that both images must share."""


@dataclass(frozen=True)
class RigidAlignment:
    """Where the baseline's points are in the follow-up.

    Parameters
    ----------
    transform
        Takes a point of the baseline (LPS, mm) to the follow-up.
    shift_mm
        How far the tumour's centre is moved.
    rotation_deg
        Angle of the rotation, about whatever axis.
    similarity_before, similarity_after
        Correlation of the surroundings at the start and at the end.
    """

    transform: sitk.Transform
    shift_mm: float
    rotation_deg: float
    similarity_before: float
    similarity_after: float


def register_rigidly(
    baseline: sitk.Image,
    baseline_mask: sitk.Image,
    follow_up: sitk.Image,
    follow_up_mask: sitk.Image | None = None,
    *,
    start_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    settings: RegistrationSettings | None = None,
) -> RigidAlignment:
    """Align a follow-up CT with its baseline around the tumour.

    Parameters
    ----------
    baseline, baseline_mask
        CT in HU and the tumour in it.
    follow_up, follow_up_mask
        The later CT, and the tumour in it, which is left out as well where it is known.
    start_mm
        Translation to start from: what is added to a point of the follow-up to come to the
        baseline.
    settings
        Default :class:`RegistrationSettings`.

    Raises
    ------
    CaseError
        Code ``registration_no_overlap``: the images share too little around the tumour;
        ``registration_failed``: after alignment their correlation is below ``min_similarity``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> blocks = np.kron(rng.choice([-120.0, 60.0], size=(8, 8, 8)), np.ones((5, 5, 5)))
    >>> ct = sitk.GetImageFromArray(blocks)
    >>> moved = sitk.Image(ct); moved.SetOrigin((3.0, -2.0, 1.0))
    >>> mask = sitk.Image(ct.GetSize(), sitk.sitkUInt8); mask[18:22, 18:22, 18:22] = 1
    >>> settings = RegistrationSettings(margin_mm=5)
    >>> found = register_rigidly(ct, mask, moved, settings=settings)
    >>> [round(v) for v in found.transform.TransformPoint((0.0, 0.0, 0.0))]
    [3, -2, 1]
    """
    settings = settings or RegistrationSettings()
    with held_threads(1):
        region = region_around(
            baseline_mask, settings.margin_mm + EXTRA_MARGIN_MM, settings.spacing_mm
        )
        where = region.surroundings(settings.keep_out_mm)
        fixed = region.sample(baseline, settings.window_hu, sitk.Transform())
        start = sitk.Euler3DTransform()
        start.SetCenter(region.centre_mm)
        start.SetTranslation([-v for v in start_mm])
        before = _similarity(region, fixed, follow_up, start, where, settings)
        found = _optimised(region, fixed, follow_up, follow_up_mask, start, where, settings)
        after = _similarity(region, fixed, follow_up, found, where, settings)
    if not after >= settings.min_similarity:
        raise CaseError(
            f"around the tumour, baseline and follow-up image correlate by {after:.2f} after rigid "
            f"alignment (asked for: {settings.min_similarity:g}). Look at both scans: another "
            "patient, another posture or another part of the body cannot be compared point by "
            "point.",
            code="registration_failed",
        )
    moved = np.subtract(found.TransformPoint(region.centre_mm), region.centre_mm)
    cosine = (np.trace(np.array(found.GetMatrix()).reshape(3, 3)) - 1) / 2
    return RigidAlignment(
        found,
        float(np.linalg.norm(moved)),
        float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))),
        before,
        after,
    )


def _similarity(
    region: Region,
    fixed: sitk.Image,
    follow_up: sitk.Image,
    transform: sitk.Transform,
    where: np.ndarray,
    settings: RegistrationSettings,
) -> float:
    both = where & region.covered(follow_up, transform)
    if np.count_nonzero(both) < MIN_VOXELS:
        raise CaseError(
            f"baseline and follow-up image share {np.count_nonzero(both)} points of the region "
            f"around the tumour (needed: {MIN_VOXELS}). The follow-up has to show the same part of "
            "the body.",
            code="registration_no_overlap",
        )
    return correlation(fixed, region.sample(follow_up, settings.window_hu, transform), both)


def _optimised(
    region: Region,
    fixed: sitk.Image,
    follow_up: sitk.Image,
    follow_up_mask: sitk.Image | None,
    start: sitk.Euler3DTransform,
    where: np.ndarray,
    settings: RegistrationSettings,
) -> sitk.Euler3DTransform:
    low, high = settings.window_hu
    moving = sitk.Clamp(sitk.Cast(follow_up, sitk.sitkFloat32), lowerBound=low, upperBound=high)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(region.image(where.astype(np.uint8)))
    if follow_up_mask is not None:
        method.SetMetricMovingMask(sitk.Equal(follow_up_mask, 0))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=100, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    transform = sitk.Euler3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError as error:
        raise CaseError(
            "the rigid alignment found no overlap of the two images on its way; look at both "
            "scans, and whether they show the same part of the body.",
            code="registration_no_overlap",
        ) from error
    return transform
