"""What a set of contours means, rule by rule (PS3.3 C.8.8.6)."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.dicom_faults_contours import square
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.contours.contours import PlanarContour
from tumor_response.imaging.dicom.contours.rasterise import rasterise

GRID = Geometry((32, 24, 10), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def drawn(*contours: np.ndarray, kind: str = "CLOSED_PLANAR", grid: Geometry = GRID, **options):
    """The voxels (z, y, x) as bool, and the findings by code."""
    mask, findings = rasterise([PlanarContour(c, kind) for c in contours], grid, **options)
    assert mask.GetPixelID() == sitk.sitkUInt8
    assert Geometry.of(mask) == grid
    assert len({f.code for f in findings}) == len(findings)
    array = sitk.GetArrayFromImage(mask)
    assert set(np.unique(array)) <= {0, 1}
    return array.astype(bool), {finding.code: finding for finding in findings}


def filled(low: int, high: int, k: int) -> np.ndarray:
    """Voxels low to high in x and y on slice k."""
    expected = np.zeros(GRID.size[::-1], bool)
    expected[k, low : high + 1, low : high + 1] = True
    return expected


def test_a_voxel_belongs_by_its_centre():
    mask, findings = drawn(square(4.4, 9.4, 6.0))
    np.testing.assert_array_equal(mask, filled(5, 9, 2))
    assert findings == {}


def test_a_centre_on_the_path_is_inside_and_told():
    mask, findings = drawn(square(4.0, 9.0, 6.0))
    np.testing.assert_array_equal(mask, filled(4, 9, 2))
    assert "20 voxels (55.6 %" in findings["contour_on_centres"].message


def test_abutting_contours_leave_no_voxel_out_and_count_none_twice():
    left = square(4.0, 9.0, 6.0)
    right = left + np.array([5, 0, 0])
    mask, _ = drawn(left, right)
    expected = np.zeros_like(mask)
    expected[2, 4:10, 4:15] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_keyhole_is_a_hole():
    outer, inner = square(2.5, 12.5, 6.0), square(5.5, 8.5, 6.0)[::-1]
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    mask, findings = drawn(keyhole)
    np.testing.assert_array_equal(mask, filled(3, 12, 2) & ~filled(6, 8, 2))
    assert findings == {}


def test_a_keyhole_whose_parts_turn_the_same_way_is_a_hole_as_well():
    outer, inner = square(2.5, 12.5, 6.0), square(5.5, 8.5, 6.0)
    mask, _ = drawn(np.concatenate([outer, outer[:1], inner, inner[:1]]))
    np.testing.assert_array_equal(mask, filled(3, 12, 2) & ~filled(6, 8, 2))


def test_a_contour_that_crosses_itself_follows_the_even_odd_rule():
    bow = np.array([(2.5, 2.5, 6.0), (10.5, 10.5, 6.0), (10.5, 2.5, 6.0), (2.5, 10.5, 6.0)])
    mask, _ = drawn(bow)
    y, x = np.indices(GRID.size[1::-1])
    left_and_right = np.abs(x - 6.5) >= np.abs(y - 6.5)  # its crossing is at (6.5, 6.5)
    np.testing.assert_array_equal(mask[2], filled(3, 10, 2)[2] & left_and_right)


@pytest.mark.parametrize("repeat_first", [True, False])
def test_a_first_point_that_is_repeated_changes_nothing(repeat_first):
    contour = square(4.4, 9.4, 6.0)
    if repeat_first:
        contour = np.concatenate([contour, contour[:1], contour[:1]])
    mask, findings = drawn(contour)
    np.testing.assert_array_equal(mask, filled(5, 9, 2))
    assert findings == {}


def nested_three() -> list[np.ndarray]:
    return [square(2.5, 14.5, 6.0), square(4.5, 12.5, 6.0), square(6.5, 10.5, 6.0)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_nested_contours_are_hole_and_island(order):
    contours = nested_three()
    mask, findings = drawn(*(contours[i] for i in order))
    expected = (filled(3, 14, 2) & ~filled(5, 12, 2)) | filled(7, 10, 2)
    np.testing.assert_array_equal(mask, expected)
    hole = findings.pop("contour_hole")
    assert hole.severity == "warning"
    assert hole.measured == f"{(64 - 16) * 3 / 1000:.3g} cc"
    assert findings == {}


def test_exclusive_contours_are_combined_by_parity_and_without_a_finding():
    mask, findings = drawn(*nested_three(), kind="CLOSEDPLANAR_XOR")
    expected = (filled(3, 14, 2) & ~filled(5, 12, 2)) | filled(7, 10, 2)
    np.testing.assert_array_equal(mask, expected)
    assert findings == {}


def test_exclusive_contours_that_overlap_lose_what_they_share():
    mask, findings = drawn(square(2.5, 10.5, 6.0), square(6.5, 14.5, 6.0), kind="CLOSEDPLANAR_XOR")
    np.testing.assert_array_equal(mask, filled(3, 10, 2) ^ filled(7, 14, 2))
    assert findings == {}


def test_exclusive_contours_that_repeat_each_other_are_an_error_finding():
    once, again = square(2.5, 10.5, 6.0), np.roll(square(2.5, 10.5, 6.0), 1, axis=0)[::-1]
    mask, findings = drawn(once, again, square(2.5, 10.5, 9.0), kind="CLOSEDPLANAR_XOR")
    np.testing.assert_array_equal(mask, filled(3, 10, 3))
    assert findings["contour_duplicate"].severity == "error"


def test_contours_that_overlap_in_part_are_united():
    mask, findings = drawn(square(2.5, 10.5, 6.0), square(6.5, 14.5, 6.0))
    np.testing.assert_array_equal(mask, filled(3, 10, 2) | filled(7, 14, 2))
    assert list(findings) == ["contour_overlap"]


def test_overlapping_holes_are_both_holes():
    mask, findings = drawn(square(1.5, 16.5, 6.0), square(3.5, 9.5, 6.0), square(7.5, 13.5, 6.0))
    np.testing.assert_array_equal(mask, filled(2, 16, 2) & ~(filled(4, 9, 2) | filled(8, 13, 2)))
    assert set(findings) == {"contour_hole", "contour_overlap"}


def test_a_hole_that_touches_its_outer_contour_within_rounding_is_a_hole():
    hole = square(4.5, 9.5, 6.0)
    hole[:, 0] -= 2.003  # its left side lies 0.003 mm outside the outer contour
    mask, findings = drawn(square(2.5, 14.5, 6.0), hole)
    expected = filled(3, 14, 2)
    expected[2, 5:10, 3:8] = False
    np.testing.assert_array_equal(mask, expected)
    assert list(findings) == ["contour_hole"]


def test_a_duplicate_counts_once_wherever_it_starts_and_turns():
    again = np.roll(square(4.4, 9.4, 6.0), 2, axis=0)[::-1]
    mask, findings = drawn(square(4.4, 9.4, 6.0), again)
    np.testing.assert_array_equal(mask, filled(5, 9, 2))
    assert list(findings) == ["contour_duplicate"]


def test_a_copy_that_differs_by_rounding_counts_once():
    contour = circle(9.3, 6.0)
    mask, _ = drawn(contour)
    twice, findings = drawn(contour, np.round(contour, 2) + np.array([0.003, -0.004, 0]))
    assert (twice != mask).sum() <= 2
    assert list(findings) == ["contour_duplicate"]


def test_a_rind_thinner_than_a_hundredth_of_its_area_is_a_rind():
    grid = Geometry((400, 400, 2), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), GRID.direction)
    skin, within = square(2.5, 392.5, 0.0), square(3.5, 391.5, 0.0)
    mask, findings = drawn(skin, within, grid=grid)
    assert mask.sum() == 390**2 - 388**2
    assert list(findings) == ["contour_hole"]


def test_a_contour_far_larger_than_the_image_fills_it():
    mask, findings = drawn(square(-9e4, 9e4, 6.0))
    assert mask[2].all()
    assert findings["contour_outside_image"].severity == "error"


def test_a_duplicate_of_a_hole_is_no_island():
    outer, hole = square(2.5, 14.5, 6.0), square(4.5, 9.5, 6.0)
    mask, findings = drawn(outer, hole, hole)
    np.testing.assert_array_equal(mask, filled(3, 14, 2) & ~filled(5, 9, 2))
    assert set(findings) == {"contour_hole", "contour_duplicate"}


def test_islands_on_one_slice_need_no_finding():
    mask, findings = drawn(square(2.5, 5.5, 6.0), square(10.5, 14.5, 6.0))
    np.testing.assert_array_equal(mask, filled(3, 5, 2) | filled(11, 14, 2))
    assert findings == {}


@pytest.mark.parametrize(
    ("z", "k"), [(6.0, 2), (6.2, 2), (7.49, 2), (7.5, 2), (7.51, 3), (-1.5, 0), (28.5, 9)]
)
def test_a_contour_belongs_to_the_nearest_slice(z, k):
    mask, findings = drawn(square(4.4, 9.4, z))
    np.testing.assert_array_equal(mask, filled(5, 9, k))
    off = abs(z - 3 * k)
    assert set(findings) == ({"contour_between_slices"} if off > 0.3 else set())
    if findings:
        assert findings["contour_between_slices"].measured == f"{off:.3g} mm"


def test_of_several_planes_in_a_slice_the_nearest_counts():
    mask, findings = drawn(
        square(4.4, 5.4, 5.0), square(4.4, 9.4, 6.2), square(4.4, 12.4, 7.0), square(4.4, 7.4, 9.0)
    )
    np.testing.assert_array_equal(mask, filled(5, 9, 2) | filled(5, 7, 3))
    assert findings["contour_planes_per_slice"].measured == "1 of 2 slices"


def test_slices_left_out_stay_empty_and_are_named():
    mask, findings = drawn(*(square(4.4, 9.4, 3.0 * k) for k in (1, 2, 4, 8)))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [1, 2, 4, 8]
    gap = findings["contour_gap"]
    assert gap.severity == "warning"
    assert "slice indices 3, 5-7 " in gap.message
    assert gap.measured == "4 of 8 slices"


def test_every_second_slice_is_an_error_because_half_of_the_volume_is_missing():
    _, findings = drawn(*(square(4.4, 9.4, 3.0 * k) for k in (1, 3, 5, 7)))
    assert findings["contour_gap"].severity == "error"
    assert "every second slice" in findings["contour_gap"].message


def test_gaps_that_the_file_declares_are_told_and_no_more():
    contours = [square(4.4, 9.4, 3.0 * k) for k in (1, 3, 5, 7)]
    _, findings = drawn(*contours, gaps_declared=True)
    assert findings["contour_gap"].severity == "info"


def test_filling_a_gap_between_equal_slices_continues_them():
    mask, findings = drawn(*(square(4.4, 9.4, 3.0 * k) for k in (1, 4)), fill_gaps=True)
    np.testing.assert_array_equal(mask, sum(filled(5, 9, k) for k in (1, 2, 3, 4)).astype(bool))
    assert findings["contour_gap_filled"].measured == "2 of 4 slices"


def circle(radius: float, z: float, x: float = 15.2, y: float = 11.8) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle), angle * 0 + z])


def test_filling_every_second_slice_of_a_cone_gives_the_cone():
    whole, _ = drawn(*(circle(10 - k, 3.0 * k) for k in range(9)))
    filled_up, _ = drawn(*(circle(10 - k, 3.0 * k) for k in range(0, 9, 2)), fill_gaps=True)
    both = (whole & filled_up).sum()
    assert 2 * both / (whole.sum() + filled_up.sum()) > 0.985
    assert abs(filled_up.sum() / whole.sum() - 1) < 0.02


def test_filling_shapes_that_lie_apart_leaves_the_gap_and_says_so():
    mask, findings = drawn(circle(3, 3.0, x=5), circle(3, 9.0, x=25), fill_gaps=True)
    assert not mask[2].any()
    assert "1 stay empty" in findings["contour_gap_filled"].message


def test_what_the_edge_of_the_image_cuts_off_is_measured():
    mask, findings = drawn(square(2.5, 10.5, 6.0) - [6.0, 0, 0])
    assert mask.sum() == 5 * 8
    cut = findings["contour_outside_image"]
    assert cut.severity == "error"
    assert float(cut.measured.split()[0]) == pytest.approx(100 * 3 / 8, abs=1)


def test_a_contour_along_the_edge_of_the_image_is_not_cut():
    edge = np.array([(-0.5, -0.5, 6.0), (31.5, -0.5, 6.0), (31.5, 23.5, 6.0), (-0.5, 23.5, 6.0)])
    mask, findings = drawn(edge)
    assert mask[2].all()
    assert findings == {}


def test_what_lies_beyond_the_slices_is_an_error_finding():
    mask, findings = drawn(square(4.4, 9.4, 27.0), square(4.4, 9.4, 30.0), square(4.4, 9.4, -3.0))
    np.testing.assert_array_equal(mask, filled(5, 9, 9))
    assert findings["contour_outside_slices"].severity == "error"
    assert findings["contour_outside_slices"].measured == "2 contours"


def test_lines_without_area_are_left_out_and_told():
    line = np.array([(3.0, 3.0, 6.0), (9.0, 9.0, 6.0), (5.0, 5.0, 6.0)])
    mask, findings = drawn(square(14.5, 18.5, 6.0), line, line[:2], line[:1])
    np.testing.assert_array_equal(mask, filled(15, 18, 2))
    assert findings["contour_degenerate"].measured == "3 contours"


def turned(grid: Geometry, rotation: np.ndarray) -> Geometry:
    return Geometry(
        grid.size, grid.spacing_mm, (11.0, -300.0, 870.0), tuple(map(float, rotation.ravel()))
    )


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        i, j = [(1, 2), (0, 2), (0, 1)][axis]
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


@pytest.mark.parametrize(
    "direction",
    [
        rotation((0.3, 0.0, 0.0)),
        rotation((0.1, -0.7, 1.9)),
        np.diag([-1.0, 1.0, -1.0]),  # feet first
        np.diag([-1.0, -1.0, 1.0]),  # prone
        np.eye(3)[[2, 0, 1]],  # a sagittal series
    ],
    ids=["tilted", "oblique", "feet first", "prone", "sagittal"],
)
def test_a_grid_may_be_turned_in_any_way(direction):
    grid = turned(GRID, direction)
    contours = [circle(7.3, 3.0 * k) for k in (2, 3, 4)] + [circle(2.1, 9.0)]
    expected, findings = drawn(*contours)
    in_patient = [c @ direction.T + np.array(grid.origin_mm) for c in contours]
    mask, findings_turned = drawn(*in_patient, grid=grid)
    np.testing.assert_array_equal(mask, expected)
    assert findings_turned == findings


@pytest.mark.parametrize(
    ("degrees", "code"), [(1.0, None), (3.5, "contour_not_parallel"), (90, "contour_not_parallel")]
)
def test_a_contour_at_an_angle_to_the_slices_is_refused(degrees, code):
    # 10 mm across at 1 degree: 0.17 mm, within a tenth of the spacing on both sides
    tilt = rotation((np.radians(degrees), 0.0, 0.0))
    contour = (square(4.4, 14.4, 0.0) - [9.4, 9.4, 0]) @ tilt.T + [9.4, 9.4, 12.0]
    if code is None:
        assert drawn(contour)[0].sum() == 100
        return
    with pytest.raises(CaseError) as refused:
        drawn(contour)
    assert refused.value.code == code
    assert f"{degrees:.0f} degrees" in str(refused.value)


def test_a_sagittal_contour_is_refused_by_that_name():
    with pytest.raises(
        CaseError, match=r"is sagittal, the slices are axial, 90 degrees"
    ) as refused:
        drawn(square(4.0, 12.0, 8.0)[:, [2, 0, 1]])
    assert refused.value.code == "contour_not_parallel"


@pytest.mark.parametrize(
    "points", [np.zeros((0, 3)), np.zeros((3, 2)), np.full((3, 3), np.nan), np.full((3, 3), -1e6)]
)
def test_points_that_are_none_are_refused(points):
    with pytest.raises(CaseError) as refused:
        PlanarContour(points)
    assert refused.value.code == "contour_damaged"


def test_nothing_at_all_is_an_empty_structure():
    with pytest.raises(CaseError) as refused:
        rasterise([], GRID)
    assert refused.value.code == "roi_empty"


def test_contours_traced_through_pixel_centres_come_back_whole():
    """As OpenCV's findContours draws them: through the centres of the outermost pixels."""
    mask, findings = drawn(
        np.array([(5, 5, 6.0), (12, 5, 6.0), (12, 9, 6.0), (9, 9, 6.0), (9, 15, 6.0), (5, 15, 6.0)])
    )
    expected = np.zeros_like(mask)
    expected[2, 5:10, 5:13] = expected[2, 5:16, 5:10] = True
    np.testing.assert_array_equal(mask, expected)
    assert list(findings) == ["contour_on_centres"]
