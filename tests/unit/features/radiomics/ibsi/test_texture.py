"""Texture of grey levels that fit on paper.

The 4 x 4 example is the one that the IBSI manual (arXiv:1612.07003) builds its matrices from; the
numbers below are counted by hand.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumor_response.features.radiomics.ibsi.features import CATALOGUE, tags_of
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.ibsi.texture import texture_features

EXAMPLE = np.array([[[1, 2, 2, 3], [1, 2, 3, 3], [4, 2, 4, 1], [4, 1, 2, 3]]], dtype=np.int32)


def of(
    levels: np.ndarray, dimension: str = "2d", mask: np.ndarray | None = None
) -> dict[str, float]:
    levels = np.asarray(levels, dtype=np.int32)
    mask = levels > 0 if mask is None else mask
    return texture_features(levels, int(levels.max()), mask, dimension)  # type: ignore[arg-type]


def test_size_zones_of_the_example() -> None:
    """Eight zones: level 1 of 2, 1, 1; level 2 of 5; level 3 of 3, 1; level 4 of 2, 1."""
    found = of(EXAMPLE)
    assert found["szm_z_perc_2D"] == 8 / 16
    assert found["szm_sze_2D"] == pytest.approx((4 + 2 / 4 + 1 / 9 + 1 / 25) / 8)
    assert found["szm_lze_2D"] == (4 + 2 * 4 + 9 + 25) / 8
    assert found["szm_hgze_2D"] == (3 * 1 + 4 + 2 * 9 + 2 * 16) / 8
    assert found["szm_lzhge_2D"] == (4 + 1 + 1 + 25 * 4 + 9 * 9 + 9 + 4 * 16 + 16) / 8
    assert found["szm_glnu_2D"] == (9 + 1 + 4 + 4) / 8
    assert found["szm_zsnu_2D"] == (16 + 4 + 1 + 1) / 8


def test_distance_zones_of_the_example() -> None:
    """Of the eight zones only the inner 4 does not touch the border; it is at distance 2."""
    found = of(EXAMPLE)
    assert found["dzm_sde_2D"] == (7 + 1 / 4) / 8
    assert found["dzm_lde_2D"] == (7 + 4) / 8
    assert found["dzm_ldhge_2D"] == (3 + 4 + 2 * 9 + 16 + 4 * 16) / 8
    assert found["dzm_zdnu_2D"] == (49 + 1) / 8
    assert found["dzm_z_perc_2D"] == 8 / 16


def test_distance_is_that_of_the_morphological_mask() -> None:
    wider = np.ones((1, 6, 6), dtype=bool)
    levels = np.pad(EXAMPLE, ((0, 0), (1, 1), (1, 1)))
    found = of(levels, mask=wider)
    assert found["dzm_lde_2D"] == (7 * 4 + 9) / 8
    assert found["szm_lze_2D"] == of(EXAMPLE)["szm_lze_2D"]


def test_pairs_of_the_example() -> None:
    """Squared differences along rows, columns and the two diagonals."""
    found = of(EXAMPLE)
    assert found["cm_contrast_2D_avg"] == pytest.approx((32 / 12 + 24 / 12 + 22 / 9 + 21 / 9) / 4)
    assert found["cm_contrast_2D_comb"] == pytest.approx((32 + 24 + 22 + 21) / (12 + 12 + 9 + 9))
    assert found["cm_contrast_2_5D_comb"] == pytest.approx(99 / 42)


def test_runs_of_the_example() -> None:
    """14 runs along rows, 11 along columns, 15 and 14 along the diagonals."""
    found = of(EXAMPLE)
    assert found["rlm_r_perc_2D_comb"] == (14 + 11 + 15 + 14) / (4 * 16)
    assert found["rlm_r_perc_2D_avg"] == (14 + 11 + 15 + 14) / 16 / 4
    # along columns 7 runs of 1, 3 of 2 and 1 of 3; else one more of 2 for each run less
    ones, twos, threes = (12 + 7 + 14 + 12), (2 + 3 + 1 + 2), 1
    assert found["rlm_lre_2D_comb"] == pytest.approx(
        (ones + 4 * twos + 9 * threes) / (ones + twos + threes)
    )


def test_a_voxel_without_neighbours_has_no_grey_tone_difference() -> None:
    found = of([[[1, 2, 0, 3]]])
    assert found["ngt_coarseness_2D"] == pytest.approx(1.0)
    assert found["ngt_busyness_2D"] == pytest.approx(1.0)
    assert found["ngt_contrast_2D"] == pytest.approx(0.25)


def test_dependence_counts_the_voxel_itself() -> None:
    found = of([[[1, 1, 0, 2]]])
    assert found["ngl_hde_2D"] == (4 + 4 + 1) / 3
    assert found["ngl_dc_perc_2D"] == 1
    assert found["ngl_dc_energy_2D"] == pytest.approx((2 / 3) ** 2 + (1 / 3) ** 2)


def test_slices_are_averaged_or_merged() -> None:
    found = of([[[1, 1]], [[1, 2]]])
    assert found["cm_joint_max_2D_avg"] == (1 + 0.5) / 2
    assert found["cm_joint_max_2D_comb"] == (1 + 0.5) / 2
    assert found["cm_joint_max_2_5D_avg"] == 0.5
    assert found["szm_z_perc_2D"] == (0.5 + 1) / 2
    assert found["szm_z_perc_2_5D"] == 3 / 4


def test_a_slice_without_pairs_counts_where_it_has_something() -> None:
    """A single voxel has a zone and runs, but neither pairs nor neighbours."""
    with_it, without = of([[[1, 2]], [[2, 0]]]), of([[[1, 2]]])
    for tag in ("cm_contrast_2D_avg", "cm_contrast_2D_comb", "ngt_strength_2D"):
        assert with_it[tag] == without[tag]
    assert with_it["szm_hgze_2D"] == ((1 + 4) / 2 + 4) / 2
    assert with_it["rlm_r_perc_2D_comb"] == 1


def test_zones_do_not_cross_slices_in_2d() -> None:
    column = [[[1]], [[1]], [[1]]]
    assert of(column)["szm_lze_2_5D"] == 1
    assert of(column, "3d")["szm_lze_3D"] == 9


def test_one_voxel() -> None:
    for dimension, ending in (("2d", "_2D"), ("3d", "_3D")):
        found = of([[[1]]], dimension)
        assert math.isnan(found[f"cm_contrast{ending}_avg"])
        assert math.isnan(found[f"ngt_busyness{ending}"])
        assert found[f"szm_z_perc{ending}"] == 1
        assert found[f"ngl_lde{ending}"] == 1


def test_one_grey_level_is_no_error() -> None:
    found = of(np.ones((2, 3, 3)), "3d")
    assert found["cm_joint_entr_3D_comb"] == pytest.approx(0, abs=1e-12)
    assert found["cm_info_corr2_3D_comb"] == pytest.approx(0, abs=1e-6)
    assert found["cm_corr_3D_comb"] == 1
    assert found["ngt_coarseness_3D"] == 1e6
    assert not any(math.isnan(value) for value in found.values())


def test_independent_levels_have_no_second_information_correlation() -> None:
    """Rounding makes the radicand negative for some of these; the value is 0, never NaN."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = rng.integers(1, 6, size=2)
        found = of([[[a, b]]])
        assert not math.isnan(found["cm_info_corr2_2D_avg"])


@pytest.mark.parametrize("dimension", ["2d", "3d"])
def test_every_texture_tag_of_the_catalogue_and_no_other(dimension: str) -> None:
    settings = IbsiSettings(dimension=dimension, bin_size=1)  # type: ignore[arg-type]
    expected = [tag for tag in tags_of(settings) if CATALOGUE[tag].aggregation]
    assert sorted(of(EXAMPLE, dimension)) == sorted(expected)
