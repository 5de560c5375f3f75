from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.imaging.register import phantoms
from tests.unit.imaging.register.phantoms import IDENTITY, ball, scan
from tumor_response.exceptions import CaseError
from tumor_response.imaging.register import RegistrationSettings, register_rigidly

SETTINGS = RegistrationSettings(margin_mm=10)
CORNERS = 14.0 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]])


def error_mm(found: sitk.Transform, truth: sitk.Transform) -> float:
    """Largest error of a point of the tumour."""
    return max(
        float(np.linalg.norm(np.subtract(found.TransformPoint(p), truth.TransformPoint(p))))
        for p in CORNERS.tolist()
    )


@pytest.mark.parametrize(
    ("rotation", "shift", "start"),
    [
        ((0.0, 0.0, 0.0), (5.0, -4.0, 3.0), (0.0, 0.0, 0.0)),
        ((0.08, -0.05, 0.1), (2.0, 2.0, -3.0), (0.0, 0.0, 0.0)),
        ((0.05, 0.0, -0.05), (42.0, -31.0, 17.0), (-40.0, 30.0, -19.0)),
    ],
)
def test_a_known_movement_is_found(rotation: tuple, shift: tuple, start: tuple) -> None:
    truth = sitk.Euler3DTransform()
    truth.SetRotation(*rotation)
    truth.SetTranslation(shift)
    base, later = scan(), scan(noise_seed=7)
    # the same voxels in other places: the grid is moved, nothing is interpolated
    matrix = np.array(truth.GetMatrix()).reshape(3, 3)
    later.SetDirection(matrix.ravel().tolist())
    later.SetOrigin(truth.TransformPoint(later.GetOrigin()))
    found = register_rigidly(base, ball(14.0), later, start_mm=start, settings=SETTINGS)
    assert error_mm(found.transform, truth) < 0.3
    assert found.similarity_after > found.similarity_before
    assert found.similarity_after > 0.9
    angle = np.degrees(np.arccos((np.trace(matrix) - 1) / 2))
    assert found.rotation_deg == pytest.approx(angle, abs=0.7)


def test_the_tumour_does_not_drive_the_alignment() -> None:
    here, there = (0.0, 0.0, 0.0), (0.0, 0.0, 6.0)
    base, later = scan(centre=here, radius_mm=12), scan(centre=there, radius_mm=12, noise_seed=7)
    found = register_rigidly(base, ball(12.0, here), later, ball(12.0, there), settings=SETTINGS)
    assert error_mm(found.transform, IDENTITY) < 0.2


def test_another_body_is_refused() -> None:
    with pytest.raises(CaseError, match="another patient") as caught:
        register_rigidly(scan(0), ball(14.0), scan(1), settings=SETTINGS)
    assert caught.value.code == "registration_failed"


def test_a_scan_of_elsewhere_is_refused() -> None:
    away = scan()
    away.SetOrigin((500.0, 0.0, 0.0))
    with pytest.raises(CaseError) as caught:
        register_rigidly(scan(), ball(14.0), away, settings=SETTINGS)
    assert caught.value.code == "registration_no_overlap"


def test_a_tumour_at_the_edge_of_the_image_is_aligned_by_what_there_is() -> None:
    edge = (-(phantoms.N / 2 - 9) * phantoms.STEP, 0.0, 0.0)
    base, later = scan(centre=edge), scan(centre=edge, noise_seed=7)
    later.SetOrigin(np.add(later.GetOrigin(), (2.0, 1.0, 0.0)).tolist())
    found = register_rigidly(base, ball(14.0, edge), later, settings=SETTINGS)
    moved = np.subtract(found.transform.TransformPoint(edge[::-1]), edge[::-1])
    np.testing.assert_allclose(moved, (2.0, 1.0, 0.0), atol=0.2)


def test_every_number_of_threads_gives_the_same_numbers_and_is_put_back() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 2, 5):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            later = scan(noise_seed=7)
            later.SetOrigin(np.add(later.GetOrigin(), (2.0, -1.0, 1.0)).tolist())
            rigid = register_rigidly(scan(), ball(14.0), later, settings=SETTINGS)
            found.append(rigid.transform.GetParameters())
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1] == found[2]
