"""Reading images and masks from NIfTI, NRRD and whatever else SimpleITK reads."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.geometry import Geometry

__all__ = ["check_nifti", "read_geometry", "read_image", "read_mask"]


def read_image(path: str | Path) -> sitk.Image:
    """Read a scalar 3-D image, intensities as stored (HU for CT).

    Parameters
    ----------
    path
        A file that SimpleITK reads: NIfTI, NRRD, MetaImage ...

    Returns
    -------
    SimpleITK.Image
        Three-dimensional, scalar, every voxel finite, at least two voxels along each axis.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_an_image``, ``not_3d``, ``not_scalar``, ``single_slice``,
        ``non_finite_voxels``.

    Examples
    --------
    >>> import SimpleITK as sitk, tempfile, pathlib
    >>> from tumor_response.imaging import read_image
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ct.nii.gz"
    >>> sitk.WriteImage(sitk.Image(4, 4, 3, sitk.sitkInt16), str(path))
    >>> read_image(path).GetSize()
    (4, 4, 3)
    """
    image = _read(Path(path))
    if min(image.GetSize()) < 2:
        raise CaseError(
            f"{path}: the image has size {image.GetSize()}. A single slice has no slice spacing, "
            "so neither a volume nor a 3-D feature is defined on it; give the whole series.",
            code="single_slice",
        )
    _check_finite(Path(path), sitk.GetArrayViewFromImage(image))
    return image


def read_mask(path: str | Path, label: int | None = None) -> sitk.Image:
    """Read one label of a mask as 0/1.

    Parameters
    ----------
    path
        A file that SimpleITK reads, holding whole numbers.
    label
        The voxel value that means tumour. ``None`` takes the only non-zero value there is.

    Returns
    -------
    SimpleITK.Image
        Three-dimensional, 8-bit unsigned, 0 outside and 1 inside. May be empty: whether that is
        an error depends on whether it is a baseline or a follow-up.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_an_image``, ``not_3d``, ``not_scalar``,
        ``mask_not_integer``, and ``mask_label_ambiguous`` where several labels are there and none
        was named: a silent union of two lesions is the fault nobody finds.

    Examples
    --------
    >>> import SimpleITK as sitk, tempfile, pathlib
    >>> from tumor_response.imaging import read_mask
    >>> mask = sitk.Image(4, 4, 3, sitk.sitkUInt8); mask[1, 1, 1] = 255
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "gtv.nrrd"
    >>> sitk.WriteImage(mask, str(path))
    >>> read_mask(path)[1, 1, 1]
    1
    """
    mask = _read(Path(path))
    _check_finite(Path(path), sitk.GetArrayViewFromImage(mask))
    values = _values_but_zero(sitk.GetArrayViewFromImage(mask))
    if not (values == np.round(values)).all():
        raise CaseError(
            f"{path}: a mask holds whole numbers, this one holds values such as "
            f"{values[values != np.round(values)][0]:.4g}. Is it an image or a probability map? "
            "Threshold it and save 0 and 1.",
            code="mask_not_integer",
        )
    present = [int(v) for v in values]
    if label is None and len(present) > 1:
        shown = ", ".join(str(v) for v in present[:10])
        raise CaseError(
            f"{path}: the mask holds {len(present)} labels ({shown}) and none was named. "
            "Name the lesion's in the manifest, one row per lesion: mask_label, and "
            "follow_up_mask_label where the follow-up numbers them otherwise.",
            code="mask_label_ambiguous",
        )
    wanted = label if label is not None else (present[0] if present else 1)
    if present == [wanted] == [1]:  # a third of the time of a comparison
        return sitk.Cast(mask, sitk.sitkUInt8)
    return sitk.Equal(mask, float(wanted)) if present else sitk.Cast(mask * 0, sitk.sitkUInt8)


def _values_but_zero(voxels: np.ndarray) -> np.ndarray:
    """Return the distinct values of a mask, ascending, without sorting the empty part of a scan."""
    flat = voxels.reshape(-1)
    if flat.nbytes % 8 == 0 and flat.dtype.kind in "iu":
        words = flat.view(np.uint64)  # up to eight voxels at a look
        flat = words[words != 0].view(flat.dtype)
    return np.unique(flat[flat != 0])


def _read(path: Path) -> sitk.Image:
    if not path.is_file():
        raise CaseError(f"{path}: no such file.", code="file_missing")
    is_nifti = path.name.endswith((".nii", ".nii.gz"))
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        if is_nifti:
            check_nifti(path)  # its words are better
        raise CaseError(_not_an_image(path, error), code="not_an_image") from None
    if is_nifti and not _holds_the_files_bytes(image, path):
        check_nifti(path)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise CaseError(
            f"{path}: {image.GetNumberOfComponentsPerPixel()} values per voxel (a colour or vector "
            "image); expected one.",
            code="not_scalar",
        )
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise CaseError(_not_3d(path, image.GetDimension(), image.GetSize()), code="not_3d")
    return image


def _holds_the_files_bytes(image: sitk.Image, path: Path) -> bool:
    """Whether the voxels are byte for byte what a complete .nii.gz holds, by its own checksum.

    A quarter of the time of unpacking the file a second time. False also where ITK had to convert
    what it read (a scale, the order of bytes); then only the second look can tell.
    """
    if not path.name.endswith(".gz"):
        return False
    try:
        with path.open("rb") as file:
            file.seek(-8, 2)
            checksum, n_bytes = struct.unpack("<II", file.read(8))
        with gzip.open(path) as unpacked:
            header = unpacked.read(_NIFTI_HEADER)
            (offset,) = struct.unpack_from("<f", header, _NIFTI_OFFSET_AT)
            header += unpacked.read(int(offset) - _NIFTI_HEADER)
    except (EOFError, OSError, ValueError, OverflowError, struct.error, zlib.error):
        return False
    voxels = memoryview(sitk.GetArrayViewFromImage(image)).cast("B")
    whole = bool((len(header) + len(voxels)) % 2**32 == n_bytes)
    return whole and bool(zlib.crc32(voxels, zlib.crc32(header)) == checksum)


_NIFTI_HEADER, _NIFTI_OFFSET_AT = 348, 108
"""Bytes of a NIfTI-1 header, and where in it the voxels' place in the file is given."""


def check_nifti(path: Path) -> None:
    """Refuse what ITK would quietly read as zeros: missing or altered bytes, NaN, infinity.

    Raises
    ------
    CaseError
        Codes ``not_an_image`` and ``non_finite_voxels``.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        content = path.read_bytes()
        if path.name.endswith(".gz"):
            content = gzip.decompress(content)  # checks the CRC of the whole stream
        kind = (
            nibabel.Nifti2Image
            if content[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
            else nibabel.Nifti1Image
        )
        voxels = np.asanyarray(kind.from_bytes(content).dataobj.get_unscaled())
    except (EOFError, zlib.error, OSError, ValueError) as error:
        raise CaseError(
            f"{path}: the file is damaged ({error}); copy it again.", code="not_an_image"
        ) from None
    except (ImageFileError, HeaderDataError, WrapStructError) as error:
        raise CaseError(f"{path}: no NIfTI image ({error}).", code="not_an_image") from None
    _check_finite(path, voxels)


def _check_finite(path: Path, voxels: np.ndarray) -> None:
    if voxels.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(voxels)))
        if bad:
            raise CaseError(
                f"{path}: {bad} voxels are NaN or infinite. Every feature that meets one would be "
                "NaN or, worse, not; replace them (air is -1000 HU) or export the series again.",
                code="non_finite_voxels",
            )


def read_geometry(path: str | Path) -> Geometry:
    """Return the voxel grid of an image file from its header alone.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_an_image`` and ``not_3d``.
    """
    path = Path(path)
    if not path.is_file():
        raise CaseError(f"{path}: no such file.", code="file_missing")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise CaseError(_not_an_image(path, error), code="not_an_image") from None
    # a fourth axis of length one (a time axis some converters write) is not part of the grid
    dimension, size = reader.GetDimension(), reader.GetSize()
    if dimension != 3 and not (dimension == 4 and size[3] == 1):
        raise CaseError(_not_3d(path, dimension, size), code="not_3d")
    direction = np.array(reader.GetDirection()).reshape(dimension, dimension)[:3, :3]
    return Geometry(
        tuple(reader.GetSize()[:3]),
        tuple(reader.GetSpacing()[:3]),
        tuple(reader.GetOrigin()[:3]),
        tuple(float(v) for v in direction.ravel()),
    )


def _not_3d(path: Path, dimension: int, size: tuple[int, ...]) -> str:
    return (
        f"{path}: {dimension}-dimensional, size {size}; expected one 3-D image. Take one time "
        "point or channel out of it first."
    )


def _not_an_image(path: Path, error: RuntimeError) -> str:
    # ITK's text is many lines of C++ places; the last one says what went wrong
    reason = str(error).strip().splitlines()[-1].strip()
    return (
        f"{path}: not readable as an image ({reason}). Expected NIfTI, NRRD or another format "
        "that SimpleITK reads, complete and undamaged."
    )
