"""likelihood_ratio_test(): against R's anova of two glm, and every model that it is no test for."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation.comparison import likelihood_ratio_test
from tumor_response.exceptions import EvaluationError
from tumor_response.transformers import BlockSelector, LogTransformer, UnivariateFilter

AGE, VOLUME, SITE = "clinical__age", "clinical__volume_cc", "clinical__n_stage"


def cohort(n: int = 80, seed: int = 3) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i}" for i in range(n)], name="patient_id")
    X = pd.DataFrame(
        {
            AGE: rng.normal(60, 10, n),
            VOLUME: rng.lognormal(2, 0.8, n),
            SITE: rng.integers(0, 4, n).astype(float),
        },
        index=index,
    )
    eta = 0.05 * (X[AGE] - 60) + 0.04 * X[VOLUME] - 0.5
    return X, pd.Series((rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float), index)


@pytest.mark.needs("r")
def test_as_r_does_it(tmp_path):
    X, y = cohort()
    X.assign(y=y).to_csv(tmp_path / "cohort.csv", index=False)
    script = (
        f"d <- read.csv('{tmp_path}/cohort.csv'); e <- glm.control(epsilon=1e-14, maxit=100);"
        f"a <- glm(y ~ {VOLUME}, binomial, d, control=e);"
        f"b <- glm(y ~ {VOLUME} + {AGE} + {SITE}, binomial, d, control=e);"
        "t <- anova(a, b, test='LRT');"
        "cat(sprintf('%.17g', c(t$Deviance[2], t$Df[2], t$`Pr(>Chi)`[2], logLik(a), logLik(b))))"
    )
    run = subprocess.run(
        ["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True
    )
    deviance, df, p, small, large = map(float, run.stdout.split())
    found = likelihood_ratio_test([VOLUME], [VOLUME, AGE, SITE], X, y)
    assert found.df == df
    assert found.statistic == pytest.approx(deviance, abs=1e-9)
    assert found.p_value == pytest.approx(p, rel=1e-9)
    assert found.log_likelihood_smaller == pytest.approx(small, abs=1e-9)
    assert found.log_likelihood_larger == pytest.approx(large, abs=1e-9)


def test_as_statsmodels_does_it_with_pipelines_and_a_transformation():
    import statsmodels.api as sm

    X, y = cohort()
    small = make_pipeline(
        BlockSelector({"clinical": [VOLUME]}), LogTransformer(), LogisticRegression(C=np.inf)
    )
    large = make_pipeline(
        BlockSelector({"clinical": [VOLUME, AGE]}),
        LogTransformer(),
        StandardScaler(),
        LogisticRegression(C=np.inf),
    )
    values = {
        which: LogTransformer().fit_transform(X[columns])
        for which, columns in (("small", [VOLUME]), ("large", [VOLUME, AGE]))
    }
    logs = {k: sm.Logit(y, sm.add_constant(v)).fit(disp=0).llf for k, v in values.items()}
    found = likelihood_ratio_test(small, large, X, y)
    assert found.statistic == pytest.approx(2 * (logs["large"] - logs["small"]), abs=1e-8)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1))


def test_under_the_null_five_of_a_hundred_reject():
    """p values of a column that has nothing to do with the outcome are uniform."""
    p = []
    for seed in range(60):
        X, y = cohort(80, seed=1000 + seed)
        X["noise"] = np.random.default_rng(seed).normal(size=len(X))
        p.append(likelihood_ratio_test([VOLUME, AGE], [VOLUME, AGE, "noise"], X, y).p_value)
    assert np.mean(np.array(p) < 0.05) < 0.14
    assert 0.38 < np.mean(p) < 0.62


LARGE = LogisticRegression(C=np.inf)


@pytest.mark.parametrize(
    ("model", "code", "word"),
    [
        (LogisticRegression(), "penalised", "LogisticRegression"),
        (LogisticRegression(C=np.inf, class_weight="balanced"), "penalised", "unweighted"),
        (tr.make_model("logistic", Cs=(1.0,)), "penalised", "RidgeLogistic has a penalty"),
        (tr.make_model("logistic"), "tuned", "RidgeLogistic tunes"),
        (tr.make_model("xgboost"), "penalised", "not an unpenalised"),
        (GridSearchCV(LARGE, {"fit_intercept": [True]}), "tuned", "GridSearchCV"),
        (LogisticRegressionCV(l1_ratios=(0.0,), use_legacy_attributes=False), "tuned", "CV"),
        (make_pipeline(BlockSelector(), UnivariateFilter(1), LARGE), "selected", "univariate"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_other_models_are_refused_by_name(model, code, word):
    X, y = cohort()
    with pytest.raises(EvaluationError, match=word) as caught:
        likelihood_ratio_test([VOLUME], model, X, y)
    assert caught.value.code == code


def test_models_that_are_not_nested_are_refused():
    X, y = cohort()
    X["double"] = 2 * X[AGE] + 7
    for small, large in (([AGE], [VOLUME, SITE]), ([AGE, VOLUME], [AGE]), ([AGE], ["double"])):
        with pytest.raises(EvaluationError, match="not nested") as caught:
            likelihood_ratio_test(small, large, X, y)
        assert caught.value.code == "not_nested"
    # the same columns in other words are nested
    assert likelihood_ratio_test([AGE], ["double", VOLUME], X, y).df == 1


def test_rows_that_it_cannot_be_done_on_are_refused():
    X, y = cohort()

    def code(table: pd.DataFrame, outcome: pd.Series) -> str | None:
        with pytest.raises(EvaluationError) as caught:
            likelihood_ratio_test([VOLUME], [VOLUME, AGE], table, outcome)
        return caught.value.code

    separated = X.assign(**{AGE: y * 10 + np.linspace(0, 1, len(y))})
    assert code(separated, y) == "separation"
    assert code(X.mask(X[AGE] > 70), y) == "missing_values"
    assert code(X, y * 0) == "y"
    assert code(X, y.where(y > 0)) == "y"
    assert code(X.rename(columns={AGE: "other"}), y) == "missing_columns"
    lesions = pd.MultiIndex.from_arrays(
        [[f"P{i // 2}" for i in range(len(X))], ["1", "2"] * (len(X) // 2)],
        names=["patient_id", "lesion_id"],
    )
    assert code(X.set_axis(lesions), y.set_axis(lesions)) == "repeated_patients"
