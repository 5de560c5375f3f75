"""Intensity-volume histogram (IBSI family P88C): which share of the region is at least so bright.

The curve is sampled on an even grid of intensities: whole numbers, the centres of bins of a fixed
size (both in the image's unit), or the numbers of a fixed number of bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.exceptions import FeatureError
from tumor_response.features.radiomics.ibsi.histogram import bin_origin, binned
from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

__all__ = ["ivh_features"]


def ivh_features(image: IbsiImage, settings: IbsiSettings) -> dict[str, float]:
    """Return the intensity-volume histogram features, keyed by IBSI tag.

    Parameters
    ----------
    image
        As :func:`~tumor_response.features.radiomics.ibsi.processing.processed` gives it.
    settings
        ``ivh_bin_size`` or ``ivh_n_bins``, or neither for whole-number intensities; with
        ``resegmentation_range``, fractions of intensity are fractions of that range.

    Returns
    -------
    dict
        Volume fractions ``ivh_v10``, ``ivh_v90`` (at least 10, 90 % of the intensity range) and
        their difference; intensities ``ivh_i10``, ``ivh_i90`` (the lowest that at most 10, 90 % of
        the volume reach) and theirs; the area under the curve of volume fraction over intensity
        fraction (trapezoidal, not standardised by IBSI), NaN if the grid is a single intensity.

    Raises
    ------
    FeatureError
        Code ``ivh_needs_bins``: intensities that are not whole numbers, and no bins for them.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.5 (intensity-volume histogram features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.ivh import ivh_features
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> inside = np.ones((1, 1, 4), dtype=bool)
    >>> values = np.array([[[0.0, 2.0, 3.0, 10.0]]])
    >>> image = IbsiImage(values, inside, inside, (1.0, 1.0, 1.0))
    >>> found = ivh_features(image, IbsiSettings(bin_size=1))
    >>> found["ivh_v10"], found["ivh_i90"]
    (0.75, 1.0)
    """
    steps, n_steps, first, step = _grid(image.intensities, settings)
    counts = np.bincount(steps, minlength=n_steps)
    below = np.concatenate(([0], np.cumsum(counts)[:-1]))
    volume = 1.0 - below / steps.size  # share of the volume with at least this intensity
    v10, v90 = (float(volume[_at_least(share, n_steps)]) for share in (0.1, 0.9))
    # searched on counts, so that a share of exactly 10 % is one; beyond the grid nothing is left
    i10, i90 = (
        first + step * int(np.searchsorted(below * 10, (10 - tenths) * steps.size))
        for tenths in (1, 9)
    )
    area = float(np.trapezoid(volume, dx=1.0 / (n_steps - 1))) if n_steps > 1 else float("nan")
    return {
        "ivh_v10": v10,
        "ivh_v90": v90,
        "ivh_i10": i10,
        "ivh_i90": i90,
        "ivh_diff_v10_v90": v10 - v90,
        "ivh_diff_i10_i90": i10 - i90,
        "ivh_auc": area,
    }


def _at_least(share: float, n_steps: int) -> int:
    """Return the first step whose fraction of the intensity range is at least ``share``."""
    return int(np.ceil(share * (n_steps - 1) - 1e-9))


def _grid(
    values: NDArray[np.float64], settings: IbsiSettings
) -> tuple[NDArray[np.int32], int, float, float]:
    """Return each voxel's step on the grid (from 0), the steps, the first intensity, the size."""
    if settings.ivh_n_bins is not None:
        levels, n_levels = binned(values, settings, None, settings.ivh_n_bins)
        return levels - 1, n_levels, 1.0, 1.0
    size, offset = settings.ivh_bin_size, 0.5
    if size is None:
        if not np.array_equal(values, np.floor(values)):
            raise FeatureError(
                "The intensity-volume histogram was asked for on the intensities as they are, and "
                f"they are not whole numbers ({values.min():g} to {values.max():g}). Set "
                "ivh_bin_size (a known unit, as SUV) or ivh_n_bins (an arbitrary one, as MR).",
                code="ivh_needs_bins",
            )
        size, offset = 1.0, 0.0
    origin = bin_origin(float(values.min()), settings)
    levels, n_levels = binned(values, settings, size, None)
    highest = settings.resegmentation_range[1] if settings.resegmentation_range else None
    if highest is not None:  # the range ends the grid, not the brightest voxel below it
        n_levels = max(n_levels, int(np.ceil((highest - origin) / size - 1e-9 + 1 - 2 * offset)))
    return levels - 1, n_levels, origin + offset * size, size
