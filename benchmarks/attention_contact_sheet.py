"""Attention maps of every real CT that may be shown: a sheet for the eye, a table of round trips.

No response is known of these patients. The labels are simulated: 1 where the intensities within the
contour (soft-tissue window) vary more than in the median case. A logistic model is fitted to deep
columns (EfficientNet-Lite0, five axial slices) of all of them, and explained in-sample: the sheet
shows that maps come back where they belong and what they look like, and nothing about response.

Beside it, for each case: how much of the map's absolute value lies within the contour, and how far
a landmark is off after its way through the views and back, on the CT's own grid. The landmark is a
bright voxel of the contour on each shown slice; views axial and orthogonal, as they are and moved
about (turned by 17 degrees, shifted, flipped).

The cases are those of four public collections, with their licences named beside the figure in
docs/guide/attention_files.md. Their files are not part of this project. The phantom of the IBSI
(CC BY-NC) is in the table and not in the figure: pictures of it may not go wherever this project
may.

Run:  TUMOR_RESPONSE_DATA=FOLDER python -P benchmarks/attention_contact_sheet.py
Writes docs/_figures/attention_real.png, docs/_figures/feature_maps.png (three handcrafted columns
of one tumour, voxel by voxel) and benchmarks/results/attention_real.csv.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import SimpleITK as sitk
from matplotlib.figure import Figure
from PIL import Image

import tumor_response as tr
from tumor_response.cohort import Case
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.settings import CamSettings
from tumor_response.explanation.feature_maps import FeatureMapSettings, feature_map
from tumor_response.features.deep.views import AugmentationDraw
from tumor_response.imaging import ImageFile, MaskFile
from tumor_response.style import DOUBLE_COLUMN_MM, Drawn, figure_of, figure_style, mm_to_inch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.unit.explanation.attention.synthetic import (  # noqa: E402
    REAL_CASES,
    landmark_errors_voxels,
    near_tumour,
)

DATA = Path(os.environ.get("TUMOR_RESPONSE_DATA", HERE.parents[1] / "shared" / "data"))
FIGURE = HERE.parent / "docs" / "_figures" / "attention_real.png"
RESULTS = HERE / "results" / "attention_real.csv"
COLUMNS_FIGURE = HERE.parent / "docs" / "_figures" / "feature_maps.png"
PHANTOM = "ibsi_ct"
MAPPED = "STS_003"
MAPPED_COLUMNS = (
    "original__firstorder_Entropy",
    "original__glcm_Contrast",
    "log_sigma_3_mm__firstorder_Mean",
)
COLOURS, DPI = 200, 130
MOVED = AugmentationDraw(rotation_degrees=17, shift_mm=(4, -3), flip_columns=True, flip_rows=True)


def cohort() -> tr.Cohort:
    """Return the real cases."""
    phantom = DATA / "ibsi" / "ct_phantom"
    files = {name: (DATA / image, DATA / mask) for name, (image, mask) in REAL_CASES.items()}
    files[PHANTOM] = (phantom / "image" / "phantom.nii.gz", phantom / "mask" / "mask.nii.gz")
    return tr.Cohort(
        [Case(name, "1", ImageFile(image), MaskFile(mask)) for name, (image, mask) in files.items()]
    )


def texture(case: Case) -> float:
    """Return the SD of the intensities within the contour, clipped to the soft-tissue window."""
    values = sitk.GetArrayFromImage(case.read_image())[sitk.GetArrayFromImage(case.read_mask()) > 0]
    return float(np.clip(values, -160, 240).std())


def landmarks(case: Case) -> dict[str, float]:
    """Return the largest error of a landmark's round trip, in voxels, by planes and draw."""
    (mask,) = near_tumour(case.read_mask())
    rng = np.random.default_rng(0)
    found = {}
    for planes, chosen in (("axial", {"n_slices": 5}), ("orthogonal", {"slices": "orthogonal"})):
        settings = tr.ViewSettings(window_hu=(0, 1000), **chosen)
        for name, draw in (("as_is", AugmentationDraw()), ("moved", MOVED)):
            errors = landmark_errors_voxels(mask, settings, draw, rng)
            found[f"landmark_{planes}_{name}_voxels"] = float(errors.max())
    return found


def mapped_columns(case: Case) -> Figure:
    """Draw three handcrafted columns of one tumour, voxel by voxel."""
    import matplotlib.pyplot as plt

    with figure_style():
        figure, axes = plt.subplots(
            1, 3, figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(52.0)), layout="constrained"
        )
    radiomics = tr.Radiomics("head_neck_ct")
    for ax, column in zip(axes, MAPPED_COLUMNS, strict=True):
        settings = FeatureMapSettings(kernel_radius=2, slices="largest")
        feature_map(case, radiomics, f"radiomics__{column}", settings=settings).plot(case, ax=ax)
    return figure


def keep(drawn: Drawn, path: Path) -> None:
    """Write a figure with few colours."""
    import matplotlib.pyplot as plt

    figure = figure_of(drawn)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI)
    plt.close(figure)
    sheet = Image.open(buffer).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {sheet.size}, {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Fit, explain, draw, and write the table."""
    mpl.use("Agg")
    cases = cohort()
    deep = tr.DeepFeatures("tf_efficientnet_lite0")
    table = tr.extract(cases, [deep])
    spread = np.array([texture(case) for case in cases])
    labels = (spread > np.median(spread)).astype(int)
    model = tr.make_model("logistic", Cs=(1.0,)).fit(table.data, labels)
    maps = attention(
        model,
        cases,
        extractor=deep,
        table=table,
        in_sample=True,
        name="simulated labels",
        settings=CamSettings(sign="both"),
    )
    keep(
        maps.contact_sheet(
            cases, keys=[key for key in maps if key[0] != PHANTOM], per_line=5, names=True
        ),
        FIGURE,
    )
    keep(mapped_columns(next(case for case in cases if case.patient_id == MAPPED)), COLUMNS_FIGURE)

    rows = []
    for case, label in zip(cases, labels, strict=True):
        box = maps[case.key].box
        tumour = sitk.GetArrayFromImage(box.of(case.read_mask())) > 0
        shown = box.coverage > 0
        size = np.abs(box.values.astype(np.float64))
        spacing = case.baseline.geometry.spacing_mm
        rows.append(
            {
                "case": case.patient_id,
                "spacing_mm": " x ".join(f"{step:.2f}" for step in spacing),
                "simulated_label": int(label),
                "log_odds": maps[case.key].output,
                "tumour_share_of_shown": float((tumour & shown).sum() / shown.sum()),
                "attention_inside": float(size[tumour].sum() / size.sum()),
                **landmarks(case),
            }
        )
    found = pd.DataFrame(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    found.round(4).to_csv(RESULTS, index=False)
    print(found.round(3).to_string())


if __name__ == "__main__":
    main()
