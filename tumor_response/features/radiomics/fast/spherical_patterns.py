"""Local binary patterns on spheres, in a basis of spherical harmonics.

J. Banerjee, A. Moelker, W. J. Niessen and T. van Walsum, "3D LBP-based rotationally invariant
region description", ACCV 2012 workshops, LNCS 7728. PyRadiomics' own code takes the polar angle of
a vertex for its azimuth and the other way round; so does this.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["icosphere", "spherical_patterns"]

# the spline behind the samples forgets where it began by a factor of 0.27 a voxel
_MARGIN = 40
_CHUNK = 4096


def spherical_patterns(
    image: WorkingImage,
    box: Box,
    mask: NDArray[np.bool_],
    n_levels: int,
    radius: float,
    subdivision: int,
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield one image for each degree of the harmonics, and the kurtosis on the sphere.

    Parameters
    ----------
    image
        What the patterns are of; 0 outside.
    box, mask
        The region; a voxel outside it is left at 0.
    n_levels
        Degrees 0 to ``n_levels - 1``; at least 2, PyRadiomics fails with one.
    radius
        Of the sphere of samples, in voxels whatever their spacing.
    subdivision
        How often the icosahedron's faces are cut in four: 12, 42, 162 ... samples.
    """
    if n_levels < 2:
        raise ValueError(f"lbp3DLevels must be at least 2, received {n_levels}")
    from scipy.ndimage import map_coordinates, spline_filter

    margin = _MARGIN + math.ceil(radius)
    z, y, x = (
        slice(max(edge.start - margin, 0), min(edge.stop + margin, size))
        for edge, size in zip(box, image.shape, strict=True)
    )
    values = image.part((z, y, x))
    spline = spline_filter(values, order=3, output=np.float64, mode="mirror")
    first = [edge.start - cut.start for edge, cut in zip(box, (z, y, x), strict=True)]
    voxels = np.argwhere(mask) + first
    samples = icosphere(subdivision) * radius
    harmonics = _harmonics(samples / radius, n_levels)
    powers = np.empty((len(voxels), n_levels))
    kurtosis = np.empty(len(voxels))
    for start in range(0, len(voxels), _CHUNK):
        part = slice(start, start + _CHUNK)
        around = voxels[part, None, :] + samples[None, :, :]
        found = map_coordinates(
            spline,
            np.moveaxis(around, -1, 0),
            output=values.dtype,  # samples of integers are integers
            order=3,
            mode="constant",
            prefilter=False,
        )
        kurtosis[part] = _kurtosis(found)
        brighter = found >= values[tuple(voxels[part].T)][:, None]
        powers[part] = _powers(brighter.astype(np.float64), harmonics)
    for degree in range(n_levels):
        yield f"lbp-3D-m{degree + 1}", _placed(powers[:, degree], mask)
    yield "lbp-3D-k", _placed(kurtosis, mask)


def _powers(
    signs: NDArray[np.float64], harmonics: list[NDArray[np.complex128]]
) -> NDArray[np.float64]:
    """Return the real part of the norm of each degree's share, for each voxel."""
    powers = np.empty((len(signs), len(harmonics)))
    for degree, basis in enumerate(harmonics):
        share = (signs @ basis) @ basis.T
        # a sum of squares, not of magnitudes: as PyRadiomics has it
        powers[:, degree] = np.sqrt(np.sum(share**2, axis=1)).real
    return powers


def _kurtosis(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import kurtosis

    with warnings.catch_warnings():
        # a constant sphere has none: NaN, and PyRadiomics has NaN
        warnings.simplefilter("ignore", RuntimeWarning)
        values: NDArray[np.float64] = kurtosis(samples, axis=1)
    return values


def _placed(numbers: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = np.zeros(mask.shape)
    values[mask] = numbers
    return values


def _harmonics(directions: NDArray[np.float64], n_levels: int) -> list[NDArray[np.complex128]]:
    """Return for each degree n the harmonics of order -n to n, (directions, 2 n + 1)."""
    from scipy.special import lpmv

    azimuth = np.arccos(directions[:, 2])
    cosine = np.cos(np.arctan2(directions[:, 1], directions[:, 0]))
    bases = []
    for n in range(n_levels):
        basis = np.empty((len(directions), 2 * n + 1), dtype=np.complex128)
        for m in range(n + 1):
            factor = math.sqrt((2 * n + 1) / (4 * math.pi))
            factor *= math.sqrt(math.factorial(n - m) / math.factorial(n + m))
            basis[:, n + m] = factor * lpmv(m, n, cosine) * np.exp(1j * m * azimuth)
            basis[:, n - m] = (-1) ** m * basis[:, n + m].conj()
        bases.append(basis)
    return bases


@functools.lru_cache(maxsize=4)
def icosphere(subdivision: int) -> NDArray[np.float64]:
    """Return the vertices of an icosahedron whose faces were cut in four, on the unit sphere.

    Examples
    --------
    >>> [len(icosphere(n)) for n in range(3)]
    [12, 42, 162]
    """
    golden = (1 + math.sqrt(5)) / 2
    # vertices in the order of trimesh, PyRadiomics' source of them: single-precision sums feel it
    corners = [
        np.roll([one, other * golden, 0.0], turn)
        for turn in range(3)
        for other in (1.0, -1.0)
        for one in (-1.0, 1.0)
    ]
    points = [corner / np.linalg.norm(corner) for corner in corners]
    edge = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(points, 2))
    faces = [
        face
        for face in itertools.combinations(range(len(points)), 3)
        if all(
            np.linalg.norm(points[a] - points[b]) < 1.1 * edge
            for a, b in itertools.combinations(face, 2)
        )
    ]
    for _ in range(subdivision):
        pairs = {pair for face in faces for pair in _pairs(face)}
        ordered = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
        middles = {pair: len(points) + i for i, pair in enumerate(ordered)}
        for a, b in ordered:
            middle = (points[a] + points[b]) / 2
            points.append(middle / np.linalg.norm(middle))
        cut: list[tuple[int, int, int]] = []
        for face in faces:
            a, b, c = face
            ab, ac, bc = (middles[pair] for pair in _pairs(face))
            cut += [(a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, ac, bc)]
        faces = cut
    return np.array(points)


def _pairs(face: tuple[int, int, int]) -> list[tuple[int, int]]:
    a, b, c = face
    return [(min(pair), max(pair)) for pair in ((a, b), (a, c), (b, c))]
