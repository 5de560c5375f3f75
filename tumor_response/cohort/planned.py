"""What the plan and its dose say of a lesion before the first fraction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding, ImageSource, MaskSource
from tumor_response.imaging.dicom.archive.entries import DoseEntry, PlanEntry
from tumor_response.imaging.dicom.treatment.dose import read_dose
from tumor_response.imaging.dicom.treatment.dose_in_mask import mean_dose_gy, mean_eqd2_gy
from tumor_response.imaging.dicom.treatment.plan import Plan, read_plan

__all__ = ["PLANNED_VARIABLES", "Planned", "planned_for"]

PLANNED_VARIABLES = (
    "planned_fractions",
    "planned_fraction_dose_gy",
    "planned_dose_gy",
    "planned_gtv_mean_dose_gy",
    "planned_gtv_eqd2_gy",
)
"""Clinical variables of the role ``planned`` that come from RTPLAN and RTDOSE."""


@dataclass(frozen=True)
class Planned:
    """The values that are known, and what keeps the others from being.

    Parameters
    ----------
    values
        Name of :data:`PLANNED_VARIABLES` -> value, where there is one.
    findings
        What was noticed.
    """

    values: dict[str, float]
    findings: tuple[Finding, ...] = ()


def planned_for(
    plans: Sequence[PlanEntry],
    doses: Sequence[DoseEntry],
    image: ImageSource,
    mask: MaskSource,
    alpha_beta_gy: float,
) -> Planned:
    """Return what was planned for one lesion.

    Parameters
    ----------
    plans
        The plans made on the lesion's structure set.
    doses
        The doses of the patient.
    image, mask
        The baseline scan and the lesion's contour.
    alpha_beta_gy
        For EQD2, the mean over the contour of the voxels' own (Withers, Thames and Peters 1983).
    """
    if not plans:
        return Planned({})
    if len(plans) > 1:
        approved = [plan for plan in plans if plan.approval == "APPROVED"]
        if len(approved) != 1:
            return Planned({}, (_several(len(plans)),))
        plans = approved
    try:
        plan = read_plan(plans[0].file)
    except CaseError as error:
        return Planned({}, (_unusable(error),))
    values = _prescribed(plan)
    findings = list(plan.findings)
    of_plan = [d for d in doses if plans[0].sop_uid in d.plan_uids and d.summation_type == "PLAN"]
    if len(of_plan) == 1:
        try:
            measured = _in_contour(of_plan[0], plan, image, mask, alpha_beta_gy)
        except CaseError as error:
            findings.append(_unusable(error))
        else:
            values |= measured.values
            findings += measured.findings
    elif of_plan:
        findings.append(_several(len(of_plan)))
    return Planned(values, tuple(findings))


def _prescribed(plan: Plan) -> dict[str, float]:
    values: dict[str, float] = {}
    fractions, per_fraction = plan.fractions_planned, plan.dose_per_fraction_gy()
    if fractions is not None:
        values["planned_fractions"] = float(fractions)
    if per_fraction is not None:
        values["planned_fraction_dose_gy"] = per_fraction
    total = plan.prescribed_gy()
    if total is None and fractions is not None and per_fraction is not None:
        total = fractions * per_fraction
    if total is not None:
        values["planned_dose_gy"] = total
    return values


def _in_contour(
    entry: DoseEntry, plan: Plan, image: ImageSource, mask: MaskSource, alpha_beta_gy: float
) -> Planned:
    dose = read_dose(entry.file)
    region, _ = mask.load(image.geometry())
    mean = mean_dose_gy(dose, region)
    values, findings = {}, [*dose.findings, *mean.findings]
    if math.isfinite(mean.mean_gy):
        values["planned_gtv_mean_dose_gy"] = mean.mean_gy
        if plan.fractions_planned is not None and not any(g.brachytherapy for g in plan.groups):
            eqd2 = mean_eqd2_gy(dose, region, plan.fractions_planned, alpha_beta_gy)
            values["planned_gtv_eqd2_gy"] = eqd2.mean_gy
    return Planned(values, tuple(findings))


def _several(n: int) -> Finding:
    return Finding(
        "plan_ambiguous",
        "warning",
        f"{n} plans or plan doses belong to the structure set and not just one of them is "
        "approved: nothing is taken from them.",
        measured=str(n),
        limit="1",
        remedy="Give fractions and doses with clinical=.",
    )


def _unusable(error: CaseError) -> Finding:
    return Finding(
        error.code,
        "warning",
        f"Plan or dose not used: {error}",
        remedy="Give fractions and doses with clinical=.",
    )
