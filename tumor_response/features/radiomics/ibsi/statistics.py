"""Intensity-based statistics (IBSI family UHIW), which the intensity histogram shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.ibsi.processing import IbsiImage

__all__ = ["moments_and_quantiles", "statistics_features"]


def statistics_features(image: IbsiImage) -> dict[str, float]:
    """Return the intensity-based statistics of the intensity mask, keyed by IBSI tag.

    Parameters
    ----------
    image
        As :func:`~tumor_response.features.radiomics.ibsi.processing.processed` gives it.

    Returns
    -------
    dict
        18 features ``stat_...``; intensities in the image's unit, energy and variance in its
        square. ``stat_cov`` is NaN where the mean is 0, ``stat_qcod`` where the quartiles add up
        to 0, ``stat_rmad`` where no voxel lies between the 10th and the 90th percentile.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.3 (intensity-based statistical features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> from tumor_response.features.radiomics.ibsi.statistics import statistics_features
    >>> inside = np.ones((1, 1, 4), dtype=bool)
    >>> values = np.array([[[1.0, 2.0, 3.0, 6.0]]])
    >>> found = statistics_features(IbsiImage(values, inside, inside, (1.0, 1.0, 1.0)))
    >>> found["stat_mean"], found["stat_var"], found["stat_range"]
    (3.0, 3.5, 5.0)
    """
    values = image.intensities
    found = {f"stat_{name}": value for name, value in moments_and_quantiles(values).items()}
    energy = float((values * values).sum())
    return {**found, "stat_energy": energy, "stat_rms": (energy / values.size) ** 0.5}


def moments_and_quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    """Return what intensities and grey levels are both described by; keys without a prefix.

    Parameters
    ----------
    values
        Shape (n,), n >= 1. Percentiles are interpolated linearly between order statistics;
        variance and its relatives divide by n. Skewness and kurtosis of a constant are 0.
    """
    mean = float(values.mean())
    away = values - mean
    squares = away * away  # products, summed by NumPy: BLAS' order depends on its threads
    variance = float(squares.mean())
    flat = bool(values.min() == values.max())
    third, fourth = float((squares * away).mean()), float((squares * squares).mean())
    p10, p25, median, p75, p90 = (float(q) for q in np.percentile(values, [10, 25, 50, 75, 90]))
    robust = values[(values >= p10) & (values <= p90)]
    robust_deviation = float("nan")  # of two or three voxels none may lie between
    if robust.size:
        robust_deviation = float(np.abs(robust - robust.mean()).mean())
    return {
        "mean": mean,
        "var": variance,
        "skew": 0.0 if flat else third / variance**1.5,
        "kurt": 0.0 if flat else fourth / variance**2 - 3.0,
        "median": median,
        "min": float(values.min()),
        "p10": p10,
        "p90": p90,
        "max": float(values.max()),
        "iqr": p75 - p25,
        "range": float(values.max() - values.min()),
        "mad": float(np.abs(away).mean()),
        "rmad": robust_deviation,
        "medad": float(np.abs(values - median).mean()),
        "cov": variance**0.5 / mean if mean != 0 else float("nan"),
        "qcod": (p75 - p25) / (p75 + p25) if p75 + p25 != 0 else float("nan"),
    }
