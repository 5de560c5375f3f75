"""The best response of each patient over the visits (sections 4.4.3 and 4.6, Table 3)."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.recist.overall import NOT_DERIVABLE
from tumor_response.outcomes.recist.refuse import as_columns, refuse

__all__ = ["recist_best_response"]

_RESPONSES = ("CR", "PR")


def recist_best_response(
    responses: IntoFrame,
    *,
    of: Literal["target_response", "overall_response"] = "target_response",
    confirmation_days: float | None = None,
    minimum_stable_days: float | None = None,
) -> pd.DataFrame:
    """Return each patient's best response until progression.

    Parameters
    ----------
    responses
        What :func:`recist_response` returned; with ``days`` where a duration is asked for.
    of
        ``"target_response"`` or ``"overall_response"``.
    confirmation_days
        A CR or PR counts if a later visit, at least so many days after it, is CR (or PR) again and
        none between is anything else (Table 3; the guideline asks for four weeks, 28, where
        response is the primary end point of a trial without randomisation). Visits that are NE
        are passed over. ``None``: every response counts.
    minimum_stable_days
        SD counts from this day after the baseline scan on (the guideline leaves the number to the
        protocol, in general no less than six to eight weeks). ``None``: every SD counts.

    Returns
    -------
    pandas.DataFrame
        Index patient_id; ``best_response`` (CR, PR, SD, PD, NE, ``non-CR/non-PD`` of patients with
        non-target disease alone, or ``not derivable``), ``visit`` and ``days`` of the first visit
        that earned it, ``first_progression`` (the visit, or None), ``n_visits`` after baseline,
        ``n_not_evaluable``. ``attrs`` has the arguments.

    Raises
    ------
    OutcomeError
        Code ``days_missing`` where a duration was asked for and days are not known.

    Notes
    -----
    A response that was not confirmed counts as SD if it was late enough for SD, else the patient
    is PD if a progression follows and NE if nothing does. ``not derivable`` at any visit up to the
    first progression makes the best response not derivable, unless a CR is there already.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.outcomes.recist import recist_best_response, recist_response
    >>> found = recist_response(
    ...     pd.DataFrame(
    ...         {
    ...             "patient_id": "P1",
    ...             "lesion_id": "a",
    ...             "visit": [0, 1, 2],
    ...             "days": [0, 40, 80],
    ...             "longest_diameter_mm": [50.0, 34.0, 39.0],
    ...         }
    ...     ),
    ...     kind="non-nodal",
    ... )
    >>> recist_best_response(found)["best_response"].tolist()
    ['PR']
    >>> recist_best_response(found, confirmation_days=28)["best_response"].tolist()
    ['SD']
    """
    responses = as_frame(responses, "responses")
    if of not in ("target_response", "overall_response"):
        raise OutcomeError(f"of={of!r}: expected target_response or overall_response.")
    table = as_columns(responses, ["patient_id", "visit", of], "recist_best_response")
    if confirmation_days is not None or minimum_stable_days is not None:
        table = as_columns(table, ["days"], "A duration")
        counted = ~table[of].isin(["NE", NOT_DERIVABLE])
        refuse(
            "days_missing",
            "A duration was asked for, and these visits have no days.",
            table[table["days"].isna() & counted],
            ["patient_id", "visit", of],
            "Fill in days, or leave out confirmation_days and minimum_stable_days.",
        )
    rows = {}
    for patient, visits in table.groupby("patient_id", sort=False):
        start = float(visits["days"].iloc[0]) if "days" in visits else float("nan")
        after = visits[visits[of] != "baseline"]
        words = list(after[of])
        days = list(after["days"]) if "days" in after else [float("nan")] * len(words)
        end = words.index("PD") if "PD" in words else None
        best, place = _best(words, days, start, end, confirmation_days, minimum_stable_days)
        rows[patient] = {
            "best_response": best,
            "visit": None if place is None else after["visit"].iloc[place],
            "days": float("nan") if place is None else float(days[place]),
            "first_progression": None if end is None else after["visit"].iloc[end],
            "n_visits": len(words),
            "n_not_evaluable": words.count("NE"),
        }
    found = pd.DataFrame.from_dict(rows, orient="index")
    found.index.name = "patient_id"
    found.attrs |= {
        "of": of,
        "confirmation_days": confirmation_days,
        "minimum_stable_days": minimum_stable_days,
    }
    return found


def _best(
    words: list[str],
    days: list[float],
    start: float,
    end: int | None,
    confirmation_days: float | None,
    minimum_stable_days: float | None,
) -> tuple[str, int | None]:
    until = words if end is None else words[:end]

    def confirmed(place: int) -> bool:
        if confirmation_days is None:
            return True
        for later in range(place + 1, len(until)):
            if until[later] == "NE":
                continue
            if until[later] not in _RESPONSES[: 1 + _RESPONSES.index(until[place])]:
                return False
            if days[later] - days[place] >= confirmation_days:
                return True
        return False

    for response in _RESPONSES:
        for place, word in enumerate(until):
            if word == response and confirmed(place):
                return response, place
        if NOT_DERIVABLE in until:
            return NOT_DERIVABLE, until.index(NOT_DERIVABLE)
    for place, word in enumerate(until):
        # a response that nothing confirmed has at least been no progression
        if word in ("SD", *_RESPONSES) and (
            minimum_stable_days is None or days[place] - start >= minimum_stable_days
        ):
            return "SD", place
    if "non-CR/non-PD" in until:
        return "non-CR/non-PD", until.index("non-CR/non-PD")
    return ("PD", end) if end is not None else ("NE", None)
