"""What a statistician gets: every table in their program, and scripts that find the headline again.

THE COHORT IS SIMULATED. The folder that is written names no patient, holds what is needed to
compute every figure of the evaluation and not the figures themselves, and vouches for its files.
Where R is installed, the script of the bundle is run in an empty folder with nothing but the
bundle's files, and what it finds is held against what the library reported.

Run:  python examples/08_hand_over.py OUT [--patients 60] [--resamples 200]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

import tumor_response as tr
from tumor_response.export import export_bundle, verify


def main() -> None:
    """Extract, evaluate, hand over, check, recompute."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    out: Path = arguments.out

    # 1. a study
    cohort = tr.simulate_cohort(
        arguments.patients, seed=7, directory=out / "cohort", n_jobs=arguments.n_jobs
    )
    table = tr.extract(
        cohort,
        [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])],
        n_jobs=arguments.n_jobs,
        cache_dir=out / "cache",
    )
    outcomes = tr.shrinkage(cohort)
    result = tr.evaluate(
        {"volume_only": tr.make_model("volume_only"), "all": tr.make_model("logistic")},
        table,
        outcomes["rate_percent_per_day"],
        tr.Bootstrap632Plus(n_resamples=arguments.resamples, seed=0),
        label=tr.ResponderCut("median"),
        n_jobs=arguments.n_jobs,
    )

    # 2. what leaves the house; the key of the pseudonyms does not
    bundle = export_bundle(
        out / "bundle",
        table,
        outcomes,
        result,
        pseudonyms=tr.Pseudonyms(out / "pseudonyms.key"),
        headline="all",
    )
    print(f"{len(bundle.files)} files in {bundle.directory}")
    print("stayed behind:", ", ".join(bundle.left_behind))

    # 3. what the other side does first
    found = verify(bundle.directory)
    print("as it was sent" if found.ok else found.problems, found.sha256)

    # 4. what the other side does then
    rscript = shutil.which("Rscript")
    if rscript is None:
        print("No R here; anybody who has it runs: Rscript recompute.R")
        return
    with tempfile.TemporaryDirectory() as empty:
        for path in bundle.files:
            shutil.copy(path, empty)
        command = [rscript, "--vanilla", "recompute.R", "found.csv"]
        subprocess.run(command, cwd=empty, check=True)  # noqa: S603 - a script of this library
        recomputed = pd.read_csv(Path(empty) / "found.csv")
    intervals = recomputed[recomputed["figure"] == "interval"].set_index("model")
    summary = result.summary()
    print(intervals[["method", "low", "high"]].to_string())
    print(summary[["ci_method", "ci_low", "ci_high"]].to_string())
    apart = (intervals["high"] - summary["ci_high"]).abs().max()
    print(f"largest difference of an upper limit: {apart:.1e}")


if __name__ == "__main__":
    main()
