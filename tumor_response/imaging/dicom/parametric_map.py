"""Writing numbers on a series' grid as a DICOM Parametric Map that viewers lay over the series."""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from tumor_response._version import __version__
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.derived import (
    PATIENT_AND_STUDY,
    SeriesLike,
    as_series,
    check_target,
    describe,
    measures_of,
    set_dimensions,
    single_frame_files,
    source_of,
    uids,
    write_whole,
)
from tumor_response.imaging.dicom.files import text
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.geometry import adopt_grid

__all__ = ["write_parametric_map"]


def write_parametric_map(
    path: str | Path,
    image: sitk.Image,
    shown: sitk.Image,
    series: SeriesLike,
    *,
    label: str,
    explanation: str,
    written: dt.datetime | None = None,
    uid_seed: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a map of numbers without unit as a Parametric Map of a series, by highdicom.

    One frame for each slice from the first to the last on which something was shown, so that a
    viewer finds a volume of regular slices; 32-bit floats as they are, with the position of the
    image each lies on and a reference to it.

    The file carries the patient's name and the study's identifiers as the series does, and nothing
    else of the series' header: it is the hospital's own, like the series. It goes nowhere by
    itself.

    Parameters
    ----------
    path
        The file to write, in a folder that exists.
    image
        The numbers, on the grid of the series.
    shown
        Not 0 where the map says something, on the same grid.
    series
        As in :func:`~tumor_response.imaging.dicom.segments.seg_writer.write_seg`.
    label
        What viewers call the numbers, 1 to 16 characters.
    explanation
        What they are, 1 to 64 characters.
    written, uid_seed, overwrite
        As in :func:`~tumor_response.imaging.dicom.segments.seg_writer.write_seg`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    GeometryError
        Code ``geometry_mismatch``: a map on another grid than the series.
    CaseError
        Codes ``mask_empty`` (nothing shown), ``non_finite_voxels``, ``multi_frame``,
        ``series_missing``, ``series_ambiguous``, ``dicom_attribute``, and what reading the series
        raises.
    SettingsError
        For words that the format cannot hold, and a file that is there already.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging.dicom.parametric_map import write_parametric_map
    >>> nothing = sitk.Image(4, 4, 2, sitk.sitkFloat32)
    >>> write_parametric_map("m.dcm", nothing, nothing, "CT", label="", explanation="none")
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: write_parametric_map: label='': expected 1 to 16 \
characters, no backslash among them.
    """
    path = Path(path)
    for name, words, longest in (("label", label, 16), ("explanation", explanation, 64)):
        if not 1 <= len(words.strip()) <= longest or "\\" in words:
            raise SettingsError(
                f"write_parametric_map: {name}={words!r}: expected 1 to {longest} characters, no "
                "backslash among them."
            )
    check_target(path, overwrite=overwrite)
    found = read_series_geometry(as_series(series).files)
    files = single_frame_files(found)
    values, seen = (
        sitk.GetArrayFromImage(adopt_grid(one, found.grid, f"write_parametric_map: {what}"))
        for one, what in ((image, "the map"), (shown, "what was shown"))
    )
    there = np.flatnonzero(seen.any(axis=(1, 2)))
    if not there.size:
        raise CaseError("write_parametric_map: nothing was shown.", code="mask_empty")
    slices = np.arange(there[0], there[-1] + 1)
    frames = values[slices].astype(np.float32)
    if not np.isfinite(frames).all():
        raise CaseError("write_parametric_map: the map is not finite.", code="non_finite_voxels")
    sources = [source_of(files[k]) for k in slices]
    entropy = None
    if uid_seed is not None:
        digest = hashlib.sha256(frames.data).hexdigest()
        told = [label, explanation, repr(slices.tolist()), digest]
        entropy = [uid_seed, text(sources[0], "SeriesInstanceUID"), *told]
    dataset = _parametric_map(
        sources, frames, (label, explanation), found.grid.spacing_mm[2], entropy
    )
    describe(dataset, files[0].read(tags=PATIENT_AND_STUDY), written or dt.datetime.now())
    return write_whole(dataset, path, overwrite=overwrite)


def _parametric_map(
    sources: list[Dataset],
    frames: np.ndarray,
    words: tuple[str, str],
    between_slices_mm: float,
    entropy: list[str] | None,
) -> Dataset:
    from highdicom import VOILUTTransformation
    from highdicom.pm import ParametricMap, RealWorldValueMapping
    from pydicom.sr.codedict import codes

    uid = uids(entropy)
    low, high = float(frames.min()), float(frames.max())
    meaning = RealWorldValueMapping(
        *words, codes.UCUM.NoUnits, value_range=(low, high), slope=1.0, intercept=0.0
    )
    window = VOILUTTransformation(
        window_center=(low + high) / 2,
        window_width=high - low or 1.0,
        voi_lut_function="LINEAR_EXACT",  # LINEAR is for whole numbers: it needs a width of 1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values copied from the images
        dataset = ParametricMap(
            source_images=sources,
            pixel_array=frames,
            series_instance_uid=uid("series"),
            series_number=1001,
            sop_instance_uid=uid("instance"),
            instance_number=1,
            manufacturer="tumor_response",
            manufacturer_model_name="tumor_response",
            software_versions=__version__,
            device_serial_number="0",
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[meaning],
            transfer_syntax_uid=ImplicitVRLittleEndian,
            pixel_measures=measures_of(sources[0], between_slices_mm),
            content_label="MAP",
            content_description=words[1],
            content_creator_name="",
            voi_lut_transformations=[window],
            series_description=words[0],
        )
    set_dimensions(dataset, uid("dimensions"))
    return dataset
