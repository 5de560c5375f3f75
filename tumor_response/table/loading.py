"""A saved table's files: held against their sums, and read in whole or by the column."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.table.parts import INDEX, SUMS, footer_of

__all__ = ["check_files", "chosen_columns", "part_paths", "read_data"]


def part_paths(directory: Path) -> list[Path]:
    """Return the parts of a table, in order; raises :class:`TableError` for no whole table."""
    return [directory / name for name in _sums(directory) if name.startswith("data-")]


def check_files(directory: Path, *, partly: bool) -> None:
    """Hold the files of a table against what was written.

    Parameters
    ----------
    directory
        The folder.
    partly
        Of the data compare the sizes and the footers alone: the pages have their own checksums,
        and those that are read are checked then.

    Raises
    ------
    TableError
        If there is no whole table, or a file is missing or another one.
    """
    for name, facts in _sums(directory).items():
        path = directory / name
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                if partly and "footer_sha256" in facts:
                    digest = hashlib.sha256(footer_of(file, size)).hexdigest()
                    expected = facts["footer_sha256"]
                else:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    expected = facts.get("sha256")
        except OSError as error:
            raise TableError(
                f"{path} cannot be read ({error.strerror}); save the table again."
            ) from None
        if (size, digest) != (facts.get("bytes"), expected):
            raise TableError(
                f"{path} was changed since the table was saved: {size} bytes, expected "
                f"{facts.get('bytes')} of other content. Save the table again; with the same "
                "cache_dir an extraction computes nothing twice."
            )


def read_data(directory: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return some or all columns of the data as they were saved, in the order given.

    Beside the frame itself one part is in memory at a time.

    Raises
    ------
    TableError
        If a page is damaged.
    """
    levels = json.loads((directory / "categories.json").read_text(encoding="utf-8"))
    texts: dict[str, list[str | None]] = {
        name: [] for name in (*INDEX, *(c for c in columns if c in levels))
    }
    names = [name for name in columns if name not in levels]
    sums = _sums(directory)
    paths = part_paths(directory)
    # one row of memory per column: the layout that pandas keeps, so that nothing is copied
    numbers = np.empty((len(names), sum(sums[path.name]["rows"] for path in paths)))
    start = 0
    for path in paths:
        part = _read_part(path, [*INDEX, *columns], sums[path.name]["rows"])
        for i, name in enumerate(names):
            numbers[i, start : start + len(part)] = part[name].to_numpy()
        for name, values in texts.items():
            values += part[name].to_pylist()
        start += len(part)
    index = pd.MultiIndex.from_arrays([pd.Index(texts[n], dtype="str") for n in INDEX], names=INDEX)
    frame = pd.DataFrame(numbers.T, index=index, columns=pd.Index(names, dtype="str"), copy=False)
    kinds = {name: pd.Index(levels[name], dtype="str") for name in texts if name in levels}
    categories = {
        name: pd.Categorical(pd.array(texts[name], dtype="str"), categories=kind)
        for name, kind in kinds.items()
    }
    data = pd.concat([frame, pd.DataFrame(categories, index=index)], axis=1)
    return data if list(data.columns) == list(columns) else data[list(columns)]


def chosen_columns(
    dictionary: pd.DataFrame, blocks: Sequence[str], columns: Sequence[str]
) -> list[str]:
    """Return the columns of these blocks, these columns and ``meta__*``, in the table's order.

    Raises
    ------
    TableError
        For a name that is not there, or if nothing is asked for.
    """
    there = {
        "block": [str(b) for b in dictionary["block"].unique() if b != "meta"],
        "column": [str(c) for c in dictionary.index],
    }
    for kind, wanted in (("block", blocks), ("column", columns)):
        unknown = sorted(set(wanted).difference(there[kind]))
        if unknown:
            near = difflib.get_close_matches(unknown[0], there[kind], 3)
            names = near if near or kind == "column" else there[kind]
            hint = f"; there are: {', '.join(names)}" if names else ""
            raise TableError(f"No {kind} {unknown[0]!r} in the table{hint}.")
    if not blocks and not columns:
        raise TableError(f"No block or column was chosen; blocks: {', '.join(there['block'])}.")
    kept = dictionary["block"].isin([*blocks, "meta"]) | dictionary.index.isin(columns)
    return [str(c) for c in dictionary.index[kept]]


def _read_part(path: Path, columns: list[str], n_rows: int) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            part = file.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path} is damaged ({error}). Save the table again; with the same cache_dir an "
            "extraction computes nothing twice."
        ) from None
    if len(part) != n_rows:
        raise TableError(f"{path} has {len(part)} rows, expected {n_rows}. Save the table again.")
    return part


def _sums(directory: Path) -> dict[str, dict[str, Any]]:
    if (directory / "data.parquet").is_file():
        raise TableError(
            f"{directory} holds a table of an earlier version, in one file. Extract the cohort "
            "again and save it to a new folder; pandas.read_parquet reads the old data.parquet."
        )
    try:
        sums: Any = json.loads((directory / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sums = None
    if not _name_a_table(sums):
        raise TableError(
            f"{directory} holds no whole feature table ({SUMS} is missing or damaged). If the run "
            "that wrote it was ended, start it again: with the same cache_dir it computes nothing "
            "twice."
        )
    checked: dict[str, dict[str, Any]] = sums
    return checked


def _name_a_table(sums: Any) -> bool:
    if not isinstance(sums, dict) or not all(isinstance(facts, dict) for facts in sums.values()):
        return False
    n_rows = [facts.get("rows") for name, facts in sums.items() if name.startswith("data-")]
    return bool(n_rows) and all(isinstance(n, int) and n >= 0 for n in n_rows)
