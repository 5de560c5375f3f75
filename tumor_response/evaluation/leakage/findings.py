"""One line of a leakage trace: what was looked at, what came of it, and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import pandas as pd

__all__ = ["FAULT", "NOT_CHECKABLE", "PASSED", "STATUSES", "Checked", "Status", "finding_frame"]

Status = Literal["passed", "FAULT", "NOT CHECKABLE"]

PASSED: Status = "passed"
FAULT: Status = "FAULT"
NOT_CHECKABLE: Status = "NOT CHECKABLE"
STATUSES: tuple[Status, ...] = (FAULT, NOT_CHECKABLE, PASSED)


class Checked(NamedTuple):
    """One check and its result.

    Attributes
    ----------
    check : str
        What was looked at.
    status : {"passed", "FAULT", "NOT CHECKABLE"}
    detail : str
        What was seen, with numbers.
    where : str
        Model, step, column or lesions concerned; empty for the study as a whole.
    """

    check: str
    status: Status
    detail: str
    where: str = ""


def finding_frame(findings: Iterable[Checked]) -> pd.DataFrame:
    """Return a frame of findings, one row each, in their order.

    Examples
    --------
    >>> finding_frame([Checked("patients", PASSED, "no overlap")])["status"].tolist()
    ['passed']
    """
    return pd.DataFrame(list(findings), columns=list(Checked._fields)).astype("str")


def shown(names: Iterable[object], most: int = 4) -> str:
    """Return some of the names, and how many more there are.

    Examples
    --------
    >>> shown(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    listed = [repr(name) for name in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
