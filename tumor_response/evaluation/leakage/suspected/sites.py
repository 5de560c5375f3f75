"""Traces of harmonisation over all rows: sites that resemble each other more than chance allows."""

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
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt, Numbers

__all__ = ["site_findings"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N_SHUFFLES = 1999
_CHANCE = 0.0005
_MOST_ALIKE = 0.7
"""Of what chance makes sites differ; what harmonisation leaves is less."""
_LEAST_COLUMNS = 3
_MOST_COLUMNS = 200
_EQUAL = 1e-11
"""Of a standardised column's variance between sites, which chance makes about 1."""


_WHERE = re.compile(
    r"(?<![a-z])(?:sites?|scanner|cent(?:er|re)|batch|hospital|clinic|institution|vendor|"
    r"manufacturer|kernel)(?![a-z])"
)
_OF_A_TUMOUR = re.compile(r"tumou?r|primary|disease|anatom|lesion|biops|metast")
"""Where a tumour grows is nothing that anybody harmonises by."""


def site_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield whether the columns of different sites or scanners were made alike."""
    check = "columns harmonised over all rows"
    groupings = _groupings(study)
    if not groupings:
        said = "no column says the site or the scanner, so that nobody can compare them"
        yield Checked(check, NOT_CHECKABLE, said)
        return
    numbers = study.numbers
    complete = np.isfinite(numbers.values).all(axis=0) & numbers.is_continuous
    chosen = numbers.take(np.asarray(complete))
    looked = []
    for name, codes in groupings.items():
        if finding := _alike(check, chosen, codes, study.patients, name):
            yield finding
            return
        looked.append(name)
    said = f"between {shown(looked)} the columns differ as much as chance makes them, or more"
    yield Checked(check, PASSED, said)


def _groupings(study: LookedAt) -> dict[str, IntArray]:
    """Return what may be a site: columns of few values that are named so."""
    found = {}
    for name in study.frame.columns:
        bare = str(name).rpartition("__")[2].casefold()
        if not _WHERE.search(bare) or _OF_A_TUMOUR.search(bare):
            continue
        codes, values = pd.factorize(study.frame[name])
        sizes = np.bincount(codes[codes >= 0], minlength=len(values))
        if (sizes >= 5).sum() >= 2 and len(values) <= len(codes) / 5:
            found[str(name)] = np.asarray(codes, dtype=np.int64)
    return found


def _alike(
    check: str, numbers: Numbers, codes: IntArray, patients: IntArray, name: str
) -> Checked | None:
    """Return a finding if the sites are too much alike."""
    sites = [site for site in np.unique(codes) if site >= 0 and (codes == site).sum() >= 5]
    kept = np.isin(codes, sites)
    values, of = numbers.values[kept], np.searchsorted(sites, codes[kept])
    if len(values) < 12 or values.shape[1] == 0:
        return None
    spread = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    between = _between(z, of[None, :], len(sites))[0]
    exact = (between < _EQUAL) & (spread > 0)
    if exact.sum() >= min(2, len(exact)):  # one in a thousand rounded ones may by chance
        names = [n for n, yes in zip(numbers.names, exact, strict=True) if yes]
        said = f"{len(names)} column(s) have the same mean at every {name}, to the last digits"
        return Checked(check, FAULT, said, shown(names))
    if values.shape[1] < _LEAST_COLUMNS:
        return None
    rng = np.random.default_rng(0)
    some = rng.permutation(z.shape[1])[:_MOST_COLUMNS]
    who, first, place = np.unique(patients[kept], return_index=True, return_inverse=True)
    shuffled = np.array([of[first][rng.permutation(len(who))][place] for _ in range(_N_SHUFFLES)])
    seen = float(between[some].mean())
    others = _between(z[:, some], shuffled, len(sites)).mean(axis=1)
    p = (1 + int((others <= seen).sum())) / (1 + _N_SHUFFLES)
    left = float(np.sqrt(seen / np.median(others)))
    if p > _CHANCE or left > _MOST_ALIKE:
        return None
    said = (
        f"the means at each {name} differ by {left:.0%} of what they "
        f"would between patients dealt out at random (p = {p:.4f}, {values.shape[1]} columns): "
        "ComBat or the like, fitted to all rows"
    )
    return Checked(check, FAULT, said, name)


def _between(z: FloatArray, groupings: IntArray, n_sites: int) -> FloatArray:
    """Return each column's variance between sites, of standardised columns, for each grouping."""
    found = np.zeros((len(groupings), z.shape[1]))
    for site in range(n_sites):
        member = (groupings == site).astype(np.float64)
        found += (member @ z) ** 2 / member.sum(axis=1, keepdims=True)
    return found
