"""JSON that has one spelling: what is read must be what would be written."""

from __future__ import annotations

import json
from typing import Any

from tumor_response.predictor.container.refusing import refused
from tumor_response.settings import canonical_json

__all__ = ["MOST_VALUES", "parsed", "written"]

MOST_VALUES = 4_000_000
"""Values in one JSON text. A value takes up to some 60 bytes of memory, whatever its length."""


def written(value: Any) -> bytes:
    """Return the bytes of JSON data: sorted keys, no spaces, NaN refused.

    Examples
    --------
    >>> written({"b": 1, "a": [0.1, None]})
    b'{"a":[0.1,null],"b":1}'
    """
    return canonical_json(value).encode("ascii")


def parsed(content: bytes, name: str) -> Any:
    """Return the JSON data of a member, if it is spelled as :func:`written` spells it.

    One spelling leaves no room for keys that are there twice, for numbers that two readers
    understand differently, or for NaN.

    Parameters
    ----------
    content
        The bytes.
    name
        The member's name, for messages.

    Raises
    ------
    BundleError
        Code ``damaged_member``: no such JSON; ``zip_bomb``: more values than any predictor has.
    """
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MOST_VALUES:
        raise refused(f"{name} has more than {MOST_VALUES:,} values.", code="zip_bomb")
    try:
        found = json.loads(content.decode("ascii"), parse_constant=_no_constant)
        same = written(found) == content
    except (ValueError, RecursionError) as error:
        raise refused(f"{name} is no JSON of ours ({error}).", code="damaged_member") from None
    if not same:
        raise refused(
            f"{name} is JSON, but not spelled as this library does.", code="damaged_member"
        )
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"it holds {text}")
