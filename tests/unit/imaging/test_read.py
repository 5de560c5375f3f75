from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.exceptions import CaseError
from tumor_response.imaging import read_geometry, read_image, read_mask


def code_of(call, *arguments) -> str:
    with pytest.raises(CaseError) as caught:
        call(*arguments)
    assert str(arguments[0]) in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_reads_what_was_written(tmp_path: Path, suffix: str) -> None:
    written = cases.image(3)
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(written, str(path))
    read = read_image(path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(written))
    assert read.GetSpacing() == pytest.approx(written.GetSpacing())


def test_missing_file(tmp_path: Path) -> None:
    assert code_of(read_image, tmp_path / "no.nii.gz") == "file_missing"


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "ct.nrrd"
    path.write_text("a letter")
    assert code_of(read_image, path) == "not_an_image"
    assert code_of(read_geometry, path) == "not_an_image"


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_truncated_file_is_not_read_as_zeros(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(cases.image(), str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert code_of(read_image, path) == "not_an_image"


def test_altered_byte_in_a_compressed_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(cases.image(), str(path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(bytes(content))
    assert code_of(read_image, path) == "not_an_image"


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_voxels(tmp_path: Path, bad: float, suffix: str) -> None:
    voxels = sitk.GetArrayFromImage(cases.image()).astype(np.float32)
    voxels[2, 3, 4] = bad
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    with pytest.raises(CaseError, match="1 voxels are NaN or infinite") as caught:
        read_image(path)
    assert caught.value.code == "non_finite_voxels"


def test_single_slice(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(cases.image(size=(24, 22, 1)), str(path))
    assert code_of(read_image, path) == "single_slice"


def test_two_dimensional_and_four_dimensional(tmp_path: Path) -> None:
    flat = tmp_path / "flat.nrrd"
    sitk.WriteImage(cases.image()[:, :, 3], str(flat))
    assert code_of(read_image, flat) == "not_3d"
    assert code_of(read_geometry, flat) == "not_3d"
    series = tmp_path / "series.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([cases.image(), cases.image(1)]), str(series))
    assert code_of(read_image, series) == "not_3d"
    one = tmp_path / "one.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([cases.image()]), str(one))
    assert read_image(one).GetSize() == cases.SIZE
    assert read_geometry(one).size == cases.SIZE


def test_colour_image(tmp_path: Path) -> None:
    path = tmp_path / "rgb.nrrd"
    sitk.WriteImage(sitk.Compose([sitk.Cast(cases.image(), sitk.sitkUInt8)] * 3), str(path))
    assert code_of(read_image, path) == "not_scalar"


def test_mask_labels(tmp_path: Path) -> None:
    voxels = np.zeros((4, 5, 6), np.uint8)
    voxels[1, 1, 1:3] = 1
    voxels[2, 2, 2:5] = 7
    path = tmp_path / "gtv.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    assert code_of(read_mask, path) == "mask_label_ambiguous"
    assert sitk.GetArrayFromImage(read_mask(path, 7)).sum() == 3
    assert sitk.GetArrayFromImage(read_mask(path, 1)).sum() == 2
    assert sitk.GetArrayFromImage(read_mask(path, 4)).sum() == 0


def test_mask_of_floats_that_are_whole_numbers_is_a_mask(tmp_path: Path) -> None:
    path = tmp_path / "gtv.nii.gz"
    sitk.WriteImage(sitk.Cast(cases.mask(), sitk.sitkFloat32), str(path))
    read = read_mask(path)
    assert read.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(cases.mask())
    )


def test_probability_map_is_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "gtv.nii.gz"
    sitk.WriteImage(sitk.Cast(cases.mask(), sitk.sitkFloat32) * 0.4, str(path))
    assert code_of(read_mask, path) == "mask_not_integer"


def test_mask_with_infinity(tmp_path: Path) -> None:
    mask = sitk.Cast(cases.mask(), sitk.sitkFloat32)
    mask[0, 0, 0] = float("inf")
    path = tmp_path / "gtv.nrrd"
    sitk.WriteImage(mask, str(path))
    assert code_of(read_mask, path) == "non_finite_voxels"


def test_empty_mask_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gtv.nii.gz"
    sitk.WriteImage(cases.empty_mask(), str(path))
    assert sitk.GetArrayFromImage(read_mask(path)).sum() == 0
