"""Ten thousand cases: is the cost of a case the same at the end, and the memory; what is overhead.

    python benchmarks/cohort_scale.py FOLDER [--cases 10000] [--only course scaling figure tables]

Writes that many distinct small baseline-only cases into FOLDER (a few hundred MB; kept, and used
again by the next run), then

course   extracts all of them to a folder on disk with two workers: without a cache, with a new
         cache, and with the same cache again; cost per case of every thousand, and the resident
         memory of the parent and of its workers while it goes on;
scaling  extracts a thousand serially, with two processes, on a local Dask cluster of two workers,
         and by plain joblib, in turn, three times; overhead is what a case costs beyond the
         seconds that its worker was at it;
figure   draws the course;
tables   prints both as they stand in the documentation.

Results go to benchmarks/results/cohort_scale*.csv, the figure to docs/_figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import SimpleITK as sitk

import tumor_response as tr

RESULTS = Path("benchmarks/results")
FIGURES = Path("docs/_figures")
SIZE_ZYX = (12, 22, 24)
SPACING_XYZ = (1.5, 1.5, 3.0)
WORKERS = 2


def prepare(folder: Path, n_cases: int) -> tr.Cohort:
    """Write the cases: soft tissue with noise of its own, a ball whose radius varies."""
    manifest = folder / f"manifest-{n_cases}.csv"
    if not manifest.exists():
        (folder / "cases").mkdir(parents=True, exist_ok=True)
        z, y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in SIZE_ZYX], indexing="ij")
        r_mm = np.sqrt((z * 3.0) ** 2 + (y * 1.5) ** 2 + (x * 1.5) ** 2)
        rows = []
        for number in range(n_cases):
            rng = np.random.default_rng(number)
            voxels = rng.normal(40, 15, SIZE_ZYX).astype(np.int16)
            mask = (r_mm <= rng.uniform(7.0, 11.0)).astype(np.uint8)
            names = [f"cases/{number:05d}_{what}.nrrd" for what in ("ct", "gtv")]
            for array, name in zip((voxels, mask), names, strict=True):
                image = sitk.GetImageFromArray(array)
                image.SetSpacing(SPACING_XYZ)
                sitk.WriteImage(image, str(folder / name))
            rows.append((f"P{number:05d}", *names))
        pd.DataFrame(rows, columns=["patient_id", "image", "mask"]).to_csv(manifest, index=False)
    return tr.Cohort.from_csv(manifest)


class MemoryWatch:
    """Sample the resident memory of this process and of its children, by a thread."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._begin = time.monotonic()

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while True:
            children = 0
            for child in me.children(recursive=True):
                try:
                    children = max(children, child.memory_info().rss)
                except psutil.Error:
                    continue
            elapsed = time.monotonic() - self._begin
            self.samples.append((elapsed, me.memory_info().rss / 1e6, children / 1e6))
            if self._stop.wait(0.5):
                return


def ms_per_case(ended: np.ndarray) -> float:
    """Return the median over groups of a hundred cases: others use these machines in bursts."""
    group = min(100, len(ended) - 1)
    groups = [ended[i + group] - ended[i] for i in range(0, len(ended) - group, group)]
    return statistics.median(groups) / group * 1e3


def course(folder: Path, cohort: tr.Cohort) -> None:
    """Extract all cases three ways; write cost and memory by the thousand."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    rows = []
    for name, cache_dir in (("no cache", None), ("new cache", cache), ("warm cache", cache)):
        log = folder / "run.jsonl"
        log.unlink(missing_ok=True)
        with MemoryWatch() as memory:
            run = tr.extract_to(
                folder / "table",
                cohort,
                [tr.Radiomics("minimal")],
                n_jobs=WORKERS,
                cache_dir=cache_dir,
                log=log,
            )
        events = [json.loads(line) for line in log.read_text().splitlines()]
        ended = np.array([e["elapsed_s"] for e in events if e["event"] == "case_finished"])
        times, parent, worker = np.array(memory.samples).T
        block = max(1, len(ended) // 10)
        for first in range(0, len(ended), block):
            begin, end = ended[first], ended[min(first + block, len(ended)) - 1]
            n = min(first + block, len(ended)) - 1 - first
            at = (times >= begin) & (times <= max(end, begin + 0.6))
            rows.append(
                {
                    "run": name,
                    "cases_done": first + n + 1,
                    "ms_per_case": round(ms_per_case(ended[first : first + block + 1]), 3),
                    "parent_mb": round(parent[at].max(), 1) if at.any() else None,
                    "worker_mb": round(worker[at].max(), 1) if at.any() else None,
                }
            )
        print(f"{name}: {len(ended) / (ended[-1] - ended[0]):.0f} cases/s, {run}", flush=True)
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS / "cohort_scale_course.csv", index=False)


def timed(work: object, case: object) -> float:
    """Run one case as a worker does, and return its seconds."""
    return work((case, None, None)).seconds


def by_joblib(cohort: tr.Cohort) -> tuple[float, float]:
    """Run the cases by joblib alone; return wall time and the workers' seconds."""
    from joblib import Parallel, delayed

    from tumor_response.features.case_facts import RunRules
    from tumor_response.features.extract import _Work
    from tumor_response.features.rows import columns_of_block

    extractor = tr.Radiomics("minimal")
    rules = RunRules(tr.QualitySettings(), None)
    work = _Work([extractor], [columns_of_block(extractor.feature_specs())], None, rules)
    begin = time.perf_counter()
    seconds = Parallel(n_jobs=WORKERS, batch_size=1)(delayed(timed)(work, c) for c in cohort)
    return time.perf_counter() - begin, sum(seconds)


def by_us(cohort: tr.Cohort, folder: Path, **where: object) -> tuple[float, float]:
    """Run the cases by the library; return wall time and the workers' seconds."""
    log = folder / "scaling.jsonl"
    log.unlink(missing_ok=True)
    begin = time.perf_counter()
    tr.extract(cohort, [tr.Radiomics("minimal")], log=log, **where)
    wall = time.perf_counter() - begin
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return wall, sum(e["seconds"] for e in events if e["event"] == "case_finished")


def scaling(folder: Path, cohort: tr.Cohort) -> None:
    """Run a thousand cases each way in turn; write medians."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        ways = {
            "serial": (1, lambda: by_us(cohort, folder)),
            "2 processes": (2, lambda: by_us(cohort, folder, n_jobs=WORKERS)),
            "Dask, 2 workers": (2, lambda: by_us(cohort, folder, client=client)),
            "plain joblib, 2 processes": (2, lambda: by_joblib(cohort)),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(4):
            for name, (_, run) in ways.items():
                answer = run()
                if turn:  # the first starts workers and compiles
                    taken[name].append(answer)
                    print(name, answer, flush=True)
    serial_s = statistics.median(wall for wall, _ in taken["serial"])
    rows = []
    for name, (workers, _) in ways.items():
        wall = statistics.median(wall for wall, _ in taken[name])
        overhead = statistics.median(w - seconds / workers for w, seconds in taken[name])
        rows.append(
            {
                "way": name,
                "cases": len(cohort),
                "wall_s": round(wall, 2),
                "cases_per_s": round(len(cohort) / wall, 1),
                "speedup": round(serial_s / wall, 2),
                "overhead_ms_per_case": round(overhead / len(cohort) * 1e3, 2),
            }
        )
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS / "cohort_scale.csv", index=False)
    print(frame.to_string(index=False))


def figure() -> None:
    """Draw cost and memory over the course of the runs."""
    import matplotlib.pyplot as plt

    frame = pd.read_csv(RESULTS / "cohort_scale_course.csv")
    drawn, (cost, memory) = plt.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
    for name, part in frame.groupby("run", sort=False):
        cost.plot(part["cases_done"], part["ms_per_case"], marker="o", ms=3, label=name)
        (line,) = memory.plot(part["cases_done"], part["parent_mb"], marker="o", ms=3)
        memory.plot(part["cases_done"], part["worker_mb"], ls="--", color=line.get_color())
    cost.set(xlabel="cases done", ylabel="ms per case (2 workers)", ylim=(0, None))
    memory.set(xlabel="cases done", ylabel="resident memory (MB)", ylim=(0, None))
    cost.legend(frameon=False)
    memory.plot([], [], color="0.3", label="parent")
    memory.plot([], [], color="0.3", ls="--", label="largest worker")
    memory.legend(frameon=False)
    drawn.savefig(FIGURES / "cohort_scale.png", dpi=150)


def tables() -> None:
    """Print the results as tables in Markdown."""
    course = pd.read_csv(RESULTS / "cohort_scale_course.csv")
    print("| run | first thousand | last thousand | ratio | cases per second | parent | worker |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, part in course.groupby("run", sort=False):
        cost, parent, worker = part["ms_per_case"], part["parent_mb"], part["worker_mb"]
        print(
            f"| {name} | {cost.iloc[0]:.2f} ms | {cost.iloc[-1]:.2f} ms | "
            f"{cost.iloc[-1] / cost.iloc[0]:.2f} | {1000 / cost.median():.0f} | "
            f"{parent.iloc[0]:.0f} to {parent.iloc[-1]:.0f} MB | "
            f"{worker.iloc[0]:.0f} to {worker.iloc[-1]:.0f} MB |"
        )
    print("\n| way | cases per second | speed-up | overhead per case |")
    print("| --- | --- | --- | --- |")
    for row in pd.read_csv(RESULTS / "cohort_scale.csv").itertuples():
        print(
            f"| {row.way} | {row.cases_per_s:.0f} | {row.speedup:.2f} | "
            f"{row.overhead_ms_per_case:.2f} ms |"
        )


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", default=["course", "scaling", "figure", "tables"])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if "course" in options.only:
        course(options.folder, prepare(options.folder, options.cases))
    if "scaling" in options.only:
        scaling(options.folder, prepare(options.folder, min(1_000, options.cases)))
    if "figure" in options.only:
        figure()
    if "tables" in options.only:
        tables()


if __name__ == "__main__":
    main()
