"""How an image is processed before IBSI features are computed, and the five configurations."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tumor_response.settings import Settings

__all__ = ["CONFIGURATIONS", "IbsiSettings", "ibsi_a", "ibsi_b", "ibsi_c", "ibsi_d", "ibsi_e"]

Positive = Annotated[float, Field(gt=0)]


class IbsiSettings(Settings):
    """The image processing of the IBSI reference manual, from the segmented image to grey levels.

    Parameters
    ----------
    dimension
        ``"2d"``: interpolation and textures stay within axial slices; ``"3d"``: the volume.
        Morphology, local intensity and everything counted over voxels is volumetric in both.
    spacing_mm
        Voxel spacing to interpolate to: (y, x) with ``"2d"``, (z, y, x) with ``"3d"``.
        ``None``: no interpolation.
    image_interpolation
        ``"linear"`` (bilinear, trilinear) or ``"cubic"`` (cubic B-spline through the samples).
        The mask is always interpolated linearly.
    mask_threshold
        Share of a voxel that has to be inside for the interpolated voxel to be inside.
    round_intensities
        Round interpolated intensities to whole numbers, as for CT in HU. Intensities that were
        not interpolated stay as they are.
    resegmentation_range
        (lowest, highest) intensity kept in the intensity mask, both included, ``None`` for an open
        end. The morphological mask is never changed by it.
    outlier_sigma
        Keep intensities within this many standard deviations of the mean. Mean and deviation are
        those of the region before any re-segmentation; with a range, the intensity mask keeps
        what both keep.
    bin_size
        Discretise with bins of this size (IBSI "fixed bin size") that begin at the lower end of
        ``resegmentation_range``, or at the region's minimum if there is none.
    n_bins
        Discretise into this many bins between the region's minimum and maximum ("fixed bin
        number"). Exactly one of ``bin_size`` and ``n_bins``.
    ivh_bin_size, ivh_n_bins
        The same for the intensity-volume histogram. Both ``None``: whole-number intensities as
        they are.

    Raises
    ------
    SettingsError
        For values that contradict each other or are out of range.

    References
    ----------
    Zwanenburg et al., Image biomarker standardisation initiative reference manual,
    arXiv:1612.07003, chapter 2 (image processing).

    Examples
    --------
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> IbsiSettings(spacing_mm=(2, 2, 2), resegmentation_range=(-1000, 400), bin_size=25).bin_size
    25.0
    """

    dimension: Literal["2d", "3d"] = "3d"
    spacing_mm: tuple[Positive, ...] | None = None
    image_interpolation: Literal["linear", "cubic"] = "linear"
    mask_threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    round_intensities: bool = True
    resegmentation_range: tuple[float | None, float | None] | None = None
    outlier_sigma: Positive | None = None
    bin_size: Positive | None = None
    n_bins: Annotated[int, Field(gt=1)] | None = None
    ivh_bin_size: Positive | None = None
    ivh_n_bins: Annotated[int, Field(gt=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        n_axes = 2 if self.dimension == "2d" else 3
        if self.spacing_mm is not None and len(self.spacing_mm) != n_axes:
            axes = "(y, x)" if n_axes == 2 else "(z, y, x)"
            raise ValueError(f"spacing_mm: dimension {self.dimension!r} takes {axes}")
        if (self.bin_size is None) == (self.n_bins is None):
            raise ValueError("exactly one of bin_size and n_bins discretises the intensities")
        if self.ivh_bin_size is not None and self.ivh_n_bins is not None:
            raise ValueError("ivh_bin_size and ivh_n_bins exclude each other")
        lowest, highest = self.resegmentation_range or (None, None)
        if lowest is not None and highest is not None and lowest >= highest:
            raise ValueError("resegmentation_range: the lowest intensity must be below the highest")
        return self


ibsi_a = IbsiSettings(dimension="2d", resegmentation_range=(-500, 400), bin_size=25)
"""Configuration A: slices as they are, [-500, 400] HU, bins of 25 HU."""

ibsi_b = IbsiSettings(
    dimension="2d", spacing_mm=(2, 2), resegmentation_range=(-500, 400), n_bins=32
)
"""Configuration B: slices at 2 x 2 mm, bilinear, [-500, 400] HU, 32 bins."""

ibsi_c = IbsiSettings(
    spacing_mm=(2, 2, 2), resegmentation_range=(-1000, 400), bin_size=25, ivh_bin_size=2.5
)
"""Configuration C: volume at 2 mm, trilinear, [-1000, 400] HU, bins of 25 HU."""

ibsi_d = IbsiSettings(spacing_mm=(2, 2, 2), outlier_sigma=3, n_bins=32)
"""Configuration D: volume at 2 mm, trilinear, without 3 sigma outliers, 32 bins."""

ibsi_e = IbsiSettings(
    spacing_mm=(2, 2, 2),
    image_interpolation="cubic",
    resegmentation_range=(-1000, 400),
    outlier_sigma=3,
    n_bins=32,
    ivh_n_bins=1000,
)
"""Configuration E: volume at 2 mm, cubic spline, [-1000, 400] HU without 3 sigma outliers, 32 bins.
"""

CONFIGURATIONS = {
    "ibsi_a": ibsi_a,
    "ibsi_b": ibsi_b,
    "ibsi_c": ibsi_c,
    "ibsi_d": ibsi_d,
    "ibsi_e": ibsi_e,
}
"""The configurations of the IBSI lung cancer CT phantom, by name.

Zwanenburg et al., Radiology 2020;295:328 and the reference manual, arXiv:1612.07003, chapter 5
(radiomics reference data sets).
"""
