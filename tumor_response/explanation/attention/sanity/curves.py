"""Insertion and deletion: what happens to the log-odds as parts of the views come and go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.sanity.likeness import cell_edges

__all__ = ["Curves", "centre_order", "insertion_deletion"]

FloatArray = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]

_BLUR = 1 / 12
"""SD of the blur as a share of a view's side: no outline of a tumour is left, the mean is."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Change of the log-odds along the share of squares that were deleted, or inserted.

    Parameters
    ----------
    shares
        Of the squares of all views, from 0 to 1, shape (n_steps + 1,).
    deletion
        Log-odds at each share less those of the views as they are.
    insertion
        Log-odds at each share less those of the blurred views.
    """

    shares: FloatArray
    deletion: FloatArray
    insertion: FloatArray

    def areas(self) -> tuple[float, float]:
        """Return the means of both curves over the share (trapezoids), log-odds."""
        found = (np.trapezoid(curve, self.shares) for curve in (self.deletion, self.insertion))
        deletion, insertion = (float(area) for area in found)
        return deletion, insertion


def insertion_deletion(lesion: Lesion, attention: FloatArray, n_steps: int) -> Curves:
    """Delete the squares of highest attention first, and insert them first into blurred views.

    As Petsiuk et al. (2018, BMVC) for pixels; squares, because single pixels that are exchanged
    make an image that no network was trained on. What is deleted is blurred, not blackened, for
    the same reason.

    Parameters
    ----------
    lesion
        Its views and its log-odds.
    attention
        What the squares are ordered by, shape (n_views, cells, cells), all views together; ties
        in the order of the squares.
    n_steps
        Steps from nothing to everything.
    """
    pixels = lesion.pixels
    size_px, cells = pixels.shape[-1], attention.shape[-1]
    blurred = gaussian_filter(pixels, (0, 0, size_px * _BLUR, size_px * _BLUR), mode="nearest")
    order = np.empty(attention.size, dtype=np.int64)
    order[np.argsort(-attention.ravel(), kind="stable")] = np.arange(attention.size)
    place = np.repeat(np.arange(cells), np.diff(cell_edges(size_px, cells)))
    rank = order.reshape(attention.shape)[:, place][:, :, place][:, None]
    shares = np.linspace(0, 1, n_steps + 1)
    taken = [rank < round(share * attention.size) for share in shares]
    deleted = _log_odds(lesion, [np.where(there, blurred, pixels) for there in taken])
    inserted = _log_odds(lesion, [np.where(there, pixels, blurred) for there in taken])
    return Curves(shares, deleted - deleted[0], inserted - inserted[0])


def centre_order(n_views: int, cells: int) -> FloatArray:
    """Return squares by their nearness to the middle of their view.

    Crops are centred on tumours: what an order by distance from the middle reaches, a map has to
    surpass before it has told anything.

    Examples
    --------
    >>> centre_order(1, 3)[0].round(1).tolist()
    [[-1.4, -1.0, -1.4], [-1.0, -0.0, -1.0], [-1.4, -1.0, -1.4]]
    """
    offset = np.arange(cells) - (cells - 1) / 2
    return np.tile(-np.hypot(offset[:, None], offset), (n_views, 1, 1))


def _log_odds(lesion: Lesion, variants: list[Pixels]) -> FloatArray:
    # the scalar is the log-odds but for a constant, which differences do not have
    features = lesion.features_of(np.concatenate(variants).astype(np.float32))
    each = features.reshape(len(variants), -1, features.shape[-1])
    return np.asarray(lesion.readout(each).cpu().numpy(), dtype=np.float64)
