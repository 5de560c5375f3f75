"""RECIST 1.1 at every visit: from the diameters of the target lesions to a category."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.recist.course import Course, Seen
from tumor_response.outcomes.recist.measurements import checked_measurements
from tumor_response.outcomes.recist.overall import NEW_LESIONS, NON_TARGET, new_lesion_word
from tumor_response.outcomes.recist.refuse import as_columns, listed, refuse, text_ids
from tumor_response.outcomes.recist.rules import Kind
from tumor_response.outcomes.recist.targets import lesions_of

__all__ = ["RESPONSE_COLUMNS", "recist_response"]

RESPONSE_COLUMNS = (
    "days",
    "n_targets",
    "n_evaluated",
    "not_evaluated",
    "sum_diameters_mm",
    "sum_evaluated_mm",
    "baseline_mm",
    "nadir_mm",
    "change_from_baseline_percent",
    "change_from_nadir_mm",
    "change_from_nadir_percent",
    "target_response",
    "non_target",
    "new_lesions",
    "overall_response",
    "flags",
    "reason",
)
"""The columns of :func:`recist_response`."""


def recist_response(
    measurements: IntoFrame,
    *,
    kind: Kind | None = None,
    assessments: pd.DataFrame | None = None,
    visit_order: Sequence[object] | None = None,
    baseline: object = None,
) -> pd.DataFrame:
    """Derive the RECIST 1.1 response of every patient at every visit.

    Diameters alone give the *target* response. The overall response also needs to know of
    non-target and new lesions; without ``assessments`` it is ``not derivable``.

    Parameters
    ----------
    measurements
        One row per patient, lesion and visit. Needed, as columns or index levels: ``patient_id``,
        ``lesion_id``, ``visit``, and ``longest_diameter_mm`` and ``short_axis_mm`` (mm; the second
        for nodes). Used if there: ``kind`` (``node`` or ``non-nodal``), ``organ``, ``target``
        (yes or no), ``days``, ``slice_thickness_mm`` (mm), ``previously_irradiated``,
        ``progressed_since_irradiation``, ``on_treatment`` (yes: a scan in the middle of a course
        of treatment), ``fragment`` (1, 2, ... for the parts of a lesion that broke up),
        ``merged_into`` (of a lesion with status ``merged``), and ``status``: ``measured``,
        ``absent`` or ``complete_response`` (gone, 0 mm), ``too_small`` (seen, taken as 5 mm
        without a figure), ``merged``, ``missing``, ``not_evaluable``, ``death``, ``surgery``.
        Without ``status``, an empty cell is a missing measurement.
    kind
        What all lesions are, where there is no column ``kind``: this is declared, never assumed.
    assessments
        What the diameters do not tell: columns or index levels ``patient_id``, ``visit``,
        ``non_target`` (``CR``, ``non-CR/non-PD``, ``PD``, ``NE``, ``none``) and ``new_lesions``
        (yes, no); empty cells and visits that are not listed are unknown.
    visit_order
        All visits from the baseline on. A patient without one of them is NE there. ``None``: the
        order of ``visit`` where it is a number, else that of ``days``, and the visits that are
        there.
    baseline
        The baseline visit. ``None``: the first one, at or before day 0 where there are days.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, visit), visits in order, columns :data:`RESPONSE_COLUMNS`.
        ``sum_diameters_mm`` is NaN unless all targets were evaluated, ``sum_evaluated_mm`` is that
        of those that were. ``nadir_mm`` is the smallest sum *before* this visit, baseline
        included: a visit that is smaller has a negative change from it. ``target_response`` is
        ``baseline``, ``CR``, ``PR``, ``SD``, ``PD`` or ``NE``. ``reason`` says why it is NE;
        ``flags`` are words joined by semicolons, explained in the guide. ``attrs["targets"]`` says
        whether they were ``declared`` or ``chosen_by_rule`` (:func:`recist_targets` lists them).

    Raises
    ------
    OutcomeError
        For faults of the table, all rows of a kind at once; ``code`` says which (see the guide).

    Notes
    -----
    Eisenhauer et al., European Journal of Cancer 2009; 45: 228-247, section 4.3.1: CR, all
    non-nodal targets gone and all nodes below 10 mm; PD, at least 20 % and 5 mm above the nadir;
    PR, at least 30 % below the baseline; SD, none of these, tried in this order. Clarified by
    Schwartz et al., European Journal of Cancer 2016; 62: 132-137.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.recist import recist_response
    >>> found = recist_response(
    ...     pd.DataFrame(
    ...         {
    ...             "patient_id": "P1",
    ...             "lesion_id": "a",
    ...             "visit": [0, 1, 2, 3],
    ...             "longest_diameter_mm": [50.0, 34.0, 39.0, None],
    ...         }
    ...     ),
    ...     kind="non-nodal",
    ... )
    >>> found["target_response"].tolist()
    ['baseline', 'PR', 'SD', 'NE']
    >>> found["nadir_mm"].tolist()
    [50.0, 50.0, 34.0, 34.0]
    """
    measurements = as_frame(measurements, "measurements")
    tidy = checked_measurements(measurements, kind=kind, visit_order=visit_order, baseline=baseline)
    lesions = lesions_of(tidy)
    _check_merged(tidy, lesions)
    known: dict[Any, Any] = {row.Index: row for row in lesions.itertuples()}
    measured: Iterable[Any] = tidy.sort_values("order", kind="stable").itertuples()
    told = {} if assessments is None else _told(assessments, tidy)
    visits: dict[tuple[str, int], tuple[object, float, list[Seen]]] = {}
    for row in measured:
        lesion = known[(row.patient_id, row.lesion_id)]
        seen = Seen(
            lesion_id=row.lesion_id,
            kind=row.kind,
            status=row.status,
            diameter_mm=row.diameter_mm,
            defaulted=row.defaulted,
            fragments=row.fragments,
            on_treatment=getattr(row, "on_treatment", False),
            is_target=lesion.target,
            baseline_mm=lesion.baseline_mm,
            why=lesion.reason,
            flags=lesion.flags,
        )
        place = (row.patient_id, row.order)
        visits.setdefault(place, (row.visit, row.days, []))[2].append(seen)
    courses = {
        patient: Course(
            targets_chosen=lesions.attrs["targets"] == "chosen_by_rule",
            assessed=assessments is not None,
        )
        for patient in tidy["patient_id"].unique()
    }
    rows: dict[str, list[dict[str, object]]] = {patient: [] for patient in courses}
    for (patient, order), (visit, days, of_visit) in visits.items():
        words = told.get((patient, visit), ("unknown", "unknown"))
        found = courses[patient].see(of_visit, days, order == 0, *words)
        rows[patient].append({"patient_id": patient, "visit": visit, **found})
    table = pd.DataFrame([row for course in rows.values() for row in course])
    table = table.set_index(["patient_id", "visit"])[list(RESPONSE_COLUMNS)]
    table.attrs["targets"] = lesions.attrs["targets"]
    return table


def _check_merged(tidy: pd.DataFrame, lesions: pd.DataFrame) -> None:
    """Refuse a target that grew into a lesion whose diameter is not in the sum."""
    merged = tidy[tidy["status"].eq("merged")]
    targets = set(lesions.index[lesions["target"]])
    lost = [
        (row.patient_id, row.lesion_id) in targets
        and (row.patient_id, str(row.merged_into)) not in targets
        for row in merged.itertuples()
    ]
    refuse(
        "merged_into_non_target",
        "A target grew together with a lesion that is no target.",
        merged[np.array(lost, dtype=bool)],
        ["patient_id", "lesion_id", "visit", "merged_into"],
        "Give the longest diameter of what they became to the target's lesion_id.",
    )


def _told(
    assessments: pd.DataFrame, tidy: pd.DataFrame
) -> dict[tuple[str, object], tuple[str, str]]:
    """Return (patient, visit) -> non-target status and new lesions."""
    keys = ["patient_id", "visit"]
    given = as_columns(assessments, [*keys, "non_target", "new_lesions"], "assessments")
    given["patient_id"] = text_ids(given["patient_id"], "patient_id")
    refuse(
        "assessed_twice",
        "One visit has two assessments.",
        given[given.duplicated(keys, keep=False)],
        [*keys, "non_target", "new_lesions"],
        "Keep one of them.",
    )
    given["non_target"] = (
        given["non_target"].astype(object).where(given["non_target"].notna(), "unknown")
    )
    given["new_lesions"] = given["new_lesions"].map(new_lesion_word)
    refuse(
        "assessment_unknown",
        f"non_target has to be one of {', '.join(NON_TARGET)}, new_lesions yes, no or empty.",
        given[~given["non_target"].isin(NON_TARGET) | ~given["new_lesions"].isin(NEW_LESIONS)],
        [*keys, "non_target", "new_lesions"],
        "Correct these rows.",
    )
    visits = set(zip(tidy["patient_id"], tidy["visit"], strict=True))
    pairs = list(zip(given["patient_id"], given["visit"], strict=True))
    if lost := [pair for pair in pairs if pair not in visits]:
        raise OutcomeError(
            f"Assessments of visits that have no measurements: {listed(lost)}. Add rows with "
            "status missing, or name all visits with visit_order=.",
            code="assessment_without_visit",
        )
    words = zip(given["non_target"], given["new_lesions"], strict=True)
    return dict(zip(pairs, words, strict=True))
