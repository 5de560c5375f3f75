"""Measure how often a predictor's label sets and intervals hold the truth of new patients.

Every seed draws a cohort of n = 60, 100 or 200 patients and new ones from the same population: the
simulator's latent volume, age and field, the field seen through 10 of 40 noisy columns. Lesions:

``one``
    one per patient;
``clustered``
    one to four. What lesions of one patient share moves their rates by 0.2 % per day (SD) and is
    seen in five columns; lesions of patients with many are noisier;
``rare``
    one per patient, about a quarter of them responders (with ``--alternatives``).

Ways to find the quantiles:

``predictor``
    :class:`tumor_response.ShrinkagePredictor`, ``fit_table`` and ``predict_table``, as it is.

and with ``--alternatives``, on scores of the same kind (one repeat of five folds):

``cross``
    what the predictor does, on these scores;
``left_out``
    conformity scores of patients calibrated without their own outcome;
``split``
    the model fitted to two thirds of the patients, the quantiles of the others;
``one_lesion``
    one lesion of each patient, drawn at random;
``all_lesions``
    lesions taken for patients.

``covered`` is the coverage of a lesion of a new patient (every new patient counts once),
``covered_lesions`` that of lesions, ``covered_1`` and ``covered_0`` that of responders and of the
others. The band to be held: from nominal - 2 points to nominal + 1 / (n + 1) + 2 points.

Run:  python -P benchmarks/conformal_coverage.py [--first 1 --seeds 200] [--sizes 60 100 200]
      python -P benchmarks/conformal_coverage.py --alternatives --seeds 60 --sizes 60
      python -P benchmarks/conformal_coverage.py --summary
Writes benchmarks/results/conformal_coverage_seeds.csv (rows per seed, appended; what is there is
not run again; with its 11,700 rows not kept with the project) and
benchmarks/results/conformal_coverage.csv (means with standard errors).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

import tumor_response as tr
from tumor_response.evaluation.rows import prepare_rows
from tumor_response.models import patients_of
from tumor_response.predictor.calibration import Calibration, fit_calibration, patient_weights
from tumor_response.predictor.conformal import ConformalRule, fit_conformal
from tumor_response.predictor.cross_fitting import cross_fitted_scores
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.simulate.latents import RATE_SD_PERCENT_PER_DAY, simulate_latents
from tumor_response.simulate.settings import SimulationSettings

COVERAGES = (0.8, 0.9, 0.95)
FRESH = {"one": 500, "clustered": 250, "rare": 500}
CUT = {"one": 1.05, "clustered": 1.05, "rare": 1.3}
MODELS = {"response": "logistic", "rate": "linear"}
RESULTS = Path(__file__).parent / "results"
SEEDS = RESULTS / "conformal_coverage_seeds.csv"
MEANS = RESULTS / "conformal_coverage.csv"
KEY = ["seed", "n", "lesions", "task", "method", "coverage"]
FIGURES = ["covered", "covered_lesions", "covered_1", "covered_0", "undecided", "empty", "width"]


@dataclass(frozen=True)
class Study:
    """A cohort and new patients of the same population."""

    X: pd.DataFrame
    y: pd.Series
    new: pd.DataFrame
    new_y: pd.Series


def study_of(seed: int, n: int, lesions: str, task: str) -> Study:
    """Return a simulated study."""
    rng = np.random.default_rng([seed, n, 23])
    settings = SimulationSettings(lesions_per_patient=(1, 4) if lesions == "clustered" else 1)
    latents = simulate_latents(n + FRESH[lesions], seed, settings)
    patients = patients_of(latents)
    rate = latents["rate_latent_percent_per_day"].to_numpy().copy()
    columns = rng.normal(size=(len(latents), 40))
    columns[:, :10] += 0.6 * latents["field_mean"].to_numpy()[:, None]
    if lesions == "clustered":
        shared, count = rng.normal(size=patients.max() + 1)[patients], latents["n_lesions"] - 1
        noise = 0.2 * count.to_numpy() * rng.normal(size=len(latents))
        rate += RATE_SD_PERCENT_PER_DAY * (0.6 * shared + noise)
        columns[:, 10:15] += 0.5 * shared[:, None]
    X = pd.DataFrame(columns, latents.index).add_prefix("radiomics__f")
    X.insert(0, "clinical__age_years", latents["age_years"])
    X.insert(0, "clinical__volume_cc", latents["target_volume_baseline_cc"])
    outcome = rate if task == "rate" else (rate > CUT[lesions]).astype(np.float64)
    y = pd.Series(outcome, latents.index, name="rate" if task == "rate" else "responder")
    old = patients < n
    return Study(X[old], y[old], X[~old], y[~old])


def figures(study: Study, rule: ConformalRule, output: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield what a rule does on the new patients, by coverage; ``output``: probability or rate."""
    y = study.new_y.to_numpy()
    weight = patient_weights(patients_of(study.new))
    for coverage in COVERAGES:
        row: dict[str, object] = {"coverage": coverage}
        if rule.kind == "interval":
            low, high = rule.intervals(output, coverage)
            hit = (low <= y) & (y <= high)
            row["width"] = 2 * rule.quantile(coverage)
        else:
            sets = rule.label_sets(output, coverage)
            hit = np.array([f"{int(v)}" in one for v, one in zip(y, sets, strict=True)])
            row |= {"undecided": np.mean(sets == "{0, 1}"), "empty": np.mean(sets == "{}")}
            row |= {"covered_1": hit[y == 1].mean(), "covered_0": hit[y == 0].mean()}
        yield row | {"covered": np.average(hit, weights=weight), "covered_lesions": hit.mean()}


def by_predictor(study: Study, task: str, seed: int) -> Iterator[dict[str, object]]:
    """Yield the figures of the predictor as it is."""
    predictor = ShrinkagePredictor(
        model=MODELS[task], outcome=task, n_resamples=0, coverages=COVERAGES, seed=seed
    ).fit_table(study.X, study.y)
    said = predictor.predict_table(study.new)["rate" if task == "rate" else "probability"]
    for row in figures(study, predictor.state_.conformal, said.to_numpy()):
        yield {"method": "predictor"} | row


def by_alternatives(study: Study, task: str, seed: int) -> Iterator[dict[str, object]]:
    """Yield the figures of the other ways to find the quantiles."""
    kind = "interval" if task == "rate" else "label_set"
    rng = np.random.default_rng([seed, 29])
    model = {"model": tr.make_model(MODELS[task], outcome=task)}
    crossed, _ = cross_fitted_scores(
        prepare_rows(model, study.X, study.y, None, "error", None), seed=seed
    )
    scores, y, whose = crossed.outputs["model"], crossed.y.astype(np.float64), crossed.patients
    line = Calibration() if task == "rate" else fit_calibration(scores, y, whose)
    own, left_out = line.apply(scores), np.empty_like(scores)
    for patient in np.unique(whose):
        at = whose == patient
        others = fit_calibration(scores[~at], y[~at], whose[~at]) if task != "rate" else line
        left_out[at] = others.apply(scores[at])
    new = outputs(study.X, study.y, study.new, task)
    order = rng.permutation(len(y))
    drawn = order[np.unique(whose[order], return_index=True)[1]]
    said = {
        "cross": (own, y, whose),
        "left_out": (left_out, y, whose),
        "one_lesion": (own[drawn], y[drawn], whose[drawn]),
        "all_lesions": (own, y, np.arange(len(y))),
    }
    link = (lambda z: z) if task == "rate" else expit
    for method, (z, outcome, names) in said.items():
        rule = fit_conformal(kind, link(z), outcome, names, COVERAGES)
        for row in figures(study, rule, link(line.apply(new))):
            yield {"method": method} | row
    train = np.isin(whose, rng.permutation(np.unique(whose))[: 2 * len(np.unique(whose)) // 3])
    if task == "rate" or len(np.unique(y[train])) == 2:
        both = pd.concat([study.X[~train], study.new])
        z = link(outputs(study.X[train], study.y[train], both, task))
        n_held = int((~train).sum())
        rule = fit_conformal(kind, z[:n_held], y[~train], whose[~train], COVERAGES)
        for row in figures(study, rule, z[n_held:]):
            yield {"method": "split"} | row


def outputs(X: pd.DataFrame, y: pd.Series, new: pd.DataFrame, task: str) -> np.ndarray:
    """Return log-odds or rates of new lesions."""
    fitted = tr.make_model(MODELS[task], outcome=task).fit(X, y)
    return fitted.predict(new) if task == "rate" else fitted.decision_function(new)


def there() -> set[tuple[object, ...]]:
    """Return the studies that were run."""
    if not SEEDS.exists():
        return set()
    done = pd.read_csv(SEEDS)
    done["method"] = done["method"] == "predictor"
    return set(done[["seed", "n", "lesions", "task", "method"]].itertuples(index=False, name=None))


def summary() -> pd.DataFrame:
    """Return means and whether the band is held, and write them."""
    rows = pd.read_csv(SEEDS).drop_duplicates(KEY)
    group = rows.groupby(KEY[1:])
    out = group[FIGURES].mean().assign(se=group["covered"].sem(), n_seeds=group.size())
    nominal = out.index.get_level_values("coverage").to_numpy()
    n = out.index.get_level_values("n").to_numpy()
    high = nominal + 1 / (n + 1) + 0.02
    out["held"] = (out["covered"] >= nominal - 0.02) & (out["covered"] <= high)
    out.round(4).to_csv(MEANS)
    return out


def main() -> None:
    """Run what is asked for and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 100, 200])
    parser.add_argument("--alternatives", action="store_true")
    parser.add_argument("--summary", action="store_true")
    asked = parser.parse_args()
    find = by_alternatives if asked.alternatives else by_predictor
    done = there()
    for seed in range(asked.first, asked.first + asked.seeds if not asked.summary else 0):
        for n in asked.sizes:
            rows = []
            for lesions, task in product(FRESH, MODELS):
                if lesions == "rare" and (task == "rate" or not asked.alternatives):
                    continue
                if (seed, n, lesions, task, not asked.alternatives) not in done:
                    about = {"seed": seed, "n": n, "lesions": lesions, "task": task}
                    found = find(study_of(seed, n, lesions, task), task, seed)
                    rows += [about | row for row in found]
            frame = pd.DataFrame(rows, columns=[*KEY, *FIGURES])
            frame.round(5).to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    print(summary().round(3).to_string())


if __name__ == "__main__":
    main()
