"""StableColumns: the correlation of the fold, from the training lesions' repeats and no others."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

import tumor_response as tr
from tests.unit.repeat_rules import stored_repeats
from tumor_response.evaluation.controls import permutation_null, table_controls
from tumor_response.evaluation.kept_fits import KeptFits
from tumor_response.exceptions import EvaluationError, FeatureError, ModelError, SettingsError
from tumor_response.transformers import BlockSelector, StableColumns, selection_record, stable_steps
from tumor_response.transformers.stable import with_stable

KEY = "views__repeats__key"
COLUMNS = [f"radiomics__{n:02d}" for n in range(12)]


def plain_icc(values):
    """ICC(1,1) of one column, (n_subjects, k), written out: Shrout and Fleiss (1979)."""
    n, k = len(values), len(values[0])
    grand = sum(sum(row) for row in values) / (n * k)
    means = [sum(row) / k for row in values]
    between = k * sum((mean - grand) ** 2 for mean in means) / (n - 1)
    within = sum((x - m) ** 2 for row, m in zip(values, means, strict=True) for x in row)
    within /= n * (k - 1)
    return (between - within) / (between + (k - 1) * within)


def plain_choice(values, min_icc=0.75):
    return [plain_icc(values[:, :, c].tolist()) >= min_icc for c in range(values.shape[2])]


class Study:
    """40 patients, some of them with two lesions; columns from hardly to well repeatable."""

    def __init__(self, folder, n_lesions=48, seed=0):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(n_lesions, 1, len(COLUMNS)))
        noise = np.linspace(0.1, 1.3, len(COLUMNS))
        self.values = truth + noise * rng.normal(size=(n_lesions, 5, len(COLUMNS)))
        self.folder = folder
        self.keys = stored_repeats(folder, self.values, COLUMNS)
        patients = [f"P{n % 40:02d}" for n in range(n_lesions)]
        lesions = [str(1 + n // 40) for n in range(n_lesions)]
        index = pd.MultiIndex.from_arrays([patients, lesions], names=["patient_id", "lesion_id"])
        self.X = pd.DataFrame(self.values[:, 0], index=index, columns=COLUMNS)
        self.X["clinical__age"] = rng.normal(60, 9, n_lesions)
        self.X["meta__day"] = 1.0
        self.X[KEY] = self.keys
        logit = self.X[COLUMNS[0]] + 0.5 * self.X[COLUMNS[1]]
        self.y = (logit + rng.logistic(size=n_lesions) > 0).astype(int)

    def step(self, **changed):
        return StableColumns(**{"store": self.folder, **changed})


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("made") / "store")


@pytest.fixture
def study(made_once, tmp_path):
    study = copy(made_once)
    study.folder = Path(shutil.copytree(made_once.folder, tmp_path / "store"))
    return study


def _state(step):
    return {name: pickle.dumps(value) for name, value in vars(step).items()}


def test_the_choice_is_that_of_a_plain_script_on_the_training_rows(study):
    rng = np.random.default_rng(1)
    differs = 0
    for _ in range(20):
        train = np.sort(rng.choice(len(study.X), 24, replace=False))
        step = study.step().fit(study.X[[*COLUMNS, KEY]].iloc[train])
        expected = [plain_icc(study.values[train, :, c].tolist()) for c in range(len(COLUMNS))]
        np.testing.assert_allclose(step.icc_, expected, rtol=1e-10)
        assert step.support_.tolist() == plain_choice(study.values[train])
        assert step.n_lesions_ == 24
        differs += step.support_.tolist() != plain_choice(study.values)
    assert differs > 5, "the whole cohort would choose otherwise"


def test_copies_of_a_bootstrap_sample_count_once_in_any_order(study):
    X = study.X[[*COLUMNS, KEY]]
    once = study.step().fit(X.iloc[:30])
    rng = np.random.default_rng(2)
    rows = rng.permutation(np.concatenate([np.arange(30), rng.integers(0, 30, 25)]))
    assert _state(study.step().fit(X.iloc[rows])) == _state(once)
    assert (once.n_lesions_, once.n_patients_, once.n_without_) == (30, 30, 0)
    everybody = study.step().fit(X)
    assert (everybody.n_lesions_, everybody.n_patients_) == (48, 40)


def test_repeats_of_test_lesions_have_no_say_and_those_of_training_lesions_have(study):
    X = study.X[[*COLUMNS, KEY]]
    fitted = study.step().fit(X.iloc[:30])
    store, rng = tr.ViewStore(study.folder), np.random.default_rng(3)
    for key in study.keys[30:]:
        store.put(key, rng.normal(size=(5, len(COLUMNS))))
    assert _state(study.step().fit(X.iloc[:30])) == _state(fitted)
    noise = 5 * rng.normal(size=(5, len(COLUMNS)))
    noise[0] = study.values[0, 0]
    store.put(study.keys[0], noise)
    assert _state(study.step().fit(X.iloc[:30])) != _state(fitted)


def test_each_fit_of_an_evaluation_chooses_by_its_own_training_lesions(study, tmp_path):
    store = tr.ViewStore(study.folder)
    model = tr.make_model("logistic", stable=study.step(store=store), Cs=(0.1,))
    assert list(model.named_steps)[:3] == ["blocks", "stable", "encode"]
    X = study.X.copy()
    X.loc[X.index[5], KEY] = None  # no repeats: scored as anybody, and without a say
    scheme = tr.RepeatedKFold(n_folds=4, n_repeats=1, seed=0)
    result = tr.evaluate(
        {"stable": model}, X, study.y, scheme, directory=tmp_path / "run", keep_fits=True
    )
    assert len(result.rows.X) == len(X)
    chosen = set()
    for number, resample in enumerate(result.resamples):
        fitted = KeptFits(tmp_path / "run").load("stable", number)
        lesions = np.setdiff1d(np.unique(resample.train), [5])
        expected = plain_choice(study.values[lesions])
        step = fitted.named_steps["stable"]
        assert step.support_.tolist() == [*expected, True]
        assert (step.source_, step.n_lesions_) == ("training repeats", len(lesions))
        assert step.n_without_ == (5 in resample.train)
        scores = fitted.predict_proba(X.drop(columns=KEY).iloc[resample.test])[:, 1]
        np.testing.assert_array_equal(scores, result.out_of_bag[number].scores["stable"])
        record = selection_record(fitted)
        of_step = record[record["step"] == "stable"]
        assert set(of_step["reason"]) == {"not_repeatable"}
        assert len(of_step) == len(COLUMNS) - sum(expected)
        chosen.add(tuple(expected))
    assert len(chosen) > 1
    explained = tr.explain(result, "stable")
    assert explained.values.shape == (len(X), len(COLUMNS) + 1)
    outputs = explained.base_values + explained.values.sum(axis=1)
    np.testing.assert_allclose(outputs, explained.outputs, atol=1e-6)
    dropped_always = ~np.array(sorted(chosen)).any(axis=0)
    assert (explained.values[np.array(COLUMNS)[dropped_always]] == 0).all(axis=None)


@pytest.mark.parametrize("name", ["xgboost", "late_fusion", "random_forest", "average"])
def test_every_kind_of_named_model_takes_it(study, name):
    model = tr.make_model(name, stable=study.step(min_icc=0.8))
    X = study.X.drop(columns="meta__day")
    model.fit(X, study.y)
    kept = model.named_steps["stable"].get_feature_names_out().tolist()
    assert 1 < len(kept) < len(COLUMNS)
    assert model.predict_proba(X.drop(columns=KEY)).shape == (len(X), 2)


def test_a_pipeline_of_ones_own_is_shown_the_keys(study):
    model = make_pipeline(study.step(), LogisticRegression())
    scheme = tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=0)
    X = study.X[[*COLUMNS, KEY]]
    result = tr.evaluate({"own": model}, X, study.y, scheme)
    assert result.rows.columns["own"] == [*COLUMNS, KEY]


def test_a_pipeline_of_ones_own_is_chosen_among_in_nested_folds(study):
    models = {
        "own": make_pipeline(study.step(min_patients=5), LogisticRegression()),
        "named": tr.make_model("logistic", stable=study.step(min_patients=5), Cs=(0.1,)),
    }
    scheme = tr.NestedCV(n_folds=2, n_repeats=1, n_inner_folds=2, seed=0)
    result = tr.evaluate(models, study.X[[*COLUMNS, KEY]], study.y, scheme)
    assert result.summary().loc["selected"].notna().any()


def test_it_stands_before_whatever_changes_values(study):
    named = tr.make_model("logistic", Cs=(0.1,))
    doubled = FunctionTransformer(_doubled, feature_names_out="one-to-one")
    model = with_stable(Pipeline([("first", doubled), *named.steps]), study.step())
    assert list(model.named_steps)[:3] == ["stable", "first", "blocks"]
    result = tr.evaluate(
        {"all": model, "plain": with_stable(named, study.step())},
        study.X,
        study.y,
        tr.RepeatedKFold(n_folds=2, n_repeats=1, seed=0),
    )
    for name in ("all", "plain"):
        fitted = clone(result.rows.models[name]).fit(study.X, study.y)
        kept = fitted.named_steps["stable"].get_feature_names_out()
        assert [one in kept for one in COLUMNS] == plain_choice(study.values)


def _doubled(X):
    return X.assign(**{column: 2 * X[column] for column in X if column.startswith("radiomics")})


def test_words_say_whose_repeats_decide():
    own = tr.make_model("logistic", stable=StableColumns(0.8, bound="lower", perturbations="scan"))
    told = stable_steps(own)[0].sentence()
    assert "lower 95 % limit of ICC(1,1) is 0.8 or more" in told
    assert "(scan) of its own training lesions" in told
    assert "external set" in StableColumns(icc={"a": 1.0}).sentence()
    assert stable_steps(tr.make_model("logistic")) == []


def test_another_process_finds_the_store(study):
    X = study.X[[*COLUMNS, KEY]].iloc[:30]
    X.to_pickle(study.folder / "rows.pkl")
    script = (
        "import pandas as pd; from tumor_response.transformers import StableColumns; "
        f"X = pd.read_pickle({str(study.folder / 'rows.pkl')!r}); "
        f"print(StableColumns(store={str(study.folder)!r}).fit(X).icc_.tobytes().hex())"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert told.stdout.decode().strip() == study.step().fit(X).icc_.tobytes().hex()


def test_columns_without_repeats_pass_and_are_told(study):
    step = study.step().fit(study.X.drop(columns="meta__day"))
    assert step.stability_.loc["clinical__age", "status"] == "no_repeats"
    assert step.stability_.loc[COLUMNS[0], "status"] == "passes"
    assert step.stability_.loc[COLUMNS[-1], "status"] == "fails"
    out = step.transform(study.X)
    assert out.columns.tolist() == step.get_feature_names_out().tolist()
    assert KEY not in out
    assert "clinical__age" in out
    pd.testing.assert_series_equal(out[COLUMNS[0]], study.X[COLUMNS[0]])


def test_a_perturbation_counts_where_it_applies(tmp_path):
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(20, 1, 4)), 4, axis=1)
    values[:, 1:3, 1] += 2 * rng.normal(size=(20, 2))  # sensitive to noise
    values[:, 3, 2] += 2 * rng.normal(size=20)  # sensitive to bin width
    values[:, 3, 3] = np.nan  # deep: there are no bins
    columns = ["radiomics__a", "radiomics__b", "radiomics__c", "deep__x"]
    names = ["noise", "noise", "bin_width"]
    keys = stored_repeats(tmp_path, values, columns, names, {"bin_width": ["radiomics"]})
    X = pd.DataFrame(values[:, 0], columns=columns)
    X[KEY] = keys

    def passing(perturbations):
        step = StableColumns(store=tmp_path, perturbations=perturbations).fit(X)
        return step.stability_["status"].tolist()

    assert passing("noise") == ["passes", "fails", "passes", "passes"]
    assert passing(["bin_width"]) == ["passes", "passes", "fails", "not_applicable"]
    assert passing(None) == ["passes", "fails", "fails", "passes"]
    with pytest.raises(FeatureError) as unknown:
        passing("rotation")
    assert unknown.value.code == "perturbation_unknown"


def test_a_column_that_few_lesions_repeat_fails_with_its_reason(study):
    store = tr.ViewStore(study.folder)
    for key, values in zip(study.keys[:40], study.values[:40].copy(), strict=True):
        values[2, 0] = np.nan
        store.put(key, values)
    step = study.step().fit(study.X[[*COLUMNS, KEY]])
    found = step.stability_.loc[COLUMNS[0]]
    assert (found["status"], found["reason"], found["n_lesions"]) == (
        "fails",
        "too_few_complete",
        8,
    )
    assert np.isnan(step.dropped_.loc[COLUMNS[0], "value"])


def test_no_block_is_lost(study):
    step = study.step(min_icc=0.999, at_least=2).fit(study.X.drop(columns="meta__day"))
    assert step.get_feature_names_out().tolist() == [*COLUMNS[:2], "clinical__age"]
    assert step.stability_["status"].value_counts().to_dict() == {
        "fails": 10,
        "kept_as_best": 2,
        "no_repeats": 1,
    }


def test_the_lower_limit_is_stricter(study):
    X = study.X[[*COLUMNS, KEY]]
    estimate, lower = (study.step(bound=bound).fit(X) for bound in ("estimate", "lower"))
    assert lower.support_.sum() < estimate.support_.sum()
    assert (lower.support_ == (lower.low_ >= 0.75)).all()


def test_an_external_set_is_said_to_be_one(study):
    known = pd.Series(np.linspace(0.9, 0.3, 12), index=COLUMNS).drop(COLUMNS[3])
    known[COLUMNS[4]] = np.nan
    X = study.X[COLUMNS]
    step = clone(StableColumns(0.6, icc=known.to_dict(), store="nowhere")).fit(X)
    expected = known >= 0.6
    assert step.source_ == "external set"
    assert step.support_.tolist() == [expected.get(name, True) for name in COLUMNS]
    assert set(step.dropped_["reason"]) == {"not_repeatable_external"}
    assert step.stability_.loc[COLUMNS[4], "reason"] == "not_given"
    model = tr.make_model("logistic", stable=step, Cs=(0.1,))
    model.fit(study.X.drop(columns=[KEY]), study.y)


def test_external_numbers_are_kept_with_the_fits(study, tmp_path):
    known = pd.Series(np.linspace(0.9, 0.3, 12), index=COLUMNS)
    model = tr.make_model("logistic", stable=StableColumns(icc=known.to_dict()), Cs=(0.1,))
    scheme = tr.RepeatedKFold(n_folds=2, n_repeats=1, seed=0)
    tr.evaluate(model, study.X, study.y, scheme, directory=tmp_path / "run", keep_fits=True)
    step = KeptFits(tmp_path / "run").load("model", 0).named_steps["stable"]
    assert step.support_.tolist() == [*(known >= 0.75), True]


def test_two_key_columns_are_told_apart(study):
    X = study.X.assign(views__axial__key="ab" * 32)
    with pytest.raises(ModelError) as two:
        study.step().fit(X)
    assert two.value.code == "key_column"
    model = tr.make_model("logistic", stable=study.step(column=KEY), Cs=(0.1,))
    model.fit(X, study.y)
    assert model.named_steps["stable"].n_lesions_ == 48


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda s: s.step().fit(s.X.drop(columns=KEY)), "key_column"),
        (lambda s: s.step().fit(s.X[[*COLUMNS, KEY]].iloc[:9]), "too_few_repeats"),
        (lambda s: s.step().fit(s.X.assign(**{KEY: None})), "too_few_repeats"),
        (lambda s: s.step().fit(s.X[["clinical__age", KEY]]), "no_repeats"),
        (lambda s: s.step(icc={"x": 1.0}).fit(s.X[COLUMNS]), "no_repeats"),
        (lambda s: s.step().fit(s.X.assign(radiomics__00=1.0)), "repeats_of_other_values"),
        (lambda s: s.step(store=s.folder / "none").fit(s.X), "view_store"),
        (lambda s: s.step().fit(s.X.assign(**{KEY: [*s.keys[:-1], "cd" * 32]})), "view_missing"),
        (lambda s: s.step().fit(s.X.to_numpy()), "not_a_frame"),
        (lambda s: s.step(min_icc=1.0).fit(s.X), "model"),
        (lambda s: s.step(kind="4,1").fit(s.X), "model"),
        (lambda s: s.step(bound="upper").fit(s.X), "model"),
        (lambda s: s.step(min_patients=1).fit(s.X), "model"),
        (lambda s: s.step(at_least=0).fit(s.X), "model"),
        (lambda s: s.step(icc=pd.Series({COLUMNS[0]: 1.0})).fit(s.X), "model"),
        (lambda s: s.step(icc={"x": 1.0}, bound="lower").fit(s.X), "model"),
        (lambda s: tr.make_model("volume_only", stable=s.step()), "model"),
        (lambda s: tr.make_model("logistic", stable=0.75), "model"),
    ],
)
def test_what_cannot_be_judged_says_the_way_out(study, spoil, code):
    with pytest.raises((ModelError, FeatureError, SettingsError)) as refused:
        spoil(study)
    assert refused.value.code == code


def test_a_selector_hands_keys_on_when_asked_and_scores_rows_without(study):
    blocks = {"radiomics": COLUMNS[:2]}
    selector = BlockSelector(blocks, keys=True).fit(study.X)
    assert selector.transform(study.X).columns.tolist() == [*COLUMNS[:2], KEY]
    assert selector.get_feature_names_out().tolist() == [*COLUMNS[:2], KEY]
    without = selector.transform(study.X.drop(columns=KEY))
    assert without.columns.tolist() == COLUMNS[:2]
    assert BlockSelector(blocks).fit_transform(study.X).columns.tolist() == COLUMNS[:2]


def test_beside_combat_it_judges_values_that_are_not_yet_harmonised(study):
    site = pd.Categorical(np.where(np.arange(len(study.X)) % 2, "A", "B"))
    X = study.X.assign(meta__site=site)
    X.loc[X["meta__site"] == "A", COLUMNS] += 3.0
    with pytest.raises(EvaluationError, match=r"unaltered"):
        _evaluated_with_combat(study, X)  # values that were moved have no repeats of their own
    result = _evaluated_with_combat(study, study.X.assign(meta__site=site))
    assert np.isfinite(result.oob_aucs("m")).all()
    assert list(result.rows.models["m"].named_steps)[:3] == ["stable", "harmonise", "blocks"]


def _evaluated_with_combat(study, X):
    model = tr.make_model("logistic", ["radiomics"], stable=study.step(), harmonise="combat")
    return tr.evaluate({"m": model}, X, study.y, tr.Bootstrap632Plus(n_resamples=3, seed=0))


def test_controls_refuse_what_has_no_repeats_of_altered_values(study):
    model = tr.make_model("logistic", ["radiomics"], stable=study.step())
    with pytest.raises(EvaluationError, match="without stable=") as refused:
        table_controls(model, study.X, study.y)
    assert refused.value.code == "unsupported_model"
    result = tr.evaluate({"m": model}, study.X, study.y, tr.Bootstrap632Plus(n_resamples=3))
    null = permutation_null(result, "m", n_permutations=19, n_resamples=2)
    assert 0 < null.p_value <= 1
