"""The interval of a model: by a named method, by the default, by all there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.intervals.limits import Interval, check_level
from tumor_response.evaluation.intervals.registry import DEFAULTS, METHODS
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["default_method", "interval_of", "intervals_of"]


def interval_of(
    result: EvaluationResult, name: str, method: str | None = None, level: float = 0.95
) -> Interval:
    """Return an interval for the headline measure of a model.

    What it should cover is the measure, on fresh patients, of the model fitted to the full cohort
    (on a test set: of the model as it is).

    Parameters
    ----------
    result
        What ``tr.evaluate`` returned.
    name
        A model of it.
    method
        A key of ``METHODS``. By default :func:`default_method`, and if that refuses these data,
        an interval of NaN with the reason in ``note`` and ``code``.
    level
        Default 0.95.

    Raises
    ------
    EvaluationError
        Code ``interval_method``: no such method, or one that does not serve this scheme or task;
        ``apparent_hardly_varies``, ``too_few_resamples``, ``repeated_patients``: the method that
        was named refuses these data, and says why. ``unknown_model``, ``level``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> import tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product(
    ...     [[f"P{i:02d}" for i in range(40)], ["1"]], names=["patient_id", "lesion_id"])
    >>> X = pd.DataFrame({"a__x": rng.normal(size=40)}, index=index)
    >>> y = (X["a__x"] + rng.normal(size=40) > 0).astype(int)
    >>> result = tr.evaluate({"m": LogisticRegression()}, X, y, tr.Bootstrap632Plus(n_resamples=50))
    >>> found = interval_of(result, "m")
    >>> found.method, bool(found.low < result.oob_aucs("m").mean() < found.high)
    ('oob_combined', True)
    """
    check_level(level)
    result.oob_values(name)  # refuses a model that was not evaluated
    chosen = default_method(result) if method is None else method
    _check_serves(chosen, result)
    try:
        low, high = METHODS[chosen].limits(result, name, level)
    except EvaluationError as refusal:
        if method is not None:
            raise
        return Interval(np.nan, np.nan, chosen, str(refusal), refusal.code)
    return Interval(low, high, chosen, METHODS[chosen].explanation)


def intervals_of(result: EvaluationResult, name: str, level: float = 0.95) -> pd.DataFrame:
    """Return the intervals of all methods that serve this evaluation, side by side.

    Returns
    -------
    pandas.DataFrame
        Indexed by method, the default first: ``low``, ``high``, ``width``, ``code``. A method
        that refuses has NaN and its reason code.
    """
    default = default_method(result)
    keys = [default, *(key for key in METHODS if key != default and _serves(key, result))]
    rows = []
    for key in keys:
        try:
            found = interval_of(result, name, key, level)
        except EvaluationError as refusal:
            if refusal.code in {"unknown_model", "level"}:
                raise
            found = Interval(np.nan, np.nan, key, str(refusal), refusal.code)
        rows.append(
            {"low": found.low, "high": found.high, "width": found.width, "code": found.code}
        )
    return pd.DataFrame(rows, index=pd.Index(keys, name="method"))


def default_method(result: EvaluationResult) -> str:
    """Return the method taken if none is named, by what ``benchmarks/coverage.py`` measured."""
    if result.scheme.kind == "test_set" and result.task == "response":
        tested = result.rows.patients[result.resamples[0].test]
        return "delong" if len(np.unique(tested)) == len(tested) else "obuchowski"
    return DEFAULTS[result.scheme.kind, result.task]


def _serves(key: str, result: EvaluationResult) -> bool:
    return result.scheme.kind in METHODS[key].kinds and result.task in METHODS[key].tasks


def _check_serves(key: str, result: EvaluationResult) -> None:
    if key in METHODS and _serves(key, result):
        return
    fitting = ", ".join(known for known in METHODS if _serves(known, result))
    what = "there is no such interval"
    if key in METHODS:
        what = (
            f"it does not serve a scheme of kind {result.scheme.kind!r} with the task "
            f"{result.task!r}"
        )
    raise EvaluationError(f"method={key!r}: {what}. Fitting: {fitting}.", code="interval_method")
