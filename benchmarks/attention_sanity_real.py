"""Tests that maps can fail, on real CTs: what each method's maps depend on.

Six real lesions: two soft-tissue sarcomas, two head-and-neck planning volumes (PTV70 of OpenKBP:
**no tumours**, but outlines around which a view is cut like around one) and two lung lesions. No
response is known of these patients. The labels are simulated: 1 where the intensities within the
outline (soft-tissue window) vary more than in the median of all eighteen such cases. A logistic
model of deep columns (EfficientNet-Lite 0, three axial views) is evaluated on the eighteen, and its
out-of-bag maps of the six are tested.

Kept small for two busy cores: one cascade, two permutations of the labels, Score-CAM with 8
channels; integrated gradients and occlusion, which cost as much again at every step of the cascade,
are left out. Lesions are tried three at a time and what is found is kept in a folder, so that a run
that was stopped goes on, and two may run side by side; maps of different lesions are compared
within each three.

Run:  TUMOR_RESPONSE_DATA=FOLDER python -P benchmarks/attention_sanity_real.py --work FOLDER
      [--part 0|1]
Writes benchmarks/results/attention_sanity.csv (means and intervals), attention_sanity_flags.csv,
attention_sanity_agreement.csv (pairs of methods) and docs/_figures/attention_sanity.png, when both
parts are there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.explanation.attention.sanity import (
    AttentionSanity,
    SanitySettings,
    attention_sanity,
)
from tumor_response.explanation.attention.settings import ScoreCamSettings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from attention_contact_sheet import PHANTOM, cohort, keep, texture  # noqa: E402

RESULTS = HERE / "results"
FIGURE = HERE.parent / "docs" / "_figures" / "attention_sanity.png"
PARTS = (("STS_001", "pt_201", "lung1"), ("STS_004", "pt_207", "lung2"))
TABLES = ("cascade", "labels", "curves", "agreement", "between", "failures")
SEED = 7
METHODS = [
    "grad_cam",
    "hires_cam",
    "grad_cam_pp",
    "layer_cam",
    ("score_cam", ScoreCamSettings(n_channels=8)),
    "eigen_cam",
]
FEW = SanitySettings(
    n_lesions=len(PARTS[0]),
    n_draws=1,
    n_label_permutations=2,
    n_resamples_permuted=20,
    n_steps=4,
    seed=SEED,
)


def tried(part: int, folder: Path) -> None:
    """Evaluate, test three lesions, keep the tables."""
    cases = tr.Cohort([case for case in cohort() if case.patient_id != PHANTOM])
    deep = tr.DeepFeatures("tf_efficientnet_lite0", views=tr.ViewSettings(n_slices=3))
    table = tr.extract(cases, [deep], cache_dir=folder / "cache")
    spread = np.array([texture(case) for case in cases])
    labels = (spread > np.median(spread)).astype(int)
    result = tr.evaluate(
        {"logistic": tr.make_model("logistic", Cs=(1.0,))},
        table,
        pd.Series(labels, index=table.data.index),
        tr.Bootstrap632Plus(n_resamples=50, seed=SEED),
    )
    sanity = attention_sanity(
        result,
        [case for case in cases if case.patient_id in PARTS[part]],
        extractor=deep,
        name="logistic",
        methods=METHODS,
        settings=FEW,
    )
    for name in TABLES:
        getattr(sanity, name).to_csv(folder / f"{name}_{part}.csv", index=name == "between")


def together(folder: Path) -> AttentionSanity:
    """Return what was found of all lesions."""
    names = [method if isinstance(method, str) else method[0] for method in METHODS]
    found = {}
    for name in TABLES:
        parts = [folder / f"{name}_{part}.csv" for part in (0, 1)]
        found[name] = pd.concat(pd.read_csv(one, dtype={"lesion_id": str}) for one in parts)
    found["between"] = found["between"].groupby("method").mean().loc[names]
    return AttentionSanity(model="logistic", methods=names, settings=FEW, **found)


def main() -> None:
    """Test what is not there yet; draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--part", type=int, choices=(0, 1))
    chosen = parser.parse_args()
    chosen.work.mkdir(exist_ok=True, parents=True)
    mpl.use("Agg")
    for part in (0, 1) if chosen.part is None else (chosen.part,):
        if not (chosen.work / f"{TABLES[-1]}_{part}.csv").exists():
            tried(part, chosen.work)
    if not all((chosen.work / f"{TABLES[-1]}_{part}.csv").exists() for part in (0, 1)):
        return
    sanity = together(chosen.work)
    print(sanity, sanity.failures.to_string(), sep="\n")
    between = sanity.between.reset_index().rename(columns={"rank_correlation": "mean"})
    between["test"] = "maps of different lesions"
    found = pd.concat([sanity.summary(), between])
    found.to_csv(RESULTS / "attention_sanity.csv", index=False, float_format="%.4f")
    sanity.flags().to_csv(RESULTS / "attention_sanity_flags.csv")
    agreement = sanity.agreement.groupby(["method", "other"], sort=False)
    agreement = agreement[["rank_correlation", "top_quarter_shared"]].mean()
    agreement.to_csv(RESULTS / "attention_sanity_agreement.csv", float_format="%.4f")
    print(found.to_string(), sanity.flags().to_string(), agreement.to_string(), sep="\n")
    keep(sanity.plot().figure, FIGURE)


if __name__ == "__main__":
    main()
