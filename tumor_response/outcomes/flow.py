"""Who has an outcome and who has none, why, and how the two differ before treatment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.outcomes.judged import PLACE_IN_DOUBT

__all__ = ["group_row", "outcome_flow"]

_QUARTILES = {"median": 0.5, "q1": 0.25, "q3": 0.75}


def outcome_flow(
    outcomes: IntoFrame,
    cohort: Cohort,
    *,
    by: str = "rate_percent_per_day",
    variables: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Count the lesions with and without an end point by reason, and compare them at baseline.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage`, of the same cohort.
    cohort
        For variables known before treatment.
    by
        The end point.
    variables
        Numeric clinical variables to compare besides baseline volume; default: age, if the cohort
        has it.

    Returns
    -------
    pandas.DataFrame
        Rows ``all``, ``with <by>``, one ``without, <reason>`` per reason, and ``all without``
        where there are several. Columns ``n_patients``, ``n_lesions``, ``n_complete_response``
        (declared), ``n_place_in_doubt`` (lesions of which the outcomes' ``findings`` say that the
        follow-up may be another tumour's); for ``volume_cc`` and each variable ``..._median``,
        ``..._q1``, ``..._q3`` and ``..._higher``: the probability that a lesion of the row has a
        higher value than one that has the end point, ties counting half (0.5: no difference; the
        Mann-Whitney statistic over the number of pairs).

    Raises
    ------
    OutcomeError
        ``by`` is no column, the cohort is another one, or a variable is text or not there.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(3, seed=1, directory=tempfile.mkdtemp())
    >>> flow = tr.outcome_flow(tr.shrinkage(cohort), cohort)
    >>> flow["n_lesions"].to_dict()
    {'all': 3, 'with rate_percent_per_day': 3}
    """
    outcomes = as_keyed(outcomes, "outcomes")
    for name in (by, "reason", "findings"):
        if name not in outcomes.columns:
            raise OutcomeError(f"outcomes has no column {name!r}; expected tr.shrinkage's table.")
    if not outcomes.index.equals(cohort.keys):
        raise OutcomeError("The outcomes and the cohort do not have the same lesions in order.")
    reason = outcomes["reason"].where(outcomes[by].isna(), "")
    reason = reason.mask(outcomes[by].isna() & (reason == ""), "unknown")
    known = reason == ""
    groups = {"all": known | ~known, f"with {by}": known}
    groups |= {f"without, {code}": reason == code for code in sorted(set(reason) - {""})}
    if len(groups) > 3:
        groups["all without"] = ~known
    if variables is None:
        variables = [name for name in ("age",) if name in cohort.variables]
    values = {"volume_cc": outcomes["volume_baseline_cc"]} | _variables(cohort, variables)
    gone = outcomes["reason"] == "complete_response"
    told = outcomes["findings"].str.split()
    doubtful = told.map(lambda codes: not {*PLACE_IN_DOUBT}.isdisjoint(codes))
    rows = []
    for members in groups.values():
        row = group_row(members, values)
        row["n_complete_response"] = int((members & gone).sum())
        row["n_place_in_doubt"] = int((members & doubtful).sum())
        for name, series in values.items():
            row[f"{name}_higher"] = _share_higher(series[members], series[known])
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(groups, name="group"))
    counts = ["n_patients", "n_lesions", "n_complete_response", "n_place_in_doubt"]
    return table[[*counts, *(c for name in values for c in table if str(c).startswith(f"{name}_"))]]


def group_row(members: pd.Series, values: Mapping[str, pd.Series]) -> dict[str, float]:
    """Return the size of a group and the quartiles of what was measured of its lesions.

    Parameters
    ----------
    members
        Boolean, index (patient_id, lesion_id).
    values
        Name -> numbers, with the same index.
    """
    patients = members.index[members.to_numpy(dtype=bool)].get_level_values("patient_id")
    row: dict[str, float] = {"n_patients": patients.nunique(), "n_lesions": len(patients)}
    for name, series in values.items():
        for short, share in _QUARTILES.items():
            row[f"{name}_{short}"] = float(series[members].astype(np.float64).quantile(share))
    return row


def _variables(cohort: Cohort, names: Sequence[str]) -> dict[str, pd.Series]:
    found = {}
    for name in names:
        if name not in cohort.variables:
            raise OutcomeError(
                f"variables: the cohort has no {name!r}; there are "
                f"{', '.join(cohort.variables) or 'none'}."
            )
        cells = [case.variables.get(name) for case in cohort]
        wrong = next((cell for cell in cells if isinstance(cell, str)), None)
        if wrong is not None:
            raise OutcomeError(f"variables: {name!r} holds text ({wrong!r}); expected numbers.")
        found[name] = pd.Series(cells, index=cohort.keys, dtype="float64")
    return found


def _share_higher(group: pd.Series, reference: pd.Series) -> float:
    """Return the probability that one of the group is above one of the reference; NaN: nobody."""
    one = group.dropna().to_numpy(dtype=float)[:, None]
    other = reference.dropna().to_numpy(dtype=float)[None, :]
    if one.size == 0 or other.size == 0:
        return float("nan")
    return float(((one > other) + 0.5 * (one == other)).mean())
