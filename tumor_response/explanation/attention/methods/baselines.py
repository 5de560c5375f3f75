"""Pixels that show nothing, to compare a lesion's views with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.attention.settings import Baseline

__all__ = ["nothing_like"]


def nothing_like(pixels: npt.NDArray[np.float32], baseline: Baseline) -> npt.NDArray[np.float32]:
    """Return views in which nothing is seen, in the shape of ``pixels``.

    Parameters
    ----------
    pixels
        Shape (n_views, n_channels, size_px, size_px).
    baseline
        ``"mean"``: the mean of all views in each channel; ``"black"``: 0, the lower end of the
        window, which is itself a tissue or air, and an edge around whatever is bright.

    Examples
    --------
    >>> nothing_like(np.array([[[[0.0, 1.0]]]], dtype=np.float32), "mean").ravel().tolist()
    [0.5, 0.5]
    """
    if baseline == "black":
        return np.zeros_like(pixels)
    mean = pixels.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    return np.broadcast_to(mean, pixels.shape).astype(np.float32)
