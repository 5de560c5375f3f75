"""A feature table as a sheet for other programs: labels from its dictionary, reasons from failures.

Keys come first, then the columns in the table's order.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.features.base import KEY_ROLE
from tumor_response.formats import Sheet, Variable

if TYPE_CHECKING:
    from tumor_response.table.feature_table import FeatureTable

__all__ = ["table_as_sheet"]

_KEYS = (
    Variable("patient_id", "Patient", "text"),
    Variable("lesion_id", "Lesion of the patient", "text"),
)
_TEXTS = ("meta__date",)


def table_as_sheet(table: FeatureTable) -> Sheet:
    """Return a table's data as other programs take it.

    A missing value has the reason that ``failures`` gives for its lesion and block. Where several
    shortfalls of one block each took some columns, it cannot be told which took which, and the
    reason is all of them, joined by ``" or "``. Columns of keys and dates are text, other ones
    that are not numbers are categories.

    Parameters
    ----------
    table
        The table.

    Returns
    -------
    Sheet
        Named ``features``.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age"])])
    >>> sheet = table_as_sheet(table)
    >>> sheet.variables[2].label
    'Age at the baseline scan, as the manifest gives it (years)'
    """
    variables = [_variable(table, str(name)) for name in table.data.columns]
    return Sheet(
        name="features",
        label=f"Features of {len(table.data)} lesions",
        frame=table.data.reset_index(),
        variables=(*_KEYS, *variables),
        reasons=_reasons(table),
    )


def _variable(table: FeatureTable, name: str) -> Variable:
    facts = table.dictionary.loc[name]
    words, unit = str(facts["description"]).strip().removesuffix("."), str(facts["unit"])
    label = f"{words or name} ({unit})" if unit else words or name
    kind = table.data[name].dtype
    if not isinstance(kind, pd.CategoricalDtype):
        return Variable(name, label, "number", unit)
    if facts["role"] == KEY_ROLE or name in _TEXTS:
        return Variable(name, label, "text", unit)
    return Variable(name, label, "category", unit, tuple(map(str, kind.categories)))


def _reasons(table: FeatureTable) -> pd.DataFrame:
    """Return why each value is missing, by the lesion and block of its shortfalls."""
    blocks = table.dictionary["block"].to_numpy()
    places = {
        block: np.flatnonzero(blocks == block) for block in table.dictionary["block"].unique()
    }
    rows = {key: row for row, key in enumerate(table.data.index)}
    told: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for failure in table.failures[table.failures["n_columns_missing"] > 0].itertuples():
        row = rows.get((failure.patient_id, failure.lesion_id))
        if row is not None and failure.block in places:
            told[row, str(failure.block)].add(str(failure.reason))
    absent = table.data.isna().to_numpy()
    words = np.full(table.data.shape, "", dtype=object)
    for (row, block), reasons in told.items():
        of_block = places[block]
        words[row, of_block[absent[row, of_block]]] = " or ".join(sorted(reasons))
    frame = pd.DataFrame(words, columns=table.data.columns, dtype=object)
    keys = {key.name: "" for key in _KEYS}
    return pd.concat([pd.DataFrame(keys, index=frame.index, dtype=object), frame], axis=1)
