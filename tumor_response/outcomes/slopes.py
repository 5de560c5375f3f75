"""How fast each lesion shrank over three or more scans: a slope with its standard error."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import as_keyed
from tumor_response.outcomes.end_points import MOST_CC
from tumor_response.outcomes.mixed import LesionLines, fit_lines

__all__ = ["SLOPE_OF", "checked_visits", "slopes"]

Array = npt.NDArray[np.float64]
Key = tuple[str, str]

SLOPE_OF = {
    "log_volume": ("sgr_per_day", 1.0),
    "volume_percent": ("rate_percent_per_day", -1.0),
    "volume_cc": ("rate_cc_per_day", -1.0),
    "equivalent_diameter_mm": None,
    "longest_diameter_mm": None,
    "short_axis_mm": None,
}
"""What a slope may be taken of, and the end point that it is with the sign that takes it there."""

LEVEL = 0.95


def slopes(
    visits: pd.DataFrame,
    *,
    method: Literal["ols", "mixed"] = "ols",
    of: str = "log_volume",
    per: Literal["days", "treatment_days"] = "days",
) -> pd.DataFrame:
    """Fit a line to each lesion's visits.

    Parameters
    ----------
    visits
        From :func:`tumor_response.measure_lesions`, or a frame of your own with index (patient_id,
        lesion_id, visit), 0 being the baseline, ``per`` and ``volume_cc`` or the diameter.
    method
        ``"ols"``: least squares, each lesion by itself. ``"mixed"``: random intercepts and slopes,
        all lesions together (:func:`tumor_response.outcomes.mixed.fit_lines`). Its slopes are
        drawn towards the population's, the more so the fewer and noisier a lesion's visits.
    of
        ``"log_volume"`` (ln of the volume in cc), ``"volume_percent"`` (of the baseline's volume),
        ``"volume_cc"``, ``"equivalent_diameter_mm"``, ``"longest_diameter_mm"`` or
        ``"short_axis_mm"``.
    per
        ``"days"`` from the baseline scan, or ``"treatment_days"`` from the first fraction; scans
        before it then stand at day 0, as the baseline does in
        ``tr.shrinkage(per="treatment_days")``.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id) in the order of ``visits``. ``slope`` per day in the unit of
        ``of``, negative where the lesion shrank; ``slope_se``; ``slope_low`` and ``slope_high``
        (95 %); ``residual_sd`` about the line; ``n_visits`` used and ``n_left_out``;
        ``span_days`` from the first to the last visit used; the end point that the slope is, with
        its own sign: ``sgr_per_day`` (negative = shrank), ``rate_percent_per_day`` or
        ``rate_cc_per_day`` (positive = shrank); and ``reason``. With ``"ols"`` also ``r2``.
        ``attrs``: ``days``, ``of``, ``method``, ``reasons`` and for ``"mixed"``
        ``fitted_on_all_lesions`` = True and ``population`` (slope, its standard error and
        interval, standard deviations between patients and lesions, numbers).

        ``reason``: ``too_few_visits``, fewer than three, so that there is a slope of two but no
        error, or fewer than two and no slope; ``complete_response``, visits without a tumour have
        no logarithm and were left out, so that the slope says less than what happened;
        ``baseline_volume_unknown``, no percentage without it; ``no_time_between_visits``;
        ``slopes_without_spread``, the mixed model found no difference between lesions and gives
        all the same slope.

    Raises
    ------
    OutcomeError
        ``visits_columns``: index or columns that are needed are not there, or hold what is no
        number. ``volume_too_large``: volumes that can be no cc. ``visit_duplicate``: a lesion has
        two visits of one number or day. For ``"mixed"`` also ``mixed_too_few`` and
        ``mixed_not_converged``.

    Notes
    -----
    Ordinary least squares takes the errors of a lesion's visits as independent and alike; the
    interval is Student's with n - 2 degrees of freedom, for three visits ± 12.7 standard errors.
    A percentage takes the baseline as known without error. The slopes of ``"mixed"`` have
    Gaussian 95 % intervals from their prediction error; the population's has Student's with
    the number of patients less one.

    A slope of the mixed model depends on every lesion of the frame. As a label in a study with
    resampling it would carry the test patients into training: fit it in the fold, or use
    ``"ols"``.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> index = pd.MultiIndex.from_product(
    ...     [["P1"], ["1"], [0, 1, 2]], names=["patient_id", "lesion_id", "visit"]
    ... )
    >>> visits = pd.DataFrame({"days": [0.0, 10, 20], "volume_cc": [20.0, 16, 10]}, index=index)
    >>> row = tr.slopes(visits, of="volume_percent").iloc[0]
    >>> float(row["rate_percent_per_day"]), round(float(row["slope_se"]), 3), row["reason"]
    (2.5, 0.289, '')
    """
    if method not in ("ols", "mixed"):
        raise OutcomeError(f"method={method!r}: expected 'ols' or 'mixed'.")
    if of not in SLOPE_OF:
        raise OutcomeError(f"of={of!r}: expected one of {', '.join(SLOPE_OF)}.")
    if per not in ("days", "treatment_days"):
        raise OutcomeError(f"per={per!r}: expected 'days' or 'treatment_days'.")
    measure = "volume_cc" if of in ("log_volume", "volume_percent") else of
    checked = checked_visits(visits, [per, measure])
    points = _points(checked, of, measure, per)
    table, attrs = _each_by_itself(points) if method == "ols" else _together(points)
    end_point = SLOPE_OF[of]
    if end_point is not None:
        name, sign = end_point
        table.insert(0, name, sign * table["slope"])
    reasons = table.loc[table["reason"] != "", "reason"].to_dict()
    days = "interval_days" if per == "days" else per
    table.attrs = {"days": days, "of": of, "method": method, "reasons": reasons}
    table.attrs.update(attrs)
    return table


def checked_visits(visits: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    """Return the needed columns as float64, rows of a lesion in the order of its visits.

    Raises
    ------
    OutcomeError
        As :func:`slopes`.
    """
    names = ["patient_id", "lesion_id", "visit"]
    visits = as_keyed(visits, "visits", names)
    if not isinstance(visits, pd.DataFrame) or list(visits.index.names) != names:
        found = list(visits.index.names) if isinstance(visits, pd.DataFrame) else type(visits)
        raise OutcomeError(
            f"Visits are a DataFrame with index {', '.join(names)}, as tr.measure_lesions returns; "
            f"received {found}. Set it with frame.set_index({names}).",
            code="visits_columns",
        )
    absent = [name for name in needed if name not in visits.columns]
    if absent:
        raise OutcomeError(
            f"The visits have no column {', '.join(absent)}; there are: "
            f"{', '.join(map(str, visits.columns))}.",
            code="visits_columns",
        )
    try:
        table = visits[needed].astype("float64")
    except (ValueError, TypeError) as error:
        raise OutcomeError(
            f"A column of the visits holds what is no number ({error}); expected numbers in "
            f"{', '.join(needed)}.",
            code="visits_columns",
        ) from None
    wrong = [
        n for n in needed if np.isinf(table[n]).any() or (_is_size(n) and (table[n] < 0).any())
    ]
    if wrong:
        raise OutcomeError(
            f"The visits hold infinite values or negative sizes in {', '.join(wrong)}.",
            code="visits_columns",
        )
    if "volume_cc" in needed and (table["volume_cc"] > MOST_CC).any():
        raise OutcomeError(
            f"The visits hold a volume_cc of {table['volume_cc'].max():g}, more than "
            f"{MOST_CC:g} cc; are they in mm³? Divide them by 1,000.",
            code="volume_too_large",
        )
    _refuse_duplicates(table)
    # lesions in the order they came in, visits of each in theirs
    keys = _lesion_keys(table.index)
    order = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    visit = table.index.get_level_values("visit")
    place = [(order[key], number) for key, number in zip(keys, visit, strict=True)]
    return table.iloc[sorted(range(len(place)), key=place.__getitem__)]


def _is_size(column: str) -> bool:
    return "days" not in column


def _lesion_keys(index: pd.Index) -> list[Key]:
    return [(str(patient), str(lesion)) for patient, lesion, _ in index]


def _refuse_duplicates(table: pd.DataFrame) -> None:
    keys = pd.MultiIndex.from_tuples(_lesion_keys(table.index), names=["patient_id", "lesion_id"])
    twice = table.index.duplicated()
    for name in ("days", "treatment_days"):
        if name in table.columns:
            on_day = pd.MultiIndex.from_arrays([keys, table[name]])
            twice = twice | (on_day.duplicated() & table[name].notna().to_numpy())
    if twice.any():
        shown = list(dict.fromkeys(keys[twice]))
        raise OutcomeError(
            f"{len(shown)} lesion(s) have two visits of one number or one day: "
            f"{', '.join(map(str, shown[:20]))}{' ...' if len(shown) > 20 else ''}. Keep one.",
            code="visit_duplicate",
        )


def _points(table: pd.DataFrame, of: str, measure: str, per: str) -> pd.DataFrame:
    """Return ``x`` and ``y`` of every visit, NaN where it does not count, and why."""
    size = table[measure]
    x = table[per].clip(lower=0.0) if per == "treatment_days" else table[per]
    reason = pd.Series("", index=table.index, dtype="str")
    y = size.copy()
    if of == "log_volume":
        gone = size == 0
        y = np.log(size.where(~gone))
        reason = reason.mask(gone & x.notna(), "complete_response")
    elif of == "volume_percent":
        keys = _lesion_keys(table.index)
        visit = table.index.get_level_values("visit")
        first = {
            key: value
            for key, number, value in zip(keys, visit, size, strict=True)
            if number == 0 and value > 0
        }
        y = 100.0 * size / [first.get(key, math.nan) for key in keys]
        unknown = pd.Series([key not in first for key in keys], index=table.index)
        reason = reason.mask(unknown & size.notna(), "baseline_volume_unknown")
    used = x.notna() & y.notna()
    return pd.DataFrame({"x": x.where(used), "y": y.where(used), "reason": reason})


def _by_lesion(points: pd.DataFrame) -> list[tuple[Key, pd.DataFrame]]:
    grouped = points.groupby(level=["patient_id", "lesion_id"], sort=False)
    return [((str(patient), str(lesion)), own) for (patient, lesion), own in grouped]


def _each_by_itself(points: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, object]]:
    rows = {}
    for key, own in _by_lesion(points):
        used = own.dropna()
        rows[key] = _counted(own, used) | _line(used["x"].to_numpy(), used["y"].to_numpy())
        rows[key]["reason"] = _reason(own, used)
    columns = [*_NUMBERS, "r2"]
    return _table(rows, columns), {}


_NUMBERS = (
    "slope",
    "slope_se",
    "slope_low",
    "slope_high",
    "residual_sd",
    "n_visits",
    "n_left_out",
    "span_days",
)


def _table(rows: dict[Key, dict[str, object]], columns: list[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=["patient_id", "lesion_id"])
    table = pd.DataFrame(list(rows.values()), index=index, columns=[*columns, "reason"])
    kinds: dict[str, str] = dict.fromkeys(columns, "float64")
    return table.astype(kinds | {"n_visits": "int64", "n_left_out": "int64", "reason": "str"})


def _counted(own: pd.DataFrame, used: pd.DataFrame) -> dict[str, object]:
    span = float(used["x"].max() - used["x"].min()) if len(used) else math.nan
    return {"n_visits": len(used), "n_left_out": len(own) - len(used), "span_days": span}


def _reason(own: pd.DataFrame, used: pd.DataFrame) -> str:
    told = next((reason for reason in own["reason"] if reason), "")
    if told:
        return told
    if len(used) < 2:
        return "too_few_visits"
    if used["x"].nunique() < 2:
        return "no_time_between_visits"
    return "too_few_visits" if len(used) < 3 else ""


def _line(x: Array, y: Array) -> dict[str, object]:
    """Return the least squares line; without the parts that have no value."""
    n = len(x)
    if n < 2 or np.ptp(x) == 0:
        return {}
    dx, dy = x - x.mean(), y - y.mean()
    squares = float(dx @ dx)
    slope = float(dx @ dy) / squares
    if n < 3:
        return {"slope": slope}
    from scipy.stats import t

    left = dy - slope * dx
    residual_sd = math.sqrt(float(left @ left) / (n - 2))
    error = residual_sd / math.sqrt(squares)
    half = float(t.ppf(0.5 + LEVEL / 2, n - 2)) * error
    found: dict[str, object] = {
        "slope": slope,
        "slope_se": error,
        "slope_low": slope - half,
        "slope_high": slope + half,
        "residual_sd": residual_sd,
    }
    total = float(dy @ dy)
    return found | ({"r2": 1.0 - float(left @ left) / total} if total > 0 else {})


def _together(points: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, object]]:
    used = points.dropna()
    keys = _lesion_keys(used.index)
    lesions = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    patients = {patient: k for k, patient in enumerate(dict.fromkeys(p for p, _ in keys))}
    lines = fit_lines(
        np.array([patients[patient] for patient, _ in keys], dtype=np.int64),
        np.array([lesions[key] for key in keys], dtype=np.int64),
        used["x"].to_numpy(),
        used["y"].to_numpy(),
    )
    from scipy.stats import norm, t

    rows = {}
    for key, own in _by_lesion(points):
        mine = own.dropna()
        rows[key] = _counted(own, mine) | {"reason": _reason(own, mine)}
        if len(mine) < 2 or mine["x"].nunique() < 2:
            continue  # what the model says of it is the population's slope
        slope, error = float(lines.slope[lesions[key]]), float(lines.slope_se[lesions[key]])
        half = float(norm.ppf(0.5 + LEVEL / 2)) * error
        rows[key] |= {
            "slope": slope,
            "slope_se": error,
            "slope_low": slope - half,
            "slope_high": slope + half,
            "residual_sd": lines.residual_sd,
        }
        if rows[key]["reason"] in ("", "too_few_visits"):
            # two visits are enough here: the error comes from all lesions
            rows[key]["reason"] = "slopes_without_spread" if lines.no_spread else ""
    half = float(t.ppf(0.5 + LEVEL / 2, len(patients) - 1)) * lines.population_se
    return _table(rows, list(_NUMBERS)), {
        "fitted_on_all_lesions": True,
        "population": _population(lines, half, len(patients), len(lesions)),
    }


def _population(
    lines: LesionLines, half: float, n_patients: int, n_lesions: int
) -> dict[str, float]:
    return {
        "slope": lines.population,
        "slope_se": lines.population_se,
        "slope_low": lines.population - half,
        "slope_high": lines.population + half,
        "slope_sd_patient": lines.slope_sd_patient,
        "slope_sd_lesion": lines.slope_sd_lesion,
        "residual_sd": lines.residual_sd,
        "n_patients": n_patients,
        "n_lesions": n_lesions,
    }
