"""Outcome tables made of numbers, as tr.shrinkage would return them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from tumor_response.outcomes.contour_error import ContourError, redraw
from tumor_response.outcomes.end_points import SHRANK_SIGN, changes
from tumor_response.simulate import SimulationSettings, simulate_latents


def outcome_table(v0, v1, days=30.0, fractions=20.0, dose_gy=40.0) -> pd.DataFrame:
    """Every end point of these volumes, by the library's own formulas."""
    rows = []
    for a, b, d, f, g in np.broadcast(v0, v1, days, fractions, dose_gy):
        row = {
            "volume_baseline_cc": a,
            "volume_follow_up_cc": b,
            "interval_days": d,
            "treatment_days": d,
            "fractions": f,
            "dose_gy": g,
        }
        if not np.isnan(b):
            row |= changes(a, b, {"day": d, "fraction": f, "gy": g})
        rows.append(row)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:04d}" for i in range(len(rows))], ["1"] * len(rows)],
        names=["patient_id", "lesion_id"],
    )
    columns = [*rows[0], *(name for name in SHRANK_SIGN if name not in rows[0])]
    table = pd.DataFrame(rows, index=index, columns=list(dict.fromkeys(columns)))
    table.attrs["days"] = "interval_days"
    return table


@lru_cache(maxsize=8)
def _latents(n: int, signal: float) -> pd.DataFrame:
    return simulate_latents(n, seed=17, settings=SimulationSettings(signal=signal))


def drawn_cohort(
    n: int,
    observer_sd_mm: float,
    signal: float = 0.0,
    seed: int = 0,
    error: ContourError | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outcomes that one observer measures, and the true ones."""
    latents = _latents(n, signal)
    v0 = latents["target_volume_baseline_cc"].to_numpy()
    v1 = latents["target_volume_follow_up_cc"].to_numpy()
    days = latents["interval_days"].to_numpy(dtype=float)
    sds = np.full(n, observer_sd_mm)
    rng = np.random.default_rng(seed)
    drawn_v0, drawn_v1 = redraw(v0[None], v1[None], sds, error or ContourError(), rng)
    return outcome_table(drawn_v0[0], drawn_v1[0], days), outcome_table(v0, v1, days)
