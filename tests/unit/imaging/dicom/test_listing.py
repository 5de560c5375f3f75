"""The tables of a folder: every structure, its volume or why there is none, and no dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests import dicom_factory as factory
from tests.dicom_factory_rt import seg
from tumor_response.imaging import read_mask, volume_cc
from tumor_response.imaging.dicom.archive.catalog import open_index
from tumor_response.imaging.dicom.archive.listing import (
    ROI_COLUMNS,
    SERIES_COLUMNS,
    list_rois,
    list_series,
)

SECRETS = (*factory.SECRETS, "2.25.", "2020", "2021")


def block(first: float = 4.5, last: float = 14.5, slices=range(2, 5)) -> list[np.ndarray]:
    """Squares of 10 x 10 voxels on three slices: 300 voxels of 3 mm3, 0.9 cc."""
    return [
        np.array([(first, first, 3 * k), (last, first, 3 * k), (last, last, 3 * k),
                  (first, last, 3 * k)])
        for k in slices
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two scans of one patient, 40 days apart, and one of another."""
    folder = tmp_path / "archive"
    first = factory.ct_series(folder / "1", date="20201210", series_number=3)
    second = factory.ct_series(folder / "2", date="20210119", series_number=5)
    factory.rtstruct(folder / "RS1", first, {"gtv t": block(), "Lt Parotid": block(20.5, 30.5)})
    factory.rtstruct(folder / "RS2", second, {"gtv t": block(4.5, 9.5)}, date="20210120")
    other = factory.ct_series(folder / "3", patient_id="P2", date="20200101")
    mask = np.zeros((10, 32, 32), np.uint8)
    mask[3, 5:7, 5:7] = 1
    seg(folder / "SEG", other, {"lesion": mask})
    return folder


def index_of(folder: Path) -> Path:
    return folder.parent / "index.sqlite"


def test_one_row_per_structure_with_its_volume(folder):
    table = list_rois(folder, index=index_of(folder))
    assert list(table) == list(ROI_COLUMNS)
    told = table[["patient_id", "study", "day", "roi_number", "roi", "tg263", "kind"]]
    assert told.to_numpy().tolist() == [
        ["P1", 1, 0, 1, "gtv t", "GTVp", "RTSTRUCT"],
        ["P1", 1, 0, 2, "Lt Parotid", "Parotid_L", "RTSTRUCT"],
        ["P1", 2, 40, 1, "gtv t", "GTVp", "RTSTRUCT"],
        ["P2", 1, 0, 1, "lesion", "", "SEG"],
    ]
    np.testing.assert_allclose(table["volume_cc"], [0.9, 0.9, 0.225, 0.012])
    assert table["series_number"].tolist() == [3, 3, 5, 1]
    assert table["structure_set"].tolist() == [1, 1, 2, 1]
    assert table["n_contours"].fillna(-1).tolist() == [3, 3, 3, -1]
    assert set(table["n_slices"]) == {10}
    assert set(table["reason"]) == {""}


def test_dates_and_secrets_stay_inside(folder):
    rois = list_rois(folder, index=index_of(folder)).to_csv()
    series = list_series(folder, index=index_of(folder)).to_csv()
    for secret in (*SECRETS, str(folder)):
        assert secret not in rois
        assert secret not in series


def test_the_same_table_whatever_n_jobs_and_from_a_catalogue(folder):
    catalog = open_index(folder, index=index_of(folder))
    one = list_rois(catalog)
    pd.testing.assert_frame_equal(list_rois(folder, index=index_of(folder), n_jobs=2), one)


def test_without_volumes_nothing_is_rasterised(folder, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("tumor_response.imaging.dicom.archive.listing._measure_all", never)
    table = list_rois(folder, index=index_of(folder), volumes=False)
    assert table["volume_cc"].isna().all()
    assert table["n_contours"].tolist()[:3] == [3, 3, 3]
    assert {name: str(kind) for name, kind in table.dtypes.items()} == ROI_COLUMNS


def reasons(table: pd.DataFrame) -> dict[str, str]:
    assert table.loc[table["reason"] != "", "message"].ne("").all()
    return dict(zip(table["roi"], table["reason"], strict=True))


def test_a_structure_without_volume_says_why_and_stops_no_other(tmp_path):
    folder = tmp_path / "archive"
    series = factory.ct_series(folder / "ct")

    def damaged(dataset: Dataset) -> None:
        dataset.ROIContourSequence[3].ContourSequence[0].NumberOfContourPoints = 77

    drawn = {
        "sound": block(),
        "empty": [],
        "outside": block(104.5, 109.5),
        "damaged": block(),
    }
    factory.rtstruct(folder / "RS", series, drawn, edit=damaged)
    table = list_rois(folder, index=index_of(folder))
    assert reasons(table) == {
        "sound": "",
        "empty": "roi_empty",
        "outside": "roi_outside_image",
        "damaged": "contour_damaged",
    }
    assert table["volume_cc"].notna().tolist() == [True, False, False, False]


def test_a_series_that_cannot_be_stacked_is_the_reason(tmp_path):
    folder = tmp_path / "archive"
    series = factory.ct_series(folder / "ct")
    factory.rtstruct(folder / "RS", series, {"a": block(), "b": block()})
    series[5].unlink()
    table = list_rois(folder, index=index_of(folder))
    assert reasons(table) == {"a": "slice_missing", "b": "slice_missing"}


def test_contours_without_their_series(tmp_path):
    folder = tmp_path / "archive"
    series = factory.ct_series(tmp_path / "elsewhere")
    factory.rtstruct(folder / "RS", series, {"a": block()})
    table = list_rois(folder, index=index_of(folder))
    assert reasons(table) == {"a": "series_missing"}
    assert table.loc[0, "patient_id"] == "P1"
    assert table[["study", "day", "series_number", "volume_cc"]].isna().all(axis=None)


def test_contours_of_another_patient_are_measured_and_told(tmp_path):
    folder = tmp_path / "archive"
    series = factory.ct_series(folder / "ct")

    def renamed(dataset: Dataset) -> None:
        dataset.PatientID = "P7"

    factory.rtstruct(folder / "RS", series, {"a": block()}, edit=renamed)
    table = list_rois(folder, index=index_of(folder))
    assert reasons(table) == {"a": "patient_id_differs"}
    assert table.loc[0, "patient_id"] == "P7"
    assert table.loc[0, "volume_cc"] == pytest.approx(0.9)


def test_a_file_that_vanished_since_it_was_indexed(folder):
    catalog = open_index(folder, index=index_of(folder))
    (folder / "RS2").unlink()
    table = list_rois(catalog)
    assert table["reason"].tolist() == ["", "", "file_missing", ""]


def test_days_when_dates_are_missing(tmp_path):
    folder = tmp_path / "archive"

    def undated(dataset: Dataset, k: int) -> None:
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"):
            setattr(dataset, keyword, "")

    series = factory.ct_series(folder / "1", edit=undated)
    factory.ct_series(folder / "2", date="20200301", series_number=2)
    structures = factory.rtstruct(folder / "RS", series, {"a": block()}, date="20200101")
    assert pydicom.dcmread(structures).StructureSetDate == "20200101"
    table = list_rois(folder, index=index_of(folder))
    assert table["day"].isna().all()
    assert table["volume_cc"].tolist() == pytest.approx([0.9])
    days = list_series(folder, index=index_of(folder)).set_index("series_number")["day"]
    assert days[2] == 0
    assert pd.isna(days[1])


def test_series_and_how_many_structures_they_carry(folder):
    table = list_series(folder, index=index_of(folder))
    assert list(table) == list(SERIES_COLUMNS)
    told = table[["patient_id", "study", "day", "series_number", "n_structures"]]
    assert told.to_numpy().tolist() == [["P1", 1, 0, 3, 2], ["P1", 2, 40, 5, 1], ["P2", 1, 0, 1, 1]]
    assert set(table["kvp"]) == {120.0}
    assert set(table["kernel"]) == {"STANDARD"}
    assert set(table["n_copies"]) == {0}


def test_an_empty_folder_has_empty_tables_of_the_same_columns(tmp_path):
    (tmp_path / "archive").mkdir()
    for table, columns in (
        (list_rois(tmp_path / "archive", index=tmp_path / "i.sqlite"), ROI_COLUMNS),
        (list_series(tmp_path / "archive", index=tmp_path / "i.sqlite"), SERIES_COLUMNS),
    ):
        assert table.empty
        assert {name: str(kind) for name, kind in table.dtypes.items()} == columns


@pytest.mark.needs("data")
def test_real_volumes_are_those_of_the_published_masks(shared_data, tmp_path):
    """IBSI publishes the same contours as NIfTI masks."""
    table = list_rois(shared_data / "sts" / "dicom", index=tmp_path / "i.sqlite")
    assert len(table) == 6
    for row in table.to_dict("records"):
        mask = read_mask(shared_data / "sts" / "nifti" / row["patient_id"] / "CT_mask.nii.gz")
        assert row["volume_cc"] == pytest.approx(volume_cc(mask), rel=1e-5)
        assert (row["roi"], row["tg263"]) == ("GTV_Mass_CT", "GTV")
