"""Measure what contour error alone does to volume-only, to labels and to a baseline adjustment.

Volumes, days and responses are those of the simulated population; contours are drawn by
``tumor_response.outcomes.contour_error``. Four parts:

coupling    AUC of the drawn baseline volume for the label, where the true response is independent
            of the volume (signal=0), by observer SD, smoothness of the error, end point and number
            of lesions; beside it the AUC of the true volume for the same label. "adjusted" is
            tr.BaselineAdjustedCut. With signal=1 small tumours truly shrink faster.
estimate    what tr.coupling says, given only the drawn volumes.
flips       two observers draw the same 100 lesions (signal=1): the share of labels that differ,
            against what tr.outcome_uncertainty expects from the first observer alone.
voxels      scatter of volumes by voxel count over where the grid lies: counted, and the formula.

Run:  python benchmarks/coupling.py        (about 10 minutes on one core)
Writes benchmarks/results/coupling.csv and prints it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import tumor_response as tr
from tumor_response.outcomes.contour_error import ContourError, redraw, voxel_sd_cc
from tumor_response.outcomes.coupling import coupling
from tumor_response.outcomes.measured import end_point
from tumor_response.outcomes.uncertainty import outcome_uncertainty
from tumor_response.simulate import SimulationSettings, simulate_latents

RESULTS = Path(__file__).parent / "results" / "coupling.csv"
ENDS = ("rate_percent_per_day", "sgr_per_day", "rate_cc_per_day")
OBSERVER_SDS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
N_POPULATION = 20_000


def drawn(latents: pd.DataFrame, sd_mm: float, error: ContourError, seed: int) -> pd.DataFrame:
    """Return the outcome table of one observer."""
    v0, v1 = redraw(
        latents["target_volume_baseline_cc"].to_numpy()[None],
        latents["target_volume_follow_up_cc"].to_numpy()[None],
        np.full(len(latents), sd_mm),
        error,
        np.random.default_rng(seed),
    )
    days = latents["interval_days"].to_numpy(dtype=float)
    columns = {
        "volume_baseline_cc": v0[0],
        "volume_follow_up_cc": v1[0],
        "interval_days": days,
        "volume_change_percent": end_point("volume_change_percent", v0[0], v1[0], days),
    }
    columns |= {by: end_point(by, v0[0], v1[0], days) for by in ENDS}
    return pd.DataFrame(columns, index=latents.index)


def labels(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the median label of every end point, and of the adjusted one."""
    found = {by: tr.label_responders(table, by=by).to_numpy() for by in ENDS}
    rule = tr.BaselineAdjustedCut(table["volume_baseline_cc"])
    change = table["volume_change_percent"]
    found["adjusted"] = rule.label(change, rule.fit(change)).to_numpy()
    return found


def coupling_part() -> list[dict]:
    """AUC of volume where the response has nothing to do with it, or a little."""
    rows = []
    for signal in (0.0, 1.0):
        latents = simulate_latents(
            N_POPULATION, seed=71, settings=SimulationSettings(signal=signal)
        )
        for smooth in (20.0, None, 10.0) if signal == 0 else (20.0,):
            for sd in OBSERVER_SDS:
                for n, n_cohorts in ((N_POPULATION, 10), (400, 200), (100, 400), (40, 400)):
                    if n < N_POPULATION and (smooth != 20.0 or sd not in (0.0, 1.0, 2.0)):
                        continue
                    aucs: dict[str, list] = {}
                    for seed in range(n_cohorts):
                        rng = np.random.default_rng((72, seed))
                        some = latents.iloc[rng.choice(N_POPULATION, n, replace=False)]
                        table = drawn(some, sd, ContourError(smooth_over_mm=smooth), seed)
                        for by, label in labels(table).items():
                            pair = [
                                roc_auc_score(label, volume)
                                for volume in (
                                    table["volume_baseline_cc"],
                                    some["target_volume_baseline_cc"],
                                )
                            ]
                            aucs.setdefault(by, []).append(pair)
                    for by, pairs in aucs.items():
                        both = np.array(pairs)
                        low, high = np.percentile(both[:, 0], [2.5, 97.5])
                        rows.append(
                            {
                                "part": "coupling",
                                "signal": signal,
                                "smooth_over_mm": "whole" if smooth is None else smooth,
                                "observer_sd_mm": sd,
                                "by": by,
                                "n_lesions": n,
                                "auc": both[:, 0].mean(),
                                "auc_se": both[:, 0].std(ddof=1) / np.sqrt(n_cohorts),
                                "auc_low": low,
                                "auc_high": high,
                                "auc_true_volume": both[:, 1].mean(),
                            }
                        )
    return rows


def estimate_part() -> list[dict]:
    """Ask tr.coupling about 20 cohorts of 100, given the drawn volumes alone."""
    rows = []
    latents = simulate_latents(2000, seed=73, settings=SimulationSettings(signal=0))
    for sd in (0.5, 1.0, 2.0):
        for by in ENDS:
            aucs = [
                coupling(
                    drawn(latents.iloc[100 * i : 100 * (i + 1)], sd, ContourError(), i),
                    by=by,
                    observer_sd_mm=sd,
                    n_simulations=200,
                ).auc
                for i in range(20)
            ]
            rows.append(
                {
                    "part": "estimate",
                    "signal": 0.0,
                    "smooth_over_mm": 20.0,
                    "observer_sd_mm": sd,
                    "by": by,
                    "n_lesions": 100,
                    "auc": np.mean(aucs),
                    "auc_se": np.std(aucs, ddof=1) / np.sqrt(len(aucs)),
                }
            )
    return rows


def flips_part() -> list[dict]:
    """Two observers, 40 cohorts of 100 lesions."""
    rows = []
    latents = simulate_latents(4000, seed=74)
    for sd in (0.25, 0.5, 1.0, 2.0):
        for by in ("rate_percent_per_day", "rate_cc_per_day"):
            found = []
            for i in range(40):
                some = latents.iloc[100 * i : 100 * (i + 1)]
                tables = [drawn(some, sd, ContourError(), seed) for seed in (2 * i, 2 * i + 1)]
                tables.append(drawn(some, 0.0, ContourError(), 0))
                one, two, truth = (tr.label_responders(t, by=by).to_numpy() for t in tables)
                said = {
                    prior: outcome_uncertainty(
                        tables[0], by=by, observer_sd_mm=sd, prior=prior, n_draws=400
                    )
                    for prior in ("cohort", "flat")
                }
                flipped = one != two
                sure = ~said["cohort"]["uncertain"].to_numpy(dtype=bool)
                found.append(
                    {
                        "flipped": flipped.mean(),
                        "flip_share": said["cohort"].attrs["flip_share"],
                        "flip_share_flat": said["flat"].attrs["flip_share"],
                        "wrong": (one != truth).mean(),
                        "wrong_share": said["cohort"].attrs["wrong_share"],
                        "uncertain": 1.0 - sure.mean(),
                        "n_sure": sure.sum(),
                        "n_sure_flipped": (flipped & sure).sum(),
                    }
                )
            frame = pd.DataFrame(found)
            means = frame.drop(columns=["n_sure", "n_sure_flipped"]).mean()
            rows.append(
                {
                    "part": "flips",
                    "signal": 1.0,
                    "smooth_over_mm": 20.0,
                    "observer_sd_mm": sd,
                    "by": by,
                    "n_lesions": 100,
                    **means,
                    "flipped_se": frame["flipped"].std(ddof=1) / np.sqrt(len(frame)),
                    "n_sure": frame["n_sure"].sum(),
                    "n_sure_flipped": frame["n_sure_flipped"].sum(),
                }
            )
    return rows


def voxels_part() -> list[dict]:
    """Count balls of about 1, 5 and 30 cc on 1,000 grids each.

    Radii differ by up to 20 %, because for one perfect ball the scatter depends on how its radius
    stands to the slices.
    """
    rows = []
    rng = np.random.default_rng(75)
    for volume in (1.0, 5.0, 30.0):
        for spacing in ((1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (1.0, 1.0, 5.0), (3.0, 3.0, 3.0)):
            true = volume * rng.uniform(0.8, 1.2, 1000) ** 3
            off = np.array([counted_ball_cc(v, spacing, rng) for v in true]) / true - 1.0
            formula = voxel_sd_cc(true, spacing) / true
            rows.append(
                {
                    "part": "voxels",
                    "volume_cc": volume,
                    "spacing_mm": "x".join(f"{s:g}" for s in spacing),
                    "counted_sd_percent": 100 * np.sqrt(np.mean(off**2)),
                    "formula_sd_percent": 100 * np.sqrt(np.mean(formula**2)),
                }
            )
    return rows


def counted_ball_cc(
    volume_cc: float, spacing: tuple[float, float, float], rng: np.random.Generator
) -> float:
    """Return the volume of the voxels of a random grid whose centre lies in the ball."""
    radius = (3000.0 * volume_cc / (4.0 * np.pi)) ** (1.0 / 3.0)
    lines = [
        (np.arange(-np.ceil(radius / h) - 1, np.ceil(radius / h) + 2) + rng.random()) * h
        for h in spacing
    ]
    x, y, z = np.meshgrid(*lines, indexing="ij", sparse=True)
    return int((x**2 + y**2 + z**2 < radius**2).sum()) * float(np.prod(spacing)) / 1000.0


def main() -> None:
    """Measure all parts, keep and print the rows."""
    rows = [*voxels_part(), *estimate_part(), *flips_part(), *coupling_part()]
    frame = pd.DataFrame(rows)
    frame = frame[["part", *[c for c in frame if c != "part"]]]
    frame.round(5).to_csv(RESULTS, index=False)
    with pd.option_context("display.max_rows", None, "display.width", 200):
        for part, group in frame.groupby("part", sort=False):
            print(f"\n{part}")
            print(
                group.drop(columns="part").dropna(axis=1, how="all").round(3).to_string(index=False)
            )


if __name__ == "__main__":
    main()
