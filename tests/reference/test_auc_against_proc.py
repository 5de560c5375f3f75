"""The AUC is that of the R package pROC, ties and turned scores included."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.evaluation import auc

# direction "<": controls are expected below cases, and a score that runs the other way gives an
# AUC below 0.5; pROC's default would turn it round
R_PROGRAM = """
suppressMessages(library(pROC))
data <- read.csv(commandArgs(trailingOnly = TRUE)[1])
for (name in setdiff(names(data), "y")) {
  curve <- roc(data$y, data[[name]], levels = c(0, 1), direction = "<", quiet = TRUE)
  cat(name, format(as.numeric(auc(curve)), digits = 17), "\\n")
}
"""


@pytest.mark.needs("r")
def test_auc_equals_proc(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    y = (rng.random(97) < 0.4).astype(int)
    continuous = y + rng.normal(size=97)
    frame = pd.DataFrame(
        {
            "y": y,
            "continuous": continuous,
            "turned": -continuous,
            "many_ties": np.round(continuous),
            "two_values": (continuous > 0.3).astype(float),
            "constant": np.ones(97),
            "perfect": y + 0.5 * rng.random(97),
            "huge": continuous * 1e300,
            "tiny_steps": 1.0 + continuous * 1e-14,
        }
    )
    frame.to_csv(tmp_path / "scores.csv", index=False, float_format="%.17g")
    (tmp_path / "auc.R").write_text(R_PROGRAM, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(tmp_path / "auc.R"), str(tmp_path / "scores.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}
    ours = {name: auc(frame["y"], frame[name]) for name in frame.columns.drop("y")}
    assert ours.keys() == theirs.keys()
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert theirs["turned"] < 0.5  # otherwise the direction was not what we asked for
