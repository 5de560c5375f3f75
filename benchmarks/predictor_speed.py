"""One new patient from file to table of predictions: cold, warm, and per core.

    python -P benchmarks/predictor_speed.py [--repeats 3] [--work FOLDER]

A predictor with ``tf_efficientnet_lite0``, ``head_neck_ct`` and the volume (1,300 radiomics and
1,280 deep columns, ridge, 50 bootstrap fits) is fitted to 24 simulated patients and saved. Then
each real CT of the data folder that ``radiomics_parity.real_cases`` names is predicted from its
files, on one core with one thread:

``cold``: a new process: Python and the libraries are loaded, the file is read and checked, the
network and the numba code are made ready, image and contour are read, and the table is written.
``warm``: the same call once more in that process, nothing cached.
``contours``: the same with ten other plausible contours of the lesion.
``table``: of the features alone, which are there already: the price of 52 models.

Each has wall and processor seconds; on a machine that others use as well, processor seconds are
what one core needs by itself. Of the cold call, ``import``, ``load`` and ``first`` are parts; of
the warm one ``features``. Rows are appended to
``benchmarks/results/predictor_speed.csv`` as they are measured, and found again by a later call.
``summary`` (``--summary``) prints medians and ranges.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    ),
    "1",
)
RESULTS = Path(__file__).parent / "results" / "predictor_speed.csv"
COLUMNS = ("case", "repeat", "what", "wall_s", "cpu_s", "load", "voxels", "volume_cc")
BEGUN = "PREDICTOR_SPEED_BEGUN"
N_PATIENTS = 24
N_CONTOURS = 10


def main() -> None:
    """Fit once, then one process per case and repeat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("predictor_speed"))
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--one", nargs=2, metavar=("IMAGE", "MASK"), type=Path)
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    model = options.work / "model.trz"
    if options.summary:
        summary()
    elif options.one:
        one_case(model, *options.one)
    else:
        os.environ.update(ONE_THREAD)
        if not model.exists():
            fit(options.work, model)
        measure(options)


def fit(work: Path, model: Path) -> None:
    """Fit the predictor that is measured, and save it."""
    import tumor_response as tr
    from tumor_response.predictor.predictor import ShrinkagePredictor

    work.mkdir(parents=True, exist_ok=True)
    folder = work / "cohort"
    manifest = folder / "manifest.csv"
    if manifest.exists():
        cohort = tr.Cohort.from_csv(manifest)
    else:
        cohort = tr.simulate_cohort(N_PATIENTS, seed=0, directory=folder)
    extractors = [
        tr.Radiomics("head_neck_ct"),
        tr.DeepFeatures("tf_efficientnet_lite0"),
        tr.ClinicalFactors(["volume_cc"]),
    ]
    predictor = ShrinkagePredictor(extractors, label=tr.ResponderCut("median"), n_repeats=1)
    y = tr.shrinkage(cohort)["rate_percent_per_day"]
    predictor.fit(cohort, y, cache_dir=work / "cache").save(model)
    print(f"{model}: {model.stat().st_size / 1e6:.2f} MB")


def measure(options: argparse.Namespace) -> None:
    """Run what is not there yet, each case in a process of its own."""
    sys.path.append(str(Path(__file__).parent))  # -P leaves it out
    from radiomics_parity import real_cases

    data = Path(os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")).resolve()
    cases = real_cases(data)
    known = {(row["case"], row["repeat"]) for row in rows()}
    core = str(max(os.sched_getaffinity(0)))
    for repeat in range(options.repeats):
        for name, paths in cases.items():
            if (name, str(repeat)) in known or (options.cases and name not in options.cases):
                continue
            command = [sys.executable, "-P", __file__, "--work", str(options.work), "--one"]
            run = subprocess.run(
                ["taskset", "-c", core, *command, *map(str, paths)],
                env=os.environ | ONE_THREAD | {BEGUN: str(time.time())},
                capture_output=True,
                text=True,
                check=True,
            )
            told = json.loads(run.stdout.splitlines()[-1])
            append(name, repeat, told)
            print(name, repeat, {what: round(of[0], 2) for what, of in told["seconds"].items()})


def one_case(model: Path, image: Path, mask: Path) -> None:
    """Predict one case, cold and warm, and print seconds as JSON; runs in a new process."""
    seconds: dict[str, list[float]] = {}
    clock = (time.perf_counter(), time.process_time())

    def lap(what: str) -> None:
        nonlocal clock
        now = (time.perf_counter(), time.process_time())
        seconds[what] = [now[0] - clock[0], now[1] - clock[1]]
        clock = now

    import pandas as pd

    import tumor_response as tr
    from tumor_response.imaging import volume_cc
    from tumor_response.predictor.predictor import ShrinkagePredictor

    lap("import")
    predictor = ShrinkagePredictor.load(model)
    lap("load")
    frame = pd.DataFrame({"patient_id": ["P1"], "image": [str(image)], "mask": [str(mask)]})
    cohort = tr.Cohort.from_frame(frame.assign(mask_label=1))
    predictor.predict(cohort).to_csv(os.devnull)
    lap("first")
    # since the process was asked for, starting Python included
    seconds["cold"] = [time.time() - float(os.environ[BEGUN]), time.process_time()]
    predictor.predict(cohort).to_csv(os.devnull)
    lap("warm")
    predictor.predict(cohort, contours=N_CONTOURS).to_csv(os.devnull)
    lap("contours")
    features = predictor.features(cohort)
    lap("features")
    predictor.predict_table(features)
    lap("table")
    case = next(iter(cohort))
    size = case.baseline.geometry.size
    told = {
        "seconds": seconds,
        "voxels": size[0] * size[1] * size[2],
        "volume_cc": round(volume_cc(case.read_mask()), 1),
    }
    print(json.dumps(told))


def rows() -> list[dict[str, str]]:
    """Return what was measured before."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="") as file:
        return list(csv.DictReader(file))


def append(name: str, repeat: int, told: dict[str, object]) -> None:
    """Add a case's rows to the results."""
    new = not RESULTS.exists()
    load = round(os.getloadavg()[0], 1)
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for what, (wall, cpu) in told["seconds"].items():  # type: ignore[attr-defined]
            sizes = (told["voxels"], told["volume_cc"])
            writer.writerow((name, repeat, what, round(wall, 3), round(cpu, 3), load, *sizes))


def summary() -> None:
    """Print medians over the repeats, and their range over the cases."""
    import pandas as pd

    found = pd.read_csv(RESULTS)
    by_case = found.groupby(["what", "case"])[["wall_s", "cpu_s"]].median()
    told = by_case.groupby("what").agg(["median", "min", "max"]).round(2)
    print(told.to_string())
    print(f"{found['case'].nunique()} cases, load {found['load'].min()} to {found['load'].max()}")


if __name__ == "__main__":
    main()
