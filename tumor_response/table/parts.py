"""The data of a table in parts: written as rows come, read back in whole or by the column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.settings import sha256_of_json

__all__ = [
    "INDEX",
    "SUMS",
    "PartWriter",
    "check_files",
    "data_sha256",
    "part_paths",
    "read_data",
    "row_hashes",
    "rows_per_part",
    "slices",
    "write_json",
]

INDEX = ["patient_id", "lesion_id"]
SUMS = "SHA256SUMS.json"
_VALUES_PER_PART = 1_000_000
_BESIDE = ("categories.json", "dictionary.parquet", "failures.parquet", "provenance.json")


def rows_per_part(n_columns: int) -> int:
    """Return how many rows a part has: about 8 MB of numbers, from the number of columns alone.

    Examples
    --------
    >>> rows_per_part(2_600)
    384
    """
    return max(1, _VALUES_PER_PART // max(1, n_columns))


class PartWriter:
    """Write a table to a folder, part by part; what is in memory is less than a part.

    A part is written under another name and renamed. Until :meth:`finish` there is no
    ``SHA256SUMS.json``, and the folder does not pass for a table; writing it again begins anew.

    Parameters
    ----------
    directory
        New, empty, or holding a table or what is left of one.
    columns
        All columns in their order.
    texts
        Those of them that hold text; the others are float64.

    Raises
    ------
    TableError
        If the folder holds anything else.
    """

    def __init__(
        self, directory: str | Path, columns: Sequence[str], texts: Collection[str]
    ) -> None:
        self.directory = Path(directory)
        self._columns, self._texts = list(columns), set(texts)
        self._rows = rows_per_part(len(columns))
        self._waiting: list[pd.DataFrame] = []
        self._n_waiting = 0
        self._n_parts = 0
        self._hashes: list[int] = []
        self._seen: dict[str, set[str]] = {name: set() for name in columns if name in self._texts}
        self._begin()

    @property
    def seen(self) -> Mapping[str, Collection[str]]:
        """Which texts each column of text has had so far."""
        return self._seen

    @property
    def sha256(self) -> str:
        """The hash of all rows that were added: :func:`data_sha256` of the whole."""
        return sha256_of_json(self._hashes)

    def _begin(self) -> None:
        if self.directory.exists() and not self.directory.is_dir():
            raise TableError(f"{self.directory} is a file; expected a folder.")
        there = sorted(self.directory.iterdir()) if self.directory.is_dir() else []
        strangers = [path.name for path in there if not _is_ours(path.name)]
        if strangers:
            raise TableError(
                f"{self.directory} holds other files ({', '.join(strangers[:3])} ...); choose an "
                "empty or new folder."
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        # a table that is only half written must not pass for whole
        (self.directory / SUMS).unlink(missing_ok=True)
        for path in there:
            path.unlink(missing_ok=True)

    def add(self, rows: pd.DataFrame) -> None:
        """Append rows: index (patient_id, lesion_id), the columns in their order."""
        for name in self._seen:
            self._seen[name].update(rows[name].dropna().astype("str"))
        self._hashes += row_hashes(rows, self._texts)
        self._waiting.append(rows)
        self._n_waiting += len(rows)
        while self._n_waiting >= self._rows:
            whole = pd.concat(self._waiting)
            self._write_part(whole.iloc[: self._rows])
            self._waiting = [whole.iloc[self._rows :]]
            self._n_waiting = len(whole) - self._rows

    def finish(
        self,
        levels: Mapping[str, Sequence[str]],
        dictionary: pd.DataFrame,
        failures: pd.DataFrame,
        provenance: Mapping[str, Any],
    ) -> None:
        """Write the last part and all the rest; now it is a table."""
        if self._n_waiting or not self._n_parts:
            self._write_part(pd.concat(self._waiting))
            self._waiting, self._n_waiting = [], 0
        folder = self.directory
        write_json(folder / "categories.json", {name: list(levels[name]) for name in levels})
        dictionary.reset_index().to_parquet(folder / "dictionary.parquet", index=False)
        failures.to_parquet(folder / "failures.parquet", index=False)
        write_json(folder / "provenance.json", provenance)
        names = [_part_name(number) for number in range(self._n_parts)] + list(_BESIDE)
        write_json(folder / SUMS, {name: _facts(folder / name) for name in names})

    def _write_part(self, rows: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = {name: _texts(rows.index.get_level_values(name)) for name in INDEX}
        for name in self._columns:
            column = rows[name]
            arrays[name] = (
                _texts(column)
                if name in self._texts
                else pa.array(column.to_numpy(), pa.float64(), from_pandas=True)
            )
        path = self.directory / _part_name(self._n_parts)
        part = path.with_suffix(".part")
        pq.write_table(pa.table(arrays), part, compression="zstd", write_page_checksum=True)
        part.replace(path)
        self._n_parts += 1


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
        Of the data compare the sizes alone: their pages are checked as they are read.

    Raises
    ------
    TableError
        If there is no whole table, or a file is missing or another one.
    """
    for name, facts in _sums(directory).items():
        path = directory / name
        by_size = partly and name.startswith("data-")
        same = path.is_file() and (
            path.stat().st_size == facts["bytes"] if by_size else _facts(path) == facts
        )
        if not same:
            raise TableError(f"{path} is missing or was changed since the table was saved.")


def read_data(directory: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    """Return the data, or some columns of it, as they were saved.

    Raises
    ------
    TableError
        If a page is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = None if columns is None else [*INDEX, *columns]
    try:
        tables = [
            pq.read_table(path, columns=wanted, page_checksum_verification=True)
            for path in part_paths(directory)
        ]
    except OSError as error:
        raise TableError(f"{directory}: a part of the table is damaged ({error}).") from None
    frame = pa.concat_tables(tables).to_pandas(self_destruct=True).set_index(INDEX)
    levels = json.loads((directory / "categories.json").read_text(encoding="utf-8"))
    types = {
        name: pd.CategoricalDtype(pd.Index(values, dtype="str"))
        for name, values in levels.items()
        if name in frame
    }
    data: pd.DataFrame = frame.astype(types).copy()  # astype leaves every column by itself
    return data


def row_hashes(rows: pd.DataFrame, texts: Collection[str]) -> list[int]:
    """Return one number per row, from its key and all its values; texts as categories."""
    as_categories = rows.astype({name: "category" for name in rows if name in texts})
    return [int(n) for n in pd.util.hash_pandas_object(as_categories, index=True)]


def data_sha256(data: pd.DataFrame) -> str:
    """Return the hash over all rows of a table's data."""
    return sha256_of_json(row_hashes(data, list(data.select_dtypes("category").columns)))


def _part_name(number: int) -> str:
    return f"data-{number:05d}.parquet"


def _is_ours(name: str) -> bool:
    part = name.removeprefix("data-").removesuffix(".parquet").removesuffix(".part")
    return name in (*_BESIDE, SUMS) or (name.startswith("data-") and part.isdigit())


def _texts(values: pd.Series | pd.Index) -> Any:
    import pyarrow as pa

    return pa.array([None if pd.isna(v) else str(v) for v in values], pa.string())


def _sums(directory: Path) -> dict[str, dict[str, Any]]:
    if (directory / "data.parquet").is_file():
        raise TableError(
            f"{directory} holds a table that an earlier version saved. Extract again (the cache "
            "is of no help then), or read its data.parquet with pandas."
        )
    try:
        sums: dict[str, dict[str, Any]] = json.loads((directory / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TableError(
            f"{directory} holds no whole feature table ({SUMS} is missing or damaged)."
        ) from None
    return sums


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and programs alike."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def slices(data: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a table's data by the part."""
    size = rows_per_part(data.shape[1])
    for start in range(0, max(1, len(data)), size):
        yield data.iloc[start : start + size]
