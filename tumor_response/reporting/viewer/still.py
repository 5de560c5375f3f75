"""One slice of an excerpt as a picture: what a page shows without its script, and on paper."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.features.deep.views.settings import Range
from tumor_response.reporting.viewer.excerpt import SHOWN, TUMOUR, Excerpt

__all__ = ["ACROSS", "CONTOUR", "Scale", "best_slice", "drawn_still", "png_uri"]

Pixels = npt.NDArray[np.float64]

ACROSS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The axis (x, y, z) that a plane lies across."""

CONTOUR = (86, 180, 233)
"""Sky blue, which no grey and no map has; a black rim keeps it apart from white."""

OPACITY = 0.75
_LONGER_SIDE_PX = 336


@dataclass(frozen=True, eq=False)
class Scale:
    """A scale of colours: 0 is transparent, the ends are not.

    Parameters
    ----------
    low, high
        Ends; ``low`` is 0, or ``-high`` for a map with both signs.
    colours
        Red, green, blue of 256 steps from low to high, shape (256, 3).
    """

    low: float
    high: float
    colours: npt.NDArray[np.uint8]

    def painted(self, values: Pixels) -> tuple[Pixels, Pixels]:
        """Return the colour and the share of the end of the scale (0 to 1) of each value."""
        place = (values - self.low) / (self.high - self.low)
        colours = self.colours[np.rint(255 * np.clip(place, 0, 1)).astype(int)]
        return colours.astype(np.float64), np.clip(np.abs(values) / self.high, 0, 1)


def best_slice(excerpt: Excerpt) -> tuple[str, int]:
    """Return the plane and the slice with most of the tumour that the network was shown.

    Axial, unless less than half as much is on any axial slice as on one of another plane.
    """
    marks = excerpt.marks
    seen = ((marks & TUMOUR) > 0) & ((marks & SHOWN) > 0)
    seen = seen if seen.any() else (marks & TUMOUR) > 0
    counts = {plane: seen.sum(axis=tuple({0, 1, 2} - {2 - axis})) for plane, axis in ACROSS.items()}
    largest = max(int(count.max()) for count in counts.values())
    plane = next(plane for plane in ACROSS if counts[plane].max() >= 0.5 * largest)
    return plane, int(counts[plane].argmax())


def drawn_still(
    excerpt: Excerpt, plane: str, index: int, window: Range, scale: Scale
) -> npt.NDArray[np.uint8]:
    """Draw one slice: CT, map where something was shown, contour; red, green, blue."""
    intensity, attention, marks = (
        _slice(one, plane, index) for one in (excerpt.intensity, excerpt.attention, excerpt.marks)
    )
    low, high = window
    grey = np.clip((excerpt.intensities()[intensity] - low) / (high - low), 0, 1) * 255
    step = (excerpt.highest - excerpt.lowest) / 255
    colours, share = scale.painted(excerpt.lowest + step * attention.astype(np.float64))
    share = np.where(marks & SHOWN, OPACITY * share, 0.0)[..., None]
    blended = (1 - share) * grey[..., None] + share * colours
    rows, columns = _places(excerpt, plane, intensity.shape)
    picture = np.rint(blended).astype(np.uint8)[np.ix_(rows, columns)]
    inside = ((marks & TUMOUR) > 0)[np.ix_(rows, columns)]
    line = inside & ~_eroded(inside)
    rim = _grown(line) & ~line
    picture[rim] = 0
    picture[line] = CONTOUR
    return picture


def png_uri(picture: npt.NDArray[np.uint8]) -> str:
    """Return a picture as the data URI of a PNG."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png", metadata={"Software": ""})
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _slice(volume: npt.NDArray[np.uint8], plane: str, index: int) -> npt.NDArray[np.uint8]:
    """Return a slice as radiologists look at it: head and front up, the patient's right left."""
    cut = np.take(volume, index, axis=2 - ACROSS[plane])
    return np.asarray(cut if plane == "axial" else cut[::-1])


def _places(
    excerpt: Excerpt, plane: str, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return which row and column of the slice each row and column of the picture shows."""
    right, down = (axis for axis in range(3) if axis != ACROSS[plane])
    extent_mm = [n * excerpt.spacing_mm[axis] for n, axis in zip(shape, (down, right), strict=True)]
    pixel_mm = max(extent_mm) / _LONGER_SIDE_PX
    sizes = [max(1, round(extent / pixel_mm)) for extent in extent_mm]
    rows, columns = (
        np.floor((np.arange(size) + 0.5) * n / size).astype(np.intp)
        for size, n in zip(sizes, shape, strict=True)
    )
    return rows, columns


def _grown(shape: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(shape))


def _eroded(shape: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    from scipy import ndimage

    return np.asarray(ndimage.binary_erosion(shape, np.ones((5, 5))))
