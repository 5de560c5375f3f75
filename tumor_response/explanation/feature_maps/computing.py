"""feature_map(): where a handcrafted column is high and low within a tumour."""

from __future__ import annotations

import difflib

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.boxed import SHOWN, BoxedMap
from tumor_response.explanation.feature_maps.result import FeatureMap
from tumor_response.explanation.feature_maps.settings import FeatureMapSettings
from tumor_response.explanation.feature_maps.voxels import voxel_values
from tumor_response.features.radiomics import Radiomics, RadiomicsSettings
from tumor_response.features.radiomics.columns import RadiomicsColumn, columns_of
from tumor_response.imaging import Geometry
from tumor_response.imaging.volume import tumour_box

__all__ = ["feature_map"]


def feature_map(
    case: Case | BaselineCase,
    extractor: Radiomics,
    column: str,
    *,
    settings: FeatureMapSettings | None = None,
) -> FeatureMap:
    """Map a handcrafted column within one tumour.

    A voxel's value is the feature of the cube around it, by PyRadiomics' voxel-based extraction
    with the column's own filter, resampling, bins and settings. The column itself is the feature of
    the whole tumour at once, and is in general not the mean of the map: a map says where in the
    tumour the texture is of the kind that the column measures.

    Parameters
    ----------
    case
        The tumour.
    extractor
        What the table's columns were extracted with; its engine does not matter.
    column
        A first-order or texture column of any filter, as the table names it.
    settings
        Cube, voxels and limits; ``None``: the defaults.

    Returns
    -------
    FeatureMap
        On the CT's grid: each voxel of the contour has the value of the nearest voxel of the grid
        that the feature is computed on.

    Raises
    ------
    ExplanationError
        Codes ``unknown_column``; ``no_voxel_map``: a shape column (the shape of a cube is the same
        everywhere), or settings by IBSI's convention, of which there is no voxel-based extraction;
        ``too_many_voxels``; ``region_refused``: PyRadiomics does not take the contour, or the
        feature is defined at none of its voxels.
    CaseError
        If image or contour cannot be read.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.explanation.feature_maps import feature_map
    >>> cohort = tr.simulate_cohort(n_patients=1, seed=0, directory=tempfile.mkdtemp())
    >>> found = feature_map(next(iter(cohort)), tr.Radiomics("minimal"),
    ...                     "radiomics__original__firstorder_Range")
    >>> found.image.GetSize() == next(iter(cohort)).read_image().GetSize()
    True
    """
    settings = settings or FeatureMapSettings()
    radiomics, chosen = _column(extractor, column)
    baseline = case.baseline if isinstance(case, Case) else case
    image, mask = baseline.image, baseline.mask
    try:
        values = voxel_values(image, mask, radiomics, chosen.key, settings)
    except (ValueError, RuntimeError, IndexError, AssertionError, ArithmeticError) as error:
        if isinstance(error, ExplanationError):
            raise
        raise ExplanationError(
            f"{baseline.name}: PyRadiomics refuses the region for {column!r}: "
            f"{' '.join(str(error).split())}",
            code="region_refused",
        ) from None
    side = 2 * settings.kernel_radius + 1
    return FeatureMap(
        (baseline.patient_id, baseline.lesion_id),
        column,
        chosen.spec.unit,
        chosen.spec.description,
        tuple(side * step for step in values.GetSpacing()),
        _on_ct(values, mask, f"{baseline.name}: {column!r}"),
    )


def _column(extractor: Radiomics, column: str) -> tuple[RadiomicsSettings, RadiomicsColumn]:
    if not isinstance(extractor, Radiomics):
        raise ExplanationError(
            f"extractor={extractor!r}: expected the tr.Radiomics that the column came from; for a "
            "column of a network see column_regions.",
            code="no_voxel_map",
        )
    if not isinstance(extractor.settings, RadiomicsSettings):
        raise ExplanationError(
            "The extractor follows IBSI's convention; voxel-based maps are PyRadiomics', and its "
            "image processing is another one. Map the column of an extractor with "
            "convention='pyradiomics'.",
            code="no_voxel_map",
        )
    columns = {one.spec.column: one for one in columns_of(extractor.settings, extractor.block)}
    if column not in columns:
        near = difflib.get_close_matches(column, columns, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ExplanationError(
            f"The extractor has no column {column!r}{hint}", code="unknown_column"
        )
    if columns[column].key.rsplit("_", 2)[1].startswith("shape"):
        raise ExplanationError(
            f"{column!r} measures the shape of the whole contour; the cube around a voxel has the "
            "same shape everywhere, so that there is no map of it. Draw the contour itself.",
            code="no_voxel_map",
        )
    return extractor.settings, columns[column]


def _on_ct(values: sitk.Image, mask: sitk.Image, what: str) -> BoxedMap:
    """Return the map within the contour, on the CT's grid."""
    box = tumour_box(mask)
    x, y, z = (slice(low, high + 1) for low, high in box)
    part = mask[x, y, z]
    nearest = sitk.Resample(
        values, part, sitk.Transform(), sitk.sitkNearestNeighbor, float("nan"), sitk.sitkFloat64
    )
    found = sitk.GetArrayFromImage(nearest)
    there = np.isfinite(found) & (sitk.GetArrayViewFromImage(part) > 0)
    if not there.any():
        raise ExplanationError(
            f"{what} is defined at no voxel of the contour (0/0 in every cube); take a larger "
            "kernel_radius.",
            code="region_refused",
        )
    return BoxedMap(
        Geometry.of(mask),
        tuple(low for low, _ in box),
        np.where(there, found, 0.0).astype(np.float32),
        np.where(there, SHOWN, 0).astype(np.uint8),
    )
