"""Write what neuroCombat makes of small tables, for the test that ComBat makes the same of them.

It needs an environment with neuroCombat 0.2.12, NumPy below 2 and pandas below 2.2, and nothing of
this library. Values are drawn by NumPy's generator, rounded to four decimals and stored beside the
results, so that the test depends on neither program's random numbers.

Run:  python -P benchmarks/neurocombat_values.py
Writes tests/reference/neurocombat_values.npz (input tables and neuroCombat's output).
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
from neuroCombat import neuroCombat

TARGET = Path(__file__).parents[1] / "tests" / "reference" / "neurocombat_values.npz"
VARIANTS: dict[str, dict[str, object]] = {
    "parametric": {},
    "non_parametric": {"parametric": False},
    "none": {"eb": False},
    "mean_only": {"mean_only": True},
    "mean_only_non_parametric": {"mean_only": True, "parametric": False},
    "mean_only_none": {"mean_only": True, "eb": False},
    "reference": {"ref_batch": "B"},
    "reference_non_parametric": {"ref_batch": "B", "parametric": False},
    "covariates": {"categorical_cols": ["sex"], "continuous_cols": ["age"]},
    "covariates_reference": {
        "categorical_cols": ["sex"],
        "continuous_cols": ["age"],
        "ref_batch": "C",
    },
    "covariates_mean_only": {
        "categorical_cols": ["sex"],
        "continuous_cols": ["age"],
        "mean_only": True,
    },
}


def table(seed: int, n_columns: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return values (lesions, columns) of three uneven sites, and sites and covariates."""
    rng = np.random.default_rng(seed)
    sites = np.repeat(["A", "B", "C"], [23, 14, 9])
    n = len(sites)
    # whole years, which neuroCombat's single precision holds exactly
    age = rng.integers(40, 85, size=n).astype(np.float64)
    sex = rng.choice(["f", "m"], size=n)
    values = rng.normal(size=(n, n_columns)) * rng.uniform(0.5, 20, size=n_columns)
    values += rng.normal(size=n_columns) * 30 + np.outer(age - 60, rng.normal(size=n_columns) * 0.1)
    for site in "ABC":
        at = sites == site
        shift = rng.normal(scale=4, size=n_columns)
        values[at] = shift + rng.uniform(0.5, 2.0, size=n_columns) * values[at]
    return values.round(4), pd.DataFrame({"site": sites, "age": age, "sex": sex})


def main() -> None:
    """Write the file."""
    if not hasattr(np, "int"):
        setattr(np, "int", int)  # noqa: B010 - neuroCombat 0.2.12 asks for it where a reference batch is given
    kept: dict[str, np.ndarray] = {}
    for seed, n_columns in ((0, 8), (1, 20)):
        values, covars = table(seed, n_columns)
        kept[f"{seed}/values"] = values
        for name in ("site", "age", "sex"):
            kept[f"{seed}/{name}"] = (
                covars[name].to_numpy().astype(np.float64 if name == "age" else np.str_)
            )
        for name, settings in VARIANTS.items():
            with contextlib.redirect_stdout(io.StringIO()):
                result = neuroCombat(
                    dat=values.T.copy(), covars=covars, batch_col="site", **settings
                )
            kept[f"{seed}/out/{name}"] = result["data"].T
    np.savez_compressed(TARGET, **kept)
    print(f"{TARGET.name}: {len(kept)} arrays, {TARGET.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
