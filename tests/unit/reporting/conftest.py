"""Small studies with a signal, without one, and with text that wants to be mark-up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.table import FeatureTable

SCRIPT = "<script>console.error('planted')</script>"
IMAGE = "<img src='http://example.invalid/x.png' onerror='console.error(1)'>"
N_PATIENTS = 60


def make_table(seed: int) -> FeatureTable:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"]], names=["patient_id", "lesion_id"]
    )
    data = pd.DataFrame(
        rng.normal(size=(N_PATIENTS, 12)),
        index=index,
        columns=[f"radiomics__original__f{i}" for i in range(12)],
    )
    data["clinical__age"] = rng.normal(62, 9, size=N_PATIENTS)
    data["clinical__volume_cc"] = np.exp(rng.normal(2.5, 0.8, size=N_PATIENTS))
    dictionary = pd.DataFrame(
        {
            "block": [str(c).split("__")[0] for c in data],
            "family": "f",
            "role": "baseline",
            "ibsi_code": "",
            "unit": "",
            "description": "",
            "settings_sha256": "ab" * 32,
        },
        index=pd.Index(data.columns, name="column"),
    )
    failures = pd.DataFrame(
        [(IMAGE, "1", "radiomics", "roi_too_small", 12, f"Refused: {SCRIPT}")],
        columns=["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"],
    )
    return FeatureTable(data, dictionary, failures, {"data_sha256": "cd" * 32})


def make_outcomes(table: FeatureTable, signal: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1000)
    rate = 1.0 + signal * table.data["radiomics__original__f0"] + rng.normal(size=N_PATIENTS)
    outcomes = pd.DataFrame({"rate_percent_per_day": rate, "reason": ""})
    outcomes.iloc[:2, 0] = np.nan
    outcomes.iloc[:2, 1] = SCRIPT
    outcomes.attrs = {
        "days": "treatment_days",
        "reasons": dict.fromkeys(outcomes.index[:2], SCRIPT),
    }
    return outcomes


@pytest.fixture(scope="session")
def study():
    """Return a function: signal -> (result, table, outcomes), each evaluated once."""
    done = {}

    def study(signal: float, seed: int = 0):
        if (signal, seed) not in done:
            table = make_table(seed)
            outcomes = make_outcomes(table, signal, seed)
            y = outcomes["rate_percent_per_day"]
            y.attrs["reasons"] = outcomes.attrs["reasons"]
            names = {"volume_only": "volume_only", "clinical_only": "clinical_only"}
            models = {name: tr.make_model(kind) for name, kind in names.items()}
            models["all"] = tr.make_model("logistic", n_inner_folds=3)
            scheme = tr.Bootstrap632Plus(n_resamples=100, seed=seed)
            label = tr.ResponderCut("median")
            result = tr.evaluate(models, table, y, scheme, label=label)
            done[signal, seed] = result, table, outcomes
        return done[signal, seed]

    return study
