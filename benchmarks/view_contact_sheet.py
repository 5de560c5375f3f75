"""Draw views of every real case that may be shown: a contact sheet for the documentation.

Each case is shown as a network would see it at 96 pixels: its axial view as it is, and the three
orthogonal views with the tumour's outline. The sheet is small and has 24 greys on purpose: it is
for the eye, not for measurements.

The cases are those of three public collections, with their licences named beside the figure in
docs/guide/views.md: soft-tissue sarcoma (CC BY 3.0), PyRadiomics' test cases (BSD-style) and
OpenKBP (MIT). Their files are not part of this project.

Run:  TUMOR_RESPONSE_DATA=FOLDER python benchmarks/view_contact_sheet.py
Writes docs/_figures/view_contact_sheet.png and prints what the library says of each case.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

import tumor_response as tr
from tumor_response.features.deep.views import cut_views
from tumor_response.imaging import ImageFile, MaskFile
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, figure_style, mm_to_inch

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUMOR_RESPONSE_DATA", HERE.parents[1] / "shared" / "data"))
FIGURE = HERE.parent / "docs" / "_figures" / "view_contact_sheet.png"
SETTINGS = tr.ViewSettings(slices="orthogonal", margin_mm=10)
SIZE_PX, GREYS, DPI = 96, 24, 125
CASES_ACROSS, VIEWS_OF_A_CASE = 2, 4


def cases() -> Iterator[tr.BaselineCase]:
    """Yield the cases, in the order of the sheet."""
    for patient in sorted((DATA / "sts" / "nifti").iterdir()):
        yield _case(patient.name, patient / "CT_image.nii.gz", patient / "CT_mask.nii.gz")
    for name in ("lung1", "lung2"):
        folder = DATA / "pyradiomics"
        yield _case(name, folder / f"{name}_image.nrrd", folder / f"{name}_label.nrrd")
    for patient in sorted((DATA / "open_kbp").glob("pt_*")):
        yield _case(patient.name, patient / "CT.nii.gz", patient / "PTV70.nii.gz")


def _case(name: str, image: Path, mask: Path) -> tr.BaselineCase:
    return tr.BaselineCase(name, "1", ImageFile(image), MaskFile(mask))


def main() -> None:
    """Draw the sheet."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shown = list(cases())
    n_rows = -(-len(shown) // CASES_ACROSS)
    side_mm = DOUBLE_COLUMN_MM / (CASES_ACROSS * VIEWS_OF_A_CASE)
    with figure_style():
        figure, axes = plt.subplots(
            n_rows,
            CASES_ACROSS * VIEWS_OF_A_CASE,
            figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(n_rows * (side_mm + 4.0))),
            layout=ConstrainedLayoutEngine(w_pad=0.005, h_pad=0.05, wspace=0.01, hspace=0.0),
        )
        for ax in axes.flat:
            ax.set_axis_off()
        for number, case in enumerate(shown):
            column, row = divmod(number, n_rows)
            first = column * VIEWS_OF_A_CASE
            _draw(case, axes[row, first : first + VIEWS_OF_A_CASE])
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=DPI)
        plt.close(figure)
    FIGURE.parent.mkdir(exist_ok=True)
    sheet = Image.open(buffer).convert("RGB")
    sheet.quantize(palette=_palette(), dither=Image.Dither.NONE).save(FIGURE, optimize=True)
    print(f"{FIGURE.name}: {sheet.size}, {FIGURE.stat().st_size / 1000:.0f} kB")


def _palette() -> Image.Image:
    greys = [round(255 * i / (GREYS - 1)) for i in range(GREYS)]
    outline = bytes.fromhex(COLOURS[5].removeprefix("#"))
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for grey in greys for value in (grey,) * 3] + list(outline))
    return palette


def _draw(case: tr.BaselineCase, axes: np.ndarray) -> None:
    views = cut_views(case.image, case.mask, SETTINGS, SIZE_PX)
    for ax, view in zip(axes, (0, 0, 1, 2), strict=True):
        ax.imshow(views.pixels[view, 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if ax is not axes[0]:
            ax.contour(views.tumour[view], levels=[0.5], colors=COLOURS[5], linewidths=0.6)
    axes[0].set_title(f"{case.patient_id}, {views.side_mm:.0f} mm", loc="left", fontsize=6)
    areas = ", ".join(f"{area / 100:.1f}" for area in views.areas_mm2)
    print(
        f"{case.patient_id}: {views.side_mm:.0f} mm; axial, sagittal, coronal {areas} cm2; "
        f"tilt {views.tilt_degrees:.1f}; {'; '.join(f.message for f in views.findings)}"
    )


if __name__ == "__main__":
    main()
