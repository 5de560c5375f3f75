"""Figures of attention maps: a lesion's best slice, three planes, a sheet of many lesions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import Cohort
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import Key
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.attention.overlay import PLANES, Overlay
from tumor_response.features.deep.views import WINDOWS_HU, ViewSettings
from tumor_response.features.deep.views.settings import Range
from tumor_response.style import (
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    figure_of,
    figure_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["draw_contact_sheet", "draw_lesion", "window_of"]

_PER_LINE = 6
_TITLE_MM = 7.0


def window_of(views: ViewSettings, image: sitk.Image) -> Range:
    """Return the intensities to draw black and white: those that the network was shown.

    Of three windows the first; without one, the first and the last hundredth of the image.

    Examples
    --------
    >>> window_of(ViewSettings(window_hu="lung"), sitk.Image(2, 2, 2, sitk.sitkInt16))
    (-1350.0, 150.0)
    """
    window: Any = views.window_hu or views.suv
    if window is None:
        low, high = np.percentile(sitk.GetArrayViewFromImage(image), (1, 99))
        return float(low), float(max(high, low + 1))
    return window[0] if isinstance(window[0], tuple) else window


def draw_lesion(
    maps: AttentionMaps,
    key: Key | str,
    cohort: Cohort,
    *,
    planes: Literal["best", "three"] = "best",
    window: Range | str | None = None,
    largest: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Axes | tuple[Axes, ...]:
    """Draw one lesion; see :meth:`AttentionMaps.plot`."""
    if planes not in ("best", "three"):
        raise ExplanationError(f"planes={planes!r}: expected 'best' or 'three'.", code="settings")
    overlay = _overlay(maps, maps.case(key).key, cohort, window, largest)
    with figure_style():
        axes = _axes(ax, 1 if planes == "best" else 3)
        if planes == "best":
            plane, middle = overlay.best()
            overlay.draw(axes[0], plane, middle)
            axes[0].set_title(plane, loc="center")
        else:
            middle = overlay.centre()
            for one, name in zip(axes, PLANES, strict=True):
                overlay.draw(one, name, middle)
                one.set_title(name, loc="center")
        bar = figure_of(axes).colorbar(overlay.colours(), ax=axes, shrink=0.8, label=overlay.label)
        bar.outline.set_linewidth(0.4)
    return axes[0] if planes == "best" else tuple(axes)


def draw_contact_sheet(
    maps: AttentionMaps,
    cohort: Cohort,
    *,
    keys: Sequence[Key] | None = None,
    per_line: int = _PER_LINE,
    window: Range | str | None = None,
    names: bool = False,
    figure: Figure | SubFigure | None = None,
) -> tuple[Axes, ...]:
    """Draw many lesions; see :meth:`AttentionMaps.contact_sheet`."""
    number_of = {key: number for number, key in enumerate(maps, 1)}
    chosen = list(maps) if keys is None else [maps.case(key).key for key in keys]
    if not chosen or per_line < 1:
        raise ExplanationError(
            f"contact_sheet: {len(chosen)} lesions, per_line={per_line!r}: expected 1 or more of "
            "both.",
            code="settings",
        )
    columns = min(per_line, len(chosen))
    lines = -(-len(chosen) // columns)
    width_mm = SINGLE_COLUMN_MM if columns == 1 else DOUBLE_COLUMN_MM
    side_mm = width_mm / columns
    with figure_style():
        if figure is None:
            figure = new_figure(width_mm, lines * (side_mm + _TITLE_MM))
        axes = figure.subplots(lines, columns, squeeze=False)
        for ax in axes.flat[len(chosen) :]:
            ax.remove()
        for ax, key in zip(axes.flat, chosen, strict=False):
            overlay = _overlay(maps, key, cohort, window, None)
            overlay.draw(ax, *overlay.best(), marked=False)
            name = key[0] if key[1] == "1" else "/".join(key)
            name = name if names else f"{number_of[key]}"
            output, side = maps[key].output, overlay.side_mm
            ax.set_title(f"{name}\n{output:+.2f}, {side:.0f} mm", loc="left")
    return tuple(axes.flat[: len(chosen)])


def _overlay(
    maps: AttentionMaps,
    key: Key,
    cohort: Cohort,
    window: Range | str | None,
    largest: float | None,
) -> Overlay:
    """Return a lesion's map over its CT."""
    case = next((case for case in cohort if case.key == key), None)
    if case is None:
        raise ExplanationError(
            f"The cohort has no lesion {key!r}; give the cohort that the maps are of.",
            code="unknown_lesion",
        )
    image = case.read_image()
    return Overlay.scaled(
        maps[key].box,
        image,
        case.read_mask(),
        _window(window, maps.views, image),
        label=f"{maps.method.replace('_', ' ')} of {maps.model}",
        largest=largest,
    )


def _window(given: Range | str | None, views: ViewSettings, image: sitk.Image) -> Range:
    if given is None:
        return window_of(views, image)
    if isinstance(given, str):
        if given not in WINDOWS_HU:
            raise ExplanationError(
                f"window={given!r}: expected two numbers or one of {', '.join(WINDOWS_HU)}.",
                code="settings",
            )
        return WINDOWS_HU[given]
    return given


def _axes(ax: Axes | Sequence[Axes] | None, n: int) -> list[Axes]:
    """Return the axes to draw on: those given, or new ones."""
    if ax is None:
        size = (SINGLE_COLUMN_MM, 72.0) if n == 1 else (DOUBLE_COLUMN_MM, 62.0)
        return list(new_figure(*size).subplots(1, n, squeeze=False).flat)
    given = list(ax) if isinstance(ax, Sequence | np.ndarray) else [ax]
    if len(given) != n:
        raise ExplanationError(f"plot: {len(given)} axes, expected {n}.", code="settings")
    return given
