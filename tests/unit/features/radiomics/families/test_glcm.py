"""Co-occurrence features: by hand, and the maximal correlation against the full eigenproblem."""

from __future__ import annotations

import numpy as np
import pytest

from tumor_response.features.radiomics.families import glcm
from tumor_response.features.radiomics.families.maximal_correlation import maximal_correlation
from tumor_response.features.radiomics.matrices.cooccurrence import cells_of


def values_of(matrix: list[list[float]]) -> dict[str, float]:
    row = glcm.glcm_values(np.array([matrix], dtype=np.float64))[0]
    return dict(zip(glcm.FEATURES, row.tolist(), strict=True))


def test_by_hand() -> None:
    """p = [[1/2, 1/4], [1/4, 0]]: px = (3/4, 1/4), mean 5/4."""
    found = values_of([[2, 1], [1, 0]])
    assert found["JointAverage"] == pytest.approx(1.25)
    assert found["SumSquares"] == pytest.approx(3 / 16)
    assert found["Autocorrelation"] == pytest.approx(0.5 + 2 * 2 / 4)
    assert found["JointEnergy"] == pytest.approx(3 / 8)
    assert found["JointEntropy"] == pytest.approx(1.5)
    assert found["MaximumProbability"] == 0.5
    assert found["Contrast"] == found["DifferenceAverage"] == found["InverseVariance"] == 0.5
    assert found["Id"] == found["Idm"] == pytest.approx(0.5 + 0.5 / 2)
    assert found["Idn"] == pytest.approx(0.5 + 0.5 / 1.5)
    assert found["Idmn"] == pytest.approx(0.5 + 0.5 / 1.25)
    assert found["SumAverage"] == pytest.approx(2.5)
    assert found["SumEntropy"] == found["DifferenceEntropy"] == pytest.approx(1.0)
    assert found["ClusterTendency"] == pytest.approx(0.25)
    assert found["ClusterProminence"] == pytest.approx(1 / 16)
    # (E[ij] - 25/16) / (3/16) = -1/3, which for two levels is the maximal correlation's size too
    assert found["Correlation"] == pytest.approx(-1 / 3)
    assert found["MCC"] == pytest.approx(1 / 3)


def test_empty_levels_change_only_what_they_must() -> None:
    """Rows that are named (levels 1 and 4) equal rows of zeros in between."""
    wide = np.zeros((1, 4, 4))
    wide[0][np.ix_([0, 3], [0, 3])] = [[2, 1], [1, 3]]
    named = glcm.glcm_values(np.array([[[2.0, 1.0], [1.0, 3.0]]]), np.array([1, 4]))
    np.testing.assert_allclose(named, glcm.glcm_values(wide), rtol=1e-14)


def test_empty_matrix_is_nan_and_leaves_the_others_alone() -> None:
    found = glcm.glcm_values(np.array([[[0.0, 0.0], [0.0, 0.0]], [[2.0, 1.0], [1.0, 0.0]]]))
    assert np.isnan(found[0]).all()
    assert not np.isnan(found[1]).any()


@pytest.mark.parametrize("seed", range(40))
def test_maximal_correlation_is_the_second_eigenvalue(seed: int) -> None:
    """Counts from 1 to 1e7, where the small constant in the denominator decides digits."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    counts = np.floor(10 ** (rng.random((n, n)) * rng.uniform(0, 7)))
    counts *= rng.random((n, n)) < rng.uniform(0.1, 1.0)
    counts *= np.exp(-0.3 * np.abs(np.subtract.outer(np.arange(n), np.arange(n)))) > rng.random()
    counts[0, 1] = counts[2, 2] = 1.0
    if seed % 2:
        counts = counts + counts.T
    p = counts / counts.sum()
    w = p / (np.outer(p.sum(axis=1), p.sum(axis=0)) + np.spacing(1))
    exact = np.sqrt(np.sort(np.linalg.eigvals(w @ p.T))[-2].real)
    found = maximal_correlation(cells_of(counts[np.newaxis]))[0]
    # a matrix in two blocks has 1 twice, where the general solver itself keeps eight digits
    assert found == pytest.approx(exact, rel=2e-8)


def test_weights_of_directions() -> None:
    """A weight of exp(-9) against exp(-1) all but leaves the far direction out."""
    levels = np.array([[[1, 2, 2], [2, 1, 1]]], dtype=np.int32)
    setting = {"weightingNorm": "euclidean", "force2D": True, "force2Ddimension": 1}
    near = glcm.pyradiomics_features(levels[:, :1], 2, setting, (1.0, 1.0, 1.0))
    alone = glcm.glcm_values(np.array([[[0.0, 1.0], [1.0, 2.0]]]))[0]
    np.testing.assert_allclose(list(near.values()), alone, rtol=1e-14)
    with pytest.raises(ValueError, match="no neighbour"):
        glcm.pyradiomics_features(levels, 2, {"distances": [3]}, (1.0, 1.0, 1.0))


def test_many_levels_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.random.default_rng(3).integers(0, 30, size=(6, 7, 8), dtype=np.int32)
    whole = glcm.pyradiomics_features(levels, 29, {}, (1.0, 1.0, 1.0))
    monkeypatch.setattr(glcm, "_CELLS_AT_ONCE", 1)
    assert glcm.pyradiomics_features(levels, 29, {}, (1.0, 1.0, 1.0)) == whole
