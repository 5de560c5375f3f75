"""How long a case takes from disk to finished row: the fast engine, PyRadiomics, peers, the floor.

    python benchmarks/radiomics_speed.py [--budget-s 60] [--peers <python> ...]

Preset ``head_neck_ct`` (original, LoG 1 to 5 mm, wavelet; 1,316 columns). Every measurement runs in
a process of its own, pinned to as many cores as it has workers, with one thread per library. Both
sides read the same files and give one row; they take turns within one run, in an order that turns
round with each repeat, and the ratio is taken per turn. Compilation and imports are apart (part
``first``). A case is repeated until its budget is spent, at least ``--least`` and at most nine
times.

Parts: ``first`` (a first call with an empty and a filled numba cache), ``cases`` (real cases and
phantoms: seconds, ratio with its spread; the floor is reading the files plus one sum over the
filtered voxels), ``cohort`` (all cases up to ``--cohort-voxels`` through one and two workers),
``image size`` and ``filters`` (costs at a fixed region), ``peers`` (each by the interpreter that it
is installed for).

Writes ``benchmarks/results/radiomics_speed.csv`` and prints a summary. Real cases are looked for
in TUMOR_RESPONSE_DATA (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "radiomics_speed.csv"
N_PHANTOM = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
MOST_REPEATS = 9
PARTS = ("first", "cases", "cohort", "image size", "filters", "peers")
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "ITK_GLOBAL_DEFAULT_NUMBER_OF")
ONE_THREAD = {
    name + ("_THREADS" if name[:3] == "ITK" else "_NUM_THREADS"): "1" for name in _THREADS
}
Case = tuple[str, str, str]  # name, image, mask
Row = dict[str, Any]


# --- in the measuring process -------------------------------------------------------------------


def fast_side(settings: Any) -> Callable[[Case], dict[str, float]]:
    """Return what takes a case to its row with the fast engine."""
    import tumor_response as tr
    from tumor_response.cohort import BaselineCase

    extractor = tr.Radiomics(settings, engine="fast")
    return lambda case: (
        extractor.extract(BaselineCase(case[0], "1", Path(case[1]), Path(case[2]))).values
    )


def referee_side(settings: Any, additional_info: bool) -> Callable[[Case], dict[str, float]]:
    """Return what takes a case to its row with PyRadiomics, called as its manual says."""
    import logging

    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    parameters = settings.parameters()
    parameters["setting"]["additionalInfo"] = additional_info
    extractor = RadiomicsFeatureExtractor(parameters)

    def row(case: Case) -> dict[str, float]:
        found = extractor.execute(case[1], case[2], label=1)
        return {k: float(v) for k, v in found.items() if not k.startswith("diagnostics")}

    return row


def floor_side(settings: Any, case: Case) -> Callable[[Case], dict[str, float]]:
    """Return what no engine can leave out: the files read, every filtered voxel met once."""
    from tumor_response.features.radiomics.fast.image_types import image_types
    from tumor_response.features.radiomics.fast.prepare import prepare
    from tumor_response.imaging import read_image, read_mask

    parameters = settings.parameters()
    prepared = prepare(read_image(Path(case[1])), read_mask(Path(case[2])), parameters["setting"])
    filtered = {name: region.values for name, region in image_types(prepared, parameters)}

    def row(case: Case) -> dict[str, float]:
        read_image(Path(case[1])), read_mask(Path(case[2]))
        return {name: float(values.sum()) for name, values in filtered.items()}

    return row


def taking_turns(
    sides: Mapping[str, Callable[[Case], dict[str, float]]], case: Case, budget_s: float, least: int
) -> dict[str, list[tuple[float, float]]]:
    """Return wall and CPU seconds of each side, turn by turn."""
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    begin = time.perf_counter()
    for repeat in range(MOST_REPEATS):
        for name in list(sides)[:: 1 if repeat % 2 == 0 else -1]:
            wall, cpu = time.perf_counter(), time.process_time()
            sides[name](case)
            turns[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        if repeat + 1 >= least and time.perf_counter() - begin > budget_s:
            break
    return turns


def summarised(turns: Mapping[str, list[tuple[float, float]]], against: str = "fast") -> list[Row]:
    """Return a row per side: median, range, and how often the fast engine goes into it."""
    import numpy as np

    rows = []
    base = np.array(turns[against])
    for side, pairs in turns.items():
        wall, cpu = np.array(pairs).T
        ratio = wall / base[:, 0]
        rows.append(
            {
                "side": side,
                "repeats": len(pairs),
                "seconds": round(float(np.median(wall)), 4),
                "seconds_low": round(float(wall.min()), 4),
                "seconds_high": round(float(wall.max()), 4),
                "cpu_seconds": round(float(np.median(cpu)), 4),
                "ratio": round(float(np.median(ratio)), 3),
                "ratio_low": round(float(ratio.min()), 3),
                "ratio_high": round(float(ratio.max()), 3),
                "cpu_ratio": round(float(np.median(cpu / base[:, 1])), 3),
            }
        )
    return rows


def measure(task: Row) -> Iterable[Row]:
    """Yield the rows of one task, in the process that was pinned for it."""
    import SimpleITK as sitk
    from joblib import Parallel, delayed

    import tumor_response as tr
    from tumor_response.features.radiomics import PRESETS

    preset = dict(PRESETS["head_neck_ct"])
    if task["image_types"]:
        preset["image_types"] = task["image_types"]
    settings = tr.RadiomicsSettings(**preset)
    cases: list[Case] = [tuple(case) for case in task["cases"]]
    fast = fast_side(settings)
    if task["part"] == "first":
        start = time.perf_counter()
        fast(cases[0])
        yield {"case": cases[0][0], "side": "fast", "seconds": time.perf_counter() - start}
        return
    sides = {
        "fast": fast,
        "pyradiomics": referee_side(settings, additional_info=False),
        "pyradiomics with additionalInfo": referee_side(settings, additional_info=True),
    }
    if task["part"] == "cohort":
        # each worker loads its libraries and kernels before the clock starts
        n_jobs = task["n_jobs"]
        with Parallel(n_jobs=n_jobs) as workers:

            def whole(side: Callable[[Case], dict[str, float]], these: list[Case]) -> None:
                if n_jobs == 1:
                    for case in these:
                        side(case)
                else:
                    workers(delayed(remembered)(side_name(side), preset, case) for case in these)

            def side_name(side: Callable[[Case], dict[str, float]]) -> str:
                return next(name for name, known in sides.items() if known is side)

            for side in sides.values():
                whole(side, cases[:1] * 2 * n_jobs)
            runs = {
                name: (lambda _, side=side: (whole(side, cases), {})[1])
                for name, side in sides.items()
            }
            turns = taking_turns(runs, cases[0], task["budget_s"], 2)
        for row in summarised(turns):
            yield row | {"case": f"{len(cases)} cases", "n_jobs": n_jobs, "cpu_ratio": ""}
        return
    fast(cases[0])
    for case in cases:
        values = fast(case)
        if task["part"] == "cases":
            sides["floor"] = floor_side(settings, case)
        else:
            sides.pop("pyradiomics with additionalInfo", None)
        turns = taking_turns(sides, case, task["budget_s"], task["least"])
        reader = sitk.ImageFileReader()
        reader.SetFileName(case[1])
        reader.ReadImageInformation()
        n_roi = round(values["radiomics__original__shape_VoxelVolume"])
        common = {"case": case[0], "n_roi": n_roi, "n_jobs": 1, "n_filters": task["n_filters"]}
        common["n_image"] = reader.GetSize()[0] * reader.GetSize()[1] * reader.GetSize()[2]
        for row in summarised(turns):
            yield common | row


_known: dict[str, Callable[[Case], dict[str, float]]] = {}


def remembered(name: str, preset: dict[str, Any], case: Case) -> int:
    """Run one side in a worker that keeps its extractor."""
    import tumor_response as tr

    if name not in _known:
        settings = tr.RadiomicsSettings(**preset)
        info = name.endswith("additionalInfo")
        _known[name] = fast_side(settings) if name == "fast" else referee_side(settings, info)
    return len(_known[name](case))


# --- in the process that plans ------------------------------------------------------------------


def ask(cores: list[int], task: Row, env: Mapping[str, str] = {}) -> list[Row]:
    """Measure in a fresh process on the given cores; print each row as it comes."""
    task = {"image_types": None, "n_filters": 14, "n_jobs": 1, **task}
    run = subprocess.Popen(
        [sys.executable, __file__, "--measure", json.dumps(task | {"cores": cores})],
        stdout=subprocess.PIPE,
        env=os.environ | ONE_THREAD | dict(env),
        text=True,
    )
    rows = []
    for line in run.stdout or ():
        if line.startswith("{"):
            row = {"part": task["part"]} | json.loads(line)
            rows.append(row)
            print("  ".join(f"{k} {v}" for k, v in row.items() if v != ""), flush=True)
    if run.wait():
        raise SystemExit(f"the measuring process of part {task['part']!r} failed")
    return rows


def main() -> None:
    """Plan, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    default = os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--budget-s", type=float, default=60.0, help="per case, all sides together")
    parser.add_argument("--least", type=int, default=2, help="repeats of the longest cases")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--cases", nargs="+", help="only these (names of real cases or blob_<n>)")
    parser.add_argument("--cohort-voxels", type=int, default=60_000)
    parser.add_argument("--peers", nargs="+", default=[], metavar="PYTHON", help="interpreters")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        task = json.loads(arguments.measure)
        os.sched_setaffinity(0, task["cores"])
        for row in measure(task):
            print(json.dumps(row), flush=True)
        return

    import pandas as pd
    from radiomics_parity import real_cases
    from radiomics_phantoms import write_phantom

    cores = sorted(os.sched_getaffinity(0))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        cases: list[Case] = [
            (name, str(image), str(mask))
            for name, (image, mask) in real_cases(arguments.data).items()
        ]
        cases += [
            (f"blob_{n}", *map(str, write_phantom(Path(place), n)))
            for n in N_PHANTOM
            if not arguments.cases or f"blob_{n}" in arguments.cases
        ]
        if arguments.cases:
            cases = [case for case in cases if case[0] in arguments.cases]
        common = {"budget_s": arguments.budget_s, "least": arguments.least}
        if "first" in arguments.parts:
            cache = {"NUMBA_CACHE_DIR": str(Path(place, "numba"))}
            for what in ("numba cache empty", "numba cache filled"):
                found = ask(cores[:1], {"part": "first", "cases": cases[:1]}, cache)
                rows += [row | {"side": f"fast, {what}"} for row in found]
        if "cases" in arguments.parts:
            rows += ask(cores[:1], {"part": "cases", "cases": cases, **common})
        if "cohort" in arguments.parts:
            small = [case for case in cases if roi_mm3(case) <= arguments.cohort_voxels]
            for n_jobs in (1, 2):
                rows += ask(
                    cores[:n_jobs],
                    {"part": "cohort", "cases": small, "n_jobs": n_jobs, **common},
                )
        if "image size" in arguments.parts:
            sizes = [
                (f"blob_30000_in_{side}", *map(str, write_phantom(Path(place), 30_000, side)))
                for side in (96, 128, 192, 256, 320)
            ]
            rows += ask(cores[:1], {"part": "image size", "cases": sizes, **common})
        if "filters" in arguments.parts:
            blob = ("blob_30000", *map(str, write_phantom(Path(place), 30_000, 128)))
            log = {"LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}}
            for n, types in ((1, {}), (6, log), (9, {"Wavelet": {}}), (14, log | {"Wavelet": {}})):
                task = {"part": "filters", "image_types": {"Original": {}} | types, "n_filters": n}
                rows += ask(cores[:1], task | {"cases": [blob], **common})
        if "peers" in arguments.parts and arguments.peers:
            from radiomics_peers import ask_peers

            rows += ask_peers(arguments.peers, cases, cores[0], ONE_THREAD)
    arguments.results.parent.mkdir(exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.results, index=False)
    summary(table)


def roi_mm3(case: Case) -> float:
    """Return the volume of a mask; at 1 mm, about the number of voxels of the region."""
    from tumor_response.imaging import read_mask, volume_cc

    return 1000 * volume_cc(read_mask(Path(case[2])))


def summary(table: Any) -> None:
    """Print the ratios, their geometric mean and the worst, and how costs grow."""
    import numpy as np

    of_cases = table[table["part"] == "cases"]
    if not of_cases.empty:
        wide = of_cases.pivot_table("ratio", ["n_roi", "case"], "side")
        print("\nHow often the fast engine fits in (median of the turns)\n", wide.to_string())
        for side in wide:
            if side != "fast":
                mean = np.exp(np.log(wide[side]).mean())
                print(f"{side}: geometric mean {mean:.2f}, least {wide[side].min():.2f}")
    for part, size in (("cases", "n_roi"), ("image size", "n_image"), ("filters", "n_filters")):
        these = table[table["part"] == part]
        if part == "cases" and not these.empty:
            these = these[these["case"].str.startswith("blob_")]
        for side, group in these.groupby("side"):
            if len(set(group[size])) > 1:
                slope = np.polyfit(np.log(group[size]), np.log(group["seconds"]), 1)[0]
                print(f"{part}: seconds of {side} grow as {size} ** {slope:.2f}")
    cohort = table[table["part"] == "cohort"]
    if len(cohort):
        seconds = cohort.pivot_table("seconds", "side", "n_jobs")
        print("\nSeconds for the cohort by workers\n", seconds.to_string())
        serial = seconds.loc["pyradiomics", 1] / seconds.loc["fast", 2]
        print(f"two workers of the fast engine against one serial PyRadiomics: {serial:.1f}")


if __name__ == "__main__":
    main()
