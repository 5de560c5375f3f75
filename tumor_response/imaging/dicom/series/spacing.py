"""Whether slices in order make a straight, evenly spaced stack, and at which spacing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from tumor_response.exceptions import GeometryError
from tumor_response.imaging.dicom.series.headers import Slice, named
from tumor_response.imaging.findings import Finding

__all__ = ["POSITION_TOLERANCE_MM", "SAME_POSITION_MM", "check_straight", "regular_spacing"]

POSITION_TOLERANCE_MM = 0.1
"""How far a slice may lie from its place on the regular grid (mm), along and across the normal.

Scanners exist that write positions to 0.1 mm: a regular grid then shows errors of half a step in
each position, and the grid drawn through its two ends is itself off by up to half a step. More
than that is no rounding. Never more than a tenth of the spacing, for thin slices.
"""

SAME_POSITION_MM = 0.01
"""Slices nearer to each other along the normal are at one position: no scanner steps so little."""

TILT_TOLERANCE_DEGREES = 0.5
"""Below this, a Gantry/Detector Tilt in the header is taken as none (it is written to 0.5)."""


def check_straight(slices: Sequence[Slice], positions: np.ndarray, axes: np.ndarray) -> None:
    """Refuse slices whose origins wander within the plane while the stack goes along its normal.

    Parameters
    ----------
    slices
        In their order along the normal.
    positions
        Their positions, shape (n, 3), mm.
    axes
        Unit vectors along rows, columns and the normal, shape (3, 3), as rows.

    Raises
    ------
    GeometryError
        Codes ``gantry_tilt`` and ``slices_shifted``.
    """
    along = (positions - positions[0]) @ axes[2]
    within = (positions - positions[0]) @ axes[:2].T  # mm along rows and columns
    share = (along / along[-1])[:, np.newaxis]
    off_line = np.linalg.norm(within - share * within[-1], axis=1)
    if off_line.max() > POSITION_TOLERANCE_MM:
        worst = [s for s, d in zip(slices, off_line, strict=True) if d > POSITION_TOLERANCE_MM]
        raise GeometryError(
            f"{named(worst)}: shifted within their plane by up to {off_line.max():.2f} mm "
            f"against a straight stack (allowed {POSITION_TOLERANCE_MM:g} mm). Export the series "
            "again with one field of view.",
            code="slices_shifted",
        )
    drift = float(np.linalg.norm(within[-1]))
    if drift > POSITION_TOLERANCE_MM:
        angle = np.degrees(np.arctan2(drift, along[-1]))
        raise _tilted(
            slices, f"each slice is shifted against the one before, {drift:.1f} mm in all", angle
        )
    # a scanner that tilts its gantry and writes untilted planes: the positions cannot be trusted
    told = max((abs(s.tilt_degrees) for s in slices), default=0.0)
    seen = np.degrees(np.arccos(np.clip(np.abs(axes[2]).max(), -1.0, 1.0)))
    original = "ORIGINAL" in slices[0].trait("ImageType").upper()
    if told > TILT_TOLERANCE_DEGREES and original and seen < TILT_TOLERANCE_DEGREES:
        raise _tilted(slices, "the header says so and the positions do not show it", told)


def _tilted(slices: Sequence[Slice], how: str, angle: float) -> GeometryError:
    return GeometryError(
        f"{named(slices)}: taken with a tilted gantry ({angle:.1f} degrees: {how}). A sheared "
        "volume has no voxel grid, and straightening it interpolates every value, which is left "
        "to the user: give a series reconstructed without tilt, or one resampled to an "
        "orthogonal grid.",
        code="gantry_tilt",
    )


def regular_spacing(slices: Sequence[Slice], at: np.ndarray, findings: list[Finding]) -> float:
    """Return the distance between slices in mm; refuse gaps and uneven steps.

    Parameters
    ----------
    slices
        In their order along the normal.
    at
        Their positions along it, shape (n,), mm.
    findings
        Where it is told that positions are rounded.

    Raises
    ------
    GeometryError
        Codes ``slice_missing`` (every gap is a multiple of the usual step) and ``slice_spacing``.
    """
    gaps = np.diff(at)
    step = statistics.median_low(gaps.tolist())
    tolerance = min(POSITION_TOLERANCE_MM, step / 10)
    whole = np.maximum(np.round(gaps / step), 1)
    uneven = np.abs(gaps - whole * step) > 2 * tolerance  # both ends may be rounded
    between = [
        (slices[k], slices[k + 1], float(gap), int(n), bool(bad))
        for k, (gap, n, bad) in enumerate(zip(gaps, whole, uneven, strict=True))
    ]
    if not uneven.any() and whole.max() > 1:
        lost = int((whole - 1).sum())
        where = [
            f"{n - 1} between slices {a.label} and {b.label} ({gap:.2f} mm apart)"
            for a, b, gap, n, _ in between
            if n > 1
        ]
        raise GeometryError(
            f"{lost} of {len(slices) + lost} slices are missing: {_some(where)}; the regular "
            f"step is {step:.2f} mm. Fetch the complete series from the archive.",
            code="slice_missing",
        )
    spacing = float(at[-1] - at[0]) / (len(slices) - 1)
    off = np.abs(at - at[0] - spacing * np.arange(len(slices)))
    if uneven.any() or off.max() > tolerance:
        where = [
            f"{gap:.2f} mm between slices {a.label} and {b.label}"
            for a, b, gap, _, bad in between
            if bad
        ] or [f"up to {off.max():.2f} mm off, most at slice {slices[int(off.argmax())].label}"]
        raise GeometryError(
            f"the slices are not evenly spaced: {_some(where)}; the usual step is {step:.2f} mm, "
            f"and a slice may lie {tolerance:.2g} mm off the regular grid. Have the series "
            "reconstructed with one increment.",
            code="slice_spacing",
        )
    if off.max() > SAME_POSITION_MM:
        findings.append(
            Finding(
                "slice_positions_rounded",
                "info",
                f"slice positions lie up to {off.max():.3f} mm off the regular grid they are put "
                "on.",
                measured=f"{off.max():.3f} mm",
                limit=f"{tolerance:g} mm",
            )
        )
    return spacing


def _some(parts: list[str], limit: int = 5) -> str:
    rest = len(parts) - limit
    return ", ".join(parts[:limit]) + (f" and {rest} more" if rest > 0 else "")
