"""From a table of measurements as people keep it to one that the rules can be applied to.

Every fault is an error that lists its rows: a diameter in the wrong unit or a visit that is there
twice changes the category of a patient, and cannot be left to a warning.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist.refuse import as_columns, flag_column, refuse, text_ids
from tumor_response.outcomes.recist.rules import (
    EVALUATED,
    NOT_EVALUATED,
    STATUSES,
    TOO_SMALL_MM,
    Kind,
)
from tumor_response.outcomes.recist.visits import ordered_visits

__all__ = ["checked_measurements"]

KEYS = ("patient_id", "lesion_id", "visit")
LARGEST_MM = 500.0
"""No lesion is larger; a figure beyond it is in another unit or a slip of the keyboard."""

_GONE = ("absent", "complete_response")


def checked_measurements(
    measurements: pd.DataFrame,
    *,
    kind: Kind | None = None,
    visit_order: Sequence[object] | None = None,
    baseline: object = None,
) -> pd.DataFrame:
    """Return the measurements in one form, or say all that stands against it.

    Parameters
    ----------
    measurements
        See :func:`tumor_response.outcomes.recist.recist_response`.
    kind
        What every lesion is, where there is no column ``kind``.
    visit_order, baseline
        See :func:`tumor_response.outcomes.recist.recist_response`.

    Returns
    -------
    pandas.DataFrame
        One row per patient, lesion and visit: the columns of ``measurements`` and ``kind``,
        ``status``, ``order`` (0 = baseline), ``evaluated`` (bool), ``diameter_mm`` (short axis of
        a node, longest diameter of any other lesion, 0 when gone, NaN when not evaluated),
        ``defaulted`` (bool: too small to measure, taken as 5 mm) and ``fragments`` (their number).

    Raises
    ------
    OutcomeError
        For every fault listed in the guide; ``code`` says which.
    """
    tidy = as_columns(measurements, KEYS, "RECIST")
    for name in ("patient_id", "lesion_id"):
        tidy[name] = text_ids(tidy[name], name)
    tidy["kind"] = _of_lesion(tidy, "kind", _kinds(tidy, kind))
    _check_units(tidy)
    for name in ("previously_irradiated", "progressed_since_irradiation", "target"):
        if name in tidy:
            known = _of_lesion(tidy, name, tidy[name])
            tidy[name] = flag_column(known, name, tidy[list(KEYS)])
    if "organ" in tidy:
        organs = _of_lesion(tidy, "organ", tidy["organ"])
        tidy["organ"] = organs.map(lambda cell: "" if pd.isna(cell) else str(cell).strip().lower())
    if "on_treatment" in tidy:
        tidy["on_treatment"] = flag_column(tidy["on_treatment"], "on_treatment", tidy[list(KEYS)])
    _check_diameters(tidy)
    tidy["status"] = _statuses(tidy)
    tidy = _with_diameter(tidy)
    tidy = _summed_fragments(tidy)
    return ordered_visits(tidy, visit_order=visit_order, baseline=baseline)


def _kinds(tidy: pd.DataFrame, kind: Kind | None) -> pd.Series:
    if kind is None and "kind" not in tidy:
        raise OutcomeError(
            "It is not said which lesions are lymph nodes, and nodes have rules of their own. Add "
            'a column kind ("node" or "non-nodal"), or declare kind="non-nodal" for all of them.',
            code="kind_missing",
        )
    if kind is not None and "kind" in tidy:
        raise OutcomeError(
            f"kind={kind!r} was declared, and there is a column kind as well. Leave out one.",
            code="kind_twice",
        )
    kinds = tidy["kind"] if kind is None else pd.Series(kind, index=tidy.index, dtype=object)
    wrong = ~(kinds.isin(["node", "non-nodal"]) | kinds.isna())
    refuse(
        "kind_unknown",
        'kind has to be "node" or "non-nodal".',
        tidy.assign(kind=kinds)[wrong],
        [*KEYS, "kind"],
        "Correct these rows.",
    )
    filled = _of_lesion(tidy, "kind", kinds)
    refuse(
        "kind_missing",
        "It is not said of every lesion whether it is a lymph node.",
        tidy.assign(kind=filled)[filled.isna()],
        [*KEYS, "kind"],
        'Fill in kind ("node" or "non-nodal").',
    )
    return filled


def _of_lesion(tidy: pd.DataFrame, name: str, cells: pd.Series) -> pd.Series:
    """Spread what was said once of a lesion over its rows; two different answers are refused."""
    lesion = [tidy["patient_id"], tidy["lesion_id"]]
    grouped = cells.groupby(lesion, sort=False)
    refuse(
        "lesion_inconsistent",
        f"A lesion has one {name}, whatever the visit.",
        tidy.assign(**{name: cells})[grouped.transform("nunique") > 1],
        [*KEYS, name],
        "Correct it, or give two lesions two lesion_id.",
    )
    return grouped.transform("first")


def _numbers(tidy: pd.DataFrame, name: str) -> pd.Series:
    if name not in tidy:
        return pd.Series(np.nan, index=tidy.index)
    numbers = pd.to_numeric(tidy[name], errors="coerce").astype(float)
    refuse(
        "not_a_number",
        f"{name} has to hold numbers or empty cells.",
        tidy[(numbers.isna() & tidy[name].notna()) | np.isinf(numbers)],
        [*KEYS, name],
        "Words such as NOT EVALUABLE belong into the column status (not_evaluable).",
    )
    return numbers


def _check_units(tidy: pd.DataFrame) -> None:
    for name in ("longest_diameter_mm", "short_axis_mm", "slice_thickness_mm", "days"):
        tidy[name] = _numbers(tidy, name)
    diameters = ["longest_diameter_mm", "short_axis_mm"]
    refuse(
        "diameter_negative",
        "A diameter below 0 mm.",
        tidy[(tidy[diameters] < 0).any(axis=1)],
        [*KEYS, *diameters],
        "Correct these rows; a lesion that is gone has the status absent.",
    )
    refuse(
        "units_suspected",
        f"A diameter above {LARGEST_MM:g} mm.",
        tidy[(tidy[diameters] > LARGEST_MM).any(axis=1)],
        [*KEYS, *diameters],
        "Diameters have to be in mm: were these micrometres, or is a decimal point missing?",
    )
    refuse(
        "slice_thickness_wrong",
        "A slice thickness outside of 0 to 50 mm.",
        tidy[(tidy["slice_thickness_mm"] <= 0) | (tidy["slice_thickness_mm"] > 50)],
        [*KEYS, "slice_thickness_mm"],
        "Give it in mm, or leave the cell empty where it is unknown.",
    )
    largest = tidy[diameters].max(axis=1)
    of_patient = largest.groupby(tidy["patient_id"]).max()
    # 15 cm is a large tumour and 15 mm a small one. Where most patients never have a figure of
    # 10, they have no measurable disease in mm, and in cm they all have.
    if (of_patient > 0).any() and largest.max() < 15 and (of_patient < 10).mean() > 0.5:
        raise OutcomeError(
            f"All diameters are below 15 (the largest is {largest.max():g}), and "
            f"{int((of_patient < 10).sum())} of {len(of_patient)} patients never reach 10 mm, the "
            "smallest lesion that RECIST measures: these look like cm or m. Multiply them (by 10 "
            "for cm); if they are in mm, these patients have no measurable disease: leave them "
            "out.",
            code="units_suspected",
        )


def _check_diameters(tidy: pd.DataFrame) -> None:
    refuse(
        "short_axis_above_longest",
        "The short axis is longer than the longest diameter.",
        tidy[tidy["short_axis_mm"] > tidy["longest_diameter_mm"] + 1e-6],
        [*KEYS, "longest_diameter_mm", "short_axis_mm"],
        "Were the two columns swapped, or is one of them in cm?",
    )


def _needed_diameter(tidy: pd.DataFrame) -> pd.Series:
    return tidy["short_axis_mm"].where(tidy["kind"] == "node", tidy["longest_diameter_mm"])


def _statuses(tidy: pd.DataFrame) -> pd.Series:
    value = _needed_diameter(tidy)
    inferred = pd.Series(np.where(value.notna(), "measured", "missing"), index=tidy.index)
    if "status" not in tidy:
        # without a status, an empty node measurement beside a longest diameter is a slip
        slip = (tidy["kind"] == "node") & value.isna() & tidy["longest_diameter_mm"].notna()
        status: pd.Series = inferred
    else:
        status = tidy["status"].astype(object)
        status = status.where(status.notna(), inferred)
        wrong = ~status.isin(STATUSES)
        refuse(
            "status_unknown",
            f"status has to be one of {', '.join(STATUSES)}.",
            tidy[wrong],
            [*KEYS, "status"],
            "Correct these rows.",
        )
        slip = status.eq("measured") & value.isna()
    refuse(
        "diameter_missing",
        "A lesion that was measured has no figure where the rule looks for it: short_axis_mm of a "
        "node, longest_diameter_mm of any other lesion.",
        tidy[slip],
        [*KEYS, "kind", "longest_diameter_mm", "short_axis_mm"],
        "Fill it in, or give the status (missing, not_evaluable, too_small, absent).",
    )
    refuse(
        "zero_undeclared",
        "A diameter of 0 mm may mean that the lesion is gone, or that nothing was filled in.",
        tidy[status.eq("measured") & value.eq(0)],
        [*KEYS, "longest_diameter_mm", "short_axis_mm"],
        "Declare it: status absent for a lesion that is gone, missing or not_evaluable if not.",
    )
    contradicts = (status.isin([*NOT_EVALUATED, "merged"]) & value.notna()) | (
        status.isin(_GONE) & value.gt(0)
    )
    refuse(
        "status_contradicts_diameter",
        "A lesion that was not evaluated, that is gone or merged has no diameter of its own.",
        tidy.assign(status=status)[contradicts],
        [*KEYS, "status", "longest_diameter_mm", "short_axis_mm"],
        "Correct the status or empty the cell.",
    )
    return status


def _with_diameter(tidy: pd.DataFrame) -> pd.DataFrame:
    value = _needed_diameter(tidy)
    # 4.3.2: a figure that the radiologist can give counts, even below 5 mm; else it is 5 mm
    defaulted = tidy["status"].eq("too_small") & ~value.gt(0)
    value = value.mask(defaulted, TOO_SMALL_MM)
    value = value.mask(tidy["status"].isin([*_GONE, "merged"]), 0.0)
    _check_merged(tidy)
    return tidy.assign(
        diameter_mm=value, defaulted=defaulted, evaluated=tidy["status"].isin(EVALUATED)
    )


def _check_merged(tidy: pd.DataFrame) -> None:
    merged = tidy[tidy["status"] == "merged"]
    if merged.empty:
        return
    if "merged_into" not in tidy:
        raise OutcomeError(
            "A merged lesion needs the column merged_into with the lesion_id that carries the "
            "longest diameter of what the two became.",
            code="merged_into_missing",
        )
    carriers = {
        (row.patient_id, row.lesion_id, row.visit)
        for row in tidy.itertuples()
        if row.status in ("measured", "too_small", *_GONE) and row.kind != "node"
    }
    lost = [
        row.kind == "node" or (row.patient_id, str(row.merged_into), row.visit) not in carriers
        for row in merged.itertuples()
    ]
    refuse(
        "merged_into_missing",
        "A merged lesion has to name another non-nodal lesion that was measured at that visit; "
        "the guideline has no rule for nodes that grow together.",
        merged[np.array(lost)],
        [*KEYS, "kind", "merged_into"],
        "Name the lesion_id with the longest diameter of what the two became, or report the "
        "visit as not_evaluable.",
    )


def _summed_fragments(tidy: pd.DataFrame) -> pd.DataFrame:
    keys = list(KEYS)
    double = tidy.duplicated(keys, keep=False)
    if "fragment" in tidy:
        number = tidy["fragment"]
        part = number.notna() & ~tidy.duplicated([*keys, "fragment"], keep=False)
        refuse(
            "fragments_of_node",
            "Fragments are summed for non-nodal lesions alone (section 4.3.2).",
            tidy[double & part & (tidy["kind"] == "node")],
            [*KEYS, "fragment", "kind"],
            "Give each node its own lesion_id, or report the visit as not_evaluable.",
        )
        whole = tidy["evaluated"].groupby([tidy[name] for name in keys]).transform("all")
        refuse(
            "fragment_not_measured",
            "A fragment without a figure makes the sum of its lesion unknown.",
            tidy[double & part & ~whole],
            [*KEYS, "fragment", "status"],
            "Measure all fragments, or report the lesion as not_evaluable in one row.",
        )
        double &= ~part
    refuse(
        "measured_twice",
        "One lesion has two measurements at one visit.",
        tidy[double],
        [*KEYS, "days", "longest_diameter_mm", "short_axis_mm"],
        "Keep one of them, give two lesions two lesion_id, or number the parts of a lesion that "
        "broke up in a column fragment (their diameters are then added).",
    )
    grouped = tidy.groupby(keys, sort=False, dropna=False)
    summed = tidy.drop_duplicates(keys).set_index(keys)
    sizes = grouped.size()
    summed["diameter_mm"] = grouped["diameter_mm"].sum(min_count=1)
    summed["defaulted"] = grouped["defaulted"].any()
    summed["fragments"] = sizes
    return summed.reset_index()
