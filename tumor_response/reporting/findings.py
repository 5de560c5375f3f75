"""What the check of images and contours found, counted; and which lesions, by pseudonym."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from tumor_response.reporting.parts import Fold, Paragraph, Part, Section, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["quality_sections"]

MOST_ROWS = 100
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
        Fold("Findings by lesion", _by_lesion(shown, known_as)),
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


def _by_lesion(findings: pd.DataFrame, known_as: Mapping[str, str] | None) -> list[Part]:
    """Return a row for each lesion that has findings, and what was found across the cohort."""
    of_cohort = findings["time_point"] == "cohort"
    groups = findings[~of_cohort].groupby(["patient_id", "lesion_id"], sort=False)
    rows = [
        (
            str(patient) if known_as is None else known_as.get(str(patient), ""),
            str(lesion),
            "; ".join(_told(row, named=known_as is None) for row in group.to_dict("records")),
        )
        for (patient, lesion), group in groups
    ]
    caption = "By lesion: what was measured against its limit."
    if len(rows) > MOST_ROWS:
        caption = f"{caption} The first {MOST_ROWS} of {len(rows)}; tr.check has the rest."
    parts: list[Part] = [Table(caption, ("patient", "lesion", "findings"), rows[:MOST_ROWS])]
    if known_as is None:
        # these name patients and files
        parts += [Paragraph(str(text)) for text in findings.loc[of_cohort, "message"]]
    return parts


def _told(row: Mapping[Hashable, str], *, named: bool) -> str:
    if named:
        return row["message"]
    where = "" if row["time_point"] == "baseline" else " of the follow-up"
    measured, limit = row.get("measured", ""), row.get("limit", "")
    against = f" ({measured} against {limit})" if measured and limit else ""
    return f"{row['severity']}: {row['code'].replace('_', ' ')}{where}{against}"
