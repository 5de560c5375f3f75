"""Slices put in their places: one regular grid, or an error that names the slices at fault.

Where slices lie is taken from Image Position and Orientation (Patient) alone. InstanceNumber,
SliceLocation, SliceThickness and SpacingBetweenSlices are what the scanner calls things: they are
reversed, relative to a landmark or simply wrong often enough to be no use (PS3.3 C.7.6.2.1.1 and
C.7.6.2.1.2 define position and spacing by the plane attributes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tumor_response.exceptions import CaseError, GeometryError
from tumor_response.imaging.dicom.series.headers import Slice, named
from tumor_response.imaging.dicom.series.spacing import (
    SAME_POSITION_MM,
    check_straight,
    regular_spacing,
)
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import GRID_TOLERANCE_MM, Geometry

__all__ = ["MAX_VOXELS", "Stack", "stack"]

MAX_VOXELS = 2**30
"""No series may have more voxels than this (1,024 slices of 1024 x 1024)."""


@dataclass(frozen=True)
class Stack:
    """The slices of a volume in ascending order along their normal, and their grid."""

    slices: tuple[Slice, ...]
    grid: Geometry
    findings: tuple[Finding, ...]


def stack(slices: Sequence[Slice], same_pixels: Callable[[Slice, Slice], bool]) -> Stack:
    """Put slices in order and check that they fill one regular grid.

    Parameters
    ----------
    slices
        In any order.
    same_pixels
        Whether two slices at one position hold the same values; asked for such pairs alone.

    Raises
    ------
    GeometryError, CaseError
        With the code of what is wrong: ``series_mixed``, ``localizer``, ``geometry_missing``,
        ``orientation_invalid``, ``orientation_mixed``, ``grid_mixed``, ``slices_overlap``,
        ``single_slice``, ``gantry_tilt``, ``slices_shifted``, ``slice_missing``,
        ``slice_spacing``, ``series_too_large``.
    """
    findings: list[Finding] = []
    slices = sorted(slices, key=_identity)  # whatever order the disk gave
    _check_one_series(slices)
    kept = _without_localizers(slices, findings)
    _check_described(kept)
    _check_one_plane_format(kept)
    axes = _axes(kept[0])
    # slices at one position stay in the order above
    kept = sorted(kept, key=lambda s: round(_along(s, axes[2]), 2))
    kept = _without_copies(kept, axes[2], same_pixels, findings)
    if len(kept) < 2:
        raise GeometryError(
            f"{named(kept)} is the only one: one slice has no spacing and no volume. "
            "Give the whole series.",
            code="single_slice",
        )
    positions = np.array([s.position_mm for s in kept])
    check_straight(kept, positions, axes)
    spacing = regular_spacing(kept, positions @ axes[2], findings)
    first = kept[0]
    if first.rows * first.columns * len(kept) > MAX_VOXELS:
        raise CaseError(
            f"{len(kept)} slices of {first.rows} x {first.columns} pixels are more than the "
            f"{MAX_VOXELS:,} voxels that are read as one image.",
            code="series_too_large",
        )
    between_rows, between_columns = first.pixel_spacing_mm or (1.0, 1.0)
    grid = Geometry(
        size=(first.columns, first.rows, len(kept)),
        spacing_mm=(between_columns, between_rows, spacing),
        origin_mm=tuple(map(float, positions[0])),
        direction=tuple(map(float, axes.T.ravel())),  # columns are the image's axes
    )
    return Stack(tuple(kept), grid, tuple(findings))


def _identity(s: Slice) -> tuple[int, str, str, int]:
    number = -1 if s.instance_number is None else s.instance_number
    return number, s.sop_instance_uid, str(s.file.path), s.frame


def _check_one_series(slices: Sequence[Slice]) -> None:
    if not slices:
        raise CaseError("a series without any slice.", code="single_slice")
    odd = _minority(slices, lambda s: s.belongs_to)
    if odd:
        raise CaseError(
            f"{named(odd)} of {len(slices)}: of another patient, series, frame of reference or "
            "kind of object than the rest. Give the objects of one series.",
            code="series_mixed",
        )


def _without_localizers(slices: Sequence[Slice], findings: list[Finding]) -> list[Slice]:
    is_scout = ["LOCALIZER" in s.trait("ImageType").upper() for s in slices]
    scouts = [s for s, scout in zip(slices, is_scout, strict=True) if scout]
    if len(scouts) == len(slices):
        raise CaseError(
            f"all {len(slices)} slices are localizers (scout views); give the series itself.",
            code="localizer",
        )
    if scouts:
        findings.append(
            Finding(
                "localizer_dropped",
                "info",
                f"{named(scouts)}: localizers (scout views), left out of the volume.",
                measured=f"{len(scouts)} localizers",
            )
        )
    return [s for s, scout in zip(slices, is_scout, strict=True) if not scout]


def _check_described(slices: Sequence[Slice]) -> None:
    required = ("position_mm", "orientation", "pixel_spacing_mm")
    poor = [s for s in slices if any(getattr(s, name) is None for name in required)]
    if poor:
        raise GeometryError(
            f"{named(poor)}: no ImagePositionPatient, ImageOrientationPatient or PixelSpacing, "
            "so that nobody knows where they lie. Give the original series as the scanner wrote "
            "it.",
            code="geometry_missing",
        )
    skewed = []
    for s in slices:
        row, column = np.reshape(s.orientation or (), (2, 3))
        lengths = np.linalg.norm([row, column], axis=1)
        if np.abs(lengths - 1).max() > 1e-3 or abs(row @ column) > 1e-3:
            skewed.append(s)
    if skewed:
        raise GeometryError(
            f"{named(skewed)}: ImageOrientationPatient does not hold two perpendicular unit "
            "vectors. Export the series again.",
            code="orientation_invalid",
        )


def _check_one_plane_format(slices: Sequence[Slice]) -> None:
    """One orientation, one matrix, one pixel spacing: to a twentieth of a mm at the far corner."""
    reach = max(max(s.rows, s.columns) * max(s.pixel_spacing_mm or (0.0,)) for s in slices)
    common = _majority(slices, lambda s: tuple(np.round(s.orientation or (), 4)))
    usual = np.array(common.orientation)
    turned = [
        s
        for s in slices
        if np.abs(np.array(s.orientation) - usual).max() * reach > GRID_TOLERANCE_MM
    ]
    if turned:
        raise GeometryError(
            f"{named(turned)} of {len(slices)}: oriented otherwise than the rest (localizers, "
            "reformatted views or several stacks in one series). Export each orientation as a "
            "series of its own.",
            code="orientation_mixed",
        )
    common = _majority(slices, lambda s: (s.rows, s.columns, s.pixel_spacing_mm))
    n, spacing = (common.rows, common.columns), np.array(common.pixel_spacing_mm)
    other = [
        s
        for s in slices
        if (s.rows, s.columns) != n
        or (np.abs(np.array(s.pixel_spacing_mm) - spacing) * n).max() > GRID_TOLERANCE_MM
    ]
    if other:
        raise GeometryError(
            f"{named(other)} of {len(slices)}: another matrix or pixel spacing than the rest "
            f"({n[0]} rows, {n[1]} columns, {spacing[0]:g} x {spacing[1]:g} mm), so several "
            "reconstructions in one series. Export each as a series of its own.",
            code="grid_mixed",
        )


def _without_copies(
    slices: list[Slice],
    normal: np.ndarray,
    same_pixels: Callable[[Slice, Slice], bool],
    findings: list[Finding],
) -> list[Slice]:
    """Drop what is there twice; refuse what only lies at the same place."""
    kept: list[Slice] = []
    sharing: list[tuple[Slice, Slice]] = []
    for s in slices:
        if kept and _along(s, normal) - _along(kept[-1], normal) <= SAME_POSITION_MM:
            sharing.append((kept[-1], s))
        else:
            kept.append(s)

    def clash(a: Slice, b: Slice) -> bool:
        shift = np.abs(np.subtract(a.position_mm or (), b.position_mm or ())).max()
        return bool(shift > SAME_POSITION_MM) or not same_pixels(a, b)

    # one clash is enough to refuse; a series of ten phases is not read to count them
    first = next((pair for pair in sharing if clash(*pair)), None)
    if first is not None:
        differing = [
            keyword
            for keyword, _ in slices[0].traits
            if any(a.trait(keyword) != b.trait(keyword) for a, b in sharing)
        ]
        how = f" They differ in {', '.join(differing)}." if differing else ""
        all_sharing = list(dict.fromkeys(s for pair in sharing for s in pair))
        raise GeometryError(
            f"{named(all_sharing)}: {len(sharing)} of {len(slices)} slices lie where another one "
            f"already is, and {named(first)} hold different values: several phases, echoes or "
            f"reconstructions in one series, or two series under one identifier.{how} Export "
            "each as a series of its own.",
            code="slices_overlap",
        )
    copies = [s for _, s in sharing]
    if copies:
        findings.append(
            Finding(
                "duplicate_slices",
                "info",
                f"{named(copies)}: the same values at the same position as another object of the "
                "series; each is used once.",
                measured=f"{len(copies)} copies",
            )
        )
    return kept


def _along(s: Slice, normal: np.ndarray) -> float:
    return float(np.dot(s.position_mm or (), normal))


def _axes(s: Slice) -> np.ndarray:
    """Return the unit vectors along rows, columns and the normal, as rows of a matrix."""
    row, column = np.reshape(s.orientation or (), (2, 3)).astype(float)
    row = row / np.linalg.norm(row)
    normal = np.cross(row, column)
    normal = normal / np.linalg.norm(normal)
    return np.array([row, np.cross(normal, row), normal]) + 0.0  # no negative zeros


def _majority(slices: Sequence[Slice], key: Callable[[Slice], object]) -> Slice:
    usual, _ = Counter(key(s) for s in slices).most_common(1)[0]
    return next(s for s in slices if key(s) == usual)


def _minority(slices: Sequence[Slice], key: Callable[[Slice], object]) -> list[Slice]:
    usual = key(_majority(slices, key))
    return [s for s in slices if key(s) != usual]
