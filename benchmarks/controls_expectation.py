"""Measure negative controls beside what they are expected to give, where the truth is known.

Three parts, each of which goes on where it was stopped:

``images``
    Simulated patients, features extracted from the CTs, and four responses of each cohort: by the
    tumour's volume, by the texture inside it (the latent field, which the mean HU does not show),
    by both, by nothing. Two models, of radiomics and of a pretrained network. Each control's AUC
    stands beside its expectation.
``calibration``
    Tables without images and without signal, and a model that is fitted in no time (the nearer of
    the classes' means): the permutation p value has to be uniform. With two
    lesions per patient, outcome and columns alike within patients; and the same with the lesions
    taken for patients, which is the mistake that permuting whole patients avoids.
``power``
    How much is lost by few resamples in each permutation: the spread of the null, and how often
    p <= 0.05 is reached where there is a weak signal. In NumPy alone, a linear score in stratified
    bootstrap samples.
``time``
    Processor seconds of one fit in the controls and in ``tr.evaluate``, everything included.

Seeds are fixed here, before any was run.

Run:  python -P benchmarks/controls_expectation.py images --work FOLDER [--first 0] [--seeds 12]
      python -P benchmarks/controls_expectation.py calibration [--seeds 120] [--n-jobs 1]
      python -P benchmarks/controls_expectation.py power [--seeds 300]
      python -P benchmarks/controls_expectation.py time
      python -P benchmarks/controls_expectation.py figure
Writes benchmarks/results/controls_expectation.csv (one row per seed, response, model and control),
controls_calibration.csv (one row per seed and setting), controls_power.csv, controls_time.csv, and
docs/_figures/controls_expectation.png.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin

import tumor_response as tr
from tumor_response.evaluation.controls import (
    ControlsSettings,
    negative_controls,
    permutation_null,
    table_controls,
)
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, mm_to_inch

FIRST_SEED = 10_001
N_PATIENTS = 48
NOISE_SD = 0.7
"""Of the response, against 1 for what it follows from."""
KINDS = ("volume", "image", "both", "none")
FEW = ControlsSettings(n_permutations=19, n_resamples_permuted=2, n_resamples=30)
MODELS = {"radiomics": ("radiomics", 0.1), "network": ("deep", 0.01)}
"""Block and penalty, which is not tuned here: what is measured is the controls."""
HERE = Path(__file__).parent
RESULTS = HERE / "results"
IMAGES = RESULTS / "controls_expectation.csv"
CALIBRATION = RESULTS / "controls_calibration.csv"
TIME = RESULTS / "controls_time.csv"
POWER = RESULTS / "controls_power.csv"
RESAMPLES = (2, 5, 10, 20, 50)
FIGURE = HERE.parent / "docs" / "_figures" / "controls_expectation.png"
TITLES = {
    "volume": "response by volume",
    "image": "response by texture",
    "both": "by both",
    "none": "by nothing",
}
NAMES = {
    "model": "the model",
    "permuted_labels": "permuted labels",
    "random_columns": "random columns",
    "noise_images": "noise images",
    "voxels_shuffled": "voxels shuffled",
    "untrained_network": "untrained network",
    "context_only": "context only",
}


def appended(path: Path, rows: list[dict[str, object]]) -> None:
    """Add rows to a file that may not be there yet."""
    frame = pd.DataFrame(rows).round(5)
    frame.to_csv(path, mode="a", header=not path.exists(), index=False)


def done(path: Path) -> set[tuple[object, ...]]:
    """Return the seeds, and what else names a piece of work, that a file has."""
    if not path.exists():
        return set()
    frame = pd.read_csv(path)
    return set(frame[[c for c in ("seed", "setting") if c in frame]].itertuples(index=False))


def images(work: Path, first: int, n_seeds: int, n_jobs: int) -> None:
    """Simulate, extract once, and give each cohort four responses."""
    there = {seed for (seed,) in done(IMAGES)}
    for seed in range(FIRST_SEED + first, FIRST_SEED + first + n_seeds):
        if seed not in there:
            appended(IMAGES, list(one_cohort(seed, work, n_jobs)))
            print(f"seed {seed} {time.strftime('%H:%M')}", flush=True)


def one_cohort(seed: int, work: Path, n_jobs: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one cohort."""
    directory, cache = work / f"cohort_{seed}", work / f"cache_{seed}"
    if (directory / "manifest.csv").exists():
        cohort = tr.Cohort.from_csv(directory / "manifest.csv")
    else:
        shutil.rmtree(directory, ignore_errors=True)
        cohort = tr.simulate_cohort(N_PATIENTS, seed=seed, directory=directory, n_jobs=n_jobs)
    truth = pd.read_csv(directory / "truth.csv")
    extractors = [tr.Radiomics("minimal"), tr.DeepFeatures("tf_efficientnet_lite0", device="cpu")]
    table = tr.extract(cohort, extractors, n_jobs=n_jobs, cache_dir=cache)
    rng = np.random.default_rng(seed)
    size = stats.zscore(np.log(truth["volume_baseline_cc"]))
    texture = stats.zscore(truth["field_mean"])
    noise = NOISE_SD * rng.normal(size=len(truth))
    both = (size + texture) / np.sqrt(2)
    by = {"volume": size, "image": texture, "both": both, "none": np.zeros(len(truth))}
    for kind in KINDS:
        latent = np.asarray(by[kind]) + noise
        y = pd.Series((latent > np.median(latent)).astype(float), index=table.data.index)
        for name, (block, penalty) in MODELS.items():
            started = time.perf_counter()
            found = negative_controls(
                cohort,
                extractors,
                {name: tr.make_model("logistic", [block], Cs=(penalty,))},
                y,
                tr.Bootstrap632Plus(seed=seed),
                table=table,
                settings=FEW,
                n_jobs=n_jobs,
                cache_dir=cache,
            )
            seconds = time.perf_counter() - started
            summary = found.summary().reset_index()
            for row in summary.to_dict("records"):
                yield {
                    "seed": seed,
                    "response": kind,
                    "model": name,
                    "control": row["control"],
                    "auc": row["auc_oob"],
                    "expectation": row["expectation"],
                    "model_auc": row["model_value"],
                    "difference": row["difference"],
                    "difference_low": row["difference_low"],
                    "excess_low": row["excess_low"],
                    "excess_high": row["excess_high"],
                    "verdict": row["verdict"],
                    "p_value": row["p_value"],
                    "seconds": seconds,
                }
    shutil.rmtree(directory)
    shutil.rmtree(cache)


def small_table(
    seed: int, n_patients: int, lesions: int, signal: float
) -> tuple[pd.DataFrame, pd.Series]:
    """Return 20 columns and a response; what lesions of a patient share makes up half of each."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_patients), lesions)
    share = np.sqrt(0.5) if lesions > 1 else 0.0
    own = np.sqrt(1 - share**2)
    X = share * rng.normal(size=(n_patients, 20))[who] + own * rng.normal(size=(len(who), 20))
    rate = share * rng.normal(size=n_patients)[who] + own * rng.normal(size=len(who))
    rate += signal * X[:, :3].sum(axis=1)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in who], [str(k % lesions + 1) for k in range(len(who))]],
        names=["patient_id", "lesion_id"],
    )
    y = pd.Series((rate > np.median(rate)).astype(float), index)
    return pd.DataFrame(X, index).add_prefix("radiomics__original__x"), y


class NearestCentroid(ClassifierMixin, BaseEstimator):
    """Score by which class's mean is nearer."""

    def fit(self, X, y):
        """Note the classes' means."""
        values = np.asarray(X)
        self.classes_ = np.unique(y)
        self.means_ = [values[np.asarray(y) == one].mean(axis=0) for one in self.classes_]
        return self

    def decision_function(self, X):
        """Return how much nearer the second is."""
        lower, upper = (((np.asarray(X) - mean) ** 2).sum(axis=1) for mean in self.means_)
        return lower - upper


def settings_of_calibration() -> dict[str, tuple[int, int, float, int, int, bool]]:
    """Return patients, lesions, signal, permutations, resamples, lesions taken for patients."""
    return {
        "null, one lesion": (60, 1, 0.0, 39, 2, False),
        "null, two lesions": (40, 2, 0.0, 39, 2, False),
        "null, two lesions taken for patients": (40, 2, 0.0, 39, 2, True),
    }


def calibration(n_seeds: int, n_jobs: int) -> None:
    """Permute tables without images."""
    there = done(CALIBRATION)
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        for setting, chosen in settings_of_calibration().items():
            if (seed, setting) in there:
                continue
            n_patients, lesions, signal, n_permutations, n_resamples, apart = chosen
            X, y = small_table(seed, n_patients, lesions, signal)
            if apart:
                X.index = y.index = pd.Index(["/".join(key) for key in X.index], name="patient_id")
            model = NearestCentroid()
            result = tr.evaluate(
                model, X, y, tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)
            )
            null = permutation_null(
                result,
                "model",
                n_permutations=n_permutations,
                n_resamples=n_resamples,
                seed=seed,
                n_jobs=n_jobs,
            )
            row = {
                "seed": seed,
                "setting": setting,
                "p_value": null.p_value,
                "observed": null.observed["auc_oob"],
                "null_mean": null.mean,
                "null_sd": float(null.values["auc_oob"].std()),
                "null_632plus": float(null.values["auc_632plus"].mean()),
            }
            appended(CALIBRATION, [row])


def power(n_studies: int, n: int = 60, p: int = 20, n_permutations: int = 39) -> None:
    """Permute studies with a weak signal; every number of resamples meets the same ones."""
    rng = np.random.default_rng(FIRST_SEED)
    p_values, spreads = [], []
    for _ in range(n_studies):
        X = rng.normal(size=(n, p))
        rate = 0.25 * X[:, :3].sum(axis=1) + rng.normal(size=n)
        y = rate > np.median(rate)
        seed = int(rng.integers(2**31))
        observed = running_means(X, y, seed)
        permuted = np.array(
            [running_means(X, rng.permutation(y), seed) for _ in range(n_permutations)]
        )
        p_values.append((1 + (permuted >= observed).sum(axis=0)) / (1 + n_permutations))
        spreads.append(permuted.std(axis=0))
    frame = pd.DataFrame(
        {
            "n_resamples": RESAMPLES,
            "n_studies": n_studies,
            "share_p_below_05": (np.array(p_values) <= 0.05).mean(axis=0),
            "null_sd": np.mean(spreads, axis=0),
        }
    )
    frame.round(4).to_csv(POWER, index=False)
    print(frame)


def running_means(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return the mean out-of-bag AUC after each of the numbers of resamples."""
    rng = np.random.default_rng(seed)
    classes = np.flatnonzero(y), np.flatnonzero(~y)
    values: list[float] = []
    while len(values) < max(RESAMPLES):
        one, two = (rng.choice(members, len(members)) for members in classes)
        out = np.setdiff1d(np.arange(len(y)), [*one, *two])
        if 0 < y[out].sum() < len(out):
            score = X[out] @ (X[one].mean(axis=0) - X[two].mean(axis=0))
            values.append(float((score[y[out]][:, None] > score[~y[out]]).mean()))
    return np.cumsum(values)[np.array(RESAMPLES) - 1] / RESAMPLES


def times() -> None:
    """Time one fit in an evaluation, in a permutation and of random columns: processor seconds."""
    settings = ControlsSettings(n_permutations=19, n_resamples_permuted=4, n_resamples=98)
    for n_columns in (100, 1300):
        rng = np.random.default_rng(FIRST_SEED)
        index = pd.Index([f"P{i:03d}" for i in range(96)], name="patient_id")
        X = pd.DataFrame(rng.normal(size=(96, n_columns)), index).add_prefix("radiomics__x")
        y = pd.Series(rng.permutation(np.repeat([0.0, 1.0], 48)), index)
        model = {"logistic": tr.make_model("logistic")}
        scheme = tr.Bootstrap632Plus(n_resamples=98)
        marks = [time.process_time()]
        result = tr.evaluate(model, X, y, scheme)  # 99 fits
        marks.append(time.process_time())
        permutation_null(result, "logistic", n_permutations=19, n_resamples=4)  # 100
        marks.append(time.process_time())
        table_controls(model, X, y, scheme, settings=settings)  # 100 and twice 99
        marks.append(time.process_time())
        evaluated, permuted, both = np.diff(marks)
        row = {
            "n_columns": n_columns,
            "evaluate_ms_per_fit": 1000 * evaluated / 99,
            "permuted_ms_per_fit": 1000 * permuted / 100,
            "controls_ms_per_fit": 1000 * both / 298,
        }
        appended(TIME, [row])
        print(row, flush=True)


def interval(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval (Student's t over seeds)."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def page_table(frame: pd.DataFrame) -> str:
    """Return the guide's table: AUC, expectation in brackets, beaten in how many cohorts."""
    lines = [
        f"| {frame['seed'].nunique()} cohorts, model | control | "
        + " | ".join(TITLES[kind] for kind in KINDS)
        + " |",
        "| --- " * (2 + len(KINDS)) + "|",
    ]
    for model in MODELS:
        for control, called in NAMES.items():
            of = frame[frame["model"] == model]
            of = of[of["control"] == ("random_columns" if control == "model" else control)]
            cells = []
            for kind in KINDS if len(of) else ():
                rows = of[of["response"] == kind]
                if control == "model":
                    cells.append(f"{rows['model_auc'].mean():.2f}")
                    continue
                expected = rows["expectation"].mean()
                beside = "" if np.isnan(expected) else f" [{expected:.2f}]"
                beaten = int((rows["verdict"] == "beaten").sum())
                cells.append(f"{rows['auc'].mean():.2f}{beside}, {beaten}")
            if cells:
                lines.append(f"| {model} | {called} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw() -> None:
    """Draw each control beside its expectation, print the means, and the p values."""
    import matplotlib.pyplot as plt

    frame = pd.read_csv(IMAGES)
    with figure_style():
        figure, axes = plt.subplots(
            1,
            len(KINDS),
            figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(78)),
            layout="constrained",
            sharex=True,
            sharey=True,
        )
        for ax, kind in zip(axes, KINDS, strict=True):
            ax.axvline(0.5, color=NEUTRAL, linewidth=0.6)
            for shift, model, colour in zip((-0.17, 0.17), MODELS, COLOURS[:2], strict=True):
                of = frame[(frame["response"] == kind) & (frame["model"] == model)]
                for place, control in enumerate(NAMES):
                    rows = of[of["control"] == control]
                    values = rows["auc"]
                    if control == "model":
                        values = of[of["control"] == "random_columns"]["model_auc"]
                    if values.empty:
                        continue
                    mean, low, high = interval(values)
                    y = place + shift
                    ax.plot(values, [y] * len(values), "o", color=colour, ms=2, alpha=0.35, mew=0)
                    ax.plot(mean, y, "o", color=colour, ms=3.5)
                    expected = rows["expectation"].mean()
                    if np.isfinite(expected):
                        ax.plot(expected, y, "D", mfc="none", mec=colour, mew=0.7, ms=4.5)
                    told = f"{mean:.3f} ({low:.3f} to {high:.3f}), expected {expected:.3f}"
                    print(f"{kind:7s} {model:10s} {control:18s} {told}")
            ax.set_title(TITLES[kind])
            ax.set_xlabel("out-of-bag AUC")
        axes[0].set_yticks(range(len(NAMES)), list(NAMES.values()))
        axes[0].invert_yaxis()
        n_seeds = frame["seed"].nunique()
        marks = [
            plt.Line2D(
                [],
                [],
                color=colour,
                marker="o",
                ms=3,
                ls="",
                label=f"{name}, mean (faint: cohorts)",
            )
            for name, colour in zip(MODELS, COLOURS, strict=False)
        ]
        marks.append(
            plt.Line2D(
                [], [], color=NEUTRAL, marker="D", mfc="none", ls="", label="mean expectation"
            )
        )
        figure.legend(
            handles=marks,
            loc="outside lower center",
            ncols=3,
            title=f"{n_seeds} simulated cohorts of {N_PATIENTS} patients (faint)",
            title_fontsize=6.5,
        )
        figure.savefig(FIGURE, dpi=160, metadata={"Software": None})
        plt.close(figure)
    print(page_table(frame))
    shares = frame.assign(beaten=frame["verdict"] == "beaten")
    print(shares.pivot_table(index=["response", "model"], columns="control", values="beaten"))
    if CALIBRATION.exists():
        for setting, rows in pd.read_csv(CALIBRATION).groupby("setting", sort=False):
            share = (rows["p_value"] <= 0.05).mean()
            uniform = stats.kstest(rows["p_value"], "uniform").pvalue
            print(
                f"{setting:40s} {len(rows)} seeds: p <= 0.05 in {share:.3f}, p mean "
                f"{rows['p_value'].mean():.3f}, KS {uniform:.3f}; null mean "
                f"{rows['null_mean'].mean():.4f}, .632+ {rows['null_632plus'].mean():.4f}"
            )


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("images", "calibration", "power", "time", "figure"))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--first", type=int, default=0, help="seeds to pass over, for images")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    match arguments.part:
        case "images":
            if arguments.work is None:
                parser.error("images needs --work FOLDER")
            images(arguments.work, arguments.first, arguments.seeds or 12, arguments.n_jobs)
        case "calibration":
            calibration(arguments.seeds or 120, arguments.n_jobs)
        case "power":
            power(arguments.seeds or 300)
        case "time":
            times()
        case _:
            draw()


if __name__ == "__main__":
    main()
