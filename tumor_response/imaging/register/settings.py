"""What can be chosen about the registration of a follow-up to its baseline, in mm and HU."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tumor_response.settings import Settings

__all__ = ["RegistrationSettings"]

_Length = Annotated[float, Field(gt=0.0, le=100.0)]
_Iterations = Annotated[int, Field(ge=1, le=1000)]


class RegistrationSettings(Settings):
    """How a follow-up is brought onto its baseline, and when the result is believed.

    The defaults were chosen on simulated pairs; ``docs/guide/local_shrinkage.md`` says what was
    measured with them.

    Parameters
    ----------
    alignment
        ``"rigid"``: six parameters, from what surrounds the tumour in both images. ``"given"``:
        both scans share their coordinates already, which is taken on trust; the retreat then needs
        no follow-up image.
    window_hu
        Intensities are clipped to this range; bone and air would outweigh soft tissue otherwise.
    margin_mm
        How far the region that is registered reaches beyond the tumour's box.
    spacing_mm
        Of the isotropic grid that images are registered on.
    keep_out_mm
        Width of the rim around the tumour that is kept out of the rigid alignment with it.
    field_sigma_mm, update_sigma_mm
        Standard deviation of the Gaussians that smooth the displacement field and its updates:
        what is finer than this cannot be seen.
    iterations
        At four, two and one times ``spacing_mm``.
    min_similarity
        Correlation of the surroundings after rigid alignment, below which nothing is computed.
        Ten CTs of other patients reached 0.29 to 0.76, planted pairs 0.97 and more.
    max_folding_percent
        Share of the tumour's voxels where the deformation may turn tissue inside out (Jacobian
        not positive) before its log-Jacobian is refused.
    max_unexplained_percent
        How far the deformation, which knows no contour, may leave the baseline's surface from the
        follow-up's contour, as a share of the mean retreat (or of ``retreated_above_mm``, if that
        is more). Beyond it the tumour did not shrink as a deformation, or too far to be followed,
        and no log-Jacobian is summarised.
    retreated_above_mm
        A piece of the surface counts as retreated beyond this; the default is above the error
        measured on simulated pairs.
    probe_log_jacobian
        Log-Jacobian of the shrinkage that the reliability is tested with; -0.3 is -26 % of volume.
    probe_wavelength_mm
        Wavelength of the alternating contraction that the reliability is tested with.
    min_reliability
        A log-Jacobian is identified where the reliability reaches this.

    Raises
    ------
    SettingsError
        For an unknown setting or a value out of range.

    Examples
    --------
    >>> RegistrationSettings(margin_mm=25).margin_mm
    25.0
    """

    alignment: Literal["rigid", "given"] = "rigid"
    window_hu: tuple[float, float] = (-150.0, 250.0)
    margin_mm: _Length = 20.0
    spacing_mm: Annotated[float, Field(ge=0.5, le=5.0)] = 2.0
    keep_out_mm: Annotated[float, Field(ge=0.0, le=20.0)] = 4.0
    field_sigma_mm: _Length = 2.0
    update_sigma_mm: _Length = 2.0
    iterations: tuple[_Iterations, _Iterations, _Iterations] = (60, 60, 40)
    min_similarity: Annotated[float, Field(ge=-1.0, lt=1.0)] = 0.8
    max_folding_percent: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    max_unexplained_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 38.0
    retreated_above_mm: Annotated[float, Field(ge=0.0)] = 1.0
    probe_log_jacobian: Annotated[float, Field(ge=-1.0, lt=0.0)] = -0.3
    probe_wavelength_mm: _Length = 36.0
    min_reliability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5

    @field_validator("window_hu")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("expected lowest < highest")
        return value
