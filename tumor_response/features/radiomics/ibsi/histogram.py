"""Grey levels, and the intensity histogram over them (IBSI family ZVCW)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumor_response.exceptions import FeatureError
from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.ibsi.statistics import moments_and_quantiles

__all__ = ["Discretised", "binned", "discretise", "histogram_features"]

MOST_LEVELS = 2**12
"""More grey levels than any scanner resolves: the bin size is in the wrong unit."""


@dataclass(frozen=True)
class Discretised:
    """Grey levels of the intensity mask.

    Parameters
    ----------
    levels
        int32, (z, y, x), C-contiguous: 1 to ``n_levels`` inside the intensity mask, 0 outside.
    n_levels
        The highest level that can occur: the number of bins with a fixed bin number, the highest
        level that does occur with a fixed bin size.
    """

    levels: NDArray[np.int32]
    n_levels: int


def discretise(image: IbsiImage, settings: IbsiSettings) -> Discretised:
    """Return the grey levels of an image under ``bin_size`` or ``n_bins``.

    Raises
    ------
    FeatureError
        Code ``too_many_grey_levels``: more than 65,536.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 2.7 (intensity discretisation).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.histogram import discretise
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> inside = np.ones((1, 1, 4), dtype=bool)
    >>> values = np.array([[[-30.0, 0.0, 24.0, 25.0]]])
    >>> image = IbsiImage(values, inside, inside, (1.0, 1.0, 1.0))
    >>> settings = IbsiSettings(resegmentation_range=(-50, 400), bin_size=25)
    >>> discretise(image, settings).levels.ravel().tolist()
    [1, 3, 3, 4]
    """
    found, n_levels = binned(image.intensities, settings, settings.bin_size, settings.n_bins)
    levels = np.zeros(image.values.shape, dtype=np.int32)
    levels[image.intensity_mask] = found
    return Discretised(levels, n_levels)


def binned(
    values: NDArray[np.float64],
    settings: IbsiSettings,
    bin_size: float | None,
    n_bins: int | None,
) -> tuple[NDArray[np.int32], int]:
    """Return the grey level of each intensity, and the number of levels.

    Parameters
    ----------
    values
        Intensities, shape (n,).
    settings
        Says where bins of a fixed size begin.
    bin_size, n_bins
        One of them.
    """
    low, high = float(values.min()), float(values.max())
    if bin_size is not None:
        origin = bin_origin(low, settings)
        if (high - origin) / bin_size >= MOST_LEVELS:
            raise FeatureError(
                f"Bins of {bin_size:g} from {origin:g} give {(high - origin) / bin_size:.3g} grey "
                f"levels up to the intensity {high:g}; expected at most {MOST_LEVELS}. Choose a "
                "larger bin size, or check the unit of the image.",
                code="too_many_grey_levels",
            )
        levels = np.floor((values - origin) / bin_size).astype(np.int32) + 1
        return levels, int(levels.max())
    if n_bins is None:
        raise ValueError("either bin_size or n_bins")
    if low == high:  # the formula would divide by zero; there is one level, the first
        return np.ones(values.shape, dtype=np.int32), n_bins
    scaled = np.floor(n_bins * (values - low) / (high - low)).astype(np.int32) + 1
    return np.minimum(scaled, n_bins), n_bins


def bin_origin(lowest_intensity: float, settings: IbsiSettings) -> float:
    """Return where the first bin of a fixed size begins."""
    lowest = settings.resegmentation_range[0] if settings.resegmentation_range else None
    return lowest_intensity if lowest is None else lowest


def histogram_features(discretised: Discretised) -> dict[str, float]:
    """Return the intensity histogram features, keyed by IBSI tag.

    Returns
    -------
    dict
        23 features ``ih_...``, in grey levels. The gradient's four are NaN with a single bin.
        Of equally frequent levels the mode is the one nearest to the mean, and the lower of two.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.4 (intensity histogram features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.histogram import (
    ...     Discretised, histogram_features)
    >>> levels = np.array([[[1, 1, 2, 4]]], dtype=np.int32)
    >>> found = histogram_features(Discretised(levels, 4))
    >>> found["ih_mode"], found["ih_entropy"], found["ih_max_grad"]
    (1.0, 1.5, 1.0)
    """
    levels = discretised.levels[discretised.levels > 0]
    found = moments_and_quantiles(levels.astype(np.float64))
    counts = np.bincount(levels, minlength=discretised.n_levels + 1)[1:]
    share = counts[counts > 0] / levels.size
    modes = np.flatnonzero(counts == counts.max()) + 1
    found["mode"] = float(modes[np.abs(modes - found["mean"]).argmin()])
    # "+ 0.0": the entropy of one level is 0, not -0
    found["entropy"] = -float((share * np.log2(share)).sum()) + 0.0
    found["uniformity"] = float((share * share).sum())
    names = ("max_grad", "max_grad_g", "min_grad", "min_grad_g")
    if counts.size > 1:
        slope = np.gradient(counts.astype(np.float64))
        top, bottom = int(slope.argmax()), int(slope.argmin())
        gradients = (float(slope[top]), top + 1.0, float(slope[bottom]), bottom + 1.0)
    else:
        gradients = (float("nan"),) * 4
    return {
        f"ih_{name}": v for name, v in {**found, **dict(zip(names, gradients, strict=True))}.items()
    }
