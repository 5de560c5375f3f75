"""Measure what happens to a predictor of hospital A at hospital B, before and after recalibration.

Tables: hospital A has 120 patients, the simulator's latent volume, age and field, the field seen
through 10 of 40 columns; facts of the acquisition stand beside them. Hospital B is

``same``
    like A;
``scanner``
    another scanner: slices of 5 mm instead of 2 to 3, more noise; every column is shifted and
    stretched, and noise of 0.8 of its standard deviation comes on top;
``case_mix``
    other patients: larger tumours that shrink more slowly, fewer responders;
``both``.

At B some patients' outcomes become known, 10 to 100, and the predictor is recalibrated on them;
1,000 others of B tell what it is worth. With ``--images FOLDER`` cohorts of 160 simulated CTs of
two scanners are added: the radiomics columns of the unfiltered image, 40 of B's patients to
recalibrate on, the others to judge by.

``slope``: calibration slope at B (1 is right); ``deviance``: minus twice the log-likelihood per
lesion; ``covered``: of the label sets of nominal coverage 0.9; ``undecided``: share of sets of
both classes; ``outside``: share of B's lesions flagged as outside the training domain,
``outside_home``: the same of new patients of A; ``drift``: whether the batch of local patients is
called different from the training cohort.

Run:  python -P benchmarks/other_hospital.py [--first 1 --seeds 60]
      python -P benchmarks/other_hospital.py --images FOLDER --seeds 4
      python -P benchmarks/other_hospital.py --summary
Writes benchmarks/results/other_hospital_seeds.csv (rows per seed, appended; what is there is not
run again) and benchmarks/results/other_hospital.csv (medians and means).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.performance.brier import brier_score
from tumor_response.evaluation.performance.calibration import recalibration
from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.domain import AcquisitionFacts
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.simulate.latents import simulate_latents
from tumor_response.simulate.settings import SimulationSettings

N_HOME, N_NEW, LOCAL = 120, 1000, (10, 20, 30, 50, 100)
SCENARIOS = ("same", "scanner", "case_mix", "both")
COVERAGE, MEAN_RATE = 0.9, 1.05
RESULTS = Path(__file__).parent / "results"
SEEDS = RESULTS / "other_hospital_seeds.csv"
MEANS = RESULTS / "other_hospital.csv"
KEY = ["seed", "scenario", "n_local"]
FIGURES = ["slope", "auc", "deviance", "brier", "covered", "undecided"]
DOMAIN = ["outside", "outside_home", "drift"]


@dataclass(frozen=True)
class Hospital:
    """Lesions with features, facts of the acquisition, and the outcome."""

    X: pd.DataFrame
    y: pd.Series

    def part(self, first: int, last: int | None = None) -> Hospital:
        """Return some of the patients."""
        return Hospital(self.X[first:last], self.y[first:last])


@dataclass(frozen=True)
class Scanner:
    """What a scanner does to the columns, in their standard deviations at hospital A."""

    shift: np.ndarray
    stretch: np.ndarray
    noise: float


def hospital_of(seed: int, n: int, scenario: str) -> Hospital:
    """Return the lesions of a hospital."""
    rng = np.random.default_rng([seed, n, SCENARIOS.index(scenario), 31])
    other_patients, other_scanner = (
        scenario in ("case_mix", "both"),
        scenario in ("scanner", "both"),
    )
    latents = simulate_latents(2 * n, seed, SimulationSettings())
    rate = latents["rate_latent_percent_per_day"]
    log_volume = np.log(latents["target_volume_baseline_cc"].to_numpy())
    keep = np.arange(n)
    if other_patients:
        keep = np.sort(np.argsort(log_volume + rng.normal(size=2 * n))[n:])
        rate = rate - 0.2
    latents, rate, log_volume = latents.iloc[keep], rate.iloc[keep], log_volume[keep]
    columns = rng.normal(size=(n, 40))
    columns[:, :10] += 0.6 * latents["field_mean"].to_numpy()[:, None]
    columns[:, 10:15] += log_volume[:, None]
    thickness, noise_hu = rng.choice([2.0, 2.5, 3.0], size=n), rng.normal(9.0, 1.0, size=n)
    if other_scanner:
        one = scanner_of(seed)
        columns = columns * one.stretch + one.shift + one.noise * rng.normal(size=columns.shape)
        thickness, noise_hu = np.full(n, 5.0), rng.normal(13.0, 1.0, size=n)
    X = pd.DataFrame(columns, latents.index).add_prefix("radiomics__f")
    X.insert(0, "clinical__age_years", latents["age_years"])
    X.insert(0, "clinical__volume_cc", np.exp(log_volume))
    X["acquisition__slice_thickness_mm"] = thickness
    X["acquisition__noise_hu"] = noise_hu
    X["acquisition__volume_cc"] = np.exp(log_volume)
    y = (rate > MEAN_RATE).astype(np.float64).rename("responder")
    return Hospital(X, y)


def scanner_of(seed: int) -> Scanner:
    """Return the other scanner."""
    rng = np.random.default_rng([seed, 37])
    shift = rng.normal(rng.normal(scale=0.3), 0.5, size=40)
    return Scanner(shift, np.exp(rng.normal(scale=0.2, size=40)), 0.8)


def judged(predictor: ShrinkagePredictor, new: Hospital) -> tuple[dict[str, float], pd.DataFrame]:
    """Return what the predictor is worth, and its predictions."""
    said = predictor.predict_table(new.X, coverage=COVERAGE)
    p, y = said["probability"].to_numpy(), new.y.to_numpy()
    try:
        slope = recalibration(y, p).slope
    except EvaluationError:
        slope = np.nan
    log_odds = logit(p)
    hit = [f"{int(v)}" in one for v, one in zip(y, said["label_set"], strict=True)]
    row = {
        "slope": slope,
        "auc": auc(y, p),
        "deviance": float(2 * np.mean(np.logaddexp(0.0, log_odds) - y * log_odds)),
        "brier": brier_score(y, p),
        "covered": float(np.mean(hit)),
        "undecided": float((said["label_set"] == "{0, 1}").mean()),
    }
    return row, said


def fitted(home: Hospital, seed: int) -> ShrinkagePredictor:
    """Return the predictor of hospital A."""
    return ShrinkagePredictor(n_resamples=0, coverages=(COVERAGE,), seed=seed).fit_table(
        home.X, home.y
    )


def at_other(
    predictor: ShrinkagePredictor, outside_home: float, local: Hospital, new: Hospital
) -> Iterator[dict[str, object]]:
    """Yield the figures at another hospital, by number of local patients."""
    row, said = judged(predictor, new)
    flagged = {"outside": 1 - said["in_domain"].mean(), "outside_home": outside_home}
    drifted = predictor.drift(local.X[:50]).table()["p_adjusted"].min() < 0.05
    yield {"n_local": 0, "drift": float(drifted)} | flagged | row
    for n in LOCAL:
        if n <= len(local.X):
            some = local.part(0, n)
            child = predictor.recalibrate(some.X, some.y)
            yield {"n_local": n} | judged(child, new)[0]


def by_tables(seed: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one hospital A and its four hospitals B."""
    everybody = hospital_of(10 * seed, N_HOME + N_NEW, "same")
    predictor = fitted(everybody.part(0, N_HOME), seed)
    at_home = predictor.predict_table(everybody.part(N_HOME).X)["in_domain"]
    for scenario in SCENARIOS:
        other = hospital_of(10 * seed + 1, max(LOCAL) + N_NEW, scenario)
        local, new = other.part(0, max(LOCAL)), other.part(max(LOCAL))
        for row in at_other(predictor, 1 - at_home.mean(), local, new):
            yield {"scenario": scenario} | row


def by_images(seed: int, work: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of a simulated cohort of two scanners."""
    directory = work / f"cohort_{seed}"
    if (directory / "manifest.csv").exists():
        cohort = tr.Cohort.from_csv(directory / "manifest.csv")
    else:
        cohort = tr.simulate_cohort(160, seed=seed, directory=directory, n_sites=2)
    table = tr.extract(
        cohort,
        [tr.ClinicalFactors(["age", "volume_cc"]), tr.Radiomics("minimal"), AcquisitionFacts()],
        cache_dir=work / "cache",
    )
    y = tr.label_responders(tr.shrinkage(cohort), by="rate_percent_per_day", cut="median")
    whole = Hospital(table.data, y.loc[table.data.index].astype(np.float64))
    at_a = (
        table.data["meta__site"].astype(str) == sorted(set(table.data["meta__site"]))[0]
    ).to_numpy()
    home, other = (Hospital(whole.X[m], whole.y[m]) for m in (at_a, ~at_a))
    n_home = 3 * len(home.X) // 4
    predictor = fitted(home.part(0, n_home), seed)
    at_home = predictor.predict_table(home.part(n_home).X)["in_domain"]
    for row in at_other(predictor, 1 - at_home.mean(), other.part(0, 30), other.part(30)):
        yield {"scenario": "images"} | row


def summary() -> pd.DataFrame:
    """Return medians and means over seeds, and how often recalibration helped, and write them."""
    rows = pd.read_csv(SEEDS).drop_duplicates(KEY)
    before = rows[rows["n_local"] == 0].set_index(["seed", "scenario"])
    before = before[["slope", "deviance"]].add_suffix("_before")
    rows = rows.join(before, on=["seed", "scenario"])
    rows["off"] = (rows["slope"] - 1).abs()
    rows["slope_nearer"] = rows["off"] < (rows["slope_before"] - 1).abs()
    rows["deviance_lower"] = rows["deviance"] < rows["deviance_before"]
    group = rows.groupby(["scenario", "n_local"])
    out = group[["slope", "off"]].median().add_suffix("_median")
    out = out.join(group[[*FIGURES[1:], *DOMAIN, "slope_nearer", "deviance_lower"]].mean())
    out["n_seeds"] = group["seed"].nunique()
    out.round(4).to_csv(MEANS)
    return out


def main() -> None:
    """Run what is asked for and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--summary", action="store_true")
    asked = parser.parse_args()
    done: set[tuple[int, bool]] = set()
    if SEEDS.exists():
        there = pd.read_csv(SEEDS)
        done = set(zip(there["seed"], there["scenario"] == "images", strict=True))
    for seed in range(asked.first, asked.first + asked.seeds if not asked.summary else 0):
        if (seed, asked.images is not None) in done:
            continue
        found = by_tables(seed) if asked.images is None else by_images(seed, asked.images)
        frame = pd.DataFrame([{"seed": seed} | row for row in found])
        frame = frame.reindex(columns=[*KEY, *FIGURES, *DOMAIN]).round(5)
        frame.to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    print(summary().round(3).to_string())


if __name__ == "__main__":
    main()
