"""When a clinical variable is known, which decides what it may be used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from tumor_response.exceptions import ManifestError

__all__ = ["PREDICTOR_ROLES", "Role", "roles_of"]

Role = Literal["baseline", "planned", "delivered", "post_baseline"]

PREDICTOR_ROLES: tuple[Role, ...] = ("baseline", "planned")
"""Known before the first fraction; a variable of any other role is never shown to an extractor."""


def roles_of(names: Iterable[str], declared: Mapping[str, str] | None = None) -> dict[str, Role]:
    """Return the role of every variable.

    ``baseline``: known before treatment. ``planned``: of the treatment as planned. ``delivered``:
    of the treatment as given by the follow-up; it may adjust an end point. ``post_baseline``:
    anything else that is known only afterwards. What is not declared follows its name:
    ``planned_...``, ``delivered_...`` and ``..._at_follow_up`` say it themselves, every other
    variable is ``baseline``.

    Parameters
    ----------
    names
        The variables there are.
    declared
        Name -> role.

    Raises
    ------
    ManifestError
        For a role that is none, or one declared for a variable that is not there.

    Examples
    --------
    >>> from tumor_response.cohort.roles import roles_of
    >>> roles_of(["age", "planned_fractions", "crp_week_3"], {"crp_week_3": "post_baseline"})
    {'age': 'baseline', 'planned_fractions': 'planned', 'crp_week_3': 'post_baseline'}
    """
    names = list(dict.fromkeys(names))
    given = dict(declared or {})
    faults = [
        f"roles: {name!r} is no clinical variable; there are: {', '.join(names) or 'none'}"
        for name in given
        if name not in names
    ]
    faults += [
        f"roles: {name!r} is declared {role!r}; expected one of {', '.join(get_args(Role))}"
        for name, role in given.items()
        if role not in get_args(Role)
    ]
    if faults:
        raise ManifestError("; ".join(faults) + ".", code="role")
    return {name: given.get(name) or _by_name(name) for name in names}  # type: ignore[misc]


def _by_name(name: str) -> Role:
    if name.startswith("planned_"):
        return "planned"
    if name.startswith("delivered_") or name.endswith("_at_follow_up"):
        return "delivered"
    return "baseline"
