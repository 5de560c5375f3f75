"""Folders laid out like BIDS."""

from __future__ import annotations

from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ManifestError


def put(folder: Path, name: str, what: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cases.write(folder, name, what)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two subjects; the first has two sessions, whose names are not in the order of their days."""
    first = tmp_path / "sub-01"
    for seed, (session, radius) in enumerate([("boost", 7.0), ("planning", 9.0)]):
        folder = first / f"ses-{session}" / "ct"
        put(folder, f"sub-01_ses-{session}_ct.nii.gz", cases.image(seed))
        put(folder, f"sub-01_ses-{session}_label-GTVp_mask.nii.gz", cases.mask(radius))
    put(
        tmp_path / "derivatives" / "contours" / "sub-01" / "ses-planning",
        "sub-01_ses-planning_label-GTVn_mask.nii.gz",
        cases.mask(5.0),
    )
    (first / "sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\nses-boost\t2024-02-09T10:00:00\nses-planning\t2024-01-10T09:00:00\n"
    )
    put(tmp_path / "sub-02" / "ct", "sub-02_ct.nii.gz", cases.image(1))
    put(tmp_path / "sub-02" / "ct", "sub-02_label-GTVp_mask.nii.gz", cases.mask())
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-01\t61\tf\nsub-02\tn/a\tm\n"
    )
    return tmp_path


def test_sessions_labels_and_participants(dataset: Path) -> None:
    cohort = tr.Cohort.from_bids(dataset, "GTV.*")
    assert list(cohort.keys) == [("01", "GTVn"), ("01", "GTVp"), ("02", "GTVp")]
    assert cohort["01", "GTVp"].follow_up.interval_days == 30.0
    assert [dict(case.variables) for case in cohort] == [
        {"age": 61.0, "sex": "f"},
        {"age": 61.0, "sex": "f"},
        {"age": None, "sex": "m"},
    ]
    outcomes = tr.shrinkage(cohort)
    assert outcomes["shrinkage_percent"].notna().tolist() == [False, True, False]
    assert outcomes.loc[("01", "GTVp"), "shrinkage_percent"] > 30
    assert outcomes["reason"].tolist() == ["follow_up_missing", "", "follow_up_missing"]


def test_without_dates_sessions_go_by_name(dataset: Path) -> None:
    (dataset / "sub-01" / "sub-01_sessions.tsv").unlink()
    case = tr.Cohort.from_bids(dataset, "GTVp")["01", "GTVp"]
    assert "ses-boost" in str(case.image)
    assert case.follow_up.interval_days is None


def test_two_files_for_one_place(dataset: Path) -> None:
    put(
        dataset / "derivatives" / "again" / "sub-02",
        "sub-02_label-GTVp_mask.nii.gz",
        cases.mask(5.0),
    )
    with pytest.raises(ManifestError, match="two mask files") as caught:
        tr.Cohort.from_bids(dataset, "GTV.*")
    assert caught.value.code == "bids"


def test_nothing_there(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(ManifestError, match="no such folder"):
        tr.Cohort.from_bids(tmp_path / "none")
    with pytest.raises(ManifestError, match="no mask with label 'CTV'"):
        tr.Cohort.from_bids(dataset, "CTV")
    with pytest.raises(ManifestError, match="no image"):
        tr.Cohort.from_bids(dataset, suffix="pet")
    with pytest.raises(ManifestError, match="is no regular expression"):
        tr.Cohort.from_bids(dataset, "GTV(")
