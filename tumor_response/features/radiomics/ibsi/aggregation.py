"""How the texture matrices of slices and directions become one number.

IBSI knows nine ways (Zwanenburg et al., arXiv:1612.07003, sections on the texture families). All of
them start from the same counts: one matrix for each slice and direction. Averaging takes the mean
of the features of several matrices; merging adds the counts up first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIRECTIONAL_2D",
    "DIRECTIONAL_3D",
    "ROTATION_FREE_2D",
    "ROTATION_FREE_3D",
    "Aggregation",
    "aggregated",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Aggregation:
    """One way from matrices to a number.

    Parameters
    ----------
    suffix
        What IBSI's feature tags end with.
    code
        IBSI's code of the way.
    words
        IBSI's words for it.
    merges_slices, merges_directions
        Over what the counts are added up before the features are computed. The features are
        averaged over the rest.
    """

    suffix: str
    code: str
    words: str
    merges_slices: bool = False
    merges_directions: bool = False


DIRECTIONAL_2D = (
    Aggregation("2D_avg", "BTW3", "2D, averaged"),
    Aggregation("2D_comb", "SUJT", "2D, slice-merged", merges_directions=True),
    Aggregation("2_5D_avg", "JJUI", "2.5D, direction-merged", merges_slices=True),
    Aggregation("2_5D_comb", "ZW7Z", "2.5D, merged", merges_slices=True, merges_directions=True),
)
"""For matrices of a direction within a slice: co-occurrence and run length."""

DIRECTIONAL_3D = (
    Aggregation("3D_avg", "ITBB", "3D, averaged"),
    Aggregation("3D_comb", "IAZD", "3D, merged", merges_directions=True),
)
"""For matrices of a direction in the volume, which counts as one slice."""

ROTATION_FREE_2D = (
    Aggregation("2D", "8QNN", "2D"),
    Aggregation("2_5D", "62GR", "2.5D", merges_slices=True),
)
"""For matrices of a slice: zones, grey tone differences and dependence know no direction."""

ROTATION_FREE_3D = (Aggregation("3D", "KOBO", "3D"),)
"""For the one matrix of the volume."""


def aggregated(
    slices: Iterable[tuple[Iterable[Array], int]],
    ways: tuple[Aggregation, ...],
    names: tuple[str, ...],
    features: Callable[[Array, int], Array],
) -> dict[str, float]:
    """Return every feature under each way of aggregation.

    Parameters
    ----------
    slices
        For each slice its matrices, one per direction, all of the same shape, and its number of
        voxels. Matrices may come one by one: no more than the sums are kept.
    ways
        The ways wanted; the keys are name, underscore, suffix.
    names
        The features' names.
    features
        Takes a matrix and the number of voxels that it describes, which for a merged matrix is the
        sum of its parts'. Gives shape (n_names,), with NaN for what is not defined; an empty
        matrix has nothing that is.

    Returns
    -------
    dict
        The mean over the matrices where the feature is defined (a slice of a single voxel has no
        co-occurrence matrix; the manual does not say what then, this library leaves it out of the
        mean). NaN where there is none.

    Examples
    --------
    Two slices, one direction, matrices of one cell:

    >>> import numpy as np
    >>> slices = [([np.array([[1.0]])], 1), ([np.array([[3.0]])], 3)]
    >>> def root(matrix, n_voxels):
    ...     return np.sqrt(matrix.sum(axis=1))
    >>> aggregated(slices, DIRECTIONAL_2D[::2], ("root",), root)
    {'root_2D_avg': 1.36..., 'root_2_5D_avg': 2.0}
    """
    found: dict[str, list[Array]] = {way.suffix: [] for way in ways}
    of_volume: dict[str, dict[int, _Sum]] = {way.suffix: {} for way in ways if way.merges_slices}
    for matrices, n_voxels in slices:
        of_slice: dict[str, _Sum] = {}
        for direction, matrix in enumerate(matrices):
            for way in ways:
                if way.merges_slices:
                    sums = of_volume[way.suffix]
                    part = 0 if way.merges_directions else direction
                    sums.setdefault(part, _Sum()).add(matrix, n_voxels)
                elif way.merges_directions:
                    of_slice.setdefault(way.suffix, _Sum()).add(matrix, n_voxels)
                else:
                    found[way.suffix].append(features(matrix, n_voxels))
        for suffix, merged in of_slice.items():
            found[suffix].append(features(merged.matrix, merged.n_voxels))
    for suffix, sums in of_volume.items():
        found[suffix] += [features(merged.matrix, merged.n_voxels) for merged in sums.values()]
    return {
        f"{name}_{way.suffix}": _mean_of_defined(values)
        for way in ways
        for name, values in zip(names, np.stack(found[way.suffix], axis=1), strict=True)
    }


class _Sum:
    """Matrices added up, and the voxels that they describe together."""

    def __init__(self) -> None:
        self.matrix: Array = np.zeros(())
        self.n_voxels = 0

    def add(self, matrix: Array, n_voxels: int) -> None:
        self.matrix = self.matrix + matrix
        self.n_voxels += n_voxels


def _mean_of_defined(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
