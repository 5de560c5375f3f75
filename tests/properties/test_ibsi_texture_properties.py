"""What must hold for IBSI texture of any region."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumor_response.features.radiomics.ibsi.texture import texture_features

N_LEVELS = 4
Levels = np.ndarray


def regions(depth: tuple[int, int]) -> st.SearchStrategy[Levels]:
    sides = st.tuples(st.integers(*depth), st.integers(1, 5), st.integers(1, 5))
    levels = arrays(np.int32, sides, elements=st.integers(0, N_LEVELS))
    return levels.filter(lambda array: array.any())


def of(levels: Levels, dimension: str) -> dict[str, float]:
    levels = np.ascontiguousarray(levels)
    return texture_features(levels, N_LEVELS, levels > 0, dimension)  # type: ignore[arg-type]


def assert_same(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=30)
@given(regions((1, 1)))
def test_on_one_slice_averaging_and_merging_over_slices_agree(levels: Levels) -> None:
    found = of(levels, "2d")
    flat = {tag: value for tag, value in found.items() if "_2D" in tag}
    assert_same(
        {tag.replace("_2D", "_2_5D"): value for tag, value in flat.items()},
        {tag: value for tag, value in found.items() if "_2_5D" in tag},
    )


@settings(max_examples=30)
@given(regions((1, 4)))
def test_slices_are_independent(levels: Levels) -> None:
    """The mean over slices is that of the slices alone: none leaks into its neighbour."""
    together = of(levels, "2d")
    alone = [of(levels[k : k + 1], "2d") for k in range(len(levels)) if levels[k].any()]
    for tag, value in together.items():
        if tag.endswith(("_2D", "_2D_comb")):
            values = np.array([found[tag] for found in alone])
            defined = values[~np.isnan(values)]
            expected = defined.mean() if defined.size else np.nan
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), tag


@settings(max_examples=30)
@given(regions((1, 4)), st.integers(0, 23))
def test_the_order_of_slices_does_not_matter_in_2d(levels: Levels, k: int) -> None:
    order = [z for z in list(permutations(range(4)))[k] if z < len(levels)]
    assert_same(of(levels[order], "2d"), of(levels, "2d"))


@settings(max_examples=30)
@given(regions((1, 4)), st.sampled_from([0, 1, 2]))
def test_mirroring_changes_nothing(levels: Levels, axis: int) -> None:
    for dimension in ("2d", "3d"):
        assert_same(of(np.flip(levels, axis), dimension), of(levels, dimension))


@settings(max_examples=30)
@given(regions((1, 4)), st.sampled_from(list(permutations(range(3)))))
def test_turning_changes_nothing(levels: Levels, axes: tuple[int, ...]) -> None:
    assert_same(of(levels.transpose(axes), "3d"), of(levels, "3d"))
    assert_same(of(levels.transpose(0, 2, 1), "2d"), of(levels, "2d"))


@settings(max_examples=30)
@given(regions((1, 3)), st.integers(0, 2), st.integers(0, 2))
def test_what_lies_around_the_region_does_not_matter(levels: Levels, a: int, b: int) -> None:
    for dimension in ("2d", "3d"):
        assert_same(of(np.pad(levels, ((a, b), (b, a), (a, a))), dimension), of(levels, dimension))


@settings(max_examples=30)
@given(regions((1, 4)))
def test_sums_over_all_voxels_know_neither_slices_nor_directions(levels: Levels) -> None:
    """Every voxel is one neighbourhood, in whatever dimension it is counted."""
    flat, volume = of(levels, "2d"), of(levels, "3d")
    for stem in ("ngl_lgce", "ngl_hgce", "ngl_glnu", "ngl_gl_var"):
        assert flat[f"{stem}_2_5D"] == pytest.approx(volume[f"{stem}_3D"], rel=1e-9, abs=1e-12)
    assert flat["ngl_dc_perc_2_5D"] == volume["ngl_dc_perc_3D"] == 1
    for ending in ("2D", "2_5D"):
        assert flat[f"szm_z_perc_{ending}"] == pytest.approx(flat[f"dzm_z_perc_{ending}"])
