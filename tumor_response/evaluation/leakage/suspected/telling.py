"""Columns that tell the outcome without looking like it: gaps, and means of categories."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import fisher_exact

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt

__all__ = ["telling_findings"]

FloatArray = npt.NDArray[np.float64]

_NEAR_AUC = 0.9
_CHANCE = 1e-4
"""Of any column's gaps falling so by chance, all columns together."""
_LEAST_VALUES = 3
_EQUAL = 1e-9


def telling_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield columns whose gaps follow the classes, or whose values are mean outcomes."""
    yield _gaps(study)
    yield _means(study)


def _gaps(study: LookedAt) -> Checked:
    check = "gaps follow the classes"
    if study.classes is None:
        return Checked(check, NOT_CHECKABLE, "there are no two classes")
    classes = study.classes.to_numpy(np.float64, na_value=np.nan)
    known = np.isfinite(classes)
    gone = study.frame.loc[known, study.predictors].isna().to_numpy()
    one, other = gone[classes[known] == 1], gone[classes[known] != 1]
    if not (len(one) and len(other)):
        return Checked(check, NOT_CHECKABLE, "there are no two classes")
    # of a yes and a no, the AUC is a half and half the difference of the shares
    aucs = 0.5 + np.abs(one.mean(axis=0) - other.mean(axis=0)) / 2
    found: dict[str, str] = {}
    for at in np.nonzero(aucs >= _NEAR_AUC)[0].tolist():
        n, m = int(one[:, at].sum()), int(other[:, at].sum())
        chance = fisher_exact([[n, len(one) - n], [m, len(other) - m]]).pvalue
        if chance * gone.shape[1] < _CHANCE:
            said = (
                f"missing in {n} of {len(one)} of one class and in {m} of {len(other)} of the other"
            )
            found[study.predictors[at]] = said
    if found:
        said = f"{len(found)} column(s), {next(iter(found.values()))}"
        return Checked(check, FAULT, said, shown(found))
    n_columns = int(gone.any(axis=0).sum())
    return Checked(check, PASSED, f"none of {n_columns} columns with gaps")


def _means(study: LookedAt) -> Checked:
    """Look for few values, each the mean outcome of just the rows that have it."""
    check = "values that are the mean outcome of their rows"
    outcomes = {"the outcome": study.y.to_numpy(np.float64, na_value=np.nan)}
    if study.classes is not None:
        outcomes["the class"] = study.classes.to_numpy(np.float64, na_value=np.nan)
    if study.outcomes is not None:
        for name, known in study.outcomes.select_dtypes("number").items():
            outcomes[str(name)] = known.to_numpy(np.float64, na_value=np.nan)
    numbers = study.numbers
    few = (numbers.n_distinct >= _LEAST_VALUES) & (numbers.n_distinct <= 0.5 * numbers.n_known)
    found: dict[str, str] = {}
    for at in np.nonzero(few)[0].tolist():
        column = numbers.values[:, at]
        for what, outcome in outcomes.items():
            there = np.isfinite(column) & np.isfinite(outcome)
            if _is_of_means(column[there], outcome[there]):
                found[numbers.names[at]] = (
                    f"{numbers.n_distinct[at]} values, each the mean of {what}"
                )
    if found:
        said = f"{len(found)} column(s): {next(iter(found.values()))} over all rows that have it"
        return Checked(check, FAULT, said, shown(found))
    return Checked(check, PASSED, f"none of {int(few.sum())} columns of few values")


def _is_of_means(column: FloatArray, outcome: FloatArray) -> bool:
    """Tell whether every value is the mean outcome of its rows, and not the outcome itself."""
    if len(column) < _LEAST_VALUES or not outcome.std() > 0:
        return False
    values, group = np.unique(column, return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, outcome) / sizes
    several = (sizes > 1).sum() >= _LEAST_VALUES - 1 and len(values) >= _LEAST_VALUES
    return bool(several and np.abs(means - values).max() < _EQUAL * outcome.std())
