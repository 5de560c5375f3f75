"""Faults that show while models are fitted, the library's own included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

import tumor_response as tr
from tests.unit.evaluation.leakage.planted_faults import (
    REMEMBERED,
    ByItsBatch,
    ByRow,
    LooksUp,
    Remembers,
    ScaledWithAll,
    StoppedByRows,
    StoppedByTheTestRows,
    TunedByHand,
    cohort,
    scaled_with_closure,
)
from tumor_response.evaluation.leakage import LeakageTrace, leakage_trace, trace_of_result
from tumor_response.evaluation.leakage.inner import fits_frame
from tumor_response.evaluation.leakage.one_resample import Work
from tumor_response.evaluation.leakage.study import Question
from tumor_response.models import folds
from tumor_response.transformers import MedianImputer

INNER = "copies of a patient across inner folds"
NOISE = "refit with out-of-bag rows replaced by noise"
BROUGHT = "rows of test patients that the model brings along"
ALONE = "test rows scored one by one"
EARLIER = "fits depend on earlier fits"
STATISTICS = "statistics of all rows in the model's parameters"
FITTED = "steps that arrive fitted"

SCHEME = tr.Bootstrap632Plus(n_resamples=6)
FRAME, OUTCOMES = cohort()
X = FRAME.drop(columns="meta__site")
RATE = OUTCOMES["rate_percent_per_day"]
Y = RATE.gt(RATE.median()).astype(float)
MEANS, SPREADS = X.mean(), X.std()


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=2000)


def traced(model: Any, n_resamples: int = 1, **given: Any) -> LeakageTrace:
    return leakage_trace({"m": model}, X, Y, SCHEME, n_resamples=n_resamples, **given)


def recorded_faults(trace: LeakageTrace) -> list[str]:
    return trace.faults("recorded")["check"].tolist()


def status_of(trace: LeakageTrace, check: str) -> str:
    frame = trace.recorded
    return str(frame.loc[frame["check"] == check, "status"].iloc[0])


@pytest.mark.parametrize(
    "model",
    [
        lambda: make_pipeline(
            StandardScaler(), GridSearchCV(logistic(), {"C": [0.1, 1.0]}, cv=KFold(5, shuffle=True))
        ),
        lambda: make_pipeline(
            StandardScaler(),
            LogisticRegressionCV(
                Cs=(0.01, 0.1),
                cv=KFold(4, shuffle=True),
                use_legacy_attributes=False,
                l1_ratios=(0.0,),
                scoring="neg_log_loss",
                max_iter=500,
            ),
        ),
        lambda: make_pipeline(
            StandardScaler(), CalibratedClassifierCV(logistic(), cv=KFold(4, shuffle=True))
        ),
        lambda: make_pipeline(StandardScaler(), RidgeClassifierCV()),
        lambda: HistGradientBoostingClassifier(early_stopping=True, max_iter=5, random_state=0),
        lambda: GradientBoostingClassifier(n_estimators=5, n_iter_no_change=2, random_state=0),
        StoppedByRows,
        TunedByHand,
    ],
)
def test_copies_on_both_sides_of_inner_splits_are_found(model: Callable[[], Any]) -> None:
    assert recorded_faults(traced(model())) == [INNER]


def test_a_splitter_of_rows_that_was_lucky_is_not_passed() -> None:
    # unshuffled, so that the copies of a patient, who follow each other, mostly stay together
    trace = traced(
        make_pipeline(StandardScaler(), GridSearchCV(logistic(), {"C": [0.1]}, cv=KFold(2)))
    )
    split_patients = trace.splits["n_both"].max()
    assert status_of(trace, INNER) == ("FAULT" if split_patients else "NOT CHECKABLE")


def test_two_lesions_of_a_patient_on_both_sides() -> None:
    frame, outcomes = cohort(n=24, lesions=2)
    rate = outcomes["rate_percent_per_day"]
    model = make_pipeline(StandardScaler(), logistic())
    trace = leakage_trace({"m": model}, frame, (rate > 0.9).astype(float), ByRow(), n_resamples=1)
    found = recorded_faults(trace)
    assert found[0] == "patients on both sides of a resample"
    assert "rows that fits saw" in found
    # the same rows under a scheme of patients
    whole = leakage_trace({"m": model}, frame, (rate > 0.9).astype(float), SCHEME, n_resamples=1)
    assert not recorded_faults(whole)


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_test_rows_in_early_stopping(kind: str) -> None:
    stop = X.iloc[40:] if kind == "frame" else X.iloc[40:].to_numpy()
    found = recorded_faults(traced(StoppedByTheTestRows(stop, Y.iloc[40:].to_numpy())))
    assert "test patients in early stopping or tuning" in found
    assert BROUGHT in found


@pytest.mark.parametrize("kind", ["parameter", "array", "closure"])
def test_a_scale_of_all_rows_that_the_model_brings_along(kind: str) -> None:
    step = {
        "parameter": lambda: ScaledWithAll(X),
        "array": lambda: ScaledWithAll(X.to_numpy()),
        "closure": lambda: scaled_with_closure(X),
    }[kind]()
    assert recorded_faults(traced(make_pipeline(step, logistic()))) == [BROUGHT]


def test_rows_that_are_brought_along_and_not_used_are_no_fault() -> None:
    trace = traced(make_pipeline(ScaledWithAll(X, uses_it=False), logistic()))
    assert status_of(trace, BROUGHT) == "passed"
    assert not recorded_faults(trace)


@pytest.mark.parametrize(
    ("step", "checks"),
    [
        (lambda: FrozenEstimator(StandardScaler().fit(X)), {STATISTICS, FITTED}),
        (lambda: FunctionTransformer(StandardScaler().fit(X).transform), {STATISTICS, FITTED}),
        (
            lambda: FunctionTransformer(lambda Z, m=MEANS, s=SPREADS: (Z - m) / s),
            {STATISTICS},
        ),
        (
            lambda: FunctionTransformer(
                lambda Z, fill: Z.fillna(fill), kw_args={"fill": X.median().to_dict()}
            ),
            {STATISTICS},
        ),
    ],
)
def test_statistics_and_fitted_steps_of_all_rows(step: Callable[[], Any], checks: set[str]) -> None:
    model = make_pipeline(step(), StandardScaler(), logistic())
    assert set(recorded_faults(traced(model))) == checks


def test_a_fitted_step_of_unknown_rows_is_not_passed() -> None:
    half = FrozenEstimator(StandardScaler().fit(X.iloc[:30]))
    trace = traced(make_pipeline(half, logistic()))
    assert status_of(trace, FITTED) == "NOT CHECKABLE"


def test_statistics_of_the_test_rows_at_prediction() -> None:
    found = recorded_faults(traced(make_pipeline(ByItsBatch(), logistic())))
    assert found == ["fits while scoring", ALONE]


def test_clean_pipelines_of_scikit_learn_pass() -> None:
    models = {
        "grid": GridSearchCV(
            make_pipeline(StandardScaler(), logistic()),
            {"logisticregression__C": [0.1, 1.0]},
            cv=tr.PatientKFold(3),
        ),
        "neighbours": make_pipeline(KNNImputer(), StandardScaler(), SVC()),
        "forest": RandomForestClassifier(10),  # no seed: NumPy's own generator
    }
    trace = leakage_trace(models, X, Y, SCHEME, n_resamples=1)
    assert set(trace.recorded["status"]) == {"passed"}
    assert (trace.fits["n_out"] == 0).all()
    assert trace.fits["n_copies"].max() > 0
    search = trace.splits[(trace.splits["model"] == "grid") & (trace.splits["n_splits"] > 0)]
    assert (search["n_both"] == 0).all()


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        ("response", tuple(n for n in tr.models.model_names() if n != "tabular_foundation")),
        ("rate", ("linear", "svm", "gaussian_process", "pls", "late_fusion", "clinical_first")),
        ("tertiles", ("ordinal", "xgboost")),
    ],
)
def test_named_models_pass(outcome: Any, names: tuple[str, ...]) -> None:
    frame, outcomes = cohort(n=30, p=24, lesions=2, seed=1)
    rate = outcomes["rate_percent_per_day"]
    small: dict[str, dict[str, Any]] = {"random_forest": {"n_trees": 10}}
    models = {name: tr.make_model(name, outcome=outcome, **small.get(name, {})) for name in names}
    y, label = rate, tr.ResponderCut("median") if outcome == "response" else None
    if outcome == "tertiles":
        y = tr.label_tertiles(outcomes)
    trace = leakage_trace(models, frame, y, SCHEME, label=label, outcomes=outcomes, n_resamples=1)
    assert set(trace.recorded["status"]) == {"passed"}, str(trace)
    assert trace.faults("suspected").empty or outcome == "tertiles", str(trace)


class TestTheLibraryItself:
    """The library is accused by the same record when a part of it is spoilt."""

    def test_a_cut_of_all_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = tr.ResponderCut.fit
        monkeypatch.setattr(tr.ResponderCut, "fit", lambda self, y: whole(self, known["all"]))

        known: dict[str, pd.Series] = {}
        labels = tr.evaluation.rows.EvaluationRows.labels

        def labels_of_all(self: Any, train: Any, test: Any) -> Any:
            known["all"] = self.outcome
            return labels(self, train, test)

        monkeypatch.setattr(tr.evaluation.rows.EvaluationRows, "labels", labels_of_all)
        known["all"] = RATE
        trace = leakage_trace(
            {"m": tr.make_model("logistic")},
            FRAME,
            RATE,
            SCHEME,
            label=tr.ResponderCut("median"),
            n_resamples=2,
        )
        assert NOISE in recorded_faults(trace)

    def test_folds_that_do_not_know_patients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def by_row(X: Any) -> Any:
            codes = np.arange(len(X))
            folds.tell_patients(X, codes)
            return codes

        monkeypatch.setattr("tumor_response.models.tuning.nested.patients_of", by_row)
        candidates = {
            name: make_pipeline(StandardScaler(), LogisticRegression(C=C))
            for name, C in (("a", 0.1), ("b", 1.0))
        }
        from tumor_response.models import BestOfInner

        assert recorded_faults(traced(BestOfInner(candidates))) == [INNER]

    def test_a_step_that_remembers_the_whole_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fit = MedianImputer.fit
        whole: dict[int, pd.DataFrame] = {}
        shown_to = tr.evaluation.rows.EvaluationRows.shown_to

        def remembered(self: Any, name: str) -> pd.DataFrame:
            whole[0] = shown_to(self, name)
            return whole[0]

        def fit_to_all(self: Any, frame: pd.DataFrame, y: Any = None) -> Any:
            return fit(self, whole[0][frame.columns], y)

        monkeypatch.setattr(tr.evaluation.rows.EvaluationRows, "shown_to", remembered)
        monkeypatch.setattr(MedianImputer, "fit", fit_to_all)
        trace = leakage_trace({"m": tr.make_model("logistic")}, FRAME, Y, SCHEME, n_resamples=1)
        assert recorded_faults(trace) == [NOISE]

    def test_values_changed_on_their_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tumor_response.evaluation.leakage import study

        prepare = study.prepare_rows

        def scaled(models: Any, table: Any, *others: Any) -> Any:
            numbers = table.select_dtypes("number")
            spread = (numbers - numbers.mean()) / numbers.std()
            return prepare(models, table.assign(**spread), *others)

        monkeypatch.setattr(study, "prepare_rows", scaled)
        found = recorded_faults(
            leakage_trace({"m": tr.make_model("logistic")}, FRAME, Y, SCHEME, n_resamples=1)
        )
        assert "values on their way from the table into the evaluation" in found
        assert NOISE in found


def test_a_finished_evaluation_is_run_again_and_gives_its_own_scores() -> None:
    models = {"m": tr.make_model("logistic", n_inner_folds=2)}
    result = tr.evaluate(models, FRAME, RATE, SCHEME, label=tr.ResponderCut("median"))
    trace = trace_of_result(result, FRAME, outcomes=OUTCOMES, n_resamples=2)
    assert not recorded_faults(trace)
    assert status_of(trace, "the watched runs are the evaluation's") == "passed"
    result.out_of_bag[0].scores["m"][0] += 1e-12
    other = trace_of_result(result, FRAME, n_resamples=2)
    assert status_of(other, "the watched runs are the evaluation's") == "NOT CHECKABLE"
    with pytest.raises(tr.exceptions.EvaluationError) as told:
        trace_of_result(result, FRAME.iloc[:, :4])
    assert told.value.code == "other_table"


def test_the_trace_is_the_same_in_whatever_parts_it_is_made() -> None:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    one, two = (traced(model, n_resamples=2) for _ in range(2))
    assert json.dumps(one.record()) == json.dumps(two.record())
    assert one.sha256 == two.sha256
    assert one.resamples == [0, 5]
    # what a process of its own is given
    question = Question({"m": model}, X, Y, SCHEME, None, None, "error", None)
    rows = question.rows()
    resamples = question.resamples(rows)
    work = Work(question, rows, 1)
    together = work([(0, resamples[0]), (5, resamples[5])])
    apart = [*work([(5, resamples[5])]), *work([(0, resamples[0])])][::-1]
    frames = [fits_frame(rows.patients, resamples, seen) for seen in (together, apart)]
    pd.testing.assert_frame_equal(*frames)
    assert [one.models["m"].alone for one in together] == [one.models["m"].alone for one in apart]


def test_classes_are_as_they_were_afterwards() -> None:
    before = {name: StandardScaler.__dict__[name] for name in ("fit", "transform")}
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    traced(make_pipeline(FunctionTransformer(lambda Z: {}["nothing"]), logistic()))
    assert {name: StandardScaler.__dict__[name] for name in before} == before
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_what_cannot_be_run_is_not_passed() -> None:
    def fails(Z: Any) -> Any:
        raise ValueError("not today")

    trace = traced(make_pipeline(FunctionTransformer(fails), logistic()))
    assert status_of(trace, "watched runs") == "NOT CHECKABLE"
    assert "not today" in str(trace)


def test_a_forest_without_a_seed_is_the_same_twice() -> None:
    forest = RandomForestClassifier(5, random_state=None)
    trace = traced(forest)
    assert recorded_faults(trace) == []
    assert status_of(trace, NOISE) == "passed"


@pytest.mark.parametrize("kind", ["first", "running"])
def test_a_step_that_remembers_earlier_fits(kind: str) -> None:
    REMEMBERED.clear()
    trace = traced(make_pipeline(Remembers(kind), logistic()))
    assert EARLIER in recorded_faults(trace)
    assert set(REMEMBERED) == {"mean"}  # as the watched run left it
    by_content = traced(make_pipeline(Remembers("by content"), logistic()))
    assert EARLIER not in recorded_faults(by_content)
    assert status_of(by_content, EARLIER) == "passed"


@pytest.mark.parametrize("values", ["harmonised", "own"])
def test_values_that_are_looked_up_by_patient(values: str) -> None:
    held = X if values == "own" else (X - MEANS).div(SPREADS)
    trace = traced(make_pipeline(LooksUp(held), logistic()))
    assert recorded_faults(trace) == ([] if values == "own" else [BROUGHT])
