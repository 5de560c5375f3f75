"""Calibration of the in-domain score: near uniform for like patients, small for others.

Training tables of n patients and p features (five factors behind them, every third feature
log-normal) with ten acquisition facts are drawn, and 200 new patients from the same law; then the
same new patients with one thing changed. A row of ``results/domain_calibration.csv`` is one
repeat: the share of new patients called outside (nominal .05) and quantiles of the score, without
shift and with each of the shifts.

    python -P benchmarks/domain_calibration.py --repeats 100

Rows that are there are not computed again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from tumor_response.predictor.domain import TrainingDomain

RESULTS = Path(__file__).parent / "results" / "domain_calibration.csv"
DESIGNS = [(20, 50, 1), (60, 10, 1), (60, 1500, 1), (120, 300, 1), (120, 300, 3), (200, 1500, 1)]
"""Patients, features, most lesions per patient."""
N_NEW = 200


def lesions(
    rng: np.random.Generator, n: int, loads: np.ndarray, most: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw features and facts of the lesions of n patients; lesions of one are alike."""
    counts = rng.integers(1, most + 1, n)
    of = np.repeat(np.arange(n), counts)
    p = loads.shape[1]
    own = rng.standard_normal((n, p))[of]
    mixed = (own + rng.standard_normal((len(of), p))) / np.sqrt(2) if most > 1 else own
    X = rng.standard_normal((n, len(loads)))[of] @ loads + mixed
    X[:, ::3] = np.exp(X[:, ::3] / np.sqrt(1 + (loads[:, ::3] ** 2).sum(axis=0)))
    index = pd.MultiIndex.from_arrays(
        [[f"P{i}" for i in of], [str(i) for i in range(len(of))]],
        names=["patient_id", "lesion_id"],
    )
    facts = {
        "slice_thickness_mm": rng.choice([1.0, 2.0, 3.0], n, p=[0.2, 0.3, 0.5]),
        "volume_cc": np.exp(rng.normal(3, 1, n)),
        "hu_mean": rng.normal(40, 20, n),
        "hu_sd": np.exp(rng.normal(3, 0.2, n)),
        "hu_p05": rng.normal(-20, 20, n),
        "hu_p95": rng.normal(90, 20, n),
        "noise_hu": np.exp(rng.normal(2, 0.3, n)),
        "noise_grain": rng.normal(0.5, 0.1, n),
        "air_share": rng.beta(1, 8, n),
        "kernel": rng.choice(["B20f", "B30f", "B31f", "B40f"], n, p=[0.6, 0.3, 0.07, 0.03]),
    }
    frame = pd.DataFrame({f"acquisition__{k}": v[of] for k, v in facts.items()}, index=index)
    columns = [f"radiomics__family{j % 10}__x{j}" for j in range(p)]
    return pd.DataFrame(X, index=index, columns=columns), frame


def shifted(X: pd.DataFrame, facts: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the new patients as they are, and with one thing changed at a time."""
    found = {"none": (X, facts)}
    for name, changed in {
        "slice_thickness_5_mm": {"slice_thickness_mm": 5.0},
        "noise_x_3": {"noise_hu": facts["acquisition__noise_hu"] * 3},
        "hu_plus_100": {
            part: facts[f"acquisition__{part}"] + 100 for part in ("hu_mean", "hu_p05", "hu_p95")
        },
        "volume_x_50": {"volume_cc": facts["acquisition__volume_cc"] * 50},
        "new_kernel": {"kernel": "B80f"},
    }.items():
        found[name] = X, facts.assign(**{f"acquisition__{k}": v for k, v in changed.items()})
    family = [column for column in X if "family3" in column]
    found["one_family_plus_3_sd"] = X.assign(**{c: X[c] + 3 * X[c].std() for c in family}), facts
    return found


def repeat(n: int, p: int, most: int, seed: int) -> list[dict[str, float | str]]:
    """Return the rows of one repeat."""
    rng = np.random.default_rng([seed, n, p, most])
    loads = 0.8 * rng.standard_normal((5, p))
    X, facts = lesions(rng, n, loads, most)
    dictionary = pd.DataFrame(
        {"block": "radiomics", "family": [c.split("__")[1] for c in X], "unit": ""},
        index=X.columns,
    )
    patients = X.index.get_level_values("patient_id").to_numpy()
    domain = TrainingDomain.of(X, dictionary, facts, patients)
    new = lesions(rng, N_NEW, loads, most)
    # one lesion of each new patient: what is stated is stated of a patient
    first = ~new[0].index.get_level_values("patient_id").duplicated()
    rows: list[dict[str, float | str]] = []
    for shift, (X_new, facts_new) in shifted(new[0][first], new[1][first]).items():
        said = domain.assess(X_new, facts_new)
        q05, q25, q50, q75 = said["in_domain_score"].quantile([0.05, 0.25, 0.5, 0.75])
        rows.append(
            {
                "n_patients": n,
                "n_features": p,
                "most_lesions": most,
                "seed": seed,
                "shift": shift,
                "share_outside": round(float((~said["in_domain"]).mean()), 4),
                **{
                    k: round(float(v), 4)
                    for k, v in zip(("q05", "q25", "q50", "q75"), (q05, q25, q50, q75), strict=True)
                },
            }
        )
    return rows


def main() -> None:
    """Compute the rows that are not there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=100)
    repeats = parser.parse_args().repeats
    done = set()
    if RESULTS.exists():
        keys = ["n_patients", "n_features", "most_lesions", "seed"]
        done = set(pd.read_csv(RESULTS)[keys].itertuples(index=False, name=None))
    for seed in range(repeats):
        for n, p, most in DESIGNS:
            if (n, p, most, seed) not in done:
                rows = pd.DataFrame(repeat(n, p, most, seed))
                rows.to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)
    table = pd.read_csv(RESULTS)
    by = ["n_patients", "n_features", "most_lesions", "shift"]
    print(table.groupby(by)["share_outside"].agg(["count", "mean", "std"]).round(3).to_string())


if __name__ == "__main__":
    main()
