"""What can be chosen about a simulated cohort."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tumor_response.settings import Settings

__all__ = ["MAX_LESIONS", "SimulationSettings"]

MAX_LESIONS = 4
"""Lesions that fit side by side in the simulated neck, all at 60 cc."""

_Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class SimulationSettings(Settings):
    """Options of :func:`tumor_response.simulate_cohort`, apart from size, seed and place.

    Parameters
    ----------
    signal
        Factor on everything that is predictable about the rate. 0: volume, age and image tell
        nothing about the response.
    image_signal
        Factor on the image's part of the signal alone.
    mode
        ``"erosion"``: the boundary retreats and host tissue fills in. ``"deformation"``: the
        tumour and its surroundings contract along a known map, which has a Jacobian.
    n_sites
        Number of hospitals. With more than one, each has its own noise, reconstruction kernel,
        slice thickness and HU offset.
    observer_error_mm
        Standard deviation in mm of the contour error along the surface normal: a smooth random
        field, drawn anew for each lesion at each time point.
    lesions_per_patient
        A number, or the lowest and highest number (each equally likely); at most 4.
    time_points
        Number of CTs of a patient, the baseline included.
    missing_follow_up
        Expected fraction of patients whose last follow-up is missing, completely at random.
    complete_responders
        Expected fraction of lesions that are gone at follow-up: those with the highest rates.
    mean_rate_percent_per_day
        Population mean of the true shrinkage rate. 0 makes about half of the tumours grow.
    planning_days
        Lowest and highest number of days between the planning CT and the first fraction. The
        tumour shrinks from the first fraction on; with the default (0, 0) days from CT to CT and
        treatment days are the same.

    Raises
    ------
    SettingsError
        For an unknown option, a value out of range, or options that exclude each other.

    Examples
    --------
    >>> SimulationSettings(lesions_per_patient=2).lesion_range
    (2, 2)
    """

    signal: Annotated[float, Field(ge=0.0)] = 1.0
    image_signal: Annotated[float, Field(ge=0.0)] = 1.0
    mode: Literal["erosion", "deformation"] = "erosion"
    n_sites: Annotated[int, Field(ge=1, le=26)] = 1
    observer_error_mm: Annotated[float, Field(ge=0.0, le=5.0)] = 0.0
    lesions_per_patient: int | tuple[int, int] = 1
    time_points: Annotated[int, Field(ge=2, le=10)] = 2
    missing_follow_up: _Fraction = 0.0
    complete_responders: _Fraction = 0.0
    mean_rate_percent_per_day: Annotated[float, Field(ge=-1.0, le=1.05)] = 1.05
    planning_days: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=60)]] = (0, 0)

    @field_validator("lesions_per_patient")
    @classmethod
    def _lesions_fit(cls, value: int | tuple[int, int]) -> int | tuple[int, int]:
        low, high = (value, value) if isinstance(value, int) else value
        if not 1 <= low <= high <= MAX_LESIONS:
            raise ValueError(f"expected 1 <= lowest <= highest <= {MAX_LESIONS}")
        return value

    @field_validator("planning_days")
    @classmethod
    def _days_in_order(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError("expected lowest <= highest")
        return value

    @model_validator(mode="after")
    def _deformation_is_one_map(self) -> Self:
        if self.mode == "deformation" and self.lesion_range[1] > 1:
            raise ValueError(
                "mode='deformation' has one map and so one lesion per patient; "
                "use mode='erosion' for several lesions"
            )
        if self.mode == "deformation" and self.complete_responders > 0:
            raise ValueError(
                "mode='deformation' cannot take a tumour away (its Jacobian would be 0); "
                "use mode='erosion' for complete responders"
            )
        return self

    @property
    def lesion_range(self) -> tuple[int, int]:
        """Lowest and highest number of lesions of a patient."""
        value = self.lesions_per_patient
        return (value, value) if isinstance(value, int) else value
