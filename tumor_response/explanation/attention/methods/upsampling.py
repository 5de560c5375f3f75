"""From a map's cells to the pixels of the view that they look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

__all__ = ["upsampled"]


def upsampled(cells: torch.Tensor, size_px: int) -> npt.NDArray[np.float32]:
    """Return maps at the views' pixels, interpolated between the middles of cells.

    A map of n cells along a side covers the view's side, so that the middle of cell i lies at the
    pixel ``(i + 1/2) * size_px / n - 1/2``: torch's ``align_corners=False``. With
    ``align_corners=True`` the outermost cells would be drawn at the view's border, half a cell
    from where they are. Outside of the outermost middles the cell's own value holds.

    Parameters
    ----------
    cells
        Shape (n_views, height, width).
    size_px
        Side of a view in pixels.

    Returns
    -------
    numpy.ndarray
        float32, shape (n_views, size_px, size_px).

    Examples
    --------
    >>> upsampled(torch.tensor([[[0.0, 4.0], [0.0, 4.0]]]), 4)[0, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    fine = functional.interpolate(
        cells[:, None].double(), (size_px, size_px), mode="bilinear", align_corners=False
    )
    return np.asarray(fine[:, 0].cpu().numpy(), dtype=np.float32)
