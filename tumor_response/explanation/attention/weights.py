"""How the final prediction moves with each deep column, lesion by lesion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from tumor_response.evaluation import EvaluationResult
from tumor_response.exceptions import ExplanationError, ModelError
from tumor_response.explanation.attention.embedding import (
    EmbeddingWeights,
    Mode,
    log_odds_of,
    present_rows,
    weighed,
)
from tumor_response.explanation.attention.slopes import slopes
from tumor_response.explanation.attention.weights_out_of_bag import weights_out_of_bag
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.models import final_estimator
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["EmbeddingWeights", "Mode", "embedding_weights"]


def embedding_weights(
    subject: EvaluationResult | BaseEstimator,
    columns: Sequence[str],
    *,
    name: str | None = None,
    table: FeatureTable | pd.DataFrame | None = None,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    n_jobs: int = 1,
) -> EmbeddingWeights:
    """Return the local weights of deep columns in a model's final log-odds.

    Parameters
    ----------
    subject
        An evaluation's result: the model is fitted again in each resample, and each lesion's
        weights are means over the models that had not seen its patient. Or a fitted model.
    columns
        The deep columns, as the extractor names them.
    name
        Of the model in the result.
    table
        For a fitted model: its rows.
    in_sample
        For a fitted model: whether rows of ``table`` were in its fit. Weights of a linear model
        are the same for either, but a lesion's log-odds and a tree's local weights are not, and
        the maps say which they show.
    background
        For a fitted model that is not in-sample: the rows of its fit.
    n_jobs
        Processes, for a result.

    Returns
    -------
    EmbeddingWeights

    Raises
    ------
    ExplanationError
        Codes ``no_gradient_path``, ``unsupported_step``, ``unknown_model``, ``not_fitted``,
        ``in_sample_not_said``, ``no_background``, ``other_columns``, ``no_deep_columns`` (the
        model is not shown any of them, or gives none a weight), ``not_deterministic``.

    Examples
    --------
    >>> import tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(40)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> X = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                  columns=["clinical__age", "deep__n__0000", "deep__n__0001"])
    >>> y = (X["deep__n__0001"] + 0.5 * rng.normal(size=40) > 0).astype(int)
    >>> model = tr.make_model("logistic").fit(X, y)
    >>> found = embedding_weights(model, X.columns[1:], table=X, in_sample=True)
    >>> found.weights.iloc[0].idxmax(), found.mode
    ('deep__n__0001', 'in_sample')
    """
    if isinstance(subject, EvaluationResult):
        if table is not None or in_sample is not None or background is not None:
            raise ExplanationError(
                "table=, in_sample= and background= belong to a fitted model; a result knows its "
                "rows, and is explained out of bag."
            )
        return weights_out_of_bag(subject, name, list(columns), checked_n_jobs(n_jobs))
    return _of_fitted(subject, list(columns), name, table, in_sample, background)


def _of_fitted(
    fitted: BaseEstimator,
    columns: list[str],
    name: str | None,
    table: FeatureTable | pd.DataFrame | None,
    in_sample: bool | None,
    background: FeatureTable | pd.DataFrame | None,
) -> EmbeddingWeights:
    kind = type(final_estimator(fitted)).__name__
    try:
        check_is_fitted(final_estimator(fitted))
    except NotFittedError:
        raise ExplanationError(f"The model ({kind}) is not fitted.", code="not_fitted") from None
    except TypeError:
        raise ExplanationError(
            f"Expected a fitted model or the result of tr.evaluate, received {kind}.",
            code="unsupported_model",
        ) from None
    if table is None:
        raise ExplanationError(
            "A fitted model needs table=, with all columns that it reads: where it looked in a "
            "lesion depends on the lesion's other values as well.",
            code="other_columns",
        )
    if in_sample is None:
        raise ExplanationError(
            "Were rows of this table in the model's fit? Say in_sample=True (they were) or "
            "in_sample=False (none was), or give the result of an evaluation with name=, which "
            "is explained out of bag.",
            code="in_sample_not_said",
        )
    if not in_sample and background is None:
        raise ExplanationError(
            "in_sample=False needs background=: the rows that the model was fitted to.",
            code="no_background",
        )
    rows = _frame(table)
    behind = rows if background is None else _frame(background)
    present = present_rows(rows, columns)
    without = dict.fromkeys(rows.index[~present], "deep_values_missing")
    rows = rows[present]
    try:
        with threadpool_limits(1):
            found = slopes(fitted, rows, behind[rows.columns], columns)
            outputs = log_odds_of(fitted, rows)
    except (ModelError, KeyError, ValueError) as error:
        if isinstance(error, ExplanationError):
            raise
        raise ExplanationError(
            f"The table does not fit the model ({kind}): {error}", code="other_columns"
        ) from error
    at = rows.columns.get_indexer(pd.Index(columns))
    return weighed(
        rows[columns],
        found.values[:, at],
        found.held[:, at] * np.abs(found.values[:, at]),
        outputs,
        name or kind,
        "in_sample" if in_sample else "new_rows",
        None,
        without,
    )


def _frame(table: FeatureTable | IntoFrame) -> pd.DataFrame:
    table = as_keyed(table, "table")
    if isinstance(table, FeatureTable):
        return table.data
    if isinstance(table, pd.DataFrame):
        return table
    raise ExplanationError(
        f"Expected a FeatureTable or a pandas DataFrame, received {type(table).__name__}."
    )
