"""Patients who are there twice: rows that nearly coincide, and identifiers that do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.evaluation.leakage.suspected.filled import is_fine
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt, quantiles
from tumor_response.transformers import block_of

__all__ = ["duplicate_findings"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_EXPECTED = 1e-3
"""Pairs as close as a suspected one that chance would make in a cohort, at most."""

_LEAST_ROWS = 12
_FURTHEST = 4.0
_LEAST_SHARE = 0.2
_LEAST_DISTINCT = 0.8


def duplicate_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield pairs of rows under two patients' names that look like one patient."""
    yield _near_rows(study)
    yield _shared_values(study)
    yield _similar_names(study)


def _near_rows(study: LookedAt) -> Checked:
    check = "near-duplicate rows of different patients"
    # a value that many rows have, such as 0, is no sign of a patient
    apart = study.numbers.n_distinct >= _LEAST_DISTINCT * study.numbers.n_known
    numbers = study.numbers.take(study.numbers.is_continuous & apart)
    if len(numbers.names) < 2 or len(numbers.values) < _LEAST_ROWS:
        said = f"{len(numbers.names)} continuous column(s) of {len(numbers.values)} rows: too few"
        return Checked(check, NOT_CHECKABLE, said)
    spaces = {"all columns": numbers}
    blocks = {block_of(name) for name in numbers.names}
    for block in sorted(blocks) if len(blocks) > 1 else ():
        of_block = numbers.take(np.array([block_of(n) == block for n in numbers.names]))
        if len(of_block.names) >= 5:
            spaces[f"the block {block!r}"] = of_block
    others = study.patients[:, None] != study.patients
    for where, space in spaces.items():
        z = _standardised(space.values)
        pairs, expected = closer_than_chance(z, others, _EXPECTED / len(spaces))
        if pairs:
            said = (
                f"{len(pairs)} pair(s) lie closer in {where} than chance would put "
                f"{expected:.1g} pairs of patients"
            )
            return Checked(check, FAULT, said, _named(study.frame.index, pairs))
    said = f"no pair of patients lies closer than chance makes, in {', '.join(spaces)}"
    return Checked(check, PASSED, said)


def closer_than_chance(
    z: FloatArray, others: BoolArray, expected: float
) -> tuple[list[tuple[int, int]], float]:
    r"""Return the pairs of rows that are too close for different patients.

    The number of pairs closer than :math:`d` grows as :math:`d^m`, :math:`m` being the dimension
    that the cloud of rows has at that scale (Levina and Bickel 2005, NIPS 17:777); it is measured
    on the cohort's own close pairs, without the closest. So five deep columns and a thousand
    correlated ones are judged by the same rule.

    Parameters
    ----------
    z : array of shape (n_rows, n_columns)
        Standardised columns.
    others : array of bool, shape (n_rows, n_rows)
        Pairs of different patients.
    expected
        Pairs by chance, below which a pair is one.
    """
    square = (z**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * z @ z.T, 0.0))
    first, second = np.nonzero(np.triu(others, 1))
    found = distance[first, second]
    n_rows = len(z)
    order = np.argsort(found, kind="stable")
    # the reference begins behind as many pairs as a tenth of all rows could be duplicates
    start, end = max(5, n_rows // 8), max(30, 2 * n_rows)
    end = min(end, len(order) - 1)
    if end - start < 10 or found[order[end]] <= 0:
        return [], 0.0
    reference = np.maximum(found[order[start:end]], 1e-300)
    far = found[order[end]]
    dimension = (end - start) / (np.log(far / reference).sum() + start * np.log(far / reference[0]))
    chance = end * (np.maximum(found[order[:start]], 1e-300) / far) ** dimension
    close = chance < expected
    pairs = [(int(first[at]), int(second[at])) for at in order[:start][close]]
    return pairs, float(chance[close].max()) if pairs else 0.0


def _standardised(values: FloatArray) -> FloatArray:
    """Return robust z-scores, held within four, with missing values in the middle."""
    low, middle, high = quantiles(values, (0.25, 0.5, 0.75))
    spread = np.where(high > low, (high - low) / 1.349, np.nanstd(values, axis=0))
    z = (values - middle) / np.where(spread > 0, spread, 1.0)
    held: FloatArray = np.nan_to_num(np.clip(z, -_FURTHEST, _FURTHEST), nan=0.0)
    return held


def _shared_values(study: LookedAt) -> Checked:
    """Look for numbers with all their digits that two patients share and nobody else has."""
    check = "values that two patients share to the last digit"
    numbers = study.numbers
    shared: dict[tuple[int, int], list[str]] = {}
    fine: list[str] = []
    for name, column in zip(numbers.names, numbers.values.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known) < 8 or not is_fine(known):
            continue
        fine.append(name)
        values, counts = np.unique(known, return_counts=True)
        inside = (values > values[0]) & (values < values[-1])  # no limits of detection
        for value in values[inside & (counts >= 2) & (values != np.rint(values))]:
            rows = np.nonzero(column == value)[0]
            who = {int(study.patients[row]): int(row) for row in rows[::-1]}
            if len(who) == 2:
                one, other = sorted(who.values())
                shared.setdefault((one, other), []).append(name)
    pairs = {pair: names for pair, names in shared.items() if _too_many(names, fine)}
    if pairs:
        most = max(pairs.values(), key=len)
        said = f"{len(pairs)} pair(s), up to {len(most)} column(s), e.g. {shown(most, 2)}"
        return Checked(check, FAULT, said, _named(study.frame.index, list(pairs)))
    if not fine:
        said = "no column has numbers with digits enough; rounded values are shared by chance"
        return Checked(check, NOT_CHECKABLE, said)
    return Checked(check, PASSED, f"none in {len(fine)} columns")


def _too_many(names: list[str], fine: list[str]) -> bool:
    """One value may be a filled gap, and two a limit that small tumours reach; a fifth is more."""
    sizes = Counter(map(block_of, fine))
    return any(
        n >= _LEAST_SHARE * sizes[block] and (n >= 2 or sizes[block] <= 3)
        for block, n in Counter(map(block_of, names)).items()
    )


def _similar_names(study: LookedAt) -> Checked:
    check = "patients under two names"
    names = pd.Index(study.frame.index.get_level_values("patient_id").astype(str)).unique()
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_plain(name), []).append(name)
    same = [who for who in alike.values() if len(who) > 1]
    known = set(names)
    # P7 beside P7_2 or P7b: lesions or scans of one patient that were given names of their own
    extended = [
        [match.group(1), name]
        for name in names
        if (
            match := re.fullmatch(r"(.+?)[ _.\-/](?:[a-zA-Z]|\d{1,2}|(?i:lesion|scan)\W*\d+)", name)
        )
        and match.group(1) in known
    ]
    found = [*same, *extended]
    if found:
        said = f"{len(found)} name(s) differ from another in writing or by an ending alone"
        return Checked(check, FAULT, said, shown([" / ".join(one) for one in found]))
    return Checked(check, PASSED, f"no two of {len(names)} names differ in writing alone")


def _plain(name: str) -> str:
    """Return a name without case, separators and leading zeros."""
    parts = re.findall(r"[a-z]+|\d+", name.casefold())
    return " ".join(part.lstrip("0") or "0" if part.isdigit() else part for part in parts)


def _named(index: pd.Index, pairs: list[tuple[int, int]]) -> str:
    patients = index.get_level_values("patient_id")
    return shown([f"{patients[one]} / {patients[other]}" for one, other in pairs])
