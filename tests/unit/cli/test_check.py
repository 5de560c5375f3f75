"""``tumor-response check``: what is there, what is wrong, and the exit code that tells scripts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.unit import cases
from tests.unit.cli.test_cli import run
from tests.unit.cohort.test_from_dicom import cube, scan


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    scan(root / "a", "P1", "20200101", {"GTVp": cube(6.2), "Parotid_L": cube(2.2, (24, 24))})
    scan(root / "b", "P1", "20200131", {"GTVp": cube(5.2)})
    return root


def test_folder_shows_its_structures(archive: Path, tmp_path: Path) -> None:
    code, said = run("check", archive, "--index", tmp_path / "i.sqlite", "--n-jobs", 1)
    assert code == 0
    for word in ("P1", "GTVp", "Parotid_L", "CT", "--roi"):
        assert word in said
    assert "2020" not in said


def test_a_large_folder_is_shown_by_name(tmp_path: Path) -> None:
    root, n_patients = tmp_path / "archive", 11
    for i in range(n_patients):
        rois = {"GTVp": cube(6.2), "Body": cube(12.2)} if i else {"GTVp": cube(5.2)}
        scan(root / f"{i}", f"P{i:02d}", "20200101", rois)
    folder = (root, "--index", tmp_path / "i.sqlite", "--n-jobs", 1)
    code, said = run("check", *folder)
    assert code == 0
    assert f"{n_patients} CT of {n_patients} patients" in said
    assert "P03" not in said
    # 11 x 11 and 13 x 13 voxel centres on four slices of 3 mm
    assert all(cc in said for cc in ("1.452", "2.028"))
    assert "Say --verbose to see every series and every structure" in said
    _, in_full = run("check", *folder, "--verbose")
    assert "P03" in in_full


def test_folder_with_roi_shows_findings_and_writes_them(archive: Path, tmp_path: Path) -> None:
    code, said = run(
        *("check", archive, "--roi", "GTVp", "--index", tmp_path / "i.sqlite", "--n-jobs", 1),
        *("--html", tmp_path / "f.html", "--csv", tmp_path / "f.csv"),
    )
    assert "'GTVp' gives 1 lesions of 1 patients; 1 with a contoured follow-up" in said
    table = pd.read_csv(tmp_path / "f.csv")
    assert (tmp_path / "f.html").is_file()
    assert code == int((table["severity"] == "error").any())


def test_manifest_with_an_error_ends_with_code_1(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path)
    frame.loc[1, "mask"] = cases.write(tmp_path, "empty.nii.gz", cases.empty_mask())
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    code, said = run("check", tmp_path / "manifest.csv", "--n-jobs", 1)
    assert code == 1
    assert "mask_empty" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no such manifest"),
        (["nowhere.zip"], "nowhere.zip"),
        (["manifest.csv", "--roi", "GTV"], "--roi and --index are for folders"),
        ([".", "--html", "x.html"], "say which structure with --roi"),
        ([".", "--roi", "GTV("], "is no regular expression"),
    ],
)
def test_misuse_is_a_message(
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(archive)
    monkeypatch.setenv("XDG_CACHE_HOME", str(archive.parent / "cache"))
    code, printed = run("check", *arguments, "--n-jobs", 1)
    assert code == 2
    assert said in printed
    assert "Traceback" not in printed


def test_extract_takes_a_folder(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    scan(archive / "c", "P2", "20200101", None)
    pd.DataFrame({"patient_id": ["P1"], "age": [61]}).to_csv(tmp_path / "clinical.csv", index=False)
    options = ("--radiomics", "minimal", "--backbone", "none", "--n-jobs", 1)
    out = ("--out", tmp_path / "out")
    code, said = run(
        *("extract", archive, "--roi", "GTVp", "--clinical", "age", *out, *options),
        *("--clinical-table", tmp_path / "clinical.csv"),
    )
    assert code == 0, said
    table = pd.read_csv(tmp_path / "out" / "tables" / "features.csv", dtype={"patient_id": str})
    assert table[["patient_id", "lesion_id", "clinical__age"]].to_numpy().tolist() == [
        ["P1", "GTVp", 61.0]
    ]
    left_out = pd.read_csv(tmp_path / "out" / "tables" / "left_out.csv")
    assert left_out[["patient_id", "reason"]].to_numpy().tolist() == [["P2", "no_contours"]]
    code, said = run("extract", archive, *out, *options)
    assert code == 2
    assert "which structure is the tumour? Say --roi" in said


def test_folder_without_structures(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    code, said = run("check", tmp_path / "tables", "--index", tmp_path / "i.sqlite")
    assert code == 2
    assert "no DICOM image series" in said


def test_series_without_structures_are_shown(tmp_path: Path) -> None:
    scan(tmp_path / "archive", "P7", "20200101", None)
    code, said = run("check", tmp_path / "archive", "--index", tmp_path / "i.sqlite")
    assert code == 0
    assert "P7" in said
    assert "No structure set or segmentation" in said


def test_options_of_a_folder_are_refused_for_a_manifest(tmp_path: Path) -> None:
    cases.cohort_folder(tmp_path).to_csv(tmp_path / "manifest.csv", index=False)
    code, said = run("extract", tmp_path / "manifest.csv", "--roi", "GTV", "--out", tmp_path / "o")
    assert code == 2
    assert "are for folders" in said
