"""ComBat on all rows gives neuroCombat's numbers, which benchmarks/neurocombat_values.py stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.transformers import ComBat

STORED = np.load(Path(__file__).with_name("neurocombat_values.npz"), allow_pickle=False)

COVARIATES = ("clinical__sex", "clinical__age")
SETTINGS = {
    "parametric": {},
    "non_parametric": {"prior": "non_parametric"},
    "none": {"prior": "none"},
    "mean_only": {"mean_only": True},
    "mean_only_non_parametric": {"mean_only": True, "prior": "non_parametric"},
    "mean_only_none": {"mean_only": True, "prior": "none"},
    "reference": {"reference": "B"},
    "reference_non_parametric": {"reference": "B", "prior": "non_parametric"},
    "covariates": {"covariates": COVARIATES},
    "covariates_reference": {"covariates": COVARIATES, "reference": "C"},
    "covariates_mean_only": {"covariates": COVARIATES, "mean_only": True},
}


def stored_table(seed: int) -> pd.DataFrame:
    table = pd.DataFrame(STORED[f"{seed}/values"]).add_prefix("radiomics__")
    table["meta__site"] = STORED[f"{seed}/site"]
    table["clinical__age"] = STORED[f"{seed}/age"]
    table["clinical__sex"] = pd.Categorical(STORED[f"{seed}/sex"])
    table.index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(len(table))], ["1"]], names=["patient_id", "lesion_id"]
    )
    return table


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SETTINGS)
def test_on_all_rows_it_equals_neurocombat(name, seed):
    table = stored_table(seed)
    expected = STORED[f"{seed}/out/{name}"]
    found = ComBat(**SETTINGS[name]).fit_transform(table).filter(like="radiomics__").to_numpy()
    assert np.abs(expected - STORED[f"{seed}/values"]).max() > 1  # there was something to do
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
