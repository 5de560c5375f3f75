from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.deep.patches import PatchSettings, cut_patch, patch_of

AXES = [
    "".join(letters)
    for order in itertools.permutations(("LR", "PA", "SI"))
    for letters in itertools.product(*order)
]
TOWARDS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}


def field(axis: int, size: tuple[int, int, int] = (40, 36, 30)) -> sitk.Image:
    """Ten times the patient coordinate along an axis: linear interpolation must give it back."""
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing((0.8, 1.1, 2.5))
    image.SetOrigin((-11.0, 7.0, 30.0))
    index = np.indices(size[::-1])[2 - axis]
    made = sitk.GetImageFromArray(
        (10 * (image.GetOrigin()[axis] + index * image.GetSpacing()[axis])).astype(np.float32)
    )
    made.CopyInformation(image)
    return made


def dot(image: sitk.Image, *indices: tuple[int, int, int]) -> sitk.Image:
    mask = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(image)
    for index in indices:
        mask[index] = 1
    return mask


def settings(**values: object) -> PatchSettings:
    small = {"size_voxels": (6, 8, 10), "spacing_mm": (1.5, 1.0, 0.9)}
    return PatchSettings(**(small | values))


def code_of(image: sitk.Image, mask: sitk.Image, chosen: PatchSettings) -> str:
    with pytest.raises(FeatureError) as caught:
        cut_patch(image, mask, chosen)
    return caught.value.code


@pytest.mark.parametrize("axes", AXES)
def test_axes_run_where_their_letters_say(axes: str) -> None:
    """In a field of coordinates, each step changes the one coordinate by the spacing."""
    wide = {"windows_hu": ((-5000.0, 5000.0),), "output_range": (-5000.0, 5000.0)}
    chosen = settings(axes=axes, **wide)
    for axis in range(3):
        image = field(axis)
        patch = cut_patch(image, dot(image, (20, 18, 15)), chosen)[0] / 10
        assert patch.shape == chosen.size_voxels
        for along, letter in enumerate(axes):
            runs, sign = TOWARDS[letter]
            step = np.diff(patch, axis=along)
            expected = sign * chosen.spacing_mm[along] if runs == axis else 0.0
            np.testing.assert_allclose(step, expected, atol=2e-3)
        centre = image.TransformIndexToPhysicalPoint((20, 18, 15))[axis]
        assert patch.mean() == pytest.approx(centre, abs=2e-3)


@pytest.mark.parametrize("orientation", ["ASR", "RIP", "SAL"])
@pytest.mark.parametrize("antialias", [True, False])
def test_same_patch_whatever_the_order_of_the_arrays_axes(orientation, antialias) -> None:
    image, mask = cases.image(3), cases.mask(6)
    chosen = settings(spacing_mm=(4, 3, 2.5), antialias=antialias, windows_hu=((-200, 200),))
    turned = [sitk.DICOMOrient(x, orientation) for x in (image, mask)]
    assert turned[0].GetSize() != image.GetSize()
    expected = cut_patch(image, mask, chosen)
    np.testing.assert_allclose(cut_patch(*turned, chosen), expected, atol=1e-5)


def test_a_tilted_scan_is_turned_to_the_patients_axes() -> None:
    """Coordinates come back along the patient's axes, 25 degrees off the array's."""
    c, s = np.cos(np.radians(25)), np.sin(np.radians(25))
    index = np.indices((30, 36, 40))[::-1].reshape(3, -1)
    turned = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    points = turned @ (index * np.array([[0.8], [1.1], [2.5]]))
    wide = {"windows_hu": ((-5e3, 5e3),), "output_range": (-5e3, 5e3)}
    for axis in range(3):
        image = sitk.GetImageFromArray((10 * points[axis]).reshape(30, 36, 40).astype(np.float32))
        image.SetSpacing((0.8, 1.1, 2.5))
        image.SetDirection(turned.ravel().tolist())
        patch = patch_of(image, dot(image, (20, 18, 15)), settings(**wide))
        assert patch.padded_share == 0
        expected = [1.5, 1.0, 0.9][2 - axis]
        np.testing.assert_allclose(
            np.diff(patch.voxels[0], axis=2 - axis) / 10, expected, atol=2e-3
        )


def test_voxels_of_the_image_come_back_where_the_grids_agree() -> None:
    image, mask = cases.image(), dot(cases.image(), (11, 10, 5))
    chosen = PatchSettings(
        size_voxels=(3, 5, 7), spacing_mm=(3.0, 1.5, 1.5), windows_hu=((-1e3, 1e3),)
    )
    expected = sitk.GetArrayFromImage(image)[4:7, 8:13, 8:15]
    np.testing.assert_allclose(
        cut_patch(image, mask, chosen)[0], (expected + 1e3) / 2e3, rtol=0, atol=1e-6
    )


def test_wider_voxels_are_means_and_not_samples() -> None:
    """A pattern finer than the new voxels vanishes; without smoothing it is passed over."""
    voxels = np.zeros((32, 32, 32), np.float32)
    voxels[::2] = 100.0
    image = sitk.GetImageFromArray(voxels)
    mask = dot(image, (16, 16, 16))
    coarse = PatchSettings(size_voxels=(5, 5, 5), spacing_mm=(3, 3, 3), windows_hu=((0, 100),))
    smooth = cut_patch(image, mask, coarse)
    np.testing.assert_allclose(smooth, 0.5, atol=0.01)
    sampled = cut_patch(image, mask, coarse.changed(antialias=False))
    assert set(np.unique(sampled)) == {0.0, 1.0}


def test_smoothing_leaves_finer_axes_alone() -> None:
    image, mask = cases.image(), dot(cases.image(), (11, 10, 5))
    fine = settings(spacing_mm=(3.0, 1.5, 1.5), size_voxels=(3, 5, 5))
    np.testing.assert_array_equal(
        cut_patch(image, mask, fine), cut_patch(image, mask, fine.changed(antialias=False))
    )


def test_larger_tumour_is_refused_or_the_voxels_are_widened_but_never_cut() -> None:
    image = field(0)
    mask = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(image)
    mask[5:36, 8:29, 10:19] = 1  # 24.8 x 23.1 x 22.5 mm
    chosen = PatchSettings(size_voxels=(16, 16, 16), spacing_mm=(1, 1, 1), masking="tumour")
    assert code_of(image, mask, chosen) == "tumour_exceeds_patch"
    patch = patch_of(
        sitk.Cast(mask, sitk.sitkFloat32) * 50, mask, chosen.changed(if_larger="scale")
    )
    assert patch.scale == pytest.approx(24.8 / 16)
    filled = np.argwhere(patch.voxels[0] > patch.voxels.min())
    # all 16 voxels along the longest side, and of the others what their lengths are
    extents_mm = (np.ptp(filled, axis=0) + 1) * patch.scale
    np.testing.assert_allclose(extents_mm, [22.5, 23.1, 24.8], atol=patch.scale)
    assert np.ptp(filled[:, 2]) + 1 == 16


def test_tumour_of_just_the_patchs_size_is_held() -> None:
    image = cases.image()
    mask = dot(image, *((x, 10, 5) for x in range(4, 10)))
    held = PatchSettings(size_voxels=(2, 6, 6), spacing_mm=(3.0, 1.5, 1.5))
    assert patch_of(image, mask, held).scale == 1.0
    assert code_of(image, mask, held.changed(size_voxels=(2, 6, 5))) == "tumour_exceeds_patch"


def test_centroid_counts_voxels_and_box_its_faces() -> None:
    image = sitk.Cast(field(0), sitk.sitkFloat32)
    mask = dot(image, *((x, 18, 15) for x in (10, 11, 12, 13, 25)))
    wide = {"windows_hu": ((-5e3, 5e3),), "output_range": (-5e3, 5e3), "size_voxels": (2, 2, 24)}
    means = [
        cut_patch(image, mask, settings(centre=centre, **wide)).mean() / 10
        for centre in ("box", "centroid")
    ]
    assert means == pytest.approx([-11 + 0.8 * 17.5, -11 + 0.8 * 14.2], abs=1e-2)


def test_what_lies_beyond_the_image_is_told_and_is_air() -> None:
    image = sitk.Image(8, 8, 8, sitk.sitkInt16) + 40
    chosen = PatchSettings(size_voxels=(8, 8, 8), spacing_mm=(1, 1, 1))
    patch = patch_of(image, dot(image, (0, 0, 0)), chosen)
    # 8 voxels around index 0 lie at -3.5 to 3.5; the image begins at -0.5
    assert patch.padded_share == pytest.approx(1 - (5 / 8) ** 3)
    assert (patch.voxels == 0).mean() == pytest.approx(patch.padded_share)
    image[3, 3, 3] = 90
    assert patch_of(image, dot(image, (0, 0, 0), (7, 7, 7)), chosen).padded_share == 0.0


def test_tumour_alone_hides_the_rest() -> None:
    image, mask = cases.image(), cases.mask(6)
    chosen = settings(size_voxels=(9, 16, 16), spacing_mm=(1.5, 1.5, 1.5))
    whole, alone = (cut_patch(image, mask, chosen.changed(masking=s)) for s in ("whole", "tumour"))
    inside = alone > 0
    assert 0.05 < inside.mean() < 0.5
    np.testing.assert_array_equal(alone[inside], whole[inside])
    tiny = dot(image, (11, 10, 5))
    coarse = chosen.changed(masking="tumour", spacing_mm=(9.0, 9.0, 9.0))
    assert code_of(image, tiny, coarse) == "tumour_lost_in_patch"


def test_intensities() -> None:
    image, mask = cases.image(), cases.mask(3)
    hu = cut_patch(image, mask, settings(windows_hu=((-1e4, 1e4),), output_range=(-1e4, 1e4)))
    two = cut_patch(image, mask, settings(windows_hu=((20, 60), (-100, 100))))
    assert two.shape == (2, 6, 8, 10)
    assert two.dtype == np.float32
    np.testing.assert_allclose(two[0], np.clip((hu[0] - 20) / 40, 0, 1), atol=1e-4)
    np.testing.assert_allclose(two[1], np.clip((hu[0] + 100) / 200, 0, 1), atol=1e-4)
    below = cut_patch(image, mask, settings(windows_hu=((20, 60),), clip="below"))
    assert below.min() == 0.0
    assert below.max() > 1.0
    z = cut_patch(image, mask, settings(windows_hu=((-1e4, 1e4),), intensity="z_score"))
    np.testing.assert_allclose(z[0], (hu[0] - hu.mean()) / hu.std(), atol=1e-3)


def test_z_score_is_of_what_is_seen() -> None:
    image, mask = cases.image(), dot(cases.image(), (0, 0, 0))
    z = cut_patch(image, mask, settings(intensity="z_score"))
    seen = z[z != 0]
    assert seen.mean() == pytest.approx(0, abs=1e-5)
    assert seen.std() == pytest.approx(1, abs=1e-5)


def test_bad_images_are_refused() -> None:
    image, mask = cases.image(), cases.mask(3)
    assert code_of(image, cases.empty_mask(), settings()) == "mask_empty"
    assert code_of(image * 0 - 1000, mask, settings()) == "no_contrast"
    assert code_of(image * 0 - 1000, mask, settings(intensity="z_score")) == "no_contrast"
    broken = sitk.Cast(image, sitk.sitkFloat32)
    broken[11, 10, 5] = float("nan")
    assert code_of(broken, mask, settings()) == "non_finite_voxels"
    assert code_of(broken, mask, settings(spacing_mm=(6, 6, 6))) == "non_finite_voxels"
    other = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    assert code_of(image, other, settings()) == "geometry_mismatch"


@pytest.mark.parametrize("n_voxels", [1, 3])
def test_tiny_and_flat_tumours_have_a_patch(n_voxels: int) -> None:
    image = cases.image()
    mask = dot(image, *((x, 9, 5) for x in range(5, 5 + n_voxels)))
    patch = patch_of(image, mask, settings())
    assert np.isfinite(patch.voxels).all()
    assert patch.scale == 1.0


@pytest.mark.parametrize(
    "values",
    [
        {"spacing_mm": None},
        {"side_mm": (9, 9, 9)},
        {"axes": "SPP"},
        {"axes": "spl"},
        {"axes": "SP"},
        {"size_voxels": (0, 8, 8)},
        {"spacing_mm": (1, -1, 1)},
        {"windows_hu": ((5, 5),)},
        {"windows_hu": ()},
        {"output_range": (1, 0)},
        {"larger": "cut"},
        {"spacng_mm": (1, 1, 1)},
    ],
)
def test_settings_are_validated(values: dict) -> None:
    with pytest.raises(SettingsError):
        settings(**values)


def test_sides_and_spacing_say_the_same() -> None:
    image, mask = cases.image(), cases.mask(3)
    by_side = settings(spacing_mm=None, side_mm=(9.0, 8.0, 9.0))
    np.testing.assert_array_equal(
        cut_patch(image, mask, by_side), cut_patch(image, mask, settings())
    )
    assert PatchSettings.from_json(by_side.to_json()) == by_side
