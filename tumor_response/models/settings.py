"""The settings of the named models: frozen, validated, with their defaults' reasons."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tumor_response.models.penalty_choice import Rule
from tumor_response.models.ridge import DEFAULT_CS
from tumor_response.settings import Settings

__all__ = [
    "DummySettings",
    "LinearSettings",
    "LogisticSettings",
    "OrdinalSettings",
    "Penalty",
    "Reduction",
    "VolumeOnlySettings",
]

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Reduction = Literal["none", "pca", "pls", "supervised_pca", "mrmr"]
Penalty = Literal["ridge", "lasso", "elastic_net"]

_DEFAULT_COMPONENTS = {"pca": 10, "pls": 3, "supervised_pca": 3}
_DEFAULT_COLUMNS = {"supervised_pca": 50, "mrmr": 20}


class _Penalised(Settings):
    """What the settings of ridge, lasso and elastic net share, for whatever outcome."""

    penalty: Penalty = "ridge"
    l1_ratio: Share | None = None
    n_inner_folds: int = Field(5, ge=2)
    rule: Rule = "min"
    max_share: float = Field(0.95, ge=0.5, lt=1)

    @property
    def l1_share(self) -> float:
        """The share of the L1 part: 0 for ridge, 1 for the lasso, ``l1_ratio`` or 0.5 between."""
        return {"ridge": 0.0, "lasso": 1.0}.get(self.penalty, self.l1_ratio or 0.5)

    @model_validator(mode="after")
    def _l1_ratio_belongs_to_the_elastic_net(self) -> Self:
        if self.l1_ratio is not None and self.penalty != "elastic_net":
            raise ValueError(
                f"l1_ratio has no effect with penalty={self.penalty!r}; it belongs to 'elastic_net'"
            )
        return self


class LogisticSettings(_Penalised):
    """Penalised logistic regression on block-scaled columns.

    Parameters
    ----------
    penalty
        ``"ridge"`` (default), ``"lasso"`` or ``"elastic_net"``.
    l1_ratio
        Share of the L1 part in an elastic net, between 0 and 1; None (default): 0.5. The others
        have none.
    Cs
        Inverse penalties of the path; a single one is used without tuning. None (default): for
        ridge half decades from 0.001 to 100; for the others 30 made from the data.
    n_inner_folds
        Patient-grouped folds that choose among them.
    rule
        ``"min"`` (default): the penalty with the smallest held-out deviance; ``"one_se"``: the
        strongest within one standard error of that.
    class_weight
        ``"balanced"``: both classes weigh the same; None (default): rows do.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.
    reduction
        What stands between the scaled columns and a ridge regression, for each block of 20
        columns or more (and of more than it leaves), refitted in every inner fold as well
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

    Cs: tuple[Positive, ...] | None = Field(None, min_length=1)
    class_weight: Literal["balanced"] | None = None
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
        if self.reduction != "none" and self.penalty != "ridge":
            raise ValueError(
                f"reduction={self.reduction!r} goes with penalty='ridge', not {self.penalty!r}, "
                "which chooses among columns itself"
            )
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


class LinearSettings(_Penalised):
    """Penalised linear regression of a rate on block-scaled columns.

    Parameters
    ----------
    penalty, l1_ratio, n_inner_folds, max_share
        As in :class:`LogisticSettings`.
    rule
        As there, by held-out squared error.
    alphas
        Penalties of the path; a single one is used without tuning. None (default): for ridge half
        decades from 10,000 to 0.01; for the others 30 made from the data.

    Examples
    --------
    >>> LinearSettings(penalty="elastic_net").l1_share
    0.5
    """

    alphas: tuple[Positive, ...] | None = Field(None, min_length=1)


class OrdinalSettings(Settings):
    """Proportional odds with a ridge penalty, for ordered classes, on block-scaled columns.

    Parameters
    ----------
    Cs, n_inner_folds, rule, max_share
        As in :class:`LogisticSettings` with ``penalty="ridge"``.

    Examples
    --------
    >>> len(OrdinalSettings().Cs)
    11
    """

    Cs: tuple[Positive, ...] = Field(DEFAULT_CS, min_length=1)
    n_inner_folds: int = Field(5, ge=2)
    rule: Rule = "min"
    max_share: float = Field(0.95, ge=0.5, lt=1)


class VolumeOnlySettings(Settings):
    """A linear model of the logarithm of the baseline volume, the baseline to beat.

    Parameters
    ----------
    volume_column
        The column that holds the volume in cc.
    C
        Inverse ridge penalty on the standardised log volume; for a rate the penalty is ``1 / C``.
        With one column the AUC does not depend on it; a mild penalty keeps the slope finite where
        volume separates the classes.

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
    """The training rows' prior or mean for everybody: what knowing nothing gives (AUC 0.5)."""
