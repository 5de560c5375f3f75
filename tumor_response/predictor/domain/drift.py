"""How a batch of new lesions as a whole differs from the training cohort."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy
from tumor_response.predictor.domain.facts import NOT_STATED
from tumor_response.predictor.domain.parts import DomainParts
from tumor_response.predictor.domain.ranges import LevelRange, NumberRange
from tumor_response.predictor.domain.usual import Usual

__all__ = ["Drift", "drift_between"]

FloatArray = npt.NDArray[np.float64]

FEWEST_PATIENTS = 3
"""New patients, to compare anything."""

_LEVEL = 0.95
_ALPHA = 0.05
_COLUMNS = [
    "name",
    "kind",
    "unit",
    "training",
    "batch",
    "shift",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
]
_OUTSIDE = "patients outside the training domain"


@dataclass(frozen=True, eq=False)
class Drift:
    """What differs between a batch and the training cohort.

    Parameters
    ----------
    rows
        See :meth:`table`.
    n_patients, n_training
        New patients, training patients.
    """

    rows: pd.DataFrame
    n_patients: int
    n_training: int

    def table(self) -> pd.DataFrame:
        """Return one row per fact and family of features, the least p first.

        Returns
        -------
        DataFrame
            ``name``; ``kind`` (``"patients"``, ``"number"``, ``"level"``, ``"features"``);
            ``unit`` of the next five: ``training``, ``batch`` (means; geometric ones where
            ratios are compared; shares of the commonest level), ``shift`` with a 95 % interval
            (a difference, or where ratios are compared a change in percent); ``p`` and
            ``p_adjusted`` (Holm 1979, over all rows).
        """
        return self.rows.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per fact and family of features, to compute with.

        ``name``, ``kind``, ``measure`` (``"shift"``), ``value``, ``ci_low``, ``ci_high`` and the
        other columns of :meth:`table`.
        """
        table = self.rows.rename(columns={"shift": "value"}).assign(measure="shift")
        return tidy(table, ["name", "kind"])

    def differs(self, alpha: float = _ALPHA) -> pd.DataFrame:
        """Return the rows whose adjusted p-value is below ``alpha``."""
        return self.rows[self.rows["p_adjusted"] < alpha].copy()

    def sentence(self) -> str:
        """Say in one sentence what differs."""
        batch = f"{self.n_patients} new patients against {self.n_training} training patients"
        found = self.differs()
        if found.empty:
            return (
                f"{batch}: no difference found in {len(self.rows)} comparisons (Holm, .05); with "
                "few patients that is little evidence that there is none."
            )
        said = [_said(row) for row in found.head(4).to_dict("records")]
        more = f"; and {len(found) - 4} more" if len(found) > 4 else ""
        return (
            f"{batch}: {len(found)} of {len(self.rows)} comparisons differ (Holm, .05): "
            f"{'; '.join(said)}{more}."
        )


def _said(row: Mapping[Any, Any]) -> str:
    if row["kind"] in ("patients", "level"):
        return f"{row['name']} {100 * row['batch']:.0f} %, {100 * row['training']:.0f} % expected"
    unit = f" {row['unit']}" if row["unit"] else ""
    return f"{row['name']} {row['batch']:.3g}{unit}, {row['training']:.3g} in training"


def drift_between(
    parts: DomainParts | None,
    usual: Mapping[str, Usual],
    n_training: int,
    frame: pd.DataFrame,
    outside: npt.NDArray[np.bool_],
) -> Drift:
    """Compare a batch with the training patients, each patient once.

    Numbers by Welch's interval of the difference of means, of logarithms where ratios count;
    families of features by the logarithm of their distance from the centre, against the distances
    of training patients left out; levels by Fisher's test of the share of the commonest level,
    with Newcombe's interval; the share outside by the binomial test against 5 %, with Clopper and
    Pearson's interval.

    Raises
    ------
    EvaluationError
        Code ``too_few_patients``.
    """
    first, n = _patients(frame)
    if parts is None or n < FEWEST_PATIENTS:
        raise EvaluationError(
            f"Drift cannot be told from {n} new and {n_training} training patients; expected at "
            f"least {FEWEST_PATIENTS} and 5. Gather more lesions of the new place.",
            code="too_few_patients",
        )
    far = parts.distances(frame)
    rows = [_outside_row(outside[first])]
    for name, of in parts.ranges.items():
        if name not in frame:
            continue
        if isinstance(of, NumberRange):
            values = of.scaled(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
            rows += _number_row(of, _by_patient(values, frame), n_training)
        else:
            rows += _level_row(of, frame[name].iloc[first])
    for name in (n for n in far if n not in parts.ranges and n in usual):
        logs = np.log(np.maximum(far[name], 1e-6))
        rows += _family_row(name, usual[name], _by_patient(logs, frame), n_training)
    table = pd.DataFrame(rows, columns=_COLUMNS[:-1])
    table["p_adjusted"] = _holm(table["p"].to_numpy(dtype=np.float64))
    table = table.sort_values(["p", "name"], kind="stable", ignore_index=True)
    return Drift(table, n, n_training)


def _patients(frame: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Return the place of each patient's first lesion, and how many patients there are."""
    if "patient_id" not in frame.index.names:
        return np.arange(len(frame)), len(frame)
    names = frame.index.get_level_values("patient_id").astype(str)
    first = np.flatnonzero(~names.duplicated())
    return first, len(first)


def _by_patient(values: FloatArray, frame: pd.DataFrame) -> FloatArray:
    """Return one value per patient, the mean of the lesions'; those not known are left out."""
    series = pd.Series(values)
    if "patient_id" in frame.index.names:
        of = frame.index.get_level_values("patient_id").astype(str).to_numpy(dtype=object)
        series = series.groupby(of, sort=False).mean()
    found: FloatArray = np.asarray(series.dropna(), dtype=np.float64)
    return found


def _welch(
    mean: float, sd: float, n: int, values: FloatArray, least_sd: float
) -> tuple[float, float, float, float] | None:
    """Return difference, interval and p of a batch's mean against a mean that is known.

    Parameters
    ----------
    mean, sd, n
        Of the training patients.
    values
        Of the new ones.
    least_sd
        Of what never varies.
    """
    m = len(values)
    if m < FEWEST_PATIENTS:
        return None
    own = max(sd, least_sd) ** 2 / n
    other = max(float(values.std(ddof=1)), least_sd) ** 2 / m
    error = math.sqrt(own + other)
    freedom = (own + other) ** 2 / (own**2 / max(n - 1, 1) + other**2 / (m - 1))
    shift = float(values.mean()) - mean
    half = float(stats.t.ppf((1 + _LEVEL) / 2, freedom)) * error
    return shift, shift - half, shift + half, float(2 * stats.t.sf(abs(shift) / error, freedom))


def _number_row(of: NumberRange, values: FloatArray, n: int) -> list[tuple[Any, ...]]:
    # half a tolerance of a uniform rounding error
    found = _welch(of.mean, of.sd, min(n, of.n), values, of.tolerance / math.sqrt(12))
    if found is None:
        return []
    shift, low, high, p = found
    if of.is_log:
        levels = (math.exp(of.mean), math.exp(float(values.mean())))
        return [(of.words, "number", of.unit, *levels, *map(_percent, (shift, low, high)), p)]
    return [(of.words, "number", of.unit, of.mean, float(values.mean()), shift, low, high, p)]


def _family_row(name: str, of: Usual, values: FloatArray, n: int) -> list[tuple[Any, ...]]:
    found = _welch(of.log_mean, of.log_sd, n, values, 1e-3)
    if found is None:
        return []
    *shift, p = found
    levels = (math.exp(of.log_mean), math.exp(float(values.mean())))
    return [(name, "features", "", *levels, *map(_percent, shift), p)]


def _level_row(of: LevelRange, values: pd.Series) -> list[tuple[Any, ...]]:
    stated = [str(v) for v in values if isinstance(v, str) and v not in ("", NOT_STATED)]
    if len(stated) < FEWEST_PATIENTS:
        return []
    level = min(of.levels, key=lambda name: (-of.levels[name], name))
    total, hits = sum(of.levels.values()), sum(one == level for one in stated)
    counts = [[of.levels[level], total - of.levels[level]], [hits, len(stated) - hits]]
    p = float(stats.fisher_exact(counts)[1])
    before, now = of.levels[level] / total, hits / len(stated)
    (l0, u0), (l1, u1) = (_wilson(k, k + rest) for k, rest in counts)
    low = now - before - math.hypot(now - l1, u0 - before)
    high = now - before + math.hypot(u1 - now, before - l0)
    return [(f"{of.words} {level}", "level", "", before, now, now - before, low, high, p)]


def _wilson(hits: int, n: int) -> tuple[float, float]:
    found = stats.binomtest(hits, n).proportion_ci(_LEVEL, method="wilson")
    return float(found.low), float(found.high)


def _outside_row(outside: npt.NDArray[np.bool_]) -> tuple[Any, ...]:
    test = stats.binomtest(int(outside.sum()), len(outside), _ALPHA)
    found = test.proportion_ci(_LEVEL, method="exact")
    share = float(outside.mean())
    shift = (share - _ALPHA, float(found.low) - _ALPHA, float(found.high) - _ALPHA)
    return (_OUTSIDE, "patients", "", _ALPHA, share, *shift, float(test.pvalue))


def _percent(log_ratio: float) -> float:
    return 100.0 * math.expm1(min(log_ratio, 50.0))


def _holm(p: FloatArray) -> FloatArray:
    """Return p-values adjusted for their number (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
