"""What lies in a cache, whether it is sound, and taking away what nobody needs."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tumor_response._version import __version__
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.cache.addresses import shown_address, shown_error
from tumor_response.features.cache.entries import FEATURES, RECORD, header_of, unpacked
from tumor_response.features.cache.stores import Store, is_there, store_at

__all__ = ["CacheContent", "PruneRules", "cache_content", "pruned", "verified"]

_NAME = re.compile(
    r"(?P<start>[0-9a-f]{2})/(?P<key>(?P=start)[0-9a-f]{62})"
    rf"({re.escape(FEATURES)}|{re.escape(RECORD)})"
)
_OLD_NAME = re.compile(r"(?P<start>[0-9a-f]{2})/(?P=start)[0-9a-f]{62}\.json")
"""As versions before the format of bytes wrote them."""
_PART = re.compile(r"([0-9a-f]{2}/)?\.[A-Za-z0-9_]+\.part|\.probe[A-Za-z0-9_]*")
_ABANDONED_S = 3600.0
"""A temporary file this old belongs to no run that is still at work on it."""
_DAY_S = 86_400.0


@dataclass(frozen=True)
class CacheContent:
    """What lies in a cache.

    Parameters
    ----------
    entries
        One row per entry: ``name``, ``kind`` (``"features"``, ``"case"`` or ``"old format"``),
        ``block``, ``version`` (of the library), ``bytes`` and ``age_days``.
    abandoned
        Temporary files of runs that were killed, with their bytes.
    strangers
        Files that are none of the library's; nothing here ever touches them.
    """

    entries: pd.DataFrame
    abandoned: dict[str, int]
    strangers: list[str]

    def by_block(self) -> pd.DataFrame:
        """Return entries and bytes by kind, block and version."""
        groups = self.entries.groupby(["kind", "block", "version"], sort=True)
        return groups.agg(entries=("name", "size"), bytes=("bytes", "sum")).reset_index()


@dataclass(frozen=True)
class PruneRules:
    """Which entries go; those that any of the rules names.

    Parameters
    ----------
    older_than_days
        Written longer ago than this.
    max_gb
        The oldest ones, until the rest takes no more than this (10^9 bytes).
    other_versions
        Of another version of the library than this one: none of them can be found any more.
    damaged
        Those that fail their checksum; everything is read for it. What older formats left has
        none: ``other_versions`` takes it away.

    Raises
    ------
    SettingsError
        If no rule is chosen, or a number is negative.
    """

    older_than_days: float | None = None
    max_gb: float | None = None
    other_versions: bool = False
    damaged: bool = False

    def __post_init__(self) -> None:
        numbers = (self.older_than_days, self.max_gb)
        if numbers == (None, None) and not self.other_versions and not self.damaged:
            raise SettingsError(
                "Nothing to prune by: say older_than_days, max_gb, other_versions or damaged. A "
                "whole cache is removed by removing its folder."
            )
        for name in ("older_than_days", "max_gb"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise SettingsError(f"{name}={value!r}: expected 0 or more.")


def cache_content(location: str | Path) -> CacheContent:
    """Return what lies in a cache; headers are read, values are not.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``.
    SettingsError
        If there is no such folder: a slip of the pen must not make one.
    """
    with _answering(location):
        return _content(_existing(location))


def _content(store: Store) -> CacheContent:
    now = time.time()
    rows, abandoned, strangers = [], {}, []
    for name, n_bytes, written in store.entries():
        age_s = max(0.0, now - written)  # from the future, as after a clock was set back: new
        if _NAME.fullmatch(name):
            entry = store.read(name) or b""
            header = header_of(entry) or {}
            kind = "features" if name.endswith(FEATURES) else "case"
            block, version = str(header.get("block", "")), str(header.get("version", ""))
            # web servers do not say in their listings how large a file is
            rows.append((name, kind, block, version, n_bytes or len(entry), age_s / _DAY_S))
        elif _OLD_NAME.fullmatch(name):
            rows.append((name, "old format", "", "", n_bytes, age_s / _DAY_S))
        elif _PART.fullmatch(name):
            if age_s > _ABANDONED_S:
                abandoned[name] = n_bytes
        else:
            strangers.append(name)
    columns = ["name", "kind", "block", "version", "bytes", "age_days"]
    return CacheContent(pd.DataFrame(rows, columns=columns), abandoned, strangers)


def verified(location: str | Path) -> tuple[int, list[str], CacheContent]:
    """Read every entry and hold it against its checksum.

    Returns
    -------
    (int, list of str, CacheContent)
        How many are sound, the names of those that are not, and what lies there.

    Raises
    ------
    FeatureError, SettingsError
        As :func:`cache_content`.
    """
    with _answering(location):
        store = _existing(location)
        content = _content(store)
        entries = content.entries
        names = [str(n) for n in entries.loc[entries["kind"] != "old format", "name"]]
        damaged = [name for name in names if not _is_sound(store, name)]
    return len(names) - len(damaged), damaged, content


def pruned(
    location: str | Path, rules: PruneRules, *, dry_run: bool = False
) -> tuple[int, int, CacheContent]:
    """Take away the entries that the rules name, and what killed runs left.

    A run that uses the cache at the same time computes again what it no longer finds.

    Returns
    -------
    (int, int, CacheContent)
        Files and bytes that went, or would go with ``dry_run``; and what lay there before.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``: it does not answer, or may not be written to.
    SettingsError
        As :func:`cache_content`.
    """
    store = _existing(location)
    if not dry_run and not store.writable:
        raise _cannot_prune(location, "it is read-only")
    with _answering(location):
        content = _content(store)
        going = dict(content.abandoned)
        sizes = dict(zip(content.entries["name"], content.entries["bytes"], strict=True))
        for name in _named(content.entries, rules, store):
            going[name] = int(sizes[name])
    if not dry_run:
        try:
            for name in going:
                store.delete(name)
        except OSError as error:
            raise _cannot_prune(location, shown_error(error, location)) from None
    return len(going), sum(going.values()), content


def _named(entries: pd.DataFrame, rules: PruneRules, store: Store) -> Iterator[str]:
    goes = pd.Series(data=False, index=entries.index)
    if rules.older_than_days is not None:
        goes |= entries["age_days"] > rules.older_than_days
    if rules.other_versions:
        goes |= entries["version"] != __version__
    if rules.damaged:
        checked = entries.loc[entries["kind"] != "old format", "name"]
        damaged = [name for name in checked if not _is_sound(store, str(name))]
        goes |= entries["name"].isin(damaged)
    if rules.max_gb is not None:
        left = entries[~goes].sort_values(["age_days", "name"])
        too_much = left["bytes"].cumsum() > rules.max_gb * 1e9
        goes |= too_much.reindex(entries.index, fill_value=False)
    yield from entries.loc[goes, "name"]


def _is_sound(store: Store, name: str) -> bool:
    match = _NAME.fullmatch(name)
    entry = store.read(name)
    try:
        return bool(match and entry and unpacked(match["key"], entry) is not None)
    except ValueError:
        return False


@contextlib.contextmanager
def _answering(location: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FeatureError(
            f"The cache {shown_address(location)} does not answer "
            f"({shown_error(error, location)}). Try again when it does; nothing was changed.",
            code="cache_unusable",
        ) from None


def _existing(location: str | Path) -> Store:
    if not is_there(location):
        raise SettingsError(
            f"{shown_address(location)}: no such folder. A study's cache is OUT/.cache."
        )
    return store_at(location)


def _cannot_prune(location: str | Path, why: str) -> FeatureError:
    return FeatureError(
        f"The cache {shown_address(location)} cannot be pruned: {why}. Do it as whoever may write "
        "to it.",
        code="cache_unusable",
    )
