"""The end point: how much each lesion shrank, and who is a responder.

Signs (docs/definitions.md): ``volume_change_*``, ``log_volume_ratio`` and ``sgr_per_day`` are
negative when a lesion shrank; ``shrinkage_percent`` and ``rate_*`` are positive when it shrank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import CaseError, OutcomeError
from tumor_response.imaging import touches_border, volume_cc
from tumor_response.parallel import spread
from tumor_response.quality import QualitySettings
from tumor_response.quality.follow_up import FollowUpScan, examine_follow_up, read_follow_up
from tumor_response.settings import checked_n_jobs

__all__ = ["OUTCOME_COLUMNS", "SHRANK_SIGN", "ResponderCut", "label_responders", "shrinkage"]

SHRANK_SIGN = {
    "volume_change_cc": -1,
    "volume_change_percent": -1,
    "log_volume_ratio": -1,
    "sgr_per_day": -1,
    "shrinkage_percent": 1,
    "rate_percent_per_day": 1,
    "rate_cc_per_day": 1,
}
"""+1 where a larger value means more shrinkage, -1 where a smaller one does."""

Days = Literal["interval_days", "treatment_days"]

OUTCOME_COLUMNS = (
    "volume_baseline_cc",
    "volume_follow_up_cc",
    "interval_days",
    "treatment_days",
    *SHRANK_SIGN,
)
"""The numeric columns of :func:`shrinkage`."""


_DEFAULT_QUALITY = QualitySettings()


def shrinkage(
    cohort: Cohort,
    *,
    per: Days = "interval_days",
    truncated: Literal["missing", "keep"] = "missing",
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Compute every lesion's volume change between baseline and follow-up.

    Parameters
    ----------
    cohort
        Cases with a follow-up mask, or a declared ``follow_up_status``.
    per
        The days that rates are per: ``"interval_days"`` (CT to CT) or ``"treatment_days"`` (first
        fraction, ``rt_start_date``, to follow-up CT). Kept in ``attrs["days"]``.
    truncated
        A mask that touches the image's border may go on outside, so that its volume is a lower
        bound. ``"missing"`` makes such an outcome NaN with reason ``truncated``; ``"keep"``
        computes it, for images that were cropped tightly on purpose.
    quality
        Limits of the checks that every follow-up goes through (:func:`tumor_response.check`); a
        finding of severity ``"error"`` makes the outcome NaN with its code as the reason. ``None``:
        no checks.
    n_jobs
        Processes, as in joblib; the result is the same for any number.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id) in cohort order, one row per lesion, float64 columns
        ``volume_baseline_cc``, ``volume_follow_up_cc`` (V0 and V1, by voxel count),
        ``interval_days``, ``treatment_days``, ``volume_change_cc`` (V1 - V0),
        ``volume_change_percent`` (100 (V1 - V0) / V0), ``log_volume_ratio`` (ln V1 / V0),
        ``sgr_per_day`` (that per day, the specific growth rate), ``shrinkage_percent``
        (-volume_change_percent), ``rate_percent_per_day`` (that per day), ``rate_cc_per_day``
        ((V0 - V1) per day), and ``reason``: why values of this row are NaN, empty if none is.
        ``attrs["days"]`` names the denominator, ``attrs["reasons"]`` maps keys to reasons.

    Raises
    ------
    OutcomeError
        Code ``follow_up_empty``: follow-up masks without a voxel that were not declared as
        complete response, all of them named. An empty mask is a cure or a lost contour, and only
        the person who made the manifest knows which.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=3, seed=1, directory=tempfile.mkdtemp())
    >>> outcomes = tr.shrinkage(cohort)
    >>> bool((outcomes["shrinkage_percent"] == -outcomes["volume_change_percent"]).all())
    True
    """
    if per not in ("interval_days", "treatment_days"):
        raise OutcomeError(f"per={per!r}: expected 'interval_days' or 'treatment_days'.")
    if truncated not in ("missing", "keep"):
        raise OutcomeError(f"truncated={truncated!r}: expected 'missing' or 'keep'.")
    work = partial(_measured, per, truncated, quality)
    rows = list(spread(work, list(cohort), checked_n_jobs(n_jobs), "Measuring volumes"))
    undeclared = [
        case.name
        for case, row in zip(cohort, rows, strict=True)
        if row["reason"] == "follow_up_empty"
    ]
    if undeclared:
        raise OutcomeError(
            f"The follow-up mask has no voxel for {len(undeclared)} lesion(s): "
            f"{', '.join(undeclared[:20])}{' ...' if len(undeclared) > 20 else ''}. If the tumour "
            "is gone, say so with follow_up_status = complete_response in the manifest; if the "
            "contour was lost, contour it or set follow_up_status = missing.",
            code="follow_up_empty",
        )
    table = pd.DataFrame(rows, index=cohort.keys, columns=[*OUTCOME_COLUMNS, "reason"])
    table = table.astype(dict.fromkeys(OUTCOME_COLUMNS, "float64") | {"reason": "str"})
    table.attrs["days"] = per
    missing = table["reason"] != ""
    table.attrs["reasons"] = table.loc[missing, "reason"].to_dict()
    return table


def _measured(
    per: Days, truncated: str, quality: QualitySettings | None, cases: list[Case]
) -> list[dict[str, float | str]]:
    return [_measure(case, per, truncated, quality) for case in cases]


def _measure(
    case: Case, per: Days, truncated: str, quality: QualitySettings | None
) -> dict[str, float | str]:
    """Return one lesion's row; whatever cannot be known is absent and ``reason`` says why."""
    follow_up = case.follow_up
    row: dict[str, float | str] = {"reason": ""}
    if follow_up.interval_days is not None:
        row["interval_days"] = follow_up.interval_days
    if follow_up.treatment_days is not None:
        row["treatment_days"] = follow_up.treatment_days
    baseline = case.baseline
    try:
        baseline_mask = baseline.mask
    except CaseError as error:
        return row | {"reason": f"baseline_{error.code}"}
    row["volume_baseline_cc"] = v0 = volume_cc(baseline_mask)
    cut_off = touches_border(baseline_mask)
    if follow_up.status in ("missing", "death", "surgery"):
        return row | {"reason": f"follow_up_{follow_up.status}"}
    gone = follow_up.status == "complete_response"
    try:
        scan = _scan(case, quality)
    except CaseError as error:
        # a structure that was found and has no contour is an empty one
        if error.code != "roi_empty":
            return row | {"reason": _of_follow_up(error.code)}
        v1 = 0.0
    else:
        if scan.mask is None and not gone:
            return row | {"reason": _no_contour(case)}
        v1 = 0.0 if scan.mask is None else volume_cc(scan.mask)
        cut_off = cut_off or (v1 > 0 and scan.mask is not None and touches_border(scan.mask))
        if gone and v1 > 0:
            return row | {"volume_follow_up_cc": v1, "reason": "complete_response_not_empty"}
        if v1 > 0 and quality is not None:
            found, _ = examine_follow_up(case, baseline, scan, quality)
            stop = next((f.code for f in found if f.severity == "error"), None)
            if stop is not None:
                return row | {"volume_follow_up_cc": v1, "reason": _of_follow_up(stop)}
    if v1 == 0 and not gone:
        return row | {"reason": "follow_up_empty"}
    row["volume_follow_up_cc"] = v1
    if cut_off and truncated == "missing":
        return row | {"reason": "truncated"}
    return row | _changes(v0, v1, row.get(per), per)


def _scan(case: Case, quality: QualitySettings | None) -> FollowUpScan:
    """Read the follow-up: without checks its contour alone."""
    if quality is not None:
        return read_follow_up(case)
    if case.follow_up.mask is None:
        return FollowUpScan()
    return FollowUpScan(mask=case.read_follow_up_mask())


def _no_contour(case: Case) -> str:
    """Return why there is nothing to measure: what stopped the search for it, or nothing known."""
    errors = (f.code for f in case.follow_up.findings if f.severity == "error")
    return next(errors, "follow_up_missing")


def _of_follow_up(code: str) -> str:
    return code if code.startswith("follow_up") else f"follow_up_{code}"


def _changes(v0: float, v1: float, days: float | str | None, per: Days) -> dict[str, float | str]:
    change: dict[str, float | str] = {
        "volume_change_cc": v1 - v0,
        "volume_change_percent": 100.0 * ((v1 - v0) / v0),
        "shrinkage_percent": 100.0 * ((v0 - v1) / v0),
    }
    reason = ""
    if v1 > 0:
        change["log_volume_ratio"] = math.log(v1 / v0)
    else:
        reason = "complete_response"
    if not isinstance(days, float):
        return change | {"reason": f"{per}_unknown"}
    if days <= 0:
        return change | {"reason": f"{per}_zero"}
    change["rate_percent_per_day"] = 100.0 * ((v0 - v1) / v0) / days
    change["rate_cc_per_day"] = (v0 - v1) / days
    if v1 > 0:
        change["sgr_per_day"] = math.log(v1 / v0) / days
    return change | {"reason": reason}


@dataclass(frozen=True)
class ResponderCut:
    """A cut-point between less and more shrinkage, to be fitted on training rows.

    Parameters
    ----------
    cut
        ``"median"`` of the rows given to :meth:`fit`, or a fixed number in the unit of the end
        point (for ``by="volume_change_percent"`` a cut of -30 means shrunk by more than 30 %).
    by
        The end point, one of the columns of :func:`shrinkage`; it decides which sign is
        shrinkage. ``None`` takes the name of the Series it is used on; a Series that bears the
        name of another end point is refused.

    Raises
    ------
    OutcomeError
        If ``cut`` is neither ``"median"`` nor a finite number, or ``by`` is no end point.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> rate = pd.Series([0.2, 1.0, 1.4, 2.0], name="rate_percent_per_day")
    >>> rule = tr.ResponderCut("median")
    >>> cut = rule.fit(rate)
    >>> cut, rule.label(rate, cut).tolist()
    (1.2, [0.0, 0.0, 1.0, 1.0])
    """

    cut: Literal["median"] | float = "median"
    by: str | None = None

    def __post_init__(self) -> None:
        fixed = isinstance(self.cut, (int, float)) and not isinstance(self.cut, bool)
        if not (self.cut == "median" or (fixed and math.isfinite(float(self.cut)))):
            raise OutcomeError(f"cut={self.cut!r}: expected 'median' or a finite number.")
        if self.by is not None:
            _sign(self.by)

    def fit(self, y: pd.Series) -> float:
        """Return the cut on these rows, in the unit of ``y``; missing values are left out."""
        self._sign_of(y)
        if self.cut != "median":
            return float(self.cut)
        known = y.dropna()
        if known.empty:
            raise OutcomeError("No outcome to take a median of: every value is missing.")
        return float(known.median())

    def label(self, y: pd.Series, cut: float) -> pd.Series:
        """Return 1.0 for strictly more shrinkage than ``cut``, 0.0 for less or equal, else NaN."""
        sign = self._sign_of(y)
        values = y.to_numpy(dtype=float)
        label = np.where(np.isnan(values), np.nan, (sign * values > sign * cut).astype(float))
        return pd.Series(label, index=y.index, name="responder")

    def _sign_of(self, y: pd.Series) -> int:
        if self.by is not None and y.name in SHRANK_SIGN and y.name != self.by:
            raise OutcomeError(
                f"ResponderCut(by={self.by!r}) was given {y.name!r}; the sign of one would turn "
                "the labels of the other. Leave out by=, or pass the end point it names."
            )
        return _sign(self.by if self.by is not None else y.name)


def label_responders(
    outcomes: pd.DataFrame,
    by: str = "rate_percent_per_day",
    cut: Literal["median"] | float = "median",
) -> pd.Series:
    """Label each lesion 1 (shrank more than the cut) or 0.

    The cut is taken on all rows given. To have it fitted within each resample, which is the
    stricter way, pass the end point itself to :func:`tumor_response.evaluate` with
    ``label=tr.ResponderCut(...)``.

    Parameters
    ----------
    outcomes
        From :func:`shrinkage`.
    by
        The end point; the sign is turned where smaller means more shrinkage.
    cut
        ``"median"`` or a fixed number in the unit of ``by``.

    Returns
    -------
    pandas.Series
        float64, 1.0, 0.0 or NaN (outcome missing), named ``responder``. ``attrs``: ``by``,
        ``cut`` (the number used), ``days``, ``n_ties`` (rows equal to the cut; they are 0) and
        ``reasons`` of missing outcomes.

    Raises
    ------
    OutcomeError
        If ``by`` is not a column of ``outcomes`` or no end point, or every value is missing.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> outcomes = pd.DataFrame({"log_volume_ratio": [-0.5, -0.1, 0.2]})
    >>> tr.label_responders(outcomes, by="log_volume_ratio").tolist()
    [1.0, 0.0, 0.0]
    """
    if by not in outcomes.columns:
        raise OutcomeError(f"by={by!r} is not a column of the outcomes; {_known()}")
    rule = ResponderCut(cut, by)
    values = outcomes[by]
    fitted = rule.fit(values)
    label = rule.label(values, fitted)
    label.attrs = {
        "by": by,
        "cut": fitted,
        "days": outcomes.attrs.get("days"),
        "n_ties": int((values == fitted).sum()),
        "reasons": dict(outcomes.attrs.get("reasons", {})),
    }
    return label


def _sign(by: object) -> int:
    if not isinstance(by, str) or by not in SHRANK_SIGN:
        raise OutcomeError(
            f"{by!r} is no end point, so its sign is unknown; {_known()} "
            "Name it with ResponderCut(cut, by=...)."
        )
    return SHRANK_SIGN[by]


def _known() -> str:
    return f"expected one of {', '.join(SHRANK_SIGN)}."
