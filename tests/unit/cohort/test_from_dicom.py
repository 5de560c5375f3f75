"""A folder of DICOM becomes a cohort: whose scans, which contours, in what order."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests import dicom_factory as factory
from tests import dicom_factory_rt as factory_rt
from tumor_response.exceptions import ManifestError, OutcomeError


def square(half_mm: float, z_mm: float, centre: tuple[float, float] = (15.0, 15.0)) -> np.ndarray:
    x, y = centre
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array([(x + i * half_mm, y + j * half_mm, z_mm) for i, j in corners])


def cube(half_mm: float, centre: tuple[float, float] = (15.0, 15.0)) -> list[np.ndarray]:
    """Squares on slices 3 to 6 of a factory series (3 mm apart)."""
    return [square(half_mm, z, centre) for z in (9.0, 12.0, 15.0, 18.0)]


def scan(
    folder: Path,
    patient_id: str,
    date: str,
    rois: dict[str, list[np.ndarray]] | None,
    **options: object,
) -> tuple[list[Path], Path | None]:
    """A CT with a structure set, in a folder whose name says nothing."""
    noise = np.random.default_rng(int(date)).normal(40, 20, size=(10, 32, 32)).round()
    options.setdefault("voxels", noise)
    series = factory.ct_series(folder / "images", patient_id=patient_id, date=date, **options)
    if rois is None:
        return series, None
    return series, factory.rtstruct(folder / "contours.dcm", series, rois)


def read(folder: Path, roi: str = "GTV.*", **options: object) -> tr.Cohort:
    return tr.Cohort.from_dicom(folder, roi, index=folder.parent / "index.sqlite", **options)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """P1 with two lesions and a follow-up whose folder sorts first; P2 without a follow-up."""
    root = tmp_path / "archive"
    scan(root / "b", "P1", "20200101", {"GTVp": cube(5.2), "GTVn": cube(2.2, (24, 24))})
    scan(root / "a", "P1", "20200131", {"GTVn": cube(1.2, (24, 24)), "GTVp": cube(4.2)})
    scan(root / "c", "P2", "20200201", {"GTVp": cube(5.2), "Body": cube(14.0)})
    return root


def test_lesions_times_and_shrinkage(archive: Path) -> None:
    cohort = read(archive)
    assert list(cohort.keys) == [("P1", "GTVp"), ("P1", "GTVn"), ("P2", "GTVp")]
    assert cohort.left_out.empty
    outcomes = tr.shrinkage(cohort)
    # 11 x 11 voxel centres lie within 5.2 mm of the centre, 9 x 9 within 4.2 mm
    assert outcomes.loc[("P1", "GTVp"), "volume_baseline_cc"] == pytest.approx(121 * 4 * 3 / 1000)
    assert outcomes.loc[("P1", "GTVp"), "volume_follow_up_cc"] == pytest.approx(81 * 4 * 3 / 1000)
    assert outcomes.loc[("P1", "GTVp"), "interval_days"] == 30.0
    assert outcomes.loc[("P1", "GTVn"), "shrinkage_percent"] == pytest.approx(100 * 16 / 25)
    assert outcomes.loc[("P2", "GTVp"), "reason"] == "follow_up_missing"


def test_roi_matches_the_whole_name(archive: Path) -> None:
    assert list(read(archive, "GTVp").keys) == [("P1", "GTVp"), ("P2", "GTVp")]
    with pytest.raises(ManifestError, match="matches 'GTV'; there are: 'GTVp', 'GTVn'") as caught:
        read(archive, "GTV")
    assert caught.value.code == "no_lesion_found"
    cohort = read(archive, "GTVn")
    [row] = cohort.left_out.to_dict("records")
    assert (row["patient_id"], row["reason"]) == ("P2", "roi_not_found")
    assert "'GTVp', 'Body'" in row["message"]


def test_a_refusal_that_meets_many_is_said_once(tmp_path: Path) -> None:
    for name in ("P1", "P2", "P3", "P4", "P5", "P6"):
        scan(tmp_path / "archive" / name, name, "20200101", {"GTVp": cube(5.2)})
    scan(tmp_path / "archive" / "P7", "P7", "20200101", {"Tumour": cube(5.2)})
    with pytest.raises(ManifestError) as caught:
        read(tmp_path / "archive", "GTV")
    said = str(caught.value)
    assert said.count("no structure of a CT series matches 'GTV'") == 2
    assert "'P1', 'P2', 'P3', 'P4', 'P5' and 1 more: no structure" in said
    assert "'P7': no structure" in said


def test_several_structures_are_a_union_only_when_told(archive: Path) -> None:
    union = read(archive, several="union")
    assert list(union.keys) == [("P1", "1"), ("P2", "GTVp")]
    parts = tr.shrinkage(read(archive))["volume_baseline_cc"]
    both = tr.shrinkage(union)["volume_baseline_cc"]
    assert both["P1", "1"] == pytest.approx(parts["P1", "GTVp"] + parts["P1", "GTVn"])
    strict = read(archive, several="error")
    assert strict.left_out["reason"].tolist() == ["roi_several"]


def test_third_scan_is_taken_when_told(archive: Path) -> None:
    scan(archive / "d", "P1", "20200301", {"GTVp": cube(3.2), "GTVn": cube(2.2, (24, 24))})
    assert read(archive)["P1", "GTVp"].follow_up.interval_days == 30.0
    assert read(archive, follow_up="last")["P1", "GTVp"].follow_up.interval_days == 60.0


def test_two_scans_on_the_first_day_are_not_guessed_between(archive: Path) -> None:
    scan(archive / "d", "P2", "20200201", {"GTVp": cube(3.2)}, series_number=2)
    left_out = read(archive).left_out
    assert left_out["reason"].tolist() == ["baseline_ambiguous"]
    assert "series 1, 2" in left_out["message"][0]


def test_two_scans_on_the_day_of_the_follow_up(archive: Path) -> None:
    scan(archive / "d", "P1", "20200131", {"GTVp": cube(3.2)}, series_number=2)
    case = read(archive)["P1", "GTVp"]
    assert case.follow_up.mask is None
    assert [(f.code, f.severity) for f in case.follow_up.findings] == [
        ("follow_up_ambiguous", "error")
    ]


def test_later_scan_without_contours_is_told(archive: Path) -> None:
    scan(archive / "d", "P2", "20200301", None)
    case = read(archive)["P2", "GTVp"]
    assert [f.code for f in case.follow_up.findings] == ["follow_up_not_contoured"]


def test_structure_sets_of_one_scan(archive: Path) -> None:
    series = sorted((archive / "c" / "images").iterdir())

    def made(date: str, approval: str) -> dict[str, object]:
        def edit(dataset: object) -> None:
            dataset.StructureSetDate, dataset.StructureSetTime = date, "120000"
            dataset.ApprovalStatus = approval

        return {"edit": edit}

    second = archive / "c" / "second.dcm"
    factory.rtstruct(
        second, series, {"GTVp": cube(4.2)}, series_number=101, **made("20200209", "UNAPPROVED")
    )
    assert read(archive).left_out["reason"].tolist() == ["structure_set_ambiguous"]
    latest = read(archive, structure_set="latest")
    assert tr.shrinkage(latest)["volume_baseline_cc"]["P2", "GTVp"] == pytest.approx(0.972)
    factory.rtstruct(
        archive / "c" / "third.dcm",
        series,
        {"GTVp": cube(2.2)},
        series_number=102,
        **made("20200203", "APPROVED"),
    )
    approved = tr.shrinkage(read(archive))["volume_baseline_cc"]
    assert approved["P2", "GTVp"] == pytest.approx(25 * 4 * 3 / 1000)


def test_contours_whose_images_are_gone(archive: Path) -> None:
    for file in (archive / "c" / "images").iterdir():
        file.unlink()
    [row] = read(archive).left_out.to_dict("records")
    assert (row["patient_id"], row["reason"]) == ("P2", "contours_without_series")


def test_scans_without_contours(archive: Path) -> None:
    scan(archive / "d", "P3", "20200301", None)
    assert read(archive).left_out.to_numpy().tolist() == [
        ["P3", "no_contours", "1 series, no structure set or segmentation."]
    ]


def test_segmentation_instead_of_contours(tmp_path: Path) -> None:
    series, _ = scan(tmp_path / "archive", "P1", "20200101", None)
    mask = np.zeros((10, 32, 32), dtype=np.uint8)
    mask[3:7, 10:21, 10:21] = 1
    factory_rt.seg(tmp_path / "archive" / "seg.dcm", series, {"GTVp": mask, "Lung": 1 - mask})
    [case] = read(tmp_path / "archive")
    assert case.lesion_id == "GTVp"
    assert case.read_mask().GetSize() == (32, 32, 10)
    assert tr.shrinkage(read(tmp_path / "archive"))["volume_baseline_cc"].tolist() == [1.452]


def test_zip_archive(archive: Path, tmp_path: Path) -> None:
    packed = tmp_path / "zipped" / "export.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as target:
        for path in sorted(archive.rglob("*.dcm")):
            target.write(path, path.relative_to(archive))
    expected = tr.shrinkage(read(archive))
    cohort = tr.Cohort.from_dicom(packed, "GTV.*", index=tmp_path / "of_zip.sqlite")
    pd.testing.assert_frame_equal(tr.shrinkage(cohort), expected)
    assert [p.name for p in packed.parent.iterdir()] == ["export.zip"]  # nothing was unpacked


def test_plan_and_dose(archive: Path) -> None:
    structures = archive / "c" / "contours.dcm"
    plan = factory_rt.plan(
        archive / "c" / "plan.dcm", structures, fractions=(30,), targets_gy={1: 60.0}
    )
    factory_rt.dose(archive / "c" / "dose.dcm", plan, np.full((12, 20, 20), 45.0))
    cohort = read(archive, alpha_beta_gy=10.0)
    planned = cohort["P2", "GTVp"].variables
    assert planned["planned_fractions"] == 30
    assert planned["planned_fraction_dose_gy"] == 2.0
    assert planned["planned_dose_gy"] == 60.0
    assert planned["planned_gtv_mean_dose_gy"] == pytest.approx(45.0)
    assert planned["planned_gtv_eqd2_gy"] == pytest.approx(45 * (1.5 + 10) / 12)
    assert cohort.roles["planned_gtv_eqd2_gy"] == "planned"
    assert cohort["P1", "GTVp"].variables["planned_fractions"] is None


def test_age_sex_and_what_nobody_has(archive: Path) -> None:
    cohort = read(archive)
    assert cohort.variables == ["age", "sex"]  # no plan in the archive: no planned variables
    assert cohort["P1", "GTVp"].variables == {"age": 77.0, "sex": "O"}  # born 13 July 1942
    assert read(archive, age_cap=70)["P1", "GTVp"].variables["age"] == 70.0


def test_clinical_table_is_joined(archive: Path) -> None:
    clinical = pd.DataFrame(
        {
            "patient_id": ["P1", "P1", "P2", "P9"],
            "lesion_id": ["", "GTVn", "", ""],
            "age": [60, None, 61, 62],
            "stage": ["T2", "N1", "T3", "T4"],
            "rt_start_date": ["2020-01-11", None, None, None],
            "site": ["A", "A", "B", "B"],
        }
    )
    cohort = read(archive, clinical=clinical)
    assert [case.variables["stage"] for case in cohort] == ["T2", "N1", "T3"]
    assert [case.variables["age"] for case in cohort] == [60.0, 60.0, 61.0]
    assert [case.site for case in cohort] == ["A", "A", "B"]
    assert cohort["P1", "GTVp"].follow_up.treatment_days == 20.0
    assert cohort.left_out[["patient_id", "reason"]].to_numpy().tolist() == [
        ["P9", "not_in_archive"]
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": ["P1"]}, "column 'patient_id' is missing"),
        ({"patient_id": ["P1"], "image": ["x"]}, "'image' is decided by the images"),
        ({"patient_id": ["P1", "P1"], "age": [1, 2]}, "patient_id 'P1' is there twice"),
    ],
)
def test_clinical_table_with_faults(archive: Path, columns: dict, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        read(archive, clinical=pd.DataFrame(columns))


def test_choices_that_are_none(archive: Path) -> None:
    for option in ("follow_up", "structure_set", "several"):
        with pytest.raises(ManifestError, match=f"{option}='next'"):
            read(archive, **{option: "next"})
    with pytest.raises(ManifestError, match="is no regular expression"):
        read(archive, "GTV(")


def test_structures_of_one_name_and_names_beyond_ascii(tmp_path: Path) -> None:
    def rename(dataset: object) -> None:
        for item, name in zip(dataset.StructureSetROISequence, names, strict=True):
            item.ROIName = name

    names = ["GTV Läsion", "GTV Läsion", "GTV 腫瘍"]
    series = factory.ct_series(tmp_path / "archive" / "ct")
    rois = {"a": cube(2.2), "b": cube(3.2), "c": cube(4.2)}
    factory.rtstruct(tmp_path / "archive" / "rs.dcm", series, rois, edit=rename)
    cohort = read(tmp_path / "archive")
    assert [case.lesion_id for case in cohort] == ["GTV Läsion (1)", "GTV Läsion (2)", "GTV 腫瘍"]
    volumes = tr.shrinkage(cohort)["volume_baseline_cc"]
    assert (volumes / 0.012).round().tolist() == [25, 49, 81]


def test_structure_without_contours_is_a_failed_case(tmp_path: Path) -> None:
    scan(tmp_path / "archive", "P1", "20200101", {"GTVp": [], "GTVn": cube(3.2)})
    table = tr.extract(read(tmp_path / "archive"), [tr.ClinicalFactors(["age"])])
    assert table.data["clinical__age"].notna().tolist() == [False, True]
    [row] = table.failures[table.failures["lesion_id"] == "GTVp"].to_dict("records")
    assert (row["reason"], row["n_columns_missing"]) == ("roi_empty", 1)


def test_follow_up_structure_without_contours_has_to_be_declared(tmp_path: Path) -> None:
    scan(tmp_path / "archive" / "a", "P1", "20200101", {"GTVp": cube(5.2)})
    scan(tmp_path / "archive" / "b", "P1", "20200131", {"GTVp": []})
    with pytest.raises(OutcomeError, match="has no voxel for 1 lesion"):
        tr.shrinkage(read(tmp_path / "archive"))
    declared = pd.DataFrame({"patient_id": ["P1"], "follow_up_status": ["complete_response"]})
    outcomes = tr.shrinkage(read(tmp_path / "archive", clinical=declared))
    assert outcomes["shrinkage_percent"].tolist() == [100.0]


def test_contours_that_lie_beside_the_images_they_name(tmp_path: Path) -> None:
    """A structure set that was shifted by a slice after it was drawn."""

    def shift(dataset: object) -> None:
        for contour in dataset.ROIContourSequence[0].ContourSequence:
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            points[:, 2] += 3
            contour.ContourData = [f"{v:.2f}" for v in points.ravel()]

    series = factory.ct_series(tmp_path / "archive" / "ct")
    factory.rtstruct(tmp_path / "archive" / "rs.dcm", series, {"GTVp": cube(5.2)}, edit=shift)
    [case] = read(tmp_path / "archive")
    assert "contour_image_shift" in [finding.code for finding in case.baseline.findings]


def test_manifest_of_dicom_gives_the_same_cohort(archive: Path) -> None:
    rows = [
        {
            "patient_id": "P1",
            "image": "b/images",
            "rtstruct": "b/contours.dcm",
            "roi": "GTV.*",
            "date": "2020-01-01",
            "follow_up_image": "a/images",
            "follow_up_rtstruct": "a/contours.dcm",
            "follow_up_date": "2020-01-31",
        },
        {
            "patient_id": "P2",
            "image": "c/images",
            "rtstruct": "c/contours.dcm",
            "roi": "GTVp",
            "date": "2020-02-01",
        },
    ]
    manifest = archive / "manifest.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)
    expected = tr.shrinkage(read(archive))
    pd.testing.assert_frame_equal(tr.shrinkage(tr.Cohort.from_csv(manifest)), expected)
    rows[1]["roi"] = "PTV"
    rows[0]["image"] = "."
    pd.DataFrame(rows).to_csv(manifest, index=False)
    with pytest.raises(ManifestError) as caught:
        tr.Cohort.from_csv(manifest)
    assert "no structure of 'contours.dcm' matches 'PTV'; there are: 'GTVp', 'Body'" in str(
        caught.value
    )


def test_manifest_with_a_segmentation(tmp_path: Path) -> None:
    series = factory.ct_series(tmp_path / "ct")
    mask = np.zeros((10, 32, 32), dtype=np.uint8)
    mask[3:7, 10:21, 10:21] = 1
    factory_rt.seg(tmp_path / "seg.dcm", series, {"GTVp": mask, "Lung": 1 - mask})
    row = {"patient_id": "P1", "image": "ct", "mask": "seg.dcm"}
    with pytest.raises(ManifestError, match="There are: 1 'GTVp', 2 'Lung'"):
        tr.Cohort.from_frame(pd.DataFrame([row]), base=tmp_path)
    [case] = tr.Cohort.from_frame(pd.DataFrame([row | {"mask_label": 1}]), base=tmp_path)
    assert tr.shrinkage(tr.Cohort([case]))["volume_baseline_cc"].tolist() == [1.452]


def test_check_tells_who_was_left_out(archive: Path, tmp_path: Path) -> None:
    scan(archive / "d", "P3", "20200301", None)
    table = tr.check(read(archive), html=tmp_path / "page.html")
    [row] = table[table["patient_id"] == "P3"].to_dict("records")
    assert (row["time_point"], row["code"], row["severity"]) == ("cohort", "no_contours", "error")
    assert "Left out of the cohort, patient &#39;P3&#39;" in (tmp_path / "page.html").read_text()
