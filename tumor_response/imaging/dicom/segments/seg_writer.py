"""Writing masks as a DICOM segmentation that viewers open with its series."""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

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
from tumor_response.imaging.geometry import Geometry, adopt_grid

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription

__all__ = ["write_seg"]

Kind = Literal["tumour", "region"]


def write_seg(
    path: str | Path,
    masks: Mapping[str, sitk.Image],
    series: SeriesLike,
    *,
    fractional: Literal["PROBABILITY", "OCCUPANCY"] | None = None,
    algorithm: str = "",
    kind: Kind = "tumour",
    written: dt.datetime | None = None,
    uid_seed: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write masks as a DICOM segmentation of the series whose grid they lie on, by highdicom.

    One segment per mask, coded as ``kind`` says; overlapping masks stay apart. Each frame refers to
    the image it lies on and carries its position.

    The file carries the patient's name and the study's identifiers as the series does: it is the
    hospital's own, like the series. It goes nowhere by itself.

    Parameters
    ----------
    path
        The file to write, in a folder that exists.
    masks
        Segment label (1 to 64 characters) -> mask of 0 and 1 on the grid of the series; with
        ``fractional`` of shares from 0 to 1.
    series
        The series the masks lie on: a
        :class:`~tumor_response.imaging.dicom.series.series.DicomSeries`, its files, or a folder in
        which it is the only image series.
    fractional
        What shares mean, to store them in 255 steps: ``"PROBABILITY"`` of being tumour, or
        ``"OCCUPANCY"``, the part of the voxel that is tumour. ``None`` stores 0 and 1.
    algorithm
        Name of the program that made the masks; ``""`` for masks drawn by hand.
    kind
        What the masks are: ``"tumour"`` (a neoplasm) or ``"region"``, a selected region that is
        no finding of anatomy.
    written
        Date and time of the segmentation; now by default.
    uid_seed
        The same seed, series and masks give the same UIDs (and, with the same ``written``, the
        same bytes). By default they are fresh.
    overwrite
        Whether a file that is there already may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    GeometryError
        Code ``geometry_mismatch``: a mask on another grid than the series.
    CaseError
        Codes ``mask_empty``, ``mask_not_integer`` (other values than 0 and 1),
        ``mask_not_share``, ``multi_frame`` (a series of multi-frame objects),
        ``series_missing``, ``series_ambiguous``, ``dicom_attribute``, and what reading the
        series raises.
    SettingsError
        For labels that the format cannot hold, no mask, and a file that is there already.

    Examples
    --------
    >>> import SimpleITK as sitk, tempfile, pathlib
    >>> from tumor_response.imaging.dicom.segments.seg_writer import write_seg
    >>> write_seg("lesions.dcm", {}, series="CT")
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: write_seg: no mask was given.
    """
    path = Path(path)
    _check_labels(list(masks))
    if fractional not in (None, "PROBABILITY", "OCCUPANCY"):
        raise SettingsError(
            f"write_seg: fractional={fractional!r}; expected None, 'PROBABILITY' or 'OCCUPANCY'."
        )
    if kind not in get_args(Kind):
        raise SettingsError(f"write_seg: kind={kind!r}; expected 'tumour' or 'region'.")
    check_target(path, overwrite=overwrite)
    found = read_series_geometry(as_series(series).files)
    files = single_frame_files(found)
    voxels = np.stack(
        [_voxels(label, mask, found.grid, fractional) for label, mask in masks.items()], axis=-1
    )
    sources = [source_of(file) for file in files]
    dataset = _segmentation(
        sources,
        voxels,
        [_description(n, label, algorithm, kind) for n, label in enumerate(masks, start=1)],
        fractional,
        found.grid.spacing_mm[2],
        None
        if uid_seed is None
        else [uid_seed, *_identity(voxels, sources[0], [*masks, fractional, algorithm, kind])],
    )
    describe(dataset, files[0].read(tags=PATIENT_AND_STUDY), written or dt.datetime.now())
    return write_whole(dataset, path, overwrite=overwrite)


def _check_labels(labels: Sequence[str]) -> None:
    if not labels:
        raise SettingsError("write_seg: no mask was given.")
    bad = [label for label in labels if not 1 <= len(label.strip()) <= 64 or "\\" in label]
    if bad:
        raise SettingsError(
            f"write_seg: {bad[0]!r} cannot be a segment's label; expected 1 to 64 characters, no "
            "backslash among them."
        )


def _voxels(label: str, mask: sitk.Image, grid: Geometry, fractional: str | None) -> np.ndarray:
    voxels = sitk.GetArrayFromImage(adopt_grid(mask, grid, f"write_seg: the mask {label!r}"))
    if not voxels.any():
        raise CaseError(f"write_seg: the mask {label!r} is empty; leave it out.", code="mask_empty")
    if fractional is None:
        if not np.isin(voxels, (0, 1)).all():
            raise CaseError(
                f"write_seg: the mask {label!r} holds other values than 0 and 1; give one mask per "
                "lesion, or fractional= for shares of voxels.",
                code="mask_not_integer",
            )
        inside: np.ndarray = (voxels != 0).astype(np.uint8)
        return inside
    if not (voxels.min() >= 0 and voxels.max() <= 1):
        raise CaseError(
            f"write_seg: the mask {label!r} holds values from {voxels.min():.4g} to "
            f"{voxels.max():.4g}; shares lie between 0 and 1.",
            code="mask_not_share",
        )
    shares: np.ndarray = voxels.astype(np.float32)
    if not np.rint(shares * 255).any():
        raise CaseError(
            f"write_seg: all shares of the mask {label!r} are below 1/510 and would be stored as "
            "0; leave it out.",
            code="mask_empty",
        )
    return shares


def _segmentation(
    sources: list[Dataset],
    voxels: np.ndarray,
    descriptions: list[SegmentDescription],
    fractional: str | None,
    spacing_between_slices_mm: float,
    entropy: list[str] | None,
) -> Dataset:
    from highdicom.seg import Segmentation

    uid = uids(entropy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values copied from the images
        dataset = Segmentation(
            source_images=sources,
            pixel_array=voxels,
            segmentation_type="BINARY" if fractional is None else "FRACTIONAL",
            segment_descriptions=descriptions,
            series_instance_uid=uid("series"),
            series_number=1000,
            sop_instance_uid=uid("instance"),
            instance_number=1,
            manufacturer="tumor_response",
            manufacturer_model_name="tumor_response",
            software_versions=__version__,
            device_serial_number="0",
            fractional_type=fractional or "PROBABILITY",
            max_fractional_value=255,
            transfer_syntax_uid=ImplicitVRLittleEndian,
            pixel_measures=measures_of(sources[0], spacing_between_slices_mm),
            content_label="SEGMENTATION",
            content_description="Masks",
            content_creator_name="",
            series_description="Segmentation",
        )
    set_dimensions(dataset, uid("dimensions"))
    return dataset


def _identity(voxels: np.ndarray, header: Dataset, words: list[str | None]) -> list[str]:
    """Return what makes a segmentation another one."""
    digest = hashlib.sha256(np.ascontiguousarray(voxels).data).hexdigest()
    return [text(header, "SeriesInstanceUID"), repr(words), repr(voxels.shape), digest]


def _description(segment_number: int, label: str, algorithm: str, kind: Kind) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    made_by = {"algorithm_type": "MANUAL"}
    if algorithm:
        made_by = {
            "algorithm_type": "AUTOMATIC",
            "algorithm_identification": AlgorithmIdentificationSequence(
                name=algorithm,
                family=codes.DCM.ArtificialIntelligence,
                version="unspecified",
            ),
        }
    category, what = {
        "tumour": (codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm),
        "region": (codes.SCT.SpatialAndRelationalConcept, codes.DCM.SelectedRegion),
    }[kind]
    return SegmentDescription(
        segment_number=segment_number,
        segment_label=label,
        segmented_property_category=category,
        segmented_property_type=what,
        **made_by,
    )
