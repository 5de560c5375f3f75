"""What repeats of a case cost: against a fresh extraction, and for 30 perturbations x 100 cases.

    python -P benchmarks/robustness_speed.py [--parts boxes ratio ...] [--cases lung1 ...]

Preset ``head_neck_ct`` (1,316 columns), fast engine, one thread each.

``ratio``: a fresh extraction (reading, quality checks, hashing, features) against a perturbed one
of the same image, contour alone (drawing, altering, features), by turns: the fresh one in a process
of its own that keeps nothing, both pinned to one core. The contours are the three of
``standard_perturbations`` that leave the image alone: another observer's (2 mm SD), growth and
shrinkage by up to 2 mm. A ratio is a perturbed extraction over the fresh one beside it.

``cohort``: ``Repeats`` on each case, the contour alone (``contour``) and patient, noise and contour
together (``all``: translation 2 mm, rotation 5 degrees, noise, 2 mm SD); seconds of processor for
the unaltered case and all repeats, and what 30 repeats of 100 such cases take on 2 cores. There
are 30 repeats in ``gtv`` and ``full``; 10 in ``gtv_512`` and 5 in ``ptv``, which count three and
six times (fewer repeats share fewer boxes, so that these are a little too slow).

``boxes``: of 30 contours, how many have the bounding box of the unaltered one or of one before.

``jobs``: ``tr.extract`` over the ten 30 cc regions with two workers.

Groups of cases: ``full``: lung CTs of 512 x 512 in a slice. ``cut``: sarcoma CTs, cut to the limb.
``ptv``: ten head-and-neck CTs as OpenKBP has them, 128 x 128 x 128 with voxels of some 4 mm,
and PTV70, which is a planning volume and several times as large as a tumour. ``gtv``: the same,
PTV70 shrunk along its normal to 30 cc. ``gtv_512``: these regions on the CT read between its voxels
at four times the resolution in a slice, which is the size of a planning CT; it is smooth, and so is
read faster than a real one.

Times are of the processor (``*_cpu_s``, both sides) and wall-clock (``*_wall_s``); the machine may
do other work, and its load is in each row. Rows are appended to
``benchmarks/results/robustness_speed.csv``; what stands there is not measured again.
Real cases are looked for in TUMOR_RESPONSE_DATA (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "robustness_speed.csv"
PARTS = ("machine", "boxes", "ratio", "cohort", "jobs")
GTV_CC = 30.0
TURNS = 2
GROUPS = ("full", "gtv_512", "gtv", "ptv", "cut")
N_REPEATS = {"ptv": 5, "gtv_512": 10}
Row = dict[str, Any]


def real(folder: Path) -> dict[str, tuple[str, Path, Path]]:
    """Return name -> group, image and mask."""
    from radiomics_parity import real_cases

    groups = {"lung": "full", "STS": "cut", "pt": "ptv"}
    return {
        name: (groups[name.rstrip("0123456789").rstrip("_")], image, mask)
        for name, (image, mask) in real_cases(folder).items()
    }


def shrunk(image: Any, mask: Any) -> Any:
    """Return a mask shrunk along its normal to 30 cc."""
    from tumor_response.exceptions import CaseError
    from tumor_response.imaging import volume_cc
    from tumor_response.imaging.perturb import DrawnContourOffset

    inner, outer = -50.0, 0.0
    found = mask
    for _ in range(20):
        middle = (inner + outer) / 2
        try:
            _, smaller = DrawnContourOffset(offset_mm=middle).apply(image, mask)
            too_small = volume_cc(smaller) < GTV_CC
        except CaseError:
            too_small = True
        if too_small:
            inner = middle
        else:
            outer, found = middle, smaller
    return found


def finer(image: Any, times: int) -> Any:
    """Return an image read at so many times the resolution along x and y."""
    import SimpleITK as sitk

    nx, ny, nz = image.GetSize()
    x, y, z = image.GetSpacing()
    reader = sitk.ResampleImageFilter()
    reader.SetSize((nx * times, ny * times, nz))
    reader.SetOutputSpacing((x / times, y / times, z))
    reader.SetOutputOrigin(
        image.TransformContinuousIndexToPhysicalPoint((0.5 / times - 0.5,) * 2 + (0.0,))
    )
    reader.SetOutputDirection(image.GetDirection())
    reader.SetInterpolator(sitk.sitkLinear)
    return reader.Execute(image)


def all_cases(folder: Path, place: Path) -> Iterator[tuple[str, str, Path, Path]]:
    """Yield group, name, image and mask of each case; smaller regions are written to ``place``."""
    import SimpleITK as sitk

    from tumor_response.imaging import read_image, read_mask, volume_cc
    from tumor_response.imaging.signed_distance import signed_depth_mm

    for name, (group, image_path, mask_path) in real(folder).items():
        yield group, name, image_path, mask_path
        if group != "ptv":
            continue
        image, mask = read_image(image_path), read_mask(mask_path)
        small = mask
        if volume_cc(mask) > GTV_CC:
            small = shrunk(image, mask)
            small_path = place / f"{name}_gtv.nii.gz"
            sitk.WriteImage(small, small_path)
            yield "gtv", f"{name}_gtv", image_path, small_path
        paths = place / f"{name}_512.nii.gz", place / f"{name}_512_gtv.nii.gz"
        inside = sitk.GetArrayViewFromImage(small) != 0
        depth = sitk.GetImageFromArray(signed_depth_mm(inside, small.GetSpacing()[::-1]))
        depth.CopyInformation(small)
        sitk.WriteImage(finer(image, 4), paths[0])
        sitk.WriteImage(sitk.Cast(finer(depth, 4) > 0, sitk.sitkUInt8), paths[1])
        yield "gtv_512", f"{name}_512_gtv", *paths


def timed(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a run returns, its seconds of processor and of the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return found, time.process_time() - cpu, time.perf_counter() - wall


_extractor: list[Any] = []


def extractor() -> Any:
    """Return this process' extractor."""
    import tumor_response as tr

    if not _extractor:
        _extractor.append(tr.Radiomics("head_neck_ct"))
    return _extractor[0]


def fresh(image: Path, mask: Path, core: int) -> tuple[float, float]:
    """Take a case from disk to its row; nothing is kept of an earlier one."""
    from tumor_response.cohort import BaselineCase
    from tumor_response.features.case_facts import RunRules, examined
    from tumor_response.features.radiomics.fast.surroundings import KEPT
    from tumor_response.quality import QualitySettings

    os.sched_setaffinity(0, [core])
    one, rules = extractor(), RunRules(QualitySettings())
    KEPT.forget()

    def run() -> None:
        case = BaselineCase("P", "1", image, mask)
        examined(case, rules, hashed=True)
        one.extract(case)

    _, cpu, wall = timed(run)
    return cpu, wall


def ratio(group: str, name: str, paths: tuple[Path, Path], other: Any, core: int) -> Iterator[Row]:
    """Yield a row for each mask-only perturbation of a case."""
    import numpy as np

    from tumor_response.cohort import BaselineCase
    from tumor_response.features.altered import altered_case, case_rng
    from tumor_response.features.radiomics.fast.surroundings import KEPT
    from tumor_response.imaging import volume_cc
    from tumor_response.imaging.perturb import standard_perturbations

    rules = {k: r for k, r in standard_perturbations().items() if not r.touches_image}
    case, one = BaselineCase("P", "1", *paths), extractor()
    KEPT.forget()
    one.extract(case)
    other.submit(fresh, *paths, core).result()
    seconds: dict[str, list[list[float]]] = {rule: [] for rule in rules}
    for turn in range(TURNS):
        for rule, how in rules.items():
            before = other.submit(fresh, *paths, core).result()

            def alter(turn: int = turn, how: Any = how) -> Any:
                return altered_case(case, how.draw(case_rng(0, turn, case.mask)))

            altered, cpu, wall = timed(alter)
            _, cpu_of_values, wall_of_values = timed(lambda altered=altered: one.extract(altered))
            seconds[rule].append([*before, cpu + cpu_of_values, wall + wall_of_values, cpu])
    for rule, pairs in seconds.items():
        times = np.array(pairs)
        ratios = times[:, 2] / times[:, 0]
        yield {
            "part": "ratio",
            "group": group,
            "case": name,
            "rule": rule,
            "n_repeats": TURNS,
            "n_image_voxels": case.image.GetNumberOfPixels(),
            "region_cc": volume_cc(case.mask),
            "fresh_cpu_s": np.median(times[:, 0]),
            "fresh_wall_s": np.median(times[:, 1]),
            "repeat_cpu_s": np.median(times[:, 2]),
            "repeat_wall_s": np.median(times[:, 3]),
            "alter_cpu_s": np.median(times[:, 4]),
            "ratio": np.median(ratios),
            "ratio_low": ratios.min(),
            "ratio_high": ratios.max(),
        }


def boxes(group: str, name: str, paths: tuple[Path, Path]) -> Iterator[Row]:
    """Yield how many of 30 contours have a box that was there before."""
    from tumor_response.cohort import BaselineCase
    from tumor_response.features.altered import altered_case, case_rng
    from tumor_response.imaging import bounding_box
    from tumor_response.imaging.perturb import plausible_contours, standard_perturbations

    rules = {k: r for k, r in standard_perturbations().items() if not r.touches_image}
    rules["contour_1mm"] = plausible_contours(observer_sd_mm=1.0)
    case = BaselineCase("P", "1", *paths)
    for rule, how in rules.items():
        seen, again = {bounding_box(case.mask)}, 0
        for repeat in range(30):
            altered = altered_case(case, how.draw(case_rng(0, repeat, case.mask)))
            box = bounding_box(altered.mask)
            again += box in seen
            seen.add(box)
        yield {
            "part": "boxes",
            "group": group,
            "case": name,
            "rule": rule,
            "n_repeats": 30,
            "n_boxes_again": again,
        }


def rules_of(kind: str) -> Any:
    """Return the contour alone, or patient, noise and contour together."""
    from tumor_response.imaging.perturb import PerturbationChain, standard_perturbations

    standard = standard_perturbations()
    steps = [standard[name] for name in ("translation", "rotation", "noise", "contour")]
    return {kind: standard["contour"] if kind == "contour" else PerturbationChain(steps)}


def repeats_of(group: str, name: str, paths: tuple[Path, Path], kind: str) -> Row:
    """Return what Repeats take on a case."""
    from tumor_response.cohort import BaselineCase
    from tumor_response.features.radiomics.fast.surroundings import KEPT
    from tumor_response.features.repeats import Repeats
    from tumor_response.imaging import volume_cc

    n = N_REPEATS.get(group, 30)
    case = BaselineCase("P", "1", *paths)
    with tempfile.TemporaryDirectory() as store:
        repeats = Repeats([extractor()], rules_of(kind), n, store)
        KEPT.forget()
        found, cpu, wall = timed(lambda: repeats.extract(case))
        alone = Repeats([extractor()], rules_of(kind), 1, f"{store}/alone")
        KEPT.forget()
        _, two, _ = timed(lambda: alone.extract(case))  # the unaltered case and one repeat
    own = max(two / 2, 0.0)
    of_30 = own + (cpu - own) * 30 / n
    return {
        "part": "cohort",
        "group": group,
        "case": name,
        "rule": kind,
        "n_repeats": n,
        "n_failed": sum(one.code == "repeat_failed" for one in found.shortfalls),
        "n_image_voxels": case.image.GetNumberOfPixels(),
        "region_cc": volume_cc(case.mask),
        "all_cpu_s": cpu,
        "all_wall_s": wall,
        "per_repeat_cpu_s": (cpu - own) / n,
        "minutes_100_cases_2_cores": of_30 * 100 / 2 / 60,
    }


def with_jobs(cases: list[tuple[str, Path, Path]], kind: str) -> Row:
    """Return what tr.extract takes over all cases with two workers."""
    import resource

    import pandas as pd

    import tumor_response as tr
    from tumor_response.features.repeats import Repeats

    frame = pd.DataFrame(
        {
            "patient_id": [name for name, _, _ in cases],
            "image": [str(image) for _, image, _ in cases],
            "mask": [str(mask) for _, _, mask in cases],
        }
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as store:
        repeats = Repeats([tr.Radiomics("head_neck_ct")], rules_of(kind), 30, store)
        _, own, wall = timed(
            lambda: tr.extract(tr.Cohort.from_frame(frame), [repeats], n_jobs=2, cache_dir=None)
        )
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own + now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {
        "part": "jobs",
        "group": "gtv",
        "case": f"{len(cases)} cases",
        "rule": kind,
        "n_repeats": 30,
        "all_cpu_s": cpu,
        "all_wall_s": wall,
        "minutes_100_cases_2_cores": cpu / len(cases) * 100 / 2 / 60,
    }


def machine() -> Row:
    """Return a row that says where this was measured."""
    from importlib.metadata import version

    names = ("numpy", "numba", "SimpleITK", "scipy")
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    words = [
        f"{os.cpu_count()} cores {cpu}",
        f"{platform.system()} Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in names),
    ]
    return {"part": "machine", "group": "", "case": "; ".join(words), "rule": ""}


def measured(
    arguments: argparse.Namespace, place: Path, done: set[tuple[str, ...]]
) -> Iterator[Row]:
    """Yield the rows that are not there yet."""
    cores = sorted(os.sched_getaffinity(0))
    if "machine" in arguments.parts and not any(part == "machine" for part, *_ in done):
        yield machine()
    wanted = [
        (group, name, image, mask)
        for group, name, image, mask in all_cases(arguments.data, place)
        if (arguments.cases is None or name in arguments.cases) and group in arguments.groups
    ]
    wanted.sort(key=lambda case: GROUPS.index(case[0]))
    os.sched_setaffinity(0, cores[:1])
    if "boxes" in arguments.parts:
        for group, name, *paths in wanted:
            if group in ("full", "gtv") and not any(
                row[:3] == ("boxes", group, name) for row in done
            ):
                yield from boxes(group, name, (paths[0], paths[1]))
    if "ratio" in arguments.parts:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as other:
            for group, name, *paths in wanted:
                if not any(row[:3] == ("ratio", group, name) for row in done):
                    yield from ratio(group, name, (paths[0], paths[1]), other, cores[0])
    if "cohort" in arguments.parts:
        for group, name, *paths in wanted:
            for kind in ("contour", "all"):
                if group != "cut" and ("cohort", group, name, kind) not in done:
                    yield repeats_of(group, name, (paths[0], paths[1]), kind)
    os.sched_setaffinity(0, cores[:2])
    small = [(name, image, mask) for group, name, image, mask in wanted if group == "gtv"]
    if "jobs" in arguments.parts and small:
        for kind in ("contour", "all"):
            if not any((part, rule) == ("jobs", kind) for part, _, _, rule in done):
                yield with_jobs(small, kind)


def summarise(table: Any) -> None:
    """Print the tables by group."""
    ratios = table[table["part"] == "ratio"]
    if len(ratios):
        of_case = ratios.groupby(["group", "case"], sort=False)[
            ["region_cc", "fresh_cpu_s", "repeat_cpu_s", "alter_cpu_s", "ratio"]
        ].mean()
        print(of_case.round(3).to_string())
        print(ratios.groupby(["group", "rule"], sort=False)["ratio"].describe().round(2))
    cohort = table[table["part"].isin(["cohort", "jobs"])]
    if len(cohort):
        columns = ["per_repeat_cpu_s", "minutes_100_cases_2_cores"]
        print(cohort.groupby(["part", "group", "rule"], sort=False)[columns].mean().round(2))


def main() -> None:
    """Measure, write after each row, sum up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    default = os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    from radiomics_speed import ONE_THREAD

    os.environ.update(ONE_THREAD)  # before anything is imported that reads it
    import pandas as pd

    table = pd.read_csv(arguments.results) if arguments.results.exists() else pd.DataFrame()
    keys = ["part", "group", "case", "rule"]
    done = set(table[keys].fillna("").itertuples(index=False, name=None)) if len(table) else set()
    with tempfile.TemporaryDirectory() as place:
        for row in measured(arguments, Path(place), done):
            row["load"] = os.getloadavg()[0]
            rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
            print("  ".join(f"{k} {v}" for k, v in rounded.items()), flush=True)
            table = pd.concat([table, pd.DataFrame([rounded])], ignore_index=True)
            table.to_csv(arguments.results, index=False)
    summarise(table)


if __name__ == "__main__":
    main()
