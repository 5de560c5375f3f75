"""Repeated values of several subjects: checked, missing repeats left out, brought to one scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import RobustnessError

__all__ = ["Complete", "checked_confidence", "complete_groups", "repeated"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# two values nearer than this, relative to the largest, differ by rounding alone
ROUNDING = 1e-12


@dataclass(frozen=True)
class Complete:
    """Columns in which the same subjects have all their repeats.

    ``original`` has shape (n_subjects, n_repeats, n_columns); ``values`` are the same less each
    column's first, divided by ``scale`` (n_columns,), so that sums of squares neither overflow nor
    lose what is small beside a large mean.
    """

    columns: IntArray
    original: FloatArray
    values: FloatArray
    scale: FloatArray

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Per column: whether all values are one, but for rounding."""
        size = np.maximum(np.abs(self.original[0, 0]), self.scale)
        narrow: npt.NDArray[np.bool_] = (
            np.ptp(self.values, axis=(0, 1)) * self.scale <= ROUNDING * size
        )
        return narrow


def repeated(values: npt.ArrayLike) -> FloatArray:
    """Return the values as floats of shape (n_subjects, n_repeats, n_columns).

    Raises
    ------
    RobustnessError
        For another number of dimensions, one subject (code ``one_subject``) or one repeat (code
        ``one_repeat``): neither tells how values scatter.

    Examples
    --------
    >>> repeated([[[1.0], [2.0]], [[3.0], [5.0]]]).shape
    (2, 2, 1)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 3:
        raise RobustnessError(
            f"Values of shape {array.shape}: expected (n_subjects, n_repeats, n_columns)."
        )
    n_subjects, n_repeats, _ = array.shape
    if n_repeats < 2:
        raise RobustnessError(
            f"{n_repeats} repeat of each subject: agreement needs two measurements of the same "
            "subject at least, of scans, contours or perturbations.",
            code="one_repeat",
        )
    if n_subjects < 2:
        raise RobustnessError(
            f"{n_subjects} subject: agreement compares the scatter between repeats with the "
            "scatter between subjects, which needs two subjects at least.",
            code="one_subject",
        )
    return array


def checked_confidence(confidence: float) -> float:
    """Return ``confidence`` if it lies between 0 and 1.

    Raises
    ------
    RobustnessError
        Otherwise.

    Examples
    --------
    >>> checked_confidence(0.9)
    0.9
    """
    if not 0 < confidence < 1:
        raise RobustnessError(f"confidence={confidence!r}: expected between 0 and 1, such as 0.95.")
    return confidence


def complete_groups(array: FloatArray) -> Iterator[Complete]:
    """Yield columns together that lack the same subjects; those with two subjects or more.

    A subject with a missing (or infinite) repeat in a column is left out of that column, as
    ``na.omit`` of R does.

    Examples
    --------
    >>> values = repeated([[[1.0], [2.0]], [[3.0], [5.0]], [[4.0], [float("nan")]]])
    >>> [group.values.shape for group in complete_groups(values)]
    [(2, 2, 1)]
    """
    there = np.isfinite(array).all(axis=1)
    patterns, of_column = np.unique(there, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if pattern.sum() < 2:
            continue
        columns = np.flatnonzero(of_column.ravel() == number)
        kept = array[np.ix_(pattern, np.ones(array.shape[1], dtype=bool), columns)]
        moved = kept - kept[0, 0]
        scale = np.abs(moved).max(axis=(0, 1))
        scale[scale == 0] = 1.0
        yield Complete(columns, kept, moved / scale, scale)
