"""The settings of the models that fuse blocks, and of the named clinical set."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tumor_response.models.penalised import DEFAULT_ALPHAS
from tumor_response.models.penalty_choice import Rule
from tumor_response.models.ridge import DEFAULT_CS
from tumor_response.settings import Settings
from tumor_response.transformers.clinical_codes import FACTORS

__all__ = [
    "AverageSettings",
    "ClinicalFirstRateSettings",
    "ClinicalFirstSettings",
    "ClinicalSetRateSettings",
    "ClinicalSetSettings",
    "LateFusionRateSettings",
    "LateFusionSettings",
]

Positive = Annotated[float, Field(gt=0)]
Path = Annotated[tuple[Positive, ...], Field(min_length=1)]
Balance = Literal["balanced"] | None


class LateFusionRateSettings(Settings):
    """One model per block, stacked, for rates.

    Parameters
    ----------
    base
        Name of the model that each block gets, with its defaults; None: ``"linear"``
        (``"logistic"`` for responses).
    base_by_block
        From a block to the name of another model for it.
    n_folds
        Patient-grouped folds of the out-of-fold predictions.
    strength
        Ridge penalty on the blocks' weights.

    Examples
    --------
    >>> LateFusionRateSettings(base_by_block={"clinical": "clinical_set"}).n_folds
    5
    """

    base: str | None = None
    base_by_block: dict[str, str] = {}
    n_folds: int = Field(5, ge=2)
    strength: Positive = 1.0


class LateFusionSettings(LateFusionRateSettings):
    """One model per block, stacked, for responses.

    Parameters
    ----------
    base, base_by_block, n_folds, strength
        As in :class:`LateFusionRateSettings`.
    class_weight
        None, or ``"balanced"``: every class weighs the same, in the blocks' models and in their
        weights.
    """

    class_weight: Balance = None


class _Staged(Settings):
    first: Annotated[tuple[str, ...], Field(min_length=1)] = ("clinical",)
    n_inner_folds: int = Field(5, ge=2)
    rule: Rule = "min"
    max_share: float = Field(0.95, ge=0.5, lt=1)


class ClinicalFirstSettings(_Staged):
    """Clinical columns first, then what the others add, for responses.

    Parameters
    ----------
    first
        Blocks of the first stage.
    Cs_first, Cs
        Inverse penalties of both stages; a single one is used without tuning.
    n_inner_folds, rule, max_share, class_weight
        As in :class:`~tumor_response.models.LogisticSettings`.

    Examples
    --------
    >>> ClinicalFirstSettings(first=("clinical", "radiomics")).rule
    'min'
    """

    Cs_first: Path = DEFAULT_CS
    Cs: Path = DEFAULT_CS
    class_weight: Balance = None


class ClinicalFirstRateSettings(_Staged):
    """Clinical columns first, then what the others add, for rates.

    Parameters
    ----------
    first
        Blocks of the first stage.
    alphas_first, alphas
        Penalties of both stages; a single one is used without tuning.
    n_inner_folds, rule, max_share
        As in :class:`~tumor_response.models.LinearSettings`.
    """

    alphas_first: Path = DEFAULT_ALPHAS
    alphas: Path = DEFAULT_ALPHAS


class _Set(Settings):
    columns: dict[str, str | None] = {}
    n_inner_folds: int = Field(5, ge=2)
    rule: Rule = "min"

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [factor.name for factor in FACTORS]
        if unknown := [name for name in self.columns if name not in names]:
            raise ValueError(f"{unknown[0]!r} is no factor; they are {', '.join(names)}")
        return self


class ClinicalSetSettings(_Set):
    """Ridge logistic regression on the named clinical set.

    Parameters
    ----------
    columns
        From a factor to its column or None, as in
        :class:`~tumor_response.transformers.ClinicalSet`; others are found by name.
    Cs, n_inner_folds, rule, class_weight
        As in :class:`~tumor_response.models.LogisticSettings`.

    Examples
    --------
    >>> ClinicalSetSettings(columns={"hpv": "clinical__p16"}).Cs == DEFAULT_CS
    True
    """

    Cs: Path = DEFAULT_CS
    class_weight: Balance = None


class ClinicalSetRateSettings(_Set):
    """Ridge regression of a rate on the named clinical set.

    Parameters
    ----------
    columns
        As in :class:`ClinicalSetSettings`.
    alphas, n_inner_folds, rule
        As in :class:`~tumor_response.models.LinearSettings`.
    """

    alphas: Path = DEFAULT_ALPHAS


class AverageSettings(Settings):
    """The mean probability of ``"logistic"`` and of boosted trees on all columns.

    On 37 small wide tables it was better than ``"logistic"`` by .009 (standard error .003) on
    those it was chosen on and by .012 (.005) on the others (docs: how the defaults were chosen).
    The trees are not those of ``"xgboost"``: weak ones, each on a tenth of all columns, for a
    fixed number of rounds, which err less like a linear model does.

    Parameters
    ----------
    n_columns_per_block
        Columns of each block that the trees are shown; by default more than any table has.
    n_estimators, learning_rate, colsample_bytree, reg_lambda, min_child_weight
        As in :class:`xgboost.XGBClassifier`.
    class_weight
        ``"balanced"`` weighs responders and others the same, in both models.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> AverageSettings().n_estimators
    200
    """

    n_columns_per_block: int = Field(1_000_000, ge=1)
    n_estimators: int = Field(200, ge=1)
    learning_rate: float = Field(0.03, gt=0, le=1)
    colsample_bytree: float = Field(0.1, gt=0, le=1)
    reg_lambda: float = Field(1.0, ge=0)
    min_child_weight: float = Field(1.0, ge=0)
    class_weight: Literal["balanced"] | None = None
    max_share: float = Field(0.95, ge=0.5, lt=1)
