"""A figure of the very pixels that a network gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views.augmentation import AugmentationDraw
from tumor_response.features.deep.views.cut import cut_views
from tumor_response.features.deep.views.result import CutViews
from tumor_response.features.deep.views.settings import ViewSettings
from tumor_response.style import (
    CONTOUR,
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    figure_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["LETTERS", "draw_letters", "draw_scale", "plot_views"]

Array = npt.NDArray[np.float32]

_PER_LINE = 5
_TITLE_MM = 4.5
LETTERS = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
"""What lies to the left, right, top and bottom of a view."""


def plot_views(
    case: BaselineCase | Case,
    settings: ViewSettings | None = None,
    *,
    size_px: int = 224,
    contour: Literal["none", "over", "beside"] = "none",
    augmentation_draw: AugmentationDraw | None = None,
    figure: Figure | SubFigure | None = None,
) -> tuple[Axes, ...]:
    """Draw what a network is shown of a tumour: every pixel as it is, black 0 and white 1.

    Parameters
    ----------
    case
        The case; of a :class:`Case` with a follow-up the baseline is drawn.
    settings
        What to cut; ``None``: the defaults.
    size_px
        Side of each view in pixels: the network's input.
    contour
        ``"none"``: the pixels alone; ``"over"``: the tumour's outline over them; ``"beside"``: the
        views once more below with the outline.
    augmentation_draw
        How the views are moved about.
    figure
        A figure, or a part of one, for the axes; a new figure by default.

    Returns
    -------
    tuple of matplotlib.axes.Axes
        One image for each view and channel, channels below each other, in reading order. Letters
        say where the patient's right, left, anterior, posterior, superior and inferior are.

    Raises
    ------
    FeatureError
        As :func:`tumor_response.features.deep.views.cut_views`; code ``settings`` for another
        ``contour``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, SimpleITK as sitk, tumor_response as tr
    >>> image = sitk.Image(16, 16, 8, sitk.sitkInt16)
    >>> mask = sitk.Image(16, 16, 8, sitk.sitkUInt8); mask[8, 8, 4] = 1; image[8, 8, 4] = 100
    >>> case = tr.BaselineCase("P1", "1", image, mask)
    >>> panels = plot_views(case, tr.ViewSettings(slices="orthogonal", margin_mm=3), size_px=32)
    >>> [ax.get_title() for ax in panels]
    ['axial, 0.0 cm²', 'sagittal, 0.0 cm²', 'coronal, 0.0 cm²']
    >>> plt.close(panels[0].figure)
    """
    if contour not in ("none", "over", "beside"):
        raise FeatureError(
            f"plot_views: contour={contour!r}: expected 'none', 'over' or 'beside'.",
            code="settings",
        )
    baseline = case.baseline if isinstance(case, Case) else case
    views = cut_views(
        baseline.image, baseline.mask, settings or ViewSettings(), size_px, augmentation_draw
    )
    turned = augmentation_draw is not None and augmentation_draw != AugmentationDraw(
        shift_mm=augmentation_draw.shift_mm
    )
    return _drawn(views, contour, figure, lettered=not turned)


def _drawn(
    views: CutViews, contour: str, figure: Figure | SubFigure | None, *, lettered: bool
) -> tuple[Axes, ...]:
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    n_views, n_channels = views.pixels.shape[:2]
    per_line = min(n_views, _PER_LINE)
    rows = n_channels + (contour == "beside") * n_channels  # of one line of views
    n_lines = -(-n_views // per_line)
    width_mm = SINGLE_COLUMN_MM if per_line == 1 else DOUBLE_COLUMN_MM
    side_mm = width_mm / per_line
    with figure_style():
        if figure is None:
            made = new_figure(width_mm, n_lines * (rows * side_mm + _TITLE_MM) + 1)
            made.set_layout_engine(
                ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.03, wspace=0.02, hspace=0.0)
            )
            figure = made
        axes = figure.subplots(n_lines * rows, per_line, squeeze=False)
        drawn: list[Axes] = []
        for place in np.ndindex(axes.shape):
            line, row = divmod(place[0], rows)
            view = line * per_line + place[1]
            ax: Any = axes[place]
            if view >= n_views:
                ax.remove()
                continue
            drawn.append(ax)
            _draw_pixels(ax, views.pixels[view, row % n_channels])
            if contour == "over" or row >= n_channels:
                _draw_outline(ax, views.tumour[view])
            if row == 0:
                told = f"{views.planes[view]}, {views.areas_mm2[view] / 100:.1f} cm²"
                ax.set_title(told, loc="center")
                if lettered:
                    draw_letters(ax, LETTERS[views.planes[view]])
        draw_scale(axes[0, 0], views.side_mm, views.pixels.shape[-1])
    return tuple(drawn)


def _draw_pixels(ax: Axes, pixels: Array) -> None:
    ax.imshow(pixels, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _draw_outline(ax: Axes, tumour: Array) -> None:
    if tumour.min() < 0.5 <= tumour.max():
        ax.contour(tumour, levels=[0.5], colors=CONTOUR, linewidths=0.8)


def draw_letters(ax: Axes, letters: str) -> None:
    """Write what lies to the left, right, top and bottom at the borders of an image."""
    places = [(0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02)]
    alignments = [("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom")]
    for letter, place, (ha, va) in zip(letters, places, alignments, strict=True):
        _write(ax, place, letter, ha, va)


def draw_scale(ax: Axes, side_mm: float, size_px: int) -> None:
    """Draw a bar of a round length that ends before the letter in the middle."""
    from matplotlib.patheffects import withStroke

    lengths = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
    length = max(mm for mm in lengths if mm <= 0.4 * side_mm)
    left, width = 0.05, length / side_mm
    ax.plot(
        [left, left + width],
        [0.05, 0.05],
        transform=ax.transAxes,
        color="white",
        linewidth=1.8,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=3.4, foreground="black")],
    )
    _write(ax, (left + width / 2, 0.07), f"{length:g} mm", "center", "bottom")
    ax.set(xlim=(-0.5, size_px - 0.5), ylim=(size_px - 0.5, -0.5))


def _write(ax: Axes, place: tuple[float, float], text: str, ha: str, va: str) -> None:
    from matplotlib.patheffects import withStroke

    ax.text(
        *place,
        text,
        transform=ax.transAxes,
        ha=ha,
        va=va,
        color="white",
        path_effects=[withStroke(linewidth=1.5, foreground="black")],
    )
