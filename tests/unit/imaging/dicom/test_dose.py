from __future__ import annotations

import math

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from tests import dicom_factory_rt as factory_rt
from tests.dicom_faults_rt import plan
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.treatment.dose import Dose, read_dose
from tumor_response.imaging.dicom.treatment.dose_in_mask import eqd2_gy, mean_dose_gy, mean_eqd2_gy

AXIAL, PRONE, FEET_FIRST = (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, 1, 0)
OBLIQUE = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    return plan()(tmp_path_factory.mktemp("plan"))


def linear(position: np.ndarray) -> np.ndarray:
    """A dose that is linear in the patient's coordinates: interpolation must be exact."""
    return 50 + position @ np.array([0.2, -0.1, 0.3])


def centres(size, spacing, origin, orientation):
    """Positions (z, y, x, 3) of the voxels of a grid along the normal of its planes."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    z, y, x = np.indices(size[::-1])[..., None]
    return (
        np.array(origin)
        + x * spacing[0] * row
        + y * spacing[1] * column
        + z * spacing[2] * np.cross(row, column)
    )


def dose_of(image: sitk.Image) -> Dose:
    return Dose(sitk.Cast(image, sitk.sitkFloat32), "PHYSICAL", "PLAN", "", (), "", "")


GRID = {"size": (9, 8, 7), "spacing": (2.5, 2.0, 3.0), "origin": (-10.0, -8.0, 40.0)}


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("orientation", "absolute"),
    [(AXIAL, False), (AXIAL, True), (PRONE, False), (FEET_FIRST, False), (OBLIQUE, False)],
)
def test_every_voxel_has_the_dose_of_its_place(
    orientation, absolute, descending, bits, planned, tmp_path
):
    gy = linear(centres(**GRID, orientation=orientation))
    path = factory_rt.dose(
        tmp_path / "dose.dcm",
        planned,
        gy,
        spacing_mm=GRID["spacing"],
        origin_mm=GRID["origin"],
        orientation=orientation,
        absolute=absolute,
        descending=descending,
        bits=bits,
    )
    image = read_dose(DicomFile(path)).image
    assert image.GetSize() == GRID["size"]
    for index in np.ndindex(*GRID["size"]):
        place = np.array(image.TransformIndexToPhysicalPoint(index))
        assert image[index] == pytest.approx(linear(place), abs=2 * gy.max() / 2**bits + 1e-4)


def test_what_a_dose_belongs_to(planned, tmp_path):
    path = factory_rt.dose(tmp_path / "dose.dcm", planned, np.full((4, 4, 4), 2.0), bits=8)
    dose = read_dose(DicomFile(path))
    source = pydicom.dcmread(planned)
    assert dose.plan_uids == (source.SOPInstanceUID,)
    assert dose.frame_of_reference_uid == source.FrameOfReferenceUID
    assert (dose.dose_type, dose.summation, dose.findings) == ("PHYSICAL", "PLAN", ())
    assert "SECRET" not in repr(dose)
    assert sitk.GetArrayFromImage(dose.image) == pytest.approx(2.0)


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1, 1]), np.eye(3)[[2, 0, 1]]])
def test_the_mean_of_a_linear_dose_is_the_dose_of_the_centroid(direction, planned, tmp_path):
    gy = linear(centres(**GRID, orientation=AXIAL))
    path = factory_rt.dose(
        tmp_path / "dose.dcm",
        planned,
        gy,
        spacing_mm=GRID["spacing"],
        origin_mm=GRID["origin"],
    )
    mask = sitk.GetImageFromArray((np.random.default_rng(0).random((5, 5, 5)) < 0.5).astype("u1"))
    mask.SetSpacing((0.9, 0.7, 1.1))
    mask.SetOrigin((-1.3, -0.4, 50.7))
    mask.SetDirection(direction.ravel())
    inside = np.argwhere(sitk.GetArrayFromImage(mask))[:, ::-1].tolist()
    places = np.array([mask.TransformIndexToPhysicalPoint(index) for index in inside])
    found = mean_dose_gy(read_dose(DicomFile(path)), mask)
    assert found.covered_share == 1
    assert found.mean_gy == pytest.approx(linear(places.mean(axis=0)), abs=1e-4)


@given(seed=st.integers(0, 10_000))
def test_the_mean_agrees_with_simpleitk(seed):
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(rng.random((6, 7, 8)).astype(np.float32) * 60)
    image.SetSpacing((2.0, 2.5, 3.0))
    mask = sitk.GetImageFromArray((rng.random((9, 9, 9)) < 0.3).astype(np.uint8))
    mask[4, 4, 4] = 1
    mask.SetSpacing((0.8, 0.9, 1.0))
    mask.SetOrigin(tuple(rng.uniform(0.5, 4, 3)))
    resampled = sitk.GetArrayFromImage(
        sitk.Resample(image, mask, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat64)
    )
    inside = sitk.GetArrayFromImage(mask).astype(bool)
    found = mean_dose_gy(dose_of(image), mask)
    assert found.covered_share == 1
    assert found.mean_gy == pytest.approx(resampled[inside].mean(), rel=1e-6)


def ramp_and_mask():
    """A dose of 10 to 40 Gy along z (1 mm apart) and a mask of which half lies on the grid."""
    image = sitk.GetImageFromArray(np.arange(10, 50, 10)[:, None, None] * np.ones((1, 3, 3)))
    mask = sitk.GetImageFromArray(np.ones((4, 1, 1), np.uint8))
    mask.SetOrigin((1.0, 1.0, 2.0))  # z = 2, 3 on the grid, 4, 5 beyond it
    return dose_of(image), mask


def test_a_mask_half_outside_has_no_mean_unless_that_is_accepted():
    dose, mask = ramp_and_mask()
    found = mean_dose_gy(dose, mask)
    assert math.isnan(found.mean_gy)
    assert found.covered_share == 0.5
    assert [finding.code for finding in found.findings] == ["dose_not_covering"]
    accepted = mean_dose_gy(dose, mask, minimum_share=0.5)
    assert accepted.mean_gy == 35.0
    assert [finding.code for finding in accepted.findings] == ["dose_not_covering"]


def test_a_mask_wholly_outside_never_has_a_mean():
    dose, mask = ramp_and_mask()
    mask.SetOrigin((500.0, 0.0, 0.0))
    found = mean_dose_gy(dose, mask, minimum_share=0.0)
    assert math.isnan(found.mean_gy)
    assert found.covered_share == 0


def test_an_empty_mask_has_no_mean():
    dose, mask = ramp_and_mask()
    with pytest.raises(CaseError) as refused:
        mean_dose_gy(dose, mask * 0)
    assert refused.value.code == "mask_empty"


# by hand: D (d + ab) / (2 + ab)
@pytest.mark.parametrize(
    ("total", "per_fraction", "alpha_beta", "eqd2"),
    [
        (60.0, 2.0, 10.0, 60.0),  # 2 Gy a fraction is the measure itself,
        (60.0, 2.0, 3.0, 60.0),  # whatever alpha/beta is
        (60.0, 3.0, 10.0, 65.0),  # 60 x 13 / 12
        (45.0, 15.0, 10.0, 93.75),  # 45 x 25 / 12
        (54.0, 18.0, 3.0, 226.8),  # 54 x 21 / 5
        (40.05, 2.67, 4.0, 44.52225),  # 40.05 x 6.67 / 6
        (57.6, 1.2, 10.0, 53.76),  # 57.6 x 11.2 / 12
        (0.0, 0.0, 10.0, 0.0),
    ],
)
def test_eqd2_by_hand(total, per_fraction, alpha_beta, eqd2):
    assert eqd2_gy(total, per_fraction, alpha_beta) == pytest.approx(eqd2, abs=1e-9)


@given(
    total=st.floats(0.1, 100),
    n=st.integers(1, 50),
    alpha_beta=st.floats(0.5, 30),
)
def test_eqd2_has_the_biologically_effective_dose_of_the_schedule(total, n, alpha_beta):
    """BED = D (1 + d / (alpha/beta)) of the schedule and of its EQD2 in fractions of 2 Gy."""
    eqd2 = eqd2_gy(total, total / n, alpha_beta)
    assert eqd2 * (1 + 2 / alpha_beta) == pytest.approx(total * (1 + total / n / alpha_beta))


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), alpha_beta=st.floats(1, 20))
def test_the_mean_of_eqd2_exceeds_the_eqd2_of_the_mean_by_the_variance(seed, n, alpha_beta):
    gy = np.random.default_rng(seed).uniform(0, 80, (4, 4, 4)).astype(np.float32)
    dose = dose_of(sitk.GetImageFromArray(gy))
    mask = sitk.GetImageFromArray(np.ones((4, 4, 4), np.uint8))
    mean = mean_dose_gy(dose, mask).mean_gy
    of_mean = eqd2_gy(mean, mean / n, alpha_beta)
    gy = gy.astype(float)
    expected = of_mean + gy.var() / (n * (2 + alpha_beta))
    assert mean_eqd2_gy(dose, mask, n, alpha_beta).mean_gy == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        (-1.0, 2.0, 10.0),
        (60.0, -2.0, 10.0),
        (60.0, 2.0, 0.0),
        (60.0, 2.0, -3.0),
        (math.nan, 2.0, 10.0),
        (60.0, math.inf, 10.0),
        (60.0, 2.0, math.nan),
    ],
)
def test_eqd2_of_what_is_no_dose(values):
    with pytest.raises(SettingsError, match="expected a dose"):
        eqd2_gy(*values)


@pytest.mark.parametrize("fractions", [0, -1, 2.5, None])
def test_eqd2_in_no_fractions(fractions):
    dose, mask = ramp_and_mask()
    with pytest.raises(SettingsError, match="fractions"):
        mean_eqd2_gy(dose, mask, fractions)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_out_of_range(share):
    dose, mask = ramp_and_mask()
    with pytest.raises(SettingsError, match="minimum_share"):
        mean_dose_gy(dose, mask, share)
