"""What a case needs, what there is, and that large cases wait for each other."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tumor_response as tr
from tests.conftest import PROJECT
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import SettingsError
from tumor_response.features import memory
from tumor_response.features.base import FeatureValues
from tumor_response.features.memory import Extent, available_bytes, needed_bytes

GB = 10**9

# --- what a case needs


def test_what_is_put_aside_is_an_upper_bound_of_what_was_measured() -> None:
    """The measured estimates are of before 10 MB were added for what any case takes."""
    with (PROJECT / "benchmarks" / "results" / "extraction_memory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 50
    assert {row["block"] for row in rows} == {"radiomics", "deep", "pyradiomics", "ibsi"}
    for row in rows:
        assert float(row["peak_mb"]) <= 10 + float(row["estimated_mb"]), row


def sides(size: tuple[int, int, int], spacing: tuple[float, float, float]) -> Extent:
    x, y, z = (n * step for n, step in zip(size, spacing, strict=True))
    return Extent(math.prod(size), (x, y, z), spacing)


SIZE = st.tuples(*[st.integers(1, 200)] * 3)
SPACING = st.tuples(*[st.floats(0.2, 5.0)] * 3)


@given(SIZE, SPACING)
def test_a_box_has_its_own_voxels_and_eight_times_as_many_at_half_the_spacing(
    size: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    extent = sides(size, spacing)
    assert extent.box_voxels() == math.prod(size)
    assert extent.box_voxels((0.0, 0.0, 0.0)) == math.prod(size)  # 0: as the image has it
    assert extent.box_voxels([step / 2 for step in spacing]) == 8 * math.prod(size)
    layers = extent.box_voxels((0.0, 0.0, spacing[2] / 3))
    assert layers == 3 * math.prod(size)
    grown = extent.box_voxels(None, margin_mm=1.0)
    truth = math.prod(n + 2 / step for n, step in zip(size, spacing, strict=True))
    assert grown == pytest.approx(truth, abs=1)


EXTRACTORS = {
    "fast": lambda: tr.Radiomics("head_neck_ct"),
    "referee": lambda: tr.Radiomics("head_neck_ct", engine="pyradiomics"),
    "ibsi": lambda: tr.Radiomics("ibsi_c"),
    "clinical": lambda: tr.ClinicalFactors(["volume_cc"]),
}


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_more_image_or_more_tumour_never_needs_less(kind: str) -> None:
    extractor = EXTRACTORS[kind]()
    small, large = (24, 22, 12), (48, 44, 24)
    of_small = needed_bytes(cases.image(0, small), cases.mask(6, small), [extractor])
    more_tumour = needed_bytes(cases.image(0, small), cases.mask(12, small), [extractor])
    more_image = needed_bytes(cases.image(0, large), cases.mask(6, large), [extractor])
    assert 10_000_000 < of_small <= more_tumour
    assert of_small < more_image


def test_the_largest_of_several_extractors_counts() -> None:
    image, mask = cases.image(), cases.mask()
    extractors = [make() for make in EXTRACTORS.values()]
    alone = [needed_bytes(image, mask, [extractor]) for extractor in extractors]
    assert needed_bytes(image, mask, extractors) == max(alone)
    assert needed_bytes(image, mask, []) == min(alone)


def test_of_an_extractor_that_says_nothing_much_is_expected() -> None:
    class Foreign:
        block = "foreign"

    image = cases.image()
    with_it = needed_bytes(image, cases.mask(), [Foreign()])  # type: ignore[list-item]
    without = needed_bytes(image, cases.mask(), [])
    assert with_it - without == 64 * image.GetNumberOfPixels()


# --- what there is


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with 64 GB free, whose process is in some groups."""
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=64 * GB))

    def has(own: str, files: dict[str, object]) -> None:
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return has


def test_without_groups_it_is_what_the_system_has(machine: Callable[..., None]) -> None:
    assert available_bytes() == 64 * GB  # no such files at all, as on macOS
    machine("0::/\n", {})
    assert available_bytes() == 64 * GB
    machine("0::/\n", {"memory.max": "max", "memory.current": 60 * GB})
    assert available_bytes() == 64 * GB


def test_a_container_of_version_2(machine: Callable[..., None]) -> None:
    machine("0::/\n", {"memory.max": 16 * GB, "memory.current": 5 * GB})
    assert available_bytes() == 11 * GB


def test_a_container_of_version_1_that_does_not_see_the_groups_around_it(
    machine: Callable[..., None],
) -> None:
    own = "8:pids:/docker/1f\n4:cpu,memory:/docker/1f\n1:cpu:/\n0::/system.slice\n"
    limits = {
        "memory/memory.limit_in_bytes": 8 * GB,
        "memory/memory.usage_in_bytes": 1 * GB,
        "pids/docker/1f/memory.limit_in_bytes": 1,
        "pids/docker/1f/memory.usage_in_bytes": 0,
    }
    machine(own, limits)
    assert available_bytes() == 7 * GB


@pytest.mark.parametrize(
    ("of_step", "of_job", "free"), [(30, 20, 16), (10, 20, 9), ("max", 20, 16)]
)
def test_a_job_of_a_batch_system_has_the_tightest_of_its_limits(
    machine: Callable[..., None], of_step: object, of_job: int, free: int
) -> None:
    job = "system.slice/slurmstepd.scope/job_7"
    step_limit = of_step if of_step == "max" else of_step * GB
    files = {
        f"{job}/memory.max": of_job * GB,
        f"{job}/memory.current": 4 * GB,
        f"{job}/step_0/memory.max": step_limit,
        f"{job}/step_0/memory.current": 1 * GB,
        "memory.current": 60 * GB,
    }
    machine(f"0::/{job}/step_0\n", files)
    assert available_bytes() == free * GB


def test_files_that_were_read_are_no_used_memory(machine: Callable[..., None]) -> None:
    stat = f"anon {3 * GB}\nfile {12 * GB}\ninactive_file {11 * GB}\nactive_file {GB}\n\nodd"
    machine("0::/\n", {"memory.max": 16 * GB, "memory.current": 15 * GB, "memory.stat": stat})
    assert available_bytes() == 12 * GB


def test_nothing_left_is_nothing_and_not_less(machine: Callable[..., None]) -> None:
    machine("0::/\n", {"memory.max": 2 * GB, "memory.current": 3 * GB})
    assert available_bytes() == 0


# --- admission


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_memory_that_means_nothing_is_refused(tmp_path: Path, wrong: float, n_jobs: int) -> None:
    cohort = tr.Cohort.from_frame(cases.cohort_folder(tmp_path, 1), base=tmp_path)
    with pytest.raises(SettingsError, match="memory_gb="):
        tr.extract(cohort, [tr.ClinicalFactors(["age"])], n_jobs=n_jobs, memory_gb=wrong)


class Diary(tr.ClinicalFactors):
    """Writes down when each case begins and ends, and says that some need much memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(["volume_cc"])
        self.folder = folder

    def memory_bytes(self, extent: Extent) -> int:
        return 500_000_000 if extent.image_voxels > 24 * 22 * 12 else 0

    def extract(self, case: BaselineCase) -> FeatureValues:
        begin = time.monotonic()
        time.sleep(0.1)
        found = super().extract(case)
        (self.folder / case.patient_id).write_text(json.dumps([begin, time.monotonic()]))
        return found


def test_large_cases_run_alone_and_the_table_is_the_same(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 8)[["patient_id", "image", "mask"]]
    large = (1, 2, 5)
    for i in large:
        size = (24, 22, 14)
        frame.loc[i, "image"] = cases.write(tmp_path, f"large{i}_ct.nii.gz", cases.image(i, size))
        frame.loc[i, "mask"] = cases.write(tmp_path, f"large{i}_gtv.nii.gz", cases.mask(9, size))
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    (tmp_path / "diary").mkdir()
    extractor, log = Diary(tmp_path / "diary"), tmp_path / "run.jsonl"
    table = tr.extract(cohort, [extractor], n_jobs=2, memory_gb=0.2, log=log)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    waits = {e["index"]: e["needed_bytes"] for e in events if e["event"] == "memory_wait"}
    assert set(waits) == set(large)
    assert min(waits.values()) > 500_000_000
    assert events[0]["memory_bytes"] == 200_000_000
    when = {i: json.loads((tmp_path / "diary" / f"P{i}").read_text()) for i in range(8)}
    for i in large:
        others = [span for other, span in when.items() if other != i]
        assert all(end <= when[i][0] or begin >= when[i][1] for begin, end in others), i
    alone = tr.extract(cohort, [tr.ClinicalFactors(["volume_cc"])])
    assert table.data.equals(alone.data)
    assert table.failures.empty
