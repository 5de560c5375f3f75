"""The baseline-adjusted target: more shrinkage than lesions of that size had.

The baseline volume stands on both sides of a change (docs/guide/coupling.md). The residual of
ln V1 on ln V0, from least squares on the training rows, is uncorrelated with ln V0 there.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.responder import QUANTILES, Cut

__all__ = ["AdjustedFit", "BaselineAdjustedCut"]

SCORE = "log_volume_residual"
_RATIO_OF = {
    "volume_change_percent": lambda y: 1.0 + y / 100.0,
    "shrinkage_percent": lambda y: 1.0 - y / 100.0,
}


@dataclass(frozen=True)
class AdjustedFit:
    """What training rows decide.

    Parameters
    ----------
    intercept, slope
        Of ln V1 (cc) on ln V0 (cc).
    cut
        On the residual; lower means more shrinkage.
    """

    intercept: float
    slope: float
    cut: float


@dataclass(frozen=True, eq=False)
class BaselineAdjustedCut:
    """A cut on the residual of ln V1 on ln V0, both fitted on training rows.

    To be used with a relative change, which has a value for complete responses too::

        tr.evaluate(models, table, outcomes["volume_change_percent"],
                    label=tr.BaselineAdjustedCut(outcomes["volume_baseline_cc"]))

    Parameters
    ----------
    volume_baseline_cc
        V0 by lesion: the column of :func:`tumor_response.shrinkage`, which pre-treatment data
        alone decide.
    cut
        ``"median"``, ``"upper_tertile"`` (a third shrank more than their size would say) or
        ``"lower_tertile"``, of the training rows' residuals.

    Raises
    ------
    OutcomeError
        If ``cut`` is another word, or a volume is not positive or there twice for a lesion.

    Notes
    -----
    A complete response has no logarithm. It takes no part in the fit, and its label is 1: no
    residual is lower. Contour error in V0 flattens the fitted slope, so that the adjustment turns
    the coupling round instead of ending it; docs/guide/coupling.md gives the figures.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> v0 = pd.Series([5.0, 10.0, 20.0, 40.0])
    >>> change = pd.Series([-50.0, -20.0, -50.0, -20.0], name="volume_change_percent")
    >>> rule = tr.BaselineAdjustedCut(v0)
    >>> rule.label(change, rule.fit(change)).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """

    volume_baseline_cc: pd.Series = field(repr=False)
    cut: Cut = "median"

    def __post_init__(self) -> None:
        if self.cut not in QUANTILES:
            raise OutcomeError(
                f"cut={self.cut!r}: expected one of {', '.join(map(repr, QUANTILES))}; a number "
                "would have no fixed meaning for residuals that are fitted anew."
            )
        volume = self.volume_baseline_cc
        if not isinstance(volume, pd.Series):
            raise OutcomeError(
                "volume_baseline_cc: expected a Series by lesion, such as "
                f"outcomes['volume_baseline_cc']; received {type(volume).__name__}."
            )
        if not volume.index.is_unique:
            raise OutcomeError("volume_baseline_cc: a lesion is there twice.")
        if (volume.dropna() <= 0).any():
            raise OutcomeError("volume_baseline_cc: a volume is not positive; expected cc.")

    @property
    def is_fitted(self) -> bool:
        """Training rows decide it, always."""
        return True

    def fit(self, y: pd.Series) -> AdjustedFit:
        """Fit line and cut on these rows; missing values and complete responses are left out."""
        x, log_v1 = self._logarithms(y)
        known = np.isfinite(x) & np.isfinite(log_v1)
        if np.unique(x[known]).size < 2:
            raise OutcomeError(
                "BaselineAdjustedCut: a line through ln V1 on ln V0 needs at least two lesions of "
                f"different volume; there are {int(known.sum())} with both volumes."
            )
        centred = x[known] - x[known].mean()
        slope = float((centred * log_v1[known]).sum() / (centred**2).sum())
        intercept = float(log_v1[known].mean() - slope * x[known].mean())
        residual = log_v1 - intercept - slope * x
        # complete responses lie below every cut, and count among those that shrank more
        with np.errstate(invalid="ignore"):  # between two that are gone: no number, told below
            cut = np.quantile(residual[~np.isnan(residual)], 1.0 - QUANTILES[str(self.cut)])
        if not np.isfinite(cut):
            raise OutcomeError(
                "BaselineAdjustedCut: so many lesions are gone that the cut falls among them; use "
                "label_responders with a fixed cut."
            )
        return AdjustedFit(intercept, slope, float(cut))

    def label(self, y: pd.Series, fitted: AdjustedFit) -> pd.Series:
        """Return 1.0 for a residual strictly below the cut, 0.0 otherwise, NaN where missing."""
        residual = self.scores(y, fitted).to_numpy(dtype=float)
        label = np.where(np.isnan(residual), np.nan, (residual < fitted.cut).astype(float))
        return pd.Series(label, index=y.index, name="responder")

    def scores(self, y: pd.Series, fitted: AdjustedFit) -> pd.Series:
        """Return the residuals; minus infinity for a complete response."""
        x, log_v1 = self._logarithms(y)
        return pd.Series(log_v1 - fitted.intercept - fitted.slope * x, index=y.index, name=SCORE)

    def threshold(self, fitted: AdjustedFit) -> float:
        """Return the cut on the residual."""
        return fitted.cut

    def _logarithms(self, y: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        if y.name not in _RATIO_OF:
            raise OutcomeError(
                f"BaselineAdjustedCut was given {y.name!r}; expected one of "
                f"{', '.join(_RATIO_OF)}, from which V1 follows, complete responses included."
            )
        absent: list[Hashable] = list(y.index[~y.index.isin(self.volume_baseline_cc.index)])
        if absent:
            raise OutcomeError(
                f"volume_baseline_cc: no value for {len(absent)} of {len(y)} lesions, such as "
                f"{absent[0]!r}."
            )
        v0 = self.volume_baseline_cc.loc[y.index].to_numpy(dtype=float)
        ratio = _RATIO_OF[str(y.name)](y.to_numpy(dtype=float))
        with np.errstate(divide="ignore"):  # ln 0 is minus infinity, as it is meant
            return np.log(v0), np.log(v0) + np.log(np.maximum(ratio, 0.0))
