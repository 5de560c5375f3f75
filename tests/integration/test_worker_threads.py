"""A worker uses the processor with one thread: counted by the system, not by the libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.parallel.processes import Processes
from tumor_response.parallel.threads import WORKER_ENV

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BUSY_S = 0.05
"""Python's own threads, which hand tasks over and watch the parent, stay far below."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="the system does not tell threads' times (Linux)"
)


def busy_threads(work: Callable[[], object]) -> Counter[str]:
    """Run something; return the seconds of processor time by thread, of those that used any."""
    before = _seconds_by_thread()
    work()
    after = _seconds_by_thread()
    used = Counter({name: after[name] - before[name] for name in after})
    return Counter({name: seconds for name, seconds in used.items() if seconds > BUSY_S})


def _seconds_by_thread() -> Counter[str]:
    seconds: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        seconds[task.name] = (int(fields[11]) + int(fields[12])) * TICK_S
    return seconds


def extract_both(case: tr.BaselineCase) -> Counter[str]:
    extractors = [
        tr.Radiomics("minimal", engine="pyradiomics", block="referee"),
        tr.Radiomics("head_neck_ct"),
        tr.DeepFeatures("tf_efficientnet_lite0", device="cpu"),
    ]
    return busy_threads(lambda: [e.extract(case) for _ in range(3) for e in extractors])


def test_radiomics_and_deep_features_use_one_thread_of_a_worker() -> None:
    place: Processes[tr.BaselineCase, Counter[str]] = Processes(extract_both, 2)
    place.submit(0, cases.baseline())
    (done,) = place.finished()
    place.abort()
    assert done.error is None
    assert done.answer is not None
    assert len(done.answer) == 1, done.answer


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: no pool has more than one thread")
def test_the_measure_sees_threads_that_nobody_holds() -> None:
    code = """
import numpy as np
from tests.integration.test_worker_threads import busy_threads

square = np.ones((1500, 1500))
print(len(busy_threads(lambda: [square @ square for _ in range(20)])))
"""
    clean = {k: v for k, v in os.environ.items() if k not in WORKER_ENV}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"OPENBLAS_NUM_THREADS": "2"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) >= 2
