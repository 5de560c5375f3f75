"""What is read off the rows before any estimate: their sites, and which columns vary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray

__all__ = ["site_names", "varying"]


def site_names(step: str, frame: pd.DataFrame, column: str) -> npt.NDArray[np.str_]:
    """Return the site of every row as text.

    Raises
    ------
    ModelError
        Code ``site_column``: there is no such column, or a row has no site.
    """
    if column not in frame.columns:
        raise ModelError(
            f"{step}: no column {column!r}, which says the site of every row. The step stands "
            "before BlockSelector, which drops what is no predictor; site= names another column.",
            code="site_column",
        )
    sites = frame[column]
    missing = sites.isna().to_numpy() | (sites.astype(str).str.strip() == "").to_numpy()
    if missing.any():
        raise ModelError(
            f"{step}: {int(missing.sum())} row(s) have no {column!r}, the first at "
            f"{frame.index[int(np.argmax(missing))]!r}. Without its site a row cannot be "
            "harmonised: fill in the site, or leave the row out.",
            code="site_column",
        )
    names: npt.NDArray[np.str_] = sites.astype(str).to_numpy(dtype=np.str_)
    return names


def varying(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which columns have two different known values.

    Examples
    --------
    >>> varying(np.array([[1.0, 2.0], [1.0, 3.0], [np.nan, 2.0]])).tolist()
    [False, True]
    """
    known = ~np.isnan(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    differ: npt.NDArray[np.bool_] = low < high
    return differ
