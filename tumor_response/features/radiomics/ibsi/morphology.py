"""Morphological features (IBSI family HCUG), all volumetric."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from tumor_response.features.radiomics.ibsi.enclosing import (
    ellipsoid_area,
    ellipsoid_volume,
    enclosing_ellipsoid,
    oriented_box,
)
from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.ibsi.spatial import autocorrelation_features
from tumor_response.features.radiomics.ibsi.surface import (
    Spacing,
    outermost_vertices_mm,
    surface_area_mm2,
    surface_volume_mm3,
)
from tumor_response.imaging.mesh_cells import cell_counts

__all__ = ["morphology_features"]


def morphology_features(image: IbsiImage) -> dict[str, float]:
    """Return the morphological features, keyed by IBSI tag.

    Shape is that of the morphological mask; the centre of mass shift, the integrated intensity and
    the two measures of autocorrelation also look at the intensity mask.

    Parameters
    ----------
    image
        As :func:`~tumor_response.features.radiomics.ibsi.processing.processed` gives it.

    Returns
    -------
    dict
        29 features ``morph_...``: mm, mm^2, mm^3, integrated intensity in the image's unit times
        mm^3. Axis lengths are 4 sqrt(eigenvalue) of the voxel centres' covariance (divided by
        n - 1); of a region one voxel thick the least axis is 0 and the densities that divide by
        its ellipsoid are NaN.

    Notes
    -----
    The surface is closed (:func:`tumor_response.imaging.mesh.mesh_volume_cc`). IBSI has no
    consensus on the oriented minimum bounding box and the minimum volume enclosing ellipsoid:
    :func:`~tumor_response.features.radiomics.ibsi.enclosing.oriented_box` and
    :func:`~tumor_response.features.radiomics.ibsi.enclosing.enclosing_ellipsoid` say what is taken.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, section 3.1 (morphological features).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.ibsi.morphology import morphology_features
    >>> from tumor_response.features.radiomics.ibsi.processing import IbsiImage
    >>> inside = np.ones((2, 2, 2), dtype=bool)
    >>> image = IbsiImage(np.arange(8.0).reshape(2, 2, 2), inside, inside, (1.0, 1.0, 1.0))
    >>> found = morphology_features(image)
    >>> found["morph_vol_approx"], round(found["morph_diam"], 6)
    (8.0, 2.44949)
    """
    image = image.without_margin()
    counts = cell_counts(image.morphological_mask)
    volume = surface_volume_mm3(counts, image.spacing_mm)
    area = surface_area_mm2(counts, image.spacing_mm)
    semi_axes = _principal_semi_axes(image.morphological_mask, image.spacing_mm)
    return {
        "morph_volume": volume,
        "morph_vol_approx": float(np.count_nonzero(image.morphological_mask))
        * image.voxel_volume_mm3,
        "morph_area_mesh": area,
        **_compactness(volume, area),
        "morph_com": _centre_of_mass_shift(image),
        "morph_pca_maj_axis": 2 * semi_axes[0],
        "morph_pca_min_axis": 2 * semi_axes[1],
        "morph_pca_least_axis": 2 * semi_axes[2],
        "morph_pca_elongation": _ratio(semi_axes[1], semi_axes[0]),
        "morph_pca_flatness": _ratio(semi_axes[2], semi_axes[0]),
        "morph_vol_dens_aee": _ratio(volume, ellipsoid_volume(np.array(semi_axes))),
        "morph_area_dens_aee": _ratio(area, ellipsoid_area(np.array(semi_axes))),
        **_hull_features(image, volume, area),
        "morph_integ_int": volume * float(image.intensities.mean()),
        **autocorrelation_features(image),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _compactness(volume: float, area: float) -> dict[str, float]:
    """Return the measures that compare the surface with that of a sphere of its volume."""
    sphere_area = (36 * np.pi * volume**2) ** (1 / 3)
    return {
        "morph_av": area / volume,
        "morph_comp_1": volume / (np.pi**0.5 * area**1.5),
        "morph_comp_2": 36 * np.pi * volume**2 / area**3,
        "morph_sph_dispr": area / sphere_area,
        "morph_sphericity": sphere_area / area,
        "morph_asphericity": area / sphere_area - 1,
    }


def _centre(weights: NDArray[np.generic], spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the weighted centre of voxels, mm along (z, y, x); the weights may not add up to 0."""
    along = [weights.sum(axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    positions = [np.arange(line.size) * step for line, step in zip(along, spacing_mm, strict=True)]
    total = along[0].sum()
    return np.array([(w * at).sum() / total for w, at in zip(along, positions, strict=True)])


def _principal_semi_axes(mask: NDArray[np.bool_], spacing_mm: Spacing) -> tuple[float, ...]:
    """Return 2 sqrt(eigenvalue) of the covariance of voxel centres, descending."""
    centre = _centre(mask, spacing_mm)
    away = [
        np.arange(n) * step - middle
        for n, step, middle in zip(mask.shape, spacing_mm, centre, strict=True)
    ]
    spread = np.empty((3, 3))
    for a, b in combinations_with_replacement(range(3), 2):
        # counts of voxels along one axis or in one plane, instead of a list of all voxels
        counts = mask.sum(axis=tuple(axis for axis in range(3) if axis not in (a, b)))
        moment = away[a] ** 2 if a == b else np.multiply.outer(away[a], away[b])
        spread[a, b] = spread[b, a] = (counts * moment).sum()
    n = int(np.count_nonzero(mask))
    values = np.linalg.eigvalsh(spread / max(n - 1, 1))[::-1]
    # rounding leaves about 1e-16 of the largest, either sign, where a region is flat
    values[values < 1e-12 * values[0]] = 0.0
    return tuple(2 * float(value) ** 0.5 for value in values)


def _centre_of_mass_shift(image: IbsiImage) -> float:
    """Return the distance between the centre of the region and that of its intensities, mm."""
    weights = np.where(image.intensity_mask, image.values, 0.0)
    if weights.sum() == 0:
        return float("nan")
    centres = [_centre(w, image.spacing_mm) for w in (image.morphological_mask, weights)]
    return float(np.linalg.norm(centres[0] - centres[1]))


def _hull_features(image: IbsiImage, volume: float, area: float) -> dict[str, float]:
    """Return the diameter, and the densities relative to bodies around the surface."""
    vertices = outermost_vertices_mm(image.morphological_mask, image.spacing_mm)
    hull = ConvexHull(vertices)
    corners = vertices[hull.vertices]
    box = np.ptp(corners, axis=0)
    turned = oriented_box(corners)
    ellipsoid = enclosing_ellipsoid(corners)
    return {
        "morph_diam": float(pdist(corners).max()),
        "morph_vol_dens_aabb": volume / float(np.prod(box)),
        "morph_area_dens_aabb": area / _box_area(box),
        "morph_vol_dens_ombb": volume / float(np.prod(turned)),
        "morph_area_dens_ombb": area / _box_area(turned),
        "morph_vol_dens_mvee": volume / ellipsoid_volume(ellipsoid),
        "morph_area_dens_mvee": area / ellipsoid_area(ellipsoid),
        "morph_vol_dens_conv_hull": volume / float(hull.volume),
        "morph_area_dens_conv_hull": area / float(hull.area),
    }


def _box_area(edges: NDArray[np.float64]) -> float:
    a, b, c = (float(edge) for edge in edges)
    return 2 * (a * b + b * c + c * a)
