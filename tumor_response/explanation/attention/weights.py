"""How the final prediction moves with each deep column, lesion by lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from tumor_response.evaluation import EvaluationResult, Resample
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_again
from tumor_response.exceptions import ExplanationError, ModelError
from tumor_response.explanation.attention.slopes import slopes
from tumor_response.models import final_estimator
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["EmbeddingWeights", "Mode", "embedding_weights"]

FloatArray = npt.NDArray[np.float64]
Mode = Literal["out_of_bag", "in_sample", "new_rows"]


@dataclass(frozen=True, eq=False)
class EmbeddingWeights:
    """What the final log-odds change by, per unit of each deep column.

    Attributes
    ----------
    weights : DataFrame
        d log-odds / d column on the raw columns of the table, one row per lesion, index
        ``(patient_id, lesion_id)``. Lesions without a value in one of the columns are not in it:
        their prediction rests on what was imputed.
    outputs : Series
        The model's log-odds of each lesion; out of bag their mean.
    values : DataFrame
        The columns' values in the table.
    model : str
        Its name.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        Out of bag: means over the models that had not seen the lesion's patient.
    n_out_of_bag : Series or None
        How many models that were; None otherwise.
    held_share : Series
        Share of a lesion's absolute weight in columns where the distance of a tree's secant was
        held (:func:`tumor_response.explanation.attention.slopes.slopes`); 0 for linear models.
    without : dict
        From each lesion of the table that has no weights to the code of the reason:
        ``deep_values_missing`` or ``never_out_of_bag``.
    """

    weights: pd.DataFrame
    outputs: pd.Series
    values: pd.DataFrame
    model: str
    mode: Mode
    n_out_of_bag: pd.Series | None
    held_share: pd.Series
    without: dict[tuple[str, str], str]

    @property
    def columns(self) -> list[str]:
        """The deep columns."""
        return [str(column) for column in self.weights.columns]


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
        return _out_of_bag(subject, name, list(columns), checked_n_jobs(n_jobs))
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
    present = _present(rows, columns)
    without = dict.fromkeys(rows.index[~present], "deep_values_missing")
    rows = rows[present]
    try:
        with threadpool_limits(1):
            found = slopes(fitted, rows, behind[rows.columns], columns)
            outputs = _log_odds(fitted, rows)
    except (ModelError, KeyError, ValueError) as error:
        if isinstance(error, ExplanationError):
            raise
        raise ExplanationError(
            f"The table does not fit the model ({kind}): {error}", code="other_columns"
        ) from error
    at = rows.columns.get_indexer(pd.Index(columns))
    return _checked(
        rows[columns],
        found.values[:, at],
        found.held[:, at] * np.abs(found.values[:, at]),
        outputs,
        name or kind,
        "in_sample" if in_sample else "new_rows",
        None,
        without,
    )


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray


def _out_of_bag(
    result: EvaluationResult, name: str | None, columns: list[str], n_jobs: int
) -> EmbeddingWeights:
    rows = result.rows
    if name not in rows.models:
        raise ExplanationError(
            f"name={name!r}: no such model in this evaluation; there are "
            f"{', '.join(map(repr, rows.models))}.",
            code="unknown_model",
        )
    X = rows.shown_to(name)
    present = _present(X, columns)
    tasks = [
        _Task(number, resample, one.scores[name])
        for number, (resample, one) in enumerate(
            zip(result.resamples, result.out_of_bag, strict=True)
        )
    ]
    weights = np.zeros((len(X), len(columns)))
    held, outputs, count = np.zeros_like(weights), np.zeros(len(X)), np.zeros(len(X))
    work = partial(_weights_of_resamples, rows, name, columns, present)
    each = spread(work, tasks, n_jobs, f"Weights of {name}", parts_per_worker=16)
    for test, values, held_there, log_odds in each:
        weights[test] += values
        held[test] += held_there
        outputs[test] += log_odds
        count[test] += 1
    seen = count > 0
    without = dict.fromkeys(X.index[~present], "deep_values_missing")
    without |= dict.fromkeys(X.index[present & ~seen], "never_out_of_bag")
    times = count[seen, None]
    return _checked(
        X.loc[seen, columns],
        weights[seen] / times,
        held[seen] / times,
        outputs[seen] / count[seen],
        name,
        "out_of_bag",
        pd.Series(count[seen].astype(np.int64), index=X.index[seen], name="n_out_of_bag"),
        without,
    )


def _weights_of_resamples(
    rows: EvaluationRows,
    name: str,
    columns: list[str],
    present: npt.NDArray[np.bool_],
    tasks: list[_Task],
) -> list[tuple[npt.NDArray[np.int64], FloatArray, FloatArray, FloatArray]]:
    X = rows.shown_to(name)
    at = X.columns.get_indexer(pd.Index(columns))
    answers = []
    for task in tasks:
        train, test = task.resample.train, task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        outputs = _log_odds(fitted, X.iloc[test])
        if np.abs(expit(outputs) - task.scores).max() > 1e-5:
            raise ExplanationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so it cannot be explained. Give it a fixed random_state.",
                code="not_deterministic",
            )
        kept = present[test]
        found = slopes(fitted, X.iloc[test[kept]], X.iloc[train], columns)
        values = found.values[:, at]
        held = found.held[:, at] * np.abs(values)
        answers.append((test[kept], values, held, outputs[kept]))
    return answers


def _log_odds(fitted: BaseEstimator, rows: pd.DataFrame) -> FloatArray:
    if hasattr(fitted, "decision_function"):
        sign = 1.0 if list(fitted.classes_)[1] == 1 else -1.0
        return sign * np.asarray(fitted.decision_function(rows), dtype=np.float64)
    positive = np.asarray(fitted.predict_proba(rows), dtype=np.float64)
    chance = positive[:, list(fitted.classes_).index(1)]
    tiny = np.finfo(np.float64).tiny
    return np.log(np.maximum(chance, tiny)) - np.log1p(-np.minimum(chance, 1 - 1e-16))


def _present(rows: pd.DataFrame, columns: list[str]) -> npt.NDArray[np.bool_]:
    lacking = [column for column in columns if column not in rows.columns]
    if lacking:
        some = f"{', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}"
        code = "no_deep_columns" if len(lacking) == len(columns) else "other_columns"
        raise ExplanationError(
            f"{len(lacking)} of the extractor's {len(columns)} columns are not among those that "
            f"the model is shown: {some}. Give the extractor that the table was made with; a "
            "model without deep columns looked at no image.",
            code=code,
        )
    return np.asarray(rows[columns].notna().all(axis=1), dtype=bool)


def _checked(
    values: pd.DataFrame,
    weights: FloatArray,
    held: FloatArray,
    outputs: FloatArray,
    model: str,
    mode: Mode,
    n_out_of_bag: pd.Series | None,
    without: dict[tuple[str, str], str],
) -> EmbeddingWeights:
    if not values.empty and not weights.any():
        raise ExplanationError(
            f"Model {model!r} gives none of the extractor's {values.shape[1]} columns a weight, "
            "in no lesion: its prediction does not depend on what the network saw, and there is "
            "nothing to map.",
            code="no_deep_columns",
        )
    size = np.abs(weights)
    total = size.sum(axis=1)
    share = np.divide(held.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    index = values.index
    return EmbeddingWeights(
        weights=pd.DataFrame(weights, index=index, columns=values.columns),
        outputs=pd.Series(outputs, index=index, name="output"),
        values=values,
        model=model,
        mode=mode,
        n_out_of_bag=n_out_of_bag,
        held_share=pd.Series(np.minimum(share, 1.0), index=index, name="held_share"),
        without=without,
    )


def _frame(table: FeatureTable | pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, FeatureTable):
        return table.data
    if isinstance(table, pd.DataFrame):
        return table
    raise ExplanationError(
        f"Expected a FeatureTable or a pandas DataFrame, received {type(table).__name__}."
    )
