"""What the check of images and contours found, counted; and which lesions, by pseudonym."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tumor_response.reporting.parts import Fold, Paragraph, Part, Section, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["quality_sections"]

MOST_ROWS = 200
RANK = ("error", "warning", "info")


def quality_sections(
    findings: pd.DataFrame | None, known_as: Mapping[str, str] | None
) -> list[Section]:
    """Return the section on faults of images and contours; none where nobody looked.

    Parameters
    ----------
    findings
        From :func:`tumor_response.check`.
    known_as
        Pseudonym of each patient; ``None``: patients and messages, which name files, are shown.
    """
    if findings is None:
        return []
    title = "Faults of images and contours"
    if findings.empty:
        return [
            Section(
                "quality",
                title,
                [
                    Paragraph(
                        "No fault was found, neither of images and contours nor across the cohort. "
                        "That is not to say that there is none."
                    )
                ],
            )
        ]
    shown = findings.assign(
        rank=findings["severity"].map({name: place for place, name in enumerate(RANK)})
    ).sort_values("rank", kind="stable")
    n_patients = findings.loc[findings["patient_id"] != "", "patient_id"].nunique()
    counts = ", ".join(
        f"{count} {severity}"
        for severity in RANK
        if (count := (findings["severity"] == severity).sum())
    )
    parts: list[Part] = [
        Paragraph(
            f"{len(findings)} findings ({counts}) of {n_patients} patients. A finding of the "
            "follow-up scan can stop an outcome and never touches a feature."
        ),
        _by_code(shown),
        Fold("Every finding", [_one_by_one(shown, known_as)]),
    ]
    return [Section("quality", title, parts)]


def _by_code(findings: pd.DataFrame) -> Table:
    groups = findings.groupby(["rank", "severity", "code"], sort=True)
    rows = []
    for (_, severity, code), group in groups:
        at = group["time_point"].value_counts()
        rows.append(
            (
                str(code).replace("_", " "),
                str(severity),
                *(str(int(at.get(name, 0))) for name in ("baseline", "follow_up", "cohort")),
            )
        )
    return Table(
        "By kind, the gravest first: how often at each time point, and across the cohort.",
        ("finding", "severity", "baseline", "follow-up", "across the cohort"),
        rows,
        numeric=frozenset({2, 3, 4}),
    )


def _one_by_one(findings: pd.DataFrame, known_as: Mapping[str, str] | None) -> Table:
    shown = findings.head(MOST_ROWS)
    columns = ["patient", "lesion", "time point", "finding", "severity", "measured", "limit"]
    columns += ["message"] if known_as is None else []
    rows = []
    for row in shown.to_dict("records"):
        patient = str(row["patient_id"])
        cells = [
            patient if known_as is None else known_as.get(patient, ""),
            str(row["lesion_id"]),
            str(row["time_point"]).replace("_", "-"),
            str(row["code"]).replace("_", " "),
            str(row["severity"]),
        ]
        if known_as is None:
            cells += [str(row.get(name, "")) for name in ("measured", "limit", "message")]
        else:
            # of the cohort's own findings these name patients and files
            of_cohort = row["time_point"] == "cohort"
            cells += ["" if of_cohort else str(row.get(name, "")) for name in ("measured", "limit")]
        rows.append(cells)
    caption = "One by one."
    if len(findings) > len(shown):
        caption = f"The first {len(shown)} of {len(findings)}; tr.check has the rest."
    return Table(caption, columns, rows)
