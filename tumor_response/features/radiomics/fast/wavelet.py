"""Bands of the undecimated wavelet transform, only where the region's box needs them.

One level splits the image along x, then y, then z into a low and a high part by convolution with
the wavelet's decomposition filters; the next level does the same to the low-low-low part with the
same filters. The image goes round at its borders, after one more voxel (its first) where its size
is odd. Sums run in PyWavelets' order.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["wavelet_bands"]

Values = NDArray[np.floating[Any]]


def wavelet_bands(
    image: WorkingImage, box: Box, setting: Mapping[str, Any]
) -> Iterator[tuple[str, Values]]:
    """Yield each band's name and its values in a box.

    Parameters
    ----------
    image
        What the transform is of.
    box
        Where the bands are wanted.
    setting
        ``wavelet`` (PyWavelets' name, default ``"coif1"``), ``start_level`` (default 0),
        ``level`` (number of levels, default 1), ``force2D`` and ``force2Ddimension`` (the axis
        that is left alone, 0 for z).

    Yields
    ------
    tuple
        ``"wavelet-LLH"`` and so on, one letter for each of x, y, z, then further levels as
        ``"wavelet2-LLH"``, and the last level's approximation at the end.
    """
    start = setting.get("start_level", 0)
    n_levels = setting.get("level", 1)
    axes = [2, 1, 0]
    if setting.get("force2D", False):
        axes.remove(setting.get("force2Ddimension", 0))
    single = image.pixel_type == np.float32
    filters = _filters(setting.get("wavelet", "coif1"), single)
    before = filters.shape[1] // 2 - 1
    after = filters.shape[1] // 2
    rounds = start + n_levels
    values = image.gathered(
        tuple(
            _around(edge, size, before * rounds, after * rounds) if axis in axes else _plain(edge)
            for axis, (edge, size) in enumerate(zip(box, image.shape, strict=True))
        )
    )
    parts = [("", np.ascontiguousarray(values, dtype=filters.dtype))]
    del values
    lengths = tuple(size + size % 2 for size in image.shape)
    for left in range(rounds - 1, -1, -1):
        # ``left`` more levels will each eat their margin; a detail is wanted in the box alone
        firsts = tuple(edge.start - before * left for edge in box)
        centre = tuple(
            slice(before * left, before * left + edge.stop - edge.start)
            if axis in axes
            else slice(None)
            for axis, edge in enumerate(box)
        )
        level = rounds - left - start
        prefix = "wavelet" if level == 1 else f"wavelet{level}"
        approximation = "L" * len(axes)
        for letters, band in _split(parts, axes, firsts, lengths, filters):
            if letters == approximation:
                kept = band
            elif level >= 1:
                yield f"{prefix}-{letters}", np.ascontiguousarray(band[centre])
            del band
        parts = [("", kept)]
        del kept
    yield f"{prefix}-{approximation}", parts.pop()[1]


@functools.lru_cache(maxsize=8)
def _filters(name: str, single: bool) -> Values:
    """Return a wavelet's low and high decomposition filters, one row each.

    They are read off PyWavelets' answer to an impulse: its single-precision filters are not always
    its double-precision ones rounded.
    """
    import pywt

    wavelet = pywt.Wavelet(name)
    impulse = np.zeros(wavelet.dec_len, dtype=np.float32 if single else np.float64)
    impulse[wavelet.dec_len // 2] = 1.0
    return np.array(pywt.swt(impulse, wavelet, level=1)[0])


def _around(edge: slice, size: int, before: int, after: int) -> NDArray[np.int64]:
    """Return the indices of an axis from ``before`` an edge to ``after`` it, going round."""
    indices = np.arange(edge.start - before, edge.stop + after) % (size + size % 2)
    indices[indices == size] = 0
    return indices


def _plain(edge: slice) -> NDArray[np.int64]:
    return np.arange(edge.start, edge.stop)


def _split(
    parts: list[tuple[str, Values]],
    axes: list[int],
    firsts: tuple[int, ...],
    lengths: tuple[int, ...],
    filters: Values,
) -> Iterator[tuple[str, Values]]:
    """Yield all bands of one level, depth first; the approximation comes first.

    ``parts`` holds the image at the start and is used up: each part is let go as soon as it is
    split, so that no more than four of the box's size are there at a time.
    """
    while parts:
        letters, part = parts.pop()
        if len(letters) == len(axes):
            yield letters, part
            del part
            continue
        axis = axes[len(letters)]
        low, high = _low_and_high(part, axis, firsts[axis], lengths[axis], filters)
        parts += [(letters + "H", high), (letters + "L", low)]
        del part, low, high


def _low_and_high(
    values: Values, axis: int, first: int, length: int, filters: Values
) -> tuple[Values, Values]:
    """Return both parts along one axis; output 0 is voxel ``first`` of an axis of ``length``."""
    n_taps = filters.shape[1]
    n = values.shape[axis] - n_taps + 1
    # PyWavelets adds up the voxels from beyond the far border first, last tap first
    beyond = n_taps // 2 + (first + np.arange(n)) % length - length
    shape = (*values.shape[:axis], n, *values.shape[axis + 1 :])
    low, high = np.empty(shape, values.dtype), np.empty(shape, values.dtype)
    if axis == 2:
        rows = values.reshape(-1, values.shape[2])
        _convolve_rows(rows, filters, beyond, low.reshape(-1, n), high.reshape(-1, n))
    else:
        outer = int(np.prod(values.shape[:axis]))
        _convolve_columns(
            values.reshape(outer, values.shape[axis], -1),
            filters,
            beyond,
            low.reshape(outer, n, -1),
            high.reshape(outer, n, -1),
        )
    return low, high


@kernel
def _convolve_columns(
    values: Values, filters: Values, beyond: NDArray[np.int64], low: Values, high: Values
) -> None:
    n_taps = filters.shape[1]
    for outer in range(low.shape[0]):
        for i in range(low.shape[1]):
            low_row = low[outer, i]
            high_row = high[outer, i]
            low_row[:] = 0
            high_row[:] = 0
            for step in range(n_taps):
                tap = beyond[i] - step if step <= beyond[i] else step
                source = values[outer, i + n_taps - 1 - tap]
                a = filters[0, tap]
                b = filters[1, tap]
                for j in range(low.shape[2]):
                    low_row[j] += a * source[j]
                    high_row[j] += b * source[j]


@kernel
def _convolve_rows(
    rows: Values, filters: Values, beyond: NDArray[np.int64], low: Values, high: Values
) -> None:
    n_taps = filters.shape[1]
    n = low.shape[1]
    for row in range(low.shape[0]):
        source = rows[row]
        low_row = low[row]
        high_row = high[row]
        low_row[:] = 0
        high_row[:] = 0
        for tap in range(n_taps):
            a = filters[0, tap]
            b = filters[1, tap]
            shift = n_taps - 1 - tap
            for i in range(n):
                low_row[i] += a * source[i + shift]
                high_row[i] += b * source[i + shift]
        for i in range(n):
            if beyond[i] >= 0:
                low_row[i] = 0
                high_row[i] = 0
                for step in range(n_taps):
                    tap = beyond[i] - step if step <= beyond[i] else step
                    low_row[i] += filters[0, tap] * source[i + n_taps - 1 - tap]
                    high_row[i] += filters[1, tap] * source[i + n_taps - 1 - tap]
