"""Laplacian of Gaussian by recursive filters, as ITK's LaplacianRecursiveGaussianImageFilter.

Deriche's fourth-order approximation (INRIA research report 1893, 1993), normalised across scale.
ITK keeps single precision between passes, and near-zero means of the filtered image feel it, so
each of the nine passes is done in ITK's order and rounded where ITK rounds. A pass is done only
over the lines that lead to the region's box.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["fits", "laplacian_of_gaussian"]

_ROWS, _COLUMNS = 56, 128
"""Lines that are filtered side by side: many, as every step along them is one loop across them."""
_MARGIN_SIGMAS = 18.0
_SHORTEST = 4

# Deriche's parameters: (A1, B1, A2, B2) for the Gaussian and for its second derivative, then the
# frequencies and the decays of the two damped oscillations
_GAUSSIAN = (1.3530, 1.8151, -0.3531, 0.0902)
_SECOND_DERIVATIVE = (-1.3563, 5.2318, 0.3446, -2.2355)
_FREQUENCIES = (0.6681, 2.0787)
_DECAYS = (-1.3932, -1.3732)


def fits(image: WorkingImage, sigma_mm: float) -> bool:
    """Say whether an image is large enough for PyRadiomics to filter it at this scale."""
    return all(
        size >= _SHORTEST and size >= math.ceil(sigma_mm / spacing) + 1
        for size, spacing in zip(image.shape, image.spacing_mm, strict=True)
    )


def laplacian_of_gaussian(image: WorkingImage, box: Box, sigma_mm: float) -> NDArray[np.float32]:
    """Return the scale-normalised Laplacian of Gaussian in a box, single precision.

    Parameters
    ----------
    image
        What is filtered.
    box
        Where the result is wanted.
    sigma_mm
        Standard deviation of the Gaussian.
    """
    margins = [math.ceil(_MARGIN_SIGMAS * sigma_mm / spacing) for spacing in image.spacing_mm]
    z, y, x = (
        slice(max(edge.start - margin, 0), min(edge.stop + margin, size))
        for edge, margin, size in zip(box, margins, image.shape, strict=True)
    )
    z, y, x = (_long_enough(edge, size) for edge, size in zip((z, y, x), image.shape, strict=True))
    source = image.part((z, y, x))
    # the passes are compiled for each type that they are given: for two at the most, as after the
    # first pass the type is single precision
    exact = np.float32 if np.can_cast(source.dtype, np.float32) else np.float64
    source = np.ascontiguousarray(source, dtype=exact)
    wanted = tuple(
        slice(edge.start - cut.start, edge.stop - cut.start)
        for edge, cut in zip(box, (z, y, x), strict=True)
    )
    smoothing = [_coefficients(sigma_mm, spacing, 0) for spacing in image.spacing_mm]
    derivative = [_coefficients(sigma_mm, spacing, 2) for spacing in image.spacing_mm]
    total = np.zeros([edge.stop - edge.start for edge in wanted], dtype=np.float32)
    for axis in (2, 1, 0):
        values = _passed(source, axis, wanted[axis], derivative[axis])
        for other in (2, 1, 0):
            if other != axis:
                values = _passed(values, other, wanted[other], smoothing[other])
        _add(
            total.reshape(-1),
            values.reshape(-1),
            1.0 / (image.spacing_mm[axis] * image.spacing_mm[axis]),
        )
    return total


def _long_enough(edge: slice, size: int) -> slice:
    """Widen a range to the shortest line that the recursion can work on."""
    stop = min(max(edge.stop, edge.start + _SHORTEST), size)
    return slice(max(min(edge.start, stop - _SHORTEST), 0), stop)


def _coefficients(sigma_mm: float, spacing_mm: float, order: int) -> NDArray[np.float64]:
    """Return N0-N3, D1-D4, M1-M4, BN1-BN4 and BM1-BM4, in the notation of ITK."""
    sigma = sigma_mm / spacing_mm
    d = _denominator(sigma)
    sd = 1.0 + d[0] + d[1] + d[2] + d[3]
    dd = d[0] + 2 * d[1] + 3 * d[2] + 4 * d[3]
    ed = d[0] + 4 * d[1] + 9 * d[2] + 16 * d[3]
    smooth, sn0, dn0, en0 = _numerator(sigma, _GAUSSIAN)
    if order == 0:
        scale = 1.0 / (2 * sn0 / sd - smooth[0])
        n = [value * scale for value in smooth]
    else:
        second, sn2, dn2, en2 = _numerator(sigma, _SECOND_DERIVATIVE)
        beta = -(2 * sn2 - sd * second[0]) / (2 * sn0 - sd * smooth[0])
        n = [b + beta * a for a, b in zip(smooth, second, strict=True)]
        sn, dn, en = sn2 + beta * sn0, dn2 + beta * dn0, en2 + beta * en0
        alpha = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        alpha /= sd * sd * sd
        scale = (sigma_mm * sigma_mm) / alpha
        n = [value * scale for value in n]
    m = [n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]]
    sn = n[0] + n[1] + n[2] + n[3]
    sm = m[0] + m[1] + m[2] + m[3]
    bn = [value * sn / sd for value in d]
    bm = [value * sm / sd for value in d]
    return np.array([*n, *d, *m, *bn, *bm])


def _denominator(sigma: float) -> list[float]:
    cos1, cos2 = (math.cos(w / sigma) for w in _FREQUENCIES)
    exp1, exp2 = (math.exp(decay / sigma) for decay in _DECAYS)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    d1 = -2 * (exp2 * cos2 + exp1 * cos1)
    return [d1, d2, d3, d4]


def _numerator(
    sigma: float, parameters: tuple[float, float, float, float]
) -> tuple[list[float], float, float, float]:
    a1, b1, a2, b2 = parameters
    sin1, sin2 = (math.sin(w / sigma) for w in _FREQUENCIES)
    cos1, cos2 = (math.cos(w / sigma) for w in _FREQUENCIES)
    exp1, exp2 = (math.exp(decay / sigma) for decay in _DECAYS)
    n0 = a1 + a2
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return (
        [n0, n1, n2, n3],
        n0 + n1 + n2 + n3,
        n1 + 2 * n2 + 3 * n3,
        n1 + 4 * n2 + 9 * n3,
    )


def _passed(
    values: NDArray[Any], axis: int, wanted: slice, coefficients: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return one recursive pass along an axis, on its wanted range."""
    shape = list(values.shape)
    n = shape[axis]
    shape[axis] = wanted.stop - wanted.start
    out = np.empty(shape, dtype=np.float32)
    if axis == 2:
        data, forward, backward = np.empty((3, n, _ROWS))
        _filter_rows(
            values.reshape(-1, n),
            out.reshape(-1, shape[2]),
            wanted.start,
            coefficients,
            data,
            forward,
            backward,
        )
    else:
        outer = 1 if axis == 0 else shape[0]
        lines = values.reshape(outer, n, -1)
        # blocks of one width, so that none is left nearly empty at the end
        n_blocks = math.ceil(lines.shape[2] / _COLUMNS)
        data, forward, backward = np.empty((3, n, math.ceil(lines.shape[2] / n_blocks)))
        _filter_columns(
            lines,
            out.reshape(outer, shape[axis], -1),
            wanted.start,
            coefficients,
            data,
            forward,
            backward,
        )
    return out


@kernel
def _add(total: NDArray[np.float32], values: NDArray[np.float32], weight: float) -> None:
    for i in range(total.size):
        total[i] = np.float32(np.float64(total[i]) + np.float64(values[i]) * weight)


@kernel
def _forward(
    data: NDArray[np.float64], forward: NDArray[np.float64], c: NDArray[np.float64], used: int
) -> None:
    """Run the causal recursion along the first axis of (samples, lines)."""
    n0, n1, n2, n3 = c[0], c[1], c[2], c[3]
    d1, d2, d3, d4 = c[4], c[5], c[6], c[7]
    bn1, bn2, bn3, bn4 = c[12], c[13], c[14], c[15]
    for j in range(used):
        e = data[0, j]
        a, b, g = data[1, j], data[2, j], data[3, j]
        s0 = (e * n0 + e * n1 + e * n2 + e * n3) - (e * bn1 + e * bn2 + e * bn3 + e * bn4)
        s1 = (a * n0 + e * n1 + e * n2 + e * n3) - (s0 * d1 + e * bn2 + e * bn3 + e * bn4)
        s2 = (b * n0 + a * n1 + e * n2 + e * n3) - (s1 * d1 + s0 * d2 + e * bn3 + e * bn4)
        s3 = (g * n0 + b * n1 + a * n2 + e * n3) - (s2 * d1 + s1 * d2 + s0 * d3 + e * bn4)
        forward[0, j] = s0
        forward[1, j] = s1
        forward[2, j] = s2
        forward[3, j] = s3
    for i in range(4, data.shape[0]):
        x0, x1, x2, x3 = data[i], data[i - 1], data[i - 2], data[i - 3]
        y1, y2, y3, y4 = forward[i - 1], forward[i - 2], forward[i - 3], forward[i - 4]
        y0 = forward[i]
        for j in range(used):
            y0[j] = (x0[j] * n0 + x1[j] * n1 + x2[j] * n2 + x3[j] * n3) - (
                y1[j] * d1 + y2[j] * d2 + y3[j] * d3 + y4[j] * d4
            )


@kernel
def _backward(
    data: NDArray[np.float64],
    backward: NDArray[np.float64],
    c: NDArray[np.float64],
    used: int,
    start: int,
) -> None:
    """Run the anticausal recursion from the end to sample ``start``."""
    n = data.shape[0]
    d1, d2, d3, d4 = c[4], c[5], c[6], c[7]
    m1, m2, m3, m4 = c[8], c[9], c[10], c[11]
    bm1, bm2, bm3, bm4 = c[16], c[17], c[18], c[19]
    for j in range(used):
        e = data[n - 1, j]
        a, b = data[n - 2, j], data[n - 3, j]
        s0 = (e * m1 + e * m2 + e * m3 + e * m4) - (e * bm1 + e * bm2 + e * bm3 + e * bm4)
        s1 = (e * m1 + e * m2 + e * m3 + e * m4) - (s0 * d1 + e * bm2 + e * bm3 + e * bm4)
        s2 = (a * m1 + e * m2 + e * m3 + e * m4) - (s1 * d1 + s0 * d2 + e * bm3 + e * bm4)
        s3 = (b * m1 + a * m2 + e * m3 + e * m4) - (s2 * d1 + s1 * d2 + s0 * d3 + e * bm4)
        backward[n - 1, j] = s0
        backward[n - 2, j] = s1
        backward[n - 3, j] = s2
        backward[n - 4, j] = s3
    for i in range(n - 5, start - 1, -1):
        x1, x2, x3, x4 = data[i + 1], data[i + 2], data[i + 3], data[i + 4]
        y1, y2, y3, y4 = backward[i + 1], backward[i + 2], backward[i + 3], backward[i + 4]
        y0 = backward[i]
        for j in range(used):
            y0[j] = (x1[j] * m1 + x2[j] * m2 + x3[j] * m3 + x4[j] * m4) - (
                y1[j] * d1 + y2[j] * d2 + y3[j] * d3 + y4[j] * d4
            )


@kernel
def _filter_rows(
    rows: NDArray[Any],
    out: NDArray[np.float32],
    start: int,
    coefficients: NDArray[np.float64],
    data: NDArray[np.float64],
    forward: NDArray[np.float64],
    backward: NDArray[np.float64],
) -> None:
    n_rows, n = rows.shape
    width = data.shape[1]
    for block in range(0, n_rows, width):
        used = n_rows - block if n_rows - block < width else width
        for line in range(used):
            for i in range(n):
                data[i, line] = rows[block + line, i]
        _forward(data, forward, coefficients, used)
        _backward(data, backward, coefficients, used, start)
        for line in range(used):
            for i in range(out.shape[1]):
                out[block + line, i] = forward[start + i, line] + backward[start + i, line]


@kernel
def _filter_columns(
    lines: NDArray[Any],
    out: NDArray[np.float32],
    start: int,
    coefficients: NDArray[np.float64],
    data: NDArray[np.float64],
    forward: NDArray[np.float64],
    backward: NDArray[np.float64],
) -> None:
    n_outer, n, n_inner = lines.shape
    width = data.shape[1]
    for outer in range(n_outer):
        for block in range(0, n_inner, width):
            used = n_inner - block if n_inner - block < width else width
            for i in range(n):
                sources, copies = lines[outer, i, block : block + used], data[i]
                for line in range(used):
                    copies[line] = sources[line]
            _forward(data, forward, coefficients, used)
            _backward(data, backward, coefficients, used, start)
            for i in range(out.shape[1]):
                ones, others = forward[start + i], backward[start + i]
                sums = out[outer, i, block : block + used]
                for line in range(used):
                    sums[line] = ones[line] + others[line]
