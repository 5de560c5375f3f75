"""Compare ways to fit a calibration's intercept and slope, at home and at another hospital.

``home``: a cohort of n patients, tables as in ``conformal_coverage.py``; lines are fitted to
cross-fitted log-odds (two repeats of five folds, side by side) and applied to the model of all
patients, among 500 new ones. ``other``: the log-odds of a model of 100 patients, calibrated, at
another hospital as in ``other_hospital.py``; lines are fitted to n local patients and judged on
2,000 others.

Ways: ``nothing``; ``platt`` (Platt's targets); ``likelihood`` (Cox 1958); ``intercept`` (slope held
at 1); ``closed`` (closed testing procedure, Vergouwe et al. 2017: intercept and slope, intercept
alone or nothing, by likelihood-ratio tests at .05); ``drawn_0.25``, ``drawn_0.5``, ``drawn_1``:
intercept and slope drawn toward 0 and 1, the slope by a normal density of this standard deviation,
the intercept by one of 1; the second is what the library does.

Run:  python benchmarks/calibration_ways.py [--seeds 40]
Writes benchmarks/results/calibration_ways_seeds.csv (rows per seed, appended; what is there is not
run again) and benchmarks/results/calibration_ways.csv: means of the deviance per lesion and of its
difference to nothing, how often it is lower, medians of slope and of its distance from 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from conformal_coverage import study_of
from other_hospital import hospital_of
from scipy.optimize import minimize
from scipy.special import expit, logit

import tumor_response as tr
from tumor_response.evaluation.performance.calibration import recalibration
from tumor_response.exceptions import EvaluationError
from tumor_response.models import patients_of
from tumor_response.models.folds import patient_folds
from tumor_response.models.platt import fit_sigmoid
from tumor_response.predictor.calibration import fit_calibration

HOME = (
    ("logistic", 60, 1.0),
    ("logistic", 120, 1.0),
    ("random_forest", 100, 0.25),
    ("xgboost", 100, 0.25),
)
LOCAL = (5, 10, 20, 30, 50, 100)
SCENARIOS = ("same", "scanner", "case_mix")
N_MODEL, N_NEW, REPEATS = 100, 2000, 2
RESULTS = Path(__file__).parent / "results"
SEEDS = RESULTS / "calibration_ways_seeds.csv"
MEANS = RESULTS / "calibration_ways.csv"
KEY = ["part", "what", "n", "way"]

Line = tuple[float, float]


def drawn(z: np.ndarray, y: np.ndarray, w: np.ndarray, sds: Line) -> Line:
    """Return the line that minimises the weighted deviance with pulls toward 0 and 1."""

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        logits, pull = line[0] + line[1] * z, np.array([line[0], line[1] - 1]) / np.square(sds)
        wrong = w * (expit(logits) - y)
        value = w @ (np.logaddexp(0, logits) - y * logits)
        value += 0.5 * (pull @ np.array([line[0], line[1] - 1]))
        return value, np.array([wrong.sum(), wrong @ z]) + pull

    found = minimize(loss, [0.0, 1.0], jac=True, method="BFGS").x
    return float(found[0]), max(float(found[1]), 0.01)


def deviance(line: Line, z: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Return minus twice the weighted log-likelihood."""
    logits = line[0] + line[1] * z
    return float(2 * (w @ (np.logaddexp(0, logits) - y * logits)))


def closed(z: np.ndarray, y: np.ndarray, w: np.ndarray) -> Line:
    """Return what the closed testing procedure settles on."""
    lines = [(0.0, 1.0), drawn(z, y, w, (1e3, 1e-4)), drawn(z, y, w, (1e3, 1e3))]
    before, moved, both = (deviance(line, z, y, w) for line in lines)
    if before - both < 5.99:
        return lines[0]
    return lines[1] if moved - both < 3.84 else lines[2]


def platt(z: np.ndarray, y: np.ndarray, w: np.ndarray) -> Line:
    """Return Platt's line; nothing where there is one class."""
    if np.unique(y).size < 2:
        return 0.0, 1.0
    found = fit_sigmoid(z, y, w)
    return found.offset, found.slope


def nothing(_z: np.ndarray, _y: np.ndarray, _w: np.ndarray) -> Line:
    """Return the line that changes nothing."""
    return 0.0, 1.0


WAYS = {
    "nothing": nothing,
    "platt": platt,
    "likelihood": lambda z, y, w: drawn(z, y, w, (1e3, 1e3)),
    "intercept": lambda z, y, w: drawn(z, y, w, (1e3, 1e-4)),
    "closed": closed,
    "drawn_0.25": lambda z, y, w: drawn(z, y, w, (1.0, 0.25)),
    "drawn_0.5": lambda z, y, w: drawn(z, y, w, (1.0, 0.5)),
    "drawn_1": lambda z, y, w: drawn(z, y, w, (1.0, 1.0)),
}


def log_odds(name: str, X: pd.DataFrame, y: pd.Series, new: pd.DataFrame) -> np.ndarray:
    """Return what a fitted model says of new lesions."""
    settings = {"n_trees": 100} if name == "random_forest" else {}
    fitted = tr.make_model(name, blocks=["clinical", "radiomics"], **settings).fit(X, y)
    if hasattr(fitted, "decision_function"):
        return fitted.decision_function(new)
    return logit(np.clip(fitted.predict_proba(new)[:, 1], 1e-4, 1 - 1e-4))


def crossed(name: str, X: pd.DataFrame, y: pd.Series) -> tuple[np.ndarray, ...]:
    """Return log-odds of patients left out, their outcomes and the patients, by repeats."""
    patients, scores = patients_of(X), []
    for repeat in range(REPEATS):
        folds, z = patient_folds(patients, y.to_numpy(), 5, repeat), np.empty(len(y))
        for fold in range(5):
            out = folds == fold
            z[out] = log_odds(name, X[~out], y[~out], X[out])
        scores.append(z)
    return np.concatenate(scores), np.tile(y, REPEATS), np.tile(patients, REPEATS)


def figures(
    fitted_to: tuple[np.ndarray, np.ndarray, np.ndarray], z: np.ndarray, y: np.ndarray
) -> Iterator[dict[str, object]]:
    """Yield what each way is worth on new lesions."""
    for way, fit in WAYS.items():
        intercept, slope = fit(*fitted_to)
        logits = np.clip(intercept + slope * z, -30, 30)
        try:
            found = recalibration(y, expit(logits)).slope
        except EvaluationError:
            found = np.nan
        worth = deviance((0.0, 1.0), logits, y, np.full(len(y), 1 / len(y)))
        yield {"way": way, "slope": found, "deviance": worth}


def home(seed: int, name: str, n: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one cohort."""
    study = study_of(seed, n, "one", "response")
    z, y, _ = crossed(name, study.X, study.y)
    new = log_odds(name, study.X, study.y, study.new)
    weight = np.full(len(z), 1 / REPEATS)
    for row in figures((z, y, weight), new, study.new_y.to_numpy()):
        yield {"part": "home", "what": name, "n": n} | row


def other(seed: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one hospital and three others."""
    first = hospital_of(10 * seed, N_MODEL, "same")
    line = fit_calibration(*crossed("logistic", first.X, first.y))
    for scenario in SCENARIOS:
        there = hospital_of(10 * seed + 1, max(LOCAL) + N_NEW, scenario)
        z = line.apply(log_odds("logistic", first.X, first.y, there.X))
        y = there.y.to_numpy()
        for n in LOCAL:
            rows = figures((z[:n], y[:n], np.ones(n)), z[max(LOCAL) :], y[max(LOCAL) :])
            for row in rows:
                yield {"part": "other", "what": scenario, "n": n} | row


def summary() -> pd.DataFrame:
    """Return means and medians over seeds, and write them."""
    rows = pd.read_csv(SEEDS).drop_duplicates(["seed", *KEY])
    without = rows[rows["way"] == "nothing"].set_index(["seed", *KEY[:3]])["deviance"]
    rows = rows.join(without.rename("without"), on=["seed", *KEY[:3]])
    rows["change"] = rows["deviance"] - rows["without"]
    rows["lower"] = rows["change"] < 0
    rows["off"] = (rows["slope"] - 1).abs()
    group = rows.groupby(KEY)
    out = group[["deviance", "change", "lower"]].mean().join(group[["slope", "off"]].median())
    out["n_seeds"] = group.size()
    out.round(4).to_csv(MEANS)
    return out


def main() -> None:
    """Run what is asked for and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=40)
    asked = parser.parse_args()
    done = set(pd.read_csv(SEEDS)["seed"]) if SEEDS.exists() else set()
    for number in range(asked.seeds):
        seed = asked.first + number
        if seed in done:
            continue
        rows = list(other(seed))
        for name, n, share in HOME:
            if number < share * asked.seeds:
                rows += home(9000 + seed, name, n)
        frame = pd.DataFrame([{"seed": seed} | row for row in rows]).round(5)
        frame.to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    print(summary().round(3).to_string())


if __name__ == "__main__":
    main()
