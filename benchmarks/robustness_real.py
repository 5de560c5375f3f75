"""How far handcrafted and deep features of real CTs stay the same under perturbation, by family.

18 lesions: six soft-tissue sarcomas and two lung tumours with the contours of their tumours, and
ten head-and-neck CTs with the planning volume PTV70, which is no tumour contour and whose voxels
are up to 5 mm wide. ``head_neck_ct`` and three packaged networks; each perturbation alone and a
``second_scan``, a chain of what another planning CT with another observer's contour would differ by
(translation, rotation, noise, contour). Three repeats of that and of the contour, two of the rest;
bins of 15 and 35 instead of 25 HU; linear instead of cubic interpolation. Few repeats of each
lesion, since an interval of an ICC hangs on the number of lesions first. Seed 0, fixed before any
run. The unaltered case is one of the repeats.

Three cohorts are told apart, since an ICC hangs on how different the lesions are: all 18, the
eight tumours, the ten PTV70.

Run:  python -P benchmarks/robustness_real.py DATA --work FOLDER [--n-jobs 1] [--only NAME ...]
      python -P benchmarks/robustness_real.py --figure
DATA has the folders pyradiomics/, sts/nifti/ and open_kbp/. What is in the work folder is not
computed again; each perturbation's rows are written when it is done.
Writes benchmarks/results/robustness_real.csv (one row per cohort, perturbation and family, and one
for all columns of a block) and
docs/_figures/robustness_real.png.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import pandas as pd

import tumor_response as tr
from tumor_response.imaging.perturb import PerturbationChain, standard_perturbations
from tumor_response.repeatability import robustness
from tumor_response.repeatability.plots import draw_heatmap

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "robustness_real.csv"
FIGURE = HERE.parent / "docs" / "_figures" / "robustness_real.png"
SEED = 0
ALONE = (
    *("noise", "slice_thickness", "kernel", "translation", "rotation"),
    *("growth", "shrinkage", "hu_offset"),
)
WHOLE = "every column"
KEYS = ["cohort", "perturbation", "block", "family"]


def cohorts_of(data: Path) -> dict[str, tr.Cohort]:
    """Return the real cases: all, those with a tumour's contour, those with a PTV70."""
    tumours = [
        {
            "patient_id": path.name,
            "image": path / "CT_image.nii.gz",
            "mask": path / "CT_mask.nii.gz",
        }
        for path in sorted((data / "sts" / "nifti").iterdir())
    ]
    lungs = data / "pyradiomics"
    tumours += [
        {
            "patient_id": name,
            "image": lungs / f"{name}_image.nrrd",
            "mask": lungs / f"{name}_label.nrrd",
        }
        for name in ("lung1", "lung2")
    ]
    planned = [
        {"patient_id": path.name, "image": path / "CT.nii.gz", "mask": path / "PTV70.nii.gz"}
        for path in sorted((data / "open_kbp").glob("pt_*"))
    ]
    rows = {"all": tumours + planned, "tumours": tumours, "ptv70": planned}
    return {name: tr.Cohort.from_frame(pd.DataFrame(of)) for name, of in rows.items()}


def perturbations() -> dict[str, tuple[dict[str, Any], int]]:
    """Return, by name, what :func:`robustness` is told and how many repeats it draws."""
    rules = standard_perturbations(observer_sd_mm=2.0)
    second = PerturbationChain(
        [rules["translation"], rules["rotation"], rules["noise"], rules["contour"]]
    )
    told: dict[str, tuple[dict[str, Any], int]] = {
        name: ({"perturbations": {name: rule}}, 3)
        for name, rule in (("second_scan", second), ("contour", rules["contour"]))
    }
    for name in ALONE:
        told[name] = ({"perturbations": {name: rules[name]}}, 2)
    told["bin_width"] = ({"bin_width": [15.0, 35.0]}, 1)
    told["interpolator"] = ({"interpolator": ["linear"]}, 1)
    return told


def measure(data: Path, work: Path, n_jobs: int, only: list[str] | None) -> None:
    """Compute what the results lack, perturbation by perturbation."""
    cohorts = cohorts_of(data)
    extractors = [
        tr.Radiomics("head_neck_ct"),
        *(tr.DeepFeatures(f"tf_efficientnet_lite{i}", block=f"lite{i}") for i in range(3)),
    ]
    done = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=KEYS)
    for name, (told, n_repeats) in perturbations().items():
        if name in set(done["perturbation"]) or (only and name not in only):
            continue
        start = time.time()
        for of, cohort in cohorts.items():
            found = robustness(
                cohort,
                extractors,
                n_repeats=n_repeats,
                seed=SEED,
                store=work / name,
                quality=None,
                n_jobs=n_jobs,
                **told,
            )
            whole = found.by_perturbation().reset_index().assign(family=WHOLE)
            rows = pd.concat([found.by_family().reset_index(), whole], ignore_index=True)
            facts = {
                "cohort": of,
                "n_lesions": found.n_cases,
                "n_repeats": int(found.table()["n_repeats"].max()),
                "n_failures": len(found.failures),
            }
            done = pd.concat([done, rows.assign(**facts)], ignore_index=True)
        print(f"{name}: {time.time() - start:.0f} s", flush=True)
        order = [list(perturbations()).index(name) for name in done["perturbation"]]
        done = done.iloc[pd.Series(order).argsort(kind="stable")].reset_index(drop=True)
        ordered = [*KEYS, *(column for column in done if column not in KEYS)]
        done[ordered].to_csv(RESULTS, index=False, float_format="%.4g")


def draw() -> None:
    """Draw the heat map of the medians, all lesions."""
    rows = pd.read_csv(RESULTS)
    rows = rows[(rows["cohort"] == "all") & (rows["family"] != WHOLE)]
    summary = rows.set_index(["block", "family", "perturbation"])
    ax = draw_heatmap(
        summary,
        "median_icc",
        None,
        "Median ICC(1,1) of 18 real lesions (8 tumours, 10 planning volumes)",
    )
    FIGURE.parent.mkdir(exist_ok=True)
    ax.figure.savefig(FIGURE)


def main() -> None:
    """Measure, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--figure", action="store_true", help="draw what is in the results")
    options = parser.parse_args()
    if not options.figure:
        if options.data is None or options.work is None:
            parser.error("give DATA and --work, or --figure")
        measure(options.data, options.work, options.n_jobs, options.only)
    draw()


if __name__ == "__main__":
    main()
