"""Groups of columns in a table: how large their values are, and in which lesions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["by_group", "compared_between", "error_of_mean"]

FloatArray = npt.NDArray[np.float64]


def by_group(
    values: pd.DataFrame,
    members: Mapping[str, list[str]],
    by_resample: pd.DataFrame | None,
    errors: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return one row per group, the largest mean ``|value|`` first.

    Parameters
    ----------
    values
        Lesions x groups.
    members
        The columns of each group.
    by_resample
        Mean ``|value|`` of each resample's lesions, or None.
    errors
        Standard errors of ``values``, or None.
    """
    mean_abs = values.abs().mean()
    table = pd.DataFrame(
        {
            "n_columns": [len(members[label]) for label in values.columns],
            "mean_abs": mean_abs.to_numpy(),
            "share": (mean_abs / mean_abs.sum()).to_numpy() if mean_abs.sum() > 0 else 0.0,
        },
        index=pd.Index(values.columns),
    )
    if by_resample is not None:
        low, high = np.percentile(by_resample.to_numpy(), (2.5, 97.5), axis=0)
        table["mean_abs_resample"] = by_resample.mean().to_numpy()
        table["spread_low"], table["spread_high"] = low, high
    if errors is not None:
        table["standard_error"] = error_of_mean(errors)
    return table.sort_values("mean_abs", ascending=False, kind="stable")


def error_of_mean(errors: pd.DataFrame) -> FloatArray:
    """Return the standard error of a mean over lesions whose draws are independent."""
    root: FloatArray = np.sqrt((errors.to_numpy() ** 2).sum(axis=0)) / len(errors)
    return root


def compared_between(values: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """Return how large values are in lesions below, and from, the median of ``by`` on.

    Examples
    --------
    >>> values = pd.DataFrame({"deep": [0.0, -1.0, 2.0, 3.0]})
    >>> compared_between(values, pd.Series([1.0, 2.0, 3.0, 4.0])).iloc[0].tolist()
    [0.5, 2.5, 2.0, 1.0]
    """
    high, low = by >= by.median(), by < by.median()
    sizes = values.abs()
    table = pd.DataFrame({"low": sizes[low].mean(), "high": sizes[high].mean()})
    table["difference"] = table["high"] - table["low"]
    # a correlation with what does not vary is none
    table["correlation"] = [
        sizes[block].corr(by, method="spearman") if np.ptp(sizes[block]) > 0 else np.nan
        for block in sizes
    ]
    return table.rename_axis("block")
