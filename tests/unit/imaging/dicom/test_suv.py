"""SUVbw against calculations by hand and the physics of a uniform phantom."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tests import dicom_factory as factory
from tests.dicom_faults import always, put
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import SeriesImage, read_series

BQML = 1000.0
# 70 kg, 350 MBq of F-18 (6586.2 s), an hour before the scan: 1000 Bq/ml by hand,
# 3600 / 6586.2 = 0.546597 half-lives, 0.684633 of the activity left,
# 1000 Bq/ml x 70,000 g / (350e6 Bq x 0.684633) = 0.292127
SUV_AFTER_AN_HOUR = 0.292127
UNCHANGED = put()


def suv(folder: Path, change: Callable[[Dataset], object] = UNCHANGED, **options: object) -> float:
    found = read(folder, change, **options)
    values = sitk.GetArrayFromImage(found.image)
    assert (values == values[0, 0, 0]).all()
    assert found.image.GetPixelID() == sitk.sitkFloat32
    return float(values[0, 0, 0])


def read(
    folder: Path, change: Callable[[Dataset], object] = UNCHANGED, **options: object
) -> SeriesImage:
    voxels = np.full((3, 4, 4), BQML)
    files = factory.pet_series(folder, voxels=voxels, edit=always(change), **options)
    return read_series([DicomFile(file) for file in files])


def tracer(**values: object) -> Callable[[Dataset], None]:
    return lambda dataset: put(**values)(dataset.RadiopharmaceuticalInformationSequence[0])


def private(group: int, creator: str, element: int, vr: str, value: str) -> Callable:
    def change(dataset: Dataset) -> None:
        dataset.private_block(group, creator, create=True).add_new(element, vr, value)

    return change


def both(*changes: Callable[[Dataset], object]) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        for one in changes:
            one(dataset)

    return change


def test_against_a_calculation_by_hand(tmp_path):
    assert suv(tmp_path) == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_activity_spread_evenly_over_the_body_has_an_suv_of_one(tmp_path):
    """The definition: 70 kg of water that hold all that is left after the hour."""
    left_bq = 350e6 * math.exp(-math.log(2) * 3600 / 6586.2)
    concentration = left_bq / 70_000  # per g, and per ml of water
    files = factory.pet_series(
        tmp_path, voxels=np.full((2, 3, 3), concentration), slope=concentration / 10_000
    )
    values = sitk.GetArrayFromImage(read_series([DicomFile(f) for f in files]).image)
    np.testing.assert_allclose(values, 1.0, rtol=1e-6)


def test_slope_per_slice(tmp_path):
    """Every slice has its own slope, as GE writes them; stored values differ, activities do not."""
    slopes = iter([0.5, 1.0, 2.0])

    def own(dataset: Dataset) -> None:
        slope = next(slopes)
        dataset.RescaleSlope = slope
        dataset.PixelData = np.full((4, 4), BQML / slope, "<u2").tobytes()

    assert suv(tmp_path, own) == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_decay_corrected_to_the_administration(tmp_path):
    # 1000 x 70,000 / 350e6
    assert suv(tmp_path, put(DecayCorrection="ADMIN")) == pytest.approx(0.2, rel=1e-6)


def test_administered_before_midnight(tmp_path):
    night = put(SeriesTime="003000", AcquisitionTime="003000")
    found = suv(tmp_path, night, injection_time="233000")
    assert found == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_date_and_time_of_the_administration(tmp_path):
    """Zirconium-89 (78.41 h), three days before: 2 ** -(72 / 78.41) of it is left."""
    when = tracer(
        RadiopharmaceuticalStartDateTime="20191229120000.00",
        RadiopharmaceuticalStartTime=None,
        RadionuclideHalfLife=78.41 * 3600,
        RadionuclideTotalDose=37e6,
    )
    expected = BQML * 70_000 / (37e6 * 0.529150)  # 72 / 78.41 = 0.918250 half-lives
    assert suv(tmp_path, when) == pytest.approx(expected, rel=2e-6)


def test_a_date_that_was_changed_and_a_time_of_day_that_was_not(tmp_path):
    when = tracer(RadiopharmaceuticalStartDateTime="19990101110000")
    assert suv(tmp_path, when) == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_time_zones_are_not_mixed(tmp_path):
    """12:00 at the scanner's clock; the administration is written in another zone's."""
    other = tracer(
        RadiopharmaceuticalStartDateTime="20200101100000+0000", RadiopharmaceuticalStartTime=None
    )
    with pytest.raises(CaseError, match="on the clock of the scan"):
        suv(tmp_path / "a", other)
    same = both(
        put(TimezoneOffsetFromUTC="+0100"),
        tracer(
            RadiopharmaceuticalStartDateTime="20200101110000+0100",
            RadiopharmaceuticalStartTime=None,
        ),
    )
    assert suv(tmp_path / "b", same) == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_two_times_of_administration_are_refused(tmp_path):
    when = tracer(RadiopharmaceuticalStartDateTime="20200101103000")
    with pytest.raises(CaseError, match="different times of day") as caught:
        suv(tmp_path, when)
    assert caught.value.code == "suv_time"


def test_values_that_are_suv_already(tmp_path):
    assert suv(tmp_path / "a", put(Units="GML", RadiopharmaceuticalInformationSequence=None)) == (
        1000.0
    )
    with pytest.raises(CaseError, match="LBM") as caught:
        suv(tmp_path / "b", put(Units="GML", SUVType="LBM"))
    assert caught.value.code == "suv_units"


def test_counts_with_the_manufacturers_factors(tmp_path):
    creator = "Philips PET Private Group"
    direct = both(put(Units="CNTS"), private(0x7053, creator, 0x00, "DS", "0.00042"))
    assert suv(tmp_path / "a", direct) == pytest.approx(0.42, rel=1e-6)
    # a factor of 0 is none; counts x 2.5 are Bq/ml
    activity = both(
        put(Units="CNTS"),
        private(0x7053, creator, 0x00, "DS", "0"),
        private(0x7053, creator, 0x09, "UN", b"2.5 "),
    )
    assert suv(tmp_path / "b", activity) == pytest.approx(2.5 * SUV_AFTER_AN_HOUR, rel=2e-6)
    with pytest.raises(CaseError, match="7053,xx00") as caught:
        suv(tmp_path / "c", put(Units="CNTS"))
    assert caught.value.code == "suv_missing"
    with pytest.raises(CaseError, match="7053,xx00"):
        suv(
            tmp_path / "d",
            both(put(Units="CNTS"), private(0x7053, "SOMEBODY ELSE", 0x00, "DS", "0.00042")),
        )


def test_a_series_derived_later_by_its_private_scan_time(tmp_path):
    later = both(
        put(SeriesTime="180000", AcquisitionTime="120500"),
        private(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20200101120000.00"),
    )
    assert suv(tmp_path, later) == pytest.approx(SUV_AFTER_AN_HOUR, rel=2e-6)


def test_a_series_derived_later_by_its_frame_times(tmp_path):
    """Beds of 120 s at 12:00 and 12:02, decay corrected to 12:00.

    The mean activity of a frame is that at t = ln(x / (1 - exp(-x))) / lambda after its start,
    x = lambda * 120 s: 59.874 s (by hand, t = T/2 - lambda T^2 / 24 + ...), so that the second
    frame's reference time is 179.874 s after the start.
    """
    starts = iter([("120000", 59874.0), ("120200", 179874.0), ("120200", 179874.0)])

    def bed(dataset: Dataset) -> None:
        dataset.AcquisitionTime, dataset.FrameReferenceTime = next(starts)
        dataset.ActualFrameDuration, dataset.SeriesTime = 120000, "180000"

    assert suv(tmp_path / "a", bed) == pytest.approx(SUV_AFTER_AN_HOUR, rel=1e-5)

    starts = iter([("120000", 59874.0), ("120200", 59874.0), ("120200", 59874.0)])
    with pytest.raises(CaseError, match="120 s apart") as caught:
        suv(tmp_path / "b", bed)
    assert caught.value.code == "suv_time"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (put(RadiopharmaceuticalInformationSequence=None), "RadiopharmaceuticalInformation"),
        (tracer(RadionuclideHalfLife=None), "RadionuclideHalfLife"),
        (tracer(RadionuclideTotalDose=None), "RadionuclideTotalDose"),
        (tracer(RadiopharmaceuticalStartTime=None), "RadiopharmaceuticalStartTime"),
        (put(PatientWeight=0), "PatientWeight"),
        (put(AcquisitionTime=None), "AcquisitionTime"),
    ],
)
def test_what_is_missing_is_named(tmp_path, change, named):
    with pytest.raises(CaseError, match=named) as caught:
        suv(tmp_path, change)
    assert caught.value.code == "suv_missing"


def test_slices_with_different_doses_are_refused(tmp_path):
    doses = iter([350e6, 351e6, 350e6])
    with pytest.raises(CaseError, match="RadionuclideTotalDose"):
        suv(tmp_path, lambda d: tracer(RadionuclideTotalDose=next(doses))(d))


def test_values_without_decay_correction_are_refused(tmp_path):
    with pytest.raises(CaseError) as caught:
        suv(tmp_path, put(DecayCorrection="NONE"))
    assert caught.value.code == "suv_corrections"


def test_the_finding_tells_minutes_and_no_time_of_day(tmp_path):
    (finding,) = read(tmp_path).findings
    assert finding.code == "suv_scale"
    assert "60.0 min" in finding.message
    assert "12" not in finding.message
