"""Calibration statistics of rms, lowess of R and weighted kappa of psych, on fixed predictions."""

from __future__ import annotations

import subprocess
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

import tumor_response as tr
from tumor_response.evaluation.performance import (
    brier_score,
    lowess,
    optimism,
    optimism_table,
    quadratic_weighted_kappa,
    recalibration,
    val_prob,
)

pytestmark = pytest.mark.needs("r")


def run_r(program: str, folder: Path, **tables: pd.DataFrame) -> pd.DataFrame:
    """Run a program that finds the tables as data frames and prints one as CSV."""
    reads = []
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        reads.append(f'{name} <- read.csv("{folder / name}.csv")')
    script = folder / "program.R"
    script.write_text("\n".join(["options(digits = 17)", *reads, program]), encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(script)], capture_output=True, text=True, check=True
    )
    return pd.read_csv(StringIO(done.stdout))


def predictions() -> pd.DataFrame:
    """Sets of (y, p): calibrated, overfitted, timid, turned round, with ties, small."""
    rng = np.random.default_rng(11)
    parts = []
    for name, n, stretch, shift in (
        ("calibrated", 400, 1.0, 0.0),
        ("overfitted", 250, 2.5, 0.3),
        ("timid", 250, 0.4, -0.5),
        ("turned", 150, -0.7, 0.0),
        ("ties", 200, 1.2, 0.0),
        ("small", 24, 1.5, 0.0),
        ("fine", 400, 1.0, 0.0),
    ):
        truth = rng.normal(0, 1.2, n)
        p = expit(stretch * truth + shift)
        y = (rng.random(n) < expit(truth)).astype(int)
        p = np.clip(np.round(p, 1), 0.05, 0.95) if name == "ties" else p
        # rms counts pairs in classes of probability 0.002 wide: one value in each, but in "fine"
        p = p if name == "fine" else np.floor(500 * p) / 500 + 0.001
        parts.append(pd.DataFrame({"set": name, "y": y, "p": p}))
    return pd.concat(parts)


# rms fits with lrm.fit, which stops once the likelihood gains less than its `eps`, 0.025 unless
# told otherwise, so that its recalibration is good to a few digits. The second run gives val.prob
# the same lrm.fit with a smaller eps, and concordances that are counted without classes.
VAL_PROB = """
suppressMessages(library(rms))
exact <- val.prob
environment(exact) <- new.env(parent = environment(val.prob))
assign("lrm.fit", function(...) rms::lrm.fit(..., eps = 1e-12), environment(exact))
rows <- NULL
for (name in unique(data$set)) {
  one <- data[data$set == name, ]
  for (how in c("as_is", "exact")) {
    statistics <- (if (how == "exact") exact else val.prob)(one$p, one$y, pl = FALSE)
    if (how == "exact")
      statistics[c("Dxy", "C (ROC)")] <- Hmisc::somers2(one$p, one$y)[c("Dxy", "C")]
    rows <- rbind(rows, data.frame(set = name, how, statistic = names(statistics),
                                   value = as.numeric(statistics)))
  }
}
write.csv(format(rows, digits = 17), row.names = FALSE, quote = FALSE)
"""


def test_val_prob_is_that_of_rms(tmp_path):
    data = predictions()
    theirs = run_r(VAL_PROB, tmp_path, data=data)
    for column in ("set", "how", "statistic"):
        theirs[column] = theirs[column].str.strip()
    theirs["value"] = pd.to_numeric(theirs["value"], errors="coerce")
    recalibrated = {"U", "U:Chi-sq", "U:p", "Q", "Intercept", "Slope"}
    for name, one in data.groupby("set", sort=False):
        ours = val_prob(one["y"], one["p"])["value"]
        for how in ("as_is", "exact"):
            part = theirs[(theirs["set"] == name) & (theirs["how"] == how)]
            values = part.set_index("statistic")["value"]
            loose = recalibrated if how == "as_is" else set()
            loose = loose | {"Dxy", "C (ROC)"} if (name, how) == ("fine", "as_is") else loose
            for statistic in ours.index:
                tolerance = 1e-3 if statistic in loose else 1e-8
                assert ours[statistic] == pytest.approx(values[statistic], abs=tolerance), (
                    name,
                    how,
                    statistic,
                )


def test_lowess_is_that_of_r(tmp_path):
    rng = np.random.default_rng(3)
    parts = []
    for number, n in enumerate([2, 3, 7, 30, 97, 260, 40, 150]):
        x = [rng.random(n), np.round(rng.random(n), 1), rng.beta(0.3, 0.3, n)][number % 3]
        x = np.where(rng.random(n) < 0.8, 0.5, x) if number > 5 else x
        parts.append(pd.DataFrame({"set": number, "x": x, "y": (rng.random(n) < x) * 1.0}))
    program = """
    rows <- NULL
    for (number in unique(data$set)) {
      one <- data[data$set == number, ]
      for (share in c(2 / 3, 0.3)) {
        smooth <- lowess(one$x, one$y, f = share, iter = 0)
        rows <- rbind(rows, data.frame(set = number, share, delta = -1, smooth))
        smooth <- lowess(one$x, one$y, f = share, iter = 0, delta = 0)
        rows <- rbind(rows, data.frame(set = number, share, delta = 0, smooth))
      }
    }
    write.csv(format(rows, digits = 17), row.names = FALSE, quote = FALSE)
    """
    data = pd.concat(parts)
    theirs = run_r(program, tmp_path, data=data)
    for (number, share, delta), part in theirs.groupby(["set", "share", "delta"]):
        one = data[data["set"] == number]
        x, smooth = lowess(one["x"], one["y"], share, None if delta < 0 else delta)
        np.testing.assert_allclose(x, part["x"], atol=1e-14)
        np.testing.assert_allclose(smooth, part["y"], atol=1e-11)


def test_quadratic_kappa_is_that_of_psych(tmp_path):
    rng = np.random.default_rng(8)
    y = rng.integers(0, 3, 70)
    told = np.clip(y + rng.integers(-1, 2, 70), 0, 2)
    program = """
    suppressMessages(library(psych))
    kappa <- cohen.kappa(data)$weighted.kappa
    write.csv(data.frame(kappa = format(kappa, digits = 17)), row.names = FALSE, quote = FALSE)
    """
    theirs = run_r(program, tmp_path, data=pd.DataFrame({"y": y, "told": told}))
    assert quadratic_weighted_kappa(y, told) == pytest.approx(theirs["kappa"][0], abs=1e-12)


VALIDATE = """
suppressMessages(library(rms))
set.seed(1)
fit <- lrm(y ~ x1 + x2 + x3 + x4, data = data, x = TRUE, y = TRUE, eps = 1e-10)
# group: resampled within the classes, as Bootstrap632Plus does
found <- validate(fit, B = 500, group = data$y)
found <- found[c("Dxy", "Slope", "B"), c("index.orig", "optimism", "index.corrected")]
write.csv(format(data.frame(unclass(found)), digits = 17), quote = FALSE)
"""


def test_optimism_is_that_of_rms_validate(tmp_path):
    rng = np.random.default_rng(4)
    index = pd.Index([f"P{i:03d}" for i in range(90)], name="patient_id")
    X = pd.DataFrame(rng.normal(size=(90, 4)), index=index, columns=["x1", "x2", "x3", "x4"])
    y = (rng.random(90) < expit(0.9 * X["x1"] - 0.5 * X["x2"])).astype(int).rename("y")
    theirs = run_r(VALIDATE, tmp_path, data=X.assign(y=y)).set_index("Unnamed: 0")
    theirs.index = theirs.index.str.strip()

    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    table = X.rename(columns="clinical__{}".format)
    result = tr.evaluate({"m": model}, table, y, tr.Bootstrap632Plus(n_resamples=300, seed=2))
    values, labels = X.to_numpy(), y.to_numpy()
    own, whole = [], []
    for resample in result.resamples:
        p = model.fit(values[resample.train], labels[resample.train]).predict_proba(values)[:, 1]
        for kept, rows in ((own, resample.train), (whole, slice(None))):
            slope = recalibration(labels[rows], p[rows]).slope
            kept.append((slope, brier_score(labels[rows], p[rows])))
    p = model.fit(values, labels).predict_proba(values)[:, 1]
    auc = optimism_table(result).loc["m"]
    own, whole = np.array(own), np.array(whole)
    found = {
        "Slope": optimism(recalibration(labels, p).slope, own[:, 0], whole[:, 0]),
        "B": optimism(brier_score(labels, p), own[:, 1], whole[:, 1]),
    }
    ours = {name: (one.apparent, one.optimism, one.standard_error) for name, one in found.items()}
    ours["Dxy"] = (2 * auc["apparent"] - 1, 2 * auc["optimism"], 2 * auc["standard_error"])
    for name, (apparent, gained, error) in ours.items():
        assert apparent == pytest.approx(theirs.loc[name, "index.orig"], abs=1e-5), name
        # both sides have drawn resamples of their own, 300 and 500
        allowed = 4 * error * np.sqrt(1 + 300 / 500)
        assert abs(gained) > 2 * allowed, f"{name}: no optimism would pass as well"
        assert gained == pytest.approx(theirs.loc[name, "optimism"], abs=allowed), name
        corrected = theirs.loc[name, "index.corrected"]
        assert apparent - gained == pytest.approx(corrected, abs=allowed), name
