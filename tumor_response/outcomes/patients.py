"""From lesions to patients: by a rule that is declared, never implied."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.outcomes.end_points import (
    SHRANK_SIGN,
    amounts_between,
    changes,
    equivalent_diameter_mm,
    sign_of,
)
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS

__all__ = ["per_patient"]

How = Literal["sum", "largest", "index", "worst"]

_FIRST = ("volume_baseline_cc", "volume_follow_up_cc")
_TEXT = ("dose_source", "reason", "findings")
_AMOUNTS = ("interval_days", "treatment_days", "fractions", "dose_gy")


def per_patient(
    outcomes: IntoFrame,
    how: How,
    *,
    index_lesions: Mapping[str, str] | None = None,
    by: str = "rate_percent_per_day",
) -> pd.DataFrame:
    """Reduce the outcomes of lesions to one row per patient.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage`.
    how
        ``"sum"``: the end points of the summed volumes. ``"largest"``: the lesion of the largest
        baseline volume. ``"index"``: the lesion that ``index_lesions`` names. ``"worst"``: the
        lesion that shrank least by ``by``.
    index_lesions
        ``patient_id`` -> ``lesion_id``, for ``how="index"``.
    by
        The end point that ``how="worst"`` compares.

    Returns
    -------
    pandas.DataFrame
        The columns of :func:`tumor_response.shrinkage`, index (patient_id, lesion_id) in order of
        first appearance: the lesion that was taken, or ``"sum"``, which has the findings of all.
        ``attrs`` as of ``outcomes``, and ``how``. A sum with a lesion whose outcome is missing is
        missing, and so is the worst of such a patient, for the missing one may have done worse:
        with reason ``lesion_missing``, or with the reason that all lesions of the patient share.

    Raises
    ------
    OutcomeError
        ``how`` is another word; a patient without index lesion, or with one that is not there;
        lesions of a patient with different days (code ``days_differ``), which have no sum.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> index = pd.MultiIndex.from_tuples([("P1", "1"), ("P1", "2")],
    ...                                   names=["patient_id", "lesion_id"])
    >>> outcomes = pd.DataFrame({"volume_baseline_cc": [30.0, 10.0],
    ...                          "volume_follow_up_cc": [15.0, 9.0],
    ...                          "interval_days": 20.0, "reason": ""}, index=index)
    >>> outcomes.attrs["days"] = "interval_days"
    >>> tr.per_patient(outcomes, "sum").loc[("P1", "sum"), "shrinkage_percent"]
    np.float64(40.0)
    >>> tr.per_patient(outcomes, "largest").index.tolist()
    [('P1', '1')]
    """
    outcomes = as_keyed(outcomes, "outcomes")
    if how not in get_args(How):
        raise OutcomeError(f"how={how!r}: expected one of {', '.join(get_args(How))}.")
    needed = [*_FIRST, "reason", *([by] if how == "worst" else [])]
    absent = [name for name in needed if name not in outcomes.columns]
    if absent:
        raise OutcomeError(f"outcomes has no column {absent[0]!r}; expected tr.shrinkage's table.")
    groups = outcomes.groupby(level="patient_id", sort=False)
    if how == "sum":
        rows = {(str(patient), "sum"): _summed(str(patient), g) for patient, g in groups}
        table = pd.DataFrame(
            list(rows.values()),
            index=pd.MultiIndex.from_tuples(list(rows), names=["patient_id", "lesion_id"]),
            columns=[*OUTCOME_COLUMNS, *_TEXT],
        )
        text = dict.fromkeys(_TEXT, "str")
        table = table.astype(dict.fromkeys(OUTCOME_COLUMNS, "float64") | text)
    elif how == "largest":
        table = outcomes.loc[[_largest(str(patient), g) for patient, g in groups]]
    elif how == "index":
        named = index_lesions or {}
        table = outcomes.loc[[_named(str(patient), g, named) for patient, g in groups]]
    else:
        table = _worst(outcomes, by)
    table.attrs = {
        **outcomes.attrs,
        "how": how,
        "reasons": table.loc[table["reason"] != "", "reason"].to_dict(),
    }
    return table


def _summed(patient: str, lesions: pd.DataFrame) -> dict[str, float | str]:
    row: dict[str, float | str] = dict.fromkeys(_TEXT, "")
    if "findings" in lesions:
        row["findings"] = " ".join(dict.fromkeys(" ".join(lesions["findings"]).split()))
    for name in _AMOUNTS:
        if name not in lesions:
            continue
        known = lesions[name].dropna().unique()
        if len(known) > 1:
            raise OutcomeError(
                f"Patient {patient!r}: the lesions' {name} differ "
                f"({', '.join(f'{value:g}' for value in known)}), so that their sum has no rate. "
                "Use 'largest', 'index' or 'worst', or correct the manifest.",
                code="days_differ",
            )
        if len(known) == 1:
            row[name] = float(known[0])
    if "dose_source" in lesions:
        row["dose_source"] = str(lesions["dose_source"].iloc[0])
    v0 = float(lesions["volume_baseline_cc"].sum(skipna=False))
    row["volume_baseline_cc"] = v0
    row["equivalent_diameter_baseline_mm"] = equivalent_diameter_mm(v0)
    if not _measured(lesions).all():
        return row | {"reason": _one_reason(lesions["reason"])}
    v1 = float(lesions["volume_follow_up_cc"].sum())
    row["volume_follow_up_cc"] = v1
    row["equivalent_diameter_follow_up_mm"] = equivalent_diameter_mm(v1)
    amounts = amounts_between(row, str(lesions.attrs.get("days", "interval_days")))
    reason = "complete_response" if v1 == 0 else ""
    if lesions["reason"].eq("baseline_after_rt_start").any():  # the patient's, as the days are
        reason = "baseline_after_rt_start"
    return row | changes(v0, v1, amounts) | {"reason": reason}


def _measured(lesions: pd.DataFrame) -> pd.Series:
    """Return which lesions have both volumes and an outcome made of them."""
    usable = lesions["reason"].isin(["", "complete_response", "baseline_after_rt_start"])
    return usable & lesions[list(_FIRST)].notna().all(axis=1)


def _one_reason(reasons: pd.Series) -> str:
    """Return why a patient has no outcome: what all lesions share, else that one is missing."""
    return str(reasons.iloc[0]) if len({*reasons}) == 1 else "lesion_missing"


def _largest(patient: str, lesions: pd.DataFrame) -> tuple[str, str]:
    if lesions["volume_baseline_cc"].isna().any():
        raise OutcomeError(
            f"Patient {patient!r}: a lesion has no baseline volume, so that nobody knows which is "
            "the largest. Mend it, or name the lesion with how='index'."
        )
    return patient, str(lesions["volume_baseline_cc"].idxmax()[1])  # type: ignore[index]


def _named(patient: str, lesions: pd.DataFrame, named: Mapping[str, str]) -> tuple[str, str]:
    there = lesions.index.get_level_values("lesion_id").tolist()
    lesion = named.get(patient)
    if lesion is None or lesion not in there:
        received = "none" if lesion is None else repr(lesion)
        raise OutcomeError(
            f"index_lesions: patient {patient!r} has {received}; expected one of "
            f"{', '.join(map(repr, there))}."
        )
    return patient, lesion


def _worst(outcomes: pd.DataFrame, by: str) -> pd.DataFrame:
    sign = sign_of(by)
    keys, missing = [], {}
    for patient, lesions in outcomes.groupby(level="patient_id", sort=False):
        values = sign * lesions[by]
        if values.isna().any():
            missing[str(patient)] = _one_reason(lesions["reason"])
            keys.append(values.index[int(values.isna().to_numpy().argmax())])
        else:
            keys.append(values.idxmin())
    table = outcomes.loc[keys].copy()
    several = outcomes.groupby(level="patient_id").size()
    for key in keys:
        if key[0] in missing and several[key[0]] > 1:
            table.loc[key, [n for n in SHRANK_SIGN if n in table]] = math.nan
            table.loc[key, "reason"] = missing[key[0]]
    return table
