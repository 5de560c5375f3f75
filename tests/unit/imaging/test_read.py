from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.exceptions import CaseError
from tumor_response.imaging import read, read_geometry, read_image, read_mask


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
    found = read_image(path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(written))
    assert found.GetSpacing() == pytest.approx(written.GetSpacing())


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


def test_intact_compressed_file_is_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(cases.image(), str(path))
    looked: list[Path] = []
    monkeypatch.setattr(read, "check_nifti", looked.append)
    read_image(path)
    assert looked == []


def test_voxels_that_are_not_the_files_bytes_are_looked_at_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a scale: what ITK hands over cannot be compared with the file's checksum
    stored = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    stored.header.set_slope_inter(2.0, -1000.0)
    path = tmp_path / "ct.nii.gz"
    nibabel.save(stored, path)
    looked: list[Path] = []
    check = read.check_nifti
    monkeypatch.setattr(read, "check_nifti", lambda one: (looked.append(one), check(one)))
    assert read_image(path)[2, 3, 4] == pytest.approx(59 * 2.0 - 1000.0)
    assert looked == [path]


def test_two_archives_in_one_file_are_not_taken_for_one(tmp_path: Path) -> None:
    # gzip allows it; the checksum at the end is the last part's alone
    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(cases.image(), str(path))
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]))
    expected = sitk.GetArrayFromImage(cases.image())
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(path)), expected)


@pytest.mark.parametrize("label", [1, 2, 7])
@pytest.mark.parametrize("pixel_type", [np.uint8, np.int16, np.float32, np.float64])
def test_mask_is_the_label_alone_whatever_the_pixel_type(
    tmp_path: Path, label: int, pixel_type: type
) -> None:
    voxels = np.zeros((3, 5, 7), dtype=pixel_type)
    voxels[1, 2, 3:6] = label
    path = tmp_path / "gtv.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    for mask in (read_mask(path), read_mask(path, label)):
        assert mask.GetPixelID() == sitk.sitkUInt8
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), voxels == label)
    assert not sitk.GetArrayFromImage(read_mask(path, 3)).any()


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
    found = read_mask(path)
    assert found.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(cases.mask())
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
