"""From stored values to Hounsfield units, SUVbw or the values of MR, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.series.headers import Slice, named
from tumor_response.imaging.dicom.series.pixels import StoredPlane
from tumor_response.imaging.findings import Finding

__all__ = ["OUTSIDE_HU", "TISSUE_FROM_HU", "Notes", "check_rescale", "physical_plane", "same_plane"]

OUTSIDE_HU = -1024.0
"""What CT voxels declared as padding below it are set to (HU): the floor of the usual scale.

Scanners write values there that come out at -2000 or -3024. Neither is a density, and filters near
the edge of the field of view would see a step that is not in the patient. Padding between this and
:data:`TISSUE_FROM_HU` is air already and stays.
"""

TISSUE_FROM_HU = -900.0
"""Padding values above this are not believed (HU): lung and tissue have them as well."""


def check_rescale(slices: Sequence[Slice]) -> None:
    """Refuse a series whose stored values cannot be turned into one scale.

    Raises
    ------
    CaseError
        Codes ``rescale_missing`` (CT, PET: any slice without slope and intercept; MR: some with
        and some without) and ``rescale_type`` (CT that is not in HU).
    """
    modality = slices[0].modality
    complete = [s.slope not in (None, 0.0) and s.intercept is not None for s in slices]
    absent = [s.slope is None and s.intercept is None for s in slices]
    as_stored = modality == "MR" and not any(complete)
    fine = absent if as_stored else complete
    without = [s for s, good in zip(slices, fine, strict=True) if not good]
    if without:
        raise CaseError(
            f"{named(without)}: no usable RescaleSlope and RescaleIntercept, so that stored "
            "values cannot be turned into "
            f"{'HU' if modality == 'CT' else 'values of one scale'}. Export the series again.",
            code="rescale_missing",
        )
    # absent means HU (PS3.3 C.8.2.1)
    other = [s for s in slices if modality == "CT" and s.rescale_type not in ("", "HU")]
    if other:
        raise CaseError(
            f"{named(other)}: RescaleType is {other[0].rescale_type[:16]!r}, expected HU: the "
            "values are no Hounsfield units. Give the series in HU.",
            code="rescale_type",
        )


def same_plane(a: Slice, stored_a: StoredPlane, b: Slice, stored_b: StoredPlane) -> bool:
    """Whether two slices hold the same values after rescaling."""
    return (
        stored_a.padding_value == stored_b.padding_value
        and np.array_equal(_rescaled(a, stored_a), _rescaled(b, stored_b))
        and np.array_equal(stored_a.padded, stored_b.padded)
    )


def _rescaled(s: Slice, stored: StoredPlane) -> np.ndarray:
    slope = 1.0 if s.slope is None else s.slope
    intercept = 0.0 if s.intercept is None else s.intercept
    return np.asarray(stored.values * slope + intercept)


def physical_plane(s: Slice, stored: StoredPlane, factor: float, notes: Notes) -> np.ndarray:
    """Return the values of one slice in the smallest type that holds them."""
    values = _rescaled(s, stored)
    notes.n_voxels += values.size
    if stored.masked_bits:
        notes.masked.append(s)
    if stored.lossy:
        notes.lossy.append(s)
    if s.modality == "PT":
        return (values * factor).astype(np.float32)
    if s.modality == "CT":
        _replace_padding(s, stored.padded, values, notes)
    if (values == np.rint(values)).all():
        for kind in (np.int16, np.int32):
            if np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max:
                return values.astype(kind)
    return values.astype(np.float32)


def _replace_padding(s: Slice, padded: np.ndarray, values: np.ndarray, notes: Notes) -> None:
    """Set what is padded below the scale to its floor; count what stays below it."""
    if (values[padded] > TISSUE_FROM_HU).any():
        notes.padding_kept.append(s)
    below = values < OUTSIDE_HU
    notes.n_padded += int((below & padded).sum())
    notes.n_below += int((below & ~padded).sum())
    values[below & padded] = OUTSIDE_HU


class Notes:
    """What is noticed slice by slice, told once for the series."""

    def __init__(self) -> None:
        self.n_voxels = self.n_padded = self.n_below = 0
        self.padding_kept: list[Slice] = []
        self.masked: list[Slice] = []
        self.lossy: list[Slice] = []

    def findings(self) -> list[Finding]:
        """Return what was noticed, in words."""
        found = []
        if self.n_padded:
            share = f"{100 * self.n_padded / self.n_voxels:.2f} %"
            found.append(
                Finding(
                    "padding_replaced",
                    "info",
                    f"{share} of the voxels are padding (outside the field of view) below "
                    f"the scale and are set to {OUTSIDE_HU:.0f} HU.",
                    measured=share,
                )
            )
        if self.padding_kept:
            found.append(
                Finding(
                    "padding_in_tissue",
                    "warning",
                    f"{named(self.padding_kept)}: the declared padding value is a value of tissue; "
                    "these voxels are kept as they are, outside the field of view as well.",
                    limit=f"{TISSUE_FROM_HU:.0f} HU",
                    remedy="Look whether the contour touches the edge of the field of view.",
                )
            )
        if self.n_below:
            share = f"{100 * self.n_below / self.n_voxels:.2f} %"
            found.append(
                Finding(
                    "hu_below_scale",
                    "warning",
                    f"{share} of the voxels are below {OUTSIDE_HU:.0f} HU, which no matter is, and "
                    "are kept as they are: most often padding that the header does not declare.",
                    measured=share,
                    limit=f"{OUTSIDE_HU:.0f} HU",
                    remedy="Look whether the contour touches the edge of the field of view.",
                )
            )
        if self.masked:
            found.append(
                Finding(
                    "overlay_bits",
                    "info",
                    f"{named(self.masked)}: an overlay lies in unused bits of the pixels; it is "
                    "taken away.",
                )
            )
        if self.lossy:
            found.append(
                Finding(
                    "lossy_compression",
                    "warning",
                    f"{named(self.lossy)}: the pixels were compressed with loss; texture is not "
                    "the scanner's.",
                    remedy="Fetch the series as the scanner stored it.",
                )
            )
        return found
