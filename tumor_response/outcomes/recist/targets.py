"""Which lesions are targets: as declared, or by the rules, with the reason for every lesion."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.recist.measurements import checked_measurements
from tumor_response.outcomes.recist.refuse import listed, refuse
from tumor_response.outcomes.recist.rules import (
    MAX_TARGETS,
    MAX_TARGETS_PER_ORGAN,
    MIN_DIAMETER_MM,
    NODE_NORMAL_BELOW_MM,
    NODE_TARGET_MM,
    THICK_SLICE_MM,
    Kind,
)

__all__ = ["lesions_of", "not_measurable", "recist_targets"]

_NODES = "lymph nodes"


def not_measurable(diameter_mm: float, kind: Kind, slice_thickness_mm: float = math.nan) -> str:
    """Return why a lesion cannot be a target at baseline, or ``""`` if it can (section 3.1).

    Parameters
    ----------
    diameter_mm
        In mm: the short axis of a node, the longest diameter of any other lesion.
    kind
        ``"node"`` or ``"non-nodal"``.
    slice_thickness_mm
        In mm; NaN where it is unknown, and the size alone decides.

    Returns
    -------
    str
        ``""``, ``node_normal`` (short axis below 10 mm: no disease), ``node_non_target`` (10 to
        below 15 mm: pathological, and not measurable), ``below_10_mm`` or
        ``below_twice_slice_thickness`` (slices above 5 mm).

    Examples
    --------
    >>> not_measurable(12.0, "non-nodal"), not_measurable(12.0, "node")
    ('', 'node_non_target')
    >>> not_measurable(12.0, "non-nodal", slice_thickness_mm=7.0)
    'below_twice_slice_thickness'
    """
    if kind == "node":
        if diameter_mm < NODE_NORMAL_BELOW_MM:
            return "node_normal"
        return "" if diameter_mm >= NODE_TARGET_MM else "node_non_target"
    if diameter_mm < MIN_DIAMETER_MM:
        return "below_10_mm"
    if slice_thickness_mm > THICK_SLICE_MM and diameter_mm < 2 * slice_thickness_mm:
        return "below_twice_slice_thickness"
    return ""


def recist_targets(
    measurements: IntoFrame,
    *,
    kind: Kind | None = None,
    visit_order: Sequence[object] | None = None,
    baseline: object = None,
) -> pd.DataFrame:
    """List all lesions with what they are by RECIST 1.1: target, non-target, or none.

    Where there is a column ``target``, it is kept, and held against the rules. Where there is
    none, targets are chosen: the largest measurable lesions, at most five, and two per organ
    (section 4.2). All lymph nodes are one organ, and so are the two of a pair, such as the lungs,
    if ``organ`` calls both of them ``lung``. Size is the only one of the guideline's criteria that
    a table knows: that a lesion can be measured again in the same way, a reader has to say.

    Parameters
    ----------
    measurements, kind, visit_order, baseline
        As in :func:`recist_response`.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id); ``kind``, ``organ``, ``baseline_mm`` (NaN where the lesion
        has no figure at baseline), ``slice_thickness_mm``, ``measurable`` (bool), ``target``
        (bool), ``reason`` (why it is no target, ``""`` for a target) and ``flags``.
        ``attrs["targets"]`` is ``"declared"`` or ``"chosen_by_rule"``.

    Raises
    ------
    OutcomeError
        Codes ``target_not_measurable``, ``too_many_targets``, ``no_target_at_baseline``,
        ``baseline_not_measured``, ``organ_missing`` and those of :func:`recist_response`.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.recist import recist_targets
    >>> found = recist_targets(
    ...     pd.DataFrame(
    ...         {
    ...             "patient_id": "P1",
    ...             "lesion_id": ["a", "b", "c", "d"],
    ...             "visit": 0,
    ...             "kind": ["non-nodal", "non-nodal", "non-nodal", "node"],
    ...             "organ": ["liver", "liver", "liver", "mediastinum"],
    ...             "longest_diameter_mm": [40.0, 12.0, 31.0, 20.0],
    ...             "short_axis_mm": [None, None, None, 11.0],
    ...         }
    ...     )
    ... )
    >>> found["reason"].tolist()
    ['', 'organ_has_two_larger', '', 'node_non_target']
    """
    measurements = as_frame(measurements, "measurements")
    tidy = checked_measurements(measurements, kind=kind, visit_order=visit_order, baseline=baseline)
    return lesions_of(tidy)


def lesions_of(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return what :func:`recist_targets` does, of measurements that were checked."""
    keys = ["patient_id", "lesion_id"]
    first = tidy[tidy["order"] == 0].set_index(keys)
    at_baseline = first.reindex(pd.MultiIndex.from_frame(tidy[keys].drop_duplicates()))
    every = tidy.drop_duplicates(keys).set_index(keys)
    lesions = pd.DataFrame(
        {
            "kind": every["kind"],
            "organ": every.get("organ", ""),
            "baseline_mm": at_baseline["diameter_mm"],
            "slice_thickness_mm": at_baseline["slice_thickness_mm"],
        },
        index=every.index,
    )
    taken = at_baseline["status"].eq("measured") | (
        at_baseline["status"].eq("too_small") & ~at_baseline["defaulted"].eq(True)
    )
    lesions["baseline_mm"] = lesions["baseline_mm"].where(taken)
    irradiated = _said(every, "previously_irradiated")
    regrown = _said(every, "progressed_since_irradiation")
    lesions["reason"] = [
        _why_not(status, *size)
        for status, size in zip(
            at_baseline["status"].astype(object),
            lesions[["baseline_mm", "kind", "slice_thickness_mm"]].itertuples(index=False),
            strict=True,
        )
    ]
    lesions["measurable"] = lesions["reason"].eq("") & ~(irradiated & ~regrown)
    lesions["flags"] = [
        _flags(was, bool(pd.isna(thickness)), kind == "non-nodal")
        for was, thickness, kind in zip(
            irradiated, lesions["slice_thickness_mm"], lesions["kind"], strict=True
        )
    ]
    if "target" in every:
        lesions["target"] = every["target"]
        _check_declared(lesions)
        lesions.loc[lesions["target"], "reason"] = ""
        others = ~lesions["target"] & lesions["reason"].eq("")
        lesions.loc[others, "reason"] = "declared_non_target"
        how = "declared"
    else:
        usual = irradiated & ~regrown & lesions["reason"].eq("")
        lesions.loc[usual, "reason"] = "previously_irradiated"
        lesions = _chosen(lesions)
        how = "chosen_by_rule"
    _check_any(lesions)
    lesions.attrs["targets"] = how
    columns = ["kind", "organ", "baseline_mm", "slice_thickness_mm"]
    return lesions[[*columns, "measurable", "target", "reason", "flags"]]


def _said(every: pd.DataFrame, name: str) -> pd.Series:
    if name in every:
        return every[name].astype(bool)
    return pd.Series(False, index=every.index)


def _why_not(status: Any, diameter_mm: float, kind: Kind, thickness_mm: float) -> str:
    if pd.isna(status):
        return "not_at_baseline"
    if math.isnan(diameter_mm):
        return f"baseline_{status}"
    return not_measurable(diameter_mm, kind, thickness_mm)


def _flags(irradiated: bool, thickness_unknown: bool, sized_by_slices: bool) -> str:
    flags = ["outside_recist_intent:previously_irradiated"] if irradiated else []
    if thickness_unknown and sized_by_slices:
        flags.append("slice_thickness_unknown")
    return ";".join(flags)


def _organs(lesions: pd.DataFrame) -> pd.Series:
    return lesions["organ"].mask(lesions["kind"].eq("node"), _NODES)


def _check_declared(lesions: pd.DataFrame) -> None:
    targets = lesions[lesions["target"]]
    lost = targets["reason"].isin(
        [
            "not_at_baseline",
            "baseline_missing",
            "baseline_not_evaluable",
            "baseline_death",
            "baseline_surgery",
        ]
    )
    refuse(
        "baseline_not_measured",
        "A target lesion without a measurement at baseline.",
        targets[lost].reset_index(),
        ["patient_id", "lesion_id", "reason"],
        "Add it, or declare the lesion non-target; one that was not there is a new lesion.",
    )
    refuse(
        "target_not_measurable",
        "A lesion was declared target that is not measurable by RECIST 1.1: longest diameter of "
        "at least 10 mm (and twice the slice thickness above 5 mm), short axis of a node of at "
        "least 15 mm.",
        targets[~targets["reason"].isin(["", "previously_irradiated"])].reset_index(),
        ["patient_id", "lesion_id", "kind", "baseline_mm", "slice_thickness_mm", "reason"],
        "Declare it non-target, or correct its size; were all diameters given in mm?",
    )
    organs = _organs(targets)
    patients = targets.index.get_level_values(0)
    many = targets.groupby(patients)["kind"].transform("size") > MAX_TARGETS
    known = organs.ne("")
    per_organ = organs.groupby([patients, organs]).transform("size") > MAX_TARGETS_PER_ORGAN
    refuse(
        "too_many_targets",
        f"More than {MAX_TARGETS} targets, or more than {MAX_TARGETS_PER_ORGAN} in one organ (all "
        "lymph nodes are one).",
        targets[many | (per_organ & known)].reset_index(),
        ["patient_id", "lesion_id", "kind", "organ", "baseline_mm"],
        "Declare the smaller ones non-target.",
    )
    # more than two without an organ may be more than two in one
    unknown = (~known).groupby(patients).transform("sum") > MAX_TARGETS_PER_ORGAN
    for key in targets.index[unknown & ~known]:
        flags = lesions.loc[key, "flags"]
        lesions.loc[key, "flags"] = f"{flags};organ_unknown".lstrip(";")


def _chosen(lesions: pd.DataFrame) -> pd.DataFrame:
    fit = lesions.assign(where=_organs(lesions))[lesions["reason"].eq("")]
    patients = fit.index.get_level_values(0)
    several = fit.groupby(patients)["kind"].transform("size") > MAX_TARGETS_PER_ORGAN
    unclear = patients[several & fit["where"].eq("")].unique()
    if len(unclear):
        raise OutcomeError(
            f"Patients {listed(unclear)} have more than two measurable lesions, and not all have "
            "an organ: at most two per organ may be targets. Add the column organ, or declare "
            "the targets in a column target.",
            code="organ_missing",
        )
    # the largest first; equal ones in the order of their names, so that rows may be shuffled
    fit = fit.assign(name=fit.index.get_level_values(1))
    ranked = fit.sort_values(["baseline_mm", "name"], ascending=[False, True])
    taken: Counter[str] = Counter()
    per_organ: Counter[tuple[str, str]] = Counter()
    reasons = lesions["reason"].to_dict()
    names = ranked.index.get_level_values(0)
    for key, patient, organ in zip(ranked.index, names, ranked["where"], strict=True):
        if per_organ[patient, organ] == MAX_TARGETS_PER_ORGAN:
            reasons[key] = "organ_has_two_larger"
        elif taken[patient] == MAX_TARGETS:
            reasons[key] = "five_larger"
        else:
            taken[patient] += 1
            per_organ[patient, organ] += 1
    lesions["reason"] = [reasons[key] for key in lesions.index]
    lesions["target"] = lesions["reason"].eq("")
    return lesions


def _check_any(lesions: pd.DataFrame) -> None:
    without = ~lesions["target"].groupby(level=0).transform("any")
    refuse(
        "no_target_at_baseline",
        "Patients without a target lesion at baseline.",
        lesions[without].reset_index(),
        ["patient_id", "lesion_id", "kind", "baseline_mm", "reason"],
        "Leave them out; with non-target disease alone, use overall_response with the target "
        'response "none" (Table 2 of the guideline).',
    )
