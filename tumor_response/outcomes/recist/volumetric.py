"""Categories of volumes by the spheres that RECIST's diameters would have. They are not RECIST."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.end_points import MOST_CC
from tumor_response.outcomes.recist.refuse import as_columns, refuse, text_ids
from tumor_response.outcomes.recist.rules import NOT_EVALUATED, STATUSES, grew, shrank
from tumor_response.outcomes.recist.visits import ordered_visits
from tumor_response.outcomes.responder import CLINICAL_CUTS

__all__ = ["volumetric_response"]

_KEYS = ["patient_id", "lesion_id", "visit"]


def volumetric_response(visits: IntoFrame, *, of: Literal["lesion", "patient"]) -> pd.DataFrame:
    """Derive volumetric categories at every visit, per lesion or of each patient's sum.

    A sphere whose diameter shrinks by 30 % loses 65.7 % of its volume (0.7 cubed is 0.343); one
    whose diameter grows by 20 % gains 72.8 % (1.2 cubed is 1.728). The categories use these two
    limits on measured volumes. They are *not* RECIST: lesions are no spheres, there is no limit in
    mm, no rule for nodes, no choice of targets, and no guideline.

    Parameters
    ----------
    visits
        One row per patient, lesion and visit, as :func:`tumor_response.measure_lesions` returns
        them: ``patient_id``, ``lesion_id``, ``visit`` as index levels or columns, ``volume_cc``
        (cc), and if there ``days`` and ``status``. A volume of 0 needs the status
        ``complete_response`` or ``absent``.
    of
        ``"lesion"``: each lesion by itself. ``"patient"``: the sum over the lesions that the
        patient had at baseline; where one was not evaluated, the visit is NE, except for a
        progression by the others alone.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id, visit), or (patient_id, visit); ``days``, ``volume_cc`` (NaN
        if not all of it was evaluated), ``nadir_cc`` (smallest volume before this visit),
        ``change_from_baseline_percent``, ``change_from_nadir_percent``, ``volumetric_response``
        (``baseline``, CR: gone, PR: at most 34.3 % of the baseline, PD: at least 172.8 % of the
        nadir, or anything after CR, SD, NE) and ``reason``.

    Raises
    ------
    OutcomeError
        Codes ``volume_zero_undeclared``, ``volume_negative``, ``volume_too_large``,
        ``baseline_volume_missing``, ``measured_twice`` and those of the order of visits.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.recist import volumetric_response
    >>> table = pd.DataFrame(
    ...     {
    ...         "patient_id": "P1",
    ...         "lesion_id": "a",
    ...         "visit": [0, 1, 2],
    ...         "volume_cc": [10.0, 3.43, 6.0],
    ...     }
    ... )
    >>> volumetric_response(table, of="lesion")["volumetric_response"].tolist()
    ['baseline', 'PR', 'PD']
    """
    visits = as_frame(visits, "visits")
    if of not in ("lesion", "patient"):
        raise OutcomeError(f"of={of!r}: expected lesion or patient.")
    tidy = _checked(visits)
    units = ["patient_id", "lesion_id"] if of == "lesion" else ["patient_id"]
    rows: list[dict[str, object]] = []
    for names, course in tidy.groupby(units, sort=False):
        n = int((course["order"] == 0).sum())
        seen = _Volumes(n)
        for _, at_visit in course.groupby("order", sort=True):
            where = {"visit": at_visit["visit"].iloc[0], "days": float(at_visit["days"].iloc[0])}
            rows.append({**dict(zip(units, names, strict=True)), **where, **seen.see(at_visit)})
    return pd.DataFrame(rows).set_index([*units, "visit"])


class _Volumes:
    """One lesion's or patient's volumes, visit after visit."""

    def __init__(self, n_lesions: int) -> None:
        self.n_lesions = n_lesions
        self.baseline = self.nadir = math.nan

    def see(self, visit: pd.DataFrame) -> dict[str, object]:
        known = visit["volume_cc"].dropna()
        partial = float(known.sum())
        complete = len(known) == self.n_lesions
        volume = partial if complete else math.nan
        reason = ""
        if math.isnan(self.baseline):
            self.baseline = self.nadir = volume
            category = "baseline"
        elif grew(partial, self.nadir, CLINICAL_CUTS["volumetric_progression"]):
            category = "PD"  # after CR anything is: the nadir is 0 then
        elif not complete:
            category = "NE"
            reason = "lesions_not_all_evaluated" if len(known) else "no_lesion_evaluated"
        elif volume == 0:
            category = "CR"
        else:
            limit = CLINICAL_CUTS["volumetric_partial_response"]
            category = "PR" if shrank(volume, self.baseline, limit) else "SD"
        nadir = self.nadir
        if complete:
            self.nadir = min(self.nadir, volume)
        return {
            "volume_cc": volume,
            "nadir_cc": nadir,
            "change_from_baseline_percent": 100.0 * (volume - self.baseline) / self.baseline,
            "change_from_nadir_percent": 100.0 * (volume - nadir) / nadir if nadir else math.nan,
            "volumetric_response": category,
            "reason": reason,
        }


def _checked(visits: pd.DataFrame) -> pd.DataFrame:
    tidy = as_columns(visits, [*_KEYS, "volume_cc"], "volumetric_response")
    for name in ("patient_id", "lesion_id"):
        tidy[name] = text_ids(tidy[name], name)
    tidy["days"] = tidy["days"].astype(float) if "days" in tidy else math.nan
    tidy["volume_cc"] = tidy["volume_cc"].astype(float)
    refuse(
        "measured_twice",
        "One lesion has two volumes at one visit.",
        tidy[tidy.duplicated(_KEYS, keep=False)],
        [*_KEYS, "volume_cc"],
        "Keep one of them, or give two lesions two lesion_id.",
    )
    refuse(
        "volume_negative",
        "A volume below 0 cc.",
        tidy[tidy["volume_cc"] < 0],
        [*_KEYS, "volume_cc"],
        "Correct these rows.",
    )
    refuse(
        "volume_too_large",
        f"A volume above {MOST_CC:g} cc.",
        tidy[tidy["volume_cc"] > MOST_CC],
        [*_KEYS, "volume_cc"],
        "Are the volumes in mm³? Divide them by 1,000.",
    )
    status = tidy["status"] if "status" in tidy else pd.Series("measured", index=tidy.index)
    refuse(
        "status_unknown",
        f"status has to be one of {', '.join(STATUSES)}.",
        tidy.assign(status=status)[~status.isin(STATUSES)],
        [*_KEYS, "status"],
        "Correct these rows.",
    )
    gone = status.isin(["complete_response", "absent"])
    tidy.loc[status.isin(NOT_EVALUATED), "volume_cc"] = math.nan
    tidy.loc[gone & tidy["volume_cc"].isna(), "volume_cc"] = 0.0
    refuse(
        "volume_zero_undeclared",
        "A volume of 0 cc may be a lesion that is gone, or a contour that is not there.",
        tidy[tidy["volume_cc"].eq(0) & ~gone],
        [*_KEYS, "volume_cc"],
        "Declare it: status complete_response, missing or not_evaluable.",
    )
    tidy = ordered_visits(tidy, visit_order=None, baseline=None)
    first = tidy.groupby(["patient_id", "lesion_id"])["order"].transform("min")
    at_baseline = tidy["order"].eq(0) & tidy["volume_cc"].gt(0)
    refuse(
        "baseline_volume_missing",
        "A lesion without a volume at baseline.",
        tidy[(tidy["order"].eq(0) & ~at_baseline) | first.gt(0)],
        [*_KEYS, "volume_cc"],
        "Add it or leave the lesion out; one that was not there is a new lesion.",
    )
    return tidy
