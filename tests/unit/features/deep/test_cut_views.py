from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views import (
    AugmentationDraw,
    CutViews,
    cut_views,
    views_bytes,
)
from tumor_response.features.memory import Extent
from tumor_response.imaging import bounding_box

AIR = -1000


def view_of(image: sitk.Image, mask: sitk.Image, size_px: int = 64, **values: object) -> CutViews:
    return cut_views(image, mask, tr.ViewSettings(**values), size_px)


def code_of(image: sitk.Image, mask: sitk.Image, size_px: int = 16, **values: object) -> str:
    with pytest.raises(FeatureError) as caught:
        view_of(image, mask, size_px, **values)
    return caught.value.code


def on_1_mm(voxels: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(spacing)
    return made


def blob(at: tuple[int, int, int]) -> tuple[sitk.Image, sitk.Image]:
    image = cases.image() * 0 - 200
    mask = cases.empty_mask()
    for dx in range(3):
        for dy in range(3):
            index = (at[0] + dx, at[1] + dy, at[2])
            mask[index] = 1
            image[index] = 300
    return image, mask


def landmarks() -> tuple[sitk.Image, sitk.Image]:
    """A tumour with a bright voxel 6 mm to its left, behind it, and above it, each its own HU."""
    voxels = np.zeros((31, 31, 31), np.int16)  # z, y, x towards superior, posterior, left
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[15, 15, 15] = 1
    voxels[15, 15, 21] = 100
    voxels[15, 21, 15] = 200
    voxels[21, 15, 15] = 300
    return on_1_mm(voxels), on_1_mm(tumour)


# which pixels


def test_a_view_is_the_images_own_voxels_where_their_grids_agree() -> None:
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 1000, (20, 20, 20)).astype(np.int16)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[8:11, 8:12, 9:11] = 1  # x 9-10, y 8-11, z 8-10: middle 9.5, 9.5, 9
    found = view_of(
        on_1_mm(voxels),
        on_1_mm(tumour),
        8,
        slices="all",
        field_of_view_mm=8,
        window_hu=(0, 1000),
    )
    expected = voxels[8:11, 6:14, 6:14] / 1000
    np.testing.assert_allclose(found.pixels[:, 0], expected, atol=1e-6)
    assert np.array_equal(found.tumour, tumour[8:11, 6:14, 6:14])
    assert found.areas_mm2.tolist() == [8, 8, 8]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_pixels_larger_than_voxels_are_their_mean(parts: int) -> None:
    """No aliasing: each pixel is the mean of the voxels in it, not one of them."""
    n = 8 * parts
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 1000, (3, n, n)).astype(np.int16)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[1] = 1
    found = view_of(on_1_mm(voxels), on_1_mm(tumour), 8, margin_mm=0, window_hu=(0, 1000))
    expected = voxels[1].reshape(8, parts, 8, parts).mean(axis=(1, 3)) / 1000
    np.testing.assert_allclose(found.pixels[0, 0], expected, atol=1e-6)
    assert not found.padded_shares.any()


def test_a_pattern_finer_than_a_pixel_vanishes() -> None:
    """Stripes of 2 mm in pixels of 2.5 mm: sampled at points they come back as broad bands."""
    stripes = np.tile(np.array([0, 0, 1000, 1000], np.int16), 40)  # 0.5 mm voxels
    voxels = np.broadcast_to(stripes, (3, 160, 160)).copy()
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[1] = 1
    image, mask = (on_1_mm(v, (0.5, 0.5, 2.0)) for v in (voxels, tumour))
    found = view_of(image, mask, 32, margin_mm=0, window_hu=(0, 1000)).pixels[0, 0]
    sampled = np.interp(np.arange(32) * 5 + 2, np.arange(160), stripes) / 1000
    assert sampled.std() > 0.45
    assert found[:, 1:-1].std() < 0.25 * sampled.std()
    assert found.mean() == pytest.approx(0.5, abs=0.02)


def test_views_show_the_tumour_in_the_middle_and_the_window_clips() -> None:
    image, mask = blob((8, 9, 4))
    [[view]] = view_of(image, mask, margin_mm=6).pixels
    assert view.dtype == np.float32
    assert view[32, 32] == 1.0
    assert view[2, 2] == 0.0
    bright = np.argwhere(view > 0.5).mean(axis=0)
    np.testing.assert_allclose(bright, [31.5, 31.5], atol=0.6)


# which slices


def test_number_of_slices_is_at_most_what_the_tumour_has() -> None:
    image, mask = cases.image(), cases.mask()
    n = int(sitk.GetArrayFromImage(mask).any(axis=(1, 2)).sum())
    for values, expected in (
        ({"n_slices": 99}, n),
        ({"n_slices": 3}, 3),
        ({"slices": "all"}, n),
        ({"slices": "largest"}, 1),
        ({"slices": "orthogonal"}, 3),
    ):
        found = view_of(image, mask, 16, **values)
        assert found.pixels.shape == (expected, 1, 16, 16)
        assert found.areas_mm2.shape == (expected,)
        assert len(found.planes) == expected


def test_areas_are_those_of_the_voxels_and_sum_to_the_volume() -> None:
    image, mask = cases.image(), cases.mask()
    voxels = sitk.GetArrayFromImage(mask)
    for plane, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2)):
        found = view_of(image, mask, 16, slices="all", plane=plane)
        thickness = cases.SPACING[2 - axis]
        volume = voxels.sum() * np.prod(cases.SPACING)
        assert (found.areas_mm2 * thickness).sum() == pytest.approx(volume)
        largest = view_of(image, mask, 16, slices="largest", plane=plane)
        assert largest.areas_mm2[0] == found.areas_mm2.max()
        assert set(found.planes) == {plane}


def test_orthogonal_slices_go_through_the_centroid() -> None:
    """Two parts: the centroid lies between them, the slices through tumour."""
    voxels = np.zeros((30, 30, 30), np.uint8)
    voxels[4:8, 4:8, 4:8] = 1
    voxels[20:28, 20:28, 20:28] = 1
    found = view_of(on_1_mm(voxels * 100.0), on_1_mm(voxels), slices="orthogonal")
    assert found.planes == ("axial", "sagittal", "coronal")
    assert found.areas_mm2.tolist() == [64, 64, 64]


@pytest.mark.parametrize(
    ("plane", "seen"),
    # value: where it is seen from the middle, columns to the right and rows down, in mm
    [
        ("axial", {100: (6, 0), 200: (0, 6)}),
        ("coronal", {100: (6, 0), 300: (0, -6)}),
        ("sagittal", {200: (6, 0), 300: (0, -6)}),
    ],
)
@pytest.mark.parametrize("letters", ["LPS", "RAS", "ASR", "IRP", "PIL"])
def test_planes_are_the_patients_whatever_the_arrays_axes(
    plane: str, seen: dict[int, tuple[int, int]], letters: str
) -> None:
    image, mask = (sitk.DICOMOrient(x, letters) for x in landmarks())
    found = view_of(image, mask, 15, plane=plane, field_of_view_mm=15, window_hu=(0, 400))
    [[view]] = found.pixels
    expected = np.zeros((15, 15))
    for value, (right, down) in seen.items():
        expected[7 + down, 7 + right] = value / 400
    np.testing.assert_allclose(view, expected, atol=1e-6)


@pytest.mark.parametrize("letters", ["LPS", "RAI", "SLA"])
def test_slices_are_in_the_order_of_the_patient(letters: str) -> None:
    voxels = np.repeat(np.arange(0, 1000, 50, np.int16), 400).reshape(20, 20, 20)
    voxels[:, :, 0] = 900  # so that no slice is flat
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[5:15, 5:15, 5:15] = 1
    image, mask = (sitk.DICOMOrient(on_1_mm(v), letters) for v in (voxels, tumour))
    for slices, expected in (({"n_slices": 2}, [7, 12]), ({"slices": "all"}, range(5, 15))):
        found = view_of(image, mask, 16, margin_mm=1, window_hu=(0, 1000), **slices)
        np.testing.assert_allclose(
            found.pixels[:, 0, 8, 8], np.array(list(expected)) * 0.05, atol=1e-6
        )


def test_neighbours_are_the_channels() -> None:
    voxels = np.repeat(np.arange(0, 1000, 50, np.int16), 400).reshape(20, 20, 20)
    voxels[:, 8, 8] = 999  # so that no slice is flat
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[10, 8:12, 8:12] = 1
    image, mask = (on_1_mm(v, (1, 1, 2)) for v in (voxels, tumour))
    found = view_of(image, mask, 8, neighbours_mm=5, window_hu=(0, 1000), margin_mm=1)
    assert found.pixels.shape == (1, 3, 8, 8)
    # 5 mm are two and a half slices of 50 HU
    np.testing.assert_allclose(found.pixels[0, :, 4, 4], [0.375, 0.5, 0.625], atol=1e-6)
    beyond = view_of(image, mask, 8, neighbours_mm=20, window_hu=(-1000, 1000), margin_mm=1)
    np.testing.assert_allclose(beyond.pixels[0, :, 4, 4], [0.5, 0.75, 0.0], atol=1e-6)
    assert beyond.padded_shares.tolist() == pytest.approx([1 / 3])


def turned(image: sitk.Image, degrees: float) -> sitk.Image:
    """The same voxels lying obliquely in the patient, about the left-right axis."""
    angle = np.radians(degrees)
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    made = sitk.Image(image)
    made.SetDirection((about_x @ np.array(image.GetDirection()).reshape(3, 3)).ravel().tolist())
    return made


def test_oblique_images_are_cut_along_their_slices_and_told_or_refused() -> None:
    image, mask = cases.image(), cases.mask()
    straight = view_of(image, mask, 16)
    oblique = view_of(turned(image, 20), turned(mask, 20), 16)
    np.testing.assert_allclose(oblique.pixels, straight.pixels, atol=1e-5)
    assert straight.tilt_degrees == 0
    assert oblique.tilt_degrees == pytest.approx(20)
    assert code_of(turned(image, 35), turned(mask, 35)) == "oblique_image"
    allowed = view_of(turned(image, 35), turned(mask, 35), 16, max_tilt_degrees=40)
    np.testing.assert_allclose(allowed.pixels, straight.pixels, atol=1e-5)


# how much around the tumour


def bright_share(radius: float, **values: object) -> float:
    mask = cases.mask(radius)
    image = sitk.Cast(mask, sitk.sitkInt16) * 500 - 200
    return float((view_of(image, mask, n_slices=1, **values).pixels > 0.5).mean())


def test_scaled_outlines_have_one_size_fixed_ones_their_own() -> None:
    fixed = {"field_of_view_mm": 30}
    assert bright_share(9, **fixed) > 1.5 * bright_share(6, **fixed)
    for hidden in ({"margin_mm": 0}, {"tumour_share": 0.6}):
        assert bright_share(9, **hidden) == pytest.approx(bright_share(6, **hidden), rel=0.2)
    # a margin in mm leaves size in the tumour's share of the view
    assert bright_share(9, margin_mm=10) > 1.2 * bright_share(6, margin_mm=10)


def test_side_is_what_was_asked_for() -> None:
    image, mask = cases.image(), cases.mask(9)
    voxels = sitk.GetArrayFromImage(mask)
    widest = np.ptp(np.flatnonzero(voxels.any(axis=(0, 1)))) * 1.5 + 1.5
    assert view_of(image, mask, margin_mm=7).side_mm == pytest.approx(widest + 14)
    assert view_of(image, mask, tumour_share=0.5).side_mm == pytest.approx(2 * widest)
    assert view_of(image, mask, field_of_view_mm=33).side_mm == 33


def test_tumour_larger_than_the_field_of_view() -> None:
    image, mask = cases.image(), cases.mask(9)
    assert code_of(image, mask, field_of_view_mm=10) == "tumour_exceeds_field_of_view"
    scaled = view_of(image, mask, field_of_view_mm=10, if_larger="scale")
    np.testing.assert_array_equal(scaled.pixels, view_of(image, mask, margin_mm=0).pixels)
    assert not scaled.cut_shares.any()
    assert [f.code for f in scaled.findings] == ["view_scaled_to_fit"]
    assert "18.0 mm" in scaled.findings[0].message
    centre = view_of(image, mask, field_of_view_mm=10, if_larger="centre", slices="largest")
    assert centre.side_mm == 10
    voxels = sitk.GetArrayFromImage(mask)
    largest = voxels[np.count_nonzero(voxels, axis=(1, 2)).argmax()]
    ys, xs = np.nonzero(largest)
    offset = [
        np.abs((i - (n - 1) / 2) * 1.5) for i, n in ((xs, cases.SIZE[0]), (ys, cases.SIZE[1]))
    ]
    outside = np.mean((offset[0] > 5) | (offset[1] > 5))
    assert centre.cut_shares.tolist() == pytest.approx([outside])
    assert [f.code for f in centre.findings] == ["view_cuts_tumour"]
    assert f"{outside:.1%}" in centre.findings[0].message
    for policy in ("scale", "centre"):  # nothing to say of a tumour that fits
        fits = view_of(image, mask, field_of_view_mm=24, if_larger=policy)
        assert fits.side_mm == 24
        assert fits.findings == []


def test_outside_of_the_image_is_air_or_what_was_asked_for_and_told() -> None:
    image, mask = blob((0, 0, 4))
    found = view_of(image + 300, mask, margin_mm=10)
    [[view]] = found.pixels
    assert view[0, 0] == 0.0
    assert view[-1, -1] > 0.5
    # 24.5 mm of 10 mm beyond the border on two sides
    assert found.padded_shares[0] == pytest.approx(1 - (14.5 / 24.5) ** 2, abs=0.02)
    assert [f.code for f in found.findings] == ["view_beyond_image"]
    bright = view_of(image + 300, mask, margin_mm=10, padding_value=240)
    assert bright.pixels[0, 0, 0, 0] == 1.0
    in_lung = view_of(image + 300, mask, margin_mm=10, window_hu="lung")
    assert in_lung.pixels[0, 0, 0, 0] == pytest.approx(350 / 1500)


# masks


@pytest.mark.parametrize("planes", ["orthogonal", "axial"])
@pytest.mark.parametrize(
    "draw",
    [
        AugmentationDraw(),
        AugmentationDraw(
            rotation_degrees=25, shift_mm=(3.0, -4.0), flip_columns=True, flip_rows=True
        ),
    ],
)
def test_grids_say_where_a_pixel_lies_in_the_patient(planes: str, draw: AugmentationDraw) -> None:
    voxels = np.zeros((31, 31, 31), np.int16)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[15, 15, 15] = 1
    voxels[15, 15, 19] = 300
    voxels[15, 19, 15] = 200
    voxels[19, 15, 15] = 100
    image, mask = on_1_mm(voxels), on_1_mm(tumour)
    for moved in (image, mask):
        moved.SetOrigin((7.0, -20.0, 90.0))
    settings = {"slices": "orthogonal"} if planes == "orthogonal" else {"plane": "axial"}
    views = cut_views(
        image, mask, tr.ViewSettings(margin_mm=8, window_hu=(0, 300), **settings), 96, draw
    )
    marks = {(19, 15, 15): 300, (15, 19, 15): 200, (15, 15, 19): 100}
    found = set()
    for pixels, grid in zip(views.pixels, views.grids, strict=True):
        for at, hu in marks.items():
            point = np.array(image.TransformIndexToPhysicalPoint(at))
            place, across = grid.pixels_of(point[None])
            if abs(across[0]) > 0.5:
                continue  # on another slice
            row, column = place[0]
            shown = pixels[0, round(row), round(column)]
            assert shown > 0.7 * hu / 300  # as bright as linear interpolation leaves it
            assert np.abs(grid.pixels_mm()[round(row), round(column)] - point).max() < 0.2
            found.add(hu)
    assert found == ({100, 200, 300} if planes == "orthogonal" else {200, 300})


def test_masking_hides_what_it_says() -> None:
    rng = np.random.default_rng(1)
    voxels = rng.integers(100, 900, (5, 16, 16)).astype(np.int16)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[2, 6:10, 6:10] = 1
    image, mask = on_1_mm(voxels), on_1_mm(tumour)
    inside = tumour[2].astype(bool)
    distance = np.sqrt(
        sum(np.maximum(np.abs(np.indices((16, 16))[a] - 7.5) - 1.5, 0) ** 2 for a in (0, 1))
    )
    common = {"field_of_view_mm": 16, "window_hu": (0, 1000)}
    for values, kept in (
        ({"masking": "whole"}, np.ones((16, 16), bool)),
        ({"masking": "tumour"}, inside),
        ({"masking": "tumour", "rim_mm": 2}, distance <= 2),
        ({"masking": "context"}, ~inside),
        ({"masking": "context", "rim_mm": 1.5}, distance > 1.5),
    ):
        expected = np.where(kept, voxels[2] / 1000, 0.0)
        found = view_of(image, mask, 16, **common, **values)
        np.testing.assert_allclose(found.pixels[0, 0], expected, atol=1e-6, err_msg=str(values))
    filled = view_of(image, mask, 16, masking="context", fill_value=50, **common)
    np.testing.assert_allclose(filled.pixels[0, 0][inside], 0.05, atol=1e-6)


def test_a_rim_is_three_dimensional() -> None:
    tumour = np.zeros((7, 9, 9), np.uint8)
    tumour[3, 4, 4] = 1
    tumour[4, 2, 2] = 1  # 3 mm above the slice, beside it in the slice below
    image, mask = on_1_mm(np.full(tumour.shape, 500, np.int16), (1, 1, 3)), None
    mask = on_1_mm(tumour, (1, 1, 3))
    common = {"slices": "all", "masking": "tumour", "field_of_view_mm": 9, "window_hu": (0, 1000)}
    near = view_of(image, mask, 9, rim_mm=2.9, **common)
    far = view_of(image, mask, 9, rim_mm=3.0, **common)
    below = near.pixels[0, 0] > 0
    assert int((far.pixels[0, 0] > 0).sum()) > int(below.sum())


# intensities


def test_three_windows_are_three_channels() -> None:
    image, mask = cases.image(), cases.mask()
    three = view_of(image, mask, 16, window_hu=("soft_tissue", "bone", "lung"))
    assert three.pixels.shape == (5, 3, 16, 16)
    for channel, name in enumerate(("soft_tissue", "bone", "lung")):
        alone = view_of(image, mask, 16, window_hu=name)
        assert np.array_equal(three.pixels[:, channel], alone.pixels[:, 0])


@pytest.mark.parametrize("region", ["image", "foreground", "tumour"])
def test_percentiles_are_those_of_the_region(region: str) -> None:
    image, mask = sitk.Cast(cases.image(), sitk.sitkFloat32), cases.mask()
    voxels = sitk.GetArrayFromImage(image)
    chosen = {
        "image": voxels.ravel(),
        "foreground": voxels[voxels > voxels.mean()],
        "tumour": voxels[sitk.GetArrayFromImage(mask) == 1],
    }[region]
    low, high = (float(v) for v in np.percentile(chosen, (5, 95)))
    found = view_of(image, mask, 16, percentiles=(5, 95), percentiles_of=region)
    same = view_of(image, mask, 16, window_hu=(low, high), padding_value=low)
    np.testing.assert_allclose(found.pixels, same.pixels, atol=1e-6)
    # what an MR image is scaled with does not matter
    other = view_of(image * 7 + 100, mask, 16, percentiles=(5, 95), percentiles_of=region)
    np.testing.assert_allclose(other.pixels, found.pixels, atol=1e-5)


def test_uptake_range_is_black_outside_and_refuses_ct() -> None:
    image, mask = blob((0, 0, 4))
    uptake = sitk.Cast(image + 200, sitk.sitkFloat32) / 100  # 0 and 5
    found = view_of(uptake, mask, margin_mm=10, suv=(0, 10))
    assert found.pixels[0, 0, 0, 0] == 0.0
    assert found.pixels.max() == pytest.approx(0.5)
    assert code_of(image, mask, suv=(0, 10)) == "not_suv"


# what cannot be viewed


def test_bad_input_has_its_code() -> None:
    image, mask = cases.image(), cases.mask()
    assert code_of(image, cases.empty_mask()) == "mask_empty"
    for seen in ({}, {"percentiles": (1, 99)}, {"percentiles": (1, 99), "masking": "context"}):
        assert code_of(image * 0 + AIR, mask, **seen) == "no_contrast"
    assert code_of(image, mask, window_hu=(2000, 3000), margin_mm=0) == "no_contrast"
    for bad in (np.nan, np.inf, -np.inf):
        voxels = sitk.GetArrayFromImage(image).astype(np.float32)
        voxels[6, 11, 12] = bad
        damaged = sitk.GetImageFromArray(voxels)
        damaged.CopyInformation(image)
        assert code_of(damaged, mask) == "non_finite_voxels"
    damaged = sitk.Cast(image, sitk.sitkFloat32) * np.nan
    assert code_of(damaged, mask, percentiles=(1, 99)) == "non_finite_voxels"
    moved = sitk.Image(mask)
    moved.SetOrigin((0.0, 0.0, 0.0))
    assert code_of(image, moved) == "geometry_mismatch"
    for size in (0, -3, 2.5, True, "224"):
        assert code_of(image, mask, size) == "settings"


@pytest.mark.parametrize(
    "voxels",
    [
        [(5, 5, 5)],
        [(0, 0, 0)],
        [(23, 21, 11)],
        [(5, 5, 5), (6, 5, 5), (6, 6, 6)],
        [(x, y, 4) for x in range(3, 9) for y in range(3, 9)],
        [(x, 0, z) for x in range(24) for z in range(12)],
    ],
    ids=["voxel", "first corner", "last corner", "three voxels", "one slice", "border"],
)
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"slices": "orthogonal"},
        {"slices": "all", "plane": "sagittal", "masking": "tumour"},
        {"slices": "largest", "field_of_view_mm": 48, "masking": "context", "rim_mm": 2},
        {"n_slices": 2, "neighbours_mm": 3},
        {"tumour_share": 0.5, "window_hu": ("soft_tissue", "bone", "lung")},
    ],
)
def test_small_tumours_and_those_at_the_border_have_views(
    voxels: list[tuple[int, int, int]], values: dict
) -> None:
    mask = cases.empty_mask()
    for index in voxels:
        mask[index] = 1
    found = view_of(cases.image(), mask, 16, **values)
    assert np.isfinite(found.pixels).all()
    assert (found.areas_mm2 > 0).all()
    assert (found.tumour.max(axis=(1, 2)) > 0).all()


def test_a_whole_tumour_is_never_lost_between_pixels() -> None:
    """One voxel of 1.5 mm in pixels of 12.5 mm: one or two of nine points in each direction."""
    mask = cases.empty_mask()
    mask[5, 5, 5] = 1
    found = view_of(cases.image(), mask, 32, field_of_view_mm=400)
    assert round(found.tumour.sum() * 81) in (1, 2, 4)


def test_image_and_mask_are_left_as_they_were() -> None:
    image, mask = cases.image(), cases.mask()
    before = [sitk.GetArrayFromImage(x) for x in (image, mask)]
    view_of(image, mask, 16, masking="tumour", rim_mm=4, percentiles=(1, 99))
    for was, now in zip(before, (image, mask), strict=True):
        assert np.array_equal(was, sitk.GetArrayFromImage(now))


def test_same_bytes_every_time() -> None:
    image, mask = cases.image(), cases.mask()
    views = [view_of(image, mask, 48, slices="orthogonal") for _ in range(3)]
    assert len({v.pixels.tobytes() for v in views}) == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"slices": "all"},
        {"slices": "orthogonal", "field_of_view_mm": 200, "window_hu": ("lung", "bone", "lung")},
        {"percentiles": (1, 99), "masking": "tumour", "rim_mm": 8},
        {"neighbours_mm": 5, "tumour_share": 0.2},
    ],
)
def test_memory_stays_below_what_is_said(values: dict) -> None:
    size = (96, 96, 40)
    image = cases.image(size=size)
    mask = cases.mask(25.0, size)
    settings = tr.ViewSettings(**values)
    box = bounding_box(mask)
    sides = [(last - first + 1) * s for (first, last), s in zip(box, cases.SPACING, strict=True)]
    said = views_bytes(settings, 128, Extent(int(np.prod(size)), tuple(sides), cases.SPACING))
    cut_views(image, mask, settings, 128)
    tracemalloc.start()
    cut_views(image, mask, settings, 128)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < said < 40 * taken
