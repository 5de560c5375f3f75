"""Logistic, linear and proportional-odds coefficients are those of R's glm, lm and MASS::polr."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.models import OrdinalRidge, RidgeLogistic, RidgeRegression

R_PROGRAM = """
suppressMessages(library(MASS))
data <- read.csv(commandArgs(trailingOnly = TRUE)[1])
columns <- c("a", "b", "c")
form <- function(outcome) as.formula(paste(outcome, "~ a + b + c"))
say <- function(name, values) cat(name, format(as.numeric(values), digits = 17), "\\n")
exact <- glm.control(epsilon = 1e-14, maxit = 100)
# quasibinomial: the estimates of binomial, without a word about weights that are no counts
fitted <- glm(form("label"), quasibinomial, data, control = exact)
say("glm", coef(fitted))
say("glm_deviance", deviance(fitted))
say("glm_weighted", coef(glm(form("label"), quasibinomial, data, weights = w, control = exact)))
say("lm_weighted", coef(lm(form("rate"), data, weights = w)))
data$third <- factor(data$third, ordered = TRUE)
for (name in c("polr", "polr_weighted")) {
  weights <- if (name == "polr") rep(1, nrow(data)) else data$w
  close <- list(reltol = 1e-16, maxit = 1000)
  fitted <- polr(form("third"), data, weights = weights, control = close)
  say(name, c(coef(fitted), fitted$zeta))
  say(paste0(name, "_probabilities"), predict(fitted, data[1:4, ], type = "probs"))
}
"""


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 150
    frame = pd.DataFrame(rng.normal(size=(n, 3)) * [1, 5, 0.2] + [0, 40, 1], columns=list("abc"))
    latent = frame["a"] - 0.2 * frame["b"] + 2 * frame["c"] + rng.logistic(size=n)
    frame["rate"] = latent
    frame["label"] = (latent > latent.median()).astype(int)
    frame["third"] = np.digitize(latent, latent.quantile([1 / 3, 2 / 3]))
    return frame.assign(w=rng.uniform(0.2, 3, n))


@pytest.fixture(scope="module")
def theirs(data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder: Path = tmp_path_factory.mktemp("r")
    data.to_csv(folder / "data.csv", index=False, float_format="%.17g")
    (folder / "models.R").write_text(R_PROGRAM, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(folder / "models.R"), str(folder / "data.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: np.array(values, dtype=np.float64) for name, *values in lines}


@pytest.mark.needs("r")
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_coefficients_equal_glms(data, theirs, weighted):
    X, weight = data[["a", "b", "c"]], data["w"] if weighted else None
    model = RidgeLogistic(Cs=(1e8,)).fit(X, data["label"], sample_weight=weight)
    mine = [model.intercept_[0], *model.coef_[0]]
    np.testing.assert_allclose(mine, theirs["glm_weighted" if weighted else "glm"], atol=1e-6)
    if not weighted:
        chance = model.predict_proba(X)[np.arange(len(X)), data["label"]]
        assert -2 * np.log(chance).sum() == pytest.approx(theirs["glm_deviance"][0], abs=1e-8)


@pytest.mark.needs("r")
def test_linear_coefficients_equal_lms(data, theirs):
    model = RidgeRegression(alphas=(1e-10,))
    model.fit(data[["a", "b", "c"]], data["rate"], sample_weight=data["w"])
    mine = [model.intercept_[0], *model.coef_[0]]
    np.testing.assert_allclose(mine, theirs["lm_weighted"], atol=1e-8)


@pytest.mark.needs("r")
@pytest.mark.parametrize("weighted", [False, True])
def test_proportional_odds_equal_polrs(data, theirs, weighted):
    X, weight = data[["a", "b", "c"]], data["w"] if weighted else None
    model = OrdinalRidge(Cs=(1e9,)).fit(X, data["third"], sample_weight=weight)
    name = "polr_weighted" if weighted else "polr"
    # polr ends where its quasi-Newton steps no longer lower the deviance, some 1e-5 away
    np.testing.assert_allclose([*model.coef_[0], *model.cut_points_], theirs[name], rtol=2e-4)
    np.testing.assert_allclose(
        model.predict_proba(X.iloc[:4]).ravel(order="F"),
        theirs[f"{name}_probabilities"],
        atol=1e-4,
    )
