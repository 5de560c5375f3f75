"""The settings of boosted trees and of random forests."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tumor_response.settings import Settings

__all__ = [
    "RandomForestRateSettings",
    "RandomForestSettings",
    "XGBoostRateSettings",
    "XGBoostSettings",
    "XGBoostTertileSettings",
]


class XGBoostRateSettings(Settings):
    """Shallow, strongly regularised boosted trees, stopped on patients they were not shown.

    Depth 2 allows interactions of two columns and no more, which is what a hundred patients can
    support; half the columns and four fifths of the rows per tree, an L2 penalty on leaf values
    and some eight patients per leaf hold each tree back. For a rate that is an L2 penalty of 20
    and a ``min_child_weight`` of 8, for classes, where a patient has a quarter of the curvature,
    5 and 2.

    Parameters
    ----------
    n_columns_per_block
        Columns of each block that the trees are shown: those whose ranks go with the outcome's
        most, chosen anew on the training rows of each inner fold.
    n_estimators
        The most rounds; the number of rounds with ``early_stopping="none"``.
    max_depth, learning_rate, subsample, colsample_bytree, reg_lambda, min_child_weight, max_bin
        As in :class:`xgboost.XGBClassifier`.
    early_stopping, patience, least_rounds, n_inner_folds, refit
        As in :class:`~tumor_response.models.trees.BoostedTreesClassifier`.
    monotone
        From column to 1 (a higher value may only raise the prediction) or -1, by its name in the
        table: ``{"clinical__age": -1}``. A category of several levels is named by the level:
        ``"clinical__stage=III"``.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> XGBoostRateSettings(max_depth=1, monotone={"clinical__age": -1}).reg_lambda
    20.0
    """

    n_columns_per_block: int = Field(20, ge=1)
    n_estimators: int = Field(300, ge=1)
    max_depth: int = Field(2, ge=1)
    learning_rate: float = Field(0.05, gt=0, le=1)
    subsample: float = Field(0.8, gt=0, le=1)
    colsample_bytree: float = Field(0.5, gt=0, le=1)
    reg_lambda: float = Field(20.0, ge=0)
    min_child_weight: float = Field(8.0, ge=0)
    max_bin: int = Field(32, ge=2)
    early_stopping: Literal["folds", "part", "none"] = "folds"
    patience: int = Field(25, ge=1)
    least_rounds: int = Field(50, ge=1)
    n_inner_folds: int = Field(5, ge=2)
    refit: bool = True
    monotone: dict[str, Literal[-1, 0, 1]] = Field(default_factory=dict)
    max_share: float = Field(0.95, ge=0.5, lt=1)

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> Self:
        if not self.refit and self.early_stopping != "part":
            raise ValueError(
                f"refit=False has no effect with early_stopping={self.early_stopping!r}; it "
                "belongs to 'part'"
            )
        return self


class XGBoostTertileSettings(XGBoostRateSettings):
    """As :class:`XGBoostRateSettings`, for three classes.

    Examples
    --------
    >>> XGBoostTertileSettings().min_child_weight
    2.0
    """

    reg_lambda: float = Field(5.0, ge=0)
    min_child_weight: float = Field(2.0, ge=0)
    class_weight: Literal["balanced"] | None = None


class XGBoostSettings(XGBoostTertileSettings):
    """As :class:`XGBoostRateSettings`, for response.

    Parameters
    ----------
    class_weight
        ``"balanced"`` weighs responders and others the same. Default None: probabilities are
        those of the cohort.

    Examples
    --------
    >>> XGBoostSettings(max_depth=1).n_estimators
    300
    """


class RandomForestRateSettings(Settings):
    """A forest whose leaves hold five patients or more.

    Full-grown trees, the usual default, end in leaves of one patient, and their vote is the
    memory of the few nearest ones; five patients a leaf halve the noise of a leaf's mean at
    hardly a cost where the signal is smooth. 300 trees: more change the second digit of nothing.

    Parameters
    ----------
    n_columns_per_block
        Columns of each block that the forest is shown, by their ranks; None: all. Each split
        draws its candidates from all columns alike, so that two clinical columns among 1,000
        image columns are hardly ever drawn. With the default of 20 a clinical signal of three
        columns is found (measured: AUC .673 against .563), a signal spread over image
        columns loses a little (.744 against .764).
    n_trees
        Number of trees.
    min_samples_leaf
        Fewest training rows in a leaf, copies counted.
    max_features
        Share of the columns that each split may choose from, or ``"sqrt"``.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> RandomForestRateSettings(n_trees=100).min_samples_leaf
    5
    """

    n_columns_per_block: int | None = Field(20, ge=1)
    n_trees: int = Field(300, ge=1)
    min_samples_leaf: int = Field(5, ge=1)
    max_features: Literal["sqrt"] | Annotated[float, Field(gt=0, le=1)] = "sqrt"
    max_share: float = Field(0.95, ge=0.5, lt=1)


class RandomForestSettings(RandomForestRateSettings):
    """As :class:`RandomForestRateSettings`, for classes.

    Parameters
    ----------
    class_weight
        ``"balanced"`` weighs each class the same. Default None: probabilities are those of the
        cohort.

    Examples
    --------
    >>> RandomForestSettings(class_weight="balanced").n_trees
    300
    """

    class_weight: Literal["balanced"] | None = None
