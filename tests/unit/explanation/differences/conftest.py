"""Small tables with known differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Study = tuple[pd.DataFrame, pd.Series]


def make_study(
    n_patients: int = 60,
    p: int = 12,
    seed: int = 0,
    lesions: int = 1,
    by_volume: float = 0.0,
    by_column: float = 0.0,
    decimals: int = 6,
) -> Study:
    """Half of the columns follow the volume as the class does; column 0 of each block the class."""
    rng = np.random.default_rng(seed)
    m, who = n_patients * lesions, np.repeat(np.arange(n_patients), lesions)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in who], [str(i % lesions) for i in range(m)]],
        names=["patient_id", "lesion_id"],
    )
    volume, age = rng.normal(size=m), rng.normal(size=n_patients)[who]
    y = (by_volume * volume + rng.logistic(size=m) > 0).astype(float)
    columns = {}
    for block, family in (("radiomics", "log1__glcm"), ("radiomics", "log2__glcm"), ("deep", "n_")):
        for i in range(p // 3):
            values = rng.normal(size=m) + (by_volume if i % 2 else 0) * volume
            values += by_column * y if i == 0 else 0
            columns[f"{block}__{family}_F{i}"] = np.round(values, decimals)
    table = pd.DataFrame(columns, index)
    table["clinical__volume_cc"], table["clinical__age"] = np.exp(volume), 60 + 9 * age
    return table, pd.Series(y, index, name="responder")


@pytest.fixture
def study() -> Callable[..., Study]:
    return make_study
