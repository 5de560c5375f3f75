"""Findings of the provable class: what a feature table says of itself, held against its hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from tumor_response.cohort.roles import PREDICTOR_ROLES
from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.exceptions import TumorResponseError
from tumor_response.features.base import KEY_ROLE
from tumor_response.features.rebuild import extractors_of
from tumor_response.table import FeatureTable
from tumor_response.table.parts import data_sha256

__all__ = ["provable_findings"]

_SELECTED = ("selected_blocks", "selected_columns")

_WRITTEN = (
    "tumor_response",
    "python",
    "versions",
    "n_patients",
    "n_lesions",
    "n_left_out",
    "quality",
    "exclude",
    "extractors",
    "data_sha256",
)
"""What extraction itself writes into a provenance."""

_VALUES = "values are what extraction wrote"
_ROLES = "every predictor is known before treatment"
_OPERATIONS = "operations on the table"


def provable_findings(
    table: FeatureTable | pd.DataFrame, predictors: Sequence[str]
) -> Iterator[Checked]:
    """Yield what a feature table proves; of a bare frame nothing can be proven.

    Parameters
    ----------
    table
        As it is evaluated.
    predictors
        Columns that some model uses.
    """
    if not isinstance(table, FeatureTable):
        for check in (_VALUES, _ROLES, _OPERATIONS):
            yield Checked(check, NOT_CHECKABLE, "a bare frame says nothing of its origin")
        return
    yield from _values(table)
    yield _roles(table, predictors)
    yield _operations(table)


def _values(table: FeatureTable) -> Iterator[Checked]:
    provenance = table.provenance
    written = provenance.get("data_sha256")
    selected = [name for name in _SELECTED if name in provenance]
    if written is None:
        said = "the provenance holds no hash of the data: not made by tr.extract, or by hand"
        yield Checked(_VALUES, NOT_CHECKABLE, said)
    elif selected:
        said = (
            f"{' and '.join(selected)}: the hash is of the whole table, which this is not; give "
            "the whole table and choose by blocks="
        )
        yield Checked(_VALUES, NOT_CHECKABLE, said)
        yield _whole_blocks(table)
    elif (found := _hash(table.data)) != written:
        said = (
            f"the data hash to {found[:12]}, extraction wrote {str(written)[:12]}: rows, columns "
            "or values were changed since"
        )
        yield Checked(_VALUES, FAULT, said)
    else:
        said = f"{table.data.shape[0]} rows, {table.data.shape[1]} columns hash to {found[:12]}"
        yield Checked(_VALUES, PASSED, said)


def _hash(data: pd.DataFrame) -> str:
    try:
        return data_sha256(data)
    except (TypeError, ValueError):  # columns of kinds that extraction never writes
        return "nothing that extraction writes"


def _whole_blocks(table: FeatureTable) -> Checked:
    """Say whether the blocks of a selection have all the columns that their extractors write."""
    check = "blocks of a selection are whole"
    there = table.dictionary.index[table.dictionary["role"] != "meta"]
    try:
        made = extractors_of(table.provenance)
    except (TumorResponseError, KeyError, TypeError, ValueError) as error:
        return Checked(check, NOT_CHECKABLE, f"the extractors cannot be made again: {error}")
    blocks = set(table.dictionary.loc[there, "block"])
    written = [s.column for e in made if e.block in blocks for s in e.feature_specs()]
    lacking = sorted(set(written) - set(there))
    if lacking and "selected_columns" in table.provenance:
        said = f"{len(lacking)} of {len(written)} columns are left out, as the selection says"
        return Checked(check, NOT_CHECKABLE, said)
    if lacking:
        said = f"{len(lacking)} of {len(written)} columns were left out by name: {shown(lacking)}"
        return Checked(check, FAULT, said)
    return Checked(
        check, PASSED, f"all {len(written)} columns of {shown(sorted(blocks))} are there"
    )


def _roles(table: FeatureTable, predictors: Sequence[str]) -> Checked:
    roles = table.dictionary["role"].reindex([c for c in predictors if c in table.data]).astype(str)
    allowed = (*PREDICTOR_ROLES, KEY_ROLE)
    later = roles[~roles.isin(allowed)]
    if later.empty:
        return Checked(_ROLES, PASSED, f"{len(roles)} columns are {' or '.join(allowed)}")
    said = f"{len(later)} column(s) are {' or '.join(sorted(later.unique()))}"
    said += f"; what is not {' or '.join(PREDICTOR_ROLES)} may be no predictor"
    return Checked(_ROLES, FAULT, said, ", ".join(later.index[:4]))


def _operations(table: FeatureTable) -> Checked:
    provenance: dict[str, Any] = table.provenance
    chosen = [f"{name}: {shown(provenance[name])}" for name in _SELECTED if name in provenance]
    others = [name for name in provenance if name not in (*_WRITTEN, *_SELECTED)]
    if others:
        said = f"the provenance names what extraction did not write: {shown(others)}"
        return Checked(_OPERATIONS, NOT_CHECKABLE, said)
    if not set(provenance) >= {"extractors", "data_sha256"}:
        return Checked(_OPERATIONS, NOT_CHECKABLE, "the provenance does not say what was done")
    if "selected_columns" in provenance:
        said = f"columns were chosen by name, nobody knows by what: {chosen[-1]}"
        return Checked(_OPERATIONS, NOT_CHECKABLE, said)
    return Checked(_OPERATIONS, PASSED, "; ".join(chosen) or "none since extraction")
