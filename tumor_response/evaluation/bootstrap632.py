"""evaluate(): every model on the same resamples of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.resampling import Bootstrap632Plus
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.running import fit_model, run_resamples, score_rows
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.outcomes import LabelRule
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["evaluate"]

IntArray = npt.NDArray[np.int64]


def evaluate(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    scheme: Bootstrap632Plus | None = None,
    *,
    label: LabelRule | None = None,
    failed: Failed = "error",
    blocks: Mapping[str, Sequence[str]] | None = None,
    n_jobs: int = 1,
) -> EvaluationResult:
    """Estimate how well models would tell responders from others among new patients.

    Every model is refitted, tuning and filters included, in every resample of patients; all
    models meet the same resamples.

    Parameters
    ----------
    models
        Models by name, or one alone: ``tr.make_model(...)`` or any scikit-learn classifier with
        ``predict_proba`` or ``decision_function``. They are cloned, never changed. A model that
        contains a :class:`~tumor_response.transformers.BlockSelector` is shown the whole table;
        one that reads images, as :class:`tumor_response.FineTuned`, its key column alone; any
        other the predictor columns (never ``meta__*``).
    table
        A feature table, or a DataFrame with index (patient_id, lesion_id), or patient_id alone.
    y
        Indexed like the table (order does not matter). 0 and 1, or with ``label`` the continuous
        end point. NaN are left out and counted, by the reasons in ``y.attrs["reasons"]`` that
        :func:`tumor_response.shrinkage` puts there.
    scheme
        Default: ``Bootstrap632Plus(n_resamples=1000, seed=0)``.
    label
        A cut-point (:class:`~tumor_response.outcomes.responder.ResponderCut`, or
        :class:`~tumor_response.outcomes.adjusted.BaselineAdjustedCut`) to fit on the training rows
        of each resample (copies included) and to apply to both sides; what all rows fit serves
        strata and apparent AUC alone. Without it ``y`` is taken as it is and reported as "cut
        fixed beforehand", as is a cut that no row decides.
    failed
        What to do where all that a model uses of a block is missing for a lesion: ``"error"``
        (default), ``"drop"`` the lesion for all models, or ``"impute"``: leave it to the models.
    blocks
        For frames whose column names have no ``<block>__`` prefix: from block to columns.
    n_jobs
        Processes; results are the same to the last byte whatever it is.

    Returns
    -------
    EvaluationResult

    Raises
    ------
    EvaluationError
        Before the first fit: another index in ``y``, duplicate entries, a class missing or with
        fewer than two patients, ``y`` neither 0/1 nor with a ``label``, text columns, infinite
        values, lesions without a block, an outcome among the predictors. Later: a model that
        fails, with its name and resample.
    SettingsError
        ``n_jobs`` is no whole number, or 0.

    Notes
    -----
    ``auc_oob``, the headline, is the mean over resamples of the AUC on the out-of-bag lesions,
    never clamped; the .632 family is in :mod:`tumor_response.evaluation.metrics`.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(40)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                      columns=["clinical__age", "deep__n__0", "deep__n__1"])
    >>> y = (table["deep__n__0"] + rng.normal(size=40) > 0).astype(float)
    >>> result = tr.evaluate({"ridge": tr.make_model("logistic")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=20, seed=0))
    >>> bool(result.summary().loc["ridge", "auc_oob"] > 0.6)
    True
    """
    scheme = Bootstrap632Plus() if scheme is None else scheme
    if not isinstance(scheme, Bootstrap632Plus):
        raise EvaluationError(
            f"scheme: expected tr.Bootstrap632Plus(...), received {type(scheme).__name__}."
        )
    n_jobs = checked_n_jobs(n_jobs)
    try:
        rows = prepare_rows(models, table, y, label, failed, blocks)
        resamples = scheme.draw(rows.patients, rows.y, lambda *sides: _usable(rows, *sides))
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    apparent = {}
    with threadpool_limits(1):
        for name, model in rows.models.items():
            X = rows.shown_to(name)
            fitted = fit_model(name, model, X, rows.y, "the full cohort")
            apparent[name] = auc(rows.y, score_rows(name, fitted, X, "the full cohort"))
    return EvaluationResult(
        scheme=scheme,
        rows=rows,
        resamples=resamples,
        apparent=apparent,
        out_of_bag=run_resamples(rows, resamples, n_jobs),
    )


def _usable(rows: EvaluationRows, train: IntArray, test: IntArray) -> bool:
    y_train, y_test, _ = rows.labels(train, test)
    return len(np.unique(y_train)) == 2 and len(np.unique(y_test)) == 2
