"""The mean dose in a tumour, and the dose in fractions of 2 Gy with the same effect (EQD2)."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.treatment.dose import Dose
from tumor_response.imaging.findings import Finding

__all__ = ["MaskDose", "eqd2_gy", "mean_dose_gy", "mean_eqd2_gy"]


@dataclass(frozen=True)
class MaskDose:
    """A mean over the voxels of a mask.

    Parameters
    ----------
    mean_gy
        Gy, or Gy of EQD2; NaN where less of the mask than asked for lies on the dose grid.
    covered_share
        Share of the mask's voxels whose centres lie on the dose grid.
    findings
        Code ``dose_not_covering`` (warning) where that is not all of them.
    """

    mean_gy: float
    covered_share: float
    findings: tuple[Finding, ...] = ()


def mean_dose_gy(dose: Dose, mask: sitk.Image, minimum_share: float = 1.0) -> MaskDose:
    """Return the mean dose in a mask: linearly interpolated at its voxels' centres.

    Parameters
    ----------
    dose
        As :func:`tumor_response.imaging.dicom.treatment.dose.read_dose` gives it.
    mask
        3-D, not 0 inside, in the dose's frame of reference, on any grid.
    minimum_share
        How much of the mask has to lie on the dose grid, 0 to 1. With less the mean is NaN;
        with more, but not all, it is that of the part that does.

    Raises
    ------
    CaseError
        Code ``mask_empty``.
    SettingsError
        If the share is out of range.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging.dicom.treatment.dose import Dose
    >>> from tumor_response.imaging.dicom.treatment.dose_in_mask import mean_dose_gy
    >>> uniform = sitk.Image(4, 4, 4, sitk.sitkFloat32) + 60
    >>> mask = sitk.Image(4, 4, 4, sitk.sitkUInt8); mask[1, 2, 1] = 1
    >>> mean_dose_gy(Dose(uniform, "PHYSICAL", "PLAN", "", (), "", ""), mask).mean_gy
    60.0
    """
    doses, share = _doses_in(dose, mask)
    return _mean(doses, share, minimum_share)


def mean_eqd2_gy(
    dose: Dose,
    mask: sitk.Image,
    fractions: int,
    alpha_beta_gy: float = 10.0,
    minimum_share: float = 1.0,
) -> MaskDose:
    """Return the mean over a mask of its voxels' EQD2.

    Every voxel gets a fraction of its own dose, D / n. The mean of the voxels' EQD2 is larger
    than the EQD2 of the mean dose, by var(D) / (n (2 + alpha/beta)): the formula is convex.

    Parameters
    ----------
    dose
        Over all fractions, as :func:`tumor_response.imaging.dicom.treatment.dose.read_dose` gives
        it, of a plan with one fraction group.
    mask
        As in :func:`mean_dose_gy`.
    fractions
        n, in equal parts.
    alpha_beta_gy
        Of the tumour, Gy; 10 is the usual assumption, not a measurement.
    minimum_share
        As in :func:`mean_dose_gy`.

    Raises
    ------
    CaseError
        Code ``mask_empty``.
    SettingsError
        If a number is out of range.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging.dicom.treatment.dose import Dose
    >>> from tumor_response.imaging.dicom.treatment.dose_in_mask import mean_eqd2_gy
    >>> uniform = sitk.Image(4, 4, 4, sitk.sitkFloat32) + 60
    >>> mask = sitk.Image(4, 4, 4, sitk.sitkUInt8); mask[1, 2, 1] = 1
    >>> dose = Dose(uniform, "PHYSICAL", "PLAN", "", (), "", "")
    >>> mean_eqd2_gy(dose, mask, fractions=20).mean_gy  # 20 x 3 Gy
    65.0
    """
    n = _checked_fractions(fractions)
    _check_alpha_beta(alpha_beta_gy)
    doses, share = _doses_in(dose, mask)
    return _mean(_eqd2(doses, doses / n, alpha_beta_gy), share, minimum_share)


def eqd2_gy(
    total_dose_gy: float, dose_per_fraction_gy: float, alpha_beta_gy: float = 10.0
) -> float:
    """Return the dose in fractions of 2 Gy with the same effect (linear-quadratic model).

    EQD2 = D (d + alpha/beta) / (2 + alpha/beta) (Withers, Thames and Peters, Radiother Oncol
    1983; 1: 187-191). Neither repopulation nor dose rate is in it. Of a mean dose it is not the
    mean of the voxels' EQD2: see :func:`mean_eqd2_gy`.

    Parameters
    ----------
    total_dose_gy
        D, Gy.
    dose_per_fraction_gy
        d, Gy.
    alpha_beta_gy
        Gy; 10 is the usual assumption for tumours.

    Raises
    ------
    SettingsError
        For a dose below 0, an alpha/beta not above 0, or what is not finite.

    Examples
    --------
    Twenty fractions of 3 Gy count as 65 Gy:

    >>> from tumor_response.imaging.dicom.treatment.dose_in_mask import eqd2_gy
    >>> eqd2_gy(60.0, 3.0)
    65.0
    """
    _check_alpha_beta(alpha_beta_gy)
    for name, value in (
        ("total_dose_gy", total_dose_gy),
        ("dose_per_fraction_gy", dose_per_fraction_gy),
    ):
        if not 0 <= value < math.inf:
            raise SettingsError(f"{name}={value!r}: expected a dose of 0 Gy or more.")
    return float(_eqd2(np.asarray(total_dose_gy), np.asarray(dose_per_fraction_gy), alpha_beta_gy))


def _eqd2(total: np.ndarray, per_fraction: np.ndarray, alpha_beta: float) -> np.ndarray:
    return np.asarray(total * (per_fraction + alpha_beta) / (2.0 + alpha_beta))


def _check_alpha_beta(alpha_beta_gy: float) -> None:
    if not 0 < alpha_beta_gy < math.inf:
        raise SettingsError(f"alpha_beta_gy={alpha_beta_gy!r}: expected a dose over 0 Gy.")


def _checked_fractions(fractions: int) -> int:
    try:
        n = operator.index(fractions)
    except TypeError:
        n = 0
    if n < 1:
        raise SettingsError(f"fractions={fractions!r}: expected a whole number of at least 1.")
    return n


def _doses_in(dose: Dose, mask: sitk.Image) -> tuple[np.ndarray, float]:
    """Return the doses at the mask's voxels on the dose grid, and which share these are."""
    from scipy.ndimage import map_coordinates

    zyx = np.argwhere(sitk.GetArrayViewFromImage(mask))
    if not len(zyx):
        raise CaseError("the mask is empty: it has no mean dose.", code="mask_empty")
    # from the mask's index to the patient to the dose's index: one affine map
    to_patient = np.reshape(mask.GetDirection(), (3, 3)) * np.array(mask.GetSpacing())
    image = dose.image
    to_dose = np.linalg.inv(np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing()))
    shift = to_dose @ np.subtract(mask.GetOrigin(), image.GetOrigin())
    index = zyx[:, ::-1] @ (to_dose @ to_patient).T + shift
    last = np.array(image.GetSize()) - 1
    near = 1e-6  # of a voxel: rounding must not put a voxel on the rim outside
    covered = ((index >= -near) & (index <= last + near)).all(axis=1)
    inside = index[covered].clip(0, last)
    voxels = sitk.GetArrayViewFromImage(image)
    doses = map_coordinates(voxels, inside.T[::-1], order=1, output=np.float64)
    return np.asarray(doses), float(covered.mean())


def _mean(doses: np.ndarray, share: float, minimum_share: float) -> MaskDose:
    if not 0 <= minimum_share <= 1:
        raise SettingsError(f"minimum_share={minimum_share!r}: expected 0 to 1.")
    enough = share >= minimum_share and len(doses) > 0
    mean = float(doses.mean()) if enough else math.nan
    if share == 1:
        return MaskDose(mean, share)
    what = "the mean is that of this part" if enough else "there is no mean dose"
    finding = Finding(
        "dose_not_covering",
        "warning",
        f"{100 * share:.1f} % of the mask lie on the dose grid: {what}.",
        measured=f"{share:.4f}",
        limit=f"{minimum_share:g}",
        remedy="Export the dose on a grid that covers the tumour, in the CT's frame of reference.",
    )
    return MaskDose(mean, share, (finding,))
