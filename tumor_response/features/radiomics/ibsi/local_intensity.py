"""Local and global intensity peak (IBSI family 9ST6): means over a sphere of one millilitre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["PEAK_RADIUS_MM", "local_intensity_features"]

PEAK_RADIUS_MM = float((3000.0 / (4.0 * np.pi)) ** (1 / 3))
"""Radius of a sphere of 1 cm^3: 6.2 mm."""


def local_intensity_features(image: IbsiImage) -> dict[str, float]:
    """Return the local and the global intensity peak, keyed by IBSI tag.

    The mean is over all voxels whose centres lie within the sphere, inside the region or not;
    what lies outside of the image is left out.

    Parameters
    ----------
    image
        With at least :data:`PEAK_RADIUS_MM` of surroundings, where the scan has them.

    Returns
    -------
    dict
        ``loc_peak_loc``: the mean around the brightest voxel of the intensity mask, and around the
        one with the highest mean if several are equally bright. ``loc_peak_glob``: the highest
        mean around any voxel of the intensity mask.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.2 (local intensity features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.local_intensity import local_intensity_features
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> values = np.zeros((1, 1, 5))
    >>> values[0, 0, 2] = 3.0
    >>> inside = values > 0
    >>> local_intensity_features(IbsiImage(values, inside, inside, (9.0, 9.0, 6.0)))
    {'loc_peak_loc': 1.0, 'loc_peak_glob': 1.0}
    """
    rows = _sphere_rows(image.spacing_mm)
    # sums along x from running totals: two look-ups for each row of the sphere
    totals = np.zeros((*image.values.shape[:2], image.values.shape[2] + 1))
    np.cumsum(image.values, axis=2, out=totals[:, :, 1:])
    means = _sphere_means(totals, image.intensity_mask, rows)
    brightest = image.intensities == image.intensities.max()
    return {
        "loc_peak_loc": float(means[brightest].max()),
        "loc_peak_glob": float(means.max()),
    }


def _sphere_rows(spacing_mm: tuple[float, float, float]) -> NDArray[np.int32]:
    """Return the rows of voxels in a sphere: (dz, dy, half length along x), shape (n, 3)."""
    dz, dy, dx = spacing_mm
    z = np.arange(-int(PEAK_RADIUS_MM / dz), int(PEAK_RADIUS_MM / dz) + 1)
    y = np.arange(-int(PEAK_RADIUS_MM / dy), int(PEAK_RADIUS_MM / dy) + 1)
    zz, yy = (part.ravel() for part in np.meshgrid(z, y, indexing="ij"))
    left = PEAK_RADIUS_MM**2 - (zz * dz) ** 2 - (yy * dy) ** 2
    inside = left >= 0
    half = np.floor(np.sqrt(left[inside]) / dx)
    return np.stack([zz[inside], yy[inside], half], axis=1).astype(np.int32)


@kernel
def _sphere_means(
    totals: NDArray[np.float64], mask: NDArray[np.bool_], rows: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return the mean around each voxel of the mask; ``totals`` are running sums along x."""
    n_z, n_y, n_x = mask.shape
    means = np.empty(np.count_nonzero(mask))
    i = 0
    for z in range(n_z):
        for y in range(n_y):
            for x in range(n_x):
                if not mask[z, y, x]:
                    continue
                total = 0.0
                n = 0
                for row in range(rows.shape[0]):
                    at_z = z + rows[row, 0]
                    at_y = y + rows[row, 1]
                    if at_z < 0 or at_z >= n_z or at_y < 0 or at_y >= n_y:
                        continue
                    first = max(x - rows[row, 2], 0)
                    end = min(x + rows[row, 2] + 1, n_x)
                    total += totals[at_z, at_y, end] - totals[at_z, at_y, first]
                    n += end - first
                means[i] = total / n
                i += 1
    return means
