"""Spatial autocorrelation of intensities: Moran's I and Geary's C (IBSI N365, NPT7).

Both sum over all pairs of voxels, weighted by one over their distance. The weight depends on
nothing but the offset between two voxels, so that sums over pairs are sums over offsets of
correlations, and these are products of Fourier transforms: n log n instead of n^2 steps, the same
value up to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from tumor_response.features.radiomics.ibsi.processing import IbsiImage

__all__ = ["autocorrelation_features"]

LARGEST_TRANSFORM = 2**22
"""Complex numbers transformed at once; a larger box is done in parts, so that memory is bounded."""


def autocorrelation_features(image: IbsiImage) -> dict[str, float]:
    """Return Moran's I and Geary's C of the intensity mask, keyed by IBSI tag.

    Returns
    -------
    dict
        ``morph_moran_i`` and ``morph_geary_c``; NaN for a single voxel and for constant
        intensities, where they are 0 / 0.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.1 (morphological features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> from tumor_response.features.radiomics.ibsi.spatial import autocorrelation_features
    >>> inside = np.ones((1, 1, 2), dtype=bool)
    >>> image = IbsiImage(np.array([[[0.0, 1.0]]]), inside, inside, (1.0, 1.0, 1.0))
    >>> {name: round(v, 9) for name, v in autocorrelation_features(image).items()}
    {'morph_moran_i': -1.0, 'morph_geary_c': 1.0}
    """
    values = image.intensities
    if values.min() == values.max():
        return {"morph_moran_i": float("nan"), "morph_geary_c": float("nan")}
    away = values - values.mean()
    squares = float((away * away).sum())
    box = _bounding_box(image.intensity_mask)
    member = image.intensity_mask[box].astype(np.float64)
    signal = np.zeros(member.shape)
    signal[member > 0] = away
    pairs, products, own_squares = _weighted_sums(member, signal, image.spacing_mm)
    n = values.size
    # (a - b)^2 = a^2 + b^2 - 2 a b, and each pair is met in both orders
    differences = 2.0 * own_squares - 2.0 * products
    return {
        "morph_moran_i": n / pairs * products / squares,
        "morph_geary_c": (n - 1) / (2.0 * pairs) * differences / squares,
    }


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    hits = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    return tuple(slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)


def _weighted_sums(
    member: NDArray[np.float64], signal: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return the sums over ordered pairs of w, w a b and w a^2; a and b are the pair's signals.

    By Parseval's theorem these are sums over frequencies. Zeros beyond the box keep its two ends
    from being neighbours. Frequencies along x are taken in parts.
    """
    shape = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in member.shape)
    n_frequencies = shape[2] // 2 + 1
    width = max(1, LARGEST_TRANSFORM // (shape[0] * shape[1]))
    sums = np.zeros(3)
    for first in range(0, n_frequencies, width):
        part = slice(first, min(first + width, n_frequencies))
        weights = _weights(member.shape, shape, part, spacing_mm)
        # the transform of a real signal is kept by half: the other frequencies count here as well
        both = np.full(part.stop - part.start, 2.0)
        frequencies = np.arange(part.start, part.stop)
        both[(frequencies == 0) | (2 * frequencies == shape[2])] = 1.0
        weights *= both
        members = _transformed(member, shape, part)
        sums[2] += _product(members, _transformed(signal**2, shape, part), weights)
        sums[0] += _product(members, members, weights)
        del members
        signals = _transformed(signal, shape, part)
        sums[1] += _product(signals, signals, weights)
    pairs, products, own_squares = (float(value) for value in sums / np.prod(shape))
    return pairs, products, own_squares


def _product(
    a: NDArray[np.complex128], b: NDArray[np.complex128], weights: NDArray[np.float64]
) -> float:
    """Return the weighted real part of a times b conjugated, summed without BLAS: in one order."""
    return float(((a.real * b.real + a.imag * b.imag) * weights).sum())


def _transformed(
    field: NDArray[np.float64], shape: tuple[int, ...], part: slice
) -> NDArray[np.complex128]:
    """Return the Fourier transform of a field, filled up with zeros to ``shape``."""
    rows = np.empty((*field.shape[:2], part.stop - part.start), dtype=np.complex128)
    for plane, row in zip(field, rows, strict=True):
        row[:] = fft.rfft(plane, shape[2], axis=1)[:, part]
    return np.asarray(fft.fftn(rows, shape[:2], axes=(0, 1), overwrite_x=True))


def _weights(
    box: tuple[int, ...],
    shape: tuple[int, ...],
    part: slice,
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Return the transform of 1 / distance, 0 at distance 0; real, as the weight is even."""
    offsets = [np.minimum(np.arange(n), n - np.arange(n)) for n in shape]
    z, y = np.arange(box[0]) * spacing_mm[0], np.arange(box[1]) * spacing_mm[1]
    x = offsets[2] * spacing_mm[2]
    rows = np.empty((box[0], box[1], part.stop - part.start))
    for away, row in zip(z, rows, strict=True):
        distance = np.sqrt(away**2 + (y**2)[:, None] + x**2)
        distance[distance == 0] = np.inf
        row[:] = fft.rfft(1.0 / distance, axis=1)[:, part].real
    # no two voxels of the box are further apart than it is long: any weight will do there
    inside = [np.minimum(offset, n - 1) for offset, n in zip(offsets[:2], box[:2], strict=True)]
    return np.ascontiguousarray(fft.fftn(rows[np.ix_(*inside)], axes=(0, 1)).real)
