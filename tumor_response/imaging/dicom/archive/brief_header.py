"""What the index knows of one DICOM object, read from as few of its bytes as can be."""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from tumor_response.imaging.dicom.archive import allow_list as tags
from tumor_response.imaging.dicom.elements import (
    MEDIA_STORAGE_CLASS,
    DamagedError,
    DicomBytes,
    Elements,
)

__all__ = ["Header", "read_header", "unreadable"]

MAX_TEXT = 256
OLDEST_YEARS = 120


@dataclass(frozen=True)
class Header:
    """What is kept of one object.

    Parameters
    ----------
    kind
        ``"image"``, ``"rtstruct"``, ``"seg"``, ``"plan"``, ``"dose"``, ``"dicomdir"``,
        ``"other"``, ``"not_dicom"``, ``"archive"`` (a zip) or ``"unreadable"``.
    sop_uid
        Its SOP Instance UID.
    facts
        The rest, as JSON-able values; for images the same for all slices of a series, as a rule.
    """

    kind: str
    sop_uid: str
    facts: dict[str, Any]


def read_header(stream: BinaryIO, name: str) -> Header:
    """Read what the index keeps of one object.

    Parameters
    ----------
    stream
        Of the object, at its beginning; only as much is read as the header is long.
    name
        How to name it in messages.

    Returns
    -------
    Header
        Of kind ``"unreadable"``, with ``reason`` and ``message`` among the facts, where the file
        says to be DICOM and is not to be used.

    Examples
    --------
    >>> import io
    >>> read_header(io.BytesIO(b"Dear colleague"), "letter.txt").kind
    'not_dicom'
    """
    try:
        source = DicomBytes(stream)
        if source.begins_with(b"PK\x03\x04", b"PK\x05\x06"):
            return Header("archive", "", {})
        if not source.is_dicom:
            return Header("not_dicom", "", {})
        if _ascii(source.meta.get(MEDIA_STORAGE_CLASS, b"")) == tags.DIRECTORY_CLASS:
            return Header("dicomdir", "", {"files": _files_of(source.elements(tags.DIRECTORY))})
        return _object_header(source, name)
    except DamagedError as error:
        return _damaged(name, str(error))


def unreadable(reason: str, message: str) -> Header:
    """Return the header of a file that cannot be used, and why."""
    return Header("unreadable", "", {"reason": reason, "message": message})


def _object_header(source: DicomBytes, name: str) -> Header:
    found = source.elements(tags.COMMON)
    sop_class, sop_uid = (_ascii(found.get(tag, b"")) for tag in (tags.SOP_CLASS, tags.SOP_UID))
    if not sop_class or not sop_uid:
        return _damaged(name, "no SOP Class or SOP Instance UID")
    has_pixels = tags.ROWS in found and tags.COLUMNS in found
    if sop_class in tags.VOLUMES and not has_pixels:
        return _damaged(name, "it ends before its rows and columns")
    kind = tags.KINDS.get(sop_class) or ("image" if has_pixels else "other")
    if kind == "other":  # reports, presentation states, registrations
        return Header(kind, sop_uid, {})
    charset = _ascii(found.get(tags.CHARACTER_SET, b"")).split("\\")
    facts = _common_facts(found, charset)
    if kind == "image":
        if not facts["series_uid"]:
            return _damaged(name, "no Series Instance UID")
        facts |= _image_facts(found, charset, facts["date"], source.big_endian)
    elif kind == "rtstruct":
        facts |= _structure_facts(source.elements(tags.STRUCTURE_SET), charset)
    elif kind == "seg":
        facts |= _segment_facts(source.elements(tags.SEGMENTATION), charset, source.big_endian)
    elif kind == "plan":
        facts |= _plan_facts(source.elements(tags.PLAN))
    else:
        facts |= _dose_facts(source.elements(tags.DOSE))
    return Header(kind, sop_uid, facts)


def _damaged(name: str, why: str) -> Header:
    return unreadable("not_dicom", f"{name}: no readable DICOM object ({why}).")


def _common_facts(found: Elements, charset: list[str]) -> dict[str, Any]:
    # a scan is dated by when it was acquired; a copy's or an export's own dates are later
    days = (
        _date(found.get(tag, b""))
        for tag in (tags.ACQUISITION_DATE, tags.SERIES_DATE, tags.STUDY_DATE)
    )
    date = next((day for day in days if day), None)
    return {
        "patient_id": _text(found.get(tags.PATIENT_ID, b""), charset),
        "study_uid": _ascii(found.get(tags.STUDY_UID, b"")),
        "series_uid": _ascii(found.get(tags.SERIES_UID, b"")),
        "frame_uid": _ascii(found.get(tags.FRAME_UID, b"")),
        "modality": _ascii(found.get(tags.MODALITY, b"")),
        "date": None if date is None else date.isoformat(),
        "time": _time(found, tags.SERIES_TIME, tags.STUDY_TIME),
        "series_number": _whole(found.get(tags.SERIES_NUMBER, b"")),
    }


def _image_facts(
    found: Elements, charset: list[str], date: str | None, big_endian: bool
) -> dict[str, Any]:
    agent = _text(found.get(tags.CONTRAST_AGENT, b""), charset)
    return {
        "sop_class": _ascii(found.get(tags.SOP_CLASS, b"")),
        "image_type": _ascii(found.get(tags.IMAGE_TYPE, b"")),
        "slice_thickness_mm": _number(found.get(tags.SLICE_THICKNESS, b"")),
        "kvp": _number(found.get(tags.KVP, b"")),
        "kernel": _text(found.get(tags.KERNEL, b""), charset),
        "manufacturer": _text(found.get(tags.MANUFACTURER, b""), charset),
        # PS3.3 C.7.6.4: it is there when an agent was used; which one is free text
        "contrast_agent": agent.upper() not in ("", "NO", "NONE", "N"),
        "age_years": _age(found, date),
        "sex": _ascii(found.get(tags.SEX, b""))[:1],
        "weight_kg": _number(found.get(tags.WEIGHT, b"")),
        "rows": _short(found.get(tags.ROWS, b""), big_endian),
        "columns": _short(found.get(tags.COLUMNS, b""), big_endian),
        "n_frames": max(1, _whole(found.get(tags.N_FRAMES, b"")) or 1),
    }


def _structure_facts(found: Elements, charset: list[str]) -> dict[str, Any]:
    images: dict[str, int] = {}
    series, frames = [], []
    for frame in found.get(tags.RT_FRAMES, []):
        frames.append(_ascii(frame.get(tags.FRAME_UID, b"")))
        for study in frame.get(tags.RT_STUDIES, []):
            for one in study.get(tags.RT_SERIES, []):
                series.append(_ascii(one.get(tags.SERIES_UID, b"")))
                _number_images(one.get(tags.CONTOUR_IMAGES, []), images)
    interpreted = {
        _whole(item.get(tags.OF_ROI, b"")): _ascii(item.get(tags.INTERPRETED_TYPE, b""))
        for item in found.get(tags.OBSERVATIONS, [])
    }
    drawn: dict[int | None, list[Elements]] = {}
    for item in found.get(tags.ROI_CONTOURS, []):
        drawn.setdefault(_whole(item.get(tags.OF_ROI, b"")), []).extend(item.get(tags.CONTOURS, []))
    rois = []
    for item in found.get(tags.ROIS, []):
        number = _whole(item.get(tags.ROI_NUMBER, b""))
        if number is None:
            continue
        contours = drawn.get(number, [])
        used: set[int] = set()
        for contour in contours:
            used |= _number_images(contour.get(tags.CONTOUR_IMAGES, []), images)
        rois.append(
            {
                "number": number,
                "name": _text(item.get(tags.ROI_NAME, b""), charset),
                "interpreted_type": interpreted.get(number, ""),
                "frame_uid": _ascii(item.get(tags.ROI_FRAME, b"")),
                "n_contours": len(contours),
                "images": sorted(used),
            }
        )
    return {
        "structures": rois,
        "series_uids": _unique(series),
        "frame_uids": _unique(frames),
        "sop_uids": list(images),
        "approval": _ascii(found.get(tags.APPROVAL, b"")),
        **_own_date(found, tags.STRUCTURE_SET_DATE, tags.STRUCTURE_SET_TIME),
    }


def _segment_facts(found: Elements, charset: list[str], big_endian: bool) -> dict[str, Any]:
    images: dict[str, int] = {}
    series = []
    for one in found.get(tags.REFERENCED_SERIES, []):
        series.append(_ascii(one.get(tags.SERIES_UID, b"")))
        _number_images(one.get(tags.REFERENCED_INSTANCES, []), images)
    _number_images(found.get(tags.SOURCE_IMAGES, []), images)
    for frame in found.get(tags.PER_FRAME, []):
        for derivation in frame.get(tags.DERIVATION, []):
            _number_images(derivation.get(tags.SOURCE_IMAGES, []), images)
    return {
        "structures": [
            {
                "number": _short(item.get(tags.SEGMENT_NUMBER, b""), big_endian),
                "name": _text(item.get(tags.SEGMENT_LABEL, b""), charset),
            }
            for item in found.get(tags.SEGMENTS, [])
        ],
        "segmentation_type": _ascii(found.get(tags.SEGMENTATION_TYPE, b"")),
        "series_uids": _unique(series),
        "sop_uids": list(images),
    }


def _plan_facts(found: Elements) -> dict[str, Any]:
    return {
        "structure_set_uids": _referenced(found.get(tags.OF_STRUCTURE_SET, [])),
        "approval": _ascii(found.get(tags.APPROVAL, b"")),
        **_own_date(found, tags.PLAN_DATE, tags.PLAN_TIME),
    }


def _dose_facts(found: Elements) -> dict[str, Any]:
    return {
        "plan_uids": _referenced(found.get(tags.OF_PLAN, [])),
        "structure_set_uids": _referenced(found.get(tags.OF_STRUCTURE_SET, [])),
        "summation_type": _ascii(found.get(tags.SUMMATION_TYPE, b"")),
    }


def _files_of(found: Elements) -> list[str]:
    """Return the files a DICOMDIR lists, as relative paths in the standard's upper case."""
    paths = (
        _ascii(record.get(tags.FILE_ID, b"")).split("\\") for record in found.get(tags.RECORDS, [])
    )
    return _unique("/".join(part.strip() for part in path) for path in paths)


def _number_images(references: Sequence[Elements], images: dict[str, int]) -> set[int]:
    """Give referenced instances that are new the next numbers; return the numbers of these."""
    return {images.setdefault(uid, len(images)) for uid in _referenced(references)}


def _referenced(references: Sequence[Elements]) -> list[str]:
    return _unique(_ascii(item.get(tags.REFERENCED_SOP_UID, b"")) for item in references)


def _unique(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _ascii(value: bytes) -> str:
    """Return a value of a kind that holds ASCII by definition (UI, CS, DA, TM, IS, DS, AS)."""
    return value.decode("ascii", "replace").replace("\0", "").strip()[:MAX_TEXT]


def _text(value: bytes, charset: list[str]) -> str:
    if value.isascii() and b"\x1b" not in value:
        return _ascii(value)
    from pydicom.charset import convert_encodings, decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of character sets that are named wrongly
        try:
            decoded = str(decode_bytes(value, convert_encodings(list(charset)), {"\\"}))
        except (LookupError, ValueError):
            decoded = value.decode("ascii", "replace")
    return decoded.replace("\0", "").strip()[:MAX_TEXT]


def _number(value: bytes) -> float | None:
    try:
        found = float(_ascii(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(value: bytes) -> int | None:
    found = _number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) < 2**31 else None


def _short(value: bytes, big_endian: bool) -> int:
    return int.from_bytes(value[:2], "big" if big_endian else "little")


def _date(value: bytes) -> dt.date | None:
    match = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", _ascii(value))
    try:
        return dt.date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None


def _time(found: Elements, *tags: int) -> str:
    times = (re.sub(r"[^\d.]", "", _ascii(found.get(tag, b""))) for tag in tags)
    return next((time for time in times if time), "")


def _own_date(found: Elements, date_tag: int, time_tag: int) -> dict[str, str]:
    """Return when a structure set or plan was made, which goes before its series' date."""
    date = _date(found.get(date_tag, b""))
    return {} if date is None else {"date": date.isoformat(), "time": _time(found, time_tag)}


def _age(found: Elements, date: str | None) -> float | None:
    """Return the age in years: as stated, else in whole years from the birth date."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", _ascii(found.get(tags.AGE, b"")))
    if match:
        per_year = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[match.group(2)]
        return round(int(match.group(1)) / per_year, 1)
    born = _date(found.get(tags.BIRTH_DATE, b""))
    if born is None or date is None:
        return None
    day = dt.date.fromisoformat(date)
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return float(years) if 0 <= years <= OLDEST_YEARS else None
