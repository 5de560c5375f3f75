"""Bands, p values and counts of permuted outcomes: levels that hold, and faults that show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.unit.explanation.synthetic import explanation_of, null_of
from tumor_response.exceptions import ExplanationError

COLUMNS = [f"a__f__{i:02d}" for i in range(20)] + ["b__g__0", "b__g__1"]


@pytest.fixture(scope="module")
def template():
    return null_of(explanation_of(COLUMNS))


def with_runs(template, runs: np.ndarray):
    """Return the null with these column values, the observed ones in the first row."""
    observed = dict(template.observed)
    observed["column"] = pd.Series(runs[0], COLUMNS)
    return replace(template, columns=pd.DataFrame(runs[1:], columns=COLUMNS), observed=observed)


def drawn(rng, n_permutations=19) -> np.ndarray:
    """Exchangeable, correlated, and of very different size in the two blocks."""
    common = rng.normal(size=(n_permutations + 1, 1))
    size = np.where([c.startswith("b") for c in COLUMNS], 50.0, 1.0)
    own = rng.normal(size=(n_permutations + 1, len(COLUMNS)))
    return np.exp(0.7 * common + 0.7 * own) * size


def test_p_values_and_limits_by_hand(template):
    runs = drawn(np.random.default_rng(0), 39)
    table = with_runs(template, runs).table().loc[COLUMNS]
    for place, column in enumerate(COLUMNS):
        observed, permuted = runs[0, place], runs[1:, place]
        row = table.loc[column]
        assert row["p"] == pytest.approx((1 + sum(permuted >= observed)) / 40)
        assert row["limit"] == sorted(permuted)[-2]  # 0.05 of 40 runs: the two largest
        assert row["outside"] == (observed > row["limit"])
        part = runs[:, place] / runs.sum(axis=1)
        assert row["part"] == pytest.approx(part[0])
        assert row["part_p"] == pytest.approx((1 + sum(part[1:] >= part[0])) / 40)


def test_where_there_is_nothing_the_levels_hold(template):
    rng = np.random.default_rng(1)
    share, any_of_all, by_part, any_part, number = [], [], [], [], []
    for _ in range(100):
        null = with_runs(template, drawn(rng))
        table, counts = null.table(), null.summary()
        share.append(table["outside"].mean())
        by_part.append(table["part_outside"].mean())
        any_of_all.append(table["outside_all"].any())
        any_part.append(table["part_outside_all"].any())
        number.append(counts.loc[("column", "mean_abs"), "p_number"] <= 0.05)
    # 1 of 20 runs; standard errors: of correlated columns about .01, of a share .022
    assert abs(np.mean(share) - 0.05) < 0.03
    assert abs(np.mean(by_part) - 0.05) < 0.03
    for one in (any_of_all, any_part, number):
        assert np.mean(one) < 0.05 + 3 * 0.022
    assert np.mean(any_of_all) > 0  # the level is not just never reached


def test_the_expected_number_is_the_mean_over_runs(template):
    runs = drawn(np.random.default_rng(2))
    counts = []
    for turn in range(len(runs)):
        order = [turn, *(i for i in range(len(runs)) if i != turn)]
        counts.append(int(with_runs(template, runs[order]).table()["outside"].sum()))
    row = with_runs(template, runs).summary().loc[("column", "mean_abs")]
    assert np.mean(counts) == pytest.approx(row["expected"])
    assert row["n_outside"] == counts[0]
    assert row["permuted_most"] == max(counts[1:])
    assert row["p_number"] == pytest.approx(np.mean(np.array(counts) >= counts[0]))


def test_a_stronger_model_lengthens_all_bars_and_no_part(template):
    rng = np.random.default_rng(3)
    runs = drawn(rng)
    stronger = runs.copy()
    stronger[0] *= 20
    before, after = with_runs(template, runs), with_runs(template, stronger)
    assert after.table()["outside"].mean() > 0.9
    pd.testing.assert_series_equal(
        before.table()["part_p"].sort_index(), after.table()["part_p"].sort_index()
    )
    assert after.p_total == pytest.approx(1 / 20)


def test_a_planted_column_leaves_every_band_beside_a_block_of_larger_ones(template):
    runs = drawn(np.random.default_rng(4))
    runs[0, 3] = 60.0  # less than the columns of the other block have by chance
    row = with_runs(template, runs).table().loc[COLUMNS[3]]
    assert row[["outside", "outside_all", "part_outside"]].all()
    assert row["limit_all"] < 60 < runs[:, -1].max()


def test_what_no_run_uses_never_leaves(template):
    runs = drawn(np.random.default_rng(5))
    runs[:, 5] = 0.0
    assert with_runs(template, runs).table().loc[COLUMNS[5], "p"] == 1
    table = with_runs(template, np.zeros_like(runs)).table()
    assert not table.filter(like="outside").to_numpy().any()


def test_what_cannot_be_reached_is_refused(template):
    with pytest.raises(ExplanationError, match="19 permutations") as caught:
        template.table(alpha=0.01)
    assert caught.value.code == "level"
    with pytest.raises(ExplanationError, match="layer"):
        template.of("layer")


def test_it_says_what_it_found(template):
    told = str(template)
    assert "19 permutations" in told
    assert "expected by chance" in told
    assert "Nogueira" in told
