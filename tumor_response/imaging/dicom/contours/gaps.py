"""Slices between contours that have none: filled between their neighbours, on request alone.

Shape-based interpolation (Raya and Udupa, *IEEE Trans Med Imaging* 1990; 9: 32-42; Herman, Zheng
and Bucholtz, *IEEE Comput Graph Appl* 1992; 12: 69-79): on both neighbouring slices every pixel
gets its distance to the outline, positive inside; in between, the distances are interpolated
linearly, and what is not negative is inside. A disc of 10 mm and one of 6 mm have one of 8 mm in
the middle. Cross sections that lie apart from each other have nothing in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from tumor_response.imaging.dicom.contours.contours import index_runs
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry

__all__ = ["between", "gaps"]


def between(
    lower: np.ndarray, upper: np.ndarray, n_between: int, spacing_mm: tuple[float, float]
) -> np.ndarray:
    """Return the slices between two cross sections.

    Parameters
    ----------
    lower, upper
        Cross sections, bool, rows by columns, both with at least one pixel.
    n_between
        How many slices lie between them, at equal distances.
    spacing_mm
        Distance between rows and between columns, mm.

    Returns
    -------
    numpy.ndarray
        bool, shape (n_between, rows, columns).

    Examples
    --------
    >>> import numpy as np
    >>> wide, narrow = np.zeros((1, 9), bool), np.zeros((1, 9), bool)
    >>> wide[0, 1:8] = narrow[0, 3:6] = True
    >>> between(wide, narrow, 1, (1.0, 1.0)).astype(int)
    array([[[0, 0, 1, 1, 1, 1, 1, 0, 0]]])
    """
    found = np.zeros((n_between, *lower.shape), dtype=bool)
    rows, columns = np.nonzero(lower | upper)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    low, high = _depth_mm(lower[box], spacing_mm), _depth_mm(upper[box], spacing_mm)
    for i in range(n_between):
        share = (i + 1) / (n_between + 1)
        # nothing beyond the two outlines is ever inside, so that the box is enough
        found[i][box] = (1 - share) * low + share * high >= 0
    return found


def gaps(
    volume: np.ndarray,
    drawn: Sequence[int],
    grid: Geometry,
    what: str,
    *,
    fill: bool,
    declared: bool,
) -> list[Finding]:
    """Tell which slices between contours have none, and fill them where that was asked for.

    Parameters
    ----------
    volume
        0 and 1, slices by rows by columns; filled in place.
    drawn
        Indices of the slices with contours, sorted.
    grid
        The voxel grid.
    what
        How to name the structure in messages.
    fill
        Whether to fill.
    declared
        Whether the file says that its gaps are gaps.

    Returns
    -------
    list of Finding
        ``contour_gap`` (an error where every n-th slice is drawn throughout) or
        ``contour_gap_filled``; none where there are no gaps.
    """
    steps = np.diff(drawn)
    missing = [k for a, b in itertools.pairwise(drawn) for k in range(a + 1, b)]
    if not missing:
        return []
    n_span = drawn[-1] - drawn[0] + 1
    measured = f"{len(missing)} of {n_span} slices"
    if not fill:
        # every second slice and the like: the rest was left to the planning system to fill
        regular = len(drawn) > 2 and len(set(steps.tolist())) == 1 and not declared
        return [
            Finding(
                "contour_gap",
                "info" if declared else "error" if regular else "warning",
                f"{what}: slice indices {index_runs(missing)} lie between contours and have none"
                + (f"; it is drawn on every {_ordinal(int(steps[0]))} slice." if regular else ".")
                + (" The file declares them as gaps." if declared else ""),
                measured=measured,
                limit="0",
                remedy="" if declared else "Draw them, or ask for fill_gaps=True.",
            )
        ]
    empty = 0
    for a, b in itertools.pairwise(drawn):
        if b - a > 1 and volume[a].any() and volume[b].any():
            volume[a + 1 : b] = between(
                volume[a].astype(bool),
                volume[b].astype(bool),
                b - a - 1,
                (grid.spacing_mm[1], grid.spacing_mm[0]),
            )
        empty += sum(not volume[k].any() for k in range(a + 1, b))
    apart = f"; {empty} stay empty, because these lie apart from each other" if empty else ""
    return [
        Finding(
            "contour_gap_filled",
            "info",
            f"{what}: slice indices {index_runs(missing)} have no contours and were filled "
            f"between their neighbours, as asked{apart}.",
            measured=measured,
        )
    ]


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")


def _depth_mm(region: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Return the distance to the outline, half-way between pixels, positive inside, mm."""
    padded = np.pad(region, 1)
    half = min(spacing_mm) / 2
    inner = distance_transform_edt(padded, sampling=spacing_mm)
    outer = distance_transform_edt(~padded, sampling=spacing_mm)
    depth = np.where(padded, inner - half, half - outer)
    return np.asarray(depth[1:-1, 1:-1])
