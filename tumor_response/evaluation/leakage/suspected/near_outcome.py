"""Columns that know the outcome: copies of it, follow-up volumes, separations too good to be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln
from scipy.stats import norm, rankdata

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt, Numbers, ranks
from tumor_response.outcomes import OUTCOME_COLUMNS
from tumor_response.transformers import UNNAMED_BLOCK, block_of

__all__ = ["near_outcome_findings"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NEAR_AUC = 0.95
_NEAR_RANK = 0.95
_DERIVED_AUC = 0.93
_DERIVED_RANK = 0.9
"""By the baseline volume; a rate is per day, so that the days stand between it and a volume."""
_LEFT_BY_VOLUME = 0.25
"""Of the distance to 1 that the baseline volume alone leaves; changes in cc are mostly that volume,
and every column that follows it is near them."""

_CHANCE = 1e-4
"""Of any column of pure noise being suspected, all columns together."""

_EQUAL_SHARE = 0.9
"""Of all rows, in which a column's values are an outcome's."""

_SAME_ORDER = 0.999
"""Rank correlation of a volume after treatment that none before it has."""
_BASELINE = ("volume_baseline_cc", "equivalent_diameter_baseline_mm")
"""Columns of an outcome table that are known before treatment."""

_OUTCOMES = {*OUTCOME_COLUMNS} - {*_BASELINE}

_LATER = re.compile(
    r"follow[ _-]?up|delivered|post[ _-]?(?:baseline|treatment|rt\b|therapy)|mid[ _-]?treatment|"
    r"_at_end\b|\bresponder\b|shrinkage|volume_change|recist"
)


def near_outcome_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield columns that copy an outcome or tell the classes apart too well."""
    yield _by_name(study)
    yield from _copies(study)
    yield _separating(study)
    yield _derived(study)


def _by_name(study: LookedAt) -> Checked:
    check = "columns named after the follow-up"
    later = []
    for name in study.predictors:
        block = block_of(name)
        bare = name if block == UNNAMED_BLOCK else name.removeprefix(f"{block}__")
        if bare in _OUTCOMES or _LATER.search(bare.casefold()):
            later.append(name)
    if later:
        said = f"{len(later)} predictor(s) bear the name of what is known after treatment only"
        return Checked(check, FAULT, said, shown(later))
    return Checked(check, PASSED, f"none of {len(study.predictors)} predictors")


def _known_outcomes(study: LookedAt) -> dict[str, FloatArray]:
    known = {f"y ({study.y.name})": study.y.to_numpy(np.float64, na_value=np.nan)}
    if study.classes is not None and not study.is_finished:
        known["the classes"] = study.classes.to_numpy(np.float64, na_value=np.nan)
    if study.outcomes is not None:
        for name, column in study.outcomes.select_dtypes("number").items():
            if name not in _BASELINE:
                known[str(name)] = column.to_numpy(np.float64, na_value=np.nan)
    return known


def _copies(study: LookedAt) -> Iterator[Checked]:
    """Look for values equal to an outcome's, and for the same order of patients."""
    equal, ordered = "values equal to an outcome's", "columns in the order of an outcome"
    numbers, before = study.numbers, _baseline_volume(study)
    two_levels = _two_levels(study)
    same: dict[str, str] = {}
    alike: dict[str, str] = {}
    for what, outcome in _known_outcomes(study).items():
        there = np.isfinite(outcome)
        if there.sum() < 8 or np.ptp(outcome[there]) == 0:
            continue
        values, target = numbers.values[there], outcome[there]
        with np.errstate(invalid="ignore"):
            close = np.isclose(values, target[:, None], rtol=1e-6, atol=1e-9 * target.std())
        is_class = len(np.unique(target)) <= 3
        share = close.mean(axis=0)
        if is_class:  # a flag that is turned round tells as much
            share = np.maximum(share, np.isclose(values, 1 - target[:, None]).mean(axis=0))
        for at in np.nonzero(share >= _EQUAL_SHARE)[0].tolist():
            if not is_class or _beyond_chance(target, share[at], len(numbers.names)):
                same.setdefault(numbers.names[at], f"{what} in {share[at]:.0%} of its rows")
        if is_class:
            for name, codes in two_levels.items():
                agree = float(np.mean(codes[there] == target))
                agree = max(agree, float(np.mean(codes[there] == 1 - target)))
                if agree >= _EQUAL_SHARE and _beyond_chance(target, agree, len(numbers.names)):
                    same.setdefault(name, f"{what} in {agree:.0%} of its rows")
        else:
            near = _beside_volume(_NEAR_RANK, _rank_of_volume(before, outcome))
            near = max(near, _SAME_ORDER) if _is_volume(what) else near
            for at, rho in _rank_correlations(numbers.rows(there), target, near).items():
                alike.setdefault(numbers.names[at], f"{what}, rank correlation {rho:.3f}")
    yield _told(equal, same, "equal", len(numbers.names))
    yield _told(ordered, alike, "follow", len(numbers.names))


def _told(check: str, found: Mapping[str, str], verb: str, n_columns: int) -> Checked:
    if found:
        said = f"{len(found)} column(s) {verb} {next(iter(found.values()))}"
        return Checked(check, FAULT, said, shown(found))
    return Checked(check, PASSED, f"none of {n_columns} columns")


def _beyond_chance(target: FloatArray, share: float, n_columns: int) -> bool:
    """Tell whether a 0/1 column agrees more than the best of so many random ones would."""
    n, rarer = len(target), min(np.mean(target == v) for v in np.unique(target))
    base = max(1 - rarer, 0.5)
    spread = np.sqrt(max(base * (1 - base), 1e-12) / n)
    return bool(share > base + norm.isf(_CHANCE / n_columns) * spread or share == 1.0)


def _two_levels(study: LookedAt) -> dict[str, FloatArray]:
    """Return the categories of two levels as 0 and 1: a label may be in words."""
    found = {}
    for name in study.predictors:
        column = study.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype) and len(column.cat.categories) == 2:
            codes = column.cat.codes.to_numpy(np.float64)
            found[name] = np.where(codes < 0, np.nan, codes)
    return found


def _is_volume(name: str) -> bool:
    """Volumes and diameters after treatment follow those before it: no copy but the same order."""
    return "follow_up_cc" in name or "follow_up_mm" in name


def _rank_correlations(numbers: Numbers, target: FloatArray, near: float) -> dict[int, float]:
    """Return the columns whose rank correlation is near 1 and beyond chance."""
    n_rows, n_columns = numbers.values.shape
    known = np.isfinite(numbers.values)
    n = known.sum(axis=0)
    enough = n >= max(8, n_rows // 2)
    if not enough.any():
        return {}
    first = np.where(known, ranks(numbers.values), np.nan)
    second = np.where(known, rankdata(target)[:, None], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = np.nan_to_num(first - np.nansum(first, axis=0) / n)
        other = np.nan_to_num(second - np.nansum(second, axis=0) / n)
        rho = (one * other).sum(axis=0)
        rho /= np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
        chance = float(norm.isf(_CHANCE / 2 / n_columns))
        limit = np.maximum(near, np.tanh(chance * np.sqrt(1.06 / np.maximum(n - 3, 1))))
        found = np.nonzero(enough & (np.abs(rho) >= limit))[0]
    return {int(at): float(rho[at]) for at in found}


def _separating(study: LookedAt) -> Checked:
    check = "columns that tell the classes apart all but perfectly"
    if study.classes is None:
        return Checked(check, NOT_CHECKABLE, "there are no two classes")
    found = _too_good(study, study.numbers, _NEAR_AUC)
    n = len(study.numbers.names)
    if found:
        _name, auc = max(found.items(), key=lambda one: one[1])
        said = (
            f"{len(found)} column(s) with |AUC| of {auc:.3f}; of {n} columns of noise none would "
            "come so near 1. A predictor this good is possible, and rare"
        )
        return Checked(check, FAULT, said, shown(found))
    return Checked(check, PASSED, f"none of {n} columns has an AUC near 0 or 1")


def _too_good(study: LookedAt, numbers: Numbers, near: float) -> dict[str, float]:
    """Return |AUC| of the columns that are near 1, and beyond the best of so many noise columns."""
    assert study.classes is not None
    classes = study.classes.to_numpy(np.float64, na_value=np.nan)
    rows = np.isfinite(classes)
    values, y = numbers.values[rows], (classes[rows] == 1)[:, None]
    known = np.isfinite(values)
    n1, n0 = (known & y).sum(axis=0), (known & ~y).sum(axis=0)
    enough = (np.minimum(n1, n0) >= 3) & (n1 + n0 >= 0.5 * len(values))
    sums = np.where(known & y, ranks(values), 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        aucs = (sums - n1 * (n1 + 1) / 2) / (n1 * n0)
    aucs = np.maximum(aucs, 1 - aucs)
    found = {}
    for at in np.nonzero(enough & (aucs >= near))[0]:
        sizes = int(n1[at]), int(n0[at]), len(numbers.names)
        if aucs[at] >= _limit(*sizes, perfect=bool(aucs[at] == 1.0)):
            found[numbers.names[at]] = float(aucs[at])
    return found


def _limit(n1: int, n0: int, n_columns: int, perfect: bool) -> float:
    """Return the |AUC| from which chance is excluded (Mann-Whitney; exactly, if perfect)."""
    if perfect:
        log_chance = (
            np.log(2 * n_columns) + gammaln(n1 + 1) + gammaln(n0 + 1) - gammaln(n1 + n0 + 1)
        )
        return 1.0 if log_chance < np.log(_CHANCE) else 2.0
    spread = np.sqrt((n1 + n0 + 1) / (12 * n1 * n0))
    return 0.5 + float(norm.isf(_CHANCE / 2 / n_columns)) * float(spread)


def _derived(study: LookedAt) -> Checked:
    """Look for volumes after treatment: beside the baseline volume they give the outcome away."""
    check = "columns that give the outcome away beside the baseline volume"
    numbers = study.numbers
    before = _baseline_volume(study)
    if before is None:
        return Checked(check, NOT_CHECKABLE, "there is no baseline volume to hold them against")
    positive = (numbers.values > 0) | np.isnan(numbers.values)
    usable = np.asarray(positive.all(axis=0) & numbers.is_continuous)
    chosen = numbers.take(usable)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(chosen.values) - np.log(before)[:, None]
        third = np.log(chosen.values) - np.log(before)[:, None] / 3  # a diameter beside a volume
        changed = chosen.values - before[:, None]
    found: dict[str, str] = {}
    for values in (ratios, third, changed):
        values[~np.isfinite(values)] = np.nan
        pair = Numbers(values, chosen.names)
        if study.classes is not None:
            alone = _too_good(study, Numbers(before[:, None], ["volume"]), 0.0)
            near = _beside_volume(_DERIVED_AUC, alone.get("volume", 0.0))
            found |= {
                name: f"|AUC| {auc:.3f} together with the baseline volume"
                for name, auc in _too_good(study, pair, near).items()
            }
        for what, outcome in _known_outcomes(study).items():
            there = np.isfinite(outcome)
            if len(np.unique(outcome[there])) <= 3 or _is_volume(what):
                continue
            near = _beside_volume(_DERIVED_RANK, _rank_of_volume(before, outcome))
            found |= {
                pair.names[at]: f"rank correlation {rho:.3f} with {what}, by the baseline volume"
                for at, rho in _rank_correlations(pair.rows(there), outcome[there], near).items()
            }
    if found:
        said = f"{len(found)} column(s): {next(iter(found.values()))}"
        return Checked(check, FAULT, said, shown(found))
    return Checked(check, PASSED, f"none of {len(chosen.names)} positive columns")


def _rank_of_volume(before: FloatArray | None, outcome: FloatArray) -> float:
    """Return the rank correlation of the baseline volume with an outcome, without its sign."""
    if before is None:
        return 0.0
    there = np.isfinite(before) & np.isfinite(outcome)
    rho = np.corrcoef(rankdata(before[there]), rankdata(outcome[there]))[0, 1]
    return float(abs(np.nan_to_num(rho)))


def _beside_volume(near: float, alone: float) -> float:
    """Return the limit from which a column tells what the baseline volume alone does not.

    Examples
    --------
    >>> _beside_volume(0.9, 0.2), round(_beside_volume(0.9, 0.92), 3)
    (0.9, 0.98)
    """
    return max(near, 1 - _LEFT_BY_VOLUME * (1 - alone))


def _baseline_volume(study: LookedAt) -> FloatArray | None:
    known = None
    if study.outcomes is not None and "volume_baseline_cc" in study.outcomes:
        known = study.outcomes["volume_baseline_cc"]
    else:
        named = [c for c in study.frame.columns if re.search(r"volume_cc$|baseline_cc$", str(c))]
        if named:
            known = study.frame[named[0]]
    if known is None:
        return None
    values = known.to_numpy(np.float64, na_value=np.nan)
    return values if (np.nan_to_num(values, nan=1.0) > 0).all() else None
