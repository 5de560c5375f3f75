"""Measure what harmonising does for a model that is carried to another site, and what it leaks.

Tables are simulated: eight latent traits of the tumours make 150 image columns and the response;
the scanner of every site adds to each column and multiplies it, by amounts drawn as ComBat's model
has them. Methods:

``none``
    nothing;
``combat_all_rows``
    ComBat on training and test rows together, before any split: the leak as it is published;
``combat_outcome_all_rows``
    the same with the outcome among the covariates: the worst of it;
``combat``, ``zscore``, ``quantile``
    in the fold, as a step of the model; a site without training rows is adapted from 20 of its
    patients, without their outcomes, and judged on its others.

Designs: ``transport``, trained at site A and judged at site B; ``pooled``, five folds of patients
of all sites; ``fresh``, the truth that ``pooled`` should tell: the model of all rows on 500 new
patients of each site (who have no outcome yet: where it is a covariate they are given its mean);
``leave_one_site_out``, where a site is harmonised by its own test rows. Beside the
AUC (within the test rows) the error of the mean predicted probability is kept, which is what a
scanner's offset spoils in a linear model. With ``--images`` rows of simulated CTs of two scanners
are added, with the radiomics columns of the unfiltered image.

Run:  python -P benchmarks/two_sites.py [--seeds 60] [--images FOLDER --image-seeds 4]
      python -P benchmarks/two_sites.py --draw
Writes benchmarks/results/two_sites_seeds.csv (a row per seed, appended; what is there is not run
again), benchmarks/results/two_sites.csv (means); --draw writes docs/_figures/two_sites.png and
docs/_figures/site_report.png from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.sites import site_report
from tumor_response.models import patients_of
from tumor_response.models.folds import patient_folds
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, new_axes
from tumor_response.transformers import (
    ComBat,
    SiteQuantile,
    SiteZScore,
    adapt_sites,
    harmonised,
)

FIRST_SEED = 10_001
N_COLUMNS, N_TRAITS = 150, 8
SAMPLE = 20
FRESH = 500
HERE = Path(__file__).parent
SEEDS = HERE / "results" / "two_sites_seeds.csv"
MEANS = HERE / "results" / "two_sites.csv"
REPORT = HERE.parent / "docs" / "_figures" / "site_report.png"
FIGURE = HERE.parent / "docs" / "_figures" / "two_sites.png"
STEPS: dict[str, Callable[[], object]] = {
    "combat": lambda: ComBat(unseen="own_rows"),
    "zscore": lambda: SiteZScore(unseen="own_rows"),
    "quantile": lambda: SiteQuantile(unseen="own_rows"),
}


@dataclass(frozen=True)
class Scenario:
    """One kind of study.

    Attributes
    ----------
    sizes : patients of each site.
    signal : of the traits in the response; 0: nothing can be predicted from a tumour.
    additive, multiplicative : standard deviation of what a scanner adds, in standard deviations
        of the column, and of the logarithm of what it multiplies by.
    shares : mean of the response at each site, or None for one half everywhere; ``"random"``:
        drawn per site, uniform between 0.15 and 0.85.
    trait_gap : how much more of the predictive trait the patients of site B have, in standard
        deviations: a true difference between sites.
    """

    sizes: tuple[int, ...] = (100, 100)
    signal: float = 1.6
    additive: float = 0.8
    multiplicative: float = 0.4
    shares: tuple[float, ...] | str | None = None
    trait_gap: float = 0.0


SCENARIOS = {
    "no_scanner": Scenario(additive=0.0, multiplicative=0.0),
    "scanner": Scenario(),
    "confounded": Scenario(trait_gap=1.0),
    "no_signal": Scenario(signal=0.0),
    "no_signal_confounded": Scenario(signal=0.0, shares=(0.25, 0.75)),
    "no_signal_many_sites": Scenario(signal=0.0, sizes=(15,) * 8, shares="random"),
    "no_signal_small": Scenario(signal=0.0, sizes=(12,) * 4, shares=(0.2, 0.8, 0.2, 0.8)),
}


@dataclass(frozen=True)
class Study:
    """A table with ``meta__site``, its responses, and new patients of the same sites."""

    X: pd.DataFrame
    y: pd.Series
    fresh_table: pd.DataFrame | None = None
    fresh_y: pd.Series | None = None


def study_of(scenario: Scenario, seed: int) -> Study:
    """Return a simulated study."""
    rng = np.random.default_rng([seed, 17])
    sizes = np.array(scenario.sizes) + FRESH
    codes = np.repeat(np.arange(len(sizes)), sizes)
    is_fresh = np.concatenate([np.arange(size) >= size - FRESH for size in sizes])
    n = len(codes)
    traits = rng.normal(size=(n, N_TRAITS))
    traits[:, 0] += scenario.trait_gap * codes
    loadings = rng.normal(size=(N_TRAITS, N_COLUMNS)) / np.sqrt(N_TRAITS)
    values = traits @ loadings + rng.normal(size=(n, N_COLUMNS))
    values *= np.exp(rng.normal(scale=0.5, size=N_COLUMNS))
    spread = values.std(axis=0)
    for code in range(len(scenario.sizes)):
        at = codes == code
        # each site's columns lie to one side on the whole, as ComBat's priors have it
        centre = rng.normal(scale=0.5 * scenario.additive)
        added = spread * rng.normal(centre, scenario.additive, size=N_COLUMNS)
        factor = np.exp(rng.normal(scale=scenario.multiplicative, size=N_COLUMNS))
        values[at] = values[at] * factor + added
    shares = scenario.shares
    if shares == "random":
        share = rng.uniform(0.15, 0.85, size=len(scenario.sizes))[codes]
    else:
        share = np.array(shares or (0.5,) * len(scenario.sizes))[codes]
    logit = np.log(share / (1 - share)) + scenario.signal * traits[:, 0]
    y = (rng.uniform(size=n) < expit(logit)).astype(np.int64)
    index = pd.MultiIndex.from_product(
        [[f"P{i:04d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(values, index).add_prefix("radiomics__f")
    X["meta__site"] = np.array([chr(65 + code) for code in codes])
    response = pd.Series(y, index, name="response")
    return Study(X[~is_fresh], response[~is_fresh], X[is_fresh], response[is_fresh])


SEVERITY = "clinical__severity"
"""The outcome under an innocent name."""


def fitted_on_all(X: pd.DataFrame, y: pd.Series, *, with_outcome: bool) -> ComBat:
    """Return ComBat fitted to all rows: what an evaluation must not be given."""
    if not with_outcome:
        return ComBat().fit(X)
    # without y: given y, the step refuses the covariate
    X = X.assign(**{SEVERITY: y.to_numpy(dtype=np.float64)})
    return ComBat(covariates=[SEVERITY]).fit(X)


def all_rows(X: pd.DataFrame, y: pd.Series, *, with_outcome: bool) -> pd.DataFrame:
    """Return the columns after ComBat on all rows."""
    step = fitted_on_all(X, y, with_outcome=with_outcome)
    return step.transform(X.assign(**{SEVERITY: y.to_numpy(dtype=np.float64)}))


def model_of(name: str) -> Pipeline:
    """Return one of the named models."""
    settings = {"n_trees": 200} if name == "random_forest" else {}
    return tr.make_model(name, blocks=["radiomics"], **settings)


def judged(y: pd.Series, score: np.ndarray) -> tuple[float, float]:
    """Return the AUC and the error of the mean prediction."""
    truth = y.to_numpy()
    return auc(truth, score), float(score.mean() - truth.mean())


def transport(X: pd.DataFrame, y: pd.Series, name: str, seed: int) -> Iterator[dict[str, object]]:
    """Yield what a model of site A is worth at site B."""
    at_a = (X["meta__site"] == "A").to_numpy()
    b = np.random.default_rng([seed, 5]).permutation(np.nonzero(~at_a)[0])
    sample, test = np.sort(b[:SAMPLE]), np.sort(b[SAMPLE:])
    tables = {
        "none": X,
        "combat_all_rows": all_rows(X, y, with_outcome=False),
        "combat_outcome_all_rows": all_rows(X, y, with_outcome=True),
    }
    for method, table in tables.items():
        fitted = model_of(name).fit(table[at_a], y[at_a])
        yield {"method": method} | found(fitted, table.iloc[test], y.iloc[test])
    for method, step in STEPS.items():
        fitted = harmonised(model_of(name), step()).fit(X[at_a], y[at_a])
        adapted = adapt_sites(fitted, X.iloc[sample])
        yield {"method": method} | found(adapted, X.iloc[test], y.iloc[test])


def found(fitted: Pipeline, X: pd.DataFrame, y: pd.Series) -> dict[str, object]:
    """Return the figures of one test set."""
    area, error = judged(y, fitted.predict_proba(X)[:, 1])
    return {"auc": area, "mean_error": error}


def folded(
    X: pd.DataFrame, y: pd.Series, name: str, folds: np.ndarray, methods: tuple[str, ...]
) -> Iterator[dict[str, object]]:
    """Yield the means over folds of every method."""
    tables = {
        "none": X,
        "combat_all_rows": all_rows(X, y, with_outcome=False),
        "combat_outcome_all_rows": all_rows(X, y, with_outcome=True),
    }
    for method in methods:
        table = tables.get(method, X)
        values = []
        for fold in np.unique(folds):
            train, test = folds != fold, folds == fold
            if y[test].nunique() < 2 or y[train].nunique() < 2:
                continue
            model = model_of(name)
            if method in STEPS:
                model = harmonised(model, STEPS[method]())
            values.append(found(model.fit(table[train], y[train]), table[test], y[test]))
        means = pd.DataFrame(values).mean()
        yield {"method": method, "auc": means["auc"], "mean_error": means["mean_error"]}


METHODS = ("none", "combat_all_rows", "combat_outcome_all_rows", *STEPS)
IN_FOLDS = ("none", "combat_all_rows", "combat_outcome_all_rows", "combat", "zscore")


def fresh(study: Study, name: str) -> Iterator[dict[str, object]]:
    """Yield what the model of all rows is worth on new patients of the same sites."""
    X, new = study.X, study.fresh_table
    for method in IN_FOLDS:
        if method == "none":
            fitted, shown = model_of(name).fit(X, study.y), new
        elif method in STEPS:
            fitted, shown = harmonised(model_of(name), STEPS[method]()).fit(X, study.y), new
        else:
            with_outcome = "outcome" in method
            step = fitted_on_all(X, study.y, with_outcome=with_outcome)
            old = X.assign(**{SEVERITY: study.y.to_numpy(dtype=np.float64)})
            fitted = model_of(name).fit(step.transform(old), study.y)
            shown = step.transform(new.assign(**{SEVERITY: float(study.y.mean())}))
        yield {"method": method} | found(fitted, shown, study.fresh_y)


def rows_of(scenario: str, study: Study, seed: int) -> list[dict[str, object]]:
    """Return all rows of one simulated study."""
    X, y = study.X, study.y
    folds = patient_folds(patients_of(X), y.to_numpy(), 5, seed)
    sites = np.unique(X["meta__site"], return_inverse=True)[1]
    about = {"scenario": scenario, "seed": seed, "model": "logistic"}
    designs = {"pooled": folded(X, y, "logistic", folds, IN_FOLDS)}
    if study.fresh_table is not None:
        designs["fresh"] = fresh(study, "logistic")
    if sites.max() == 1:
        designs["transport"] = transport(X, y, "logistic", seed)
        designs["leave_one_site_out"] = folded(X, y, "logistic", sites, IN_FOLDS)
    rows = [about | {"design": d} | row for d, found_rows in designs.items() for row in found_rows]
    if scenario in ("scanner", "images"):
        about = {"scenario": scenario, "seed": seed, "model": "random_forest"}
        forest = transport(X, y, "random_forest", seed)
        rows += [about | {"design": "transport"} | row for row in forest]
    return rows


def keep(rows: list[dict[str, object]]) -> None:
    """Append rows to what is there."""
    frame = pd.DataFrame(rows)
    frame = frame[["scenario", "seed", "model", "design", "method", "auc", "mean_error"]]
    frame.round(5).to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)


def there() -> set[tuple[str, int]]:
    """Return the studies that were run."""
    if not SEEDS.exists():
        return set()
    done = pd.read_csv(SEEDS)
    return set(zip(done["scenario"], done["seed"], strict=True))


def image_study(seed: int, work: Path) -> Study:
    """Return the radiomics columns of simulated CTs of two scanners, and the response."""
    directory = work / f"cohort_{seed}"
    if (directory / "manifest.csv").exists():
        cohort = tr.Cohort.from_csv(directory / "manifest.csv")
    else:
        cohort = tr.simulate_cohort(120, seed=seed, directory=directory, n_sites=2)
    table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=work / "cache")
    y = tr.label_responders(tr.shrinkage(cohort), by="rate_percent_per_day", cut="median")
    X = table.data
    X["meta__site"] = X["meta__site"].astype(str)
    return Study(X, y.loc[X.index].astype(np.int64))


def summary() -> pd.DataFrame:
    """Return means, their standard errors and the differences to doing nothing, and write them."""
    rows = pd.read_csv(SEEDS).drop_duplicates(["scenario", "seed", "model", "design", "method"])
    key = ["scenario", "seed", "model", "design"]
    nothing = rows[rows["method"] == "none"].set_index(key)["auc"].rename("nothing")
    rows = rows.join(nothing, on=key)
    rows["gain"] = rows["auc"] - rows["nothing"]
    rows["mean_error"] = rows["mean_error"].abs()
    group = rows.groupby(["scenario", "design", "model", "method"], sort=False)
    out = pd.DataFrame(
        {
            "n_seeds": group["seed"].nunique(),
            "auc": group["auc"].mean(),
            "auc_se": group["auc"].sem(),
            "gain": group["gain"].mean(),
            "gain_se": group["gain"].sem(),
            "abs_mean_error": group["mean_error"].mean(),
        }
    )
    out.round(4).to_csv(MEANS)
    return out


LABELS = {
    "none": "nothing",
    "combat_all_rows": "ComBat, all rows (leak)",
    "combat_outcome_all_rows": "ComBat keeping the outcome,\nall rows (leak)",
    "combat": "ComBat in the fold",
    "zscore": "z-scores in the fold",
    "quantile": "quantiles in the fold",
}
PANELS = (
    ("scanner", "transport", "Scanner effects:\nfrom A to B"),
    ("confounded", "pooled", "B's patients truly\ndiffer: folds"),
    ("no_signal", "transport", "No signal:\nfrom A to B"),
    ("no_signal_confounded", "pooled", "No signal, response\n25 and 75 %: folds"),
    ("no_signal_small", "pooled", "No signal, four\nsites of 12: folds"),
)


def draw() -> None:
    """Draw the means of the linear model with two standard errors; black: on fresh patients."""
    means = summary().xs("logistic", level="model")
    with figure_style():
        figure = new_axes(DOUBLE_COLUMN_MM, 58).figure
        figure.clear()
        axes = figure.subplots(1, len(PANELS), sharey=True)
        for ax, (scenario, design, title) in zip(axes, PANELS, strict=True):
            for row, method in enumerate(reversed(METHODS)):
                if (scenario, design, method) not in means.index:
                    continue
                one = means.loc[(scenario, design, method)]
                colour = COLOURS[1] if "all_rows" in method else COLOURS[0]
                colour = NEUTRAL if method == "none" else colour
                half = 2 * one["auc_se"]
                ax.plot([one["auc"] - half, one["auc"] + half], [row, row], color=colour, lw=1.4)
                ax.plot([one["auc"]], [row], "o", color=colour, markersize=4)
                if design == "pooled":
                    truth = means.loc[(scenario, "fresh", method), "auc"]
                    ax.plot([truth], [row], "|", color=COLOURS[-1], markersize=9, mew=1.2)
            ax.axvline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
            ax.set_title(title, loc="left", fontsize=6.5)
            ax.set_xlabel("AUC")
        axes[0].set_yticks(range(len(METHODS)), [LABELS[m] for m in reversed(METHODS)])
        figure.savefig(FIGURE, dpi=200)
    print(FIGURE.name)


def draw_report() -> None:
    """Draw the site report of a study whose sites differ in their patients and their scanners."""
    study = study_of(Scenario(sizes=(60, 60), trait_gap=1.5), FIRST_SEED)
    report = site_report(study.X, study.y)
    print(report)
    report.plot().figure.savefig(REPORT, dpi=200, bbox_inches="tight")


def main() -> None:
    """Run what is missing, then write means and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--image-seeds", type=int, default=4)
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    if given.draw:
        draw()
        draw_report()
        return
    if given.images:
        for seed in range(FIRST_SEED, FIRST_SEED + given.image_seeds):
            if ("images", seed) not in there():
                keep(rows_of("images", image_study(seed, given.images), seed))
        return
    for seed in range(given.first, given.first + given.seeds):
        for name, scenario in SCENARIOS.items():
            if (name, seed) not in there():
                keep(rows_of(name, study_of(scenario, seed), seed))
    print(summary().to_string())


if __name__ == "__main__":
    main()
