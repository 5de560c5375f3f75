"""probe_embedding: R2 and AUC against scikit-learn, the null, groups, and what is refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score

import tumor_response as tr
from tests.unit.evaluation.planted import planted
from tumor_response.evaluation import probe_embedding, ridge_readout
from tumor_response.evaluation.probe_targets import acquisition_facts, volume_column
from tumor_response.evaluation.ridge_readout import block_scaled, permuted_rows, read_out
from tumor_response.exceptions import EvaluationError
from tumor_response.models import patients_of

FAST = {"n_repeats": 2, "n_permutations": 39}


def lesions(n: int, per_patient: int = 1) -> pd.MultiIndex:
    return pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k) for k in range(per_patient)]],
        names=["patient_id", "lesion_id"],
    )


def test_volume_is_read_where_it_was_planted_and_nothing_else():
    X, _ = planted("volume")
    probe = probe_embedding(X, **FAST)
    table = probe.table()
    assert table.index.tolist() == ["log_volume", "slice_thickness_mm", "site"]
    assert table["measure"].tolist() == ["R2", "R2", "AUC"]
    assert table.loc["log_volume", "value"] > 0.7
    assert table.loc["log_volume", "p"] == 1 / 40
    assert table.loc["slice_thickness_mm", "value"] < 0.1
    assert abs(table.loc["site", "value"] - 0.5) < 0.15
    assert (table["ci_low"] < table["value"]).all()
    assert (table["value"] < table["ci_high"]).all()
    assert probe["log_volume"].is_known
    assert "“deep” knows log_volume: cross-validated R2" in str(probe)
    assert "It is not shown that “deep” knows site" in probe.summary()


def test_a_site_that_left_its_mark_is_read_off():
    X, _ = planted("nothing")
    mark = (X["meta__site"] == "B").to_numpy()
    X.loc[mark, X.filter(like="deep__").columns[:10]] += 2.0
    reading = probe_embedding(X, targets={"site": "meta__site"}, **FAST)["site"]
    assert reading.value > 0.9
    assert reading.kind == "classes"
    kernels = pd.Series(np.where(mark, "B30f", "B70f"), X.index)
    kernels.iloc[:20] = "C"
    three = probe_embedding(X, targets={"kernel": kernels}, **FAST)["kernel"]
    assert three.n_values == 3
    assert 0.6 < three.value < reading.value
    assert "mean of 3 classes" in three.sentence("deep")


def test_the_readout_is_ridge_regression_with_its_penalty_from_patient_grouped_folds():
    X, _ = planted("volume", n=40, p=25)
    X = X.filter(like="deep__")
    index = lesions(20, 2)
    X.index = index
    patients = patients_of(X)
    y = np.random.default_rng(0).normal(size=40) + X.iloc[:, 0].to_numpy()
    steps = block_scaled("deep", list(X.columns))
    for fold in read_out(X, steps, y[:, None], patients, 5, seed=3):
        train = np.setdiff1d(np.arange(40), fold.test)
        assert not set(patients[train]) & set(patients[fold.test])
        fitted = block_scaled("deep", list(X.columns)).fit(X.iloc[train])
        Z, Z_test = fitted.transform(X.iloc[train]), fitted.transform(X.iloc[fold.test])
        candidates = [
            Ridge(alpha=penalty).fit(Z, y[train]).predict(Z_test)
            for penalty in ridge_readout.PENALTIES
        ]
        misses = [np.abs(one - fold.predicted[:, 0]).max() for one in candidates]
        assert min(misses) < 1e-8
        np.testing.assert_allclose(fold.mean, y[train].mean())
        # the same penalty as a plain search over the same inner folds
        inner = ridge_readout.patient_folds(patients[train], np.zeros(len(train)), 5, 3)
        errors = []
        for penalty in ridge_readout.PENALTIES:
            left = 0.0
            for number in range(5):
                a, b = inner != number, inner == number
                kept = Ridge(alpha=penalty).fit(Z[a], y[train][a])
                left += ((kept.predict(Z[b]) - y[train][b]) ** 2).sum()
            errors.append(left)
        assert int(np.argmin(misses)) == int(np.argmin(errors))


def test_r2_and_auc_are_scikit_learns_on_the_held_out_predictions():
    X, _ = planted("volume", n=60)
    deep = X.filter(like="deep__")
    size = np.log(X["clinical__volume_cc"])
    probe = probe_embedding(X, n_folds=10, n_repeats=1, n_permutations=0)
    steps = block_scaled("deep", list(deep.columns))
    predicted, mean = np.empty(60), np.empty(60)
    for fold in read_out(deep, steps, size.to_numpy()[:, None], patients_of(deep), 10, 0):
        predicted[fold.test], mean[fold.test] = fold.predicted[:, 0], fold.mean[0]
    by_hand = 1 - ((size - predicted) ** 2).sum() / ((size - mean) ** 2).sum()
    assert probe["log_volume"].value == pytest.approx(by_hand, abs=1e-12)
    assert probe["log_volume"].value == pytest.approx(r2_score(size, predicted), abs=0.05)
    assert np.isnan(probe["log_volume"].p)
    two = probe_embedding(X, targets={"s": "meta__site"}, n_folds=2, n_repeats=1, n_permutations=0)
    y = (X["meta__site"] == "B").to_numpy()
    won = pairs = 0.0
    for fold in read_out(deep, steps, y[:, None].astype(float), patients_of(deep), 2, 0):
        n = y[fold.test].sum() * (~y[fold.test]).sum()
        won += n * roc_auc_score(y[fold.test], fold.predicted[:, 0])
        pairs += n
    assert two["s"].value == pytest.approx(won / pairs, abs=1e-12)


def test_under_the_null_p_is_uniform_enough_and_the_auc_one_half():
    ps, aucs = [], []
    for seed in range(30):
        X, _ = planted("nothing", n=40, p=10, seed=seed)
        probe = probe_embedding(X, n_repeats=1, n_permutations=19, seed=seed)
        ps.append(probe["log_volume"].p)
        aucs.append(probe["site"].value)
    assert 0.35 < np.mean(ps) < 0.65
    assert np.mean(np.array(ps) <= 0.1) < 0.27  # 0.1 expected; above it in 1 of 1,000 at n = 30
    assert abs(np.mean(aucs) - 0.5) < 3 * np.std(aucs) / np.sqrt(30)


def test_lesions_of_a_patient_are_not_told_by_each_other():
    """Every patient has a signature and a site: ungrouped folds would read it off perfectly."""
    rng = np.random.default_rng(0)
    index = lesions(40, 3)
    signature = np.repeat(rng.normal(size=(40, 30)), 3, axis=0)
    X = pd.DataFrame(signature + 0.01 * rng.normal(size=(120, 30)), index).add_prefix("deep__")
    site = pd.Series(np.repeat(rng.permutation(np.repeat(["A", "B"], 20)), 3), index)
    reading = probe_embedding(X, targets={"site": site}, **FAST)["site"]
    assert abs(reading.value - 0.5) < 0.25
    assert reading.p > 0.05
    assert (reading.n_lesions, reading.n_patients) == (120, 40)


def test_patients_are_exchanged_whole():
    patients = np.array([0, 1, 1, 2, 3, 3, 4])
    for order in permuted_rows(patients, 50, 0):
        assert sorted(order) == list(range(7))
        of = patients[order]
        assert of[1] == of[2] and of[4] == of[5]  # noqa: PT018
        assert {of[1], of[4]} == {1, 3}


def test_missing_rare_and_constant_targets_are_left_out_and_counted():
    X, _ = planted("volume")
    X.loc[X.index[:5], "clinical__volume_cc"] = np.nan
    X.loc[X.index[5:8], X.filter(like="deep__").columns] = np.nan  # nothing was computed
    site = pd.Series(["A"] * 40 + ["B"] * 36 + ["rare"] * 4, X.index)
    constant = pd.Series(1.0, X.index)
    few = pd.Series(np.nan, X.index)
    few.iloc[8:20] = np.arange(12.0)
    targets = {"log_volume": "log_volume", "site": site, "constant": constant, "few": few}
    table = probe_embedding(X, targets=targets, **FAST).table()
    assert table["n_left_out"].tolist() == [8, 7, 3, 68]
    assert table["reason"].tolist() == ["", "", "one_value", "too_few_patients"]
    assert table.loc["site", "n_values"] == 2
    assert table.loc[["constant", "few"], "value"].isna().all()
    text = str(probe_embedding(X, targets=targets, **FAST))
    assert "constant was not probed: the same in all lesions" in text


def test_the_same_seed_gives_the_same_numbers_and_columns_may_come_in_any_order():
    X, _ = planted("both")
    one, two = (probe_embedding(X, seed=4, **FAST).table() for _ in range(2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    turned = probe_embedding(X[X.columns[::-1]], seed=4, **FAST).table()
    np.testing.assert_allclose(turned["value"], one["value"], atol=1e-9)


def test_any_block_and_bare_frames():
    X, _ = planted("volume")
    radiomics = X.rename(columns=lambda c: c.replace("deep__", "radiomics__"))
    assert probe_embedding(radiomics, "radiomics", **FAST)["log_volume"].is_known
    bare = X.rename(columns=lambda c: c.removeprefix("deep__"))
    blocks = {"cnn": [c for c in bare if c.startswith("net")]}
    assert probe_embedding(bare, "cnn", blocks=blocks, **FAST)["log_volume"].is_known


def test_the_figure_shows_every_target():
    X, _ = planted("volume")
    ax = probe_embedding(X, **FAST).plot()
    shown = [label.get_text() for label in ax.get_yticklabels()]
    assert [text.split("\n")[0] for text in shown] == ["log_volume", "slice_thickness_mm", "site"]
    plt.close(ax.figure)


def test_kernel_and_noise_come_from_the_cohort(tmp_path):
    cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tmp_path)
    facts = acquisition_facts(cohort)
    assert facts["kernel"].isna().all()  # NIfTI files do not say
    assert facts["noise_hu"].between(1, 60).all()
    X, _ = planted("volume", n=30)
    targets = {"noise_hu": facts["noise_hu"]}
    with pytest.raises(EvaluationError, match="none of the table's lesions"):
        probe_embedding(X, targets=targets, **FAST)


def test_what_cannot_be_probed_says_why():
    X, _ = planted("volume", n=30)
    for settings, message, code in (
        ({"block": "cnn"}, "no block 'cnn'", "missing_block"),
        ({"targets": {}}, "expected a mapping", "targets"),
        ({"targets": {"a": "nowhere"}}, "'a'.*nowhere", "targets"),
        ({"targets": {"a": [1, 2]}}, "'a'.*list", "targets"),
        ({"targets": {"a": "deep__net__1"}}, "column of block", "targets"),
        ({"n_folds": 1}, "n_folds", "evaluation"),
        ({"n_folds": 11}, "2 to 10", "evaluation"),
        ({"n_permutations": -1}, "n_permutations", "evaluation"),
        ({"blocks": {"deep": ["nowhere"]}}, "nowhere", "missing_columns"),
    ):
        with pytest.raises(EvaluationError, match=message) as caught:
            probe_embedding(X, **settings)
        assert caught.value.code == code
    with pytest.raises(EvaluationError, match="nothing to probe for"):
        probe_embedding(X.filter(like="deep__"))
    with pytest.raises(EvaluationError, match="FeatureTable"):
        probe_embedding(X.to_numpy())
    assert volume_column(X.filter(like="deep__")) is None
