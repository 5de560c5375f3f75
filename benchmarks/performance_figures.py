"""Draw the figures of the guide's page on performance.

A cohort of 96 patients with 12 normal columns, four of which carry a signal; two logistic
regressions on 200 bootstrap resamples, one without a penalty to speak of and one with a strong one.

Run:  python benchmarks/performance_figures.py
Writes docs/_figures/performance.png and prints the table of figures.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation import performance
from tumor_response.style import DOUBLE_COLUMN_MM, figure_style, mm_to_inch

FIGURE = Path(__file__).parents[1] / "docs" / "_figures" / "performance.png"


def evaluated() -> tr.EvaluationResult:
    """Return the evaluation that is drawn."""
    rng = np.random.default_rng(96)
    index = pd.Index([f"P{i:02d}" for i in range(96)], name="patient_id")
    X = pd.DataFrame(
        rng.normal(size=(96, 12)), index=index, columns=[f"deep__n__{i:02d}" for i in range(12)]
    )
    odds = np.exp(0.7 * X.iloc[:, :4].sum(axis=1) - 0.6)
    y = (rng.random(96) < odds / (1 + odds)).astype(float).rename("response")
    models = {
        "hardly penalised": make_pipeline(StandardScaler(), LogisticRegression(C=1000)),
        "strongly penalised": make_pipeline(StandardScaler(), LogisticRegression(C=0.02)),
    }
    return tr.evaluate(models, X, y, tr.Bootstrap632Plus(n_resamples=200, seed=0))


def main() -> None:
    """Draw and print."""
    mpl.use("Agg")
    result = evaluated()
    with figure_style():
        figure, axes = plt.subplots(
            1, 3, figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(82)), layout="constrained"
        )
        performance.draw_calibration(result, result.models, axes[0])
        performance.draw_decision_curve(result, result.models, axes[1])
        performance.draw_precision_recall(result, result.models, axes[2])
        for ax in axes:
            ax.title.set_fontsize(5.5)
        figure.savefig(FIGURE, dpi=200)
    print(performance.performance_table(result).round(3).to_string())


if __name__ == "__main__":
    main()
