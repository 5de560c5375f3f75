"""Measure how much of a tumour's volume a network is told by the crop of its views.

Simulated tumours respond by their volume and by nothing else: the label is the upper half of
z(ln volume) + noise, with images in which nothing knows the response (``signal=0``). The same
frozen network sees the same tumours through different crops; its out-of-bag AUC tells what it made
of the volume. Seeds are fixed here, before any was run. Each crop is also asked for the
volume itself: R2 of a ridge regression on the embedding, cross-validated.

Run:  python benchmarks/volume_leak.py --work FOLDER [--seeds 5] [--n-jobs 1]
Writes benchmarks/results/volume_leak.csv (one row per seed and predictors) and
docs/_figures/volume_leak.png.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.style import COLOURS, NEUTRAL, figure_style, new_axes

FIRST_SEED = 8101
N_PATIENTS = 120
N_RESAMPLES = 60
NOISE_SD = 1.0
"""Of the response, against 1 for the volume's part."""

CROPS = {
    "fixed": tr.ViewSettings(n_slices=3, field_of_view_mm=96),
    "margin": tr.ViewSettings(n_slices=3, margin_mm=10),
    "fill": tr.ViewSettings(n_slices=3, tumour_share=0.6),
    "fill_masked": tr.ViewSettings(n_slices=3, tumour_share=0.6, masking="tumour"),
}
LABELS = {
    "oracle": "the volume itself",
    "volume": "model of the volume alone",
    "fixed": "views of 96 mm",
    "margin": "tumour + 10 mm, scaled",
    "fill": "tumour fills 60 %",
    "fill_masked": "tumour fills 60 %, tumour only",
    "shuffled": "views of 96 mm, labels shuffled",
}
HERE = Path(__file__).parent
RESULTS = HERE / "results" / "volume_leak.csv"
FIGURE = HERE.parent / "docs" / "_figures" / "volume_leak.png"


def rows_of(seed: int, work: Path, n_jobs: int) -> pd.DataFrame:
    """Return one seed's rows; what is in the work folder is not made again."""
    kept = work / f"rows_{seed}.csv"
    if not kept.exists():
        pd.DataFrame(one(seed, work, n_jobs)).to_csv(kept, index=False)
    return pd.read_csv(kept)


def one(seed: int, work: Path, n_jobs: int) -> list[dict[str, float | str | int]]:
    """Simulate, extract and evaluate one cohort."""
    directory = work / f"cohort_{seed}"
    if (directory / "manifest.csv").exists():
        cohort = tr.Cohort.from_csv(directory / "manifest.csv")
    else:
        shutil.rmtree(directory, ignore_errors=True)
        cohort = tr.simulate_cohort(
            N_PATIENTS, seed=seed, directory=directory, signal=0.0, n_jobs=n_jobs
        )
    extractors = [
        tr.ClinicalFactors(["volume_cc"]),
        *(
            tr.DeepFeatures("tf_efficientnet_lite0", views=crop, device="cpu", block=name)
            for name, crop in CROPS.items()
        ),
    ]
    table = tr.extract(cohort, extractors, n_jobs=n_jobs, cache_dir=work / "cache")
    log_volume = np.log(table.data["clinical__volume_cc"])
    rng = np.random.default_rng(seed)
    latent = stats.zscore(log_volume) + rng.normal(0.0, NOISE_SD, len(log_volume))
    y = pd.Series((latent > np.median(latent)).astype(float), index=table.data.index)
    shuffled = pd.Series(rng.permutation(y.to_numpy()), index=y.index)
    models = {name: tr.make_model("logistic", blocks=[name]) for name in CROPS}
    models["volume"] = tr.make_model("logistic", blocks=["clinical"])
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    found = tr.evaluate(models, table, y, scheme=scheme, n_jobs=n_jobs).summary()
    null = tr.evaluate({"shuffled": models["fixed"]}, table, shuffled, scheme=scheme, n_jobs=n_jobs)
    summary = pd.concat([found, null.summary()])[["auc_oob", "ci_low", "ci_high"]]
    summary.loc["oracle"] = [auc(y, log_volume), np.nan, np.nan]
    summary.insert(0, "seed", seed)
    summary["r2_log_volume"] = pd.Series(
        {name: _r2(table.data.filter(regex=f"^{name}__"), log_volume, seed) for name in CROPS}
    )
    return summary.rename_axis("predictors").reset_index().to_dict("records")


def _r2(embedding: pd.DataFrame, log_volume: pd.Series, seed: int) -> float:
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(0, 6, 13)))
    folds = KFold(5, shuffle=True, random_state=seed)  # one lesion for each patient
    told = cross_val_predict(model, embedding, log_volume, cv=folds)
    residual = ((log_volume - told) ** 2).sum()
    return float(1.0 - residual / ((log_volume - log_volume.mean()) ** 2).sum())


def interval(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval (Student's t over seeds; NaN for one seed)."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def draw(frame: pd.DataFrame) -> None:
    """Draw every seed's AUC with the spread over its resamples."""
    import matplotlib.pyplot as plt

    seeds = sorted(frame["seed"].unique())
    with figure_style():
        ax = new_axes(130, 62)
        for place, name in enumerate(LABELS):
            rows = frame[frame["predictors"] == name].set_index("seed")
            colour = COLOURS[0] if name in CROPS else NEUTRAL
            for number, seed in enumerate(seeds):
                row = rows.loc[seed]
                height = place + 0.5 * ((number + 0.5) / len(seeds) - 0.5)
                ax.plot([row["ci_low"], row["ci_high"]], [height] * 2, color=colour, linewidth=0.8)
                ax.plot(row["auc_oob"], height, "o", color=colour, ms=3)
        ax.axvline(0.5, color=NEUTRAL, linewidth=0.6, linestyle="--")
        ax.set_yticks(range(len(LABELS)), list(LABELS.values()))
        ax.invert_yaxis()
        ax.set_xlabel(
            "out-of-bag AUC where the response follows from volume alone\n"
            "(95 % of resamples; one line for each simulated cohort)"
        )
        FIGURE.parent.mkdir(exist_ok=True)
        ax.figure.savefig(FIGURE, dpi=160, metadata={"Software": None})
        plt.close(ax.figure)


def main() -> None:
    """Run all seeds, keep the rows, print and draw the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    frame = pd.concat([rows_of(seed, arguments.work, arguments.n_jobs) for seed in seeds])
    frame.round(6).to_csv(RESULTS, index=False)
    for name in LABELS:
        chosen = frame[frame["predictors"] == name]
        print("{:12s} {:.3f} ({:.3f} to {:.3f})".format(name, *interval(chosen["auc_oob"])), end="")
        print("   R2 {:.3f} ({:.3f} to {:.3f})".format(*interval(chosen["r2_log_volume"])))
    wide = frame.pivot_table(index="seed", columns="predictors", values="auc_oob")
    for name in ("margin", "fill", "fill_masked"):
        difference = interval(wide["fixed"] - wide[name])
        print("fixed - {:12s} {:+.3f} ({:+.3f} to {:+.3f})".format(name, *difference))
    draw(frame)


if __name__ == "__main__":
    main()
