"""How a column's values are spread, told so coarsely that no line is about a few patients.

A codebook is passed on more freely than the table it describes: into supplements, protocols,
e-mails. So nothing in it rests on fewer than ``fewest`` patients: the ends of a range are those
beyond which that many patients lie, bars and levels of fewer are counted together with their
neighbours, and a column that fewer than twice as many patients have is not described at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumor_response.exceptions import SettingsError

__all__ = ["FEWEST", "Distribution", "distribution_of", "levels_of"]

FEWEST = 5
"""Patients behind each number that a codebook shows, unless another number is asked for."""

_DISCRETE = 12
"""Up to so many different whole numbers each have a bar of their own."""
_FEWEST_BARS, _MOST_BARS = 5, 20
_LISTED = 30
"""Up to so many levels of a category are named."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Distribution:
    """What is told of one column's values.

    Parameters
    ----------
    n, n_patients
        Lesions and patients with a value.
    minimum, q1, median, q3, maximum
        NaN where it would be about too few patients.
    shown
        ``"exact"``: minimum and maximum are those of the values; ``"coarsened"``: further out lie
        fewer patients than are told of; ``"withheld"``: too few patients have a value at all;
        ``"counted"``: levels, which have no range.
    bar_edges, bar_counts
        Of the histogram; the first and the last bar hold whatever lies further out. Counts are of
        lesions.
    levels
        Counts of levels or of whole numbers, ``"1: 40; 2: 56"``; ``""`` for other numbers.
    """

    n: int = 0
    n_patients: int = 0
    minimum: float = math.nan
    q1: float = math.nan
    median: float = math.nan
    q3: float = math.nan
    maximum: float = math.nan
    shown: Literal["exact", "coarsened", "withheld", "counted"] = "withheld"
    bar_edges: tuple[float, ...] = ()
    bar_counts: tuple[int, ...] = ()
    levels: str = ""


def distribution_of(
    values: FloatArray, patients: IntArray, *, fewest: int = FEWEST
) -> Distribution:
    """Describe numbers.

    Parameters
    ----------
    values
        float64 (n_lesions,); what is not finite counts as missing.
    patients
        int64 (n_lesions,), a number for each patient.
    fewest
        Patients behind each number that is told; 1 tells everything exactly.

    Returns
    -------
    Distribution

    Raises
    ------
    SettingsError
        For ``fewest`` below 1.

    Notes
    -----
    The ends are the values that ``fewest`` patients reach or pass (top and bottom coding; Hundepool
    et al., Statistical Disclosure Control, Wiley 2012, chapter 3), rounded to a hundredth of the
    range's power of ten. Bars between them are equally wide, then joined with the next one until
    each empty or of ``fewest`` patients.

    Examples
    --------
    >>> ages = np.array([31.0, *range(50, 80), 104.0])
    >>> told = distribution_of(ages, np.arange(32))
    >>> told.minimum, told.median, told.maximum, told.shown
    (53.0, 64.5, 76.0, 'coarsened')
    >>> told.bar_counts
    (8, 8, 8, 8)
    """
    if fewest < 1:
        raise SettingsError(f"fewest={fewest}: expected 1 or more patients.")
    there = np.isfinite(values)
    values, patients = values[there], patients[there]
    n_patients = len(np.unique(patients))
    if not n_patients or (n_patients < 2 * fewest and fewest > 1):
        return Distribution(len(values), n_patients)
    low, high = _ends(values, patients, fewest)
    exact = low == values.min() and high == values.max()
    quartiles = [float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])]
    told = [low, *(q if low <= q <= high else math.nan for q in quartiles), high]
    minimum, q1, median, q3, maximum = told if fewest == 1 else _rounded(told)
    edges, counts, levels = _bars(values, patients, fewest, minimum, maximum)
    return Distribution(
        n=len(values),
        n_patients=n_patients,
        minimum=minimum,
        q1=q1,
        median=median,
        q3=q3,
        maximum=maximum,
        shown="exact" if exact else "coarsened",
        bar_edges=tuple(edges),
        bar_counts=tuple(counts),
        levels=levels,
    )


def levels_of(
    values: pd.Series, patients: IntArray, *, fewest: int = FEWEST, name_rare: bool = True
) -> Distribution:
    """Describe levels of a category, or texts.

    Parameters
    ----------
    values
        One per lesion; of a categorical all levels are known, also those nobody has.
    patients
        int64 (n_lesions,), a number for each patient.
    fewest
        Levels of fewer patients are counted together.
    name_rare
        Whether they are named; without, dates and places that only few have stay untold.

    Returns
    -------
    Distribution
        Its :attr:`~Distribution.levels` alone.

    Examples
    --------
    >>> stage = pd.Series(["T1"] * 8 + ["T2"] * 3 + ["T3"] * 9 + ["T4"])
    >>> levels_of(stage, np.arange(21)).levels
    'T3: 9; T1, T2, T4: 12'
    """
    there = values.notna().to_numpy()
    texts, of = values[there].astype("str"), patients[there]
    known = (
        [str(level) for level in values.cat.categories]
        if isinstance(values.dtype, pd.CategoricalDtype)
        else sorted(texts.unique())
    )
    lesions = {level: int((texts == level).sum()) for level in known}
    inside = {level: len(np.unique(of[(texts == level).to_numpy()])) for level in known}
    rare = _pooled(inside, fewest)
    parts = [f"{level}: {lesions[level]}" for level in known if level not in rare]
    if len(parts) > _LISTED:
        parts = [f"{len(known)} different texts"]
    elif rare:
        words = ", ".join(rare) if name_rare and len(rare) <= _LISTED else f"{len(rare)} others"
        enough = sum(inside[level] for level in rare) >= fewest
        parts.append(f"{words}: {sum(lesions[level] for level in rare) if enough else 'few'}")
    n_patients = len(np.unique(of))
    return Distribution(len(texts), n_patients, shown="counted", levels="; ".join(parts))


def _pooled(n_patients: Mapping[str, int], fewest: int) -> list[str]:
    """Return the levels to be counted together, so that none can be told from the rest."""
    rare = {level for level, n in n_patients.items() if n < fewest}
    if not any(n_patients[level] for level in rare):
        return []
    others = [level for level in n_patients if level not in rare]
    if sum(n_patients[level] for level in rare) < fewest and others:
        # with all others counted, the total would tell: the next smallest one joins
        rare.add(min(others, key=lambda level: n_patients[level]))
    return [level for level in n_patients if level in rare]


def _ends(values: FloatArray, patients: IntArray, fewest: int) -> tuple[float, float]:
    """Return the values that so many patients reach from below, and from above."""
    order = np.argsort(values, kind="stable")
    _, firsts = np.unique(patients[order], return_index=True)
    _, lasts = np.unique(patients[order[::-1]], return_index=True)
    low = np.sort(values[order][firsts])[fewest - 1]
    high = np.sort(values[order[::-1]][lasts])[-fewest]
    return float(low), float(high)


def _rounded(numbers: Sequence[float]) -> list[float]:
    spread = numbers[-1] - numbers[0]
    scale = spread if spread > 0 else abs(numbers[0]) / 1000
    if scale == 0 or not math.isfinite(scale):
        return list(numbers)
    decimals = 2 - math.floor(math.log10(scale))
    return [
        float(np.round(number, decimals)) if abs(decimals) < 300 else number for number in numbers
    ]


def _bars(
    values: FloatArray, patients: IntArray, fewest: int, low: float, high: float
) -> tuple[list[float], list[int], str]:
    """Return edges and counts, and for few whole numbers the counts in words."""
    different = np.unique(values[:: max(1, len(values) // 1000)])
    if len(different) <= _DISCRETE and np.all(different == np.round(different)):
        different = np.unique(values)
    if len(different) <= _DISCRETE and np.all(different == np.round(different)):
        bars = np.searchsorted(different, values)
        counts, lasts = _joined(bars, patients, len(different), fewest)
        edges = [different[0] - 0.5, *(different[lasts[:-1]] + 0.5), different[-1] + 0.5]
        firsts = [0, *(last + 1 for last in lasts[:-1])]
        words = [
            f"{', '.join(f'{v:.12g}' for v in different[first : last + 1])}: {count}"
            for first, last, count in zip(firsts, lasts, counts, strict=True)
        ]
        return [float(edge) for edge in edges], counts, "; ".join(words)
    if not high > low:
        return [], [], ""
    n_bars = int(np.clip(math.ceil(math.sqrt(len(values))), _FEWEST_BARS, _MOST_BARS))
    whole = np.linspace(low, high, n_bars + 1)
    bars = np.clip(np.searchsorted(whole, values, side="right") - 1, 0, n_bars - 1)
    counts, lasts = _joined(bars, patients, n_bars, fewest)
    return [low, *(float(whole[last + 1]) for last in lasts)], counts, ""


def _joined(
    bars: IntArray, patients: IntArray, n_bars: int, fewest: int
) -> tuple[list[int], list[int]]:
    """Join bars with the next ones until each is empty or of enough patients.

    Returns counts of lesions, and the last of the original bars in each.
    """
    inside = [np.unique(patients[bars == bar]) for bar in range(n_bars)]
    lesions = np.bincount(bars, minlength=n_bars)
    counts: list[int] = []
    lasts: list[int] = []
    waiting: set[int] = set()
    n_waiting = 0
    for bar in range(n_bars):
        waiting.update(inside[bar].tolist())
        n_waiting += int(lesions[bar])
        if len(waiting) >= fewest or not waiting:
            counts.append(n_waiting)
            lasts.append(bar)
            waiting, n_waiting = set(), 0
    if waiting:
        while counts and not counts[-1]:
            counts.pop()
            lasts.pop()
        if counts:
            counts[-1] += n_waiting
            lasts[-1] = n_bars - 1
    return counts, lasts
