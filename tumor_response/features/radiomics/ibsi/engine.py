"""One case under IBSI's definitions: processed once, discretised once, each matrix once."""

from __future__ import annotations

import SimpleITK as sitk

from tumor_response.features.radiomics.ibsi.features import tags_of
from tumor_response.features.radiomics.ibsi.histogram import discretise, histogram_features
from tumor_response.features.radiomics.ibsi.ivh import ivh_features
from tumor_response.features.radiomics.ibsi.local_intensity import local_intensity_features
from tumor_response.features.radiomics.ibsi.morphology import morphology_features
from tumor_response.features.radiomics.ibsi.processing import processed
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.ibsi.statistics import statistics_features
from tumor_response.features.radiomics.ibsi.texture import texture_features

__all__ = ["ibsi_features", "tags_of"]


def ibsi_features(image: sitk.Image, mask: sitk.Image, settings: IbsiSettings) -> dict[str, float]:
    """Return every IBSI-1 feature of a region.

    Parameters
    ----------
    image
        Scalar and three-dimensional.
    mask
        On the same grid; non-zero is the region.
    settings
        Processing and discretisation; ``dimension`` also decides which aggregations of texture
        there are: IBSI's 2D and 2.5D, or its 3D.

    Returns
    -------
    dict
        Tag -> value for exactly the tags of
        :func:`~tumor_response.features.radiomics.ibsi.features.tags_of`, in the same order. NaN
        where a feature is not defined on this region.

    Raises
    ------
    GeometryError
        If image and mask lie on different grids.
    FeatureError
        If no voxel is left to compute features from, or the settings do not suit the
        intensities; the code says which.

    References
    ----------
    Zwanenburg et al., Image biomarker standardisation initiative reference manual,
    arXiv:1612.07003.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> image = sitk.PhysicalPointSource(sitk.sitkVectorFloat32, (8, 8, 8))
    >>> image = sitk.VectorIndexSelectionCast(image, 0)
    >>> mask = sitk.Image((8, 8, 8), sitk.sitkUInt8)
    >>> mask[2:6, 2:6, 2:6] = 1
    >>> found = ibsi_features(image, mask, IbsiSettings(bin_size=1))
    >>> found["stat_mean"], found["ih_max"], found["szm_z_perc_3D"]
    (3.5, 4.0, 0.0625)
    """
    region = processed(image, mask, settings)
    binned = discretise(region, settings)
    found = {
        **morphology_features(region),
        **local_intensity_features(region),
        **statistics_features(region),
        **histogram_features(binned),
        **ivh_features(region, settings),
        **texture_features(
            binned.levels, binned.n_levels, region.morphological_mask, settings.dimension
        ),
    }
    return {tag: found[tag] for tag in tags_of(settings)}
