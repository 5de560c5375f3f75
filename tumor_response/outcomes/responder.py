"""Cut-points: who shrank more than a cut, which training rows decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.outcomes.end_points import SHRANK_SIGN, sign_of

__all__ = [
    "CLINICAL_CUTS",
    "QUANTILES",
    "LabelRule",
    "ResponderCut",
    "label_responders",
    "label_tertiles",
]

QUANTILES = {"median": 1 / 2, "lower_tertile": 1 / 3, "upper_tertile": 2 / 3}
"""Cuts that the rows decide: the share of them that shrank no more."""

CLINICAL_CUTS = {
    "volumetric_partial_response": 0.7**3,
    "volumetric_progression": 1.2**3,
}
"""Cuts fixed by convention, as V1 / V0: the volumes of spheres whose diameters changed by -30 % and
by +20 %, the limits of RECIST 1.1 (Eisenhauer et al. 2009); -65.7 % and +72.8 % in volume. They
are volumetric categories and not RECIST."""

_OF_RATIO: dict[str, Callable[[float], float]] = {
    "volume_change_percent": lambda ratio: 100.0 * (ratio - 1.0),
    "shrinkage_percent": lambda ratio: 100.0 * (1.0 - ratio),
    "log_volume_ratio": math.log,
}

Cut = str | float


class LabelRule(Protocol):
    """What :func:`tumor_response.evaluate` takes as ``label=``: fitted on training rows alone."""

    @property
    def cut(self) -> Cut:
        """The cut as it was asked for."""

    @property
    def is_fitted(self) -> bool:
        """Whether the rows given to :meth:`fit` decide anything."""

    def fit(self, y: pd.Series) -> Any:
        """Return what the training rows decide."""

    def label(self, y: pd.Series, fitted: Any) -> pd.Series:
        """Return 1.0 for strictly more shrinkage than the cut, 0.0, or NaN."""

    def scores(self, y: pd.Series, fitted: Any) -> pd.Series:
        """Return the values that the cut is made on; the Series bears their name."""

    def threshold(self, fitted: Any) -> float:
        """Return the cut as a number, in the unit of :meth:`scores`."""


@dataclass(frozen=True)
class ResponderCut:
    """A cut-point between less and more shrinkage, to be fitted on training rows.

    Parameters
    ----------
    cut
        ``"median"`` of the rows given to :meth:`fit`; ``"upper_tertile"`` (a third of them shrank
        more) or ``"lower_tertile"`` (two thirds did); a fixed number in the unit of the end point
        (for ``by="volume_change_percent"`` a cut of -30 means shrunk by more than 30 %); or one of
        :data:`CLINICAL_CUTS` by name, for end points that are relative to the baseline.
    by
        The end point, one of the columns of :func:`shrinkage`; it decides which sign is
        shrinkage. ``None`` takes the name of the Series it is used on; a Series that bears the
        name of another end point is refused.

    Raises
    ------
    OutcomeError
        If ``cut`` is no such word and no finite number, ``by`` is no end point, or a clinical cut
        is asked of an end point that it does not exist for.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> rate = pd.Series([0.2, 1.0, 1.4, 2.0], name="rate_percent_per_day")
    >>> rule = tr.ResponderCut("median")
    >>> cut = rule.fit(rate)
    >>> cut, rule.label(rate, cut).tolist()
    (1.2, [0.0, 0.0, 1.0, 1.0])
    >>> change = pd.Series([-80.0, -60.0], name="volume_change_percent")
    >>> rule = tr.ResponderCut("volumetric_partial_response")
    >>> round(rule.fit(change), 1), rule.label(change, rule.fit(change)).tolist()
    (-65.7, [1.0, 0.0])
    """

    cut: Cut = "median"
    by: str | None = None

    def __post_init__(self) -> None:
        fixed = isinstance(self.cut, (int, float)) and not isinstance(self.cut, bool)
        named = isinstance(self.cut, str) and (self.cut in QUANTILES or self.cut in CLINICAL_CUTS)
        if not (named or (fixed and math.isfinite(float(self.cut)))):
            raise OutcomeError(
                f"cut={self.cut!r}: expected 'median' or a finite number, or one of "
                f"{', '.join(map(repr, [*QUANTILES, *CLINICAL_CUTS]))}."
            )
        if self.by is not None:
            sign_of(self.by)
            self._fixed(self.by)

    @property
    def is_fitted(self) -> bool:
        """Whether the rows given to :meth:`fit` decide the cut."""
        return self.cut in QUANTILES

    def fit(self, y: pd.Series) -> float:
        """Return the cut on these rows, in the unit of ``y``; missing values are left out."""
        sign = self._sign_of(y)
        if not self.is_fitted:
            return self._fixed(self.by if self.by is not None else str(y.name))
        known = y.dropna()
        if known.empty:
            raise OutcomeError("No outcome to take a cut of: every value is missing.")
        if self.cut == "median":
            return float(known.median())
        return sign * float((sign * known).quantile(QUANTILES[str(self.cut)]))

    def label(self, y: pd.Series, fitted: float) -> pd.Series:
        """Return 1.0 for strictly more shrinkage than the cut, 0.0 for less or equal, else NaN."""
        sign = self._sign_of(y)
        values = y.to_numpy(dtype=float)
        label = np.where(np.isnan(values), np.nan, (sign * values > sign * fitted).astype(float))
        return pd.Series(label, index=y.index, name="responder")

    def scores(self, y: pd.Series, fitted: float) -> pd.Series:  # noqa: ARG002 - as LabelRule has it
        """Return ``y``: the cut is made on the end point itself."""
        return y if self.by is None else y.rename(self.by)

    def threshold(self, fitted: float) -> float:
        """Return the cut itself."""
        return fitted

    def _fixed(self, by: str) -> float:
        """Return a cut that no row decides; NaN for one that rows do."""
        if not isinstance(self.cut, str):
            return float(self.cut)
        if self.cut in QUANTILES:
            return math.nan
        if by not in _OF_RATIO:
            raise OutcomeError(
                f"cut={self.cut!r} is a volume relative to the baseline's, and {by!r} is not; "
                f"use it with {', '.join(_OF_RATIO)}."
            )
        return _OF_RATIO[by](CLINICAL_CUTS[self.cut])

    def _sign_of(self, y: pd.Series) -> int:
        if self.by is not None and y.name in SHRANK_SIGN and y.name != self.by:
            raise OutcomeError(
                f"ResponderCut(by={self.by!r}) was given {y.name!r}; the sign of one would turn "
                "the labels of the other. Leave out by=, or pass the end point it names."
            )
        return sign_of(self.by if self.by is not None else y.name)


def label_responders(
    outcomes: IntoFrame,
    by: str = "rate_percent_per_day",
    cut: Cut = "median",
) -> pd.Series:
    """Label each lesion 1 (shrank more than the cut) or 0.

    The cut is taken on all rows given. To have it fitted within each resample, which is the
    stricter way, pass the end point itself to :func:`tumor_response.evaluate` with
    ``label=tr.ResponderCut(...)``.

    Parameters
    ----------
    outcomes
        From :func:`shrinkage`.
    by
        The end point; the sign is turned where smaller means more shrinkage.
    cut
        As in :class:`ResponderCut`.

    Returns
    -------
    pandas.Series
        float64, 1.0, 0.0 or NaN (outcome missing), named ``responder``. ``attrs``: ``by``,
        ``cut`` (the number used), ``days``, ``n_ties`` (rows equal to the cut; they are 0) and
        ``reasons`` of missing outcomes.

    Raises
    ------
    OutcomeError
        If ``by`` is not a column of ``outcomes`` or no end point, or every value is missing.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> outcomes = pd.DataFrame({"log_volume_ratio": [-0.5, -0.1, 0.2]})
    >>> tr.label_responders(outcomes, by="log_volume_ratio").tolist()
    [1.0, 0.0, 0.0]
    """
    outcomes = as_keyed(outcomes, "outcomes")
    values = _column(outcomes, by)
    rule = ResponderCut(cut, by)
    fitted = rule.fit(values)
    label = rule.label(values, fitted)
    label.attrs = {
        "by": by,
        "cut": fitted,
        "days": outcomes.attrs.get("days"),
        "n_ties": int((values == fitted).sum()),
        "reasons": dict(outcomes.attrs.get("reasons", {})),
    }
    if outcomes.attrs.get("fitted_on_all_lesions"):
        label.attrs["fitted_on_all_lesions"] = True  # no label hides where its values come from
    return label


def label_tertiles(outcomes: IntoFrame, by: str = "rate_percent_per_day") -> pd.Series:
    """Label each lesion by its third: 0 shrank least, 1, 2 shrank most; ties take the lower one.

    Parameters
    ----------
    outcomes
        From :func:`shrinkage`.
    by
        The end point; the sign is turned where smaller means more shrinkage.

    Returns
    -------
    pandas.Series
        float64, 0, 1, 2 or NaN, named ``tertile``. ``attrs``: ``by``, ``cuts`` (lower and upper),
        ``days``, ``reasons``.

    Raises
    ------
    OutcomeError
        As :func:`label_responders`.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> outcomes = pd.DataFrame({"rate_percent_per_day": [0.1, 1.2, 0.7]})
    >>> tr.label_tertiles(outcomes).tolist()
    [0.0, 2.0, 1.0]
    """
    outcomes = as_keyed(outcomes, "outcomes")
    lower = label_responders(outcomes, by, "lower_tertile")
    upper = label_responders(outcomes, by, "upper_tertile")
    thirds = (lower + upper).rename("tertile")
    thirds.attrs = {
        "by": by,
        "cuts": (lower.attrs["cut"], upper.attrs["cut"]),
        "days": lower.attrs["days"],
        "reasons": lower.attrs["reasons"],
    }
    return thirds


def _column(outcomes: pd.DataFrame, by: str) -> pd.Series:
    if by not in outcomes.columns:
        raise OutcomeError(
            f"by={by!r} is not a column of the outcomes; expected one of {', '.join(SHRANK_SIGN)}."
        )
    return outcomes[by]
