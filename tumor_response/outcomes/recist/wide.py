"""From one column per visit, as clinical tables have them, to one row per visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.recist.refuse import as_columns, listed, refuse, text_ids

__all__ = ["visits_from_wide"]


def visits_from_wide(
    table: IntoFrame,
    *,
    patient: str,
    visits: Mapping[str, str],
    zero: Literal["absent", "missing"] | None = None,
    lesion: str | None = None,
) -> pd.DataFrame:
    """Return one row per patient, lesion and visit of a table with one column per visit.

    Parameters
    ----------
    table
        One row per patient, or per lesion.
    patient
        The column with the patients' identifiers.
    visits
        Column -> name of the visit, in the order of time, the baseline first. The columns hold
        longest diameters in mm.
    zero
        What a 0 means: ``"absent"`` (the lesion is gone) or ``"missing"``. ``None``: zeros are
        refused, since the table does not tell the two apart.
    lesion
        The column with the lesions' identifiers. ``None``: one row, and one lesion named ``1``,
        per patient.

    Returns
    -------
    pandas.DataFrame
        ``patient_id``, ``lesion_id``, ``visit`` (ordered categorical), ``longest_diameter_mm``,
        ``status``. An empty cell is a row with status ``missing``: nothing is dropped.

    Raises
    ------
    OutcomeError
        Codes ``column_missing``, ``measured_twice`` (two rows of a lesion), ``not_a_number``,
        ``zero_undeclared``.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.recist import visits_from_wide
    >>> wide = pd.DataFrame({"id": ["7"], "LD_pre": [40.0], "LD_post": [None]})
    >>> visits_from_wide(
    ...     wide, patient="id", visits={"LD_pre": "baseline", "LD_post": "surgery"}
    ... )["status"].tolist()
    ['measured', 'missing']
    """
    table = as_frame(table, "table")
    keys = [patient] if lesion is None else [patient, lesion]
    tidy = as_columns(table, [*keys, *visits], "visits_from_wide")
    refuse(
        "measured_twice",
        "Two rows of one patient, or of one lesion.",
        tidy[tidy.duplicated(keys, keep=False)],
        [*keys, *visits],
        "Keep one, or name the column that tells lesions apart with lesion=.",
    )
    names = list(visits.values())
    if len(set(names)) != len(names):
        raise OutcomeError(f"visits gives one name to two columns: {names}.", code="visit_unknown")
    ids = {"patient_id": text_ids(tidy[patient], patient)}
    ids["lesion_id"] = (
        text_ids(tidy[lesion], lesion) if lesion else pd.Series("1", index=tidy.index)
    )
    parts = []
    for column, visit in visits.items():
        numbers = pd.to_numeric(tidy[column], errors="coerce").astype(float)
        words = tidy[column].notna() & numbers.isna()
        if words.any():
            raise OutcomeError(
                f"{column} holds {listed(tidy.loc[words, column].unique())}; expected longest "
                "diameters in mm or empty cells. Empty these cells where nothing was measured.",
                code="not_a_number",
            )
        parts.append(pd.DataFrame({**ids, "visit": visit, "longest_diameter_mm": numbers}))
    # lesion by lesion, in the order of the table
    found = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    found["visit"] = pd.Categorical(found["visit"], categories=names, ordered=True)
    zeros = found["longest_diameter_mm"].eq(0)
    if zeros.any() and zero is None:
        rows = found[zeros]
        raise OutcomeError(
            f"{len(rows)} diameters of 0 mm, of patients {listed(rows['patient_id'].unique())}: a "
            'lesion that is gone, or nothing filled in? Declare zero="absent" or '
            'zero="missing".',
            code="zero_undeclared",
        )
    found["status"] = np.where(found["longest_diameter_mm"].isna(), "missing", "measured")
    if zero is not None:
        found.loc[zeros, "status"] = zero
    if zero == "missing":
        found.loc[zeros, "longest_diameter_mm"] = np.nan
    return found
