"""What the quality checks accept: limits with their units, and where the defaults come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tumor_response.settings import Settings

__all__ = ["ArtefactLimits", "QualitySettings"]

_Positive = Annotated[float, Field(gt=0.0)]
_Percent = Annotated[float, Field(ge=0.0, le=100.0)]


class ArtefactLimits(Settings):
    """When a slice of the tumour counts as spoilt by metal.

    Parameters
    ----------
    metal_above_hu
        Voxels above it are metal (HU). Compact bone ends near 2,000; dental enamel may come close
        to 3,000 in thin slices, so that teeth without fillings may have to be allowed for.
    min_metal_cm2
        Area of metal that makes a slice an artefact slice, anywhere in the slice (cm²): streaks
        cross the whole of it. In the slices of nine tumours without metal nearby the largest area
        was 0.05 cm²; in ten head-and-neck CTs with dental metal it was 1.2 to 10 cm².
    max_noise_ratio
        How much noisier soft tissue around the tumour may be in artefact slices than in the others
        before it is called streaked.

    Examples
    --------
    >>> ArtefactLimits(metal_above_hu=3000).min_metal_cm2
    0.25
    """

    metal_above_hu: float = 2500.0
    min_metal_cm2: _Positive = 0.25
    max_noise_ratio: Annotated[float, Field(ge=1.0)] = 1.5


class QualitySettings(Settings):
    """Limits of :func:`tumor_response.check`; what lies beyond one is a finding.

    What the defaults flag among contours that nothing is known to be wrong with is measured in
    ``docs/guide/quality.md``.

    Parameters
    ----------
    intensities
        ``"hu"``: the images are CT in Hounsfield units. ``"other"``: they are not (PET, MR), and
        every check that needs Hounsfield units is left out. Series that say themselves that they
        are no CT are left out in any case.
    max_components
        Separate parts of a contour (touching at corners counts as joined). A second part is
        another lesion, which should have a row of its own, or a stray contour.
    max_hole_voxels
        Size of the largest hole in a slice (voxels); rasterised contours have holes of one.
    min_volume_cc
        Volume of a baseline tumour (cm³). At 1 cm³ a contour that is off by 1 mm all round
        changes the volume by half.
    max_slice_thickness_mm
        Distance of slices, or their nominal thickness if that is larger (mm).
    median_hu
        Lowest and highest median in the tumour (HU). Beyond it the values are not Hounsfield
        units, or the contour lies in air: soft tissue without the rescale intercept has 1,060.
    tissue_hu
        What tissue can have (HU): air to enamel. Lower is padding, higher is metal.
    max_outside_tissue_percent
        Share of the tumour's voxels beyond ``tissue_hu``.
    air_below_hu, max_air_percent
        Voxels below are more air than tissue (halfway between them is -500 HU), and their
        accepted share.
    bone_above_hu, max_bone_percent
        Voxels above are bone (trabecular bone ends near 300 HU, as do well-filled vessels), and
        their accepted share.
    artefacts
        When a slice is spoilt by metal.
    max_shift_voxels, min_shift_t
        A contour counts as shifted if the image's edges lie further than this from it (voxels),
        on both sides in the same direction, and the distance is so many times its standard error.
    max_cohort_shift_voxels, min_cohort_shift_t
        The same for the common shift of all contours of a cohort.
    min_overlap_percent
        Overlap of baseline and follow-up contour after alignment, as a share of the smaller one.
    max_gap_mm
        Distance between them where they do not touch, beyond which they cannot be the same
        tumour; breathing moves a tumour by less.
    min_correlation
        Of the two images after alignment. Below it they show other body parts, other postures or
        other patients, and the overlap is not judged.
    unplaced
        What it is if in addition the contours, in the coordinates as stored, are more than
        ``max_gap_mm`` apart, so that nothing says that they are one tumour: an ``"error"``, which
        stops the outcome, or a ``"warning"``, for scans that somebody has looked at.
    follow_up_days
        Earliest and latest day of a follow-up that the study asks for; ``None``: any.
    follow_up_days_count
        What these days count: ``"interval_days"`` (CT to CT) or ``"treatment_days"`` (first
        fraction to follow-up CT).

    Raises
    ------
    SettingsError
        For an unknown setting, or a limit out of range.

    Examples
    --------
    >>> QualitySettings(min_volume_cc=2, follow_up_days=(14, 35)).follow_up_days
    (14.0, 35.0)
    """

    intensities: Literal["hu", "other"] = "hu"
    max_components: Annotated[int, Field(ge=1)] = 1
    max_hole_voxels: Annotated[int, Field(ge=0)] = 4
    min_volume_cc: Annotated[float, Field(ge=0.0)] = 1.0
    max_slice_thickness_mm: _Positive = 5.0
    median_hu: tuple[float, float] = (-900.0, 1000.0)
    tissue_hu: tuple[float, float] = (-1024.0, 3000.0)
    max_outside_tissue_percent: _Percent = 0.1
    air_below_hu: float = -500.0
    max_air_percent: _Percent = 5.0
    bone_above_hu: float = 300.0
    max_bone_percent: _Percent = 5.0
    artefacts: ArtefactLimits = ArtefactLimits()
    max_shift_voxels: _Positive = 0.5
    min_shift_t: _Positive = 3.0
    max_cohort_shift_voxels: _Positive = 0.6
    min_cohort_shift_t: _Positive = 4.0
    min_overlap_percent: _Percent = 10.0
    max_gap_mm: _Positive = 20.0
    min_correlation: Annotated[float, Field(ge=-1.0, lt=1.0)] = 0.35
    unplaced: Literal["error", "warning"] = "error"
    follow_up_days: tuple[float, float] | None = None
    follow_up_days_count: Literal["interval_days", "treatment_days"] = "interval_days"

    @field_validator("median_hu", "tissue_hu", "follow_up_days")
    @classmethod
    def _in_order(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("expected lowest <= highest")
        return value

    def judges_hu(self, modality: object) -> bool:
        """Return whether an image of this modality (``None``: unknown) is held to be in HU.

        Examples
        --------
        >>> QualitySettings().judges_hu("CT"), QualitySettings().judges_hu("MR")
        (True, False)
        """
        return self.intensities == "hu" and modality in (None, "CT")
