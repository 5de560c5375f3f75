from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError, GeometryError


def one(folder: Path, **changes: object) -> tr.Case:
    frame = cases.cohort_folder(folder, 1).assign(**changes)
    return next(iter(tr.Cohort.from_frame(frame, base=folder)))


def test_empty_baseline_mask_is_a_failed_case(tmp_path: Path) -> None:
    cases.write(tmp_path, "empty.nii.gz", cases.empty_mask())
    with pytest.raises(CaseError, match="Case 'P0' lesion '1': the baseline mask") as caught:
        one(tmp_path, mask="empty.nii.gz").read_mask()
    assert caught.value.code == "mask_empty"


def test_label_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="of label 5"):
        one(tmp_path, mask_label=5).read_mask()


def test_mask_on_another_grid(tmp_path: Path) -> None:
    cases.write(tmp_path, "other.nii.gz", cases.mask(size=(24, 22, 10)))
    with pytest.raises(GeometryError, match=r"tr\.resample_mask"):
        one(tmp_path, mask="other.nii.gz").read_mask()


def test_unreadable_image_names_case_and_file(tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    with pytest.raises(CaseError, match=r"Case 'P0' lesion '1': .*bad\.nii\.gz") as caught:
        one(tmp_path, image="bad.nii.gz").read_image()
    assert caught.value.code == "not_an_image"


def test_follow_up_on_another_grid_than_its_image(tmp_path: Path) -> None:
    cases.write(tmp_path, "other.nii.gz", cases.mask(size=(24, 22, 10)))
    with pytest.raises(CaseError) as caught:
        one(tmp_path, follow_up_mask="other.nii.gz").read_follow_up_mask()
    assert caught.value.code == "follow_up_geometry_mismatch"


def test_no_follow_up(tmp_path: Path) -> None:
    case = one(tmp_path, follow_up_mask=None, follow_up_image=None)
    for read in (case.read_follow_up_mask, case.read_follow_up_image):
        with pytest.raises(CaseError) as caught:
            read()
        assert caught.value.code == "follow_up_missing"


def test_barrier_nothing_of_the_follow_up_can_be_reached_from_the_baseline_case(
    tmp_path: Path,
) -> None:
    case = one(tmp_path, fractions_at_follow_up=15, dose_gy_at_follow_up=31.5)
    baseline = case.baseline
    later = case.follow_up
    follow_up = {str(later.image), str(later.mask), "30.0", "20.0", "15.0", "31.5"}

    def reachable(value: object) -> set[str]:
        if isinstance(value, dict):
            return set().union(*(reachable(v) for v in value.values()), set())
        return {str(value)}

    state = reachable(dict(vars(baseline)) | dict(baseline.variables))
    assert str(case.image) in state  # the walk does see paths
    assert not follow_up & state
    assert not [name for name in dir(baseline) if "follow" in name or "cohort" in name]


def test_variables_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        cases.baseline(age=60.0).variables["age"] = 61.0


def test_pickling_a_case_from_files_leaves_the_voxels_behind(tmp_path: Path) -> None:
    baseline = one(tmp_path).baseline
    before = len(pickle.dumps(baseline))
    assert baseline.image.GetSize() == cases.SIZE
    assert len(pickle.dumps(baseline)) == before
    again = pickle.loads(pickle.dumps(baseline))
    assert again.mask.GetSize() == cases.SIZE
    assert dict(again.variables) == dict(baseline.variables)


def test_case_in_memory_checks_its_grid() -> None:
    case = BaselineCase("P", "1", cases.image(), cases.mask(size=(24, 22, 9)))
    with pytest.raises(GeometryError):
        _ = case.mask


def test_errors_survive_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(GeometryError("m", code="c")))
    assert (type(error), str(error), error.code) == (GeometryError, "m", "c")


def test_frame_row_order_is_the_cohorts(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 4).iloc[::-1]
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    assert list(cohort.keys) == [(f"P{i}", "1") for i in (3, 2, 1, 0)]
    assert isinstance(cohort.keys, pd.MultiIndex)
