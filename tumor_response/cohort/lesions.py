"""Which structure is which lesion, and which of a later scan is the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tumor_response.exceptions import ManifestError
from tumor_response.imaging import Finding

__all__ = ["Match", "checked_roi", "lesion_names", "match_lesions"]


@dataclass(frozen=True)
class Match:
    """A lesion's structure in the later scan, and what was noticed while looking for it."""

    follow_up: str | None
    findings: tuple[Finding, ...] = ()


def checked_roi(roi: str) -> re.Pattern[str]:
    """Return the compiled expression.

    Raises
    ------
    ManifestError
        Code ``roi_pattern``: not a regular expression.
    """
    try:
        return re.compile(roi)
    except (re.error, TypeError) as error:
        raise ManifestError(
            f"roi {roi!r} is no regular expression ({error}). It has to match a structure's whole "
            "name: 'GTV.*' takes all that begin with GTV, 'GTVp|GTVn' these two, and brackets of a "
            "name are written \\( and \\).",
            code="roi_pattern",
        ) from None


def lesion_names(numbered: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return a name for each structure number; structures of one name get their number as well.

    Examples
    --------
    >>> lesion_names([(1, "GTVp"), (2, "GTVn"), (5, "GTVn")])
    {1: 'GTVp', 2: 'GTVn (2)', 5: 'GTVn (5)'}
    """
    pairs = list(numbered)
    names = [name for _, name in pairs]
    return {n: name if names.count(name) == 1 else f"{name} ({n})" for n, name in pairs}


def match_lesions(baseline: Sequence[str], follow_up: Sequence[str]) -> Mapping[str, Match]:
    """Return each baseline lesion's structure in the follow-up.

    Names that are equal belong together; then names that differ in case, spaces and punctuation
    alone; then, if one of each is left, these two, which is a finding to be looked at. Nothing
    else is guessed.

    Examples
    --------
    >>> found = match_lesions(["GTVp", "GTVn"], ["GTV p", "GTVn"])
    >>> found["GTVp"].follow_up, found["GTVp"].findings[0].code
    ('GTV p', 'roi_name_differs')
    """
    matches: dict[str, Match] = {name: Match(name) for name in baseline if name in follow_up}
    left = [name for name in follow_up if name not in matches]
    for name in baseline:
        same = [other for other in left if _plain(other) == _plain(name)]
        alone = [b for b in baseline if b not in matches and _plain(b) == _plain(name)] == [name]
        if name not in matches and len(same) == 1 and alone:
            matches[name] = Match(same[0], (_differs(name, same[0], "info"),))
            left.remove(same[0])
    open_names = [name for name in baseline if name not in matches]
    if len(open_names) == len(left) == 1:
        matches[open_names[0]] = Match(left[0], (_differs(open_names[0], left[0], "warning"),))
        left = []
    for name in baseline:
        if name not in matches:
            there = f" It has: {', '.join(map(repr, follow_up[:10]))}." if follow_up else ""
            matches[name] = Match(None, (_unmatched(name, there),))
    if left:
        new = Finding(
            "follow_up_roi_unmatched",
            "warning",
            f"The follow-up has structures that no baseline lesion bears the name of: "
            f"{', '.join(map(repr, left[:10]))}. They are not used.",
            remedy="If one is a lesion of the baseline, name them alike.",
        )
        matches = {n: Match(m.follow_up, (*m.findings, new)) for n, m in matches.items()}
    return {name: matches[name] for name in baseline}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _differs(baseline: str, follow_up: str, severity: str) -> Finding:
    return Finding(
        "roi_name_differs",
        "warning" if severity == "warning" else "info",
        f"The lesion is called {baseline!r} in the baseline and {follow_up!r} in the follow-up.",
        measured=follow_up,
        limit=baseline,
        remedy="Look whether they are the same lesion; name them alike to be sure.",
    )


def _unmatched(name: str, there: str) -> Finding:
    return Finding(
        "roi_unmatched",
        "warning",
        f"No structure of the follow-up is called {name!r}.{there} The lesion has no outcome.",
        limit=name,
        remedy="Name the structures alike, or give the pair in a manifest; a tumour that is gone "
        "is declared with follow_up_status = complete_response.",
    )
