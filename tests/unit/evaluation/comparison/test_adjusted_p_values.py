"""adjusted_p_values(): against R's p.adjust, and what is refused."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from tumor_response.evaluation.comparison import adjusted_p_values
from tumor_response.exceptions import EvaluationError

FAMILIES = [
    [0.01, 0.04, 0.03, 0.005, 0.55],
    [0.02, 0.02, 0.02],
    [0.9, 0.8, 0.7, 0.001],
    [0.5],
    [0.0, 1.0, 1.0, 0.04999],
]


def by_r(family: list[float], method: str) -> np.ndarray:
    script = f"cat(sprintf('%.17g', p.adjust(c({','.join(map(repr, family))}), '{method}')))"
    run = subprocess.run(
        ["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True
    )
    return np.array(run.stdout.split(), dtype=float)


@pytest.mark.needs("r")
@pytest.mark.parametrize(("method", "name"), [("holm", "holm"), ("benjamini_hochberg", "BH")])
def test_as_r_adjusts_them(method, name):
    rng = np.random.default_rng(0)
    for family in (FAMILIES[0], FAMILIES[4], (rng.uniform(size=40) ** 3).tolist()):
        np.testing.assert_allclose(
            adjusted_p_values(family, method), by_r(family, name), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_as_statsmodels_adjusts_them(family):
    from statsmodels.stats.multitest import multipletests

    for method, name in (("holm", "holm"), ("benjamini_hochberg", "fdr_bh")):
        expected = multipletests(family, method=name)[1]
        np.testing.assert_allclose(adjusted_p_values(family, method), expected, atol=1e-12)


def test_a_comparison_that_could_not_be_made_is_no_member():
    with_gap = adjusted_p_values([0.01, np.nan, 0.04], "holm")
    np.testing.assert_array_equal(with_gap[[0, 2]], adjusted_p_values([0.01, 0.04], "holm"))
    assert np.isnan(with_gap[1])
    assert adjusted_p_values([]).size == 0


def test_what_is_no_p_value_is_refused():
    for wrong in ([1.2], [-0.1], [[0.1]], 0.3):
        with pytest.raises(EvaluationError, match="from 0 to 1") as caught:
            adjusted_p_values(wrong)
        assert caught.value.code == "p_values"
    with pytest.raises(EvaluationError, match="'holm' or"):
        adjusted_p_values([0.1], "bonferoni")
