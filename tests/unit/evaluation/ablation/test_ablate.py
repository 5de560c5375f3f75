"""ablate(): every combination on shared rows and resamples, resumed after a kill, figures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import tumor_response as tr
from tests.unit.evaluation.conftest import make_table
from tumor_response.evaluation.ablation import ablate
from tumor_response.evaluation.comparison import compare_models
from tumor_response.evaluation.ledger import StudyLedger
from tumor_response.exceptions import EvaluationError
from tumor_response.transformers import BlockSelector, ToArray

MEDIAN = tr.ResponderCut("median")


def plain(blocks):
    return make_pipeline(BlockSelector(blocks), ToArray(), LogisticRegression(max_iter=2000))


def cohort(n=30):
    """Blocks deep and shape; the rate follows from deep."""
    X, rate = make_table(n, p=3, signal=2.0)
    shape = np.random.default_rng(9).normal(size=(len(X), 2))
    X = X.join(pd.DataFrame(shape, X.index, ["shape__a__0", "shape__a__1"]))
    return X.drop(columns=["clinical__volume_cc", "clinical__age"]), rate


def study_of(n_resamples=4, models=None, table=None, **options):
    X, rate = cohort()
    return ablate(
        X if table is None else table,
        rate,
        {"logistic": {"Cs": (0.1,)}} if models is None else models,
        tr.Bootstrap632Plus(n_resamples=n_resamples),
        label=MEDIAN,
        **options,
    )


def with_clinical():
    X, _ = make_table(30, p=3, signal=2.0)
    return X.join(cohort()[0][["shape__a__0", "shape__a__1"]])


def scores_of(study):
    return study.result.scores


def test_every_combination_is_there_and_equals_its_own_evaluation():
    study = study_of(table=with_clinical(), models={"logistic": {"Cs": (0.1,)}, "plain": plain})
    names = [
        f"{model} | {blocks}"
        for model in ("logistic", "plain")
        for blocks in ("clinical", "deep", "shape", "clinical+deep", "clinical+shape",
                       "deep+shape", "clinical+deep+shape")
    ]  # fmt: skip
    assert study.result.models == [*names, "volume_only", "clinical_only", "dummy"]
    X, (_, rate) = with_clinical(), cohort()
    alone = tr.evaluate(
        {
            "logistic | deep+shape": tr.make_model("logistic", blocks=["deep", "shape"], Cs=(0.1,)),
            "plain | clinical": plain(["clinical"]),
        },
        X,
        rate,
        tr.Bootstrap632Plus(n_resamples=4),
        label=MEDIAN,
    )
    for name in alone.models:
        np.testing.assert_array_equal(study.result.oob_values(name), alone.oob_values(name))
    pd.testing.assert_frame_equal(
        study.summary().loc[alone.models, alone.summary().columns], alone.summary()
    )
    told = study.summary().loc["plain | clinical+deep", ["model_name", "blocks", "n_blocks"]]
    assert tuple(told) == ("plain", "clinical+deep", 2)
    frame = study.by_resample()
    assert len(frame) == 17 * 4
    assert set(frame["blocks"]) == {*(name.split(" | ")[1] for name in names), ""}


def test_a_lesion_that_one_configuration_cannot_use_is_left_out_of_all():
    X, rate = cohort()
    broken = X.copy()
    broken.loc["P004", [c for c in X if c.startswith("deep")]] = np.nan
    with pytest.raises(EvaluationError) as caught:
        study_of(table=broken)
    assert caught.value.code == "block_failed"
    study = study_of(table=broken, failed="drop")
    assert len(study.result.rows.y) == 29
    assert "P004" not in study.result.rows.X.index.get_level_values("patient_id")
    assert study.result.cohort_flow["n_lesions"].tolist() == [29, 1]
    # what has no use for the block meets the same 29 patients and resamples
    kept = broken.drop(index="P004", level="patient_id")
    alone = tr.evaluate(
        {"s": tr.make_model("logistic", blocks=["shape"], Cs=(0.1,))},
        kept, rate.loc[kept.index], tr.Bootstrap632Plus(n_resamples=4), label=MEDIAN,
    )  # fmt: skip
    np.testing.assert_array_equal(
        study.result.oob_values("logistic | shape"), alone.oob_values("s")
    )
    for resample, other in zip(study.result.resamples, alone.resamples, strict=True):
        np.testing.assert_array_equal(resample.test, other.test)
    assert len(study_of(table=broken, failed="impute").result.rows.y) == 30
    # a block that is not asked about fails for nobody
    assert len(study_of(table=broken, blocks=["shape"]).result.rows.y) == 30


def test_the_same_bytes_for_any_number_of_processes(tmp_path):
    one, two = study_of(), study_of(n_jobs=2)
    pd.testing.assert_frame_equal(scores_of(one), scores_of(two), check_exact=True)
    pd.testing.assert_frame_equal(one.summary(), two.summary(), check_exact=True)


class Counts(LogisticRegression):
    """Counts how often it is fitted."""

    n_fits = 0

    def fit(self, X, y):
        Counts.n_fits += 1
        return super().fit(X, y)


def test_what_was_finished_is_found_again(tmp_path):
    def counted(blocks):
        return make_pipeline(BlockSelector(blocks), ToArray(), Counts(max_iter=2000))

    Counts.n_fits = 0
    options = {"blocks": ["shape"], "directory": tmp_path}
    first = study_of(models={"m": counted}, **options)
    assert Counts.n_fits == 1 * 5
    again = study_of(models={"m": counted}, **options)
    assert Counts.n_fits == 1 * 5
    pd.testing.assert_frame_equal(scores_of(first), scores_of(again), check_exact=True)
    pd.testing.assert_frame_equal(first.summary(), again.summary(), check_exact=True)
    # another name for it, and a block more: the combinations that are known are not fitted again
    more = study_of(models={"renamed": counted}, directory=tmp_path)
    assert Counts.n_fits == (1 + 2) * 5
    np.testing.assert_array_equal(
        more.result.oob_values("renamed | shape"), first.result.oob_values("m | shape")
    )
    # another outcome is another study
    X, rate = cohort()
    ablate(X, -rate, {"m": counted}, tr.Bootstrap632Plus(n_resamples=4), label=MEDIAN, **options)
    assert Counts.n_fits == (1 + 2 + 1) * 5
    assert not list((tmp_path / "running").iterdir())


@pytest.mark.parametrize("damage", ["torn", "gone", "scores"])
def test_what_is_damaged_is_done_again(tmp_path, damage):
    first = study_of(directory=tmp_path)
    place = sorted((tmp_path / "configurations").iterdir())[0]
    file = place / "apparent.npy"
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:90])
    elif damage == "gone":
        file.unlink()
    else:
        next((place / "scores").iterdir()).write_bytes(b"PK")
    again = study_of(directory=tmp_path)
    pd.testing.assert_frame_equal(scores_of(first), scores_of(again), check_exact=True)
    assert first.result.apparent == again.result.apparent


SLOW = """
import sys, time
import tests.unit.evaluation.ablation.test_ablate as t
from sklearn.linear_model import LogisticRegression
from tests.unit.evaluation.ablation.slow import Slow
def slow(blocks):
    return t.make_pipeline(t.BlockSelector(blocks), t.ToArray(), Slow(max_iter=2000))
t.study_of(models={"logistic": {"Cs": (0.1,)}, "slow": slow}, directory=sys.argv[1])
"""


def test_killed_in_the_middle_it_goes_on_and_gives_the_same_bytes(tmp_path):
    from tests.unit.evaluation.ablation.slow import Slow

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TUMOR_RESPONSE_TEST_SLOW": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[4])
    worker = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path / "killed")], env=environment
    )
    finished = tmp_path / "killed" / "configurations"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and worker.poll() is None:
        if finished.is_dir() and len(list(finished.glob("*/apparent.npy"))) >= 3:
            break
        time.sleep(0.02)
    time.sleep(0.1)  # into the second model's evaluation
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL

    def slow(blocks):
        return make_pipeline(BlockSelector(blocks), ToArray(), Slow(max_iter=2000))

    models = {"logistic": {"Cs": (0.1,)}, "slow": slow}
    assert len(list(finished.glob("*/apparent.npy"))) < 6
    resumed = study_of(models=models, directory=tmp_path / "killed")
    straight = study_of(models=models)
    pd.testing.assert_frame_equal(scores_of(resumed), scores_of(straight), check_exact=True)
    pd.testing.assert_frame_equal(resumed.summary(), straight.summary(), check_exact=True)


def test_increments_and_what_each_block_adds():
    study = study_of(15, table=with_clinical().drop(columns=["shape__a__0", "shape__a__1"]))
    over = study.increments()
    assert set(over["model_b"]) == {"volume_only", "clinical_only"}
    assert len(over) == 2 * 5
    without = study.without_each_block()
    assert list(without["block"]) == ["clinical", "deep"]
    assert list(without["others"]) == ["deep", "clinical"]
    deep = without.iloc[1]
    one = compare_models(study.result, "logistic | clinical+deep", "logistic | clinical")
    assert deep["difference"] == one["difference"]
    assert deep["difference"] > 0.1
    with pytest.raises(EvaluationError, match="one block only"):
        study_of(2, blocks=["shape"]).without_each_block()


def test_the_best_of_all_is_corrected_and_entered_in_the_ledger(tmp_path):
    ledger = StudyLedger(tmp_path)
    study = study_of(ledger=ledger)
    best = study.best_of_k()
    assert best.n_configurations == 3  # the constant dummy is nobody's choice
    assert list(best.values) == study.result.models[:-1]
    assert best.text in repr(study)
    entry = ledger.entries()[0]
    assert entry["kind"] == "ablate"
    assert [one["name"] for one in entry["models"]] == study.result.models


def test_frames_without_prefixes_take_a_mapping():
    X, _ = cohort()
    bare = X.rename(columns=lambda name: name.replace("__", "_"))
    blocks = {block: [c for c in bare if c.startswith(block)] for block in ("deep", "shape")}
    study = study_of(table=bare, blocks=blocks)
    assert study.result.models[:3] == [
        "logistic | deep",
        "logistic | shape",
        "logistic | deep+shape",
    ]
    assert study.result.models[-1] == "dummy"
    prefixed = study_of()
    for name in study.result.models[:3]:
        np.testing.assert_allclose(
            study.result.oob_values(name), prefixed.result.oob_values(name), atol=1e-12
        )


def test_what_cannot_be_asked_is_refused():
    X, rate = cohort(20)

    def code(**options):
        with pytest.raises(EvaluationError) as caught:
            ablate(options.pop("table", X), rate, **options, label=MEDIAN)
        return caught.value.code

    assert code(blocks=["deep", "typo"]) == "missing_block"
    assert code(blocks="deep") == "missing_block"
    assert code(models="logistic") == "unknown_model"
    assert code(models=[]) == "unknown_model"
    many = pd.DataFrame(0.0, X.index, [f"b{k}__x" for k in range(9)])
    assert code(table=many) == "too_many_blocks"
    assert code(table=X[["meta__site"]]) == "no_block"
    assert code(table=rate) == "evaluation"
    with pytest.raises(EvaluationError, match="failed to fit"):
        ablate(X, rate, {"m": lambda blocks: make_pipeline(BlockSelector(blocks), Fails())},
               tr.Bootstrap632Plus(n_resamples=2), label=MEDIAN)  # fmt: skip


class Fails(LogisticRegression):
    def fit(self, X, y):
        raise ValueError("no")


def test_figures_show_every_configuration():
    study = study_of()
    ax = study.plot_forest()
    assert [label.get_text() for label in ax.get_yticklabels()] == study.result.models
    told = study.best_of_k().text.replace("; ", " ").split()
    assert ax.get_title(loc="left").split() == told  # on lines that fit
    above, matrix = study.plot_combinations()
    order = study.summary().query("n_blocks > 0").set_index("blocks")["auc_oob"]
    shown = next(line for line in above.lines if line.get_label() == "logistic")
    np.testing.assert_allclose(shown.get_ydata(), order.sort_values(ascending=False))
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["deep", "shape"]
    plt.close(ax.figure)
    plt.close(above.figure)


def test_rates_are_ablated_by_r2():
    X, rate = cohort()
    study = ablate(
        X, rate, {"linear": {}}, tr.Bootstrap632Plus(n_resamples=2), outcome="rate", blocks=["deep"]
    )
    assert study.result.models == ["linear | deep", "dummy"]
    assert study.result.headline == "r2_oob"
    assert study.best_of_k(n_resamples=20).measure == "r2"
    assert study.plot_forest().get_xlabel().startswith("R²")
    plt.close("all")


def test_nested_cross_validation_chooses_among_all_configurations(tmp_path):
    X, rate = cohort()
    scheme = tr.NestedCV(n_folds=3, n_inner_folds=2)
    ledger = StudyLedger(tmp_path)
    study = ablate(X, rate, {"logistic": {"Cs": (0.1,)}}, scheme, label=MEDIAN, ledger=ledger)
    combinations = study.result.models[:3]
    assert study.result.models[3:] == ["dummy", "selected"]
    alone = tr.evaluate(
        {name: tr.make_model("logistic", blocks=name.split(" | ")[1].split("+"), Cs=(0.1,))
         for name in combinations},
        X, rate, scheme, label=MEDIAN,
    )  # fmt: skip
    for name in (*combinations, "selected"):
        np.testing.assert_array_equal(study.result.oob_values(name), alone.oob_values(name))
    assert list(study.best_of_k(n_resamples=20).values) == combinations
    assert len(ledger.configurations()) == 4  # the chooser is no configuration
