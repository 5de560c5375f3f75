"""Measure how often each interval covers the AUC, on fresh patients, of the refitted model.

Every study draws n patients, half of them responders, from two normal distributions with the same
correlations, so that the AUC of any linear score on fresh patients is known exactly:
Phi(b'd / sqrt(2 b'S b)) for coefficients b, shift of the means d and covariance S. A ridge
logistic regression (C = 1 on columns that together have variance 1) is fitted to all patients,
which gives the target, to 200 bootstrap resamples and to 4 times 5 folds. Only the cohort differs
between the studies of a cell; the seeds are fixed here.

p = 1 and p = 5: equicorrelated columns (0.3). p = 1,500: one factor shared by all columns and
fifteen shared by blocks of a hundred, as radiomics columns have them; the classes differ in the
shared factor and in three of the fifteen. Signal: the AUC of the best linear score is .50, .65 or
.80.

The fits are done by Newton's method in the span of the rows; the first study of every cell is
compared with the library's RidgeLogistic, and the benchmark stops if the scores differ by more
than 1e-6.

Run:  python benchmarks/coverage.py --work FOLDER [--studies 500] [--columns 1 5 1500] [--n-jobs 2]
Studies lie in FOLDER in rounds of 50; what is there is not made again. Writes
benchmarks/results/coverage.csv (one row per cell and method) and docs/_figures/coverage.png.
"""

from __future__ import annotations

if __name__ == "coverage":
    # numba looks for the package of this name, and finds this file when a neighbour is run as a
    # script; an ImportError is what it takes for "not installed"
    raise ImportError("benchmarks/coverage.py is no package for test coverage")

import argparse
import multiprocessing
import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import lapack
from scipy.special import expit, ndtr, ndtri
from scipy.stats import binomtest

from tumor_response.evaluation.intervals.delong import obuchowski
from tumor_response.evaluation.intervals.influence import (
    pair_influence,
    variance_about_target,
    variance_of_estimate,
)
from tumor_response.evaluation.intervals.jackknife import (
    concordance_without_each,
    jackknife_after_bootstrap,
)
from tumor_response.evaluation.intervals.ledell import ledell
from tumor_response.evaluation.intervals.limits import logit_limits
from tumor_response.evaluation.intervals.shifted import SMALLEST_SHARE
from tumor_response.evaluation.metrics import auc_632, auc_632plus
from tumor_response.models import RidgeLogistic
from tumor_response.models.ridge_path import newton_path
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, mm_to_inch

FloatArray = npt.NDArray[np.float64]

FIRST_SEED = 9301
N_PATIENTS = (50, 100, 250)
N_COLUMNS = (1, 5, 1500)
BEST_AUC = {"none": 0.50, "weak": 0.65, "medium": 0.80}
N_RESAMPLES, N_FOLDS, N_REPEATS = 200, 5, 4
ROUND = 50
"""Studies of a cell that are made in one go; all cells have their round before the next."""

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "coverage.csv"
FIGURE = HERE.parent / "docs" / "_figures" / "coverage.png"


@dataclass(frozen=True)
class Cell:
    """Studies of one size, number of columns and signal."""

    n: int
    p: int
    signal: str

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"n{self.n}_p{self.p}_{self.signal}"


@dataclass(frozen=True)
class Population:
    """Columns = loadings @ factors + own noise; the responders' means lie ``shift`` higher."""

    loadings: FloatArray
    own_variance: FloatArray
    shift: FloatArray

    def draw(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw n patients, half of them responders."""
        p, n_factors = self.loadings.shape
        y = np.repeat([0.0, 1.0], n // 2)
        X = rng.standard_normal((n, n_factors)) @ self.loadings.T
        if self.own_variance.any():
            X += rng.standard_normal((n, p)) * np.sqrt(self.own_variance)
        return X + y[:, None] * self.shift, y

    def auc(self, beta: FloatArray) -> float:
        """Return the AUC of the score X @ beta on fresh patients."""
        variance = ((self.loadings.T @ beta) ** 2).sum() + (self.own_variance * beta**2).sum()
        return float(ndtr(beta @ self.shift / np.sqrt(2.0 * variance)))


def population(p: int, signal: str) -> Population:
    """Return the population of p columns whose best linear score has the signal's AUC."""
    distance = float(np.sqrt(2.0) * ndtri(BEST_AUC[signal]))
    if p < 100:
        covariance = 0.7 * np.eye(p) + 0.3
        direction = np.zeros(p)
        direction[:2] = (1.0, 0.6)[:p]
        length = np.sqrt(direction @ np.linalg.solve(covariance, direction))
        loadings = np.linalg.cholesky(covariance)
        return Population(loadings, np.zeros(p), distance * direction / length)
    uneven = np.random.default_rng(FIRST_SEED).uniform(0.5, 1.0, size=(p, 2))
    loadings = np.zeros((p, 16))
    loadings[:, 0] = 0.6 * uneven[:, 0]
    loadings[np.arange(p), 1 + np.arange(p) * 15 // p] = 0.75 * uneven[:, 1]
    factors = np.zeros(16)
    factors[:4] = 1.0, 0.8, 0.8, 0.8
    own = 1.0 - (loadings**2).sum(axis=1)
    shift = loadings @ factors
    # d' S^-1 d by Woodbury: the covariance is diagonal plus the factors'
    scaled = loadings / own[:, None]
    inner = np.linalg.inv(np.eye(16) + loadings.T @ scaled)
    across = shift @ scaled
    length = np.sqrt((shift**2 / own).sum() - across @ inner @ across)
    return Population(loadings, own, distance * shift / length)


def fit_all(
    X: FloatArray, y: FloatArray, weights: FloatArray, C: float
) -> tuple[FloatArray, FloatArray]:
    """Fit a ridge logistic regression per row of weights; scores of all rows, first beta."""
    if X.shape[1] < len(X):
        solution = newton_path(X, y, weights, np.array([C]))[0]
        return solution[:, :1] + solution[:, 1:] @ X.T, solution[0, 1:]
    gram = X @ X.T
    start = np.full(len(y), np.log(y.mean() / (1.0 - y.mean())))
    scores, dual = np.empty(weights.shape), np.empty(weights.shape)
    for number, weight in enumerate(weights):
        dual[number], intercept = _fit_in_span(gram, y, weight, C, start)
        scores[number] = gram @ dual[number] + intercept
        start = scores[0]
    return scores, X.T @ dual[0]


def _fit_in_span(
    gram: FloatArray, y: FloatArray, weight: FloatArray, C: float, start: FloatArray
) -> tuple[FloatArray, float]:
    """Newton's method on the rows of positive weight; coefficients are X.T @ dual."""
    used = np.nonzero(weight)[0]
    inner, label, size = gram[np.ix_(used, used)], y[used], len(used)
    right, diagonal = np.ones((size, 2)), np.arange(size)
    score = start[used]
    for _ in range(50):
        probability = expit(score)
        curvature = probability * (1.0 - probability)
        left = inner.copy()
        left[diagonal, diagonal] += 1.0 / (C * weight[used] * curvature)
        right[:, 0] = score + (label - probability) / curvature
        _, solved, failed = lapack.dposv(left, right, overwrite_a=1)
        if failed:
            raise ArithmeticError(f"dposv: {failed}")
        intercept = solved[:, 0].sum() / solved[:, 1].sum()
        found = solved[:, 0] - intercept * solved[:, 1]
        new = inner @ found + intercept
        moved = np.abs(new - score).max()
        score = new
        if moved < 1e-3:  # what is left is at the level of its square
            break
    dual = np.zeros(len(y))
    dual[used] = found
    return dual, float(intercept)


def weighted_aucs(scores: FloatArray, weights: FloatArray, y: FloatArray) -> FloatArray:
    """Return the AUC of each row of scores with these weights; scores are continuous, no ties."""
    order = np.argsort(scores, axis=1)
    sorted_weights = np.take_along_axis(weights, order, axis=1)
    positive = y[order] * sorted_weights
    negative = sorted_weights - positive
    below = np.cumsum(negative, axis=1)
    return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))


def draw_weights(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw stratified bootstrap counts, and the 0/1 training weights of repeated folds."""
    half = n // 2
    counts = rng.multinomial(half, np.full(half, 1.0 / half), size=(2, N_RESAMPLES))
    deal = np.array(
        [
            np.concatenate([rng.permutation(np.arange(half) % N_FOLDS) for _ in range(2)])
            for _ in range(N_REPEATS)
        ]
    )
    keep = (deal[:, None, :] != np.arange(N_FOLDS)[:, None]).reshape(-1, n)
    return np.concatenate([counts[0], counts[1]], axis=1).astype(float), keep.astype(float)


def one_study(cell: Cell, study: int) -> dict[str, float]:
    """Simulate one study; return its target, estimates and standard errors."""
    people = population(cell.p, cell.signal)
    place = [FIRST_SEED, cell.n, cell.p, list(BEST_AUC).index(cell.signal), study]
    rng = np.random.default_rng(place)
    X, y = people.draw(cell.n, rng)
    counts, kept = draw_weights(cell.n, rng)
    C = 1.0 / cell.p
    scores, beta = fit_all(X, y, np.vstack([np.ones(cell.n), counts, kept]), C)
    if study == 0:
        _check_fits(X, y, counts, scores, C)
    full, booted, folded = np.split(scores, [1, 1 + N_RESAMPLES])
    return {
        "study": study,
        "target": people.auc(beta),
        "auc_apparent": float(weighted_aucs(full, np.ones((1, cell.n)), y)[0]),
        **_of_bootstrap(y, booted, counts),
        **_of_folds(y, folded, kept),
    }


def _check_fits(
    X: FloatArray, y: FloatArray, counts: FloatArray, scores: FloatArray, C: float
) -> None:
    for number in range(3):
        library = RidgeLogistic(Cs=(C,)).fit(X, y, sample_weight=counts[number])
        worst = np.abs(library.decision_function(X) - scores[1 + number]).max()
        if worst > 1e-6:
            raise ArithmeticError(f"A score differs from RidgeLogistic's by {worst:.2g}.")


def _of_bootstrap(y: FloatArray, scores: FloatArray, counts: FloatArray) -> dict[str, float]:
    out = counts == 0
    people = np.arange(len(y))
    oob = weighted_aucs(scores, out.astype(float), y)
    train = weighted_aucs(scores, counts, y)
    original = weighted_aucs(scores, np.ones_like(counts), y)
    test = [np.nonzero(row)[0] for row in out]
    classes = [y[rows] for rows in test]
    tested = [score[rows] for score, rows in zip(scores, test, strict=True)]
    influence = pair_influence(classes, tested, test, counts, people)
    without = np.full(counts.shape, np.nan)
    for number, rows in enumerate(test):
        names, values = concordance_without_each(classes[number], tested[number], rows)
        without[number, names] = values
    corrected, raw = jackknife_after_bootstrap(without, oob, counts)
    bagged = obuchowski(y, np.where(out, scores, 0.0).sum(axis=0) / out.sum(axis=0), people)
    low, high = np.percentile(oob, [2.5, 97.5])
    train_low, train_high = np.percentile(train, [2.5, 97.5])
    return {
        "auc_oob": oob.mean(),
        "oob_low": low,
        "oob_high": high,
        "oob_sd": oob.std(ddof=1),
        "train_low": train_low,
        "train_high": train_high,
        "train_sd": train.std(),
        "optimism": (train - original).mean(),
        "auc_pairs": influence.estimate,
        "tested": (influence.tested**2).sum(),
        "cross": (influence.tested * influence.trained).sum(),
        "trained": (influence.trained**2).sum(),
        "noise": influence.noise,
        "jackknife": corrected,
        "jackknife_raw": raw,
        "auc_bagged": bagged.auc,
        "bagged": bagged.variance,
    }


def _of_folds(y: FloatArray, scores: FloatArray, kept: FloatArray) -> dict[str, float]:
    test = [np.nonzero(row == 0)[0] for row in kept]
    classes = [y[rows] for rows in test]
    tested = [score[rows] for score, rows in zip(scores, test, strict=True)]
    once = slice(0, N_FOLDS)
    run = ledell(classes[once], tested[once], test[once], [0] * N_FOLDS, np.arange(len(y)))
    values = weighted_aucs(scores, 1.0 - kept, y)
    return {
        "auc_cv": values.mean(),
        "fold_sd": values.std(ddof=1),
        "auc_cv_once": run.auc,
        "ledell_once": run.variance,
    }


def round_of(cell: Cell, number: int, work: Path) -> None:
    """Make the studies of one round of a cell, unless they are there."""
    kept = work / f"{cell.name}_{number:02d}.csv"
    if kept.exists():
        return
    rows = [one_study(cell, study) for study in range(number * ROUND, (number + 1) * ROUND)]
    half_done = kept.with_suffix(".part")
    pd.DataFrame(rows).to_csv(half_done, index=False)
    half_done.rename(kept)


def read(cell: Cell, work: Path) -> pd.DataFrame | None:
    """Return the studies of a cell that there are."""
    kept = sorted(work.glob(f"{cell.name}_*.csv"))
    return pd.concat([pd.read_csv(one) for one in kept], ignore_index=True) if kept else None


Limits = tuple[float, float]
NONE = (np.nan, np.nan)


def _shifted(row: pd.Series, estimate: float) -> Limits:
    if row["train_sd"] < SMALLEST_SHARE * np.sqrt(np.exp(-1.0)) * row["oob_sd"]:
        return NONE
    moved = row["auc_apparent"] - estimate
    return row["train_low"] - moved, row["train_high"] - moved


def _jackknife(row: pd.Series) -> Limits:
    if np.isnan(row["jackknife"]):
        return NONE
    return logit_limits(row["auc_oob"], np.sqrt(row["jackknife"]))


def _hanley_mcneil(row: pd.Series, n: int) -> Limits:
    area, half = row["auc_oob"], n // 2
    one, other = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    spread = area * (1 - area) + (half - 1) * (one + other - 2 * area**2)
    return logit_limits(area, np.sqrt(spread) / half)


def limits_of(row: pd.Series, n: int) -> dict[str, Limits]:
    """Return the limits of all methods of one study, by the library's formulas."""
    area = row["auc_oob"]
    influence = row[["tested", "cross", "trained", "noise"]]
    about_target = variance_about_target(influence["tested"], influence["cross"])
    resampled = row["oob_sd"] * np.sqrt(1 / N_RESAMPLES + np.exp(-1.0) / (1 - np.exp(-1.0)))
    folded = row["fold_sd"] * np.sqrt(1 / (N_FOLDS * N_REPEATS) + 1 / (N_FOLDS - 1))
    return {
        "oob_combined": logit_limits(
            area, max(np.sqrt(about_target), resampled), df=N_RESAMPLES - 1
        ),
        "oob_influence": logit_limits(area, np.sqrt(about_target)),
        "oob_percentile": (row["oob_low"], row["oob_high"]),
        "corrected_resampled": logit_limits(area, resampled, df=N_RESAMPLES - 1),
        "delta_after_bootstrap": logit_limits(area, np.sqrt(variance_of_estimate(**influence))),
        "jackknife_after_bootstrap": _jackknife(row),
        "bagged_scores": logit_limits(area, np.sqrt(row["bagged"])),
        "location_shifted": _shifted(row, row["auc_apparent"] - row["optimism"]),
        "location_shifted_632": _shifted(row, auc_632(row["auc_apparent"], area)),
        "location_shifted_632plus": _shifted(row, auc_632plus(row["auc_apparent"], area)),
        "hanley_mcneil at n": _hanley_mcneil(row, n),
        "folds: corrected_resampled": logit_limits(
            row["auc_cv"], folded, df=N_FOLDS * N_REPEATS - 1
        ),
        "folds: ledell": logit_limits(row["auc_cv_once"], np.sqrt(row["ledell_once"])),
    }


def summarise(cells: list[Cell], work: Path) -> pd.DataFrame:
    """Return one row per cell and method, of the studies that there are."""
    rows = []
    for cell in cells:
        studies = read(cell, work)
        if studies is None:
            continue
        target = studies["target"].to_numpy()
        found = [limits_of(row, cell.n) for _, row in studies.iterrows()]
        for method in found[0]:
            low, high = np.array([one[method] for one in found]).T
            made = np.isfinite(low)
            covers = (low <= target) & (target <= high)
            exact = (
                binomtest(int(covers.sum()), int(made.sum())).proportion_ci()
                if made.any()
                else None
            )
            centre = studies["auc_oob"]
            if method.startswith("folds"):
                centre = studies["auc_cv_once" if method.endswith("ledell") else "auc_cv"]
            rows.append(
                {
                    "n": cell.n,
                    "p": cell.p,
                    "signal": cell.signal,
                    "method": method,
                    "studies": len(studies),
                    "refused": int((~made).sum()),
                    "coverage": covers.sum() / made.sum() if made.any() else np.nan,
                    "coverage_low": np.nan if exact is None else exact.low,
                    "coverage_high": np.nan if exact is None else exact.high,
                    "target_below": (target < low).sum() / made.sum() if made.any() else np.nan,
                    "width": (high - low)[made].mean() if made.any() else np.nan,
                    "target": target.mean(),
                    "bias": (centre - target).mean(),
                    "rmse": float(np.sqrt(((centre - target) ** 2).mean())),
                }
            )
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame) -> None:
    """Draw coverage and width of every method, one dot for each cell."""
    import matplotlib.pyplot as plt

    frame = frame.dropna(subset="coverage")
    methods = list(frame["method"].unique())
    cell = ["n", "p", "signal"]
    percentile = frame[frame["method"] == "oob_percentile"].set_index(cell)["width"]
    frame = frame.join(percentile.rename("reference"), on=cell)
    with figure_style():
        size = (mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(104))
        figure, (left, right) = plt.subplots(
            1, 2, figsize=size, layout="constrained", sharey=True, width_ratios=(2, 1)
        )
        left.axvspan(0.93, 0.97, color=NEUTRAL, alpha=0.18, linewidth=0)
        left.axvline(0.95, color=NEUTRAL, linewidth=0.6)
        right.axvline(1.0, color=NEUTRAL, linewidth=0.6)
        for colour, signal in zip(COLOURS, BEST_AUC, strict=False):
            for marker, p in (("^", 1), ("o", 5), ("D", 1500)):
                chosen = frame[(frame["signal"] == signal) & (frame["p"] == p)]
                step = (list(BEST_AUC).index(signal) - 1) * 0.24 + 0.07 * (N_COLUMNS.index(p) - 1)
                place = chosen["method"].map(methods.index) + step
                scale = {"s": 4 + chosen["n"] / 18, "marker": marker, "linewidths": 0.7}
                filled = {"facecolors": colour if p == 5 else "none", "edgecolors": colour}
                left.scatter(chosen["coverage"], place, **scale, **filled)
                right.scatter(chosen["width"] / chosen["reference"], place, **scale, **filled)
                left.scatter(
                    [], [], label=f"signal {signal}, p = {p:,}", marker=marker, s=12, **filled
                )
        left.set_yticks(range(len(methods)), methods)
        left.invert_yaxis()
        left.set_xlim(0.45, 1.005)
        left.set_xlabel("share of studies whose interval covers the refitted model's AUC")
        right.set_xlabel("mean width, oob_percentile = 1")
        right.set_xlim(0, None)
        figure.legend(loc="outside upper center", ncols=3, handletextpad=0.2)
        FIGURE.parent.mkdir(exist_ok=True)
        figure.savefig(FIGURE, dpi=160, metadata={"Software": None})
        plt.close(figure)


def print_tables(frame: pd.DataFrame) -> None:
    """Print coverage in per cent and mean width as they stand in the guide."""
    frame = frame.sort_values(["p", "n"], kind="stable")
    sizes = list(dict.fromkeys(zip(frame["n"], frame["p"], strict=True)))
    cells = frame.set_index(["method", "n", "p", "signal"])
    for column, shape in (("coverage", "{:.0%}"), ("width", "{:.2f}")):
        print(f"| {column} | " + " | ".join(f"n = {n}, p = {p:,}" for n, p in sizes) + " |")
        print("| --- " * (1 + len(sizes)) + "|")
        for method in frame["method"].unique():
            words = [
                " / ".join(
                    "-" if np.isnan(value) else shape.format(value).rstrip("%")
                    for value in (cells.loc[(method, n, p, s), column] for s in BEST_AUC)
                )
                for n, p in sizes
            ]
            print(f"| `{method}` | " + " | ".join(words) + " |")


def main() -> None:
    """Make the studies that are missing, then the table and the figure of all there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--columns", type=int, nargs="+", default=list(N_COLUMNS))
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--summarise", action="store_true", help="make no further study")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    cells = [Cell(*at) for at in product(N_PATIENTS, arguments.columns, BEST_AUC)]
    rounds = [(cell, number) for number in range(arguments.studies // ROUND) for cell in cells]
    if arguments.summarise:
        rounds = []
    with multiprocessing.get_context("spawn").Pool(arguments.n_jobs) as pool:
        pool.starmap(
            round_of, [(cell, number, arguments.work) for cell, number in rounds], chunksize=1
        )

    every = [Cell(*at) for at in product(N_PATIENTS, N_COLUMNS, BEST_AUC)]
    frame = summarise(every, arguments.work)
    frame.round(4).to_csv(RESULTS, index=False)
    draw(frame)
    print_tables(frame)


if __name__ == "__main__":
    main()
