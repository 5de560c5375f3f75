"""Which rows an evaluation may use, and a plain word for each that it may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone

from tumor_response.evaluation.checks import (
    aligned_outcome,
    check_classes,
    check_columns,
    check_index,
    check_no_outcome,
    check_rates,
    check_values,
)
from tumor_response.evaluation.flow import cohort_flow
from tumor_response.evaluation.left_out import block_failures, failure_message, missing_outcomes
from tumor_response.evaluation.tasks import Task, check_can_score, task_of
from tumor_response.evaluation.weights import Weights, row_weights
from tumor_response.exceptions import EvaluationError, ModelError
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models import patients_of
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable
from tumor_response.transformers import (
    bind_blocks,
    block_of,
    block_selectors,
    blocks_of,
    is_predictor,
    keys_needed,
    keys_read,
)
from tumor_response.transformers.harmonise import check_baseline, covariates_of

__all__ = ["EvaluationRows", "Failed", "columns_used", "prepare_rows"]

IntArray = npt.NDArray[np.int64]
Failed = Literal["error", "drop", "impute"]


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """The rows that every model of an evaluation meets, with their outcome.

    Attributes
    ----------
    X : DataFrame
        All columns, ``meta__*`` included, of the rows that are evaluated.
    task : {"response", "rate", "tertiles"}
        What is predicted.
    outcome : Series
        0/1 or 0/1/2, or the continuous end point of a ``label`` or of regressors.
    label : LabelRule or None
        The rule that makes classes of ``outcome``, fitted on training rows.
    fitted
        What the rule makes of all rows: for strata and the apparent AUC.
    y : ndarray
        Classes by ``fitted`` (int64), or rates (float64).
    patients : ndarray of int64
        An integer per row, the same for all lesions of a patient.
    models : dict of str to estimator
        Unfitted, bound to the blocks.
    columns : dict of str to list of str or None
        The columns that a model is shown; None: all of ``X``.
    blocks : dict of str to list of str
        All predictors of the table by block.
    flow : DataFrame
        Who is in and who was left out, and why.
    dictionary : DataFrame or None
        The table's.
    weight : ndarray of float64 or None
        What each row weighs in the fits; it has no part in any measure.
    """

    X: pd.DataFrame
    task: Task
    outcome: pd.Series
    label: LabelRule | None
    fitted: Any
    y: npt.NDArray[Any]
    patients: IntArray
    models: dict[str, BaseEstimator]
    columns: dict[str, list[str] | None]
    blocks: dict[str, list[str]]
    flow: pd.DataFrame
    dictionary: pd.DataFrame | None = field(default=None)
    weight: npt.NDArray[np.float64] | None = field(default=None)

    @property
    def cut_is_fitted(self) -> bool:
        """Whether the training rows decide the cut; False for a number, and without a label."""
        return self.label is not None and self.label.is_fitted

    @property
    def cut(self) -> float | None:
        """The full-data cut, in the unit of :attr:`end_point`."""
        return None if self.label is None else self.label.threshold(self.fitted)

    @property
    def end_point(self) -> pd.Series:
        """What the cut is made on, by the rule as all rows fit it; its name says what it is."""
        return self.outcome if self.label is None else self.label.scores(self.outcome, self.fitted)

    def labels(
        self, train: IntArray, test: IntArray
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], float | None]:
        """Return the outcomes of both sides and the cut, which the training rows alone decide."""
        if self.label is None:
            return self.y[train], self.y[test], None
        training = self.outcome.iloc[train]
        fitted = self.label.fit(training)
        held_out = self.label.label(self.outcome.iloc[test], fitted)
        return (
            self.label.label(training, fitted).to_numpy(dtype=np.int64),
            held_out.to_numpy(dtype=np.int64),
            self.label.threshold(fitted),
        )

    def with_outcome(self, outcome: pd.Series) -> EvaluationRows:
        """Return the same rows with other outcomes; a ``label`` is fitted anew."""
        y, fitted = _full_labels(self.task, outcome, self.label)
        return replace(self, outcome=outcome, fitted=fitted, y=y)

    def shown_to(self, name: str) -> pd.DataFrame:
        """Return ``X`` as the model ``name`` is to see it."""
        columns = self.columns[name]
        return self.X if columns is None else self.X[columns]


def prepare_rows(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | IntoFrame,
    y: pd.Series | IntoFrame,
    label: LabelRule | None,
    failed: Failed,
    blocks: Mapping[str, Sequence[str]] | None,
    sample_weight: Weights = None,
) -> EvaluationRows:
    """Check everything that can be checked before the first fit, and leave out what must be."""
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    if failed not in ("error", "drop", "impute"):
        raise EvaluationError(f"failed={failed!r}: expected 'error', 'drop' or 'impute'.")
    if isinstance(table, FeatureTable):
        X, failures, dictionary = table.data, table.failures, table.dictionary
    elif isinstance(table, pd.DataFrame):
        X, failures, dictionary = table, None, None
    else:
        raise EvaluationError(
            f"table: expected a FeatureTable or a pandas DataFrame, received "
            f"{type(table).__name__}."
        )
    if X.empty:
        raise EvaluationError("The table has no rows or no columns.", code="no_rows")
    check_index(X.index)
    check_columns(X)
    outcome = aligned_outcome(y, X.index, label)
    named = _named_models(models, blocks)
    task = task_of(named, outcome, label is not None)
    all_blocks = _plain(blocks) if blocks is not None else blocks_of(X.columns)
    used = {name: columns_used(name, model, X, all_blocks) for name, model in named.items()}
    columns = {
        name: None
        if block_selectors(model)
        else list(dict.fromkeys([*_flat(used[name]), *keys_read(model, X.columns)]))
        for name, model in named.items()
    }

    reasons = missing_outcomes(outcome, y)
    known = outcome.notna()
    broken = block_failures(X.loc[known], used, failures)
    if broken and failed == "error":
        raise EvaluationError(failure_message(broken), code="block_failed")
    if failed == "drop":
        reasons.update(broken)
    kept = np.array([key not in reasons for key in X.index])
    X_kept, kept_outcome = X[kept], outcome[kept]
    predictors = [c for blocks in used.values() for c in _flat(blocks) if is_predictor(c)]
    check_values(X_kept, predictors)
    kept_along = _covariates(named, X_kept, dictionary)
    if kept_outcome.empty:
        raise EvaluationError(_nobody_left(reasons), code="no_rows")
    full_y, fitted = _full_labels(task, kept_outcome, label)
    check_no_outcome(X_kept, [*predictors, *kept_along], kept_outcome, full_y)
    patients = patients_of(X_kept)
    if task == "rate":
        check_rates(full_y, patients)
    else:
        check_classes(full_y, patients)
    all_y = outcome if label is None else label.label(outcome, fitted)
    return EvaluationRows(
        X=X_kept,
        task=task,
        outcome=kept_outcome,
        label=label,
        fitted=fitted,
        y=full_y,
        patients=patients,
        models=named,
        columns=columns,
        blocks=all_blocks,
        flow=cohort_flow(X, all_y, reasons, has_classes=task == "response"),
        dictionary=dictionary,
        weight=row_weights(sample_weight, X.index, kept, patients, named),
    )


def _covariates(
    models: Mapping[str, BaseEstimator], X: pd.DataFrame, dictionary: pd.DataFrame | None
) -> list[str]:
    """Return what the models' harmonising steps keep, by the dictionary known before treatment."""
    found = list(dict.fromkeys(c for model in models.values() for c in covariates_of(model)))
    try:
        check_baseline(found, "", dictionary)
    except ModelError as error:
        raise EvaluationError(str(error), code=error.code) from error
    return [column for column in found if column in X]  # a missing one the fit names


def _plain(blocks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return a plain copy of a mapping from block to columns."""
    if not isinstance(blocks, Mapping):
        raise EvaluationError(
            "blocks: expected a mapping from block to columns, for a frame without prefixes; "
            "which blocks a model uses is said in make_model(..., blocks=[...])."
        )
    return {str(block): list(columns) for block, columns in blocks.items()}


def _named_models(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    blocks: Mapping[str, Sequence[str]] | None,
) -> dict[str, BaseEstimator]:
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise EvaluationError("There are no models to evaluate.")
    for name, model in named.items():
        if not isinstance(name, str):
            raise EvaluationError(f"Model names must be text, received {name!r}.")
        check_can_score(name, model)
    try:
        return {
            name: clone(model) if blocks is None else bind_blocks(model, _plain(blocks))
            for name, model in named.items()
        }
    except ModelError as error:
        raise EvaluationError(str(error), code=error.code) from error
    except TypeError as error:
        raise EvaluationError(f"A model cannot be cloned: {error}") from error


def columns_used(
    name: str, model: BaseEstimator, X: pd.DataFrame, blocks: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Return what a model scores a row by, by block: its selectors' columns and keys, or all."""
    selectors = block_selectors(model)
    used: dict[str, list[str]] = {}
    try:
        _ = keys_read(model, X.columns)  # also those without which a row can be scored
        for key in keys_needed(model, X.columns):
            used.setdefault(block_of(key), []).append(key)
        for selector in selectors:
            for block, columns in clone(selector).fit(X).blocks_.items():
                known = used.setdefault(block, [])
                known.extend(column for column in columns if column not in set(known))
    except ModelError as error:
        raise EvaluationError(f"Model {name!r}: {error}", code=error.code) from error
    if selectors or used:
        return used
    absent = [column for columns in blocks.values() for column in columns if column not in X]
    if absent:
        raise EvaluationError(f"blocks: the table has no column {absent[0]!r}.")
    if not any(blocks.values()):
        raise EvaluationError("The table has no predictor columns.", code="no_block")
    return {block: [c for c in columns if is_predictor(c)] for block, columns in blocks.items()}


def _flat(blocks: dict[str, list[str]]) -> list[str]:
    return [column for columns in blocks.values() for column in columns]


def _nobody_left(reasons: Mapping[object, str]) -> str:
    counts = Counter(reasons.values())
    told = "; ".join(f"{reason} ({n})" for reason, n in counts.most_common())
    return f"No lesion is left to evaluate. Left out: {told}."


def _full_labels(
    task: Task, outcome: pd.Series, label: LabelRule | None
) -> tuple[npt.NDArray[Any], Any]:
    if task == "rate":
        return outcome.to_numpy(dtype=np.float64), None
    if label is None:
        strange = sorted(
            set(outcome.unique().tolist()) - {0.0, 1.0, 2.0 if task == "tertiles" else 1.0}
        )
        if strange:
            raise EvaluationError(
                f"y holds {strange[:3]} besides 0 and 1. For a continuous end point give the rule "
                "that makes classes of it, label=tr.ResponderCut('median'), or models that "
                "predict it, tr.make_model(..., outcome='rate').",
                code="y",
            )
        return outcome.to_numpy(dtype=np.int64), None
    fitted = label.fit(outcome)
    return label.label(outcome, fitted).to_numpy(dtype=np.int64), fitted
