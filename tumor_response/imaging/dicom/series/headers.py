"""What one slice says about itself, from the header alone.

A slice is one single-frame object, or one frame of an enhanced (multi-frame) object, whose
attributes lie in functional groups (PS3.3 C.7.6.16). Both end up as the same :class:`Slice`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import (
    DicomFile,
    items,
    numbers,
    text,
    whole_number,
)

__all__ = ["MAX_PLANE_PIXELS", "Slice", "named", "naming", "read_slices"]

MAX_PLANE_PIXELS = 2**24
"""No slice may claim more pixels than this (4096 x 4096)."""

MAX_FRAMES = 20_000
"""No multi-frame object may have more frames than this; each costs a fraction of a millisecond."""

_SINGLE_FRAME = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
}
_MULTI_FRAME = {
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",  # Legacy Converted Enhanced CT
    "1.2.840.10008.5.1.4.1.1.4.1": "MR",  # Enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4": "MR",  # Legacy Converted Enhanced MR
}
# where an enhanced object keeps, frame by frame or once for all, what a slice has at its root
_FUNCTIONAL_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "StackID": "FrameContentSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "DiffusionBValue": "MRDiffusionSequence",
}
# attributes in which slices at one position differ when several images share a series
_TRAITS = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "FrameReferenceTime",
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "StackID",
    "ConvolutionKernel",
    "KVP",
    "ImageType",
)
_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "Modality",
    "InstanceNumber",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "GantryDetectorTilt",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
    *_TRAITS,
)


@dataclass(frozen=True)
class Slice:
    """One slice, without its pixels; lengths in mm, positions in the patient (LPS).

    What the header lacks is ``None`` (numbers) or ``""`` (texts).
    """

    file: DicomFile
    frame: int
    """Index within the object; 0 in a single-frame object."""
    multi_frame: bool
    modality: str
    instance_number: int | None
    sop_instance_uid: str
    belongs_to: tuple[str, ...]
    """Patient, series, frame of reference, SOP class: equal within a series, never shown."""
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    """Between rows, between columns, as in the standard."""
    rows: int
    columns: int
    tilt_degrees: float
    slope: float | None
    intercept: float | None
    rescale_type: str
    traits: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """How messages name the slice: its InstanceNumber, else its file, else its frame."""
        if self.multi_frame:
            return f"frame {self.frame + 1}"
        return self.file.name if self.instance_number is None else str(self.instance_number)

    def trait(self, keyword: str) -> str:
        """Return one of the distinguishing attributes as text."""
        return dict(self.traits)[keyword]


def naming(file: DicomFile, error: CaseError) -> CaseError:
    """Return ``error`` with the file's name in front of its message."""
    if str(error).startswith(file.name):
        return error
    return type(error)(f"{file.name}: {error}", code=error.code)


def read_slices(file: DicomFile) -> list[Slice]:
    """Read the slices of one object: one, or as many as it has frames.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_dicom``, ``dicom_attribute`` (a value is not what the
        standard says), ``sop_class`` (no CT, MR or PET image) and ``multi_frame`` (frames
        without functional groups).
    """
    header = file.read(tags=_TAGS)
    try:
        sop_class = text(header, "SOPClassUID")
        if sop_class in _SINGLE_FRAME:
            return [_slice(file, 0, False, _SINGLE_FRAME[sop_class], lambda _: header, header)]
        if sop_class in _MULTI_FRAME:
            return _frames(file, header, _MULTI_FRAME[sop_class])
    except CaseError as error:
        raise naming(file, error) from None
    raise CaseError(
        f"{file.name}: no CT, MR or PET image but another kind of object (a screen capture, a "
        "projection, an enhanced PET ...). Give the original series.",
        code="sop_class",
    )


def _frames(file: DicomFile, header: Dataset, modality: str) -> list[Slice]:
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    shared = (items(header, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    said = whole_number(header, "NumberOfFrames")
    if said != len(per_frame) or not 1 <= said <= MAX_FRAMES:
        raise CaseError(
            f"a multi-frame object with functional groups for {len(per_frame):,} frames, which is "
            f"not its number of frames or beyond {MAX_FRAMES:,}; export it again, or as "
            "single-frame images.",
            code="multi_frame",
        )

    def of(groups: Dataset) -> Callable[[str], Dataset]:
        def where(keyword: str) -> Dataset:
            name = _FUNCTIONAL_GROUPS.get(keyword)
            if name is None:
                return header
            return (items(groups, name) or items(shared, name) or [Dataset()])[0]

        return where

    return [
        _slice(file, k, True, modality, of(groups), header) for k, groups in enumerate(per_frame)
    ]


def _slice(
    file: DicomFile,
    frame: int,
    multi_frame: bool,
    modality: str,
    where: Callable[[str], Dataset],
    header: Dataset,
) -> Slice:
    """Take the values of one slice; ``where`` says in which data set a keyword is kept."""

    def bounded(keyword: str, n: int, limit: float) -> tuple[float, ...] | None:
        found = numbers(where(keyword), keyword, n)
        if found is not None and max(map(abs, found)) > limit:
            raise CaseError(
                f"the DICOM attribute {keyword} is beyond {limit:g}.", code="dicom_attribute"
            )
        return found

    def one(keyword: str, limit: float) -> float | None:
        found = bounded(keyword, 1, limit)
        return None if found is None else found[0]

    rows, columns = (whole_number(header, keyword) or 0 for keyword in ("Rows", "Columns"))
    if min(rows, columns) < 1 or rows * columns > MAX_PLANE_PIXELS:
        raise CaseError(
            "the DICOM attributes Rows and Columns are missing or claim more than "
            f"{MAX_PLANE_PIXELS:,} pixels.",
            code="dicom_attribute",
        )
    spacing = bounded("PixelSpacing", 2, 100.0)
    if spacing is not None and min(spacing) < 1e-3:
        raise CaseError("the DICOM attribute PixelSpacing is not positive.", code="dicom_attribute")
    if text(header, "Modality") not in ("", modality):
        raise CaseError(
            f"Modality is {text(header, 'Modality')[:16]!r} in an object of the kind {modality}.",
            code="dicom_attribute",
        )
    return Slice(
        file=file,
        frame=frame,
        multi_frame=multi_frame,
        modality=modality,
        instance_number=whole_number(header, "InstanceNumber"),
        sop_instance_uid=text(header, "SOPInstanceUID"),
        belongs_to=tuple(
            text(header, keyword)
            for keyword in ("PatientID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPClassUID")
        ),
        position_mm=bounded("ImagePositionPatient", 3, 1e5),
        orientation=bounded("ImageOrientationPatient", 6, 1.001),
        pixel_spacing_mm=spacing,
        rows=rows,
        columns=columns,
        tilt_degrees=one("GantryDetectorTilt", 360.0) or 0.0,
        slope=one("RescaleSlope", 1e9),
        intercept=one("RescaleIntercept", 1e9),
        rescale_type=text(where("RescaleType"), "RescaleType"),
        traits=tuple((keyword, text(where(keyword), keyword)) for keyword in _TRAITS),
    )


def named(slices: Sequence[Slice], limit: int = 10) -> str:
    """Return the slices in words: ``"slices 3, 7-12"``, at most ``limit`` entries.

    Examples
    --------
    >>> named([])
    'no slice'
    """
    if not slices:
        return "no slice"
    counted = sorted({s.instance_number for s in slices if s.instance_number is not None})
    if len(counted) == len(slices) and not any(s.multi_frame for s in slices):
        runs: list[list[int]] = []
        for number in counted:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        labels = [f"{run[0]}-{run[-1]}" if len(run) > 2 else f"{run[0]}" for run in runs]
        # a run of two reads better as two numbers
        labels = [
            label if len(run) != 2 else f"{run[0]}, {run[1]}"
            for label, run in zip(labels, runs, strict=True)
        ]
    else:
        labels = sorted(
            {
                s.label if s.multi_frame or s.label == s.file.name else f"{s.label} ({s.file.name})"
                for s in slices
            }
        )
    rest = len(labels) - limit
    shown = ", ".join(labels[:limit]) + (f" and {rest} more" if rest > 0 else "")
    return f"{'slice' if len(slices) == 1 else 'slices'} {shown}"
