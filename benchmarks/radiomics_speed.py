"""How long a case takes from disk to finished row: the fast engine, PyRadiomics, peers, the floor.

    python benchmarks/radiomics_speed.py [--parts cases cohort ...] [--peers <python>]

Preset ``head_neck_ct`` (original, LoG 1 to 5 mm, wavelet; 1,316 columns). The process is pinned to
as many cores as there are workers, each library has one thread. One side is ``read_image``,
``read_mask`` and ``Radiomics.extract``; the other is two ``sitk.ReadImage`` and PyRadiomics'
``execute``. They take turns: the fast side runs before and after each PyRadiomics run, and a
ratio is a PyRadiomics run over one of its two neighbours. A case is repeated until its budget is
spent, so a case that takes PyRadiomics longer than the budget has one PyRadiomics run
(``n_repeats``) and two ratios.

Parts: ``first`` (a first row in a new process, numba cache empty and filled), ``cases`` (real
cases and phantoms; the floor is reading the files plus one sum over the filtered voxels; with
``additionalInfo``, where PyRadiomics takes less than 20 s), ``cohort`` (the cases up to
``--cohort-voxels`` by joblib, one and two workers that are started and have their kernels loaded
before the clock runs; ``serial`` is one PyRadiomics process beside two workers), ``image size``
and ``filters`` (at a fixed region), ``peers`` (in the interpreter that they are installed for).

Writes ``benchmarks/results/radiomics_speed.csv``; the rows of parts that were not asked for stay.
Real cases are looked for in TUMOR_RESPONSE_DATA (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
}
RESULTS = Path(__file__).parent / "results" / "radiomics_speed.csv"
N_PHANTOM = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LOG = {"LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}}
FILTERS = {1: {}, 6: LOG, 9: {"Wavelet": {}}, 14: LOG | {"Wavelet": {}}}
MOST_REPEATS = 5
WITH_INFO_BELOW_S = 20.0
PEER_CASES = ("lung1", "lung2", "blob_10000")
PARTS = ("first", "cases", "cohort", "image size", "filters", "peers")
Case = tuple[str, str, str]  # name, image, mask
Side = Callable[[Case], dict[str, float]]
Row = dict[str, Any]


def settings_of(filters: Mapping[str, Any] = FILTERS[14]) -> Any:
    """Return the preset with other image types beside the original."""
    import tumor_response as tr
    from tumor_response.features.radiomics import PRESETS

    return tr.RadiomicsSettings(
        **{**PRESETS["head_neck_ct"], "image_types": {"Original": {}, **filters}}
    )


def fast_side(settings: Any) -> Side:
    """Return what takes a case to its row with the fast engine."""
    import tumor_response as tr
    from tumor_response.cohort import BaselineCase
    from tumor_response.features.radiomics.fast.surroundings import KEPT
    from tumor_response.imaging import read_image, read_mask

    extractor = tr.Radiomics(settings, engine="fast")

    def row(case: Case) -> dict[str, float]:
        KEPT.forget()  # a case is repeated here, but stands for one that is new
        image, mask = read_image(Path(case[1])), read_mask(Path(case[2]))
        return dict(extractor.extract(BaselineCase(case[0], "1", image, mask)).values)

    return row


def pyradiomics_side(settings: Any, additional_info: bool = False) -> Side:
    """Return what takes a case to its row with PyRadiomics, called as its manual says."""
    import SimpleITK as sitk
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    from tumor_response.features.radiomics.settings import quiet_pyradiomics

    parameters = settings.parameters()
    parameters["setting"]["additionalInfo"] = additional_info
    extractor = RadiomicsFeatureExtractor(parameters)

    def row(case: Case) -> dict[str, float]:
        with quiet_pyradiomics():
            found = extractor.execute(sitk.ReadImage(case[1]), sitk.ReadImage(case[2]), label=1)
        return {k: float(v) for k, v in found.items() if not k.startswith("diagnostics")}

    return row


def both_sides(filters: Mapping[str, Any]) -> dict[str, Side]:
    """Return the two sides for the original image and some filters."""
    settings = settings_of(filters)
    return {"fast": fast_side(settings), "pyradiomics": pyradiomics_side(settings)}


def floor_s(settings: Any, case: Case) -> float:
    """Return the seconds that no engine can leave out: files read, filtered voxels met once."""
    from tumor_response.features.radiomics.fast.image_types import image_types
    from tumor_response.features.radiomics.fast.prepare import prepare
    from tumor_response.imaging import read_image, read_mask

    parameters = settings.parameters()
    prepared = prepare(read_image(Path(case[1])), read_mask(Path(case[2])), parameters["setting"])
    filtered = [region.values for _, region in image_types(prepared, parameters)]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        read_image(Path(case[1])), read_mask(Path(case[2]))
        for values in filtered:
            values.sum()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[1]


def compared(
    fast: Callable[[], Any],
    others: Mapping[str, Callable[[], Any]],
    budget_s: float,
    info_below_s: float = float("inf"),
) -> Row:
    """Return seconds and ratios of a fast run and the runs that it takes turns with."""
    import numpy as np

    def timed(run: Callable[[], Any]) -> np.ndarray:
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        return np.array([time.perf_counter() - wall, time.process_time() - cpu])

    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in others}
    quick = [timed(fast)]
    begin = time.perf_counter()
    for turn in range(1, MOST_REPEATS + 1):
        for name, run in others.items():
            if name == "with_info" and pairs["pyradiomics"][0][0][0] > info_below_s:
                continue
            taken = timed(run)
            quick.append(timed(fast))
            pairs[name] += [(taken, quick[-2]), (taken, quick[-1])]
        if (time.perf_counter() - begin) * (turn + 1) / turn > budget_s:
            break
    row: Row = {"n_repeats": turn, "fast_s": float(np.median([wall for wall, _ in quick]))}
    for name, of_side in pairs.items():
        if of_side:
            ratios = np.array([taken / neighbour for taken, neighbour in of_side])
            row[f"{name}_s"] = float(np.median([taken[0] for taken, _ in of_side]))
            prefix = "" if name == "pyradiomics" else f"{name}_"
            row[f"{prefix}ratio"] = float(np.median(ratios[:, 0]))
            if name == "pyradiomics":
                row |= {"ratio_low": ratios[:, 0].min(), "ratio_high": ratios[:, 0].max()}
                row["cpu_ratio"] = float(np.median(ratios[:, 1]))
    return row


def one_by_one(part: str, cases: list[Case], budget_s: float, n_filters: int = 14) -> Iterator[Row]:
    """Yield a row per case, all of it on one core."""
    import SimpleITK as sitk

    settings = settings_of(FILTERS[n_filters])
    fast, slow = fast_side(settings), pyradiomics_side(settings)
    with_info = pyradiomics_side(settings, additional_info=True)
    for case in cases:
        n_roi = fast(case)["radiomics__original__shape_VoxelVolume"]  # voxels of 1 mm3
        reader = sitk.ImageFileReader()
        reader.SetFileName(case[1])
        reader.ReadImageInformation()
        nx, ny, nz = reader.GetSize()
        others: dict[str, Callable[[], Any]] = {"pyradiomics": lambda case=case: slow(case)}
        if part == "cases":
            others["with_info"] = lambda case=case: with_info(case)
        yield {
            "part": part,
            "case": case[0],
            "n_jobs": 1,
            "n_filters": n_filters,
            "n_roi_voxels": round(n_roi),
            "n_image_voxels": nx * ny * nz,
            **compared(lambda case=case: fast(case), others, budget_s, WITH_INFO_BELOW_S),
            **({"floor_s": floor_s(settings, case)} if part == "cases" else {}),
        }


_sides: dict[str, Side] = {}


def in_worker(name: str, case: Case) -> int:
    """Run one side in a worker that keeps its extractor."""
    if name not in _sides:
        settings = settings_of()
        _sides[name] = (
            fast_side(settings)
            if name == "fast"
            else pyradiomics_side(settings, additional_info=name == "with_info")
        )
    return len(_sides[name](case))


def cohort(cases: list[Case], n_jobs: int, budget_s: float) -> Row:
    """Return a row for all cases together, by joblib."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=n_jobs, batch_size=1) as workers:

        def run(name: str, these: list[Case]) -> Callable[[], Any]:
            return lambda: workers(delayed(in_worker)(name, case) for case in these)

        for name in ("fast", "pyradiomics", "with_info"):
            run(name, cases[-1:] * 4 * n_jobs)()  # libraries and kernels loaded in each worker
        others = {name: run(name, cases) for name in ("pyradiomics", "with_info")}
        if n_jobs > 1:
            others["serial"] = lambda: [in_worker("pyradiomics", case) for case in cases]
        row = compared(run("fast", cases), others, budget_s)
    if n_jobs > 1:
        del row["cpu_ratio"]  # the workers' time is not this process'
    return {"part": "cohort", "case": f"{len(cases)} cases", "n_jobs": n_jobs, **row}


def first_row(case: Case, folder: Path) -> Iterator[Row]:
    """Yield the seconds of the first row of a new process: imports and compilation included."""
    code = "import sys; import radiomics_speed as s; s.fast_side(s.settings_of())(sys.argv[1:])"
    here = {"PYTHONPATH": str(Path(__file__).parent), "NUMBA_CACHE_DIR": str(folder / "numba")}
    for name in ("numba cache empty", "numba cache filled"):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *case], check=True, env=os.environ | here)
        yield {
            "part": "first",
            "case": f"{case[0]}, {name}",
            "fast_s": time.perf_counter() - start,
        }


def measured(arguments: argparse.Namespace, place: Path) -> Iterator[Row]:
    """Yield the rows of every part that is asked for."""
    from radiomics_parity import real_cases
    from radiomics_phantoms import write_phantom

    from tumor_response.imaging import read_mask, volume_cc

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    cases: list[Case] = [
        (name, str(image), str(mask)) for name, (image, mask) in real_cases(arguments.data).items()
    ]
    wanted = arguments.cases or [case[0] for case in cases] + [f"blob_{n}" for n in N_PHANTOM]
    needed = {*wanted, *(PEER_CASES if "peers" in arguments.parts else ())}
    cases += [
        (f"blob_{n}", *map(str, write_phantom(place, n)))
        for n in N_PHANTOM
        if f"blob_{n}" in needed
    ]
    chosen = [case for case in cases if case[0] in wanted]
    budget_s = arguments.budget_s
    if "first" in arguments.parts:
        yield from first_row(chosen[0], place)
    if "image size" in arguments.parts:
        sizes = [
            (f"blob_30000_in_{side}", *map(str, write_phantom(place, 30_000, side)))
            for side in (96, 128, 192, 256, 320)
        ]
        yield from one_by_one("image size", sizes, budget_s)
    if "filters" in arguments.parts:
        blob = ("blob_30000", *map(str, write_phantom(place, 30_000, 128)))
        for n_filters in FILTERS:
            yield from one_by_one("filters", [blob], budget_s, n_filters)
    if "cohort" in arguments.parts:
        # the largest first, so that no worker is left with it at the end
        sized = [(1000 * volume_cc(read_mask(Path(case[2]))), case) for case in chosen]
        few = [case for mm3, case in sorted(sized)[::-1] if mm3 <= arguments.cohort_voxels]
        for n_jobs in (1, 2):
            os.sched_setaffinity(0, cores[:n_jobs])
            yield cohort(few, n_jobs, budget_s)
        os.sched_setaffinity(0, cores[:1])
    if "peers" in arguments.parts and arguments.peers:
        from radiomics_peers import ask_peers

        few = [case for case in cases if case[0] in PEER_CASES]
        yield from ask_peers(arguments.peers, few, place, both_sides, FILTERS)
    if "cases" in arguments.parts:
        yield from one_by_one("cases", chosen, budget_s)


def main() -> None:
    """Measure, write after each row, sum up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    default = os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--budget-s", type=float, default=12.0, help="per case, all sides together")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--cases", nargs="+", help="only these (names of real cases or blob_<n>)")
    parser.add_argument("--cohort-voxels", type=int, default=60_000)
    parser.add_argument("--peers", metavar="PYTHON", help="the peers' interpreter")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)  # before anything is imported that reads it
    parts = [part for part in arguments.parts if part != "peers" or arguments.peers]

    import pandas as pd
    from radiomics_speed_summary import summarise

    rows: list[Row] = []
    kept = pd.read_csv(arguments.results) if arguments.results.exists() else pd.DataFrame()
    if len(kept):
        kept = kept[~kept["part"].isin(parts)]
    with tempfile.TemporaryDirectory() as place:
        for row in measured(arguments, Path(place)):
            rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
            rows.append(rounded)
            print("  ".join(f"{k} {v}" for k, v in rounded.items()), flush=True)
            table = pd.concat([kept, pd.DataFrame(rows)], ignore_index=True)
            table.to_csv(arguments.results, index=False)
    summarise(table)


if __name__ == "__main__":
    main()
