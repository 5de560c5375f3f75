from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ManifestError


def written(folder: Path, frame: pd.DataFrame, **options: object) -> Path:
    path = folder / "manifest.csv"
    frame.to_csv(path, index=False, **options)
    return path


def fault(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        tr.Cohort.from_csv(path)
    return str(caught.value)


def test_plain_manifest(tmp_path: Path) -> None:
    cohort = tr.Cohort.from_csv(written(tmp_path, cases.cohort_folder(tmp_path)))
    assert len(cohort) == 3
    assert [case.patient_id for case in cohort] == ["P0", "P1", "P2"]
    assert cohort.variables == ["age"]
    case = cohort["P1", "1"]
    assert case.variables["age"] == 51.0
    assert case.read_image().GetSize() == case.read_mask().GetSize() == cases.SIZE
    assert case.date.isoformat() == "2024-01-10"
    assert (case.follow_up.interval_days, case.follow_up.treatment_days) == (30.0, 20.0)


def test_key_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    cohort = tr.Cohort.from_csv(written(tmp_path, cases.cohort_folder(tmp_path)))
    with pytest.raises(KeyError, match=r"Lesions of that patient: \['1'\]"):
        cohort["P1", "2"]


def test_ids_stay_text(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(patient_id=["007", "08", "9"])
    assert [c.patient_id for c in tr.Cohort.from_csv(written(tmp_path, frame))] == [
        "007",
        "08",
        "9",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_bom_and_separators(tmp_path: Path, sep: str, encoding: str) -> None:
    frame = cases.cohort_folder(tmp_path)
    cohort = tr.Cohort.from_csv(written(tmp_path, frame, sep=sep, encoding=encoding))
    assert [case.variables["age"] for case in cohort] == [50.0, 51.0, 52.0]


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(age=["61,5", "70", "58,25"])
    cohort = tr.Cohort.from_csv(written(tmp_path, frame, sep=";"))
    assert [case.variables["age"] for case in cohort] == [61.5, 70.0, 58.25]


def test_decimal_comma_is_text_where_commas_separate(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(age=["61,5", "70", "58"])
    cohort = tr.Cohort.from_csv(written(tmp_path, frame))
    assert cohort["P0", "1"].variables["age"] == "61,5"


def test_all_faults_in_one_error_with_their_lines(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 5)
    frame.loc[0, "image"] = "nowhere.nii.gz"
    frame.loc[1, "date"] = "10.01.2024"
    frame.loc[2, "follow_up_date"] = "2024-01-01"
    frame.loc[3, "patient_id"] = "P4"
    frame["follow_up_status"] = ["", "", "", "cured", ""]
    message = fault(written(tmp_path, frame))
    assert "6 faults" in message  # the follow-up of P2 is before the scan and before the start
    assert "line 2: image 'nowhere.nii.gz' does not exist" in message
    assert "line 3: date '10.01.2024' is not a date, YYYY-MM-DD" in message
    assert "line 4: follow_up_date 2024-01-01 is before the baseline's date 2024-01-10" in message
    assert "line 5: follow_up_status 'cured' is none of measured, complete_response" in message
    assert "line 6: patient_id 'P4', lesion_id '1' is already in line 5" in message


def test_missing_column_names_what_it_may_be(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).rename(columns={"image": "images"})
    message = fault(written(tmp_path, frame))
    assert "column 'image' is missing (is it 'images'?)" in message


def test_misspelt_follow_up_column_is_no_clinical_variable(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(follow_up_volume=3.0)
    assert "'follow_up_volume' looks like a follow-up" in fault(written(tmp_path, frame))


def test_mask_and_contours_are_not_both_given(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(rtstruct="rs.dcm", roi="GTV")
    assert "mask and rtstruct are both given" in fault(written(tmp_path, frame))


def test_neither_mask_nor_contours(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).drop(columns="mask").assign(rtstruct="rs.dcm")
    assert "column 'mask' is missing, and so is the pair" in fault(written(tmp_path, frame))


def test_day_is_counted_from_the_first_baseline_of_the_cohort(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(date=["2024-01-10", "2023-12-31", ""])
    days = [case.day for case in tr.Cohort.from_csv(written(tmp_path, frame))]
    assert days == [10.0, 0.0, None]


def test_not_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    assert "no such manifest" in fault(path)
    path.write_text("")
    assert "empty" in fault(path)
    path.write_text("patient_id,image,mask\n")
    assert "no rows" in fault(path)
    path.write_text("patient_id,image,mask\nP1,a\n")
    assert "line 2: 2 cells, the header has 3" in fault(path)
    path.write_bytes("patient_id,image,mask\nMüller,a,b\n".encode("latin-1"))
    assert "not UTF-8" in fault(path)
    path.write_text('patient_id,image,mask\n"P1,a,b\n')
    assert "not CSV" in fault(path)
    path.write_text("patient_id,image,mask,age,age\nP1,a,b,1,2\n")
    assert "'age' is there 2 times" in fault(path)


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path)
    (tmp_path / "dicom").mkdir()
    frame.loc[0, "image"] = "dicom"
    message = fault(written(tmp_path, frame))
    assert "image: " in message
    assert "no DICOM image series" in message
    frame.loc[0, ["image", "mask"]] = [cases.cohort_folder(tmp_path)["image"][0], "dicom"]
    assert "mask 'dicom' is a folder" in fault(written(tmp_path, frame))


def test_from_frame_takes_paths_timestamps_and_gaps(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path)
    frame["image"] = [tmp_path / name for name in frame["image"]]
    frame["mask"] = [str(tmp_path / name) for name in frame["mask"]]
    frame["follow_up_image"] = [tmp_path / name for name in frame["follow_up_image"]]
    frame["follow_up_mask"] = [tmp_path / name for name in frame["follow_up_mask"]]
    frame["date"] = pd.to_datetime(frame["date"])
    frame.loc[1, "age"] = None
    cohort = tr.Cohort.from_frame(frame)
    assert cohort["P0", "1"].date.isoformat() == "2024-01-10"
    assert cohort["P1", "1"].variables["age"] is None


def test_two_lesions_of_one_mask(tmp_path: Path) -> None:
    labels = cases.mask(4.0)
    labels[2, 2, 2] = 2
    cases.write(tmp_path, "both.nii.gz", labels)
    cases.write(tmp_path, "ct.nii.gz", cases.image())
    frame = pd.DataFrame(
        {
            "patient_id": ["P1", "P1"],
            "lesion_id": ["primary", "node"],
            "image": "ct.nii.gz",
            "mask": "both.nii.gz",
            "mask_label": [1, 2],
        }
    )
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    assert cohort.n_patients == 1
    counts = [sitk.GetArrayFromImage(case.read_mask()).sum() for case in cohort]
    assert counts[1] == 1
    assert counts[0] > 1


def test_label_of_the_baseline_is_that_of_the_follow_up_unless_it_is_said_otherwise(
    tmp_path: Path,
) -> None:
    frame = cases.cohort_folder(tmp_path, 2).assign(mask_label=[1, 2])
    labels = [c.follow_up.mask.label for c in tr.Cohort.from_frame(frame, base=tmp_path)]
    assert labels == [1, 2]
    frame["follow_up_mask_label"] = [3, None]
    labels = [c.follow_up.mask.label for c in tr.Cohort.from_frame(frame, base=tmp_path)]
    assert labels == [3, 2]


def test_outcomes_are_no_clinical_variables(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(shrinkage_percent=30.0)
    assert "'shrinkage_percent' is an outcome" in fault(written(tmp_path, frame))


def test_what_r_and_pandas_write_for_nothing_is_nothing(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path).assign(
        patient_id=["NA", "b", "c"], age=["NA", "nan", "61"], site=["NA", "A", ""]
    )
    frame["follow_up_mask"] = "NA"
    cohort = tr.Cohort.from_csv(written(tmp_path, frame))
    assert [c.variables["age"] for c in cohort] == [None, None, 61.0]
    assert [c.site for c in cohort] == [None, "A", None]
    assert [c.follow_up.mask for c in cohort] == [None, None, None]
    assert next(iter(cohort)).patient_id == "NA"


def test_something_else_than_a_frame() -> None:
    with pytest.raises(ManifestError, match="expected a pandas DataFrame, received dict"):
        tr.Cohort.from_frame({"patient_id": ["a"]})


def test_fifty_faults_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"patient_id": [f"P{i}" for i in range(60)], "image": "", "mask": ""})
    message = fault(written(tmp_path, frame))
    assert "120 faults" in message
    assert "... and 70 more" in message


@pytest.mark.parametrize("name", ["ct\x00.nii", "x" * 5000, "y" * 300])
def test_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    for column in ("image", "mask", "follow_up_mask"):
        frame = cases.cohort_folder(tmp_path, 1).assign(**{column: name})
        assert "is no name of a file" in fault(written(tmp_path, frame))
