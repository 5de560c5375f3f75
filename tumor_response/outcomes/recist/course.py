"""One patient, visit after visit: what a response has to know of the visits before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tumor_response.outcomes.recist.overall import NOT_DERIVABLE, overall_response
from tumor_response.outcomes.recist.rules import (
    ABSOLUTE_PROGRESSION_MM,
    NODE_NORMAL_BELOW_MM,
    NOT_EVALUATED,
    PROGRESSION,
    category_by_sum,
    grew,
)

__all__ = ["Course", "Seen"]

MAX_DAYS_BEFORE_TREATMENT = 28  # 3.2.1: baseline scans at most four weeks before the treatment


@dataclass(frozen=True)
class Seen:
    """One lesion at one visit, with what is known of it from the baseline.

    Parameters
    ----------
    lesion_id, kind, status
        As in the measurements.
    diameter_mm
        What counts in the sum, in mm; NaN where the lesion was not evaluated.
    defaulted
        Too small to measure, and taken as 5 mm.
    fragments
        The number of parts that were added.
    on_treatment
        The scan was taken in the middle of a course of treatment.
    is_target
        Whether the lesion is a target.
    baseline_mm
        Its diameter at baseline, in mm, or NaN.
    why
        Why it is no target, or ``""``.
    flags
        What the lesion's row of :func:`recist_targets` is flagged with.
    """

    lesion_id: str
    kind: str
    status: str
    diameter_mm: float
    defaulted: bool
    fragments: int
    on_treatment: bool
    is_target: bool
    baseline_mm: float
    why: str
    flags: str

    @property
    def evaluated(self) -> bool:
        """Whether the lesion was looked at and judged."""
        return self.status not in NOT_EVALUATED

    @property
    def diseased(self) -> bool:
        """Whether there is disease: anything non-nodal, a node from 10 mm on (4.3.1)."""
        if not self.evaluated:
            return False
        if self.kind == "node":
            return self.diameter_mm >= NODE_NORMAL_BELOW_MM
        return self.diameter_mm > 0


@dataclass
class Course:
    """The course of one patient; :meth:`see` is called for every visit in order.

    Parameters
    ----------
    targets_chosen
        Whether the targets were chosen by the rules and not declared.
    assessed
        Whether non-target and new lesions were told of at all.
    """

    targets_chosen: bool
    assessed: bool
    _targets: tuple[str, ...] = ()
    _baseline_mm: float = math.nan
    _nadir_mm: float = math.nan
    _had_cr: bool = False  # of the target lesions
    _had_overall_cr: bool = False
    _may_have_had_overall_cr: bool = False
    _progressed: bool = False
    _found_later: set[str] = field(default_factory=set)

    def see(
        self,
        lesions: Sequence[Seen],
        days: float,
        is_baseline: bool,
        non_target: str,
        new_lesions: str,
    ) -> dict[str, object]:
        """Return the row of the next visit.

        Parameters
        ----------
        lesions
            All lesions of the visit, targets and others.
        days
            Its day, or NaN.
        is_baseline
            Whether it is the first one.
        non_target, new_lesions
            What was told of them, or ``unknown``.
        """
        targets = [lesion for lesion in lesions if lesion.is_target]
        evaluated = [lesion for lesion in targets if lesion.evaluated]
        if is_baseline:
            self._targets = tuple(lesion.lesion_id for lesion in targets)
        seen = {lesion.lesion_id for lesion in evaluated}
        complete = len(seen) == len(self._targets)
        partial = math.fsum(lesion.diameter_mm for lesion in evaluated) if evaluated else math.nan
        total = partial if complete else math.nan
        flags = self._flags(lesions, targets, is_baseline)
        reason = ""
        if is_baseline:
            target = overall = "baseline"
            self._baseline_mm = self._nadir_mm = total
            if days < -MAX_DAYS_BEFORE_TREATMENT:
                flags.append("baseline_over_4_weeks_before_treatment")
        else:
            by_sum = self._by_sum(lesions, evaluated, partial, complete)
            # Table 3, note a: after a CR any disease is a progression, whatever its size
            back = self._had_cr and any(lesion.diseased for lesion in evaluated)
            target = "PD" if back else by_sum
            if target == "NE":
                reason = "targets_not_all_evaluated" if evaluated else "no_target_evaluated"
            elif not complete:
                flags.append("progression_by_evaluated_targets_alone")
            overall = self._overall(target, by_sum, non_target, new_lesions)
            if back:
                flags.append("reappeared_after_cr")
        if self._progressed:
            flags.append("after_progression")
        nadir = self._nadir_mm
        self._remember(target, overall, total)
        return {
            "days": days,
            "n_targets": len(self._targets),
            "n_evaluated": len(evaluated),
            "not_evaluated": ";".join(name for name in self._targets if name not in seen),
            "sum_diameters_mm": total,
            "sum_evaluated_mm": partial,
            "baseline_mm": self._baseline_mm,
            "nadir_mm": nadir,
            "change_from_baseline_percent": 100.0 * (total - self._baseline_mm) / self._baseline_mm,
            "change_from_nadir_mm": total - nadir,
            # of nothing there is no percentage
            "change_from_nadir_percent": 100.0 * (total - nadir) / nadir if nadir else math.nan,
            "target_response": target,
            "non_target": non_target,
            "new_lesions": new_lesions,
            "overall_response": overall,
            "flags": ";".join(flags),
            "reason": reason,
        }

    def _by_sum(
        self, lesions: Sequence[Seen], evaluated: Sequence[Seen], partial_mm: float, complete: bool
    ) -> str:
        """Return the category by 4.3.1, or NE; the visits before count by their sums alone."""
        if not complete:
            # 4.4.2: what was not seen can only add, so a progression stands without it
            limits = (PROGRESSION, ABSOLUTE_PROGRESSION_MM)
            return "PD" if evaluated and grew(partial_mm, self._nadir_mm, *limits) else "NE"
        # 4.3.1: for CR all nodes have to be normal, non-target ones as well
        other_nodes = [
            lesion
            for lesion in lesions
            if not lesion.is_target
            and lesion.kind == "node"
            and lesion.baseline_mm >= NODE_NORMAL_BELOW_MM
        ]
        if not any(lesion.diseased for lesion in (*evaluated, *other_nodes)):
            # before PD: a node that grows from 3 to 8 mm is a normal node all the same
            return "CR"
        return category_by_sum(partial_mm, self._baseline_mm, self._nadir_mm)

    def _overall(self, target: str, by_sum: str, non_target: str, new_lesions: str) -> str:
        if not self.assessed:
            return NOT_DERIVABLE
        overall = overall_response(target, non_target, new_lesions)
        if target == "PD" and by_sum != "PD" and not self._had_overall_cr:
            # the targets alone were gone, so that what came back only counts by its size ...
            overall = overall_response(by_sum, non_target, new_lesions)
            if self._may_have_had_overall_cr and overall != "PD":
                return NOT_DERIVABLE  # ... unless the patient was in CR, which nobody says
        if self._had_overall_cr and non_target == "non-CR/non-PD" and overall == "PR":
            return "PD"
        return overall

    def _remember(self, target: str, overall: str, total_mm: float) -> None:
        if not math.isnan(total_mm):
            self._nadir_mm = min(self._nadir_mm, total_mm)
        self._had_cr |= target == "CR"
        self._had_overall_cr |= overall == "CR"
        self._may_have_had_overall_cr |= target == "CR" and overall == NOT_DERIVABLE
        self._progressed |= "PD" in (target, overall)

    def _flags(
        self, lesions: Sequence[Seen], targets: Sequence[Seen], is_baseline: bool
    ) -> list[str]:
        of_lesions = {flag for lesion in targets for flag in lesion.flags.split(";")}
        flags = []
        if "outside_recist_intent:previously_irradiated" in of_lesions:
            flags.append("outside_recist_intent:previously_irradiated")
        if any(lesion.on_treatment for lesion in lesions):
            flags.append("outside_recist_intent:mid_treatment_scan")
        if is_baseline:
            flags += ["targets_chosen_by_rule"] if self.targets_chosen else []
            unknown = ("slice_thickness_unknown", "organ_unknown")
            flags += [flag for flag in unknown if flag in of_lesions]
        if any(lesion.defaulted for lesion in targets):
            flags.append("too_small_taken_as_5_mm")
        if any(lesion.fragments > 1 for lesion in targets):
            flags.append("fragments_summed")
        if any(lesion.status == "merged" for lesion in targets):
            flags.append("merged_lesions")
        later = {
            lesion.lesion_id
            for lesion in lesions
            if lesion.why == "not_at_baseline" and lesion.diameter_mm > 0
        }
        if later - self._found_later:
            flags.append("lesion_not_at_baseline")
        self._found_later |= later
        return flags
