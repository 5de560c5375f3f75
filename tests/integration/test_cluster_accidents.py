"""The same table from a cluster, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import WorkerError
from tumor_response.features.base import FeatureValues
from tumor_response.parallel.threads import thread_counts

N_CASES = 8


@contextmanager
def two_workers() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with two_workers() as client:
        yield client


@pytest.fixture
def mortal() -> Iterator[Client]:
    """A cluster of its own for a test that kills workers: one that was hurt may stay so."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), two_workers() as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    cases.cohort_folder(folder, N_CASES).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def cohort(folder: Path) -> tr.Cohort:
    return tr.Cohort.from_csv(folder / "manifest.csv")


@pytest.fixture(scope="module")
def undisturbed(cohort: tr.Cohort, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    table = tr.extract(cohort, [tr.Radiomics("minimal")])
    return saved(table, tmp_path_factory.mktemp("undisturbed"))


def saved(table: tr.FeatureTable, folder: Path) -> dict[str, bytes]:
    """The bytes of a saved table."""
    table.save(folder)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Disturbed(tr.Radiomics):
    """Radiomics of the same numbers, whose worker is killed at one case."""

    def __init__(self, patient_id: str, times: int, marks: Path) -> None:
        super().__init__("minimal")
        self.patient_id, self.times, self.marks = patient_id, times, marks

    def extract(self, case: tr.BaselineCase) -> FeatureValues:
        if case.patient_id == self.patient_id and len(list(self.marks.iterdir())) < self.times:
            (self.marks / str(time.monotonic_ns())).touch()
            time.sleep(1)  # Dask does not start a worker again that dies while it is starting
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract(case)


class Threads(tr.Radiomics):
    """How many threads the pools of a worker may use, as a feature."""

    def extract(self, case: tr.BaselineCase) -> FeatureValues:
        super().extract(case)
        names = [spec.column for spec in self.feature_specs()]
        return FeatureValues(dict.fromkeys(names, float(max(thread_counts().values()))))


def test_same_bytes_from_serial_processes_and_cluster(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], client: Client, tmp_path: Path
) -> None:
    extractors = [tr.Radiomics("minimal")]
    tr.extract_to(tmp_path / "processes", cohort, extractors, n_jobs=2)
    tr.extract_to(tmp_path / "cluster", cohort, extractors, client=client)
    assert contents(tmp_path / "processes") == undisturbed
    assert contents(tmp_path / "cluster") == undisturbed


def test_rows_do_not_depend_on_the_order_of_cases(
    cohort: tr.Cohort, client: Client, folder: Path
) -> None:
    import pandas as pd

    manifest = pd.read_csv(folder / "manifest.csv")
    turned = tr.Cohort.from_frame(manifest.iloc[::-1], base=folder)
    there = tr.extract(cohort, [tr.Radiomics("minimal")], client=client).data
    back = tr.extract(turned, [tr.Radiomics("minimal")], client=client).data
    pd.testing.assert_frame_equal(back.iloc[::-1], there, check_exact=True)


def test_pools_of_workers_are_held_to_one_thread(cohort: tr.Cohort, client: Client) -> None:
    table = tr.extract(cohort, [Threads("minimal")], client=client)
    assert (table.data.filter(like="radiomics__").to_numpy() == 1.0).all()


def test_a_worker_killed_once_costs_nothing(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], mortal: Client, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    table = tr.extract(cohort, [Disturbed("P3", 1, marks)], client=mortal)
    assert len(list(marks.iterdir())) == 1
    assert saved(table, tmp_path / "table") == undisturbed


def test_a_case_that_kills_every_worker_is_a_row(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], mortal: Client, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    table = tr.extract(cohort, [Disturbed("P3", 1000, marks)], client=mortal)
    assert table.failures[["patient_id", "reason"]].to_numpy().tolist() == [["P3", "worker_died"]]
    assert "2 workers died under it" in table.failures["message"][0]
    radiomics = table.data.filter(like="radiomics__")
    assert radiomics.isna().all(axis=1).tolist() == [i == 3 for i in range(N_CASES)]
    assert saved(tr.retry(table, cohort, client=mortal), tmp_path / "retried") == undisturbed


class Slow(tr.Radiomics):
    """Slow enough to be there when the scheduler dies."""

    def extract(self, case: tr.BaselineCase) -> FeatureValues:
        time.sleep(0.5)
        return super().extract(case)


def test_a_scheduler_killed_is_told_at_once_and_nothing_is_lost(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], client: Client, tmp_path: Path
) -> None:
    """On a cluster of processes of its own; the run goes on on another one."""
    place = tmp_path / "scheduler.json"
    parts = [["scheduler", "--port", "0"], *[["worker", "--nthreads", "1"]] * 2]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *part, "--scheduler-file", str(place), "--no-dashboard"],
            stderr=subprocess.DEVNULL,
        )
        for part in parts
    ]
    cache, log = tmp_path / "cache", tmp_path / "run.jsonl"
    try:
        with Client(scheduler_file=str(place), timeout=60) as lost:
            lost.wait_for_workers(2, timeout=60)
            killer = subprocess.Popen(
                [sys.executable, "-c", KILLER, str(cache), str(started[0].pid)]
            )
            with pytest.raises(WorkerError, match="same cache_dir") as error:
                tr.extract(cohort, [Slow("minimal")], client=lost, cache_dir=cache, log=log)
            assert killer.wait(10) == 0
            assert error.value.code == "cluster_lost"
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert '"run_stopped"' in log.read_text().splitlines()[-1]
    table = tr.extract(cohort, [Slow("minimal")], client=client, cache_dir=cache)
    assert table.run["cache"]["hits"] >= 2
    assert saved(table, tmp_path / "table") == undisturbed


KILLER = """
import os, pathlib, signal, sys, time

while len(list(pathlib.Path(sys.argv[1]).glob("*/*.features"))) < 2:
    time.sleep(0.02)
os.kill(int(sys.argv[2]), signal.SIGKILL)
"""
