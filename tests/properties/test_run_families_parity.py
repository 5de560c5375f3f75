"""Run, zone, dependence and grey tone difference features equal PyRadiomics' on any region."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics.gldm import RadiomicsGLDM
from radiomics.glrlm import RadiomicsGLRLM
from radiomics.glszm import RadiomicsGLSZM
from radiomics.ngtdm import RadiomicsNGTDM

from tumor_response.features.radiomics.families import gldm, glrlm, glszm, ngtdm
from tumor_response.features.radiomics.matrices.directions import directions
from tumor_response.features.radiomics.matrices.run_length import run_lengths
from tumor_response.features.radiomics.matrices.size_zone import zones

THEIRS = {
    "glrlm": RadiomicsGLRLM,
    "glszm": RadiomicsGLSZM,
    "gldm": RadiomicsGLDM,
    "ngtdm": RadiomicsNGTDM,
}


@st.composite
def regions(draw: st.DrawFn) -> np.ndarray:
    """Grey levels in a tight box: thick and thin, full and sparse, with levels left out."""
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3).filter(lambda shape: np.prod(shape) > 1))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    inside = rng.random(shape) < draw(st.sampled_from([0.05, 0.3, 0.7, 1.0]))
    # two voxels at least, in opposite corners: the box is tight
    inside[0, 0, 0] = inside[-1, -1, -1] = True
    levels = rng.integers(1, draw(st.sampled_from([1, 2, 3, 50])) + 1, shape)
    levels = (levels - levels[inside].min()) * draw(st.sampled_from([1, 4])) + 1
    return np.ascontiguousarray(np.where(inside, levels, 0).astype(np.int32))


spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "force2D": st.just(True),
        "force2Ddimension": st.integers(0, 2),
        "distances": st.sampled_from([[1], [2], [1, 2], [3, 1], [2, 1, 2]]),
        "gldm_a": st.integers(0, 3),
        "weightingNorm": st.sampled_from(["infinity", "euclidean", "manhattan", "no_weighting"]),
    },
)


def theirs(
    name: str, levels: np.ndarray, spacing_mm: tuple[float, ...], setting: dict[str, Any]
) -> dict[str, float] | None:
    """PyRadiomics' values, None where it refuses. With bins of 1 its levels are ours."""
    image = sitk.GetImageFromArray(levels.astype(np.float64))
    mask = sitk.GetImageFromArray((levels > 0).astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing(spacing_mm[::-1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # its means of nothing
            values = THEIRS[name](image, mask, binWidth=1, **setting).execute()
    except RuntimeError as refusal:
        assert "angle count" in str(refusal)  # noqa: PT017
        return None
    return {feature: float(value) for feature, value in values.items()}


def ours(
    name: str, levels: np.ndarray, spacing_mm: tuple[float, ...], setting: dict[str, Any]
) -> dict[str, float] | None:
    n_levels = int(levels.max())
    z, y, x = spacing_mm
    try:
        if name == "glrlm":
            return glrlm.pyradiomics_features(levels, n_levels, setting, (z, y, x))
        room = {"glszm": glszm, "gldm": gldm, "ngtdm": ngtdm}[name]
        return room.pyradiomics_features(levels, n_levels, setting)
    except ValueError as refusal:
        assert "no neighbour" in str(refusal)  # noqa: PT017
        return None


@given(regions(), spacings, chosen)
@settings(max_examples=150)
def test_parity(
    levels: np.ndarray, spacing_mm: tuple[float, float, float], setting: dict[str, Any]
) -> None:
    for name in THEIRS:
        expected = theirs(name, levels, spacing_mm, setting)
        found = ours(name, levels, spacing_mm, setting)
        if expected is None:
            assert found is None, name
            continue
        assert found is not None, name
        assert list(found) == list(expected)
        np.testing.assert_allclose(
            list(found.values()), list(expected.values()), rtol=1e-6, atol=1e-9, err_msg=name
        )


@given(regions())
@settings(max_examples=60)
def test_every_voxel_is_in_one_run_and_one_zone(levels: np.ndarray) -> None:
    n_levels = int(levels.max())
    per_level = np.bincount(levels.ravel(), minlength=n_levels + 1)[1:]
    counts = run_lengths(levels, n_levels, directions([1]))
    voxels = counts @ np.arange(1.0, counts.shape[2] + 1)
    assert (voxels == per_level).all()
    found = zones(levels, directions([1]))
    assert np.array_equal(
        np.bincount(found.levels, found.sizes, minlength=n_levels + 1)[1:], per_level
    )


@given(regions(), st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3))
@settings(max_examples=60)
def test_features_are_the_same_from_all_sides(
    levels: np.ndarray, order: list[int], flips: tuple[int, ...]
) -> None:
    turned = levels[tuple(slice(None, None, f) for f in flips)].transpose(order)
    turned = np.ascontiguousarray(turned)
    spacing_mm = (1.0, 1.0, 1.0)
    for name in THEIRS:
        one = ours(name, levels, spacing_mm, {})
        two = ours(name, turned, spacing_mm, {})
        assert one is not None
        assert two is not None
        np.testing.assert_allclose(list(two.values()), list(one.values()), rtol=1e-9, atol=1e-12)
