"""The page of DICOM faults in the documentation, made by running every fault.

    python -m tests.dicom_fault_page

writes ``docs/dicom_faults.md``; the suite holds the page to what the faults give.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.dicom_faults import SERIES_FAULTS
from tests.dicom_faults_contours import CONTOUR_FAULTS
from tests.dicom_faults_rt import DOSE_FAULTS, PLAN_FAULTS, SEG_FAULTS
from tests.dicom_faults_tree import TREE_FAULTS
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import read_series
from tumor_response.imaging.findings import Finding

PAGE = Path(__file__).parents[1] / "docs" / "dicom_faults.md"

Told = tuple[str, str, str]
"""How serious, code, message."""

HEAD = """# DICOM faults

What can be wrong with DICOM objects, and what is said of it. The tables are made by a program
that plants every fault in small objects and reads them (`python -m tests.dicom_fault_page`), so
that code and message are what you will see. *Refused* is an error with that code: the case cannot
be used. A finding (info, warning or error) leaves the object readable and says what is to be known.
What is *told* of a folder is in `cohort.left_out`, or a finding of the case it concerns.
"""


def series_told(files: list[Path]) -> Iterator[Told]:
    try:
        found = read_series([DicomFile(file) for file in files]).findings
    except CaseError as error:
        yield "refused", error.code, str(error)
    else:
        yield from told(found)


def told(findings: Iterable[Finding]) -> Iterator[Told]:
    for one in findings:
        yield one.severity, one.code, one.message


def looked(fault: object, made: Path) -> Iterator[Told]:
    try:
        found = fault.look(made)  # type: ignore[attr-defined]
    except CaseError as error:
        yield "refused", error.code, str(error)
    else:
        yield from told(found)


def row(what: str, code: str, all_told: Iterable[Told]) -> str:
    """One line of a table; the fault's own code has to be among what is told."""
    matching = [one for one in all_told if one[1] == code]
    if not matching:
        raise AssertionError(f"{what}: nothing with code {code!r} was told")
    severity, _, message = matching[0]
    safe = " ".join(message.split()).replace("|", "\\|").replace("<", "&lt;")
    return f"| {what} | {severity} | `{code}` | {safe} |"


def table(title: str, rows: Iterable[str]) -> list[str]:
    head = ["| fault | | code | message |", "| --- | --- | --- | --- |"]
    return [f"## {title}", "", *head, *rows, ""]


def page() -> str:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)

        def folder(k: int, kind: str) -> Path:
            made = root / kind / f"{k:03d}"
            made.mkdir(parents=True)
            return made

        def of(kind: str, faults: list) -> Iterator[str]:
            for k, fault in enumerate(faults):
                yield row(fault.what, fault.code, looked(fault, fault.make(folder(k, kind))))

        def of_series() -> Iterator[str]:
            for k, fault in enumerate(SERIES_FAULTS):
                yield row(fault.what, fault.code, series_told(fault.make(folder(k, "series"))))

        def of_tree() -> Iterator[str]:
            for k, fault in enumerate(TREE_FAULTS):
                place = folder(k, "tree")
                fault.make(place)
                found = [("told", code, message) for code, message in fault.look(place)]
                yield row(fault.what, fault.code, found)

        parts = [
            *table("The folder", of_tree()),
            *table("Series", of_series()),
            *table("Contours (RTSTRUCT)", of("contours", CONTOUR_FAULTS)),
            *table("Segmentations (SEG)", of("seg", SEG_FAULTS)),
            *table("Plans (RTPLAN)", of("plan", PLAN_FAULTS)),
            *table("Doses (RTDOSE)", of("dose", DOSE_FAULTS)),
        ]
        text = HEAD + "\n" + "\n".join(parts)
        assert str(root) not in text
        return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
