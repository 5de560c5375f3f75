"""A table and outcomes with names and texts that a page or a spreadsheet could trip over."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tumor_response.features.assemble import DICTIONARY_COLUMNS, FAILURE_COLUMNS
from tumor_response.table import FeatureTable

HOSTILE = "</code><script>console.error(1)</script><img src=x onerror=console.error(2)>"
FORMULA = '=HYPERLINK("http://example.org")'


def hostile_table(n: int = 40, seed: int = 0) -> FeatureTable:
    """A feature table of n patients with one lesion each, hostile in every text."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [
            pd.Index([f"P{i:03d}" for i in range(n)], dtype="str"),
            pd.Index(["1"] * n, dtype="str"),
        ],
        names=["patient_id", "lesion_id"],
    )
    volume = rng.lognormal(3, 1, n)
    data = pd.DataFrame(
        {
            "clinical__volume_cc": volume,
            "radiomics__original__firstorder_Kurtosis": np.log(volume) ** 3,
            "radiomics__original__glcm_Contrast": rng.normal(size=n),
            f"x__{HOSTILE}": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "x__pipe|tick`star*": np.full(n, 4.0),
            "x__empty": np.full(n, np.nan),
            "clinical__hospital": pd.Categorical(
                rng.choice([HOSTILE, FORMULA], n), categories=[FORMULA, HOSTILE]
            ),
        },
        index=index,
    )
    described = pd.Index(list(data.columns), dtype="str", name="column")
    dictionary = pd.DataFrame("", index=described, columns=DICTIONARY_COLUMNS, dtype="str")
    dictionary["block"] = [name.split("__")[0] for name in data.columns]
    dictionary["role"] = "baseline"
    dictionary["family"] = HOSTILE
    dictionary["description"] = [f"{HOSTILE} of {i}" for i in range(len(data.columns))]
    dictionary["settings_sha256"] = "ab" * 32
    dictionary.loc["radiomics__original__firstorder_Kurtosis", "ibsi_code"] = "IPH6"
    dictionary.loc["radiomics__original__glcm_Contrast", "ibsi_code"] = "ACUI"
    failures = pd.DataFrame(columns=FAILURE_COLUMNS)
    return FeatureTable(data, dictionary, failures, {})


def outcomes_of(table: FeatureTable) -> pd.DataFrame:
    """End points of the table's lesions, one without an answer, in another order."""
    rng = np.random.default_rng(1)
    volume = table.data["clinical__volume_cc"]
    frame = pd.DataFrame(
        {
            "volume_baseline_cc": volume,
            "rate_cc_per_day": rng.normal(size=len(volume)),
            "reason": [""] * (len(volume) - 1) + ["follow_up_missing"],
            "response": (rng.random(len(volume)) < 0.5).astype(float),
            "own": rng.normal(size=len(volume)),
        },
        index=table.data.index,
    )
    frame.iloc[-1, 1] = np.nan
    return frame.iloc[::-1]
