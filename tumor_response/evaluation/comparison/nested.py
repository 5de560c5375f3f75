"""The likelihood ratio test, for the fits that it is a test for, and a refusal for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2
from sklearn.base import BaseEstimator

from tumor_response.evaluation.checks import aligned_outcome, check_index, check_values
from tumor_response.evaluation.comparison.maximum import maximum_likelihood
from tumor_response.evaluation.comparison.prespecified import design_of
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import as_keyed, as_values
from tumor_response.models import patients_of
from tumor_response.table import FeatureTable

__all__ = ["LikelihoodRatio", "likelihood_ratio_test"]

FloatArray = npt.NDArray[np.float64]

_SPAN = 1e-8
"""Share of a column's length that may lie outside the larger model's columns by rounding."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """What :func:`likelihood_ratio_test` found.

    Parameters
    ----------
    statistic
        Twice the difference of the maximised log-likelihoods.
    df
        How many more parameters the larger model has.
    p_value
        From the chi-squared distribution with ``df`` degrees of freedom.
    log_likelihood_smaller, log_likelihood_larger
        Maximised, natural logarithm.
    n_lesions
        Rows of both fits.
    """

    statistic: float
    df: int
    p_value: float
    log_likelihood_smaller: float
    log_likelihood_larger: float
    n_lesions: int


def likelihood_ratio_test(
    smaller: Sequence[str] | BaseEstimator,
    larger: Sequence[str] | BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
) -> LikelihoodRatio:
    """Test whether the larger of two nested logistic regressions fits better than by chance.

    The chi-squared distribution of the statistic (Wilks 1938, Annals of Mathematical Statistics
    9:60) holds for maximum-likelihood fits of models that were written down before the outcome
    was looked at, one of them a part of the other. It does not hold after a penalty, after tuning
    or after a selection by the outcome; those are refused by name, and
    :func:`compare_models` is what there is for them. It is a test in the cohort that both were
    fitted to and says nothing about prediction in others.

    Parameters
    ----------
    smaller, larger
        Columns of the table, with an intercept and no penalty. Or unfitted Pipelines that end in
        scikit-learn's ``LogisticRegression`` with ``C=np.inf`` and whose steps do not look at the
        outcome (encoding, scaling, logarithm, median of the missing).
    table, y
        As for :func:`tumor_response.evaluate`; ``y`` is 0 or 1 in every row of the table.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    EvaluationError
        Code ``penalised``, ``tuned``, ``selected`` or ``not_nested``: not this test's models.
        ``repeated_patients``: several lesions of a patient are no independent rows.
        ``separation``: some combination of columns tells the classes apart without error, so that
        the likelihood has no maximum. ``y``, ``missing_values`` and the codes of an evaluation.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
    >>> table = pd.DataFrame(rng.normal(size=(60, 2)), index=index,
    ...                      columns=["clinical__age", "clinical__volume_cc"])
    >>> y = (table["clinical__age"] + rng.normal(size=60) > 0).astype(float)
    >>> test = likelihood_ratio_test(["clinical__volume_cc"], list(table), table, y)
    >>> test.df, bool(test.p_value < 0.001)
    (1, True)
    """
    table, y = as_keyed(table, "table"), as_values(y, "y")
    X = table.data if isinstance(table, FeatureTable) else table
    check_index(X.index)
    patients = patients_of(X)
    if len(np.unique(patients)) < len(patients):
        raise EvaluationError(
            f"{len(patients)} lesions of {len(np.unique(patients))} patients: lesions of one "
            "patient are no independent rows, which the likelihood ratio test needs. Keep one "
            "lesion per patient.",
            code="repeated_patients",
        )
    outcome = aligned_outcome(y, X.index, None).to_numpy()
    if not np.isin(outcome, (0.0, 1.0)).all() or len(np.unique(outcome)) < 2:
        raise EvaluationError(
            "y: expected 0 and 1 in all rows of the table, both of them; leave out the lesions "
            "without an outcome first, so that both models are fitted to the same rows.",
            code="y",
        )
    small, large = (
        _columns(said, X, which) for said, which in ((smaller, "smaller"), (larger, "larger"))
    )
    both, rank = (
        np.linalg.matrix_rank(m, tol=_SPAN * np.sqrt(len(m)))
        for m in (np.column_stack([small, large]), large)
    )
    df = int(rank - np.linalg.matrix_rank(small, tol=_SPAN * np.sqrt(len(small))))
    if both > rank or df == 0:
        why = (
            "it has columns that the larger does not have"
            if both > rank
            else "both span the same columns, so that there is nothing to test"
        )
        raise EvaluationError(
            f"The smaller model is not nested in the larger: {why}.", code="not_nested"
        )
    fits = [
        maximum_likelihood(design, outcome, which)
        for design, which in ((small, "smaller"), (large, "larger"))
    ]
    statistic = max(0.0, 2.0 * (fits[1] - fits[0]))
    return LikelihoodRatio(
        statistic=statistic,
        df=df,
        p_value=float(chi2.sf(statistic, df)),
        log_likelihood_smaller=fits[0],
        log_likelihood_larger=fits[1],
        n_lesions=len(outcome),
    )


def _columns(said: Sequence[str] | BaseEstimator, X: pd.DataFrame, which: str) -> FloatArray:
    """Return intercept and standardised columns: scaling changes no likelihood, only rounding."""
    if isinstance(said, BaseEstimator):
        values = design_of(said, X, which)
    else:
        absent = [said] if isinstance(said, str) else [c for c in said if c not in X]
        if absent:
            raise EvaluationError(
                f"{which}: expected a list of columns of the table; {absent[0]!r} is none.",
                code="missing_columns",
            )
        check_values(X, said)
        values = X[list(said)].to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isnan(values).any():
        raise EvaluationError(
            f"{which}: {int(np.isnan(values).any(axis=1).sum())} lesions have missing values. Both "
            "models have to be fitted to the same complete rows; leave them out of table and y, "
            "or impute in a Pipeline.",
            code="missing_values",
        )
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    varying = spread > _SPAN * np.maximum(np.abs(values).max(axis=0, initial=0.0), 1.0)
    return np.column_stack([np.ones(len(X)), centred[:, varying] / spread[varying]])
