"""How long a tracer decayed between its administration and the moment PET values stand for.

No time of day and no date leaves this module: what comes out are seconds.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from collections.abc import Sequence

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import date_of, number, text

__all__ = ["decay_reference", "missing", "private", "since_injection_s"]

SAME_TIME_S = 2.0
"""Slices whose headers imply the same moment within this agree: clocks are written to 1 s."""

MAX_HALF_LIVES = 10.0
"""No scan is made when less than a thousandth of the activity is left; such times are mistakes."""


def decay_reference(headers: Sequence[Dataset], half_life_s: float) -> dt.datetime:
    """Return the moment that the values of a series were decay corrected to.

    Parameters
    ----------
    headers
        Of all its slices.
    half_life_s
        Of the tracer, s.

    Raises
    ------
    CaseError
        Codes ``suv_missing`` and ``suv_time``.
    """
    series = [_moment(h, "SeriesDate", "SeriesTime") for h in headers]
    acquired = [_moment(h, "AcquisitionDate", "AcquisitionTime") for h in headers]
    known = [a for a in acquired if a is not None]
    if len(known) < len(headers):
        raise missing("AcquisitionDate and AcquisitionTime")
    if series[0] is not None and series[0] <= min(known):
        return series[0]
    # a series derived later has the date and time of its derivation
    scans = [_ge_scan_time(h) for h in headers]
    if all(scans):
        return _agreed([s for s in scans if s is not None])
    decay = math.log(2) / half_life_s
    implied = []
    for header, start in zip(headers, known, strict=True):
        offset_ms = number(header, "FrameReferenceTime")
        duration_ms = number(header, "ActualFrameDuration")
        if offset_ms is None or duration_ms is None or not 1 <= duration_ms <= 1e9:
            raise CaseError(
                "SeriesTime is later than AcquisitionTime or absent, and there is no "
                "FrameReferenceTime and ActualFrameDuration: the moment to which the decay was "
                "corrected cannot be told. Give the series as the scanner made it.",
                code="suv_time",
            )
        # the mean activity of a frame is that at this time after its start
        in_frame = decay * duration_ms / 1000
        mean_s = math.log(in_frame / -math.expm1(-in_frame)) / decay
        if abs(offset_ms) > 1e9:  # twelve days
            raise missing("a possible FrameReferenceTime")
        implied.append(start + dt.timedelta(seconds=mean_s - offset_ms / 1000))
    return _agreed(implied)


def _agreed(moments: list[dt.datetime]) -> dt.datetime:
    spread = (max(moments) - min(moments)).total_seconds()
    if spread > SAME_TIME_S:
        raise CaseError(
            f"the slices imply moments of decay correction that are {spread:.0f} s apart; "
            "expected one for the series.",
            code="suv_time",
        )
    return min(moments)


def since_injection_s(
    header: Dataset, tracer: Dataset, reference: dt.datetime, half_life_s: float
) -> float:
    """Return the seconds from the administration to ``reference``.

    Parameters
    ----------
    header, tracer
        Of any slice, and its item of the RadiopharmaceuticalInformationSequence.
    reference
        As :func:`decay_reference`.
    half_life_s
        Of the tracer, s.

    Raises
    ------
    CaseError
        Codes ``suv_missing`` and ``suv_time``.
    """
    limit = MAX_HALF_LIVES * half_life_s
    written = text(tracer, "RadiopharmaceuticalStartDateTime")
    full = _date_and_time(written)
    clock = _time_of(text(tracer, "RadiopharmaceuticalStartTime"))
    zone = re.search(r"[+-]\d{4}$", written)
    if zone and zone[0] != text(header, "TimezoneOffsetFromUTC"):
        full = None  # on another clock than the scan's, or not known to be on the same
    if full is None and clock is None:
        raise missing(
            "RadiopharmaceuticalStartTime, or RadiopharmaceuticalStartDateTime on the clock of the "
            "scan,"
        )
    if full is not None:
        same_day = dt.datetime.combine(full.date(), clock or full.time())
        if abs((same_day - full).total_seconds()) > SAME_TIME_S:
            raise CaseError(
                "RadiopharmaceuticalStartTime and RadiopharmaceuticalStartDateTime are different "
                "times of day; correct the header.",
                code="suv_time",
            )
        decay_s = (reference - full).total_seconds()
        if 0 <= decay_s <= limit:
            return decay_s
        if clock is None:
            raise _impossible(decay_s)
        # changing dates in a header often misses this one; the time of day is still good
    started = dt.datetime.combine(reference.date(), clock or dt.time())
    if started > reference:  # administered before midnight
        started -= dt.timedelta(days=1)
    decay_s = (reference - started).total_seconds()
    if decay_s > limit:
        raise _impossible(decay_s)
    return decay_s


def _impossible(decay_s: float) -> CaseError:
    return CaseError(
        f"the header puts the administration {decay_s / 3600:.1f} h before the scan, which is "
        f"negative or more than {MAX_HALF_LIVES:.0f} half-lives. Correct the times of "
        "administration and series.",
        code="suv_time",
    )


def missing(what: str) -> CaseError:
    """Return the error that names what SUVbw cannot do without."""
    return CaseError(
        f"no SUVbw without {what} in every slice. Enter it from the scan protocol, or give a "
        "series in SUV.",
        code="suv_missing",
    )


def _ge_scan_time(header: Dataset) -> dt.datetime | None:
    return _date_and_time(private(header, 0x0009, "GEMS_PETD_01", 0x0D))


def private(header: Dataset, group: int, creator: str, element: int) -> str:
    """Return a private attribute as text, ``""`` unless its block is that creator's first."""
    if _at(header, group, 0x10) != creator:
        return ""
    return _at(header, group, 0x1000 + element)


def _at(header: Dataset, group: int, element: int) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = header[group, element].value
    except Exception:  # absent, or a damaged value: conversion may fail in any way
        return ""
    if isinstance(value, bytes):  # private and of unknown type
        value = value.decode("ascii", "ignore")
    return str(value).replace("\x00", "").strip()


def _moment(header: Dataset, date: str, time: str) -> dt.datetime | None:
    day, clock = date_of(header, date), _time_of(text(header, time))
    return _combined(day, clock)


def _combined(day: dt.date | None, clock: dt.time | None) -> dt.datetime | None:
    """Return both as one; years without scanners are mistakes, and overflow when subtracted."""
    if day is None or clock is None or not 1950 <= day.year <= 2200:
        return None
    return dt.datetime.combine(day, clock)


def _time_of(value: str) -> dt.time | None:
    match = re.fullmatch(r"(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,6})\d*)?)?", value)
    if match is None:
        return None
    hour, minute, second, fraction = match.groups(default="0")
    try:
        return dt.time(int(hour), int(minute), int(second), int(fraction.ljust(6, "0")))
    except ValueError:
        return None


def _date_and_time(value: str) -> dt.datetime | None:
    """Return a DICOM DT as it reads on the clock; without a time of day it is none."""
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d{4,6}(?:\.\d+)?)([+-]\d{4})?", value)
    if match is None:
        return None
    clock = _time_of(match[4])
    try:
        day = dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return _combined(day, clock)
