"""The settings of the named models: frozen, validated, with their defaults' reasons."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tumor_response.models.ridge import DEFAULT_CS
from tumor_response.settings import Settings

__all__ = [
    "DummySettings",
    "LogisticSettings",
    "Reduction",
    "VolumeOnlySettings",
    "XGBoostSettings",
]

Positive = Annotated[float, Field(gt=0)]
Reduction = Literal["none", "pca", "pls", "supervised_pca", "mrmr"]

_DEFAULT_COMPONENTS = {"pca": 10, "pls": 3, "supervised_pca": 3}
_DEFAULT_COLUMNS = {"supervised_pca": 50, "mrmr": 20}


class LogisticSettings(Settings):
    """Ridge logistic regression on block-scaled columns.

    Parameters
    ----------
    Cs
        Inverse penalties of the path; a single one is used without tuning.
    n_inner_folds
        Patient-grouped folds that choose among them.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.
    reduction
        What stands between the scaled columns and the regression, for each block of 20 columns
        or more (and of more than it leaves), refitted in every inner fold as well
        (:class:`~tumor_response.models.ReducedRidgeLogistic`): ``"none"`` (default), ``"pca"``,
        ``"pls"``, ``"supervised_pca"``, or ``"mrmr"``, which leaves out of columns that correlate
        by more than 0.95 all but one before it.
    n_components
        Components of each block; ``None`` (default): 10 for ``"pca"``, 3 for ``"pls"`` and
        ``"supervised_pca"``. The others have none.
    n_columns
        Columns of each block that are chosen; ``None`` (default): 50 for ``"supervised_pca"``, 20
        for ``"mrmr"``. The others choose none.

    Examples
    --------
    >>> LogisticSettings(Cs=(0.1,)).n_inner_folds
    5
    >>> LogisticSettings(reduction="pca").components
    10
    """

    Cs: tuple[Positive, ...] = Field(DEFAULT_CS, min_length=1)
    n_inner_folds: int = Field(5, ge=2)
    max_share: float = Field(0.95, ge=0.5, lt=1)
    reduction: Reduction = "none"
    n_components: int | None = Field(None, ge=1)
    n_columns: int | None = Field(None, ge=1)

    @property
    def components(self) -> int:
        """``n_components``, or the reduction's default; 0 if it makes none."""
        return self.n_components or _DEFAULT_COMPONENTS.get(self.reduction, 0)

    @property
    def columns(self) -> int:
        """``n_columns``, or the reduction's default; 0 if it chooses none."""
        return self.n_columns or _DEFAULT_COLUMNS.get(self.reduction, 0)

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> Self:
        for name, default in (
            ("n_components", _DEFAULT_COMPONENTS),
            ("n_columns", _DEFAULT_COLUMNS),
        ):
            if getattr(self, name) is not None and self.reduction not in default:
                raise ValueError(
                    f"{name} has no effect with reduction={self.reduction!r}; it belongs to "
                    f"{', '.join(map(repr, default))}"
                )
        if self.reduction == "supervised_pca" and self.columns < self.components:
            raise ValueError(
                f"n_columns={self.columns}: expected n_components={self.components} or more"
            )
        return self


class XGBoostSettings(Settings):
    """Shallow, strongly regularised boosted trees after an in-fold filter.

    Depth 2 allows interactions of two columns and no more, which is what a hundred patients can
    support; half the columns and four fifths of the rows per tree, an L2 penalty of 5 on leaf
    values and at least 2 units of curvature per leaf (some eight patients) hold each tree back.

    Parameters
    ----------
    n_columns_per_block
        Columns of each block that pass :class:`~tumor_response.transformers.UnivariateFilter`.
    n_estimators, max_depth, learning_rate, subsample, colsample_bytree, reg_lambda, \
min_child_weight, max_bin
        As in :class:`xgboost.XGBClassifier`.
    max_share
        As in :class:`LogisticSettings`.

    Examples
    --------
    >>> XGBoostSettings(max_depth=1).n_estimators
    100
    """

    n_columns_per_block: int = Field(20, ge=1)
    n_estimators: int = Field(100, ge=1)
    max_depth: int = Field(2, ge=1)
    learning_rate: float = Field(0.05, gt=0, le=1)
    subsample: float = Field(0.8, gt=0, le=1)
    colsample_bytree: float = Field(0.5, gt=0, le=1)
    reg_lambda: float = Field(5.0, ge=0)
    min_child_weight: float = Field(2.0, ge=0)
    max_bin: int = Field(32, ge=2)
    max_share: float = Field(0.95, ge=0.5, lt=1)


class VolumeOnlySettings(Settings):
    """Logistic regression on the logarithm of the baseline volume, the baseline to beat.

    Parameters
    ----------
    volume_column
        The column that holds the volume in cc.
    C
        Inverse ridge penalty on the standardised log volume. With one column the AUC does not
        depend on it; a mild penalty keeps the slope finite where volume separates the classes.

    Examples
    --------
    >>> VolumeOnlySettings().volume_column
    'clinical__volume_cc'
    """

    volume_column: str = "clinical__volume_cc"
    C: Positive = 1.0

    @field_validator("volume_column")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected the name of a column")
        return value


class DummySettings(Settings):
    """The prior of the training rows for everybody: what knowing nothing gives (AUC 0.5)."""
