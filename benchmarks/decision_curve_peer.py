"""Net benefit by the package dcurves, on predictions that a seed draws: an outside truth.

dcurves wants pandas below 3 and therefore cannot be installed beside this library. This script
needs dcurves, numpy and pandas only and runs in an environment of its own:

    python -m venv peer && peer/bin/pip install dcurves==1.1.7
    peer/bin/python benchmarks/decision_curve_peer.py

Writes benchmarks/results/decision_curve_dcurves.csv: one row per data set, model and threshold.
The predictions are not stored: `predictions()` draws them again for whoever compares.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "decision_curve_dcurves.csv"
THRESHOLDS = np.arange(1, 100) / 100


def predictions() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (y, p) by data set; no p lies on a threshold, where conventions might differ."""
    rng = np.random.default_rng(2006)
    sets = {}
    for name, n, shift in (("small", 41, 0.0), ("rare", 300, -2.0), ("useless", 120, 0.0)):
        true_log_odds = rng.normal(shift, 1.5, n)
        y = (rng.random(n) < 1 / (1 + np.exp(-true_log_odds))).astype(int)
        told = rng.normal(0.0, 1.5, n) if name == "useless" else true_log_odds * 1.7 + 0.3
        p = np.floor(1000 / (1 + np.exp(-told))) / 1000 + 0.0005
        sets[name] = (y, p)
    return sets


def main() -> None:
    """Let dcurves compute every curve and write them."""
    import pandas as pd
    from dcurves import dca

    parts = []
    for name, (y, p) in predictions().items():
        frame = pd.DataFrame({"y": y, "p": p})
        curve = dca(data=frame, outcome="y", modelnames=["p"], thresholds=THRESHOLDS)
        parts.append(curve[["model", "threshold", "net_benefit"]].assign(data=name))
    table = pd.concat(parts)[["data", "model", "threshold", "net_benefit"]]
    table.to_csv(RESULTS, index=False, float_format="%.12g")
    print(table.groupby(["data", "model"])["net_benefit"].describe())


if __name__ == "__main__":
    main()
