"""What is compared: the repeats of a cohort's columns, and their agreement in each perturbation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.repeatability.complete import FloatArray
from tumor_response.repeatability.tabulated import agreement_rows

__all__ = ["ALL", "Measured", "joined_family", "measured_agreement"]

ALL = "all"
"""The name under which the repeats of all perturbations are taken together."""

_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class Measured:
    """Repeats of a cohort, read some columns at a time.

    Parameters
    ----------
    dictionary
        The feature table's dictionary rows of the columns, in their order.
    rows
        Perturbation -> rows of the repeats that belong to it, without row 0.
    applies : array of bool, shape (n_rows, n_columns)
        Whether a row means anything to a column.
    n_cases
        Cases.
    read
        Columns -> values of shape (n_cases, n_rows, n_columns). Row 0 is the reference.
    """

    dictionary: pd.DataFrame
    rows: Mapping[str, Sequence[int]]
    applies: npt.NDArray[np.bool_]
    n_cases: int
    read: Callable[[Sequence[str]], FloatArray]


def measured_agreement(measured: Measured, confidence: float) -> pd.DataFrame:
    """Return the agreement of every column in every perturbation, and in all of them together.

    Raises
    ------
    RobustnessError
        As :func:`tumor_response.repeatability.icc`.
    """
    groups = {name: [0, *rows] for name, rows in measured.rows.items()}
    if len(groups) > 1:
        groups[ALL] = [0, *(row for rows in measured.rows.values() for row in rows)]
    names = list(measured.dictionary.index)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in groups}
    for at in _slices(len(names), measured.n_cases * len(measured.applies)):
        values = measured.read(names[at])
        for name, rows in groups.items():
            found = agreement_rows(values[:, rows], measured.applies[rows, at], confidence)
            parts[name].append(found)
    whole = [
        pd.concat(
            [_described(measured.dictionary, name), pd.concat(found, ignore_index=True)], axis=1
        )
        for name, found in parts.items()
    ]
    return pd.concat(whole, ignore_index=True)


def joined_family(family: str) -> str:
    """Return a family's name with the bands of one filter bank taken together.

    Examples
    --------
    >>> joined_family("wavelet_LLH glcm"), joined_family("log_sigma_2_mm firstorder")
    ('wavelet glcm', 'log firstorder')
    >>> joined_family("original shape"), joined_family("tf_efficientnet_lite0")
    ('original shape', 'tf_efficientnet_lite0')
    """
    image, space, features = family.partition(" ")
    return f"{image.split('_')[0]} {features}" if space else family


def _described(dictionary: pd.DataFrame, perturbation: str) -> pd.DataFrame:
    """Who the rows are: the name of a column in its parts, not as a table has it."""
    parts = [str(name).split("__") for name in dictionary.index]
    return pd.DataFrame(
        {
            "perturbation": perturbation,
            "block": dictionary["block"].to_numpy(),
            "group": ["__".join(part[1:-1]) for part in parts],
            "feature": [part[-1] for part in parts],
            "family": [joined_family(str(name)) for name in dictionary["family"]],
            "unit": dictionary["unit"].to_numpy(),
        }
    )


def _slices(n_columns: int, values_per_column: int) -> Iterator[slice]:
    step = max(1, _VALUES_AT_ONCE // max(1, values_per_column))
    for start in range(0, n_columns, step):
        yield slice(start, start + step)
