"""The three intraclass correlations and their intervals are those of the R package psych."""

from __future__ import annotations

import subprocess
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.repeatability import icc

# rows of a set of measurements: set, subject, then its repeats
R_PROGRAM = """
suppressMessages(library(psych))
files <- commandArgs(trailingOnly = TRUE)
for (file in files) {
  x <- na.omit(as.matrix(read.csv(file, header = FALSE)))
  for (level in c(0.95, 0.8)) {
    found <- ICC(x, lmer = FALSE, alpha = 1 - level)$results[1:3, c(2, 7, 8)]
    for (i in 1:3) cat(file, level, i, format(unlist(found[i, ]), digits = 17), "\\n", sep = " ")
  }
}
"""


def sets() -> dict[str, np.ndarray]:
    """Sets of (n_subjects, n_repeats): sound, with offsets, noise, two of everything, with NaN."""
    rng = np.random.default_rng(30)
    between = rng.normal(size=(30, 1))
    tall = 100 + 20 * between + rng.normal(size=(30, 5))
    missing = between[:12] + 0.4 * rng.normal(size=(12, 3))
    missing[[2, 7], [0, 2]] = np.nan
    return {
        "sound": tall,
        "offsets": tall + 30 * np.arange(5),
        "noise": rng.normal(size=(15, 4)),
        "opposed": np.column_stack([between[:8], -between[:8]]) + 0.1 * rng.normal(size=(8, 2)),
        "near_one": 1e4 + between + 1e-3 * rng.normal(size=(30, 3)),
        "pairs": between[:10] + 0.5 * rng.normal(size=(10, 2)),
        "two": rng.normal(size=(2, 2)),
        "ties": np.round(between[:20] + rng.normal(size=(20, 3))),
        "skewed": np.exp(2 * between[:20] + rng.normal(size=(20, 6))),
        "missing": missing,
    }


@pytest.mark.needs("r")
def test_equal_to_psych(tmp_path: Path) -> None:
    paths = {}
    for name, values in sets().items():
        paths[name] = str(tmp_path / f"{name}.csv")
        text = pd.DataFrame(values).to_csv(
            index=False, header=False, float_format="%.17g", na_rep="NA"
        )
        Path(paths[name]).write_text(text, encoding="utf-8")
    (tmp_path / "icc.R").write_text(R_PROGRAM, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(tmp_path / "icc.R"), *paths.values()],
        capture_output=True,
        text=True,
        check=True,
    )
    names = ["file", "level", "kind", "value", "low", "high"]
    theirs = pd.read_csv(StringIO(done.stdout), sep=r"\s+", names=names)
    assert len(theirs) == 10 * 2 * 3
    for row in theirs.itertuples():
        name = Path(row.file).stem
        found = icc(sets()[name][:, :, None], f"{row.kind},1", confidence=row.level)
        ours = [found.value[0], found.low[0], found.high[0]]
        expected = pytest.approx([row.value, row.low, row.high], abs=1e-8, nan_ok=True)
        assert ours == expected, (name, row.kind)
    assert theirs["low"].isna().sum() == 2  # "opposed": ICC(2,1) has no degrees of freedom left
