"""The picture of a patient page in the guide: a simulated tumour, printed and photographed.

Needs Chromium and pdftoppm (poppler-utils). Writes docs/_figures/patient_page.png.

Run:  python benchmarks/patient_page_figure.py
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import tumor_response as tr
from tumor_response.predictor import AcquisitionFacts

FIGURES = Path(__file__).parents[1] / "docs" / "_figures"
N_TRAINING, SHOWN = 48, 51


def main() -> None:
    """Fit to simulated patients, write one page, print it, photograph the print."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        everybody = list(tr.simulate_cohort(n_patients=60, seed=3, directory=folder / "sim"))
        train = tr.Cohort(everybody[:N_TRAINING])
        y = tr.shrinkage(train)["rate_percent_per_day"]
        extractors = [
            tr.Radiomics("minimal"),
            tr.DeepFeatures("tf_efficientnet_lite0"),
            tr.ClinicalFactors(["age", "volume_cc"]),
        ]
        table = tr.extract(train, [*extractors, AcquisitionFacts()])
        predictor = tr.ShrinkagePredictor(extractors, label=tr.ResponderCut("median"))
        predictor.fit_table(table, y)
        predictor.describe(about={"name": "Shrinkage under radiotherapy, simulated cohort"})
        predictor.save(folder / "model.trz")
        page = folder / "page.html"
        asked = {"training": table, "y": y, "attention": True, "identified": True}
        tr.patient_page(predictor, everybody[SHOWN], page, **asked)
        print_page(page, folder / "page.pdf")
        picture = FIGURES / "patient_page"
        command = ["pdftoppm", "-png", "-r", "110", "-singlefile"]
        subprocess.run([*command, str(folder / "page.pdf"), str(picture)], check=True)


def print_page(page: Path, pdf: Path) -> None:
    """Print a page to a PDF with Chromium."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--disable-background-networking", f"--user-data-dir={profile}"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
