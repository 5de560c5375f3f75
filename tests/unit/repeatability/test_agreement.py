"""Agreement of repeats against published numbers, plain scripts, properties and planted faults."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.exceptions import RobustnessError
from tumor_response.repeatability import (
    Agreement,
    ccc,
    icc,
    repeatability_coefficient,
    within_subject_cv,
)

KINDS = ("1,1", "2,1", "3,1")
few = settings(max_examples=30)
STATISTICS = (
    *(lambda values, kind=kind: icc(values, kind) for kind in KINDS),
    ccc,
    within_subject_cv,
    repeatability_coefficient,
)

# Shrout and Fleiss (1979), table 2
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)

# limits of psych 2.2.9's ICC(x, lmer = FALSE)
PSYCH_LOW = [-0.132932324874750873, 0.018786513374712047, 0.342464765033925367]
PSYCH_HIGH = [0.72256006232812109, 0.76108436964895310, 0.94585825995535955]


def one_column(matrix) -> np.ndarray:
    return np.asarray(matrix, dtype=float)[:, :, None]


def drawn(seed: int, n: int = 9, k: int = 3, p: int = 4) -> np.ndarray:
    """Subjects that differ, repeats with an offset each, noise; columns ever noisier."""
    rng = np.random.default_rng(seed)
    subjects = rng.normal(size=(n, 1, p))
    return (
        5
        + subjects
        + 0.3 * rng.normal(size=(1, k, p))
        + np.arange(1, p + 1) * 0.3 * rng.normal(size=(n, k, p))
    )


def plain_icc(matrix: np.ndarray) -> tuple[float, float, float]:
    """The three coefficients from variances taken one subject and one repeat at a time."""
    n, k = matrix.shape
    msb = k * np.var([row.mean() for row in matrix], ddof=1)
    msw = np.mean([np.var(row, ddof=1) for row in matrix])
    msj = n * np.var([column.mean() for column in matrix.T], ddof=1)
    sse = 0.0
    for i, j in itertools.product(range(n), range(k)):
        sse += (matrix[i, j] - matrix[i].mean() - matrix[:, j].mean() + matrix.mean()) ** 2
    mse = sse / ((n - 1) * (k - 1))
    return (
        (msb - msw) / (msb + (k - 1) * msw),
        (msb - mse) / (msb + (k - 1) * mse + k * (msj - mse) / n),
        (msb - mse) / (msb + (k - 1) * mse),
    )


def plain_ccc(matrix: np.ndarray) -> float:
    n, k = matrix.shape
    top = bottom = 0.0
    for i, j in itertools.combinations(range(k), 2):
        a, b = matrix[:, i], matrix[:, j]
        top += 2 * np.sum((a - a.mean()) * (b - b.mean())) / n
        bottom += a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return top / bottom


def test_published_example() -> None:
    """Coefficients as Shrout and Fleiss print them, limits as R gives them for the same table."""
    found = [icc(one_column(JUDGES), kind) for kind in KINDS]
    assert [round(float(f.value[0]), 2) for f in found] == [0.17, 0.29, 0.71]
    assert [float(f.low[0]) for f in found] == pytest.approx(PSYCH_LOW, abs=1e-8)
    assert [float(f.high[0]) for f in found] == pytest.approx(PSYCH_HIGH, abs=1e-8)


@pytest.mark.parametrize("shape", [(9, 2, 3), (5, 4, 3), (2, 2, 3)])
def test_coefficients_of_a_plain_script(shape) -> None:
    values = drawn(1, *shape)
    for column in range(shape[2]):
        ours = [icc(values, kind).value[column] for kind in KINDS]
        assert ours == pytest.approx(plain_icc(values[:, :, column]), rel=1e-10)
        assert ccc(values).value[column] == pytest.approx(
            plain_ccc(values[:, :, column]), rel=1e-10
        )


def test_scatter_of_a_plain_script() -> None:
    values = drawn(2)
    squares = values.std(axis=1, ddof=1) ** 2
    wsd = np.sqrt(squares.mean(axis=0))
    assert repeatability_coefficient(values).value == pytest.approx(1.96 * 2**0.5 * wsd)
    wcv = np.sqrt((squares / values.mean(axis=1) ** 2).mean(axis=0))
    assert within_subject_cv(values).value == pytest.approx(wcv)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(
    seed=st.integers(0, 10**6),
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(1e-3, 1e3),
    sign=st.sampled_from([-1, 1]),
)
def test_unit_and_zero_do_not_matter(kind, seed, shift, scale, sign) -> None:
    values = drawn(seed)
    before, after = icc(values, kind), icc(shift + sign * scale * values, kind)
    for name in ("value", "low", "high"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-6)
    assert ccc(shift + sign * scale * values).value == pytest.approx(ccc(values).value, abs=1e-6)


@few
@given(seed=st.integers(0, 10**6), offset=st.floats(0.5, 100))
def test_only_consistency_forgives_an_offset(seed, offset) -> None:
    values = drawn(seed)
    moved = values + offset * np.arange(3)[None, :, None] ** 2
    assert icc(moved, "3,1").value == pytest.approx(icc(values, "3,1").value, abs=1e-7)
    for absolute in (lambda v: icc(v, "2,1"), ccc):
        # a large offset costs agreement, whatever small one was there before
        worse = absolute(values + 1e3 * np.arange(3)[None, :, None]).value
        assert (np.abs(worse) < 0.01).all()


@few
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5))
def test_perfect_agreement(seed, k) -> None:
    subjects = np.random.default_rng(seed).normal(size=(6, 1, 3)) / 3
    values = np.repeat(subjects, k, axis=1)
    for statistic in STATISTICS[:4]:
        found = statistic(values)
        assert (found.value == 1).all()
        assert (found.low == 1).all()
        assert (found.high == 1).all()
    for scatter in STATISTICS[5:]:
        assert (scatter(values).value == 0).all()


@few
@given(seed=st.integers(0, 10**6))
def test_order_of_subjects_and_columns_does_not_matter(seed) -> None:
    values, rng = drawn(seed), np.random.default_rng(seed + 1)
    subjects, columns = rng.permutation(9), rng.permutation(4)
    for statistic in STATISTICS:
        before, after = statistic(values), statistic(values[subjects][:, :, columns])
        assert after.value == pytest.approx(before.value[columns], nan_ok=True)
        assert after.low == pytest.approx(before.low[columns], nan_ok=True)


def test_repeats_are_exchangeable_for_one_way() -> None:
    values, rng = drawn(3), np.random.default_rng(4)
    shuffled = np.stack([subject[rng.permutation(3)] for subject in values])
    assert icc(shuffled).value == pytest.approx(icc(values).value)
    assert icc(shuffled, "3,1").value != pytest.approx(icc(values, "3,1").value)


def test_noise_has_no_agreement() -> None:
    values = np.random.default_rng(5).normal(size=(200, 4, 50))
    for kind in KINDS:
        found = icc(values, kind)
        assert np.abs(found.value.mean()) < 0.02
        assert np.abs(found.value).max() < 0.2
        # about 95 of 100 intervals cover the truth, which is 0
        assert ((found.low < 0) & (found.high > 0)).mean() >= 0.8


@pytest.mark.parametrize("kind", ["1,1", "2,1"])
def test_intervals_cover_the_truth(kind) -> None:
    """500 columns of one truth: ICC 0.8 without any difference between repeats."""
    rng = np.random.default_rng(6)
    values = 2 * rng.normal(size=(20, 1, 500)) + rng.normal(size=(20, 4, 500))
    found = icc(values, kind)
    covered = ((found.low < 0.8) & (found.high > 0.8)).mean()
    assert 0.92 < covered < 0.98
    spread = repeatability_coefficient(values)
    truth = 1.96 * 2**0.5
    assert 0.92 < ((spread.low < truth) & (spread.high > truth)).mean() < 0.98
    relative = within_subject_cv(30 * np.exp(0.05 * (rng.normal(size=(20, 4, 500)))))
    assert 0.92 < ((relative.low < 0.05) & (relative.high > 0.05)).mean() < 0.98


@pytest.mark.parametrize("k", [2, 4])
def test_concordance_interval_covers_the_truth(k) -> None:
    rng = np.random.default_rng(7)
    values = 2 * rng.normal(size=(40, 1, 500)) + rng.normal(size=(40, k, 500))
    values[:, 0] += 0.5
    pairs_apart = (k - 1) * 0.25
    truth = k * (k - 1) * 4 / ((k - 1) * k * 5 + pairs_apart)
    found = ccc(values)
    assert 0.91 < ((found.low < truth) & (found.high > truth)).mean() < 0.98


def planted() -> np.ndarray:
    """Sound, constant, constant but for rounding, one NaN, NaN but for one, both signs, zeros."""
    values = np.repeat(drawn(8, p=1), 7, axis=2)
    values[:, :, 1] = 0.1
    values[:, :, 2] = 1 / 3
    values[::2, 1, 2] = np.nextafter(1 / 3, 1)
    values[4, 1, 3] = np.nan
    values[1:, 0, 4] = np.inf
    values[:, :, 5] -= 5
    values[:, :, 6] = 0
    return values


def test_planted_columns() -> None:
    values = planted()
    for kind in KINDS:
        found = icc(values, kind)
        assert found.reason.tolist() == [
            "",
            "constant",
            "constant",
            "",
            "too_few_complete",
            "",
            "constant",
        ]
        assert np.isnan(found.value).tolist() == [bool(reason) for reason in found.reason]
        assert np.isnan(found.low).tolist() == np.isnan(found.value).tolist()
        assert found.n_subjects.tolist() == [9, 9, 9, 8, 1, 9, 9]
        assert found.n_dropped.tolist() == [0, 0, 0, 1, 8, 0, 0]
        without = icc(np.delete(values, 4, axis=0), kind)
        assert found.value[3] == without.value[3] != found.value[0]
    scatter = within_subject_cv(values)
    assert scatter.reason.tolist() == [
        "",
        "",
        "",
        "",
        "too_few_complete",
        "no_ratio_scale",
        "no_ratio_scale",
    ]
    assert scatter.value[1] == scatter.value[2] == 0
    assert repeatability_coefficient(values).value[6] == 0


def test_one_column_does_not_disturb_another() -> None:
    values = planted()
    for statistic in STATISTICS:
        together, alone = statistic(values), statistic(values[:, :, :1])
        for name in ("value", "low", "high"):
            assert getattr(together, name)[0] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


@pytest.mark.parametrize("size", [1e-160, 1e160])
def test_sizes_beyond_squares(size) -> None:
    values = drawn(9)
    for statistic in STATISTICS[:4]:
        assert statistic(size * values).value == pytest.approx(statistic(values).value)
    assert repeatability_coefficient(size * values).value == pytest.approx(
        size * repeatability_coefficient(values).value
    )


def test_small_differences_beside_a_large_mean() -> None:
    values = np.round(drawn(10) * 64) / 64
    assert icc(values + 2.0**30).value == pytest.approx(icc(values).value, rel=1e-12)
    assert ccc(values + 2.0**30).value == pytest.approx(ccc(values).value, rel=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_refused(statistic) -> None:
    with pytest.raises(RobustnessError, match="two measurements") as one_repeat:
        statistic(np.ones((5, 1, 2)))
    assert one_repeat.value.code == "one_repeat"
    with pytest.raises(RobustnessError, match="two subjects") as one_subject:
        statistic(np.ones((1, 5, 2)))
    assert one_subject.value.code == "one_subject"
    with pytest.raises(RobustnessError, match=r"\(n_subjects, n_repeats, n_columns\)"):
        statistic(np.ones((5, 2)))


def test_refused_settings() -> None:
    with pytest.raises(RobustnessError, match="expected one of 1,1, 2,1, 3,1"):
        icc(drawn(0), "1,k")
    with pytest.raises(RobustnessError, match="between 0 and 1"):
        icc(drawn(0), confidence=95)


def test_other_confidence() -> None:
    wide, narrow = icc(drawn(0), confidence=0.99), icc(drawn(0), confidence=0.8)
    assert isinstance(wide, Agreement)
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()
    assert (wide.value == narrow.value).all()


def test_a_zero_among_positive_values_is_no_other_sign() -> None:
    """Whatever column is looked at, and by what its values are scaled within."""
    values = np.random.default_rng(11).uniform(0.1, 7, size=(6, 3, 200))
    values[3, 1] = 0
    found = within_subject_cv(values)
    assert set(found.reason) == {""}
    assert (found.value > 0).all()


def test_concordance_of_epi_ccc() -> None:
    """Values and limits of epiR 2.0.57: epi.ccc(a, b, ci = "z-transform")$rho.c."""
    theirs = {
        (0, 3): (0.60526315789473684, -0.053942170285659646, 0.8970328702751682),
        (0, 1): (0.10695187165775399, -0.056255007125973581, 0.26459177382359106),
        (1, 2): (0.5106382978723405, 0.015117393530879554, 0.80479186958913429),
    }
    for pair, expected in theirs.items():
        found = ccc(one_column(JUDGES[:, list(pair)]))
        ours = (found.value[0], found.low[0], found.high[0])
        assert ours == pytest.approx(expected, abs=1e-12)
