"""Lesions or visits of one person given as patients: names with endings, and alike in all else."""

from __future__ import annotations

import re
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
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt
from tumor_response.transformers import block_of

__all__ = ["same_person_findings"]

FloatArray = npt.NDArray[np.float64]

_OF_A_PERSON = ("clinical", "meta")
"""Blocks whose columns are of a person, where their values repeat at all."""
_EXPECTED = 1e-3
_MOST_LESIONS = 6
_LEAST_GROUPS = 2
_MOST_ROWS = 3000
_ENDING = re.compile(
    r"(.*[^ _.\-/(])[ _.\-/]*[ _.\-/(](?:[a-zA-Z]|\d{1,2}|(?i:lesion|scan)\W*\d+)\)?"
)


def same_person_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield whether patients look like lesions of a few, and that nobody can know for sure."""
    yield _endings(study)
    yield _alike(study)
    said = "a name is a name; that no two are of one person must be known by whoever gave them"
    yield Checked("whether two names are one person", NOT_CHECKABLE, said)


def _endings(study: LookedAt) -> Checked:
    """Look for several groups of names that differ by a short ending alone."""
    check = "names that look like lesions of a patient"
    names = pd.Index(study.frame.index.get_level_values("patient_id").astype(str)).unique()
    groups: dict[str, list[str]] = {}
    for name in names:
        if match := _ENDING.fullmatch(name):
            groups.setdefault(match.group(1), []).append(name)
    several = [of for of in groups.values() if len(of) > 1]
    # more names of one beginning are patients of a hospital
    if len(several) >= _LEAST_GROUPS and max(map(len, several)) <= _MOST_LESIONS:
        said = f"{len(several)} groups of names differ by an ending alone"
        return Checked(check, FAULT, said, shown([" / ".join(of) for of in several], 2))
    return Checked(check, PASSED, f"none of {len(names)} names")


def _alike(study: LookedAt) -> Checked:
    r"""Look for patients who agree in all that is of a person.

    A pair agrees by chance with the product over the columns of the share of other pairs that agree
    in each; of pairs that are called alike fewer than a thousandth of one is expected over all.
    """
    check = "patients alike in all that is said of the person"
    n = len(study.frame)
    columns = [c for c in study.frame.columns if block_of(str(c)) in _OF_A_PERSON]
    if n > _MOST_ROWS:
        return Checked(check, NOT_CHECKABLE, f"{n} rows are too many to compare each with each")
    first, second = np.nonzero(np.triu(study.patients[:, None] != study.patients, 1))
    if not len(first):
        return Checked(check, NOT_CHECKABLE, "there is one patient")
    of_a_person = []
    agree = np.ones(len(first), dtype=np.bool_)
    for name in columns:
        codes = pd.factorize(study.frame[name])[0]
        known = (codes[first] >= 0) & (codes[second] >= 0)
        same = known & (codes[first] == codes[second])
        # what no two patients share is measured of a lesion; what all share says nothing
        if not known.any() or not same.any() or same.sum() == known.sum():
            continue
        of_a_person.append((known, same))
        agree &= same | ~known
    used = len(of_a_person)
    expected = np.full(len(first), np.log(len(first)))
    for known, same in of_a_person:
        # the suspected pairs themselves are no measure of chance
        share = ((same & ~agree).sum() + 1) / ((known & ~agree).sum() + 1)
        expected += np.where(known, np.log(share), 0.0)
    alike = agree & (expected < np.log(_EXPECTED))
    if alike.any():
        patients = study.frame.index.get_level_values("patient_id")
        pairs = [
            f"{patients[first[at]]} / {patients[second[at]]}" for at in np.nonzero(alike)[0][:20]
        ]
        said = (
            f"{int(alike.sum())} pair(s) agree in all of {used} columns, of which chance makes "
            f"{np.exp(expected[alike].max()):.1g}"
        )
        return Checked(check, FAULT, said, shown(pairs))
    if not used or expected.min() >= np.log(_EXPECTED):
        said = f"{used} column(s) of a person: too few to tell two persons apart"
        return Checked(check, NOT_CHECKABLE, said)
    return Checked(check, PASSED, f"no two agree in all of {used} columns")
