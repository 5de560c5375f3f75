"""The tumour in three planes: contour, scale, sides, and where the network looked."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.overlay import PLANES, Overlay
from tumor_response.features.deep.views import WINDOWS_HU
from tumor_response.features.deep.views.planes import PatientGrid
from tumor_response.features.deep.views.plot import LETTERS, draw_letters, draw_scale
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.features.deep.views.settings import Plane, Range
from tumor_response.imaging.volume import tumour_box
from tumor_response.style import COLOURS, figure_style, mm_to_inch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Picture", "Window", "pictures_of", "window_for"]

SIDE_MM, SIDE_OF_SIX_MM = 58.0, 42.0
"""For three pictures and for six, so that letters are as large on the paper."""

SIDE_PX = 434
_POINTS = 320
FIELD_MM = (60.0, 400.0)
"""Smallest and largest side of what is shown; in between, the tumour and 20 mm around it."""

_AROUND_MM = 40.0


@dataclass(frozen=True)
class Picture:
    """One plane as the page embeds it.

    Parameters
    ----------
    source
        Data URI of a PNG.
    plane
    alt
        What a reader who does not see it is told.
    is_map
        Whether it shows attention.
    """

    source: str
    plane: str
    alt: str
    is_map: bool = False


@dataclass(frozen=True)
class Window:
    """Intensities drawn black and white, and what they are called.

    Examples
    --------
    >>> Window("soft tissue", (-160.0, 240.0), "HU").words
    'soft tissue, −160 to 240 HU'
    """

    name: str
    ends: Range
    unit: str = "HU"

    @property
    def words(self) -> str:
        """Return the name with the ends."""
        low, high = (f"{end:.3g}".replace("-", "−") for end in self.ends)
        return f"{self.name}, {low} to {high} {self.unit}".strip()


def window_for(
    asked: str | Range | None,
    shown: Range | None,
    image: sitk.Image,
    mask: sitk.Image,
    *,
    in_hu: bool,
) -> Window:
    """Return the window to draw an image in.

    Parameters
    ----------
    asked
        By the user: a name of ``WINDOWS_HU``, or two numbers; None: nothing.
    shown
        What the network was shown; None: there is none.
    image, mask
        Of a case without HU the 1st to the 99th percentile around its tumour.
    in_hu
        Whether the image is held to be in HU.
    """
    unit = "HU" if in_hu else ""
    if isinstance(asked, str):
        return Window(asked.replace("_", " "), WINDOWS_HU[asked])
    ends = asked or shown
    if ends is not None:
        named = [name for name, known in WINDOWS_HU.items() if known == tuple(ends)]
        own = "as asked" if asked is not None else "as the network saw it"
        return Window(named[0].replace("_", " ") if named else own, (ends[0], ends[1]), unit)
    if in_hu:
        return Window("soft tissue", WINDOWS_HU["soft_tissue"])
    box = tumour_box(mask)
    part = image[tuple(slice(max(0, low - 20), high + 21) for low, high in box)]
    low, high = np.percentile(sitk.GetArrayViewFromImage(part), (1, 99))
    return Window("1st to 99th percentile", (float(low), float(max(high, low + 1))), "")


def pictures_of(
    image: sitk.Image,
    mask: sitk.Image,
    window: Window,
    looked: BoxedMap | None,
    label: str = "",
) -> list[Picture]:
    """Draw a tumour in three planes, and once more with a map where there is one.

    Parameters
    ----------
    image, mask
        On one grid.
    window
        Of the grey values.
    looked
        Attention on the same grid; None: there is none.
    label
        What the map is.
    """
    side_mm = _side_mm(mask)
    overlay = None
    if looked is not None:
        scaled = Overlay.scaled(looked, image, mask, window.ends, label=label)
        overlay = replace(scaled, field_mm=side_mm)
    # the middle may lie between two slices that were shown, and would have no map
    middle = _centre(mask) if overlay is None else overlay.centre()
    paper_mm = SIDE_MM if overlay is None else SIDE_OF_SIX_MM
    patient = PatientGrid.of(image)

    def plain(ax: Axes, plane: Plane) -> None:
        grid = PlaneGrid(middle, *patient.seen(plane), side_mm, _POINTS, parts=1)
        _draw(ax, grid, plane, image, mask, window)

    drawn = [
        Picture(
            _png(partial(plain, plane=plane), paper_mm),
            plane,
            f"{plane.capitalize()} plane through the tumour with its contour, {side_mm:.0f} mm "
            f"wide, window {window.words}.",
        )
        for plane in PLANES
    ]
    if overlay is None:
        return drawn
    return drawn + [
        Picture(
            _png(partial(overlay.draw, plane=plane, middle_mm=middle), paper_mm),
            plane,
            f"The same {plane} plane under the map of attention ({label}).",
            is_map=True,
        )
        for plane in PLANES
    ]


def _draw(
    ax: Axes, grid: PlaneGrid, plane: Plane, image: sitk.Image, mask: sitk.Image, window: Window
) -> None:
    grey, beyond = grid.intensities(image)
    low, high = window.ends
    ax.imshow(
        np.where(beyond, low, grey), cmap="gray", vmin=low, vmax=high, interpolation="nearest"
    )
    inside = grid.inside(mask)
    if inside.any() and not inside.all():
        # light on dark, so that it shows in black and white as well
        for colour, width in (("black", 2.0), (COLOURS[5], 1.0)):
            ax.contour(inside.astype(np.float64), levels=[0.5], colors=colour, linewidths=width)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    draw_letters(ax, LETTERS[plane])
    draw_scale(ax, grid.side_mm, _POINTS)


def _png(draw: Callable[[Axes], object], side_mm: float) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with figure_style():
        figure: Figure = Figure(figsize=(mm_to_inch(side_mm), mm_to_inch(side_mm)))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        draw(axes)
        buffer = io.BytesIO()
        # no software and no date: the same case gives the same bytes
        figure.savefig(
            buffer, format="png", dpi=SIDE_PX / mm_to_inch(side_mm), metadata={"Software": None}
        )
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _centre(mask: sitk.Image) -> npt.NDArray[np.float64]:
    """Return the middle of the contour's voxel that is nearest to its centre, LPS in mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
    spacing = np.array(mask.GetSpacing())
    away = (((index - index.mean(axis=0)) * spacing) ** 2).sum(axis=1)
    nearest = [int(v) for v in index[away.argmin()]]
    return np.array(mask.TransformIndexToPhysicalPoint(nearest))


def _side_mm(mask: sitk.Image) -> float:
    spacing = mask.GetSpacing()
    extents = [
        (high - low + 1) * s for (low, high), s in zip(tumour_box(mask), spacing, strict=True)
    ]
    return float(np.clip(max(extents) + _AROUND_MM, *FIELD_MM))
