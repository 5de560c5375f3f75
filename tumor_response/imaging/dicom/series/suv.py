"""The factor from stored PET units to SUVbw, or the name of what is missing for it.

SUVbw is tissue activity per injected activity and body weight, in g/ml, with both activities at
one time. Which time a scanner corrected the decay to is found as the QIBA FDG-PET/CT profile
describes it (Kinahan et al., "Vendor-neutral pseudo-code for SUV calculation", QIBA 2012; decay
correction: PS3.3 C.8.9.1.1.11). Nothing is assumed that the header does not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import items, number, text
from tumor_response.imaging.dicom.series.decay import (
    decay_reference,
    missing,
    private,
    since_injection_s,
)

__all__ = ["SUV_TAGS", "SuvScale", "suv_scale"]

SUV_TAGS: tuple[str | int, ...] = (
    "Units",
    "DecayCorrection",
    "CorrectedImage",
    "PatientWeight",
    "SUVType",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "FrameReferenceTime",
    "ActualFrameDuration",
    "TimezoneOffsetFromUTC",
    "RadiopharmaceuticalInformationSequence",
    0x00090010,
    0x0009100D,
    0x70530010,
    0x70531000,
    0x70531009,
)
"""What has to be read from the header of each slice."""


@dataclass(frozen=True)
class SuvScale:
    """What turns rescaled PET values into SUVbw, and how it was found."""

    factor: float
    """g/ml per unit of the rescaled values."""
    how: str
    """One sentence without times of day or dates."""


def suv_scale(headers: Sequence[Dataset]) -> SuvScale:
    """Return the factor that turns the rescaled values of a PET series into SUVbw.

    Parameters
    ----------
    headers
        Of all its slices, with :data:`SUV_TAGS`.

    Raises
    ------
    CaseError
        Codes ``suv_units`` (the unit is none that SUVbw follows from), ``suv_corrections``
        (not corrected for attenuation and decay), ``suv_missing`` (an attribute is absent or
        impossible; the message names it), ``suv_time`` (it cannot be told to which moment the
        decay was corrected).
    """
    units = _common(headers, "Units").upper()
    if units == "GML":
        kind = _common(headers, "SUVType").upper()
        if kind not in ("", "BW"):
            raise CaseError(
                f"the PET values are SUV by {kind[:16]!r}, expected by body weight (BW).",
                code="suv_units",
            )
        return SuvScale(1.0, "values are SUVbw already (Units GML)")
    if units not in ("BQML", "CNTS"):
        raise CaseError(
            f"the PET values are in the unit {units[:16]!r}; SUVbw follows from BQML, GML or, "
            "with the manufacturer's private factors, CNTS.",
            code="suv_units",
        )
    corrected = _common(headers, "CorrectedImage").upper()
    absent = [what for what in ("ATTN", "DECY") if what not in corrected]
    if absent:
        raise CaseError(
            f"the PET values are not corrected for {' and '.join(absent)} (CorrectedImage); give "
            "the corrected series.",
            code="suv_corrections",
        )
    to_bqml = 1.0
    if units == "CNTS":
        direct = _philips(headers, 0x00)
        if direct is not None:
            return SuvScale(direct, "counts, by the manufacturer's own SUV factor")
        concentration = _philips(headers, 0x09)
        if concentration is None:
            raise missing("the private SUV or activity factor of counts, (7053,xx00), (7053,xx09)")
        to_bqml = concentration
    return _by_weight(headers, to_bqml)


def _by_weight(headers: Sequence[Dataset], to_bqml: float) -> SuvScale:
    weight_kg = _number(headers, "PatientWeight", "kg", 0.2, 650.0)
    tracers = [_tracer(header) for header in headers]
    dose_bq = _number(tracers, "RadionuclideTotalDose", "Bq", 1e5, 1e12)
    correction = _common(headers, "DecayCorrection").upper()
    if correction == "ADMIN":
        return SuvScale(
            to_bqml * weight_kg * 1000 / dose_bq, "decay corrected to the administration"
        )
    if correction != "START":
        raise CaseError(
            "the PET values are not decay corrected to the start of the scan or to the "
            "administration (DecayCorrection START or ADMIN).",
            code="suv_corrections",
        )
    half_life_s = _number(tracers, "RadionuclideHalfLife", "s", 1.0, 1e8)
    reference = decay_reference(headers, half_life_s)
    decay_s = since_injection_s(headers[0], tracers[0], reference, half_life_s)
    left_bq = dose_bq * 2.0 ** (-decay_s / half_life_s)
    return SuvScale(
        to_bqml * weight_kg * 1000 / left_bq,
        f"decay over {decay_s / 60:.1f} min between administration and start of the scan",
    )


def _tracer(header: Dataset) -> Dataset:
    tracers = items(header, "RadiopharmaceuticalInformationSequence")
    if len(tracers) != 1:
        raise missing("one item in RadiopharmaceuticalInformationSequence")
    return tracers[0]


def _common(headers: Sequence[Dataset], keyword: str) -> str:
    found = {text(header, keyword) for header in headers}
    if len(found) > 1:
        raise missing(f"one {keyword} for all slices")
    return found.pop()


def _number(
    headers: Sequence[Dataset], keyword: str, unit: str, lowest: float, highest: float
) -> float:
    found = {number(header, keyword) for header in headers}
    value = found.pop() if len(found) == 1 else None
    if value is None or not lowest <= value <= highest:
        raise missing(f"one possible {keyword} ({lowest:g} to {highest:g} {unit})")
    return value


def _philips(headers: Sequence[Dataset], element: int) -> float | None:
    found = {private(h, 0x7053, "Philips PET Private Group", element) for h in headers}
    try:
        value = float(found.pop()) if len(found) == 1 else math.nan
    except ValueError:
        return None
    return value if 0 < value <= 1e12 else None
