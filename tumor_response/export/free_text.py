"""What words may leave: reason codes that the library has, and texts that name nobody.

Reasons are let through by a list of those that are known; whatever else stands in their place
becomes ``other``. Descriptions, units, levels and the names of columns and models have no such
list, since studies make their own: a bundle in which one of them holds an identifier, a path or a
DICOM UID is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files

from tumor_response.exceptions import TableError

__all__ = ["OTHER", "check_texts", "known_code", "known_codes", "known_left_out"]

OTHER = "other"
"""What stands for a reason that the library does not know."""

_SHORTEST = 4
"""Identifiers of fewer characters, such as "7", stand in every text without naming anybody."""

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:[\\/]|\\\\\w|~/|/(?:[\w.@+-]+/)+[\w.@+-]*|file:)")
_UID = re.compile(r"(?<![\w.])[0-2](?:\.\d+){5,}")
_PREFIXES = ("follow_up_", "baseline_")
_NOTHING = ("missing", "all values missing")


@cache
def known_codes() -> frozenset[str]:
    """Return the reason codes that tables and outcomes of this library can hold."""
    text = files("tumor_response.export").joinpath("reason_codes.txt").read_text(encoding="ascii")
    return frozenset(text.split())


def known_code(text: str) -> str:
    """Return a reason code as it is, ``""`` for nothing, ``"other"`` for anything else.

    Examples
    --------
    >>> known_code("mask_empty"), known_code("follow_up_mask_empty"), known_code("asked Dr Who")
    ('mask_empty', 'follow_up_mask_empty', 'other')
    """
    bare = next((text.removeprefix(p) for p in _PREFIXES if text.startswith(p)), text)
    return text if text == "" or not known_codes().isdisjoint({text, bare}) else OTHER


def known_left_out(text: str, blocks: Collection[str]) -> str:
    """Return why an evaluation left a lesion out, each part by its code.

    Parameters
    ----------
    text
        ``"outcome: follow_up_missing"``, ``"radiomics: mask_empty; deep: mask_empty"`` ...
    blocks
        Blocks of the table.

    Examples
    --------
    >>> known_left_out("outcome: follow_up_missing", ["radiomics"])
    'outcome: follow_up_missing'
    >>> known_left_out("outcome: moved to the sea; radiomics: mask_empty", ["radiomics"])
    'outcome: other; radiomics: mask_empty'
    """
    parts = []
    for part in text.split("; "):
        what, _, why = part.partition(": ")
        codes = [code if code in _NOTHING else known_code(code) for code in why.split(", ")]
        what = what if what == "outcome" or what in blocks else OTHER
        parts.append(f"{what}: {', '.join(dict.fromkeys(codes))}")
    return "; ".join(parts)


def check_texts(texts: Mapping[str, Iterable[str]], identifiers: Collection[str]) -> None:
    """Refuse texts that hold an identifier as a whole word, a path or a DICOM UID.

    Parameters
    ----------
    texts
        From what they are (``"names of columns"``) to the texts.
    identifiers
        Of patients, lesions and sites; those of fewer than four characters cannot be told from
        other numbers and are not looked for.

    Raises
    ------
    TableError
        Code ``identifier_in_text``. The message names the kind of text and the kind of finding,
        and repeats neither.

    Examples
    --------
    >>> check_texts({"names of columns": ["clinical__age"]}, ["HN-0001"])
    >>> check_texts({"descriptions": ["Age of HN-0001"]}, ["HN-0001"])
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.TableError: The descriptions hold an identifier of the study, and \
would leave with the bundle. Rename it where it was made, or leave the column or the model out.
    """
    wanted = [one for one in identifiers if len(one) >= _SHORTEST]
    for what, given in texts.items():
        whole = "\n".join(dict.fromkeys(given))
        for kind, found in (
            ("an identifier of the study", any(_has_word(whole, one) for one in wanted)),
            ("a path of a file", _PATH.search(whole) is not None),
            ("a DICOM UID", _UID.search(whole) is not None),
        ):
            if found:
                raise TableError(
                    f"The {what} hold {kind}, and would leave with the bundle. Rename it where it "
                    "was made, or leave the column or the model out.",
                    code="identifier_in_text",
                )


def _has_word(text: str, word: str) -> bool:
    # the plain search first: it is a hundred times as fast, and mostly the end of it
    if word not in text:
        return False
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text) is not None
