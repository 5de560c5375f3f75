"""The figures of the guide's page, drawn at each build of the documentation from made-up numbers.

Sixty patients; radiomics carries a signal, volume a weak one, the network's columns repeat volume.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation.planning import learning_curve

N = 60


def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table and outcomes."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(N)], ["1"]], names=["patient_id", "lesion_id"]
    )
    size, texture = rng.normal(size=(2, N))
    columns = {"clinical__age": rng.normal(62, 9, N), "clinical__volume_cc": np.exp(3 + 0.8 * size)}
    for family in ("glcm", "glszm", "firstorder"):
        for number in range(3):
            name = f"radiomics__original__{family}_Feature{number}"
            columns[name] = 0.7 * texture + rng.normal(size=N)
    columns |= {f"deep__network__{number:04d}": size + rng.normal(size=N) for number in range(6)}
    rate = 1.2 + 0.5 * texture - 0.2 * size + 0.6 * rng.normal(size=N)
    change = 100 * (np.exp(-0.35 * rate) - 1)
    outcomes = pd.DataFrame({"rate_percent_per_day": rate, "volume_change_percent": change}, index)
    return pd.DataFrame(columns, index), outcomes


def visits(table: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return each lesion's volume on three days."""
    rng = np.random.default_rng(1)
    rows = {}
    for key, rate in outcomes["rate_percent_per_day"].items():
        volume = table.loc[key, "clinical__volume_cc"]
        for visit, day in enumerate((0, 14, 28)):
            noise = np.exp(0.05 * rng.normal()) if visit else 1.0
            rows[*key, visit] = (float(day), volume * np.exp(-rate * day / 100) * noise)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["days", "volume_cc"])
    names = ["patient_id", "lesion_id", "visit"]
    return frame.set_axis(pd.MultiIndex.from_tuples(rows, names=names))


def draw_all(folder: Path) -> None:
    """Write the figures."""
    table, outcomes = study()
    rate = outcomes["rate_percent_per_day"]
    models = {
        "volume_only": tr.make_model("volume_only"),
        "clinical_only": tr.make_model("clinical_only"),
        "logistic_all": tr.make_model("logistic", Cs=(0.1,)),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=40, seed=0)
    result = tr.evaluate(models, table, rate, scheme, label=tr.ResponderCut("median"))
    label = tr.label_responders(outcomes, by="rate_percent_per_day", cut="median")
    few = tr.Bootstrap632Plus(n_resamples=10, seed=0)
    blocks = {"logistic": lambda names: tr.make_model("logistic", blocks=names, Cs=(0.1,))}
    study_of_blocks = tr.ablate(table, label, models=blocks, scheme=few)
    explained = tr.explain(result, "logistic_all")
    curve = learning_curve(models, table, label, sizes=[15, 25, 40], n_repeats=5)
    drawn = {
        "roc": result.plot_roc(),
        "calibration": result.plot_calibration(models=["logistic_all"]),
        "decision_curve": result.plot_decision_curve(),
        "precision_recall": result.plot_precision_recall(),
        "waterfall": tr.plot_waterfall(outcomes, "rate_percent_per_day", label=label),
        "cut": tr.plot_cut(outcomes, "rate_percent_per_day"),
        "spider": tr.plot_spider(visits(table, outcomes), label=label),
        "learning_curve": curve.plot(),
        "ablation_forest": study_of_blocks.plot_forest(),
        "ablation_combinations": study_of_blocks.plot_combinations(),
        "volcano": tr.group_differences(table, label, n_permutations=99).plot_volcano(),
        "shap_summary": explained.plot_summary(n_columns=6),
        "shap_patient": explained.plot_patient("P00", n_columns=6),
    }
    for name, axes in drawn.items():
        tr.save_figure(axes, folder / name, formats=["svg"])
    plt.close("all")
