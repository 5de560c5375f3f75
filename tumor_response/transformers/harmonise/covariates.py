"""Covariates whose part in a column is kept: what is known before treatment, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from tumor_response.cohort.roles import PREDICTOR_ROLES, roles_of
from tumor_response.exceptions import ModelError
from tumor_response.outcomes import OUTCOME_COLUMNS
from tumor_response.transformers._frames import FloatArray
from tumor_response.transformers.blocks import UNNAMED_BLOCK, block_of

__all__ = [
    "Coding",
    "check_baseline",
    "check_not_outcome",
    "coded",
    "coding_of",
    "named_as_outcome",
]

_KNOWN_AFTERWARDS = {*OUTCOME_COLUMNS, "responder"} - {"volume_baseline_cc"}
"""Names of what is known after treatment only; the baseline volume is known before."""

NEAR = 0.98
"""An AUC, or a rank correlation, from which on a covariate passes for the outcome."""

FEW_ROWS = 20
"""Below, a covariate may order the outcome by chance; then only an equal one is refused."""

Coding = dict[str, list[str]]
"""From a covariate to the levels that have a column of their own; numbers: an empty list."""


def named_as_outcome(column: str) -> bool:
    """Tell whether a column has the name of something that is known after treatment only.

    Examples
    --------
    >>> named_as_outcome("clinical__shrinkage_percent"), named_as_outcome("clinical__age")
    (True, False)
    """
    return _bare(column) in _KNOWN_AFTERWARDS


def _bare(column: str) -> str:
    block = block_of(column)
    return column if block == UNNAMED_BLOCK else column.removeprefix(f"{block}__")


def check_baseline(
    covariates: Sequence[str], site: str, dictionary: pd.DataFrame | None = None
) -> None:
    """Refuse covariates that are known only after treatment began, or that are the site.

    What is kept of a covariate is in the harmonised columns. If the outcome is kept, the columns
    of training *and* test patients are moved towards it, and a new patient has none. The name says
    it (an outcome, ``delivered_...``, ``..._at_follow_up``), or the ``dictionary`` of a table by
    its ``role``.

    Raises
    ------
    ModelError
        Code ``covariate``.

    Examples
    --------
    >>> check_baseline(["clinical__age"], "meta__site")
    >>> check_baseline(["clinical__dose_gy_at_follow_up"], "meta__site")
    Traceback (most recent call last):
    tumor_response.exceptions.ModelError: The covariate 'clinical__dose_gy_at_follow_up' is ...
    """
    for column in covariates:
        if column == site:
            raise ModelError(f"The site {site!r} cannot be a covariate as well.", code="covariate")
        why = ""
        if named_as_outcome(column):
            why = "is named as an outcome"
        elif roles_of([_bare(column)])[_bare(column)] not in PREDICTOR_ROLES:
            why = "is of the treatment as it was given, by its name"
        elif dictionary is not None and column in dictionary.index:
            role = str(dictionary.loc[column, "role"])
            if role not in (*PREDICTOR_ROLES, "meta"):
                why = f"has the role {role!r} in the table's dictionary"
        if why:
            raise ModelError(
                f"The covariate {column!r} {why}. A new patient has none, and what is kept of it "
                "is told to every model. Name covariates that are known before treatment.",
                code="covariate",
            )


def check_not_outcome(frame: pd.DataFrame, covariates: Sequence[str], y: object) -> None:
    """Refuse covariates that are the outcome, or as good as.

    Equal to it, or of 20 different rows and more: two values of which one is the outcome in 98 %;
    an AUC of 0.98 or more either way; of a rate, a rank correlation of 0.98 either way. Nothing
    that is known before treatment predicts so well.

    Raises
    ------
    ModelError
        Code ``covariate``.
    """
    if y is None or not covariates:
        return
    target = pd.Series(np.asarray(y).ravel())
    for column in covariates:
        values = frame[column].reset_index(drop=True)
        numbers = values if pd.api.types.is_numeric_dtype(values.dtype) else _codes(values)
        if _is_outcome(numbers.to_numpy(dtype=np.float64), _codes(target).to_numpy(np.float64)):
            raise ModelError(
                f"The covariate {column!r} is the outcome, or as good as. Keeping the outcome "
                "tells it to every model, and a new patient has none. Take it out.",
                code="covariate",
            )


def _codes(values: pd.Series) -> pd.Series:
    """Return numbers for whatever values: themselves, or their place in the order of the text."""
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return values.astype(np.float64)
    codes = pd.Series(pd.factorize(values.astype(str), sort=True)[0].astype(np.float64))
    return codes.where(values.notna().to_numpy())


def _is_outcome(values: FloatArray, target: FloatArray) -> bool:
    known = ~np.isnan(values)
    values, target = values[known], target[known]
    if len(np.unique(target)) < 2 or len(np.unique(values)) < 2:
        return False
    is_rate = len(np.unique(target)) > 2
    pairs = len(np.unique(np.column_stack([values, target]), axis=0))
    one_names_the_other = pairs == len(np.unique(values)) == len(np.unique(target))
    if np.array_equal(values, target) or (one_names_the_other and not is_rate):
        return True
    if len(values) < FEW_ROWS:
        return False
    ranks = rankdata(values)
    if is_rate:
        return bool(abs(np.corrcoef(ranks, rankdata(target))[0, 1]) >= NEAR)
    positive = target == target.max()
    n, m = positive.sum(), (~positive).sum()
    area = (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)
    return bool(max(area, 1 - area) >= NEAR)


def coding_of(step: str, frame: pd.DataFrame, covariates: Sequence[str]) -> Coding:
    """Return how the covariates of the training rows become numbers.

    Raises
    ------
    ModelError
        Code ``missing_columns``: a covariate that is not there.
    """
    _present(step, frame, covariates)
    coding: Coding = {}
    for column in covariates:
        values = frame[column]
        numeric = pd.api.types.is_numeric_dtype(values.dtype)
        coding[column] = [] if numeric else sorted(set(values.dropna().astype(str)))
    return coding


def coded(step: str, frame: pd.DataFrame, coding: Coding) -> FloatArray:
    """Return the covariates as numbers: the first level of a category has no column.

    Raises
    ------
    ModelError
        Code ``missing_columns``; ``covariate``: a missing or infinite value, or a level that the
        training rows did not have.
    """
    _present(step, frame, coding)
    columns: list[npt.NDArray[np.float64]] = []
    for column, levels in coding.items():
        values = frame[column]
        if not levels:
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            wrong = ~np.isfinite(numbers)
            columns.append(numbers)
        else:
            texts = values.astype(str).to_numpy(dtype=object)
            wrong = values.isna().to_numpy() | ~np.isin(texts.astype(str), levels)
            columns += [(texts == level).astype(np.float64) for level in levels[1:]]
        if wrong.any():
            raise ModelError(
                f"{step}: the covariate {column!r} is missing, infinite or of a level that was "
                f"not there at fit in {int(wrong.sum())} row(s), the first at "
                f"{frame.index[int(np.argmax(wrong))]!r}. Fill it before, or leave the "
                "covariate out.",
                code="covariate",
            )
    return np.column_stack(columns) if columns else np.zeros((len(frame), 0))


def _present(step: str, frame: pd.DataFrame, covariates: Iterable[str]) -> None:
    if absent := [column for column in covariates if column not in frame.columns]:
        raise ModelError(
            f"{step}: the table has no covariate {absent[0]!r}.", code="missing_columns"
        )
