"""Ask how often the best of 15 networks beats handcrafted features by 0.12 for no reason.

A published comparison of deep and handcrafted features on planning CTs reports mean .632+ AUCs of
0.75 against 0.63 (96 patients) and 0.73 against 0.61 (79). Here whole studies of that shape are
simulated at the level of feature tables, without images, and compared in the same way.

One study: a response whose upper half is class 1; three clinical factors; 15 embeddings of 256
columns that are noisy views of one set of 30 hidden factors (``similarity`` is the share of an
embedding's factors that it has in common with the other networks); 256 handcrafted columns that are
a view of a second set of factors, correlated 0.5 with the first. Which factors the response follows
is the scenario. Each set of columns is given to ridge regression of the class in the span of the
rows, at one fixed penalty, and evaluated on the same 60 stratified bootstrap resamples; with all
columns, with the 20 columns of largest |t| chosen on the training rows of each resample
(``in_fold``), and with 20 chosen once on all patients before resampling (``before``: a known error,
here to show its size). As everything is normal, the AUC of every fitted model among all patients
is known exactly.

Run:  python benchmarks/published_comparison.py --work FOLDER [--cohorts 200] [--check 20]
Keeps one row per cohort in FOLDER (a run goes on where it was stopped) and writes
benchmarks/results/published_comparison.csv, a row per scenario, and
docs/_figures/published_comparison.png. ``--check`` compares the fits with make_model("logistic").
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tumor_response.evaluation.metrics import auc_632plus
from tumor_response.style import COLOURS, NEUTRAL, figure_style, new_axes

FIRST_SEED = 24001
N_NETWORKS, N_COLUMNS, N_FACTORS = 15, 256, 30
N_RESAMPLES, N_BBC = 60, 200
N_SELECTED = 20
PENALTY = 4.0
"""On rows of mean squared length 1. Near its optimum squared loss has four times the curvature of
logistic loss at a probability of one half, so this corresponds to C = 1 of logistic regression."""
NOISE = 0.5
COMMON = 0.5
TELLING = (2, 5, 9)
"""Factors of medium variance that the response follows."""
LABELS = {
    "nothing": "nothing to find",
    "nothing, unlike networks": "nothing to find, unlike networks",
    "equal": "equally good",
    "equal, unlike networks": "equally good, unlike networks",
    "networks better": "networks truly better",
}
PUBLISHED = {96: (0.75, 0.63), 79: (0.73, 0.61)}

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "published_comparison.csv"
FIGURE = HERE.parent / "docs" / "_figures" / "published_comparison.png"


@dataclass(frozen=True)
class Scenario:
    """Weights of what the response follows (its variance is 1) and how alike the networks are.

    ``selections``: the ways of choosing columns it is run with.
    """

    deep: float
    handcrafted: float
    clinical: float
    similarity: float
    selections: tuple[str, ...] = ("none", "in_fold", "before")


SCENARIOS = {
    "nothing": Scenario(0.0, 0.0, 0.0, 0.8),
    "nothing, unlike networks": Scenario(0.0, 0.0, 0.0, 0.4, ("none",)),
    "equal": Scenario(0.35, 0.35, 0.25, 0.8),
    "equal, unlike networks": Scenario(0.44, 0.44, 0.25, 0.4, ("none",)),
    "networks better": Scenario(0.70, 0.10, 0.25, 0.8, ("none", "in_fold")),
}


@dataclass(frozen=True)
class Block:
    """Columns of one set of features, and what gives the truth of any linear model on them.

    ``X``: (n, p) = factors @ loadings + noise of these standard deviations; ``covariance``: of the
    factors, which have variance 1 and do not correlate, with the response.
    """

    X: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    covariance: np.ndarray

    def true_auc(self, beta: np.ndarray) -> float:
        """Return the AUC of ``X @ beta`` among all patients.

        Score and response are bivariate normal with correlation c and the class is the response's
        upper half: 1/2 + (2 / pi) arcsin(c / sqrt(2)), from the orthant probability of a
        trivariate normal.
        """
        along = self.loadings @ beta
        spread = np.sqrt(along @ along + ((self.noise * beta) ** 2).sum())
        correlation = along @ self.covariance / spread if spread > 0 else 0.0
        return 0.5 + 2 / np.pi * np.arcsin(correlation / np.sqrt(2))


def drawn(
    n: int, scenario: Scenario, rng: np.random.Generator
) -> tuple[dict[str, Block], np.ndarray]:
    """Draw one study: its sets of columns, and the class of each patient."""
    direction = np.zeros(N_FACTORS)
    direction[list(TELLING)] = 1 / np.sqrt(len(TELLING))
    common = rng.normal(size=(n, N_FACTORS))
    sets = [
        np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * rng.normal(size=(n, N_FACTORS))
        for _ in range(2)
    ]
    factors = dict(zip(("deep", "handcrafted"), sets, strict=True))
    clinical = rng.normal(size=(n, 3))
    weights = {"deep": scenario.deep, "handcrafted": scenario.handcrafted}
    explained = (
        weights["deep"] ** 2
        + weights["handcrafted"] ** 2
        + 2 * COMMON * weights["deep"] * weights["handcrafted"]
        + scenario.clinical**2
    )
    response = (
        sum(weights[name] * factors[name] @ direction for name in factors)
        + scenario.clinical * clinical[:, 0]
        + np.sqrt(1 - explained) * rng.normal(size=n)
    )
    y = (response > np.median(response)).astype(int)
    covariance = {
        "deep": (scenario.deep + COMMON * scenario.handcrafted) * direction,
        "handcrafted": (scenario.handcrafted + COMMON * scenario.deep) * direction,
    }
    strength = 1 / np.sqrt(1 + np.arange(N_FACTORS))
    blocks = {}
    for name in [*(f"deep_{k:02d}" for k in range(N_NETWORKS)), "handcrafted"]:
        kind = name.split("_")[0]
        share = scenario.similarity
        seen = np.sqrt(share) * factors[kind] + np.sqrt(1 - share) * rng.normal(size=(n, N_FACTORS))
        loadings = rng.normal(size=(N_FACTORS, N_COLUMNS)) * strength[:, None]
        # columns of variance 1 in the population, blocks of total variance 1: as BlockScaler does
        scale = np.sqrt(((loadings**2).sum(axis=0) + NOISE**2) * N_COLUMNS)
        values = (seen @ loadings + NOISE * rng.normal(size=(n, N_COLUMNS))) / scale
        told = np.sqrt(share) * covariance[kind]
        blocks[name] = Block(values, loadings / scale, NOISE / scale, told)
    told = np.array([scenario.clinical, 0.0, 0.0])
    blocks["clinical"] = Block(clinical / np.sqrt(3), np.eye(3) / np.sqrt(3), np.zeros(3), told)
    return blocks, y


def resampled(y: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw how often each patient is in each stratified bootstrap sample, shape (size, n)."""
    counts = np.zeros((size, len(y)), dtype=int)
    for one in counts:
        while True:
            one[:] = 0
            for value in (0, 1):
                rows = np.nonzero(y == value)[0]
                np.add.at(one, rng.choice(rows, len(rows)), 1)
            if {*y[one == 0]} == {0, 1}:
                break
    return counts


def wide_scores(X: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return every patient's score by the ridge regression on each sample, shape (samples, n).

    Scores are measured from the mean of the sample. In the span of the rows: with K the rows'
    products, D the roots of the counts and b the intercept, (D K D + penalty) a = D (y - b) and
    sum(D a) = 0.
    """
    kernel = X @ X.T
    # drawn patients first; the few behind them that pad to one size have weight 0
    order = np.argsort(counts == 0, axis=1, kind="stable")
    rows = order[:, : (counts > 0).sum(axis=1).max()]
    root = np.sqrt(np.take_along_axis(counts, rows, axis=1))
    system = kernel[rows[:, :, None], rows[:, None, :]]
    system *= root[:, :, None]
    system *= root[:, None, :]
    diagonal = np.arange(system.shape[1])
    system[:, diagonal, diagonal] += PENALTY
    of_label, of_one = np.moveaxis(
        np.linalg.solve(system, np.stack([root * y[rows], root], 2)), 2, 0
    )
    intercept = (root * of_label).sum(axis=1) / (root * of_one).sum(axis=1)
    dual = np.zeros(counts.shape)
    np.put_along_axis(dual, rows, root * (of_label - intercept[:, None] * of_one), axis=1)
    scores = dual @ kernel
    return scores - (counts * scores).sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)


def narrow_scores(X: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the same where each sample has few columns of its own, X: (samples, n, k)."""
    weight = counts / counts.sum(axis=1, keepdims=True)
    centred = X - np.matmul(weight[:, None, :], X)
    weighted = counts[:, :, None] * centred
    system = np.matmul(weighted.swapaxes(1, 2), centred) + PENALTY * np.eye(X.shape[2])
    target = y - weight @ y[:, None]
    beta = np.linalg.solve(system, np.matmul(weighted.swapaxes(1, 2), target[..., None]))
    return np.matmul(centred, beta)[..., 0]


def coefficients(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ridge coefficients on all patients."""
    centred = X - X.mean(axis=0)
    system = centred @ centred.T + PENALTY * np.eye(len(y))
    return centred.T @ np.linalg.solve(system, y - y.mean())


def most_telling(X: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Columns of largest |t| in each sample, shape (samples, N_SELECTED)."""
    ones, zeros = counts * y, counts * (1 - y)
    n1, n0 = ones.sum(axis=1, keepdims=True), zeros.sum(axis=1, keepdims=True)
    difference = ones @ X / n1 - zeros @ X / n0
    mean = counts @ X / (n1 + n0)
    spread = np.sqrt(np.maximum(counts @ X**2 / (n1 + n0) - mean**2, 1e-12))
    return np.argsort(-np.abs(difference) / spread, axis=1, kind="stable")[:, :N_SELECTED]


def fitted(
    block: Block, y: np.ndarray, counts: np.ndarray, selection: str
) -> tuple[np.ndarray, np.ndarray, float]:
    """Scores of the fit on all patients, of each resample's fit, and the former's true AUC."""
    X = block.X
    if selection == "none" or X.shape[1] <= N_SELECTED:
        beta = coefficients(X, y)
        scores = wide_scores(X, y, counts)
    else:
        wider = np.sqrt(X.shape[1] / N_SELECTED)
        first = most_telling(X, y, np.ones((1, len(y)), dtype=int))[0]
        beta = np.zeros(X.shape[1])
        beta[first] = coefficients(wider * X[:, first], y) * wider
        chosen = most_telling(X, y, counts) if selection == "in_fold" else [first] * len(counts)
        scores = narrow_scores(np.stack([wider * X[:, columns] for columns in chosen]), y, counts)
    return X @ beta, scores, block.true_auc(beta)


def pair_wins(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 where a patient of class 1 scores above one of class 0, shape (..., n1, n0)."""
    return (scores[..., y == 1, None] > scores[..., None, y == 0]).astype(float)


def weighted_aucs(wins: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """AUC of each configuration (wins: (k, n1, n0)) under each row of weights, shape (b, k)."""
    one, zero = weight[:, y == 1], weight[:, y == 0]
    both = np.einsum("bi,kij,bj->bk", one, wins, zero, optimize=True)
    return both / (one.sum(axis=1) * zero.sum(axis=1))[:, None]


def bias_corrected_best(scores: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """BBC-CV (Tsamardinos, Greasidou and Borboudakis 2018, Mach. Learn. 107:1895).

    ``scores`` (n, k): out-of-sample scores. The winner is chosen on a bootstrap sample of patients
    and judged on those left out; the mean over samples.
    """
    counts = resampled(y, rng, N_BBC)
    wins = pair_wins(scores.T, y)
    winner = weighted_aucs(wins, y, counts).argmax(axis=1)
    outside = weighted_aucs(wins, y, (counts == 0).astype(float))
    return float(outside[np.arange(N_BBC), winner].mean())


def study(n: int, name: str, selection: str, seed: int) -> dict[str, object]:
    """Simulate one study and report what would be published of it, and what is true."""
    rng = np.random.default_rng([seed, n, list(SCENARIOS).index(name)])
    blocks, y = drawn(n, SCENARIOS[name], rng)
    counts = resampled(y, rng, N_RESAMPLES)
    out = (counts == 0).astype(float)
    table, bagged = {}, {}
    for block_name, block in blocks.items():
        apparent_scores, scores, truth = fitted(block, y, counts, selection)
        apparent = pair_wins(apparent_scores, y).mean()
        wins = pair_wins(scores, y)
        ones, zeros = out[:, y == 1], out[:, y == 0]
        aucs = np.einsum("bi,bij,bj->b", ones, wins, zeros) / (ones.sum(1) * zeros.sum(1))
        table[block_name] = {
            "per_resample": np.mean([auc_632plus(apparent, one) for one in aucs]),
            "pooled": auc_632plus(apparent, aucs.mean()),
            "oob": aucs.mean(),
            "truth": truth,
        }
        bagged[block_name] = (out * scores).sum(axis=0) / np.maximum(out.sum(axis=0), 1)
    frame = pd.DataFrame(table).T
    networks = frame[frame.index.str.startswith("deep")]
    row: dict[str, object] = {"n": n, "scenario": name, "selection": selection, "seed": seed}
    for measure in ("per_resample", "pooled", "oob"):
        best = networks[measure].idxmax()
        row[f"best_{measure}"] = networks.loc[best, measure]
        row[f"one_{measure}"] = networks[measure].iloc[0]
        row[f"handcrafted_{measure}"] = frame.loc["handcrafted", measure]
        row[f"clinical_{measure}"] = frame.loc["clinical", measure]
    best = networks["per_resample"].idxmax()
    row["best_truth"] = networks.loc[best, "truth"]
    row["one_truth"] = networks["truth"].mean()
    row["handcrafted_truth"] = frame.loc["handcrafted", "truth"]
    scores = np.column_stack([bagged[name] for name in networks.index])
    row["best_bagged"] = weighted_aucs(pair_wins(scores.T, y), y, np.ones((1, n))).max()
    row["best_bbc"] = bias_corrected_best(scores, y, rng)
    row["handcrafted_bagged"] = pair_wins(bagged["handcrafted"], y).mean()
    return row


def all_rows(work: Path, n_cohorts: int) -> pd.DataFrame:
    """Simulate what is not in the folder yet; rows are appended cohort by cohort."""
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "published_comparison_rows.csv"
    done = set()
    if kept.exists():
        keys = ["n", "scenario", "selection", "seed"]
        done = set(pd.read_csv(kept)[keys].itertuples(index=False, name=None))
    for seed in range(FIRST_SEED, FIRST_SEED + n_cohorts):
        wanted = [
            (n, name, selection, seed)
            for n in PUBLISHED
            for name, scenario in SCENARIOS.items()
            for selection in scenario.selections
            if (n, name, selection, seed) not in done
        ]
        rows = pd.DataFrame([study(*one) for one in wanted])
        if len(rows):
            rows.round(4).to_csv(kept, mode="a", index=False, header=not kept.exists())
    frame = pd.read_csv(kept)
    return frame[frame["seed"] < FIRST_SEED + n_cohorts]


def share(happened: pd.Series) -> dict[str, float]:
    """Return a share with its Wilson 95 % interval."""
    interval = stats.binomtest(int(happened.sum()), len(happened)).proportion_ci(method="wilson")
    return {"share": happened.mean(), "low": interval.low, "high": interval.high}


def summarised(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per scenario, size and selection."""
    rows = []
    groups = dict(list(frame.groupby(["n", "scenario", "selection"])))
    cells = [
        (n, name, selection)
        for n in PUBLISHED
        for name, scenario in SCENARIOS.items()
        for selection in scenario.selections
    ]
    for n, name, selection in cells:
        group = groups[n, name, selection]
        high, low = PUBLISHED[n]
        gap = high - low - 1e-9
        row = {"n": n, "scenario": name, "selection": selection, "cohorts": len(group)}
        row |= {
            column: group[column].mean()
            for column in group
            if column not in ("n", "scenario", "selection", "seed")
        }
        difference = group["best_per_resample"] - group["handcrafted_per_resample"]
        for level in (5, 25, 50, 75, 95):
            row[f"difference_p{level:02d}"] = np.percentile(difference, level)
        events = {
            "best_by_gap": difference >= gap,
            "as_published": (group["best_per_resample"] >= high - 1e-9)
            & (group["handcrafted_per_resample"] <= low + 1e-9),
            "one_by_gap": group["one_per_resample"] - group["handcrafted_per_resample"] >= gap,
            "best_by_gap_pooled": group["best_pooled"] - group["handcrafted_pooled"] >= gap,
            "best_by_gap_oob": group["best_oob"] - group["handcrafted_oob"] >= gap,
            "bbc_by_gap": group["best_bbc"] - group["handcrafted_bagged"] >= gap,
        }
        for event, happened in events.items():
            row |= {f"{event}_{key}": value for key, value in share(happened).items()}
        rows.append(row)
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame) -> None:
    """Draw the differences of all cohorts beside the published one."""
    import matplotlib.pyplot as plt

    colours = {"none": COLOURS[0], "in_fold": COLOURS[1]}
    with figure_style():
        ax = new_axes(150, 95)
        ticks = []
        place = 0.0
        for name, scenario in SCENARIOS.items():
            for selection in [one for one in scenario.selections if one in colours]:
                for n in PUBLISHED:
                    rows = frame[
                        (frame["scenario"] == name)
                        & (frame["selection"] == selection)
                        & (frame["n"] == n)
                    ]
                    line = {"color": colours[selection]}
                    ax.boxplot(
                        rows["best_per_resample"] - rows["handcrafted_per_resample"],
                        positions=[place],
                        orientation="horizontal",
                        widths=0.6,
                        whis=(2.5, 97.5),
                        flierprops={"marker": ".", "markersize": 2, "markeredgecolor": NEUTRAL},
                        medianprops=line,
                        boxprops=line,
                        whiskerprops=line,
                        capprops=line,
                    )
                    ticks.append((place, f"{LABELS[name]}, n = {n}"))
                    place += 1
            place += 0.8
        ax.plot([], [], color=colours["none"], label="all columns")
        ax.plot([], [], color=colours["in_fold"], label="20 columns, chosen in the fold")
        ax.axvline(0, color=NEUTRAL, linewidth=0.6)
        ax.axvline(0.12, color=NEUTRAL, linewidth=0.8, linestyle="--", label="published: 0.12")
        ax.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
        ax.invert_yaxis()
        ax.set_xlabel(
            "mean .632+ AUC, best of 15 networks minus handcrafted\n"
            "(boxes: middle half of the simulated studies; whiskers: 95 % of them)"
        )
        ax.legend(loc="upper center", bbox_to_anchor=(0.4, 1.1), ncols=3)
        FIGURE.parent.mkdir(exist_ok=True)
        ax.figure.savefig(FIGURE, dpi=160, metadata={"Software": None})
        plt.close(ax.figure)


def check(n_cohorts: int) -> None:
    """Print how the fits here compare with the library's ridge logistic regression."""
    import tumor_response as tr

    apart = []
    for seed in range(FIRST_SEED, FIRST_SEED + n_cohorts):
        rng = np.random.default_rng([seed, 96, 2])
        blocks, y = drawn(96, SCENARIOS["equal"], rng)
        index = pd.Index([f"P{i:03d}" for i in range(96)], name="patient_id")
        table = pd.DataFrame(blocks["deep_00"].X, index=index).add_prefix("deep__")
        result = tr.evaluate(
            {"tuned": tr.make_model("logistic"), "C = 1": tr.make_model("logistic", Cs=(1.0,))},
            table,
            pd.Series(y.astype(float), index=index),
            tr.Bootstrap632Plus(n_resamples=50, seed=seed),
        )
        counts = np.array([np.bincount(r.train, minlength=96) for r in result.resamples])
        scores = fitted(blocks["deep_00"], y, counts, "none")[1]
        out = (counts == 0).astype(float)
        ones, zeros = out[:, y == 1], out[:, y == 0]
        wins = pair_wins(scores, y)
        here = np.einsum("bi,bij,bj->b", ones, wins, zeros) / (ones.sum(1) * zeros.sum(1))
        row = {"here": here.mean()}
        for name in result.models:
            row[name] = result.oob_aucs(name).mean()
            row[f"{name}, correlation"] = np.corrcoef(here, result.oob_aucs(name))[0, 1]
        apart.append(row)
    print("out-of-bag AUC here and of make_model('logistic') on the same resamples:")
    print(pd.DataFrame(apart).describe().loc[["mean", "std", "min", "max"]].round(3).to_string())


def main() -> None:
    """Simulate, keep the rows, summarise, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--check", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    frame = all_rows(arguments.work, arguments.cohorts)
    summary = summarised(frame)
    summary.round(4).to_csv(RESULTS, index=False)
    draw(frame)
    shown = [
        "n", "scenario", "selection", "best_per_resample", "handcrafted_per_resample",
        "best_oob", "handcrafted_oob", "best_truth", "handcrafted_truth", "best_bbc",
        "best_by_gap_share", "as_published_share", "one_by_gap_share", "best_by_gap_oob_share",
        "bbc_by_gap_share",
    ]  # fmt: skip
    print(summary[shown].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
