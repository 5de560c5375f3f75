"""How often the intervals of the statistics of agreement hold the truth.

Normal lesions and errors with an ICC of .5, .8 or .95, no shift between repeats, or (``shift``) a
third of the lesions' standard deviation added to the first repeat; 4,000 columns for each setting.
The truth of ICC(3,1) does not know the shift, those of ICC(1,1) and of the concordance do; with
shifts that are fixed ICC(1,1) and ICC(2,1) have no truth to be covered and are left out there. wCV
is of errors of 3 % or 10 % of the value, whatever the ICC.

Run:  python -P benchmarks/agreement_coverage.py
Writes benchmarks/results/agreement_coverage.csv (coverage of nominal .95).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from tumor_response.repeatability import (
    Agreement,
    ccc,
    icc,
    repeatability_coefficient,
    within_subject_cv,
)

RESULTS = Path(__file__).parent / "results" / "agreement_coverage.csv"
N_COLUMNS = 4000
AT_ONCE = 500


def covered(found: Agreement, truth: float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(np.mean((found.low <= truth) & (truth <= found.high)))


def one(n: int, k: int, truth: float, shift: float, rng: np.random.Generator) -> dict[str, float]:
    """Return the coverage of each statistic in some columns of one setting."""
    error = np.sqrt(1 / truth - 1)
    values = rng.normal(size=(n, 1, AT_ONCE)) + error * rng.normal(size=(n, k, AT_ONCE))
    values[:, 0] += shift
    pairs = k * (k - 1) / 2
    concordance = 2 * pairs / (2 * pairs * (1 + error**2) + (k - 1) * shift**2)
    found = {
        "icc_31": covered(icc(values, "3,1"), truth),
        "ccc": covered(ccc(values), concordance),
    }
    if not shift:
        found |= {
            "icc_11": covered(icc(values, "1,1"), truth),
            "icc_21": covered(icc(values, "2,1"), truth),
            "rc": covered(repeatability_coefficient(values), 1.96 * np.sqrt(2) * error),
        }
        for cv in (0.03, 0.1):
            sizes = np.exp(rng.normal(size=(n, 1, AT_ONCE)))
            relative = sizes * (1 + cv * rng.normal(size=(n, k, AT_ONCE)))
            found[f"wcv_{cv:g}"] = covered(within_subject_cv(relative), cv)
    return found


def main() -> None:
    """Run all settings and write the table."""
    rng = np.random.default_rng(0)
    rows = []
    for n, k, truth, shift in itertools.product(
        (10, 18, 100), (2, 4, 31), (0.5, 0.8, 0.95), (0.0, 1 / 3)
    ):
        parts = [one(n, k, truth, shift, rng) for _ in range(N_COLUMNS // AT_ONCE)]
        setting = {"n_lesions": n, "n_repeats": k, "icc": truth, "shift": round(shift, 2)}
        rows.append(setting | pd.DataFrame(parts).mean().to_dict())
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(RESULTS, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
