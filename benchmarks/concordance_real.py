"""Concordance of class activation maps on real anatomy, with a simulated retreat.

Six soft-tissue sarcomas and nine head-and-neck planning volumes (of ten; one has 139 voxels), one
patient each: the real CTs and outlines. There is no real follow-up among them. The retreat of each
surface is simulated, and a responder is one whose mean retreat is above the median:

- ``nothing``: 3 mm plus noise that is smooth along the surface and knows nothing of the maps;
- ``planted``: the same, plus the map itself, blurred and taken at the surface.

The model, a logistic regression on the embedding of an ImageNet network (tf_efficientnet_lite0), is
fitted to these same lesions and to labels drawn at random: whatever its maps show says nothing of
how tumours respond. What is measured is whether the concordance tells the two retreats apart, and
where such a network's attention lies when there is nothing to learn. Shifted crops are moved by
15 mm.

Run:  OMP_NUM_THREADS=1 python -P benchmarks/concordance_real.py --data FOLDER
Writes benchmarks/results/concordance_real.csv (both retreats' tables by group),
docs/_figures/concordance.png (the planted retreat) and prints the sentences.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.concordance import ConcordanceSettings, attention_concordance
from tumor_response.imaging import voxel_count
from tumor_response.imaging.register import Retreat, Surface
from tumor_response.style import figure_of

HERE = Path(__file__).parent
SEED, MIN_VOXELS, SHIFT_MM = 2_022, 1000, (15.0, 0.0)
MEAN_MM, NOISE_MM, NOISE_SCALE_MM, PLANTED_MM = 3.0, 1.0, 10.0, 1.5


def real_cohort(folder: Path) -> tr.Cohort:
    """Return the lesions with an outline large enough."""
    rows = []
    for pattern, image in (
        ("sts/nifti/*/CT_mask.nii.gz", "CT_image.nii.gz"),
        ("open_kbp/*/PTV70.nii.gz", "CT.nii.gz"),
    ):
        for path in sorted(folder.glob(pattern)):
            if voxel_count(sitk.ReadImage(str(path)) > 0) >= MIN_VOXELS:
                name = path.parent.name
                rows.append(
                    {"patient_id": name, "image": str(path.with_name(image)), "mask": str(path)}
                )
    return tr.Cohort.from_frame(pd.DataFrame(rows))


def simulated_retreat(
    case: tr.Case, maps: AttentionMaps, planted: bool, rng: np.random.Generator
) -> tuple[sitk.Image, float]:
    """Return the retreat on the lesion's voxels, and its mean over the surface, mm."""
    mask = case.read_mask()
    surface = Surface.of(mask)
    # smooth along the surface: waves of random direction about the scale
    waves = rng.standard_normal((200, 3)) / NOISE_SCALE_MM
    phases = rng.uniform(0, 2 * np.pi, 200)
    noise = np.cos(surface.points_mm @ waves.T + phases).sum(axis=1) / np.sqrt(100.0)
    retreat = MEAN_MM + rng.normal(0, 0.5) + NOISE_MM * noise
    if planted:
        looked = np.abs(sitk.GetArrayFromImage(maps[case.key].map))
        shown = (sitk.GetArrayFromImage(maps[case.key].coverage) == 1).astype(float)
        sigma = 4.0 / np.array(mask.GetSpacing())[::-1]
        blurred, weight = (ndimage.gaussian_filter(v, sigma) for v in (looked * shown, shown))
        blurred = blurred / np.maximum(weight, 1e-3)
        direction = np.array(mask.GetDirection()).reshape(3, 3) * np.array(mask.GetSpacing())
        index = (surface.points_mm - np.array(mask.GetOrigin())) @ np.linalg.inv(direction).T
        there = ndimage.map_coordinates(blurred, index[:, ::-1].T, order=1, mode="nearest")
        retreat = retreat + PLANTED_MM * (there - there.mean()) / max(there.std(), 1e-12)
    made = Retreat(surface, retreat)
    return made.map_on(mask), made.mean_mm()


def main() -> None:
    """Extract, fit, map, and hold against both retreats."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    cohort = real_cohort(arguments.data)
    deep = tr.DeepFeatures("tf_efficientnet_lite0", weights="packaged")
    table = tr.extract(cohort, [deep])
    settings = ConcordanceSettings(n_surrogates=999)
    tables = []
    for retreat in ("nothing", "planted"):
        # labels that know nothing of the image: the maps do not depend on the retreat
        rng = np.random.default_rng(SEED)
        index = pd.MultiIndex.from_tuples([case.key for case in cohort])
        y = pd.Series(rng.permutation(np.arange(len(index)) % 2).astype(float), index=index)
        model = tr.make_model("logistic", Cs=(0.1,)).fit(table.data, y.to_numpy())
        options = {"extractor": deep, "table": table, "in_sample": True, "name": "logistic"}
        maps = attention(model, cohort, **options)
        shifted = attention(model, cohort, **options, shift_mm=SHIFT_MM)
        made = {
            case.key: simulated_retreat(case, maps, retreat == "planted", rng) for case in cohort
        }
        means = pd.Series({key: mean for key, (_, mean) in made.items()})
        found = attention_concordance(
            maps,
            cohort,
            retreat={key: image for key, (image, _) in made.items()},
            shifted=shifted,
            labels=(means > means.median()).astype(float),
            settings=settings,
            seed=SEED,
        )
        tables.append(found.by_group().assign(retreat=retreat))
        print(f"\n== retreat: {retreat}", *found.sentences(), sep="\n")
        print(found.inside().round(3).to_string())
        print(found.shrinkage().round(3).to_string())
    figure_of(found.plot()).savefig(HERE.parent / "docs" / "_figures" / "concordance.png", dpi=150)
    pd.concat(tables).round(5).to_csv(HERE / "results" / "concordance_real.csv", index=False)


if __name__ == "__main__":
    main()
