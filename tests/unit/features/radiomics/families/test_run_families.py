"""Features of run length, size zone, dependence and grey tone difference matrices."""

from __future__ import annotations

import numpy as np
import pytest

from tumor_response.features.radiomics.families import glrlm, ngtdm
from tumor_response.features.radiomics.families.emphasis import EMPHASES, emphases
from tumor_response.features.radiomics.families.neighbourhood import directions_of

BOX = (5, 6, 7)


def by_the_formulas(counts: np.ndarray, j: np.ndarray, n_voxels: float) -> dict[str, float]:
    """Each formula as the IBSI manual prints it, chapters 3.7 and 3.8."""
    i = np.arange(1.0, len(counts) + 1)[:, None]
    n = counts.sum()
    p = counts / n
    of_i, of_j = counts.sum(axis=1), counts.sum(axis=0)
    mean_i, mean_j = (p * i).sum(), (p * j).sum()
    positive = p[p > 0]
    return {
        "low_property_emphasis": (p / j**2).sum(),
        "high_property_emphasis": (p * j**2).sum(),
        "grey_level_non_uniformity": (of_i**2).sum() / n,
        "grey_level_non_uniformity_normalised": (of_i**2).sum() / n**2,
        "property_non_uniformity": (of_j**2).sum() / n,
        "property_non_uniformity_normalised": (of_j**2).sum() / n**2,
        "percentage": n / n_voxels,
        "grey_level_variance": (p * (i - mean_i) ** 2).sum(),
        "property_variance": (p * (j - mean_j) ** 2).sum(),
        "entropy": -(positive * np.log2(positive)).sum(),
        "energy": (p**2).sum(),
        "low_grey_level_emphasis": (p / i**2).sum(),
        "high_grey_level_emphasis": (p * i**2).sum(),
        "low_property_low_grey_level_emphasis": (p / i**2 / j**2).sum(),
        "low_property_high_grey_level_emphasis": (p * i**2 / j**2).sum(),
        "high_property_low_grey_level_emphasis": (p / i**2 * j**2).sum(),
        "high_property_high_grey_level_emphasis": (p * i**2 * j**2).sum(),
    }


def test_every_emphasis_is_its_formula() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(1.0, (3, 7, 5)) * rng.random((3, 7, 5))  # weighted counts as well
    counts[:, 2] = 0
    properties = np.array([1.0, 2.0, 5.0, 6.0, 40.0])
    n_voxels = np.array([10.0, 20.0, 30.0])
    found = emphases(counts, properties, n_voxels)
    for m in range(3):
        expected = by_the_formulas(counts[m], properties, n_voxels[m])
        assert tuple(expected) == EMPHASES
        np.testing.assert_allclose(found[m], list(expected.values()), rtol=1e-12)


def test_an_empty_matrix_is_undefined_and_spoils_no_other() -> None:
    counts = np.stack([np.zeros((2, 3)), np.ones((2, 3))])
    found = emphases(counts, np.arange(1.0, 4.0), np.array([0.0, 12.0]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert all(np.isnan(v[0]) for v in ngtdm.features(counts[:, 0], counts[:, 0]).values())


def test_columns_that_do_not_occur_change_nothing() -> None:
    counts = np.array([[[2.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 3.0]]])
    n_voxels = np.array([18.0])
    dense = emphases(counts, np.arange(1.0, 5.0), n_voxels)
    sparse = emphases(np.ascontiguousarray(counts[:, :, [0, 3]]), np.array([1.0, 4.0]), n_voxels)
    assert dense.tolist() == sparse.tolist()


def double_sums(n: np.ndarray, s: np.ndarray) -> dict[str, float]:
    """Amadasun and King's double sums, term by term."""
    present = np.flatnonzero(n)
    i, p, s = present + 1.0, n[present] / n.sum(), s[present]
    ii, pp, ss = (np.broadcast_to(a[:, None], (len(i), len(i))) for a in (i, p, s))
    squares = (ii - ii.T) ** 2
    return {
        "Busyness": (p * s).sum() / np.abs(ii * pp - (ii * pp).T).sum(),
        "Coarseness": 1 / (p * s).sum(),
        "Complexity": (np.abs(ii - ii.T) * (pp * ss + (pp * ss).T) / (pp + pp.T)).sum() / n.sum(),
        "Contrast": (pp * pp.T * squares).sum() / (len(i) * (len(i) - 1)) * s.sum() / n.sum(),
        "Strength": ((pp + pp.T) * squares).sum() / s.sum(),
    }


def test_grey_tone_difference_features_are_their_double_sums() -> None:
    rng = np.random.default_rng(2)
    voxels = rng.poisson(4.0, 30) * 1.0
    voxels[[3, 11]] = 0
    differences = rng.random(30) * voxels
    found = ngtdm.features(voxels[None], differences[None])
    for name, expected in double_sums(voxels, differences).items():
        assert found[name][0] == pytest.approx(expected, rel=1e-12), name


def test_one_grey_level() -> None:
    values = ngtdm.features(np.array([[0.0, 9.0]]), np.zeros((1, 2)))
    assert {name: value[0] for name, value in values.items()} == {
        "Busyness": 0,
        "Coarseness": 1e6,
        "Complexity": 0,
        "Contrast": 0,
        "Strength": 0,
    }


@pytest.mark.parametrize(
    ("setting", "distances", "n"),
    [
        ({}, (1,), 13),
        ({"force2D": True}, (1,), 4),
        ({"force2D": True, "force2Ddimension": 2}, (2,), 8),
        ({"force2D": False, "force2Ddimension": 2}, (1,), 13),
        ({}, (1, 2), 62),
    ],
)
def test_directions_of_the_settings(
    setting: dict[str, object], distances: tuple[int, ...], n: int
) -> None:
    found = directions_of(setting, BOX, distances)
    assert len(found) == n
    if setting.get("force2D"):
        assert not found[:, setting.get("force2Ddimension", 0)].any()


@pytest.mark.parametrize(
    ("setting", "shape", "distances"),
    [({"force2D": True}, (5, 1, 1), (1,)), ({}, (3, 3, 3), (3,)), ({}, (1, 1, 1), (1,))],
)
def test_no_direction_fits(
    setting: dict[str, object], shape: tuple[int, ...], distances: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"no neighbour at distances .* fits"):
        directions_of(setting, shape, distances)


def test_a_region_without_company_has_no_run_features() -> None:
    # two voxels on no common line: PyRadiomics drops all thirteen directions
    levels = np.zeros((1, 2, 3), dtype=np.int32)
    levels[0, 0, 0] = levels[0, 1, 2] = 1
    spacing_mm = (1.0, 1.0, 1.0)
    mean = glrlm.pyradiomics_features(levels, 1, {}, spacing_mm)
    assert np.isnan(list(mean.values())).all()
    merged = glrlm.pyradiomics_features(levels, 1, {"weightingNorm": "euclidean"}, spacing_mm)
    assert {name for name, value in merged.items() if not np.isnan(value)} == {
        "RunEntropy",
        "RunVariance",
    }
