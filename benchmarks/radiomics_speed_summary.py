"""What ``radiomics_speed.py`` prints at its end, from its table.

python benchmarks/radiomics_speed_summary.py [benchmarks/results/radiomics_speed.csv]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

_TIMED = {"fast_s": "fast", "pyradiomics_s": "PyRadiomics"}


def summarise(table: pd.DataFrame) -> None:
    """Print the ratios, their geometric mean and the worst, and how costs grow."""
    parts = dict(list(table.groupby("part", sort=False)))
    if "cases" in parts:
        cases = parts["cases"].sort_values("n_roi_voxels")
        shown = "case n_roi_voxels n_repeats fast_s pyradiomics_s ratio ratio_low ratio_high "
        shown += "cpu_ratio with_info_ratio floor_s"
        print("\nOne case, one core\n" + cases[shown.split()].to_string(index=False))
        blobs = cases["case"].str.startswith("blob_")
        for name, these in (
            ("all", cases),
            ("real", cases[~blobs]),
            ("phantoms", cases[blobs]),
        ):
            if these.empty:
                continue
            for column in ("ratio", "cpu_ratio", "with_info_ratio"):
                ratios = these[column].dropna()
                print(
                    f"{column} of {len(ratios)} cases ({name}): geometric mean "
                    f"{np.exp(np.log(ratios).mean()):.2f}, "
                    f"least {ratios.min():.2f}, most {ratios.max():.2f}"
                )
        floors = cases["fast_s"] / cases["floor_s"]
        print(f"fast over the floor: {floors.min():.1f} to {floors.max():.1f}")
        ceilings = cases["pyradiomics_s"] / cases["floor_s"]
        bound = cases["case"][ceilings < 10]
        print(f"PyRadiomics over the floor: {ceilings.min():.1f} to {ceilings.max():.1f}")
        print(f"no engine that reads the files reaches 10 on: {', '.join(bound) or 'none'}")
        if blobs.sum() > 1:
            _growth("cases", cases[blobs], "n_roi_voxels")
    for part, size in (("image size", "n_image_voxels"), ("filters", "n_filters")):
        if part in parts:
            print(
                f"\n{part}\n{parts[part][[size, 'fast_s', 'pyradiomics_s', 'ratio']].to_string()}"
            )
            _growth(part, parts[part], size)
    if "cohort" in parts:
        cohort = parts["cohort"].set_index("n_jobs")
        shown = "case n_repeats fast_s pyradiomics_s ratio ratio_low ratio_high with_info_ratio"
        print("\nAll cases by joblib\n" + cohort[shown.split()].to_string())
        if "serial_ratio" in cohort:
            serial = cohort["serial_ratio"].dropna().iloc[0]
            print(f"two workers of the fast engine against one serial PyRadiomics: {serial:.1f}")
    if "first" in parts:
        print("\nFirst row of a new process\n", parts["first"][["case", "fast_s"]].to_string())
    if "peers" in parts:
        shown = "case peer peer_s pyradiomics_s fast_s peer_ratio ratio n_values n_like_named "
        shown += "n_equal n_within_1_percent note"
        print("\nPeers\n", parts["peers"][shown.split()].to_string(index=False))


def _growth(part: str, rows: pd.DataFrame, size: str) -> None:
    for column, name in _TIMED.items():
        if len(rows) > 1:
            slope = np.polyfit(np.log(rows[size]), np.log(rows[column]), 1)[0]
            print(f"{part}: seconds of {name} grow as {size} ** {slope:.2f}")


def main() -> None:
    """Print the summary of a table that was written before."""
    here = Path(__file__).parent / "results" / "radiomics_speed.csv"
    summarise(pd.read_csv(sys.argv[1] if len(sys.argv) > 1 else here))


if __name__ == "__main__":
    main()
