"""A file that is only ever appended to, and that shows when something was taken out of it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tumor_response.exceptions import EvaluationError
from tumor_response.settings import canonical_json

__all__ = ["ChainedFile", "write_durably"]

_NOTHING = "0" * 64


class ChainedFile:
    """Lines of JSON, each with the hash of the one before it; safe for several processes.

    Beside it lie ``<name>.lock``, which one process holds while it appends, and ``<name>.head``
    with the number and hash of the last entry, so that entries taken from the end are missed as
    well. Who rewrites all three files can forge them: quote :attr:`seal` where it cannot be
    changed any more, in a protocol or a paper.

    Parameters
    ----------
    path
        The file; it need not be there yet, its folder neither.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     chain = ChainedFile(Path(folder) / "ledger.jsonl")
    ...     _ = chain.append({"kind": "plan"})
    ...     _ = chain.append({"kind": "evaluate"})
    ...     [(entry["number"], entry["kind"]) for entry in chain.entries()]
    [(1, 'plan'), (2, 'evaluate')]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head = path.with_name(f"{path.name}.head")
        self._lock = path.with_name(f"{path.name}.lock")

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Append one entry and return it with its number, time and the hash of the one before.

        The line is on the disk when this returns.

        Raises
        ------
        EvaluationError
            As :meth:`entries`, and code ``ledger_unwritable``.
        """
        with self._held(fcntl.LOCK_EX):
            hashes = [_sha256(line) for line in self._checked_lines()]
            return self._add(record, hashes)

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries, the oldest first, after their chain was checked.

        Raises
        ------
        EvaluationError
            Code ``ledger_torn``: the last line was cut off while it was written, as when the
            process was killed. Code ``ledger_damaged``: a line was changed, taken out or put in.
        """
        if not self.path.exists() and not self._head.exists():
            return []
        with self._held(fcntl.LOCK_SH):
            return [json.loads(line) for line in self._checked_lines()]

    @property
    def seal(self) -> str:
        """SHA-256 of the last entry, which holds those of all before it."""
        if not self.path.exists():
            return _NOTHING
        with self._held(fcntl.LOCK_SH):
            lines = self._checked_lines()
        return _sha256(lines[-1]) if lines else _NOTHING

    def set_aside_torn_line(self) -> Path:
        """Move a last line that was cut off to a file of its own, and enter that it was there.

        Returns
        -------
        Path
            Of the file with what there is of the line.

        Raises
        ------
        EvaluationError
            If the last line is whole, or another one is damaged.
        """
        with self._held(fcntl.LOCK_EX):
            whole, torn = self._parts()
            if not torn:
                raise EvaluationError(f"{self.path}: the last line is whole.")
            hashes = [_sha256(line) for line in self._checked(whole)]
            aside = self.path.with_name(f"{self.path.name}.torn-{len(whole) + 1}")
            write_durably(aside, torn)
            with self.path.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in whole))
                os.fsync(file.fileno())
            self._add({"kind": "torn_line", "bytes": len(torn), "sha256": _sha256(torn)}, hashes)
            return aside

    def _add(self, record: Mapping[str, Any], hashes: list[str]) -> dict[str, Any]:
        entry = {
            **record,
            "number": len(hashes) + 1,
            "previous": hashes[-1] if hashes else _NOTHING,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        line = canonical_json(entry).encode()
        try:
            with self.path.open("ab") as file:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            head = canonical_json({"number": entry["number"], "sha256": _sha256(line)})
            write_durably(self._head, head.encode())
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return entry

    def _parts(self) -> tuple[list[bytes], bytes]:
        content = self.path.read_bytes() if self.path.exists() else b""
        *whole, torn = content.split(b"\n")
        return whole, torn

    def _checked_lines(self) -> list[bytes]:
        whole, torn = self._parts()
        if torn:
            raise EvaluationError(
                f"{self.path}: line {len(whole) + 1}, the last, was cut off after {len(torn)} "
                "bytes, as when the process that wrote it was killed. Nothing before it is lost. "
                "Look at it, then move it aside with set_aside_torn_line(), which enters that it "
                "was there.",
                code="ledger_torn",
            )
        return self._checked(whole)

    def _checked(self, lines: list[bytes]) -> list[bytes]:
        previous = _NOTHING
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                found = (entry["number"], entry["previous"])
            except (ValueError, TypeError, KeyError):
                raise self._damaged(number, "it is not an entry") from None
            if found != (number, previous):
                raise self._damaged(
                    number,
                    "it does not follow the line before it: one of the two was changed, or lines "
                    "were taken out or put in between",
                )
            previous = _sha256(line)
        self._check_head(lines)
        return lines

    def _check_head(self, lines: list[bytes]) -> None:
        number, sha256 = 0, _NOTHING
        if self._head.exists():
            try:
                head = json.loads(self._head.read_bytes())
                number, sha256 = int(head["number"]), str(head["sha256"])
            except (ValueError, TypeError, KeyError):
                raise self._damaged(len(lines), f"{self._head.name} is not readable") from None
        # a process killed between line and head leaves the head one entry behind, never more
        if not number <= len(lines) <= number + 1:
            raise self._damaged(
                len(lines),
                f"{self._head.name} knows {number} entries and the file has {len(lines)}",
            )
        if number and _sha256(lines[number - 1]) != sha256:
            raise self._damaged(number, f"it is not the line that {self._head.name} knows")

    def _damaged(self, number: int, why: str) -> EvaluationError:
        return EvaluationError(
            f"{self.path}, line {number}: {why}. The record of what was tried is no longer whole; "
            "restore the file from a backup, or keep it and begin a new one in another folder.",
            code="ledger_damaged",
        )

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        with lock:
            fcntl.flock(lock, how)
            yield


def write_durably(path: Path, content: bytes) -> None:
    """Write a file beside its name, flush it to the disk, and rename it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_durably(Path(folder) / "a", b"whole")
    ...     (Path(folder) / "a").read_bytes()
    b'whole'
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else power loss could leave a name without its bytes
    finally:
        os.close(folder)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _unwritable(path: Path, error: OSError) -> EvaluationError:
    return EvaluationError(
        f"{path} cannot be written: {error}. The evaluation is not entered; make room or name "
        "another folder, and append it again.",
        code="ledger_unwritable",
    )
