"""One row of a manifest on its way to one case, or to one case per structure it matches."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from tumor_response.cohort.case import Case, FollowUp, Value
from tumor_response.cohort.delivered import delivered_faults
from tumor_response.cohort.lesions import Match, match_lesions
from tumor_response.cohort.roles import PREDICTOR_ROLES, Role
from tumor_response.exceptions import CaseError, ManifestError
from tumor_response.imaging import (
    ImageFile,
    ImageSource,
    MaskFile,
    MaskSource,
    UnionOfMasks,
)

__all__ = ["RESERVED", "Row", "RowRules", "Several"]

RESERVED = (
    "patient_id",
    "image",
    "mask",
    "rtstruct",
    "roi",
    "lesion_id",
    "mask_label",
    "date",
    "follow_up_image",
    "follow_up_mask",
    "follow_up_mask_label",
    "follow_up_rtstruct",
    "follow_up_roi",
    "follow_up_date",
    "follow_up_status",
    "rt_start_date",
    "fractions_at_follow_up",
    "dose_gy_at_follow_up",
    "site",
)
"""Columns that mean something by themselves; every other is a clinical variable."""

NOT_GIVEN = ("", "NA", "N/A", "NaN", "nan")  # R and pandas write these for an empty cell
STATUSES = ("measured", "complete_response", "missing", "death", "surgery")
_IDS = ("patient_id", "lesion_id")

Several = Literal["lesions", "union", "error"]

T = TypeVar("T")


@dataclass(frozen=True)
class RowRules:
    """How contours become lesions.

    Parameters
    ----------
    several
        What it means if ``roi`` matches several structures: ``"lesions"``, one lesion each;
        ``"union"``, the parts of one lesion; ``"error"``, a fault.
    fill_gaps
        Whether slices between contours that have none are filled.
    hide_dates
        Whether dates are used for intervals alone.
    """

    several: Several = "lesions"
    fill_gaps: bool = False
    hide_dates: bool = False


class Row:
    """One row; collects what is wrong with it in ``faults``."""

    def __init__(
        self,
        cells: Mapping[str, Any],
        base: Path,
        decimal_comma: bool,
        roles: Mapping[str, Role],
        rules: RowRules,
    ) -> None:
        self._cells = cells
        self._base = base
        self._decimal_comma = decimal_comma
        self._roles = roles
        self._rules = rules
        self.faults: list[str] = []
        self.date: dt.date | None = None

    def cases(self) -> list[Case]:
        """Return the row's lesions; with faults they are not to be used."""
        self.date = self._parsed("date", _day, "a date, YYYY-MM-DD")
        patient_id = self._text("patient_id", required=True)
        image = self._image("image", required=True)
        regions = self._regions("mask", "mask_label", "rtstruct", "roi", required=True)
        later = self._follow_up_regions(list(regions))
        site = self._text("site") or None
        return [
            Case(
                patient_id=patient_id,
                lesion_id=lesion_id,
                image=image or ImageFile(Path()),
                mask=region,
                date=None if self._rules.hide_dates else self.date,
                site=site,
                variables=self._variables(*PREDICTOR_ROLES),
                follow_up=later[lesion_id],
            )
            for lesion_id, region in regions.items()
        ]

    def _follow_up_regions(self, lesions: Sequence[str]) -> dict[str, FollowUp]:
        image = self._image("follow_up_image")
        date = self._parsed("follow_up_date", _day, "a date, YYYY-MM-DD")
        start = self._parsed("rt_start_date", _day, "a date, YYYY-MM-DD")
        self._check_order(date, start)
        # the same number or name is the same lesion at both times, unless the manifest says so
        label = "follow_up_mask_label" if self._given("follow_up_mask_label") else "mask_label"
        pattern = "follow_up_roi" if self._given("follow_up_roi") else "roi"
        regions = self._regions("follow_up_mask", label, "follow_up_rtstruct", pattern)
        if self._text("follow_up_rtstruct") and image is None:
            self.faults.append(
                "follow_up_rtstruct is given without follow_up_image; contours need the grid of "
                "the image they were drawn on"
            )
        matches = self._matched(lesions, list(regions))
        fractions = self._parsed("fractions_at_follow_up", self._number, "a number")
        dose_gy = self._parsed("dose_gy_at_follow_up", self._number, "a number (Gy)")
        self.faults += delivered_faults(fractions, dose_gy)
        every = FollowUp(
            image=image,
            interval_days=_days(self.date, date),
            treatment_days=_days(start, date),
            status=self._status(),
            fractions=fractions,
            dose_gy=dose_gy,
            variables=self._variables("delivered", "post_baseline"),
        )
        return {
            lesion: replace(
                every,
                mask=None if match.follow_up is None else regions[match.follow_up],
                findings=match.findings,
            )
            for lesion, match in matches.items()
        }

    def _matched(self, lesions: Sequence[str], later: Sequence[str]) -> Mapping[str, Match]:
        """Return each lesion's region in the follow-up."""
        if not later:
            return {lesion: Match(None) for lesion in lesions}
        by_name = self._text("rtstruct") and self._text("follow_up_rtstruct")
        if len(lesions) == len(later) == 1 and (not by_name or self._text("lesion_id")):
            return {lesions[0]: Match(later[0])}
        if len(lesions) > 1 and not by_name:
            self.faults.append(
                f"the baseline has {len(lesions)} lesions and the follow-up one mask; give the "
                "follow-up's contours as well, or one row per lesion"
            )
        return match_lesions(lesions, later)

    def _check_order(self, follow_up: dt.date | None, start: dt.date | None) -> None:
        if self.date and follow_up and follow_up < self.date:
            self.faults.append(
                f"follow_up_date {follow_up} is before the baseline's date {self.date}; "
                "are the two scans swapped?"
            )
        if start and follow_up and follow_up < start:
            self.faults.append(f"follow_up_date {follow_up} is before rt_start_date {start}")

    def _variables(self, *roles: Role) -> dict[str, Value]:
        return {name: self._value(name) for name, role in self._roles.items() if role in roles}

    def _image(self, column: str, required: bool = False) -> ImageSource | None:
        value = self._cells.get(column)
        if isinstance(value, ImageSource):
            return value
        text = self._text(column, required)
        path = self._path(text)
        if not text or path is None:
            return None
        if path.is_dir():
            from tumor_response.cohort.dicom_row import series_of_folder

            structures = self._text("rtstruct" if column == "image" else "follow_up_rtstruct")
            return self._read(column, lambda: series_of_folder(path, self._path(structures)))
        if _is_dicom(path):
            from tumor_response.cohort.dicom_row import series_of_file

            return self._read(column, lambda: series_of_file(path))
        return ImageFile(path) if self._is_there(column, text, path) else None

    def _regions(
        self, mask: str, label: str, rtstruct: str, roi: str, required: bool = False
    ) -> dict[str, MaskSource]:
        """Return the row's regions by lesion."""
        lesion_id = self._text("lesion_id")
        value = self._cells.get(mask)
        if isinstance(value, MaskSource):
            return {lesion_id or "1": value}
        if self._text(mask) and self._text(rtstruct):
            self.faults.append(f"{mask} and {rtstruct} are both given; give one of them")
            return {}
        if self._text(rtstruct):
            return self._structures(rtstruct, roi, lesion_id)
        text = self._text(mask)
        if required and not text:
            either = f"{mask} is empty" if mask in self._cells else f"{rtstruct} is empty"
            self.faults.append(either)
        number = self._parsed(label, _whole_number, "a whole number above 0")
        path = self._path(text)
        if path is None or not self._is_there(mask, text, path):
            return {lesion_id or "1": MaskFile(Path())} if required else {}
        if _is_dicom(path):
            from tumor_response.cohort.dicom_row import segment_of_file

            found = self._read(mask, lambda: segment_of_file(path, number))
            return {} if found is None else {lesion_id or "1": found}
        return {lesion_id or "1": MaskFile(path, number)}

    def _structures(self, column: str, roi: str, lesion_id: str) -> dict[str, MaskSource]:
        from tumor_response.cohort.dicom_row import structures_of_file

        text, pattern = self._text(column), self._text(roi)
        path = self._path(text)
        if not pattern:
            self.faults.append(f"{roi} is empty; which structure of {text!r} is the tumour?")
            return {}
        if path is None or not self._is_there(column, text, path):
            return {}
        found = self._read(column, lambda: structures_of_file(path, pattern, self._rules.fill_gaps))
        if not found:
            return {}
        if len(found) == 1:
            return {lesion_id or name: source for name, source in found.items()}
        names = ", ".join(map(repr, found))
        if self._rules.several == "union":
            return {lesion_id or "1": UnionOfMasks(tuple(found.values()))}
        if self._rules.several == "error" or lesion_id:
            why = "several='error'" if self._rules.several == "error" else "one lesion_id is given"
            self.faults.append(
                f"{roi} {pattern!r} matches {len(found)} structures ({names}) and {why}; write an "
                "expression that matches one, leave lesion_id empty for one lesion each, or say "
                "several='union'"
            )
        return found

    def _read(self, column: str, reader: Callable[[], T]) -> T | None:
        """Return what a reader of DICOM gives; what it refuses is a fault of the column."""
        try:
            return reader()
        except (CaseError, ManifestError) as error:
            self.faults.append(f"{column}: {error}")
            return None

    def _path(self, text: str) -> Path | None:
        if not text:
            return None
        path = (self._base / Path(text)).absolute()
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            pass  # told by who needs it
        except (OSError, ValueError):  # longer than a name may be, or with a zero byte in it
            self.faults.append(f"{text[:80]!r} is no name of a file")
            return None
        return path

    def _is_there(self, column: str, text: str, path: Path) -> bool:
        if path.is_file():
            return True
        kind = "is a folder" if path.is_dir() else "does not exist"
        self.faults.append(f"{column} {text!r} {kind} (looked for {path})")
        return False

    def _text(self, column: str, required: bool = False) -> str:
        # an identifier may well read "NA"; everywhere else that means an empty cell
        value = self._cells.get(column, "") if column in _IDS else self._given(column)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of ids with one gap arrives as 7.0 from a frame
        text = "" if value is None else str(value).strip()
        if required and not text:
            self.faults.append(f"{column} is empty")
        return text

    def _parsed(self, column: str, parse: Callable[[Any], T], expected: str) -> T | None:
        value = self._given(column)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError:
            self.faults.append(f"{column} {value!r} is not {expected}")
            return None

    def _status(self) -> str:
        text = self._text("follow_up_status") or "measured"
        if text not in STATUSES:
            self.faults.append(f"follow_up_status {text!r} is none of {', '.join(STATUSES)}")
        return text

    def _number(self, value: Any) -> float:
        text = str(value).strip()
        if self._decimal_comma and re.fullmatch(r"[-+]?\d+,\d+", text):
            text = text.replace(",", ".")
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number

    def _given(self, column: str) -> Any:
        value = self._cells.get(column, "")
        return None if isinstance(value, str) and value.strip() in NOT_GIVEN else value

    def _value(self, column: str) -> Value:
        value = self._given(column)
        if value is None:
            return None
        try:
            return self._number(value)
        except ValueError:
            return str(value).strip()


def _is_dicom(path: Path) -> bool:
    """Whether a file bears the mark of DICOM."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _days(first: dt.date | None, last: dt.date | None) -> float | None:
    return None if first is None or last is None else float((last - first).days)


def _day(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    return dt.datetime.fromisoformat(str(value).strip()).date()


def _whole_number(value: Any) -> int:
    number = float(value)
    if not number.is_integer() or number < 1:
        raise ValueError(value)
    return int(number)
