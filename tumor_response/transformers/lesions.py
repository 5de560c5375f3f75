"""The lesions behind a bootstrap sample: each once, whatever number of copies it holds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.transformers._frames import FloatArray

__all__ = ["Lesions", "each_lesion_once"]

IntArray = npt.NDArray[np.int64]


class Lesions(NamedTuple):
    """The different lesions among some rows.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_lesions,)
        Position of each lesion's first row.
    patients : ndarray of int64, shape (n_lesions,)
        The patient of each lesion, 0 to n_patients - 1.
    """

    rows: IntArray
    patients: IntArray


def each_lesion_once(index: pd.Index, values: FloatArray, y: npt.ArrayLike) -> Lesions:
    """Return each lesion once, in an order that does not depend on the order of the rows.

    A copy is a row of the same index entry, values and outcome. Where the index does not name the
    patient, equal rows count as copies of one patient with one lesion, as in the inner folds of
    the models.

    What counts evidence (a p-value, a frequency over half samples, importance against shadows)
    has to count patients: among n bootstrap rows there are about 0.632 n different lesions, a
    simple random part of the study, and copies say nothing that these do not say.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples(
    ...     [("P2", "1"), ("P1", "1"), ("P2", "1"), ("P1", "2")], names=["patient_id", "lesion_id"])
    >>> each_lesion_once(index, np.array([[5.0], [3.0], [5.0], [4.0]]), [1, 0, 1, 0])
    Lesions(rows=array([1, 3, 0]), patients=array([0, 0, 1]))
    """
    named = "patient_id" in index.names
    entries = [str(entry) for entry in index] if named else [""] * len(index)
    bodies = [row.tobytes() for row in np.ascontiguousarray(values)]
    keys = list(zip(entries, bodies, np.asarray(y).tolist(), strict=True))
    first: dict[tuple[str, bytes, object], int] = {}
    for position, key in enumerate(keys):
        first.setdefault(key, position)
    rows = np.array([first[key] for key in sorted(first)], dtype=np.int64)
    if not named:
        return Lesions(rows, np.arange(len(rows)))
    names = index.get_level_values("patient_id").astype(str).to_numpy()[rows]
    return Lesions(rows, np.unique(names, return_inverse=True)[1].astype(np.int64))
