"""The data of a table in parts: each is written when its rows are there, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.whole import unwritable
from tumor_response.settings import canonical_json, sha256_of_json

__all__ = [
    "INDEX",
    "SUMS",
    "PartWriter",
    "data_sha256",
    "footer_of",
    "json_bytes",
    "row_hashes",
    "rows_per_part",
    "slices",
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
    """Write a table to a folder, part by part; of the numbers less than two parts are in memory.

    A file is written under another name, flushed to the disk and renamed. Until :meth:`finish`
    there is no ``SHA256SUMS.json``, and the folder does not pass for a table; writing it again
    begins anew. The sums are of what was meant to be written: of two runs that write to one
    folder, the table of one is whole in the end, or the folder is refused.

    Parameters
    ----------
    directory
        New, empty, or holding a table or what is left of one; that is deleted.
    columns
        All columns in their order.
    texts
        Those of them that hold text; the others are float64.

    Raises
    ------
    TableError
        If the folder holds anything else; code ``table_unwritable`` if it cannot be written to,
        here and by every method.
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
        self._sums: dict[str, dict[str, Any]] = {}
        self._hashes: list[int] = []
        self._seen: dict[str, set[str]] = {name: set() for name in columns if name in self._texts}
        try:
            self._begin()
        except OSError as error:
            _refuse(self.directory, error)

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
        # a folder that takes no file is found out now, not after the first hours
        probe = self.directory / f"{SUMS}.part"
        probe.write_bytes(b"\n")
        probe.unlink(missing_ok=True)

    def add(self, rows: pd.DataFrame) -> None:
        """Append rows: index (patient_id, lesion_id), the columns in their order."""
        for name in self._seen:
            self._seen[name].update(rows[name].dropna().astype("str"))
        self._hashes += row_hashes(rows, self._texts)
        self._waiting.append(rows)
        self._n_waiting += len(rows)
        if self._n_waiting < self._rows:
            return
        whole = pd.concat(self._waiting)
        left = len(whole) % self._rows
        for start in range(0, len(whole) - left, self._rows):
            self._write_part(whole.iloc[start : start + self._rows])
        self._waiting = [whole.iloc[len(whole) - left :].copy()]
        self._n_waiting = left

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
        self._write("categories.json", json_bytes({name: list(levels[name]) for name in levels}))
        self._write("dictionary.parquet", _frame_bytes(dictionary.reset_index()))
        self._write("failures.parquet", _frame_bytes(failures))
        self._write("provenance.json", json_bytes(provenance))
        self._write(SUMS, json_bytes(self._sums))

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
        numbers = [name for name in self._columns if name not in self._texts]
        first = self._n_parts * self._rows
        # goes into the footer, which would else be the same for any part of the same shape
        of_rows = {"rows_sha256": sha256_of_json(self._hashes[first : first + len(rows)])}
        buffer = io.BytesIO()
        # With some hundred rows to a column, what Parquet says about each column takes more room
        # than its compression saves. Measured for 384 rows of 2,600 columns: 10.0 MB with
        # pyarrow's defaults, 7.9 MB so, for 8.0 MB of numbers.
        pq.write_table(
            pa.table(arrays, metadata=of_rows),
            buffer,
            compression="zstd",
            use_dictionary=False,
            use_byte_stream_split=numbers,
            write_statistics=False,
            store_schema=False,
            write_page_checksum=True,
        )
        name = f"data-{self._n_parts:05d}.parquet"
        content = buffer.getvalue()
        self._write(name, content)
        footer = footer_of(io.BytesIO(content), len(content))
        self._sums[name] |= {"rows": len(rows), "footer_sha256": _sha256(footer)}
        self._n_parts += 1

    def _write(self, name: str, content: bytes) -> None:
        path = self.directory / name
        part = path.with_name(f"{name}.part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # else power loss could leave a name without its bytes
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            _refuse(path, error)
        self._sums[name] = {"bytes": len(content), "sha256": _sha256(content)}


def row_hashes(rows: pd.DataFrame, texts: Collection[str]) -> list[int]:
    """Return one number per row, from its key and all its values, to the bit."""
    named = [name for name in rows.columns if name in texts]
    numbers = rows.drop(columns=named).to_numpy(np.float64, copy=True)
    numbers[np.isnan(numbers)] = np.nan  # there are many kinds of NaN
    words = rows[named].astype("object")
    words = words.where(words.notna(), None)
    return [
        int.from_bytes(hashlib.sha256(canonical_json(told).encode() + line.tobytes()).digest()[:8])
        for told, line in zip(
            [[list(key), list(of)] for key, of in zip(rows.index, words.to_numpy(), strict=True)],
            numbers.astype("<f8"),
            strict=True,
        )
    ]


def data_sha256(data: pd.DataFrame) -> str:
    """Return the hash over all rows of a table's data."""
    return sha256_of_json(row_hashes(data, list(data.select_dtypes("category").columns)))


def slices(data: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a table's data by the part."""
    size = rows_per_part(data.shape[1])
    for start in range(0, max(1, len(data)), size):
        yield data.iloc[start : start + size]


def footer_of(file: Any, size: int) -> bytes:
    """Return the end of a Parquet file, which says where what is: no page checksum covers it.

    Parameters
    ----------
    file
        Open for reading bytes.
    size
        How many it has.
    """
    file.seek(max(0, size - 8))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, size - 8 - length))
    content: bytes = file.read()
    return content


def json_bytes(value: Any) -> bytes:
    """Return JSON for people and programs alike; in its own order, which columns may follow."""
    return (json.dumps(value, indent=1) + "\n").encode()


def _frame_bytes(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _is_ours(name: str) -> bool:
    whole = name.removesuffix(".part")
    number = whole.removeprefix("data-").removesuffix(".parquet")
    return whole in (*_BESIDE, SUMS) or (whole == f"data-{number}.parquet" and number.isdigit())


def _texts(values: pd.Series | pd.Index) -> Any:
    import pyarrow as pa

    return pa.array([None if pd.isna(v) else str(v) for v in values], pa.string())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refuse(path: Path, error: OSError) -> NoReturn:
    way_out = "; an extraction started again with the same cache_dir computes nothing twice"
    raise unwritable(path, error, way_out) from None
