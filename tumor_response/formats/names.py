"""Names that are legal in another program, and the way back from them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

__all__ = ["ANY_TEXT", "EXCEL", "SAS", "SPSS", "STATA", "NameRule", "R", "legal_names"]

_DIGITS = 6  # of a hash in a name: one in 16 million that two names of one stem share it


@dataclass(frozen=True)
class NameRule:
    """What a program takes for a column's name.

    Parameters
    ----------
    longest
        How long a name may be.
    counted
        In ``"characters"`` or, of UTF-8, ``"bytes"``.
    starts, allowed
        Regular expressions of one character: the first, and any other.
    reserved
        Words that are no names there, in small letters; capitals make no difference.

    Examples
    --------
    >>> NameRule(8, reserved=frozenset({"if"})).holds("if")
    False
    """

    longest: int
    counted: Literal["bytes", "characters"] = "characters"
    starts: str = "[A-Za-z_]"
    allowed: str = "[A-Za-z0-9_]"
    reserved: frozenset[str] = frozenset()

    def holds(self, name: str) -> bool:
        """Return whether the program takes this name as it is."""
        fits = re.fullmatch(f"{self.starts}{self.allowed}*", name) is not None
        return fits and self._length(name) <= self.longest and name.lower() not in self.reserved

    def cut(self, name: str, longest: int) -> str:
        """Return the beginning of a name and, of what is left, its end: it says most."""
        if self._length(name) <= longest:
            return name
        head = self._first(name, max(1, longest // 3))
        return head + self._first(name[::-1], longest - self._length(head))[::-1]

    def spelled(self, name: str) -> str:
        """Return a name in the letters that the program takes; it may still be too long."""
        if self.holds(name):
            return name
        # accents go before letters do: é is e and an accent
        apart = name if self._legal(name) else unicodedata.normalize("NFKD", name)
        letters = re.sub(
            f"(?!{self.allowed}).",
            lambda found: "" if unicodedata.combining(found[0]) else "_",
            apart,
            flags=re.DOTALL,
        )
        start = letters[:1]
        return letters if start and re.fullmatch(self.starts, start) else f"v_{letters}"

    def _legal(self, letters: str) -> bool:
        return re.fullmatch(f"{self.allowed}*", letters) is not None

    def _length(self, text: str) -> int:
        return len(text.encode()) if self.counted == "bytes" else len(text)

    def _first(self, text: str, longest: int) -> str:
        kept = text[: max(0, longest)]
        while self._length(kept) > longest:
            kept = kept[:-1]
        return kept


_STATA_WORDS = (
    "_all _b byte _coef _cons double float if in int long _n _pi _pred _rc _skip str strl using "
    "with"
)
_SPSS_WORDS = "all and by eq ge gt le lt ne not or to with"
_SAS_WORDS = "_n_ _error_ _file_ _infile_ _msg_ _iorc_ _cmd_ _numeric_ _character_ _all_"
_R_WORDS = (
    "if else repeat while function for next break true false null inf nan na na_integer_ na_real_ "
    "na_complex_ na_character_ in"
)

STATA = NameRule(32, reserved=frozenset([*_STATA_WORDS.split(), *(f"str{n}" for n in range(2046))]))
"""Stata 14 and later: 32 characters; letters of ASCII alone, so that do-files can be typed."""

SPSS = NameRule(64, "bytes", starts="[A-Za-z]", reserved=frozenset(_SPSS_WORDS.split()))
"""SPSS 12 and later: 64 bytes, first a letter; capitals make no difference."""

SAS = NameRule(32, "bytes", reserved=frozenset(_SAS_WORDS.split()))
"""SAS 7 and later, transport files of version 8: 32 bytes; capitals make no difference."""

R = NameRule(10_000, "bytes", "[A-Za-z]", "[A-Za-z0-9_.]", reserved=frozenset(_R_WORDS.split()))
"""R: names that need no backticks in any locale; 10,000 bytes."""

EXCEL = NameRule(255, starts="[^\x00-\x1f\x7f-\x9f]", allowed="[^\x00-\x1f\x7f-\x9f]")
"""A heading in Excel: 255 characters, none of them a control character."""

ANY_TEXT = NameRule(65_536, "bytes", starts=EXCEL.starts, allowed=EXCEL.allowed)
"""CSV and Parquet: any text without control characters."""


def legal_names(names: Sequence[str], rule: NameRule) -> dict[str, str]:
    """Return for every name the one it gets in another program.

    A name that the program takes stays. Of another one as much is kept as there is room for, and
    if letters were lost to length or two names would become one, six digits of its hash are put
    behind it. No two differ by capitals alone. The map depends on which names there are, not on
    their order.

    Parameters
    ----------
    names
        All different, as a sheet's are.
    rule
        The program's.

    Returns
    -------
    dict
        From name to legal name, in the order given.

    Examples
    --------
    >>> legal_names(["age", "Größe [cm]", "radiomics__wavelet_LLH__glszm_ZoneEntropy"], STATA)
    {'age': 'age', 'Größe [cm]': 'Gro_e__cm_', 'radiomics__wavelet_LLH__glszm_ZoneEntropy': ...}
    """
    spelled = {name: rule.spelled(name) for name in names}
    wanting: defaultdict[str, list[str]] = defaultdict(list)
    for name, legal in spelled.items():
        wanting[legal.lower()].append(name)
    found: dict[str, str] = {}
    for rivals in wanting.values():
        as_they_are = [name for name in rivals if rule.holds(name)]
        if len(rivals) == 1 and rule.holds(spelled[rivals[0]]):
            found[rivals[0]] = spelled[rivals[0]]
        elif len(as_they_are) == 1:
            found[as_they_are[0]] = as_they_are[0]
    taken = {legal.lower() for legal in found.values()}
    for name in sorted(set(names) - set(found)):
        found[name] = next(
            legal
            for legal in (_hashed(name, spelled[name], attempt, rule) for attempt in count())
            if legal.lower() not in taken and rule.holds(legal)
        )
        taken.add(found[name].lower())
    return {name: found[name] for name in names}


def _hashed(name: str, spelled: str, attempt: int, rule: NameRule) -> str:
    told = f"{name}\0{attempt}" if attempt else name
    digits = hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]
    return f"{rule.cut(spelled, rule.longest - _DIGITS - 1)}_{digits}"
