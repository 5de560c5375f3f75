"""What a predictor file consists of: names, order, sizes, the version of the format."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "ARRAYS",
    "CHECK",
    "DICTIONARY",
    "FORMAT",
    "FORMAT_VERSION",
    "MANIFEST",
    "MODELS",
    "MOST_BYTES",
    "MOST_MEMBERS",
    "STATE",
    "booster_name",
    "expected_order",
    "most_unpacked",
]

FORMAT = "tumor_response predictor"
FORMAT_VERSION = 1

MANIFEST = "manifest.json"
STATE = "state.json"
DICTIONARY = "dictionary.json"
MODELS = "models.json"
ARRAYS = "arrays.safetensors"
CHECK = "check.json"

MOST_BYTES = 2 * 1024**3
"""Largest file that is read, unless another limit is said."""

MOST_MEMBERS = 10_000

_BOOSTER = re.compile(r"booster_[0-9]{4}\.json")


def booster_name(number: int) -> str:
    """Return the name of a booster's member.

    Examples
    --------
    >>> booster_name(3)
    'booster_0003.json'
    """
    return f"booster_{number:04d}.json"


def expected_order(names: Sequence[str]) -> list[str]:
    """Return the members that a file with so many boosters has, in their order.

    Parameters
    ----------
    names
        The members that are there; those that look like a booster's are counted.

    Examples
    --------
    >>> expected_order(["manifest.json", "booster_0000.json"])[-2:]
    ['booster_0000.json', 'check.json']
    """
    n_boosters = sum(_BOOSTER.fullmatch(name) is not None for name in names)
    boosters = [booster_name(number) for number in range(n_boosters)]
    return [MANIFEST, STATE, DICTIONARY, MODELS, ARRAYS, *boosters, CHECK]


def most_unpacked(size: int) -> int:
    """Return how many bytes all members of a file of ``size`` bytes may have together.

    Texts of column names shrink by some 10, fitted numbers by 1 to 5; a file that grows by 50
    was made to fill a memory.

    Examples
    --------
    >>> most_unpacked(1_000) // 1024**2
    16
    """
    return 16 * 1024**2 + 50 * size
