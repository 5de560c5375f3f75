"""How long a run will take, and how much disk: held against runs, and against known times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit import cases
from tumor_response.cli import app
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.features import one_case, stamps
from tumor_response.features.base import FeatureSpec, FeatureValues
from tumor_response.features.run_estimate import predicted_s, spread_by_size

# --- the prediction itself


@given(
    each=st.floats(0, 100),
    by_size=st.floats(0, 1e-5),
    sampled=st.lists(st.integers(10_000, 10**8), min_size=3, max_size=8, unique=True),
    rest=st.lists(st.integers(10_000, 10**8), max_size=20),
)
def test_times_that_grow_with_the_image_are_predicted_exactly(
    each: float, by_size: float, sampled: list[int], rest: list[int]
) -> None:
    sizes, others = np.array(sampled, dtype=float), np.array(rest, dtype=float)
    truth = float((each + by_size * sizes).sum() + (each + by_size * others).sum())
    total, low, high = predicted_s(sizes, each + by_size * sizes, others)
    assert low <= total <= high
    assert total == pytest.approx(truth, rel=1e-6, abs=1e-9)
    assert high == pytest.approx(low, rel=1e-5, abs=1e-9)


@given(
    seconds=st.lists(st.floats(0, 1e4), min_size=3, max_size=6),
    rest=st.lists(st.integers(1, 10**8), max_size=10),
)
def test_any_times_give_an_interval_around_what_is_expected(
    seconds: list[float], rest: list[int]
) -> None:
    sizes = np.arange(1.0, len(seconds) + 1) * 1e6
    total, low, high = predicted_s(sizes, np.array(seconds), np.array(rest, dtype=float))
    known = sum(seconds)
    assert np.isfinite([total, low, high]).all()
    assert known - 1e-6 * known <= low <= total <= high


@pytest.mark.parametrize(("scatter", "least", "most"), [(0.3, 0.86, 0.98), (1.0, 0.72, 0.92)])
def test_intervals_hold_about_as_often_as_documented(
    scatter: float, least: float, most: float
) -> None:
    rng = np.random.default_rng(7)
    held = []
    for _ in range(250):
        sizes = rng.lognormal(16, 0.5, 60)
        noise = rng.lognormal(-(scatter**2) / 2, scatter, 60)
        seconds = (0.2 + 1e-7 * sizes) * noise
        places = spread_by_size(sizes, 5)
        _, low, high = predicted_s(sizes[places], seconds[places], np.delete(sizes, places))
        held.append(low <= seconds.sum() <= high)
    assert least <= np.mean(held) <= most


@given(st.lists(st.integers(1, 1000), max_size=30), st.integers(3, 12))
def test_the_sample_goes_from_the_smallest_to_the_largest(sizes: list[int], n: int) -> None:
    places = spread_by_size(np.array(sizes, dtype=float), n)
    assert len(places) == len(set(places)) == min(n, len(sizes))
    drawn = [sizes[place] for place in places]
    assert drawn == sorted(drawn)
    if sizes:
        assert (drawn[0], drawn[-1]) == (min(sizes), max(sizes))


# --- of a cohort


class _Clock:
    """Time goes on while an extractor is at work, and at no other time."""

    now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s


CLOCK = _Clock()


class Timed:
    """Takes 20 ms and 5 us per voxel, by the clock."""

    block = "timed"
    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def identity(self) -> dict[str, object]:
        return {"extractor": "timed"}

    def feature_specs(self) -> list[FeatureSpec]:
        return [FeatureSpec(f"timed__{i}", "timed", "x", "baseline", "", "", "") for i in range(9)]

    def extract(self, case: BaselineCase) -> FeatureValues:
        CLOCK.now_s += 0.02 + 5e-6 * case.image.GetNumberOfPixels()
        if case.patient_id == "lacking":
            raise CaseError("not this one", code="mask_empty")
        return FeatureValues({f"timed__{i}": float(i) for i in range(9)})


def sized_cohort(folder: Path, depths: list[int], names: list[str] | None = None) -> tr.Cohort:
    """Cases of one slice size, each with its own number of slices."""
    rows = []
    for i, depth in enumerate(depths):
        size = (24, 22, depth)
        image = cases.write(folder, f"{i}_ct.nii.gz", cases.image(i, size))
        mask = cases.write(folder, f"{i}_gtv.nii.gz", cases.mask(8.0, size))
        name = names[i] if names else f"P{i}"
        rows.append({"patient_id": name, "image": image, "mask": mask})
    return tr.Cohort.from_frame(pd.DataFrame(rows), base=folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # files are believed to be final at once, and not only after two seconds
    monkeypatch.setattr(stamps, "_SETTLED_NS", 0)
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_run_takes_as_long_as_its_cases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_case, "time", CLOCK)
    depths = [8, 10, 12, 16, 20, 24, 30, 36, 40, 44]
    each_s = [0.02 + 5e-6 * 24 * 22 * depth for depth in depths]
    cohort = sized_cohort(folder, depths)
    estimate = tr.estimate_extraction(cohort, [Timed()])
    assert (estimate.n_cases, estimate.n_sampled, estimate.workers) == (10, 5, 1)
    assert estimate.total_s == pytest.approx(sum(each_s), rel=1e-6)
    assert estimate.warm_up_s == pytest.approx(0.0, abs=1e-9)
    least, median, most = estimate.seconds_per_case
    assert (least, most) == (pytest.approx(each_s[0]), pytest.approx(each_s[-1]))
    assert least < median < most
    assert estimate.low_s == pytest.approx(estimate.high_s, rel=1e-5)
    two = tr.estimate_extraction(cohort, [Timed()], n_jobs=2)
    assert two.workers == 2
    assert two.total_s == pytest.approx(sum(each_s) / 2, rel=1e-6)


def test_nothing_is_written_and_no_cache_is_made(folder: Path, tmp_path: Path) -> None:
    cohort = sized_cohort(folder, [8, 10, 12])
    before = tree(tmp_path)
    estimate = tr.estimate_extraction(cohort, [Timed()], cache_dir=tmp_path / "no" / "cache")
    assert tree(tmp_path) == before
    assert estimate.n_cached == 0
    tr.extract(cohort, [Timed()], cache_dir=tmp_path / "cache")
    next((tmp_path / "cache").rglob("*.features")).unlink()
    before = tree(tmp_path)
    estimate = tr.estimate_extraction(cohort, [Timed()], cache_dir=tmp_path / "cache")
    assert tree(tmp_path) == before
    assert (estimate.n_cached, estimate.n_sampled) == (2, 1)


def test_what_is_cached_or_unreadable_is_counted_and_takes_no_time(
    folder: Path, tmp_path: Path
) -> None:
    cohort = sized_cohort(folder, [8, 9, 10, 11, 12, 13])
    some = tr.Cohort.from_frame(
        pd.DataFrame({"patient_id": ["P0", "P1"], "image": ["0_ct.nii.gz", "1_ct.nii.gz"]}).assign(
            mask=["0_gtv.nii.gz", "1_gtv.nii.gz"]
        ),
        base=folder,
    )
    tr.extract(some, [Timed()], cache_dir=tmp_path / "cache")
    (folder / "5_ct.nii.gz").write_text("no image")
    estimate = tr.estimate_extraction(cohort, [Timed()], cache_dir=tmp_path / "cache")
    assert (estimate.n_cases, estimate.n_cached, estimate.n_unreadable) == (6, 2, 1)
    assert estimate.n_sampled == 3
    assert "6 cases, 2 of them in the cache, 1 unreadable." in str(estimate)
    run = tr.extract(cohort, [Timed()], cache_dir=tmp_path / "cache")
    assert run.run["cache"] == {"hits": 2, "misses": 3}
    assert set(run.failures["patient_id"]) == {"P5"}


def test_all_of_it_cached_takes_no_time(folder: Path, tmp_path: Path) -> None:
    cohort = sized_cohort(folder, [8, 9, 10])
    tr.extract(cohort, [Timed()], cache_dir=tmp_path / "cache")
    estimate = tr.estimate_extraction(cohort, [Timed()], cache_dir=tmp_path / "cache")
    assert (estimate.n_cached, estimate.n_sampled) == (3, 0)
    assert (estimate.total_s, estimate.low_s, estimate.high_s) == (0, 0, 0)
    assert estimate.cache_bytes == 0
    assert "3 of them in the cache" in str(estimate)


def test_one_case_is_the_whole_sample(folder: Path) -> None:
    estimate = tr.estimate_extraction(sized_cohort(folder, [9]), [Timed()])
    assert (estimate.n_cases, estimate.n_sampled) == (1, 1)
    assert estimate.low_s == estimate.total_s == estimate.high_s > 0
    assert estimate.cache_bytes is None
    assert "of cache" not in str(estimate)


@pytest.mark.parametrize("n_sample", [-1, 0, 2])
def test_too_small_a_sample_is_refused(folder: Path, n_sample: int) -> None:
    with pytest.raises(SettingsError, match="expected at least 3"):
        tr.estimate_extraction(sized_cohort(folder, [9]), [Timed()], n_sample=n_sample)


def test_cases_that_lack_values_are_told(folder: Path) -> None:
    cohort = sized_cohort(folder, [8, 9, 10], ["a", "lacking", "b"])
    estimate = tr.estimate_extraction(cohort, [Timed()])
    assert estimate.n_sampled_incomplete == 1
    assert "1 of these 3 lack values" in str(estimate)


def test_disk_and_memory_are_what_a_run_then_takes(folder: Path, tmp_path: Path) -> None:
    """Files of the cache within a fifth; folders, 256 at most, come on top."""
    cohort = sized_cohort(folder, [8, 9, 10, 11, 12, 14])
    extractors = [tr.Radiomics("minimal"), Timed()]
    cache = tmp_path / "cache"
    estimate = tr.estimate_extraction(cohort, extractors, n_sample=3, cache_dir=cache)
    table = tr.extract(cohort, extractors, cache_dir=cache)
    on_disk = sum(-(-p.stat().st_size // 4096) * 4096 for p in cache.rglob("*") if p.is_file())
    assert estimate.cache_bytes == pytest.approx(on_disk, rel=0.2)
    numbers = table.data.drop(columns=[c for c in table.data if c.startswith("meta__")])
    assert estimate.table_bytes == 8 * numbers.size
    voxels = 24 * 22 * 14
    assert estimate.largest_case_bytes >= 64 * voxels  # Timed says nothing of itself


# --- on the command line


def test_a_dry_run_says_it_and_makes_nothing(folder: Path, tmp_path: Path) -> None:
    frame = cases.cohort_folder(folder, 4)[["patient_id", "image", "mask"]]
    frame.to_csv(folder / "manifest.csv", index=False)
    before = tree(tmp_path)
    arguments = ["extract", str(folder / "manifest.csv"), "--out", str(tmp_path / "out")]
    arguments += ["--radiomics", "minimal", "--backbone", "none", "--n-jobs", "1", "--dry-run"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert tree(tmp_path) == before
    for word in ("4 cases", "One case:", "90 % interval", "of cache", "of table", "Memory:"):
        assert word in result.output
