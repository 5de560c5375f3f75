"""The end point from every side: volumes, rates, several scans, RECIST, how sure the labels are.

THE COHORT IS SIMULATED: sixteen patients with four CTs each, whose contours are drawn with an error
of 0.5 mm. What the numbers say of it says nothing about real tumours; what the functions do is the
same for real ones.

Run:  python examples/02_end_point.py OUT [--patients 16]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import SimpleITK as sitk

import tumor_response as tr

OBSERVER_SD_MM = 0.5


def main() -> None:
    """Simulate, measure, classify, doubt, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=16)
    arguments = parser.parse_args()
    out: Path = arguments.out

    cohort = tr.simulate_cohort(
        arguments.patients,
        seed=5,
        directory=out / "cohort",
        time_points=4,
        observer_error_mm=OBSERVER_SD_MM,
        missing_follow_up=0.1,
        n_jobs=2,
    )

    # 1. baseline and follow-up: every end point, and who has none
    outcomes = tr.shrinkage(cohort, per="treatment_days", n_jobs=2)
    shown = ["volume_baseline_cc", "shrinkage_percent", "rate_percent_per_day", "reason"]
    print(outcomes[shown].to_string())
    flow = tr.outcome_flow(outcomes, cohort)
    print(flow[["n_lesions", "volume_cc_median", "volume_cc_higher"]].to_string())

    # 2. how sure: labels that another contour would turn, and what contour error makes of volume
    doubt = tr.outcome_uncertainty(outcomes, observer_sd_mm=OBSERVER_SD_MM)
    print(f"{int(doubt['uncertain'].sum())} of {len(doubt)} labels are uncertain")
    coupling = tr.coupling(outcomes, observer_sd_mm=OBSERVER_SD_MM)
    print(f"volume alone would reach an AUC of {coupling.auc:.2f} by contour error")

    # 3. all four scans: diameters, RECIST target response, slopes with standard errors
    visits = tr.measure_lesions(cohort, out / "cohort" / "time_points.csv", n_jobs=2)
    recist = tr.recist_response(visits, kind="non-nodal")
    print(recist["target_response"].value_counts())
    slopes = tr.slopes(visits)
    print(slopes[["slope", "slope_se", "n_visits", "reason"]].to_string())

    # 4. where it shrank: the first lesion that has a follow-up
    first = outcomes.index[outcomes["reason"] == ""][:1]
    some = tr.Cohort([case for case in cohort if case.key in set(first)])
    local = tr.local_shrinkage(some, out / "local")
    print(local.T.to_string())

    # 5. figures
    figures = out / "figures"
    figures.mkdir(exist_ok=True)
    drawn = {
        "waterfall": tr.plot_waterfall(outcomes, uncertain=doubt["uncertain"]),
        "spider": tr.plot_spider(visits),
        "volumes": tr.plot_volumes(visits, scale="log"),
        "cut": tr.plot_cut(outcomes, uncertainty=doubt),
    }
    for name, axes in drawn.items():
        tr.save_figure(axes, figures / name)
    case = next(iter(some))
    retreat = next((out / "local").glob("*retreat_mm.nii.gz"))
    panels = tr.plot_retreat(case.read_image(), case.read_mask(), sitk.ReadImage(str(retreat)))
    tr.save_figure(panels, figures / "retreat")
    plt.close("all")


if __name__ == "__main__":
    main()
