"""One fact over the training patients: where its values lie, and how far out another one is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tumor_response.predictor.domain.facts import NOT_STATED, Measured

__all__ = ["UNSEEN", "LevelRange", "NumberRange", "weighted_quantiles"]

FloatArray = npt.NDArray[np.float64]

UNSEEN = 10.0
"""Distance of what no training patient had, where 1 is an end of a number's range."""

_FEWEST = 5
"""Counts of fewer patients than this are not told."""
_COARSE = 2
"""What stands for a count of 1 to 4."""


def weighted_quantiles(values: FloatArray, weights: FloatArray, levels: FloatArray) -> FloatArray:
    """Return quantiles of weighted values, each value at the middle of its weight (Hazen 1914).

    Parameters
    ----------
    values, weights
        Shape (n,), n at least 1, weights positive.
    levels
        Shape (m,), 0 to 1.

    Examples
    --------
    >>> weighted_quantiles(np.array([3.0, 1.0]), np.ones(2), np.array([0.5])).tolist()
    [2.0]
    """
    order = np.argsort(values, kind="stable")
    kept, weight = values[order], weights[order]
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    found: FloatArray = np.interp(levels, middle, kept)
    return found


@dataclass(frozen=True)
class NumberRange:
    """Where a number lies in the training patients. Aggregates only, the ends rounded.

    Parameters
    ----------
    words, unit, is_log, tolerance
        As in :class:`Measured`.
    centre, below, above
        Median, and from there to the 5th and to the 95th percentile, in the unit or as
        logarithms, rounded to half the tolerance; the latter at least the tolerance.
    low, high
        What is shown: 2.5th and 97.5th percentile in the unit, rounded outward.
    mean, sd
        In the unit or of logarithms.
    n
        Patients with a value.
    always_known
        Whether a lesion without it is out of the ordinary.
    """

    words: str
    unit: str
    is_log: bool
    tolerance: float
    centre: float
    below: float
    above: float
    low: float
    high: float
    mean: float
    sd: float
    n: int
    always_known: bool

    @classmethod
    def of(
        cls, values: FloatArray, weights: FloatArray, what: Measured, *, is_measured: bool
    ) -> Self | None:
        """Return the range of values, None where there are none.

        Parameters
        ----------
        values, weights
            Shape (n_lesions,); NaN: not known. A patient's lesions weigh 1 together.
        what
            The number.
        is_measured
            Whether every image has it, so that lacking it is out of the ordinary.
        """
        scaled = _scaled(values, is_log=what.is_log)
        known = np.isfinite(scaled)
        if not known.any():
            return None
        kept, weight = scaled[known], weights[known]
        levels = np.array([0.025, 0.05, 0.5, 0.95, 0.975])
        outer_low, low, middle, high, outer_high = weighted_quantiles(kept, weight, levels)
        step = what.tolerance / 2
        mean = float(np.average(kept, weights=weight))
        return cls(
            **asdict(what),
            centre=_rounded(middle, step),
            below=max(_rounded(middle - low, step), what.tolerance),
            above=max(_rounded(high - middle, step), what.tolerance),
            low=_outward(float(outer_low), what, up=False),
            high=_outward(float(outer_high), what, up=True),
            mean=mean,
            sd=math.sqrt(float(np.average((kept - mean) ** 2, weights=weight))),
            n=round(float(weight.sum())),
            always_known=is_measured and bool(known.all()),
        )

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return values as they are compared: in the unit, or as logarithms."""
        return _scaled(values, is_log=self.is_log)

    def distance(self, values: FloatArray) -> FloatArray:
        """Return how far from the centre values are, 1 at the 5th and the 95th percentile.

        NaN where nothing is known.
        """
        shift = self.scaled(values) - self.centre
        far: FloatArray = np.where(shift < 0, -shift / self.below, shift / self.above)
        return np.where(np.isnan(far), UNSEEN, far) if self.always_known else far

    def outside(self, value: float) -> str:
        """Say that a value is outside, against what was trained on."""
        unit = f" {self.unit}" if self.unit else ""
        if math.isnan(value):
            return f"{self.words} not measurable; trained on {self.shown_range}{unit}"
        found = f"{self.words} {_shown(value)}{unit}"
        if self.low <= value <= self.high:
            return f"{found}; rare in training ({self.shown_range})"
        return f"{found}; trained on {self.shown_range}"

    @property
    def shown_range(self) -> str:
        """The range in words."""
        if self.low == self.high:
            return _shown(self.low)
        return f"{_shown(self.low)} to {_shown(self.high)}"


@dataclass(frozen=True)
class LevelRange:
    """Which levels of a fact the training patients have.

    Parameters
    ----------
    words
        As a message names it.
    levels
        Level -> patients; 1 to 4 patients are told as 2.
    """

    words: str
    levels: Mapping[str, int]

    @classmethod
    def of(cls, values: npt.NDArray[np.object_], weights: FloatArray, words: str) -> Self | None:
        """Return the levels of values, None where nothing is stated."""
        counts: dict[str, float] = {}
        for value, weight in zip(values, weights, strict=True):
            if _is_stated(value):
                counts[str(value)] = counts.get(str(value), 0.0) + float(weight)
        if not counts:
            return None
        told = {
            level: round(count) if round(count) >= _FEWEST else _COARSE
            for level, count in sorted(counts.items())
        }
        return cls(words, told)

    def distance(self, values: npt.NDArray[np.object_]) -> FloatArray:
        """Return 0 for a level that is there, far for another one, NaN where nothing is stated."""
        return np.array(
            [
                math.nan if not _is_stated(v) else (0.0 if str(v) in self.levels else UNSEEN)
                for v in values
            ],
            dtype=np.float64,
        )

    def outside(self, value: object) -> str:
        """Say that a level is none of the training patients'."""
        return f"{self.words} {value}; trained on {self.shown_range}"

    @property
    def shown_range(self) -> str:
        """The levels in words, the commonest first."""
        most = sorted(self.levels, key=lambda level: (-self.levels[level], level))
        more = f" and {len(most) - 5} more" if len(most) > 5 else ""
        return ", ".join(most[:5]) + more

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        return cls(str(found["words"]), {str(k): int(v) for k, v in found["levels"].items()})


def _is_stated(value: object) -> bool:
    return isinstance(value, str) and value not in ("", NOT_STATED)


def _scaled(values: FloatArray, *, is_log: bool) -> FloatArray:
    if not is_log:
        return values
    found: FloatArray = np.full(len(values), np.nan)
    positive = values > 0
    found[positive] = np.log(values[positive])
    return found


def _rounded(value: float, step: float) -> float:
    return float(round(value / step) * step)


def _outward(value: float, what: Measured, *, up: bool) -> float:
    """Round an end of a range away from its middle: to the tolerance, or to two digits."""
    shown = math.exp(value) if what.is_log else value
    step = what.tolerance
    if what.is_log:
        step = 10.0 ** (math.floor(math.log10(shown)) - 1)
    # 3 mm that is 2.9999 in the file stays 3
    steps = math.ceil(shown / step - 1e-3) if up else math.floor(shown / step + 1e-3)
    return float(f"{steps * step:.6g}")


def _shown(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3g}"
