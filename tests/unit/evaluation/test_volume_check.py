"""A block of nothing but volume is told so, and one with a signal of its own is not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tests.unit.evaluation.planted import evaluated
from tumor_response.evaluation import VolumeCheck, volume_check
from tumor_response.evaluation.volume_checking import adjusted_auc
from tumor_response.evaluation.volume_verdict import Estimate
from tumor_response.exceptions import EvaluationError

VERDICTS = {
    "volume": "only volume",
    "independent": "beyond volume",
    "both": "beyond volume",
    "nothing": "predicts nothing",
}


@pytest.fixture(scope="module")
def checks() -> dict[str, VolumeCheck]:
    return {kind: volume_check(evaluated(kind)) for kind in VERDICTS}


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_verdict_is_what_was_planted(checks, kind):
    check = checks[kind]
    assert check.verdict == VERDICTS[kind]
    claims = "is the tumour's volume" in str(check)
    assert claims == (kind == "volume")
    for one in (check.auc_block, check.auc_adjusted, check.rank_correlation):
        assert one.low <= one.value <= one.high


def test_what_only_holds_volume_reads_volume_and_nothing_among_equals(checks):
    check = checks["volume"]
    assert check.probe["log_volume"].value > 0.6
    assert check.rank_correlation.value > 0.8
    assert check.auc_adjusted.low < 0.5 < check.auc_adjusted.high
    assert f"AUC of up to {check.auc_adjusted.high:.2f} is not excluded" in str(check)
    assert checks["independent"].probe["log_volume"].value < 0.2
    assert abs(checks["independent"].rank_correlation.value) < 0.4


def test_too_little_gives_no_verdict(checks):
    small = replace(checks["volume"], n_smaller_class=9)
    assert small.verdict == "too small"
    assert "9 patients" in str(small)
    assert replace(checks["volume"], n_resamples=49).verdict == "too small"


def test_neither_a_weak_correlation_nor_an_unread_volume_is_called_volume(checks):
    check = checks["volume"]
    weak = replace(check, rank_correlation=Estimate(0.69, 0.5, 0.8))
    assert weak.verdict == "undecided"
    assert "not decided" in str(weak)
    upside_down = replace(check, rank_correlation=Estimate(-0.8, -0.9, -0.6))
    assert upside_down.verdict == "only volume"
    unread = replace(
        check.probe, readings=tuple(replace(one, p=0.5) for one in check.probe.readings)
    )
    assert replace(check, probe=unread).verdict == "undecided"
    assert replace(check, gain=Estimate(0.1, 0.01, 0.2)).verdict == "beyond volume"
    # too wide an interval is no sign that there is nothing
    assert replace(check, gain=Estimate(0.03, -0.05, 0.12)).verdict == "undecided"
    assert str(Estimate(-0.001, -0.2, 0.1)) == "0.00 (−0.20 to 0.10)"


def test_the_adjusted_auc_is_the_auc_among_equals():
    """Against the share of pairs of (nearly) the same volume in a large sample."""
    rng = np.random.default_rng(0)
    n = 4000
    size, y = rng.normal(size=n), rng.integers(0, 2, n)
    score = size + 0.5 * size**2 + 0.8 * y + rng.normal(size=n)
    order = np.argsort(size)
    wins = []
    for a, b in itertools.pairwise(order):  # neighbours in volume
        if y[a] != y[b]:
            wins.append(score[a if y[a] else b] > score[b if y[a] else a])
    assert adjusted_auc(y, score, size) == pytest.approx(np.mean(wins), abs=0.03)
    assert adjusted_auc(y, np.full(n, 0.3), size) == 0.5
    assert np.isnan(adjusted_auc(np.ones(5), size[:5], size[:5]))


def test_a_confounded_response_has_no_adjusted_auc():
    """Responders are large, the score is volume and noise: .5 among equals, on average."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        size = rng.normal(size=40)
        y = (size + rng.normal(size=40) > 0).astype(int)
        found.append(adjusted_auc(y, size + 0.5 * rng.normal(size=40), size))
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found) / np.sqrt(200)


def test_bytes_do_not_depend_on_n_jobs():
    result = evaluated("both", n_resamples=4)
    one, two = (volume_check(result, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.table(), two.table(), check_exact=True)
    pd.testing.assert_frame_equal(one.lesions, two.lesions, check_exact=True)


def test_tables_and_figures(checks):
    check = checks["both"]
    assert check.table().loc["auc_block", "value"] == check.auc_block.value
    ax = check.plot()
    assert sum(len(points.get_offsets()) for points in ax.collections) == 80
    ax.figure.canvas.draw()
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert all(float(text) > 0 for text in ticks)  # numbers, not formulas
    plt.close(ax.figure)


def test_what_cannot_be_checked_says_why():
    result = evaluated("volume", n_resamples=2, n=30)
    with pytest.raises(EvaluationError, match="no block 'cnn'") as caught:
        volume_check(result, "cnn")
    assert caught.value.code == "missing_block"
    with pytest.raises(EvaluationError, match="n_resamples"):
        volume_check(result, n_resamples=1)
    blind = replace(result, rows=replace(result.rows, X=result.rows.X.filter(like="deep")))
    with pytest.raises(EvaluationError, match="no tumour volume") as caught:
        volume_check(blind)
    assert caught.value.code == "no_volume"
