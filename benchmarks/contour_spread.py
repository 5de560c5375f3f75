"""Repeatability and spread of predictions under plausible contours, on a simulated cohort.

60 simulated patients. Radiomics (``minimal``) and the baseline volume are extracted from each, and
from 20 contours that another observer might have drawn (1.5 mm SD along the normal). Written are

- ``contour_spread_icc.csv``: ICC(1,1) of every column over all patients (for reading only), and in
  how many of the resamples it passes 0.75 on the training patients,
- ``contour_spread.csv``: the spread of each patient's out-of-bag probability by ridge regression,
- ``docs/_figures/contour_spread.png``.

Run:  python -P benchmarks/contour_spread.py [--jobs 1]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation import prediction_spread
from tumor_response.features.repeats import Repeats, read_repeats
from tumor_response.imaging.perturb import plausible_contours
from tumor_response.repeatability import icc
from tumor_response.transformers import StableColumns

HERE = Path(__file__).parent
RESULTS = HERE / "results"
FIGURE = HERE.parent / "docs" / "_figures" / "contour_spread.png"
N_PATIENTS, N_REPEATS, OBSERVER_SD_MM, MIN_ICC, SEED = 60, 20, 1.5, 0.75, 0
KEY = "views__repeats__key"


def main() -> None:
    """Simulate, extract, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        cohort = tr.simulate_cohort(n_patients=N_PATIENTS, seed=SEED, directory=f"{folder}/cohort")
        inner = [tr.ClinicalFactors(["volume_cc"]), tr.Radiomics("minimal")]
        rules = {"contour": plausible_contours(observer_sd_mm=OBSERVER_SD_MM)}
        repeats = Repeats(inner, rules, N_REPEATS, f"{folder}/repeats", seed=SEED)
        table = tr.extract(cohort, [*inner, repeats], n_jobs=jobs)
        print(table.failures["reason"].value_counts().to_string())
        outcomes = tr.shrinkage(cohort)
        stable = StableColumns(MIN_ICC, store=repeats.store.directory)
        model = tr.make_model("logistic", stable=stable)
        result = tr.evaluate(
            {"logistic": model},
            table,
            outcomes["rate_percent_per_day"],
            tr.Bootstrap632Plus(n_resamples=100, seed=SEED),
            label=tr.ResponderCut("median"),
            n_jobs=jobs,
        )
        print(result.summary().T.to_string())
        found = read_repeats(repeats.store, table.data[KEY])
        whole = icc(found.values)
        passes = np.zeros(len(found.columns))
        for resample in result.resamples:
            step = StableColumns(MIN_ICC, store=repeats.store.directory)
            step.fit(table.data.iloc[resample.train][[*found.columns, KEY]])
            passes += step.stability_.loc[list(found.columns), "icc"].to_numpy() >= MIN_ICC
        pd.DataFrame(
            {
                "icc": whole.value,
                "low": whole.low,
                "high": whole.high,
                "share_of_resamples": passes / len(result.resamples),
            },
            index=pd.Index(found.columns, name="column"),
        ).round(5).to_csv(RESULTS / "contour_spread_icc.csv")
        spread = prediction_spread(result, repeats.store, n_jobs=jobs)
        spread.table.round(5).to_csv(RESULTS / "contour_spread.csv")
        print(spread.summary().to_string())
        print(spread)
        axes = spread.plot()
        axes.figure.savefig(FIGURE, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
