"""The settings of support vector machines and Gaussian processes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tumor_response.models.kernel.svm import DEFAULT_SVM_CS, DEFAULT_SVR_CS
from tumor_response.settings import Settings

__all__ = [
    "GaussianProcessRateSettings",
    "GaussianProcessSettings",
    "SVMRateSettings",
    "SVMSettings",
]

Positive = Annotated[float, Field(gt=0)]


class SVMSettings(Settings):
    """Linear support vector machine on block-scaled columns, calibrated out of fold.

    Parameters
    ----------
    Cs
        Inverse penalties to choose from.
    n_inner_folds
        Patient-grouped folds that choose among them and make the scores that are calibrated.
    class_weight
        ``"balanced"`` weighs both classes the same. Default None: probabilities are those of the
        cohort.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> SVMSettings(Cs=(1.0,)).n_inner_folds
    5
    """

    Cs: tuple[Positive, ...] = Field(DEFAULT_SVM_CS, min_length=1)
    n_inner_folds: int = Field(5, ge=2)
    class_weight: Literal["balanced"] | None = None
    max_share: float = Field(0.95, ge=0.5, lt=1)


class SVMRateSettings(Settings):
    """Linear support vector regression on block-scaled columns.

    Parameters
    ----------
    Cs, n_inner_folds, max_share
        As in :class:`SVMSettings`.
    epsilon
        Errors below it cost nothing, in standard deviations of the rate. A tenth is far below
        what contour error alone makes of a rate.
    rule
        ``"min"``, or ``"one_se"``: the strongest penalty within one standard error.

    Examples
    --------
    >>> SVMRateSettings().epsilon
    0.1
    """

    Cs: tuple[Positive, ...] = Field(DEFAULT_SVR_CS, min_length=1)
    epsilon: float = Field(0.1, ge=0)
    n_inner_folds: int = Field(5, ge=2)
    rule: Literal["min", "one_se"] = "min"
    max_share: float = Field(0.95, ge=0.5, lt=1)


class GaussianProcessRateSettings(Settings):
    """Gaussian process on block-scaled columns; kernel and noise are chosen by their evidence.

    Parameters
    ----------
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> GaussianProcessRateSettings().max_share
    0.95
    """

    max_share: float = Field(0.95, ge=0.5, lt=1)


class GaussianProcessSettings(GaussianProcessRateSettings):
    """As :class:`GaussianProcessRateSettings`, for response.

    Parameters
    ----------
    class_weight
        ``"balanced"`` weighs both classes the same in the posterior. Default None.

    Examples
    --------
    >>> GaussianProcessSettings(class_weight="balanced").class_weight
    'balanced'
    """

    class_weight: Literal["balanced"] | None = None
