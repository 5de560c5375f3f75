"""How a predictor is fitted: folds, samples, coverages, threshold, seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tumor_response.settings import Settings

__all__ = ["PredictorSettings"]

Share = Annotated[float, Field(gt=0, lt=1)]


class PredictorSettings(Settings):
    """How a predictor is fitted, beside its model.

    Parameters
    ----------
    n_folds, n_repeats
        Of the cross-fitting that calibration, threshold and conformal sets are fitted by.
    n_resamples
        Bootstrap samples of patients to which the model is fitted again, for the spread of a
        prediction; 0: no spread.
    coverages
        Nominal coverages of the label sets or intervals that may be asked for.
    threshold
        Of the class: ``"youden"``, the calibrated probability at which sensitivity +
        specificity - 1 of the patients left out is largest; or a probability.
    seed
        Of folds and samples.

    Raises
    ------
    SettingsError
        A value out of range.

    Examples
    --------
    >>> PredictorSettings(coverages=[0.8]).coverages
    (0.8,)
    """

    n_folds: int = Field(5, ge=2)
    n_repeats: int = Field(4, ge=1)
    n_resamples: int = Field(50, ge=0)
    coverages: tuple[Share, ...] = Field((0.8, 0.9, 0.95), min_length=1)
    threshold: Literal["youden"] | Share = "youden"
    seed: int = Field(0, ge=0)

    @field_validator("n_resamples")
    @classmethod
    def _not_one(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one sample has no spread; expected 0, or 2 and more")
        return value
