"""Bodies around a point set: oriented box, ellipsoid of least volume; an ellipsoid's area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["ellipsoid_area", "ellipsoid_volume", "enclosing_ellipsoid", "oriented_box"]

LEGENDRE_TERMS = 20
"""Highest degree in the series for an ellipsoid's area, as in the IBSI reference manual."""

ELLIPSOID_TOLERANCE = 1e-9
"""Relative violation of optimality at which the enclosing ellipsoid is accepted."""

ROUND_STEPS, MOST_ROUNDS = 1000, 100
"""Steps until the running inverse is taken afresh, and how often. A few rounds are the rule."""


def oriented_box(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edge lengths of a box of small volume around the points, in any orientation.

    Of all boxes with one side on a face of the convex hull, the smallest. The smallest of all
    boxes may be slightly smaller: its sides need touch hull edges alone.

    Parameters
    ----------
    points
        Shape (n, 3), not all in one plane.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.enclosing import oriented_box
    >>> corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 3)], float)
    >>> turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    >>> np.sort(oriented_box(corners @ turn)).round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    normals = hull.equations[:, :3]
    # a face and the one opposite to it bound the same boxes
    leading = np.take_along_axis(normals, np.abs(normals).argmax(axis=1)[:, None], axis=1)
    _, kept = np.unique(np.round(normals * np.sign(leading), 9), axis=0, return_index=True)
    boxes = np.array([_box_on(normal, corners) for normal in normals[kept]])
    return np.asarray(boxes[boxes.prod(axis=1).argmin()])


def _box_on(normal: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edge lengths of the smallest box with sides across ``normal``.

    Seen along the normal the box is a rectangle; the smallest one around an outline has a side on
    one of the outline's (Freeman and Shapira, Commun ACM 1975;18:409).
    """
    across = np.linalg.svd(normal[None, :])[2][1:]
    flat = corners @ across.T
    outline = flat[ConvexHull(flat).vertices]
    sides = np.roll(outline, -1, axis=0) - outline
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    width = np.ptp(outline @ sides.T, axis=0)
    depth = np.ptp(outline @ np.stack([-sides[:, 1], sides[:, 0]]), axis=0)
    i = int((width * depth).argmin())
    return np.array([np.ptp(corners @ normal), width[i], depth[i]])


def enclosing_ellipsoid(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the semi-axes of the ellipsoid of least volume that encloses the points, descending.

    Parameters
    ----------
    points
        Shape (n, 3), not all in one plane; those inside of the convex hull only cost time.

    References
    ----------
    Khachiyan, Math Oper Res 1996;21:307; away steps: Todd and Yildirim, Discrete Appl Math
    2007;155:1731.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.enclosing import enclosing_ellipsoid
    >>> corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    >>> enclosing_ellipsoid(corners).round(6).tolist()
    [0.866025, 0.866025, 0.866025]
    """
    scale = float(np.ptp(points, axis=0).max())
    centred = (points - points.mean(axis=0)) / scale  # so that the inverse is well conditioned
    lifted = np.column_stack([centred, np.ones(len(points))])
    share = np.full(len(points), 1.0 / len(points))
    for _ in range(MOST_ROUNDS):
        moments = np.einsum("ki,k,kj->ij", lifted, share, lifted)
        if _improve(lifted, share, np.linalg.inv(moments), ELLIPSOID_TOLERANCE, ROUND_STEPS):
            break
    centre = (share[:, None] * centred).sum(axis=0)
    away = centred - centre
    spread = np.einsum("ki,k,kj->ij", away, share, away)
    # 3 at the optimum, more by what is still outside: it encloses the points in any case
    reach = np.einsum("ki,ij,kj->k", away, np.linalg.inv(spread), away).max()
    return np.asarray(np.sqrt(reach * np.linalg.eigvalsh(spread)[::-1]) * scale)


@kernel
def _improve(
    lifted: NDArray[np.float64],
    share: NDArray[np.float64],
    inverse: NDArray[np.float64],
    tolerance: float,
    n_steps: int,
) -> bool:
    """Shift shares between points, in place, until they are optimal or the steps are used up.

    At the optimum the points that carry a share have squared distance n in the metric of
    ``inverse``, the others at most that. Each step goes to or away from the worst violation and
    updates the inverse by the formula of Sherman and Morrison.
    """
    n_points, n = lifted.shape
    distance = np.empty(n_points)
    for i in range(n_points):
        distance[i] = 0.0
        for a in range(n):
            for b in range(n):
                distance[i] += lifted[i, a] * inverse[a, b] * lifted[i, b]
    turned = np.empty(n)
    for _ in range(n_steps):
        out, inner = 0, -1
        for i in range(n_points):
            if distance[i] > distance[out]:
                out = i
            if share[i] > 0.0 and (inner < 0 or distance[i] < distance[inner]):
                inner = i
        excess = distance[out] / n - 1.0
        lack = 1.0 - distance[inner] / n
        if max(excess, lack) <= tolerance:
            return True
        point = out if excess >= lack else inner
        step = (distance[point] - n) / (n * (distance[point] - 1.0))
        emptied = False
        if point == inner and point != out:
            # the step is negative: no further than to share 0
            most = -share[point] / (1.0 - share[point])
            if distance[point] <= 1.0 or step <= most:
                step, emptied = most, True
        for i in range(n_points):
            share[i] *= 1.0 - step
        share[point] = 0.0 if emptied else share[point] + step
        ratio = step / (1.0 - step)
        weight = ratio / (1.0 + ratio * distance[point])
        for a in range(n):
            turned[a] = 0.0
            for b in range(n):
                turned[a] += inverse[a, b] * lifted[point, b]
        for i in range(n_points):
            product = 0.0
            for a in range(n):
                product += turned[a] * lifted[i, a]
            distance[i] = (distance[i] - weight * product * product) / (1.0 - step)
        for a in range(n):
            for b in range(n):
                inverse[a, b] = (inverse[a, b] - weight * turned[a] * turned[b]) / (1.0 - step)
    return False


def ellipsoid_volume(semi_axes: NDArray[np.float64]) -> float:
    """Return the volume of an ellipsoid."""
    return 4.0 / 3.0 * np.pi * float(np.prod(semi_axes))


def ellipsoid_area(semi_axes: NDArray[np.float64]) -> float:
    """Return what the IBSI manual gives as the surface area of an ellipsoid.

    A series in Legendre polynomials up to degree 20, with the eccentricities
    alpha^2 = 1 - b^2 / a^2 and beta^2 = 1 - c^2 / a^2. NaN if an axis is 0.

    Notes
    -----
    The series is that of the surface area for alpha^2 = 1 - c^2 / a^2 and
    beta^2 = 1 - c^2 / b^2. As the manual has it, it gives too much for flat ellipsoids (semi-axes
    5, 5, 4: 294 instead of 273) and too little for long ones. The consensus values are values of
    the manual's formula, which is why it is kept.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.1, area density (AEE), RDD2.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.enclosing import ellipsoid_area
    >>> round(ellipsoid_area(np.ones(3)) / (4 * np.pi), 12)
    1.0
    """
    a, b, c = (float(axis) for axis in np.sort(semi_axes)[::-1])
    if c <= 0:
        return float("nan")
    alpha2, beta2 = 1 - (b / a) ** 2, 1 - (c / a) ** 2
    # terms (alpha beta)^n P_n(x) by the recurrence of the polynomials, multiplied through by
    # powers of alpha beta: nothing divides by it where it is 0 (two equal axes)
    middle, product2 = (alpha2 + beta2) / 2, alpha2 * beta2
    before, term = 0.0, 1.0
    total = 0.0
    for n in range(LEGENDRE_TERMS + 1):
        total += term / (1 - 4 * n**2)
        before, term = term, ((2 * n + 1) * middle * term - n * product2 * before) / (n + 1)
    return 4 * np.pi * a * b * total
