"""A run of a hundred cases, killed half-way and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases

N_CASES = 100
SCRIPT = """
import sys
import tumor_response as tr

cohort = tr.Cohort.from_csv(sys.argv[1])
tr.extract(cohort, [tr.Radiomics("minimal")], n_jobs=int(sys.argv[3]), cache_dir=sys.argv[2])
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_nothing_is_lost_and_only_the_rest_is_computed(tmp_path: Path, n_jobs: int) -> None:
    manifest, cache = tmp_path / "manifest.csv", tmp_path / "cache"
    cases.cohort_folder(tmp_path, N_CASES).to_csv(manifest, index=False)
    command = [sys.executable, "-c", SCRIPT, str(manifest), str(cache), str(n_jobs)]
    run = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(cache.rglob("*.json"))) < N_CASES // 2:
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(run.pid, signal.SIGKILL)  # the workers too: no process is left to tidy up
    assert run.wait() == -signal.SIGKILL

    finished = {path: path.stat().st_mtime_ns for path in cache.rglob("*.json")}
    assert N_CASES // 2 <= len(finished) < N_CASES
    cohort = tr.Cohort.from_csv(manifest)
    resumed = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert resumed.provenance["cache"] == {
        "hits": len(finished),
        "misses": N_CASES - len(finished),
    }
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    undisturbed = tr.extract(cohort, [tr.Radiomics("minimal")])
    pd.testing.assert_frame_equal(resumed.data, undisturbed.data, check_exact=True)
    assert resumed.failures.empty


def test_two_runs_at_once_share_one_cache(tmp_path: Path) -> None:
    manifest, cache = tmp_path / "manifest.csv", tmp_path / "cache"
    cases.cohort_folder(tmp_path, 12).to_csv(manifest, index=False)
    command = [sys.executable, "-c", SCRIPT, str(manifest), str(cache), "1"]
    runs = [subprocess.Popen(command) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    cohort = tr.Cohort.from_csv(manifest)
    shared = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert shared.provenance["cache"] == {"hits": 12, "misses": 0}
    assert not list(cache.rglob("*.part"))
    alone = tr.extract(cohort, [tr.Radiomics("minimal")])
    pd.testing.assert_frame_equal(shared.data, alone.data, check_exact=True)
