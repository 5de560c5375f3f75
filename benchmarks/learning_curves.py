"""Measure how far a learning curve of 96 patients can be trusted beyond them.

Each study draws 96 patients with 60 normal columns, ten of which decide the response, estimates the
learning curve of a ridge logistic model (25 splits) and asks it for the AUC with 72, 192 and 384
training patients, and for the patients that an AUC of 0.75 would take. The truth is known: the mean
AUC on 20,000 fresh patients of models trained on 60 other draws of that many. The seeds are fixed
here.

Run:  python benchmarks/learning_curves.py [--studies 100]
Writes benchmarks/results/learning_curves.csv (a row per study and size; a started file is carried
on) and the figure of the first two studies to docs/_figures/learning_curve.png; prints bias, spread
and coverage.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.planning import LearningCurve, learning_curve
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, figure_style, mm_to_inch

FIRST_SEED = 9001
N_PATIENTS, N_COLUMNS, N_SIGNAL, EFFECT = 96, 60, 10, 0.45
ASKED = (72, 192, 384)
TARGET = 0.75
RESULTS = Path(__file__).parent / "results" / "learning_curves.csv"
FIGURE = Path("docs/_figures/learning_curve.png")


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw columns and responses."""
    X = rng.normal(size=(n, N_COLUMNS))
    chance = 1 / (1 + np.exp(-EFFECT * X[:, :N_SIGNAL].sum(axis=1)))
    return X, (rng.random(n) < chance).astype(int)


def model() -> LogisticRegression:
    """Return the model, unfitted."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.03))


def truth(n: int) -> float:
    """Return the AUC to expect with n training patients."""
    rng = np.random.default_rng([FIRST_SEED, n])
    fresh, y_fresh = draw(rng, 20_000)
    found = []
    for _ in range(60):
        X, y = draw(rng, n)
        found.append(auc(y_fresh, model().fit(X, y).decision_function(fresh)))
    return float(np.mean(found))


def curve_of(seed: int) -> LearningCurve:
    """Return the learning curve of one study."""
    rng = np.random.default_rng(seed)
    X, y = draw(rng, N_PATIENTS)
    index = pd.Index([f"P{i:03d}" for i in range(N_PATIENTS)], name="patient_id")
    table = pd.DataFrame(X, index=index, columns=[f"deep__n__{i:02d}" for i in range(N_COLUMNS)])
    outcome = pd.Series(y.astype(float), index=index)
    return learning_curve({"ridge": model()}, table, outcome, n_repeats=25, seed=seed)


def one(seed: int) -> list[dict[str, float]]:
    """Return what the curve of one study says."""
    curve = curve_of(seed)
    says = curve.expected("ridge", list(ASKED))
    needed = curve.patients_for("ridge", TARGET)
    return [
        {
            "seed": seed,
            "n_patients": n,
            **says.loc[n].to_dict(),
            "needed": needed.n,
            "needed_low": needed.low,
            "needed_high": needed.high,
        }
        for n in ASKED
    ]


def told(frame: pd.DataFrame) -> None:
    """Print how the answers compare with the truth."""
    for n, part in frame.groupby("n_patients"):
        true = truth(int(n))
        held = ((part["ci_low"] <= true) & (true <= part["ci_high"])).mean()
        print(
            f"{n} training patients: true {true:.3f}, said {part['auc'].mean():.3f}, SD "
            f"{part['auc'].std():.3f}, mean width {(part['ci_high'] - part['ci_low']).mean():.3f}, "
            f"coverage {held:.2f} +- {1.96 * np.sqrt(held * (1 - held) / len(part)):.2f}, "
            f"{len(part)} studies"
        )
    grid = np.arange(280, 561, 40)
    reached = float(np.interp(TARGET, [truth(int(n)) for n in grid], grid))
    asked = frame.drop_duplicates("seed")
    within = np.isfinite(asked["needed"])
    print(
        f"patients for {TARGET}: true {reached:.0f}; not within reach in {(~within).mean():.2f} of "
        f"the studies, median of the others {asked.loc[within, 'needed'].median():.0f}; interval "
        f"holds the truth in "
        f"{((asked['needed_low'] <= reached) & (reached <= asked['needed_high'])).mean():.2f}"
    )


def draw_two() -> None:
    """Draw the first two studies with the true curve."""
    sizes = np.array([18, 24, 40, 72, 96, 130, 192])
    true = [truth(int(n)) for n in sizes]
    with figure_style():
        figure, axes = plt.subplots(
            1,
            2,
            figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(72)),
            sharey=True,
            layout="constrained",
        )
        for ax, seed in zip(axes, (FIRST_SEED, FIRST_SEED + 1), strict=True):
            curve_of(seed).plot(ax=ax, auc=TARGET)
            ax.plot(sizes, true, color=COLOURS[6], linewidth=1, label="truth")
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=150)


def main() -> None:
    """Run all studies that the file does not hold yet, and draw the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=100)
    arguments = parser.parse_args()
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {row["seed"] for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.studies):
        if seed not in done:
            rows += one(seed)
            pd.DataFrame(rows).round(6).to_csv(RESULTS, index=False)
    draw_two()
    told(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
