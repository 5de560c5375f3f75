"""Measure how often attention is said to lie in the tumour when it only likes the middle of a view.

One study is a cohort of 15 patients with simulated outlines (bulged ellipsoids of 11 to 20 mm, each
in its own crop, five slices). ``middle``: attention knows nothing of the outline; it is a Gaussian
about the middle of the crop, a quarter of its side wide, times smooth noise. ``half``: half of that
and half of the blurred outline. Tests at 5 %, two-sided, of the mean over patients: ``masks`` (the
library's: other patients' masks in the tumour's place), ``area`` (a t test of the inside fraction
against the tumour's share of the view).

Run:  OMP_NUM_THREADS=1 python benchmarks/concordance_inside.py [--studies 200]
Writes benchmarks/results/concordance_inside.csv (a row per study; a started file is carried on) and
prints the rates.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from concordance_null import blurred_noise, simulated_mask
from scipy import ndimage
from scipy.stats import ttest_1samp

from tumor_response.explanation.concordance.by_group import LESION, group_table
from tumor_response.explanation.concordance.inside import inside_found
from tumor_response.explanation.concordance.matched import Outline, nearest_in_volume
from tumor_response.explanation.concordance.scene import Scene
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.features.deep.views import ViewSettings, cut_views
from tumor_response.imaging import Geometry, bounding_box

RESULTS = Path(__file__).parent / "results" / "concordance_inside.csv"
FIRST_SEED, N_PATIENTS, MARGIN_MM = 50_001, 15, 10.0
SETTINGS = ConcordanceSettings(n_bootstrap=200, n_permutations=999)


def scene_of(mask: sitk.Image, kind: str, rng: np.random.Generator) -> Scene:
    """Return a lesion with attention in its crop's five slices."""
    pad = int(np.ceil(MARGIN_MM / mask.GetSpacing()[0])) + 2
    mask = sitk.ConstantPad(mask, (pad, pad, 1), (pad, pad, 1), 0)
    inside = sitk.GetArrayFromImage(mask) > 0
    spacing = np.array(mask.GetSpacing())[::-1]
    box = np.array(bounding_box(mask))[::-1]
    middle, extent = box.mean(axis=1), (box[:, 1] - box[:, 0] + 1) * spacing
    side = extent[1:].max() + 2 * MARGIN_MM
    index = np.stack(np.meshgrid(*[np.arange(n) for n in inside.shape], indexing="ij"), axis=-1)
    off = (index - middle) * spacing
    shown = (np.abs(off[..., 1:]) <= side / 2).all(axis=-1)
    slices = np.arange(box[0, 0], box[0, 1] + 1)
    chosen = slices[((np.arange(5) + 0.5) * len(slices) / 5).astype(int)]
    shown &= np.isin(index[..., 0], chosen)
    attention = np.exp(-(off[..., 1:] ** 2).sum(axis=-1) / (2 * (side / 4) ** 2))
    attention *= np.exp(0.7 * blurred_noise(rng, inside.shape, spacing, 8.0))
    if kind == "half":
        outline = ndimage.gaussian_filter(inside.astype(float), 4.0 / spacing)
        attention = attention / attention[shown].sum() + outline / outline[shown].sum()
    image = sitk.Cast(mask, sitk.sitkInt16)
    plane = cut_views(image, mask, ViewSettings(slices="largest"), 8).grids[0]
    return Scene(attention * shown, shown, inside, mask, plane, (0, 0, 0), Geometry.of(mask))


def study(seed: int, kind: str) -> dict[str, float]:
    """Return the tests' p values of one cohort."""
    rng = np.random.default_rng([seed, kind == "half"])
    scenes = {(f"P{i}", "1"): scene_of(simulated_mask(rng), kind, rng) for i in range(N_PATIENTS)}
    outlines = [Outline.of(key, scene.mask) for key, scene in scenes.items()]
    found = {
        key: inside_found(scene, nearest_in_volume(outlines, key, 20, 8.0), SETTINGS)
        for key, scene in scenes.items()
    }
    index = pd.MultiIndex.from_tuples(list(found), names=LESION)
    table = pd.DataFrame([one.row for one in found.values()], index=index)
    table = table.assign(follows=np.nan, group="")
    nothing = pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=[*LESION, "target"]))
    nulls = {key: one.null for key, one in found.items()}
    rows = group_table(table, nothing, nulls, {}, SETTINGS, seed).set_index("measure")
    return {
        "inside": table["inside"].mean(),
        "tumour_share": table["tumour_share"].mean(),
        "excess": rows.loc["excess", "estimate"],
        "masks": rows.loc["excess", "p_value"],
        "area": ttest_1samp(table["inside"] - table["tumour_share"], 0.0).pvalue,
    }


def main() -> None:
    """Run all studies that the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    arguments = parser.parse_args()
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {(row["kind"], row["seed"]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.studies):
        for kind in ("middle", "half"):
            if (kind, seed) not in done:
                rows.append({"kind": kind, "seed": seed} | study(seed, kind))
        pd.DataFrame(rows).round(5).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    rates = frame.assign(masks=frame["masks"] <= 0.05, area=frame["area"] <= 0.05)
    print(rates.groupby("kind").mean().drop(columns="seed").round(3).to_string())
    print(frame.groupby("kind").size().to_string())


if __name__ == "__main__":
    main()
