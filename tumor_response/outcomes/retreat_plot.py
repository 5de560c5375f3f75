"""Where a lesion gave way: its outline in three planes, coloured by the retreat in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import cKDTree

from tumor_response.exceptions import OutcomeError
from tumor_response.imaging import Geometry, voxel_count
from tumor_response.style import DOUBLE_COLUMN_MM, figure_of, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection

__all__ = ["plot_retreat"]

Array = npt.NDArray[np.float64]

WINDOW_HU = (-160.0, 240.0)
"""Centre 40, width 400: soft tissue."""

STEP_MM = 0.5
"""Side of a drawn pixel."""

MARGIN_MM = 12.0
"""Shown around the tumour."""

COLOUR_MAP = "PuOr_r"
"""Diverging, and told apart with every common colour vision deficiency (ColorBrewer)."""

# name, axis of the patient (LPS: x, y, z) across the plane, along its columns and along its rows,
# letters on the left, right, top and bottom as radiologists look at it
PLANES = (
    ("axial", 2, 0, 1, "RLAP"),
    ("coronal", 1, 0, 2, "RLSI"),
    ("sagittal", 0, 1, 2, "APSI"),
)


def plot_retreat(
    image: sitk.Image,
    mask: sitk.Image,
    retreat_map: sitk.Image,
    *,
    window: tuple[float, float] = WINDOW_HU,
    largest_mm: float | None = None,
    ax: Sequence[Axes] | None = None,
) -> tuple[Axes, ...]:
    """Draw the retreat of a lesion's surface in the axial, coronal and sagittal plane.

    The planes go through the voxel of the lesion nearest to its centre, along the patient's axes
    whatever the grid's are. The patient's right is on the left of the first two; the third looks
    from the patient's left.

    Parameters
    ----------
    image, mask
        Baseline image and lesion, on one grid.
    retreat_map
        In mm on the same grid, positive where the surface moved inwards; read at the lesion's
        surface voxels, NaN where unknown.
    window
        Values shown black and white; HU for CT.
    largest_mm
        End of the colour scale; default the largest retreat or advance there is. Give the same
        number to compare figures.
    ax
        Three axes of one figure to draw on; default a new figure.

    Returns
    -------
    tuple of matplotlib.axes.Axes
        The three.

    Raises
    ------
    OutcomeError
        If the grids differ, the mask is empty, the map has no number on the surface, or ``ax`` is
        not three axes.

    Examples
    --------
    >>> import tempfile, tumor_response as tr, SimpleITK as sitk
    >>> folder = tempfile.mkdtemp()
    >>> case = next(iter(tr.simulate_cohort(1, seed=1, directory=folder)))
    >>> retreat = sitk.ReadImage(f"{folder}/truth/P0001_1_retreat.nii.gz")
    >>> panels = tr.plot_retreat(case.read_image(), case.read_mask(), retreat)
    >>> [ax.get_title() for ax in panels]
    ['axial', 'coronal', 'sagittal']
    """
    _check(image, mask, retreat_map, ax)
    surface = _surface(mask, retreat_map)
    limit = float(np.abs(surface.retreat_mm).max()) if largest_mm is None else largest_mm
    if not (np.isfinite(limit) and limit > 0):
        limit = 1.0  # nothing moved: all in the middle of the scale
    with figure_style():
        axes = _axes(ax)
        centre, half = _middle(mask)
        for axis, (name, across, along, up, letters) in zip(axes, PLANES, strict=True):
            grey, inside = _plane(image, mask, centre, half, across, window[0])
            extent = (-half, half, -half, half)
            if across == 2:  # rows run towards the back: down on the screen
                grey, inside = grey[::-1], inside[::-1]
            axis.imshow(
                grey,
                cmap="gray",
                vmin=window[0],
                vmax=window[1],
                origin="lower",
                extent=extent,
                interpolation="bilinear",
            )
            coloured = _outline(axis, inside, half, centre, (across, along, up), surface, limit)
            _letters(axis, letters)
            axis.set_title(name, loc="center")
            axis.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[], aspect="equal")
            for spine in axis.spines.values():
                spine.set_visible(False)
        _scale_bar(axes[0], half)
        bar = figure_of(axes).colorbar(
            coloured, ax=axes, orientation="horizontal", shrink=0.5, aspect=40, pad=0.02
        )
        bar.set_label("retreat of the surface (mm), positive = inwards")
        bar.outline.set_linewidth(0.4)
    return tuple(axes)


@dataclass(frozen=True)
class _Surface:
    """Surface voxels with a known retreat: their places (LPS, mm) and values."""

    tree: cKDTree
    retreat_mm: Array
    reach_mm: float


def _check(
    image: sitk.Image, mask: sitk.Image, retreat_map: sitk.Image, ax: Sequence[Axes] | None
) -> None:
    grid = Geometry.of(mask)
    for name, other in (("image", image), ("retreat_map", retreat_map)):
        differences = Geometry.of(other).differences(grid)
        if differences:
            raise OutcomeError(
                f"plot_retreat: {name} and mask lie on different grids ({'; '.join(differences)}); "
                "all three have to be on the baseline's.",
                code="geometry_mismatch",
            )
    if voxel_count(mask) == 0:
        raise OutcomeError("plot_retreat: the mask has no voxel.", code="mask_empty")
    if ax is not None and len(ax) != len(PLANES):
        raise OutcomeError(f"plot_retreat: ax holds {len(ax)} axes; expected {len(PLANES)}.")


def _surface(mask: sitk.Image, retreat_map: sitk.Image) -> _Surface:
    inside = sitk.GetArrayViewFromImage(mask) != 0
    values = sitk.GetArrayFromImage(retreat_map).astype(np.float64)
    on_surface = inside & ~ndimage.binary_erosion(inside) & np.isfinite(values)
    if not on_surface.any():
        raise OutcomeError("plot_retreat: the map has no number on the lesion's surface.")
    index = np.argwhere(on_surface)[:, ::-1]
    places = _places(mask, index)
    # a point of the outline lies within a voxel's diagonal of the surface voxel it belongs to
    reach = float(np.linalg.norm(mask.GetSpacing()))
    return _Surface(cKDTree(places), values[on_surface], reach)


def _places(mask: sitk.Image, index: npt.NDArray[np.int64]) -> Array:
    direction = np.array(mask.GetDirection()).reshape(3, 3)
    steps = index * np.array(mask.GetSpacing())
    return np.asarray(np.array(mask.GetOrigin()) + steps @ direction.T)


def _middle(mask: sitk.Image) -> tuple[Array, float]:
    """Return the place of the voxel nearest to the lesion's centre, and half the side to show."""
    places = _places(mask, np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1])
    middle = places.mean(axis=0)
    centre = places[((places - middle) ** 2).sum(axis=1).argmin()]
    return centre, float(np.abs(places - centre).max()) + MARGIN_MM


def _plane(
    image: sitk.Image, mask: sitk.Image, centre: Array, half: float, across: int, outside: float
) -> tuple[Array, Array]:
    """Return grey values and share of tumour on a plane across one axis of the patient."""
    n = 2 * round(half / STEP_MM) + 1
    size = [n, n, n]
    size[across] = 1
    step = 2 * half / n
    origin = [float(c) - (k - 1) / 2 * step for c, k in zip(centre, size, strict=True)]
    grid = (size, sitk.Transform(), sitk.sitkLinear, origin, [step] * 3, np.eye(3).ravel().tolist())
    grey = sitk.Resample(image, *grid, outside, sitk.sitkFloat32)
    share = sitk.Resample(sitk.Cast(mask, sitk.sitkFloat32), *grid, 0.0, sitk.sitkFloat32)
    flat = [sitk.GetArrayFromImage(one).squeeze(axis=2 - across) for one in (grey, share)]
    return flat[0].astype(np.float64), flat[1].astype(np.float64)


def _outline(
    axis: Axes,
    inside: Array,
    half: float,
    centre: Array,
    axes_of_plane: tuple[int, int, int],
    surface: _Surface,
    limit: float,
) -> LineCollection:
    """Draw the outline in pieces, each in the colour of the nearest surface voxel's retreat."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import TwoSlopeNorm

    across, along, up = axes_of_plane
    n = len(inside)
    ticks = (np.arange(n) - (n - 1) / 2) * (2 * half / n)
    # a dark seam keeps the pale middle of the scale apart from bright tissue
    seam = axis.contour(ticks, ticks, inside, levels=[0.5], colors="black", linewidths=3.4)
    lines = [np.asarray(line) for line in seam.allsegs[0]]
    segments = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])
    middles = segments.mean(axis=1)
    places = np.empty((len(segments), 3))
    places[:, across] = centre[across]
    places[:, along] = centre[along] + middles[:, 0]
    # in the axial plane up is the front, which is where LPS's y falls
    places[:, up] = centre[up] + (-middles[:, 1] if across == 2 else middles[:, 1])
    distance, nearest = surface.tree.query(places)
    values = np.where(distance <= surface.reach_mm, surface.retreat_mm[nearest], np.nan)
    coloured = LineCollection(
        list(segments),
        array=np.ma.masked_invalid(values),
        cmap=COLOUR_MAP,
        norm=TwoSlopeNorm(0.0, -limit, limit),
        linewidths=2.2,
        capstyle="round",
    )
    axis.add_collection(coloured)
    return coloured


def _letters(axis: Axes, letters: str) -> None:
    from matplotlib.patheffects import withStroke

    places = [(0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02)]
    alignments = [("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom")]
    for letter, place, (ha, va) in zip(letters, places, alignments, strict=True):
        axis.text(
            *place,
            letter,
            transform=axis.transAxes,
            ha=ha,
            va=va,
            color="white",
            path_effects=[withStroke(linewidth=1.5, foreground="black")],
        )


def _scale_bar(axis: Axes, half: float) -> None:
    from matplotlib.patheffects import withStroke

    length = 20.0 if half > 30 else 10.0
    left, bottom = -0.92 * half, -0.88 * half
    seam = [withStroke(linewidth=3.5, foreground="black")]
    axis.plot(
        [left, left + length],
        [bottom, bottom],
        color="white",
        linewidth=1.8,
        solid_capstyle="butt",
        path_effects=seam,
    )
    axis.text(
        left + length / 2,
        bottom + 0.03 * half,
        f"{length:g} mm",
        color="white",
        ha="center",
        va="bottom",
        path_effects=[withStroke(linewidth=1.5, foreground="black")],
    )


def _axes(ax: Sequence[Axes] | None) -> list[Axes]:
    if ax is not None:
        return list(ax)
    return list(new_figure(DOUBLE_COLUMN_MM, 76.0).subplots(1, len(PLANES)))
