"""Grey level size zones: connected voxels of one grey level, counted by level and size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.directions import both_ways
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["SizeZoneMatrix", "Zones", "size_zone_matrix", "zones"]


@dataclass(frozen=True)
class Zones:
    """The zones of an image, numbered by their first voxel in raster order.

    Parameters
    ----------
    labels
        int32 (z, y, x): 0 outside the region, else the zone's number 1 to n.
    levels
        int32 (n,): each zone's grey level.
    sizes
        int64 (n,): each zone's number of voxels.
    """

    labels: NDArray[np.int32]
    levels: NDArray[np.int32]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class SizeZoneMatrix:
    """Number of zones by grey level and size, with columns for the sizes that occur.

    One zone may hold a million voxels; but zones of k different sizes need k (k + 1) / 2 voxels,
    so that a million voxels have at most 1,413 sizes.

    Parameters
    ----------
    counts
        float64 (n_levels, n_sizes): zones by grey level - 1 and rank of the size.
    sizes
        int64 (n_sizes,): the sizes in voxels, ascending.
    """

    counts: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def dense(self) -> NDArray[np.float64]:
        """Give the matrix with a column for every size: float64 (n_levels, largest).

        Examples
        --------
        >>> import numpy as np
        >>> SizeZoneMatrix(np.array([[1.0, 2.0]]), np.array([1, 3])).dense()
        array([[1., 0., 2.]])
        """
        matrix = np.zeros((self.counts.shape[0], int(self.sizes.max(initial=0))))
        matrix[:, self.sizes - 1] = self.counts
        return matrix


def zones(levels: NDArray[np.int32] | FlatLevels, offsets: NDArray[np.int32]) -> Zones:
    """Find the connected groups of voxels of the same grey level.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, 1 and above in the region, 0 outside.
    offsets
        int32 (n, 3), which voxels are neighbours, each component -1, 0 or 1; of a pair of
        opposite offsets one is enough (13 offsets: 26-connected; 4 in a plane: 8-connected).

    Returns
    -------
    Zones

    References
    ----------
    Thibault, G. et al. (2014) Advanced statistical matrices for texture characterization: cell
    classification. IEEE Transactions on Biomedical Engineering 61(3), 630-637.

    Examples
    --------
    >>> import numpy as np
    >>> found = zones(np.array([[[1, 1, 2, 1]]], dtype=np.int32),
    ...               np.array([[0, 0, 1]], dtype=np.int32))
    >>> found.labels
    array([[[1, 1, 2, 3]]], dtype=int32)
    >>> found.levels, found.sizes
    (array([1, 2, 1], dtype=int32), array([2, 1, 1]))
    """
    flat = flat_levels(levels, 1)
    steps, all_steps = flat.steps(offsets), flat.steps(both_ways(offsets))
    backward, known = _backward_neighbours(tuple(steps.tolist()), tuple(all_steps.tolist()))
    labels = np.zeros(flat.levels.size, dtype=np.int32)
    n_zones = _join_voxels(
        flat.levels, flat.layout.spans, flat.layout.padded_shape[2], backward, known, labels
    )
    zone_levels = np.empty(n_zones, dtype=np.int32)
    sizes = np.zeros(n_zones, dtype=np.int64)
    _number_zones(flat.levels, flat.layout.spans, labels, zone_levels, sizes)
    return Zones(flat.unpadded(labels), zone_levels, sizes)


def size_zone_matrix(found: Zones, n_levels: int) -> SizeZoneMatrix:
    """Count zones by grey level and size.

    Parameters
    ----------
    found
        The zones of an image.
    n_levels
        Number of grey levels.

    Returns
    -------
    SizeZoneMatrix

    Examples
    --------
    >>> import numpy as np
    >>> found = zones(np.array([[[1, 1, 2, 1]]], dtype=np.int32),
    ...               np.array([[0, 0, 1]], dtype=np.int32))
    >>> size_zone_matrix(found, 2)
    SizeZoneMatrix(counts=array([[1., 1.],
           [1., 0.]]), sizes=array([1, 2]))
    """
    rank = np.zeros(int(found.sizes.max(initial=0)) + 1, dtype=np.int64)
    sizes = np.empty(len(rank), dtype=np.int64)
    n_sizes = _rank_sizes(found.sizes, rank, sizes)
    counts = np.zeros((n_levels, n_sizes))
    _count_zones(found.levels, found.sizes, rank, counts)
    return SizeZoneMatrix(counts, sizes[:n_sizes].copy())


@lru_cache(maxsize=8)  # all images of a region have the same
def _backward_neighbours(
    steps: tuple[int, ...], all_steps: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the steps to neighbours that come before a voxel, and who makes whom superfluous.

    Where two neighbours of a voxel are neighbours of each other, and all three have one level,
    the two are in one zone already when the voxel's turn comes. `known[a]` has a bit for each b
    that need not be looked at after a. The neighbour with most such bits comes first.
    """
    backward = -np.abs(np.array(steps, dtype=np.int64))
    between = backward[:, np.newaxis] - backward
    adjacent = (between[:, :, np.newaxis] == np.array(all_steps)).any(axis=2)
    order = np.argsort(-adjacent.sum(axis=1), kind="stable")
    known = adjacent[np.ix_(order, order)] @ (1 << np.arange(len(order), dtype=np.int64))
    return backward[order], known


@kernel
def _join_voxels(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    width: int,
    backward: NDArray[np.int64],
    known: NDArray[np.int64],
    parent: NDArray[np.int32],
) -> int:
    """Give each voxel another one of its zone as parent; return the number of zones.

    Union-find on positions; the root of a zone is its first voxel, so that a voxel's parent never
    lies after it. int32 holds them: a row of 2 ** 31 levels would be 8 GiB.
    """
    alike = np.empty(width, dtype=np.int32)
    n_zones = 0
    for s in range(spans.shape[0]):
        first, after = spans[s]
        line = levels[first:after]
        alike[: line.size] = 0
        for b in range(backward.size):
            others = levels[first + backward[b] : after + backward[b]]
            bit = np.int32(1 << b)
            for x in range(line.size):
                alike[x] |= bit if others[x] == line[x] else np.int32(0)
        for x in range(line.size):
            if line[x] == 0:
                continue
            voxel = first + x
            root = voxel
            n_zones += 1
            bits = np.int64(alike[x])
            b = 0
            while bits:
                while not (bits >> b) & 1:
                    b += 1
                bits &= ~(known[b] | (1 << b))
                other = voxel + backward[b]
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = np.int64(parent[other])
                if other != root:
                    n_zones -= 1
                    if other < root:
                        parent[root] = other
                        root = other
                    else:
                        parent[other] = root
            parent[voxel] = root
    return n_zones


@kernel
def _number_zones(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    parent: NDArray[np.int32],
    zone_levels: NDArray[np.int32],
    sizes: NDArray[np.int64],
) -> None:
    """Replace each voxel's parent by the number of its zone."""
    n_zones = 0
    for s in range(spans.shape[0]):
        for voxel in range(spans[s, 0], spans[s, 1]):
            if levels[voxel] == 0:
                continue
            # whoever points to this voxel comes later
            if parent[voxel] == voxel:
                zone_levels[n_zones] = levels[voxel]
                n_zones += 1
                parent[voxel] = n_zones
            else:
                parent[voxel] = parent[parent[voxel]]
            sizes[parent[voxel] - 1] += 1


@kernel
def _rank_sizes(
    zone_sizes: NDArray[np.int64], rank: NDArray[np.int64], sizes: NDArray[np.int64]
) -> int:
    """Fill in the sizes that occur, ascending, and each size's rank; return their number."""
    for zone in range(len(zone_sizes)):
        rank[zone_sizes[zone]] = 1
    n = 0
    for size in range(len(rank)):
        if rank[size] > 0:
            sizes[n] = size
            rank[size] = n
            n += 1
    return n


@kernel
def _count_zones(
    zone_levels: NDArray[np.int32],
    zone_sizes: NDArray[np.int64],
    rank: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> None:
    for zone in range(len(zone_sizes)):
        counts[zone_levels[zone] - 1, rank[zone_sizes[zone]]] += 1.0
