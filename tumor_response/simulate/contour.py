"""The contour as an observer drew it: the true surface plus a smooth error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tumor_response.imaging.random_field import CONTOUR_SMOOTH_OVER_MM, coarse_noise
from tumor_response.simulate.retreat import nearest_surface

__all__ = ["observed"]

BoolArray = npt.NDArray[np.bool_]


def observed(
    mask: BoolArray,
    spacing_zyx: tuple[float, float, float],
    error_mm: float,
    rng: np.random.Generator,
) -> BoolArray:
    """Return the mask that an observer with this contour error draws around ``mask``.

    The surface moves outwards by a Gaussian random field with mean 0 and standard deviation
    ``error_mm``, smooth over about 20 mm. The largest connected part is kept, at least one voxel.
    """
    if error_mm == 0.0 or not mask.any():
        return mask
    depth, _ = nearest_surface(mask, spacing_zyx)
    error = error_mm * coarse_noise(rng, mask.shape, CONTOUR_SMOOTH_OVER_MM, spacing_zyx)
    drawn = depth + error > 0
    parts, n_parts = ndimage.label(drawn)
    if n_parts == 0:
        drawn[np.unravel_index(np.argmax(depth), depth.shape)] = True
        return np.asarray(drawn)
    sizes = np.bincount(parts.ravel())[1:]
    return np.asarray(parts == 1 + int(np.argmax(sizes)))
