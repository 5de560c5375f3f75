"""Addresses of caches as they may be shown: logs, messages and screens are read by others."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

__all__ = ["shown_address", "shown_error"]

_USER = re.compile(r"(?<=:/)(/?)([^/]*)@")
"""Also of a URL that :class:`pathlib.Path` took a slash away from."""
_QUERY = re.compile(r"\?.*", re.DOTALL)
"""Signatures and tokens stand there."""


def shown_address(location: str | Path) -> str:
    """Return a location without the user, the password and the query of a URL.

    Examples
    --------
    >>> shown_address("sftp://me:secret@host/cache")
    'sftp://host/cache'
    >>> shown_address("https://host/cache?token=secret")
    'https://host/cache'
    >>> shown_address("/data/what?/cache")
    '/data/what?/cache'
    """
    text = _USER.sub(r"\1", str(location))
    return _QUERY.sub("", text) if "://" in text else text


def shown_error(error: Exception, location: str | Path) -> str:
    """Return what an error says, without what is left out of the location.

    Client libraries repeat the address that they were given, or parts of it.

    Examples
    --------
    >>> url = "sftp://me:secret@host/cache"
    >>> shown_error(OSError(f"no route to {url} for me with 'secret'"), url)
    "no route to sftp://host/cache for me with '***'"
    """
    text = getattr(error, "strerror", None) or str(error)
    for secret, shown in _secrets(str(location)):
        # whole words: a short password is part of many others
        end = r"(?!\w)" if secret[-1].isalnum() else ""
        text = re.sub(rf"(?<!\w){re.escape(secret)}{end}", shown, text)
    return text


def _secrets(location: str) -> list[tuple[str, str]]:
    """Return what to leave out with what to say instead, the longest first."""
    found = []
    user = _USER.search(location)
    for written in () if user is None else (user[2], unquote(user[2])):
        password = written.partition(":")[2]
        found += [(f"{written}@", ""), (written, "***"), (password, "***")]
    rest = _USER.sub(r"\1", location)
    query = _QUERY.search(rest) if "://" in rest else None
    if query is not None:
        found += [(query[0], ""), (query[0][1:], "***")]
    return [pair for pair in found if pair[0]]
