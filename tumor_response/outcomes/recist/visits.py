"""The order of visits, and which of them is the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist.refuse import listed, refuse

__all__ = ["ordered_visits"]


def ordered_visits(
    tidy: pd.DataFrame, *, visit_order: Sequence[object] | None, baseline: object
) -> pd.DataFrame:
    """Return the rows with ``order``, 0 being the baseline; visits that are not there are added.

    The order is ``visit_order``; or that of the visits where they are numbers or an ordered
    categorical; or that of ``days``. ``days`` never contradict it. A visit of ``visit_order``
    that a patient does not have is added with status ``missing`` for each of their lesions, so
    that it is NE instead of absent.

    Raises
    ------
    OutcomeError
        Codes ``visit_order_unknown``, ``visit_unknown``, ``visit_days_differ``,
        ``visits_contradict_days``, ``baseline_missing``, ``baseline_ambiguous``,
        ``visit_before_baseline``.
    """
    rank = _rank_of(tidy, visit_order)
    tidy = tidy.assign(visit=tidy["visit"].astype(object))
    if visit_order is not None:
        tidy = _with_missing_visits(tidy, list(visit_order))
    days_of = tidy.groupby(["patient_id", "visit"], sort=False)["days"]
    refuse(
        "visit_days_differ",
        "One visit of a patient has different days.",
        tidy[days_of.transform("nunique") > 1],
        ["patient_id", "lesion_id", "visit", "days"],
        "A visit has one day; give scans of different days different visits.",
    )
    tidy["days"] = days_of.transform("first")
    if rank is None:
        refuse(
            "visit_order_unknown",
            "The order of the visits is not known: they are names, and some have no days.",
            tidy[tidy["days"].isna()],
            ["patient_id", "visit", "days"],
            "Fill in days, or give visit_order=[...] from the baseline on.",
        )
        tidy["order"] = tidy["days"]
    else:
        tidy["order"] = tidy["visit"].map(rank)
    _check_days(tidy)
    first = _baselines(tidy, rank, baseline)
    order = tidy.groupby("patient_id")["order"].rank(method="dense")
    tidy["order"] = order.astype(int) - 1
    chosen = tidy[tidy["visit"] == tidy["patient_id"].map(first)]
    start = chosen.drop_duplicates("patient_id").set_index("patient_id")["order"]
    early = tidy["order"] < tidy["patient_id"].map(start)
    refuse(
        "visit_before_baseline",
        "There are visits before the baseline.",
        tidy[early],
        ["patient_id", "lesion_id", "visit", "days"],
        "Remove these rows, or name another baseline.",
    )
    return tidy


def _rank_of(tidy: pd.DataFrame, visit_order: Sequence[object] | None) -> dict[object, int] | None:
    visits = tidy["visit"]
    refuse(
        "visit_missing",
        "A row without a visit.",
        tidy[visits.isna()],
        ["patient_id", "lesion_id", "visit", "days"],
        "Fill it in.",
    )
    if visit_order is not None:
        order = list(visit_order)
        if len(set(order)) != len(order):
            raise OutcomeError(
                f"visit_order names a visit twice: {order}.", code="visit_order_unknown"
            )
        unknown = [visit for visit in visits.unique() if visit not in order]
        if unknown:
            raise OutcomeError(
                f"Visits that visit_order does not name: {listed(unknown)}; it names "
                f"{listed(order)}. Add them.",
                code="visit_unknown",
            )
    elif isinstance(visits.dtype, pd.CategoricalDtype) and visits.cat.ordered:
        order = list(visits.cat.categories)
    elif pd.api.types.is_numeric_dtype(visits) or all(
        isinstance(visit, (int, float, np.integer)) for visit in visits
    ):
        order = sorted(visits.unique())
    elif tidy["days"].isna().all():
        raise OutcomeError(
            f"The order of the visits {listed(visits.unique())} is not known: they are names, and "
            "there are no days. Fill in days, or give visit_order=[...] from the baseline on.",
            code="visit_order_unknown",
        )
    else:
        return None
    return {visit: place for place, visit in enumerate(order)}


def _with_missing_visits(tidy: pd.DataFrame, order: list[Any]) -> pd.DataFrame:
    constant = ("kind", "organ", "target", "previously_irradiated", "progressed_since_irradiation")
    kept = ["patient_id", "lesion_id", *(name for name in constant if name in tidy)]
    added = []
    for _, rows in tidy.groupby("patient_id", sort=False):
        lesions = rows.drop_duplicates("lesion_id")[kept]
        added += [
            lesions.assign(
                visit=visit,
                days=np.nan,
                status="missing",
                diameter_mm=np.nan,
                evaluated=False,
                defaulted=False,
                fragments=1,
                **({"on_treatment": False} if "on_treatment" in tidy else {}),
            )
            for visit in order
            # the baseline has to be there; to add it would hide that it is not
            if visit != order[0] and not (rows["visit"] == visit).any()
        ]
    return pd.concat([tidy, *added], ignore_index=True) if added else tidy


def _check_days(tidy: pd.DataFrame) -> None:
    visits = tidy.drop_duplicates(["patient_id", "visit"]).sort_values(
        ["patient_id", "order"], kind="stable"
    )
    known = visits[visits["days"].notna()]
    step = known.groupby("patient_id")["days"].diff()
    wrong = known[step <= 0]
    both = known[known["patient_id"].isin(wrong["patient_id"])]
    refuse(
        "visits_contradict_days",
        "The visits are not in the order of their days, or two of them have one day.",
        both,
        ["patient_id", "visit", "days"],
        "Correct days or visits; RECIST depends on which scan came first.",
    )


def _baselines(
    tidy: pd.DataFrame, rank: dict[object, int] | None, baseline: object
) -> dict[str, object]:
    """Return every patient's baseline visit."""
    visits = tidy.drop_duplicates(["patient_id", "visit"])
    firsts = visits.sort_values("order", kind="stable").drop_duplicates("patient_id")
    label = baseline
    if label is None and rank is not None:
        label = min(rank, key=lambda visit: rank[visit])
    if label is not None:
        there = set(visits.loc[visits["visit"] == label, "patient_id"])
        lacking = sorted(set(tidy["patient_id"]) - there)
        if lacking:
            raise OutcomeError(
                f"No baseline (visit {label!r}) for patients {listed(lacking)}. Without it there "
                "is nothing to compare with: add it or leave these patients out.",
                code="baseline_missing",
            )
    if baseline is not None:
        return dict.fromkeys(visits["patient_id"].unique(), label)
    before = visits[visits["days"] <= 0]
    refuse(
        "baseline_ambiguous",
        "More than one visit at or before day 0.",
        before[before.duplicated("patient_id", keep=False)],
        ["patient_id", "visit", "days"],
        "Keep the one closest to the start of treatment, or name it with baseline=.",
    )
    refuse(
        "baseline_missing",
        "The first visit lies after day 0: there is no baseline.",
        firsts[firsts["days"] > 0],
        ["patient_id", "visit", "days"],
        "Add it, leave these patients out, or name the visit to compare with by baseline=.",
    )
    return dict(zip(firsts["patient_id"], firsts["visit"], strict=True))
