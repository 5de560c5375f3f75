"""SHAP part: each model of a seed explained on four outcomes, and on permuted ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import tumor_response as tr
from tumor_response.explanation.stability import explanation_null

from .cohorts import load
from .drivers import Reference, outcome
from .frozen import FROZEN, N_PERMUTATIONS, N_RESAMPLES, SCENARIOS


def explain_seed(seed: int, model: str, reference: Reference, work: Path) -> None:
    """Explain a model on a seed's outcomes, unless that was done; keeps two CSV files.

    ``values_<model>_<seed>.csv``: by level, statistic, run and group the mean ``|value|``, over
    lesions of a lesion's mean (``lesions``) or within resamples (``resamples``); runs are the
    scenarios and ``permuted_0`` and so on. ``models_<model>_<seed>.csv``: by scenario the
    out-of-bag AUC and the most important column.
    """
    done = work / f"values_{model}_{seed}.csv"
    if done.exists():
        return
    patients = load(seed, work)
    rows: list[pd.DataFrame] = []
    found = []
    for scenario in SCENARIOS:
        result = tr.evaluate(
            {model: tr.make_model(model, blocks=FROZEN["blocks"])},
            patients.table,
            outcome(scenario, reference, patients),
            scheme=tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed),
            n_jobs=1,
        )
        explanation = tr.explain(result, model, n_jobs=1)
        for level, values, within in (
            ("family", explanation.family_values, explanation.family_mean_abs),
            ("block", explanation.block_values, explanation.block_mean_abs),
        ):
            rows.append(_tall(values.abs().mean(), level, "lesions", scenario))
            rows.append(_tall(within.mean(), level, "resamples", scenario))
        found.append(
            {
                "scenario": scenario,
                "auc_oob": result.summary().loc[model, "auc_oob"],
                "top_column": explanation.values.abs().mean().idxmax(),
            }
        )
        if scenario == "nothing":
            null = explanation_null(
                result,
                model,
                n_permutations=N_PERMUTATIONS,
                n_resamples=N_RESAMPLES,
                seed=seed,
                n_jobs=1,
            )
            for level, frame in (("family", null.families), ("block", null.blocks)):
                for number, one in frame.iterrows():
                    rows.append(_tall(one, level, "resamples", f"permuted_{number}"))
    frame = pd.DataFrame(found)
    frame.insert(0, "seed", seed)
    frame.insert(1, "model", model)
    frame.to_csv(work / f"models_{model}_{seed}.csv", index=False)
    values = pd.concat(rows, ignore_index=True)
    values.insert(0, "seed", seed)
    values.insert(1, "model", model)
    part = done.with_suffix(".part")
    values.to_csv(part, index=False, float_format="%.8g")
    part.rename(done)


def _tall(values: pd.Series, level: str, statistic: str, run: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "level": level,
            "statistic": statistic,
            "run": run,
            "group": list(values.index),
            "value": values.to_numpy(),
        }
    )
