"""DeLong's variance, interval and paired test are those of the R package pROC."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.evaluation.intervals import delong, delong_test

# direction "<" throughout: pROC would otherwise turn a score that runs the other way
R_PROGRAM = """
suppressMessages(library(pROC))
data <- read.csv(commandArgs(trailingOnly = TRUE)[1])
show <- function(...) cat(..., "\\n")
of <- function(name) roc(data$y, data[[name]], levels = c(0, 1), direction = "<", quiet = TRUE)
scores <- setdiff(names(data), "y")
for (name in scores) {
  curve <- of(name)
  limits <- ci.auc(curve, conf.level = 0.9, method = "delong")
  found <- c(auc(curve), var(curve, method = "delong"), limits[1], limits[3])
  show(name, format(found, digits = 17))
}
for (name in setdiff(scores, "first")) {
  test <- roc.test(of("first"), of(name), method = "delong", paired = TRUE)
  found <- c(test$statistic, test$p.value)
  show(paste0("first-", name), format(found, digits = 17))
}
"""


@pytest.mark.needs("r")
def test_delong_equals_proc(tmp_path: Path) -> None:
    rng = np.random.default_rng(21)
    n = 131
    y = (rng.random(n) < 0.35).astype(int)
    first = y + rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "y": y,
            "first": first,
            "near": first + 0.3 * rng.normal(size=n),
            "other": 0.5 * y + rng.normal(size=n),
            "turned": -first,
            "ties": np.round(first),
            "two_values": (first > 0.2).astype(float),
            "almost_perfect": y + 0.7 * rng.random(n) + 0.4 * (rng.random(n) < 0.05),
        }
    )
    frame.to_csv(tmp_path / "scores.csv", index=False, float_format="%.17g")
    (tmp_path / "delong.R").write_text(R_PROGRAM, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(tmp_path / "delong.R"), str(tmp_path / "scores.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    people = np.arange(n)
    theirs = {
        name: [float(value) for value in values]
        for name, *values in map(str.split, done.stdout.splitlines())
    }
    ours: dict[str, list[float]] = {}
    for name in frame.columns.drop("y"):
        found = delong(y, frame[name], people)
        ours[name] = [found.auc, found.variance, *found.limits(level=0.9)]
        if name != "first":
            test = delong_test(y, frame["first"], frame[name], people)
            ours[f"first-{name}"] = [test.z, test.p_value]
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        assert ours[name] == pytest.approx(values, abs=1e-10), name
    assert theirs["turned"][0] < 0.5  # otherwise the direction was not what we asked for
    assert theirs["almost_perfect"][3] == 1.0  # pROC cuts off at 1, and so do we
