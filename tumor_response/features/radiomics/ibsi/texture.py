"""IBSI-1's six texture families under every aggregation, from one set of counts each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families import glcm, ngtdm
from tumor_response.features.radiomics.families.emphasis import EMPHASES, emphases
from tumor_response.features.radiomics.ibsi.aggregation import (
    DIRECTIONAL_2D,
    DIRECTIONAL_3D,
    ROTATION_FREE_2D,
    ROTATION_FREE_3D,
    Aggregation,
    aggregated,
)
from tumor_response.features.radiomics.ibsi.distance_zone import (
    border_distance,
    distances_of_zones,
)
from tumor_response.features.radiomics.matrices.cooccurrence import cooccurrence
from tumor_response.features.radiomics.matrices.dependence import dependence
from tumor_response.features.radiomics.matrices.directions import both_ways, directions
from tumor_response.features.radiomics.matrices.grey_tone_difference import grey_tone_difference
from tumor_response.features.radiomics.matrices.run_length import run_lengths
from tumor_response.features.radiomics.matrices.size_zone import size_zone_matrix, zones

__all__ = ["texture_features"]

Array = NDArray[np.float64]
Slices = Iterator[tuple[Iterable[Array], int]]

# IBSI's names of the sums that four families share; run length, size zone, distance zone and
# neighbouring dependence matrix. Only the last has an energy.
_TAGS: dict[str, tuple[str, str, str, str]] = {
    "low_property_emphasis": ("rlm_sre", "szm_sze", "dzm_sde", "ngl_lde"),
    "high_property_emphasis": ("rlm_lre", "szm_lze", "dzm_lde", "ngl_hde"),
    "low_grey_level_emphasis": ("rlm_lgre", "szm_lgze", "dzm_lgze", "ngl_lgce"),
    "high_grey_level_emphasis": ("rlm_hgre", "szm_hgze", "dzm_hgze", "ngl_hgce"),
    "low_property_low_grey_level_emphasis": (
        "rlm_srlge",
        "szm_szlge",
        "dzm_sdlge",
        "ngl_ldlge",
    ),
    "low_property_high_grey_level_emphasis": (
        "rlm_srhge",
        "szm_szhge",
        "dzm_sdhge",
        "ngl_ldhge",
    ),
    "high_property_low_grey_level_emphasis": (
        "rlm_lrlge",
        "szm_lzlge",
        "dzm_ldlge",
        "ngl_hdlge",
    ),
    "high_property_high_grey_level_emphasis": (
        "rlm_lrhge",
        "szm_lzhge",
        "dzm_ldhge",
        "ngl_hdhge",
    ),
    "grey_level_non_uniformity": ("rlm_glnu", "szm_glnu", "dzm_glnu", "ngl_glnu"),
    "grey_level_non_uniformity_normalised": (
        "rlm_glnu_norm",
        "szm_glnu_norm",
        "dzm_glnu_norm",
        "ngl_glnu_norm",
    ),
    "property_non_uniformity": ("rlm_rlnu", "szm_zsnu", "dzm_zdnu", "ngl_dcnu"),
    "property_non_uniformity_normalised": (
        "rlm_rlnu_norm",
        "szm_zsnu_norm",
        "dzm_zdnu_norm",
        "ngl_dcnu_norm",
    ),
    "percentage": ("rlm_r_perc", "szm_z_perc", "dzm_z_perc", "ngl_dc_perc"),
    "grey_level_variance": ("rlm_gl_var", "szm_gl_var", "dzm_gl_var", "ngl_gl_var"),
    "property_variance": ("rlm_rl_var", "szm_zs_var", "dzm_zd_var", "ngl_dc_var"),
    "entropy": ("rlm_rl_entr", "szm_zs_entr", "dzm_zd_entr", "ngl_dc_entr"),
    "energy": ("", "", "", "ngl_dc_energy"),
}
_RUN_LENGTH, _SIZE_ZONE, _DISTANCE_ZONE, _DEPENDENCE = range(4)

# PyRadiomics' names of the same quantities; sum variance is cluster tendency, and dissimilarity is
# difference average
_PAIR_TAGS = {
    "cm_joint_max": "MaximumProbability",
    "cm_joint_avg": "JointAverage",
    "cm_joint_var": "SumSquares",
    "cm_joint_entr": "JointEntropy",
    "cm_diff_avg": "DifferenceAverage",
    "cm_diff_var": "DifferenceVariance",
    "cm_diff_entr": "DifferenceEntropy",
    "cm_sum_avg": "SumAverage",
    "cm_sum_var": "ClusterTendency",
    "cm_sum_entr": "SumEntropy",
    "cm_energy": "JointEnergy",
    "cm_contrast": "Contrast",
    "cm_dissimilarity": "DifferenceAverage",
    "cm_inv_diff": "Id",
    "cm_inv_diff_norm": "Idn",
    "cm_inv_diff_mom": "Idm",
    "cm_inv_diff_mom_norm": "Idmn",
    "cm_inv_var": "InverseVariance",
    "cm_corr": "Correlation",
    "cm_auto_corr": "Autocorrelation",
    "cm_clust_tend": "ClusterTendency",
    "cm_clust_shade": "ClusterShade",
    "cm_clust_prom": "ClusterProminence",
    "cm_info_corr1": "Imc1",
    "cm_info_corr2": "Imc2",
}
_PAIR_COLUMNS = [glcm.FEATURES.index(name) for name in _PAIR_TAGS.values()]
_INFORMATION_2 = list(_PAIR_TAGS).index("cm_info_corr2")
_TONE_TAGS = {
    "Coarseness": "ngt_coarseness",
    "Contrast": "ngt_contrast",
    "Busyness": "ngt_busyness",
    "Complexity": "ngt_complexity",
    "Strength": "ngt_strength",
}


def texture_features(
    levels: NDArray[np.int32],
    n_levels: int,
    morphological_mask: NDArray[np.bool_],
    dimension: Literal["2d", "3d"],
) -> dict[str, float]:
    """Return the features of all texture matrices under every aggregation of the dimension.

    Distance 1 throughout, no distance weights; zones are 8- or 26-connected; dependence is
    equality of grey levels (coarseness 0).

    Parameters
    ----------
    levels
        int32 (z, y, x), 1 to ``n_levels`` in the intensity mask, 0 outside.
    n_levels
        Number of grey levels.
    morphological_mask
        The same shape; distance zones are measured from its border.
    dimension
        ``"2d"``: matrices of the slices, averaged and merged (IBSI's 2D and 2.5D). ``"3d"``: of
        the volume.

    Returns
    -------
    dict
        Keyed by IBSI's tags, for example ``"szm_sze_3D"``. NaN where a feature is not defined.

    References
    ----------
    Zwanenburg et al., Image biomarker standardisation initiative reference manual,
    arXiv:1612.07003, chapters on the texture families.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 1], [2, 2]]], dtype=np.int32)
    >>> found = texture_features(levels, 2, levels > 0, "2d")
    >>> found["szm_z_perc_2D"], found["cm_contrast_2D_comb"]
    (0.5, 0.66...)
    """
    stack = _Stack.of(levels, n_levels, within_slices=dimension == "2d")
    flat = dimension == "2d"
    by_direction = DIRECTIONAL_2D if flat else DIRECTIONAL_3D
    by_slice = ROTATION_FREE_2D if flat else ROTATION_FREE_3D
    found = zones(stack.levels, stack.directions)
    # the mask may reach beyond the voxels with grey levels: its border first, the box afterwards
    distance = border_distance(morphological_mask, within_slices=flat)[stack.box]
    by_distance = replace(found, sizes=distances_of_zones(found, distance))
    by_size, at_distance = (size_zone_matrix(kind, stack.n_rows) for kind in (found, by_distance))
    runs = run_lengths(stack.levels, stack.n_rows, stack.directions)
    tones = grey_tone_difference(stack.levels, stack.n_rows, both_ways(stack.directions))
    # IBSI leaves out voxels without neighbours
    voxels_and_differences = np.stack([tones.voxels, tones.differences], axis=1)
    dependents = dependence(stack.levels, stack.n_rows, both_ways(stack.directions), 0)
    return {
        **aggregated(stack.symmetrical_pairs(), by_direction, tuple(_PAIR_TAGS), _pair_features),
        **_emphases_of(_RUN_LENGTH, stack, runs, np.arange(1, runs.shape[2] + 1), by_direction),
        **_emphases_of(_SIZE_ZONE, stack, by_size.counts[None], by_size.sizes, by_slice),
        **_emphases_of(
            _DISTANCE_ZONE, stack, at_distance.counts[None], at_distance.sizes, by_slice
        ),
        **aggregated(
            stack.slices(voxels_and_differences[None]),
            by_slice,
            tuple(_TONE_TAGS.values()),
            _tone_features,
        ),
        **_emphases_of(
            _DEPENDENCE,
            stack,
            dependents[None],
            np.arange(1, dependents.shape[1] + 1),
            by_slice,
        ),
    }


@dataclass(frozen=True)
class _Stack:
    """Slices (or the volume as a single one) whose grey levels are kept apart.

    Level i of slice k is level i + k ``n_levels``, so that one pass over the volume with
    directions within slices counts all slices, each in its own rows of the matrix.

    Parameters
    ----------
    levels
        int32, the box around the region, slices without voxels included.
    box
        Where this is in the array that was given.
    n_levels
        Number of grey levels of one slice.
    n_voxels
        int64, for each slice.
    directions
        One of each opposite pair.
    """

    levels: NDArray[np.int32]
    box: tuple[slice, slice, slice]
    n_levels: int
    n_voxels: NDArray[np.int64]
    directions: NDArray[np.int32]

    @classmethod
    def of(cls, levels: NDArray[np.int32], n_levels: int, *, within_slices: bool) -> Self:
        sides = []
        for axis in range(3):
            hits = np.flatnonzero(levels.any(axis=tuple({0, 1, 2} - {axis})))
            sides.append(slice(int(hits[0]), int(hits[-1]) + 1))
        box = (sides[0], sides[1], sides[2])
        inner = np.ascontiguousarray(levels[box])
        if not within_slices:
            n_voxels = np.array([np.count_nonzero(inner)])
            return cls(inner, box, n_levels, n_voxels, directions([1]))
        n_voxels = np.count_nonzero(inner, axis=(1, 2))
        first_level = np.arange(len(inner), dtype=np.int32)[:, None, None] * np.int32(n_levels)
        kept_apart = np.where(inner > 0, inner + first_level, np.int32(0))
        return cls(kept_apart, box, n_levels, n_voxels, directions([1], axes=(1, 2)))

    @property
    def n_rows(self) -> int:
        """Number of levels of all slices together."""
        return self.n_levels * len(self.n_voxels)

    def slices(self, counts: Array) -> Slices:
        """Give each slice's part of counts (n_directions, n_rows, ...)."""
        for k, n_voxels in enumerate(self.n_voxels):
            rows = slice(k * self.n_levels, (k + 1) * self.n_levels)
            yield counts[:, rows], int(n_voxels)

    def symmetrical_pairs(self) -> Slices:
        """Give each slice's co-occurrence matrices, both ways of every direction added up."""
        parts = [self.levels] if len(self.n_voxels) == 1 else self.levels[:, None]
        for k, (levels, n_voxels) in enumerate(zip(parts, self.n_voxels, strict=True)):
            own = np.where(levels > 0, levels - np.int32(k * self.n_levels), np.int32(0))
            yield self._pairs_of(own), int(n_voxels)

    def _pairs_of(self, levels: NDArray[np.int32]) -> Iterator[Array]:
        for direction in self.directions:
            counts = cooccurrence(levels, self.n_levels, direction[None])[0]
            yield counts + counts.T


def _pair_features(matrix: Array, _: int) -> Array:
    """Return the features of a symmetrical co-occurrence matrix."""
    values = glcm.glcm_values(matrix[None])[0, _PAIR_COLUMNS]
    if matrix.any() and np.isnan(values[_INFORMATION_2]):
        # rounding made a radicand negative that is 0: the levels are independent
        values[_INFORMATION_2] = 0.0
    return values


def _emphases_of(
    family: int,
    stack: _Stack,
    counts: Array,
    properties: NDArray[np.int64],
    ways: tuple[Aggregation, ...],
) -> dict[str, float]:
    """Return one family's features from counts (n_directions, n_rows, n_properties)."""
    columns = [k for k, name in enumerate(EMPHASES) if _TAGS[name][family]]
    tags = tuple(_TAGS[EMPHASES[k]][family] for k in columns)
    as_float = properties.astype(np.float64)

    def features(matrix: Array, n_voxels: int) -> Array:
        contiguous = np.ascontiguousarray(matrix[None])
        return emphases(contiguous, as_float, np.array([float(n_voxels)]))[0, columns]

    return aggregated(stack.slices(counts), ways, tags, features)


def _tone_features(matrix: Array, _: int) -> Array:
    """Return the features of a matrix (n_levels, 2): voxels and sums of differences."""
    voxels, differences = (np.ascontiguousarray(matrix[None, :, k]) for k in (0, 1))
    values = ngtdm.features(voxels, differences)
    return np.concatenate([values[name] for name in _TONE_TAGS])
