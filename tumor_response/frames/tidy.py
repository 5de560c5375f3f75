"""How every result goes out as a table to compute with: ``to_frame()``.

One row per estimate and no index. First what the row is about (``model``, ``control``,
``perturbation``, ``block`` ...), then ``measure``, ``value``, ``ci_low``, ``ci_high`` and
``ci_method``, then whatever else is known. An estimate without an interval has NaN and ``""``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["ESTIMATE", "tidy"]

ESTIMATE = ("measure", "value", "ci_low", "ci_high", "ci_method")
"""The columns that every estimate has, in this order, after those that say what it is of."""


def tidy(rows: pd.DataFrame | Sequence[Mapping[str, object]], keys: Sequence[str]) -> pd.DataFrame:
    """Return estimates in the one order of columns, limits that lack as NaN.

    Parameters
    ----------
    rows
        One per estimate, with ``measure`` and ``value``.
    keys
        Columns that say what a row is about.

    Examples
    --------
    >>> tidy([{"value": 0.7, "measure": "auc_oob", "model": "ridge", "n": 40}], ["model"])
       model  measure  value  ci_low  ci_high ci_method   n
    0  ridge  auc_oob    0.7     NaN      NaN            40
    """
    frame = pd.DataFrame(rows).reset_index(drop=True)
    for name in ("ci_low", "ci_high"):
        if name not in frame:
            frame[name] = np.nan
    if "ci_method" not in frame:
        frame["ci_method"] = ""
    frame["ci_method"] = frame["ci_method"].fillna("").astype("str")
    first = [*keys, *ESTIMATE]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]
