"""Days, fractions and gray up to a follow-up, and what is odd about them."""

from __future__ import annotations

from tumor_response.cohort import Case
from tumor_response.cohort.delivered import SMALL_FRACTION_GY
from tumor_response.imaging import Finding
from tumor_response.quality.settings import QualitySettings

__all__ = ["amount_findings"]


def amount_findings(case: Case, settings: QualitySettings) -> list[Finding]:
    """Return what the amounts of time and treatment say against a follow-up."""
    return [*_order(case), *_delivered(case), *_days(case, settings)]


def _order(case: Case) -> list[Finding]:
    """Return what is odd about the days, whatever days were asked for."""
    of = case.follow_up
    found = []
    if of.interval_days == 0 and (of.image is not None or of.mask is not None):
        found.append(
            Finding(
                "follow_up_same_day",
                "warning",
                "The follow-up is of the day of the baseline: there is no rate of shrinkage.",
                measured="0 days",
                remedy="Give the date of the later scan.",
            )
        )
    if of.interval_days is not None and (of.treatment_days or 0) > of.interval_days:
        late = (of.treatment_days or 0) - of.interval_days
        found.append(
            Finding(
                "baseline_after_rt_start",
                "warning",
                f"The first fraction came {late:g} days before the baseline scan: what it shows "
                "has been treated, and there is no rate per treatment day, fraction or gray.",
                measured=f"{late:g} days",
                limit="0 days",
                remedy="Use the planning CT as the baseline, or correct rt_start_date.",
            )
        )
    return found


def _delivered(case: Case) -> list[Finding]:
    """Return that a fraction is so small that fractions and dose may be swapped."""
    fractions, dose = case.follow_up.fractions, case.follow_up.dose_gy
    if not fractions or not dose or dose / fractions >= SMALL_FRACTION_GY:
        return []
    return [
        Finding(
            "fraction_dose_small",
            "warning",
            f"{dose:g} Gy in {fractions:g} fractions are {dose / fractions:.2g} Gy each: are the "
            "two columns swapped?",
            measured=f"{dose / fractions:.2g} Gy",
            limit=f"{SMALL_FRACTION_GY:g} Gy",
            remedy="Correct fractions_at_follow_up and dose_gy_at_follow_up, if they are.",
        )
    ]


def _days(case: Case, settings: QualitySettings) -> list[Finding]:
    of = case.follow_up
    asked = settings.follow_up_days
    if asked is None or of.status in ("missing", "death", "surgery"):
        return []
    if of.image is None and of.mask is None:
        return []
    count = settings.follow_up_days_count
    days = of.interval_days if count == "interval_days" else of.treatment_days
    limit = f"{asked[0]:g} to {asked[1]:g} days"
    if days is None:
        return [
            Finding(
                "follow_up_days_unknown",
                "warning",
                f"The follow-up's {count} are not known, so that they cannot be compared with "
                f"the {limit} asked for.",
                limit=limit,
                remedy="Give the dates in the manifest.",
            )
        ]
    if asked[0] <= days <= asked[1]:
        return []
    early = days < asked[0]
    return [
        Finding(
            "follow_up_early" if early else "follow_up_late",
            "error",
            f"The follow-up came after {days:g} days ({count}), "
            f"{'earlier' if early else 'later'} than asked for.",
            measured=f"{days:g} days",
            limit=limit,
            remedy="Use the scan of the right day, widen follow_up_days, or leave the outcome out.",
        )
    ]
