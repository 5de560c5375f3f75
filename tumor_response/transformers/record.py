"""One table of what a fitted model left out of its columns, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.transformers.dropped import DROPPED_COLUMNS

__all__ = ["selection_record"]


def selection_record(fitted: BaseEstimator) -> pd.DataFrame:
    """Return each column that a step of a fitted model left out, in the order of the steps.

    Steps inside steps are looked into: Pipelines, the reduction that a regression is tuned with
    (``reduction_``), the models of single blocks (``models_``).

    Parameters
    ----------
    fitted
        A fitted Pipeline or estimator.

    Returns
    -------
    DataFrame
        Columns ``step`` (its name, inner ones after a slash), ``column``, ``reason``,
        ``because_of`` (the column that stays in its place, or empty) and ``value`` (the number
        that decided). Empty if nothing was left out, or no step selects.

    Raises
    ------
    ModelError
        Code ``not_fitted``: a step that selects is not fitted.

    Examples
    --------
    >>> from tumor_response.transformers import CorrelationFilter, NearConstantFilter
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0], "c": [2.0, 4.0, 6.0]})
    >>> line = Pipeline([("vary", NearConstantFilter()), ("apart", CorrelationFilter())]).fit(X)
    >>> selection_record(line)[["step", "column", "reason", "because_of"]].to_numpy().tolist()
    [['vary', 'b', 'near_constant', ''], ['apart', 'c', 'correlated', 'a']]
    """
    parts = [
        step.dropped_.rename_axis("column").reset_index().assign(step=name)
        for name, step in _selecting(fitted, "")
    ]
    columns = ["step", "column", *DROPPED_COLUMNS]
    if not any(len(part) for part in parts):
        return pd.DataFrame(columns=columns).astype({"value": "float64"})
    record: pd.DataFrame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return record[columns]


def _selecting(fitted: BaseEstimator, name: str) -> Iterator[tuple[str, BaseEstimator]]:
    """Yield each fitted step that has a record, with its name, in the order of the data."""
    if isinstance(fitted, Pipeline):
        for inner, step in fitted.steps:
            yield from _selecting(step, f"{name}/{inner}" if name else inner)
        return
    if hasattr(type(fitted), "dropped_"):
        if not hasattr(fitted, "support_"):
            raise ModelError(
                f"{type(fitted).__name__} is not fitted; what it leaves out the training rows "
                "decide. Call fit first.",
                code="not_fitted",
            )
        yield name or type(fitted).__name__, fitted
    if hasattr(fitted, "reduction_"):
        yield from _selecting(fitted.reduction_, name)
    models = getattr(fitted, "models_", None)
    if isinstance(models, Mapping):
        for block, model in models.items():
            yield from _selecting(model, f"{name}/{block}" if name else str(block))
