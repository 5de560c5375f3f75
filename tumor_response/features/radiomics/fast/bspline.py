"""Cubic B-spline interpolation on a grid along the source's own axes, with ITK's rounding.

Coefficients come from the recursive filter of Unser, Aldroubi and Eden (IEEE Transactions on
Signal Processing 41(2), 1993), with mirrored ends, in ITK's order of operations: they are ITK's
to the last bit, although only the part of the image around the wanted voxels is filtered. The
filter forgets where it began by a factor of 0.27 a voxel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["Axis", "interpolated"]

_POLE = math.sqrt(3.0) - 2.0
_GAIN = (1.0 - _POLE) * (1.0 - 1.0 / _POLE)
_HORIZON = math.ceil(math.log(1e-10) / math.log(abs(_POLE)))
_MARGIN = 40
_NEAR_INTEGER = 1e-6
_BLOCK = 16


@dataclass(frozen=True)
class Axis:
    """Where samples are wanted along one axis.

    Parameters
    ----------
    first
        Index in the source of the first voxel that is needed, margin included.
    stop
        One past the last.
    taps
        For each sample the four voxels that it is made of, counted from ``first``.
    weights
        For each sample the weights of the four.
    inside
        Whether the sample lies inside the source: half a voxel beyond the outermost centres.
    """

    first: int
    stop: int
    taps: NDArray[np.int64]
    weights: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @classmethod
    def at(cls, positions: NDArray[np.float64], length: int) -> Axis:
        """Return taps and weights for positions in voxels of a source of ``length`` voxels."""
        inside = (positions >= -0.5) & (positions < length - 0.5)
        kept = np.where(inside, positions, 0.0)
        # ITK looks for the interval in single precision; the pieces of the spline join so
        # smoothly there that the value hardly changes, but the last bit does
        left = np.floor(kept.astype(np.float32)).astype(np.int64)
        taps = left[:, None] + np.arange(-1, 3)
        t = kept - left
        w3 = (1.0 / 6.0) * t * t * t
        w0 = (1.0 / 6.0) + 0.5 * t * (t - 1.0) - w3
        w2 = t + w0 - 2.0 * w3
        w1 = 1.0 - w0 - w2 - w3
        if length == 1:
            taps[:] = 0
        else:
            taps = np.where(taps < 0, -taps, taps)
            taps = np.where(taps >= length - 1, 2 * (length - 1) - taps, taps)
        first = max(int(taps.min()) - _MARGIN, 0)
        stop = min(int(taps.max()) + 1 + _MARGIN, length)
        return cls(first, stop, taps - first, np.stack([w0, w1, w2, w3], axis=1), inside)

    @property
    def needed(self) -> slice:
        """Voxels that are tapped, counted from ``first``."""
        return slice(int(self.taps.min()), int(self.taps.max()) + 1)

    def counted_from(self, start: int) -> NDArray[np.int64]:
        """Return the taps for an array that begins ``start`` voxels later."""
        return self.taps - start


def interpolated(
    source: NDArray[Any], axes: tuple[Axis, Axis, Axis], shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return the spline through a source at the outer product of positions along its axes.

    Parameters
    ----------
    source
        Intensities (z, y, x) from each axis's ``first`` to its ``stop``.
    axes
        Along (z, y, x).
    shape
        Of the whole image that ``source`` is a part of.

    Returns
    -------
    NDArray
        One value for each sample; 0 outside the source. Of integers: integers, cut towards zero
        as ITK does.
    """
    z, y, x = axes
    along_x = _filtered_rows(np.ascontiguousarray(source, dtype=np.float64), shape[2], x)
    along_y = _filtered_columns(along_x, shape[1], y, 1)
    coefficients = _filtered_columns(along_y, shape[0], z, 0)
    tz, ty, tx = (axis.counted_from(axis.needed.start) for axis in axes)
    nz, _, nx = coefficients.shape
    rows = np.empty((nz, len(ty), nx))
    _combine_rows(coefficients, ty, y.weights, rows)
    columns = np.empty((nz, len(ty), len(tx)))
    _combine_columns(rows, tx, x.weights, columns)
    del rows
    values = np.empty((len(tz), len(ty), len(tx)))
    _combine_slices(columns, coefficients, tz, ty, tx, z.weights, y.weights, x.weights, values)
    if np.issubdtype(source.dtype, np.integer):
        limits = np.iinfo(source.dtype)
        np.clip(np.trunc(values, out=values), limits.min, limits.max, out=values)
    for axis, inside in enumerate((z.inside, y.inside, x.inside)):
        if not inside.all():
            np.moveaxis(values, axis, 0)[~inside] = 0.0
    return values


def _filtered_rows(source: NDArray[np.float64], length: int, axis: Axis) -> NDArray[np.float64]:
    needed = axis.needed
    if length == 1:
        return source
    nz, ny, nx = source.shape
    out = np.empty((nz * ny, needed.stop - needed.start))
    _filter_rows(
        source.reshape(nz * ny, nx), out, needed.start, axis.first == 0, length, _POLE, _GAIN,
        _HORIZON, np.zeros((nx, _BLOCK)),
    )  # fmt: skip
    return out.reshape(nz, ny, -1)


def _filtered_columns(
    source: NDArray[np.float64], length: int, axis: Axis, direction: int
) -> NDArray[np.float64]:
    if length == 1:
        return source
    n_outer = 1 if direction == 0 else source.shape[0]
    lines = source.reshape(n_outer, source.shape[direction], -1)
    scratch = np.zeros((lines.shape[1], _BLOCK))
    _filter_columns(lines, axis.first == 0, length, _POLE, _GAIN, _HORIZON, scratch)
    return np.ascontiguousarray(source[(slice(None),) * direction + (axis.needed,)])


@kernel
def _filter(
    lines: NDArray[np.float64], at_start: bool, length: int, pole: float, gain: float, horizon: int
) -> None:
    """Turn samples into coefficients along the first axis of (samples, lines), in place."""
    n, m = lines.shape
    for i in range(n):
        for j in range(m):
            lines[i, j] *= gain
    if length > horizon or not at_start:
        last = horizon if horizon < n else n
        power = pole
        for i in range(1, last):
            for j in range(m):
                lines[0, j] += power * lines[i, j]
            power *= pole
    else:
        inverse = 1.0 / pole
        power = pole
        mirrored = pole ** (n - 1.0)
        for j in range(m):
            lines[0, j] += mirrored * lines[n - 1, j]
        mirrored *= mirrored * inverse
        for i in range(1, n - 1):
            for j in range(m):
                lines[0, j] += (power + mirrored) * lines[i, j]
            power *= pole
            mirrored *= inverse
        for j in range(m):
            lines[0, j] /= 1.0 - power * power
    for i in range(1, n):
        for j in range(m):
            lines[i, j] += pole * lines[i - 1, j]
    for j in range(m):
        lines[n - 1, j] = (pole / (pole * pole - 1.0)) * (pole * lines[n - 2, j] + lines[n - 1, j])
    for i in range(n - 2, -1, -1):
        for j in range(m):
            lines[i, j] = pole * (lines[i + 1, j] - lines[i, j])


@kernel
def _filter_rows(
    rows: NDArray[np.float64],
    out: NDArray[np.float64],
    start: int,
    at_start: bool,
    length: int,
    pole: float,
    gain: float,
    horizon: int,
    scratch: NDArray[np.float64],
) -> None:
    n_rows, n = rows.shape
    m = out.shape[1]
    for block in range(0, n_rows, _BLOCK):
        used = n_rows - block if n_rows - block < _BLOCK else _BLOCK
        for line in range(used):
            for i in range(n):
                scratch[i, line] = rows[block + line, i]
        _filter(scratch, at_start, length, pole, gain, horizon)
        for line in range(used):
            for i in range(m):
                out[block + line, i] = scratch[start + i, line]


@kernel
def _filter_columns(
    lines: NDArray[np.float64],
    at_start: bool,
    length: int,
    pole: float,
    gain: float,
    horizon: int,
    scratch: NDArray[np.float64],
) -> None:
    n_outer, n, n_inner = lines.shape
    for outer in range(n_outer):
        for block in range(0, n_inner, _BLOCK):
            used = n_inner - block if n_inner - block < _BLOCK else _BLOCK
            for i in range(n):
                for line in range(used):
                    scratch[i, line] = lines[outer, i, block + line]
            _filter(scratch, at_start, length, pole, gain, horizon)
            for i in range(n):
                for line in range(used):
                    lines[outer, i, block + line] = scratch[i, line]


@kernel
def _combine_rows(
    values: NDArray[np.float64],
    taps: NDArray[np.int64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    nz, _, nx = values.shape
    for z in range(nz):
        for i in range(taps.shape[0]):
            a, b, c, d = weights[i, 0], weights[i, 1], weights[i, 2], weights[i, 3]
            p, q, r, s = taps[i, 0], taps[i, 1], taps[i, 2], taps[i, 3]
            for x in range(nx):
                out[z, i, x] = (
                    a * values[z, p, x]
                    + b * values[z, q, x]
                    + c * values[z, r, x]
                    + d * values[z, s, x]
                )


@kernel
def _combine_columns(
    values: NDArray[np.float64],
    taps: NDArray[np.int64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    nz, ny, _ = values.shape
    n = taps.shape[0]
    for z in range(nz):
        for y in range(ny):
            for i in range(n):
                out[z, y, i] = (
                    weights[i, 0] * values[z, y, taps[i, 0]]
                    + weights[i, 1] * values[z, y, taps[i, 1]]
                    + weights[i, 2] * values[z, y, taps[i, 2]]
                    + weights[i, 3] * values[z, y, taps[i, 3]]
                )


@kernel
def _combine_slices(
    values: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    tz: NDArray[np.int64],
    ty: NDArray[np.int64],
    tx: NDArray[np.int64],
    wz: NDArray[np.float64],
    wy: NDArray[np.float64],
    wx: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Combine slices; where a value is nearly an integer, add up once more as ITK does.

    A sample that falls on a voxel, or inside air, differs from an integer by rounding alone, and
    that decides what is left of it when it is cut, or on which side of a bin's edge it lies.
    """
    _, ny, nx = values.shape
    for i in range(tz.shape[0]):
        a, b, c, d = wz[i, 0], wz[i, 1], wz[i, 2], wz[i, 3]
        p, q, r, s = tz[i, 0], tz[i, 1], tz[i, 2], tz[i, 3]
        for y in range(ny):
            for x in range(nx):
                out[i, y, x] = (
                    a * values[p, y, x]
                    + b * values[q, y, x]
                    + c * values[r, y, x]
                    + d * values[s, y, x]
                )
            for x in range(nx):
                if abs(out[i, y, x] - np.rint(out[i, y, x])) < _NEAR_INTEGER:
                    total = 0.0
                    for k in range(4):
                        for j in range(4):
                            for m in range(4):
                                weight = wx[x, m] * wy[y, j] * wz[i, k]
                                total += weight * coefficients[tz[i, k], ty[y, j], tx[x, m]]
                    out[i, y, x] = total
