"""RECIST 1.1 in numbers and words: limits, statuses and the categories of target lesions.

Sections are those of Eisenhauer et al., European Journal of Cancer 2009; 45: 228-247.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ABSOLUTE_PROGRESSION_MM",
    "EVALUATED",
    "MAX_TARGETS",
    "MAX_TARGETS_PER_ORGAN",
    "MIN_DIAMETER_MM",
    "NODE_NORMAL_BELOW_MM",
    "NODE_TARGET_MM",
    "NOT_EVALUATED",
    "PROGRESSION",
    "RESPONSE",
    "STATUSES",
    "THICK_SLICE_MM",
    "TOO_SMALL_MM",
    "Category",
    "Kind",
    "Status",
    "category_by_sum",
    "grew",
    "shrank",
]

Kind = Literal["node", "non-nodal"]
Status = Literal[
    "measured",
    "absent",
    "complete_response",
    "too_small",
    "merged",
    "missing",
    "not_evaluable",
    "death",
    "surgery",
]
Category = Literal["CR", "PR", "SD", "PD", "NE"]

MIN_DIAMETER_MM = 10.0  # 3.1.1: longest diameter of a measurable lesion, CT
THICK_SLICE_MM = 5.0  # 3.1.1 and 3.2.2: above it, twice the slice thickness
NODE_TARGET_MM = 15.0  # 3.1.1: short axis of a measurable node
NODE_NORMAL_BELOW_MM = 10.0  # 3.1.2 and 4.2: a short axis below it is no disease
MAX_TARGETS = 5  # 4.2
MAX_TARGETS_PER_ORGAN = 2  # 4.2
RESPONSE = 0.7  # 4.3.1: at least 30 % below the baseline sum
PROGRESSION = 1.2  # 4.3.1: at least 20 % above the smallest sum ...
ABSOLUTE_PROGRESSION_MM = 5.0  # 4.3.1: ... and at least 5 mm above it
TOO_SMALL_MM = 5.0  # 4.3.2: present, but too small to measure

EVALUATED = ("measured", "absent", "complete_response", "too_small", "merged")
NOT_EVALUATED = ("missing", "not_evaluable", "death", "surgery")
STATUSES: tuple[str, ...] = EVALUATED + NOT_EVALUATED

# sums of decimal figures: 0.7 * 50.1 and 35.07 must meet although their last bits differ
_TOLERANCE = 1e-9


def shrank(amount: float, baseline: float, ratio: float) -> bool:
    """Tell whether ``amount`` is at most ``ratio`` of ``baseline``.

    Examples
    --------
    >>> shrank(35.07, 50.1, 0.7), shrank(35.08, 50.1, 0.7)
    (True, False)
    """
    return amount <= ratio * baseline + _TOLERANCE * baseline


def grew(amount: float, nadir: float, ratio: float, at_least: float = 0.0) -> bool:
    """Tell whether ``amount`` is at least ``ratio`` of ``nadir`` and at least so much above it.

    Examples
    --------
    >>> grew(24.0, 20.0, 1.2, at_least=5.0), grew(25.0, 20.0, 1.2, at_least=5.0)
    (False, True)
    """
    slack = _TOLERANCE * max(nadir, 1.0)
    return amount > nadir and amount >= max(ratio * nadir, nadir + at_least) - slack


def category_by_sum(sum_mm: float, baseline_mm: float, nadir_mm: float) -> Category:
    """Return PD, PR or SD from the sum of diameters alone (section 4.3.1).

    Parameters
    ----------
    sum_mm
        Sum of the diameters of all target lesions at this visit, in mm.
    baseline_mm
        The sum at baseline: the reference of a response.
    nadir_mm
        The smallest sum at any earlier visit, baseline included: the reference of a progression.

    Returns
    -------
    str
        ``"PD"`` where both limits are met, although the sum may still be below the baseline's.

    Examples
    --------
    >>> category_by_sum(70.0, 100.0, 100.0), category_by_sum(30.0, 100.0, 20.0)
    ('PR', 'PD')
    """
    if grew(sum_mm, nadir_mm, PROGRESSION, ABSOLUTE_PROGRESSION_MM):
        return "PD"
    return "PR" if shrank(sum_mm, baseline_mm, RESPONSE) else "SD"
