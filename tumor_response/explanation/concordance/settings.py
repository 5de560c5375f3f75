"""What can be chosen about the concordance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["ConcordanceSettings"]


class ConcordanceSettings(Settings):
    """How attention is held against the tumour and against where it shrank.

    Parameters
    ----------
    rim_mm
        Width of the rim outside of the contour, 5 mm by default: attention there is counted apart,
        since a contour has an error and a map a coarse grid.
    n_matched
        At most so many other patients' masks, the nearest in volume, make the null of an inside
        fraction.
    min_matched
        With fewer there is no null.
    max_volume_ratio
        Masks of other patients further apart in volume than this factor are not used.
    n_surrogates
        Surrogate maps for each lesion.
    max_voxels
        Of the tumour's voxels that the views show, so many are used for the agreement with the
        shrinkage, drawn at random.
    min_voxels
        A lesion of which the views show fewer is left out.
    min_reliability
        A log-Jacobian counts where its reliability reaches this.
    n_bootstrap, n_permutations
        Of patients.
    level
        Of all intervals and null bands.

    Raises
    ------
    SettingsError
        For an unknown setting or a value out of range.

    Examples
    --------
    >>> ConcordanceSettings(rim_mm=3).rim_mm
    3.0
    """

    rim_mm: Annotated[float, Field(gt=0.0, le=50.0)] = 5.0
    n_matched: Annotated[int, Field(ge=1)] = 20
    min_matched: Annotated[int, Field(ge=1)] = 5
    max_volume_ratio: Annotated[float, Field(ge=1.0)] = 8.0
    n_surrogates: Annotated[int, Field(ge=19)] = 499
    max_voxels: Annotated[int, Field(ge=100, le=5000)] = 600
    min_voxels: Annotated[int, Field(ge=30)] = 60
    min_reliability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    n_permutations: Annotated[int, Field(ge=19)] = 1999
    level: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
