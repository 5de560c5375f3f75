"""What happened in a run, event by event: a file of JSON lines for batch systems."""

from __future__ import annotations

import json
import os
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tumor_response.exceptions import CaseError, FeatureError, TumorResponseError
from tumor_response.features.cache.addresses import shown_address
from tumor_response.features.rows import CaseRow
from tumor_response.features.run_progress import Pace

__all__ = ["RunFacts", "RunLog", "check_log"]


@dataclass(frozen=True)
class RunFacts:
    """What a run says of itself at its start.

    Parameters
    ----------
    library_version
        Of tumor_response.
    extractors
        Block -> SHA-256 of its settings, as in the dictionary.
    place
        ``"serial"``, ``"processes"`` or ``"dask"``.
    workers
        Cases at the same time.
    cache
        Where finished results are kept, without what is secret in an address. ``None``: no cache.
    cache_writable
        Whether results are added to it; ``None``: no cache.
    memory_bytes
        What the workers may need together; ``None``: not limited.
    """

    library_version: str
    extractors: Mapping[str, str]
    place: str
    workers: int
    cache: str | None = None
    cache_writable: bool | None = None
    memory_bytes: int | None = None


class RunLog:
    """Append a run's events to a file, one JSON object per line, written through at once.

    Every event has ``time`` (UTC, ISO 8601: for people), ``run`` (one name for all events of this
    run, so that runs may share a file), ``elapsed_s`` (from a clock that nobody can set: for
    arithmetic) and ``event``. Cases are named as the table names them; of failures there are the
    reason codes alone, because messages may hold paths.

    The parent process alone writes. A run without its last event, ``run_finished`` or
    ``run_stopped``, was killed or is still going on. A disk that is full in the middle costs
    events, not the run: they are counted, and a warning at the end says how many.

    Parameters
    ----------
    path
        The file; made if it is not there, appended to if it is. ``None``: nothing is written.
    keys
        (patient_id, lesion_id) of all cases, in the cohort's order.

    Raises
    ------
    FeatureError
        Code ``log_unusable``, if the file cannot be written to at the start.

    Examples
    --------
    >>> import tempfile
    >>> facts = RunFacts("0.1", {"radiomics": "ab12"}, "serial", 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.jsonl")
    ...     with RunLog(path, [("P1", "1")]) as log:
    ...         log.started(facts)
    ...         log.finished_case(0, CaseRow(seconds=2.0), Pace(1, 1))
    ...         log.finished()
    ...     [json.loads(line)["event"] for line in path.read_text().splitlines()]
    ['run_started', 'case_finished', 'run_finished']
    """

    def __init__(self, path: str | Path | None, keys: Sequence[tuple[str, str]] = ()) -> None:
        self._keys = keys
        self._run = uuid.uuid4().hex[:12]
        self._begin = time.monotonic()
        self._file = None if path is None else _opened(Path(path))
        self._torn = self._file is not None and _ends_torn(Path(str(path)))
        self._lost = 0
        self._why_lost = ""
        self._reasons: Counter[str] = Counter()
        self._cache: Counter[str] = Counter()
        self._done = 0
        self._incomplete = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Note what stopped the run, if something did, and close the file."""
        if error is not None and not self._ended:
            self.stopped(error)
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lost:
            warnings.warn(
                f"Events of this run that are missing in its log: {self._lost} ({self._why_lost}). "
                "The results are not affected.",
                stacklevel=2,
            )

    def started(self, facts: RunFacts) -> None:
        """Note what is going to run, where, and with which cache."""
        told = asdict(facts)
        if facts.cache is not None:
            told["cache"] = shown_address(facts.cache)
        self._write("run_started", {"n_cases": len(self._keys), **told})

    def finished_case(self, index: int, row: CaseRow, pace: Pace) -> None:
        """Note a case that has ended, well or not, and how the run is getting on."""
        reasons = Counter(shortfall.code for _, shortfall in row.failures)
        missing = sum(shortfall.n_columns_missing > 0 for _, shortfall in row.failures)
        self._reasons += reasons
        self._cache += row.cache
        self._done += 1
        self._incomplete += missing > 0
        self._write(
            "case_finished",
            {
                **self._named(index),
                "seconds": round(row.seconds, 3),
                "hits": row.cache["hits"],
                "misses": row.cache["misses"],
                "n_failures": missing,
                "reasons": dict(sorted(reasons.items())),
                "done": pace.done,
                "total": pace.total,
                "rate_per_s": _rounded(pace.rate_per_s),
                "eta_s": _rounded(pace.eta_s),
            },
        )

    def retried(self, number: int, why: str) -> None:
        """Note that the worker under a case died, and that the case gets its second try."""
        self._write("case_retried", {**self._named(number), "why": why})

    def waits_for_memory(self, number: int, needed_bytes: int) -> None:
        """Note that a case waits until there is memory for it beside those that run."""
        self._write("memory_wait", {**self._named(number), "needed_bytes": int(needed_bytes)})

    def finished(self) -> None:
        """Note that every case has ended, and count what is missing."""
        self._ended = True
        self._write("run_finished", self._counts())

    def stopped(self, error: BaseException) -> None:
        """Note what ended the run before its last case."""
        self._ended = True
        reason, message = "unexpected_error", type(error).__name__
        if isinstance(error, KeyboardInterrupt):
            reason, message = "interrupted", "Ctrl-C"
        elif isinstance(error, TumorResponseError):
            # a case's own message may hold the path of its file
            reason, message = error.code, "" if isinstance(error, CaseError) else str(error)
        self._write("run_stopped", {"reason": reason, "message": message, **self._counts()})

    def _counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "done": self._done,
            "total": len(self._keys),
            "n_cases_incomplete": self._incomplete,
            "reasons": dict(sorted(self._reasons.items())),
            "hits": self._cache["hits"],
            "misses": self._cache["misses"],
        }
        return counts | ({"n_events_lost": self._lost} if self._lost else {})

    def _named(self, index: int) -> dict[str, Any]:
        patient_id, lesion_id = self._keys[index]
        return {"index": index, "patient_id": patient_id, "lesion_id": lesion_id}

    def _write(self, event: str, facts: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        told = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": self._run,
            "elapsed_s": round(time.monotonic() - self._begin, 3),
            "event": event,
            **facts,
        }
        line = json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"
        # a name that is no valid text, from a manifest in another encoding, is written escaped
        whole = (("\n" if self._torn else "") + line).encode(errors="backslashreplace")
        try:
            # one call per line: two runs that append to one file do not mix within a line
            written = os.write(self._file, whole)
        except OSError as error:
            self._lost, self._why_lost = self._lost + 1, error.strerror or str(error)
            return
        self._torn = written < len(whole)
        if self._torn:
            self._lost, self._why_lost = self._lost + 1, "No space left for a whole line"


def check_log(path: str | Path | None) -> None:
    """Refuse a log that cannot be written to, as :class:`RunLog` does; nothing is noted yet."""
    if path is not None:
        os.close(_opened(Path(path)))


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise FeatureError(
            f"log={str(path)!r}: cannot be written to ({error.strerror}). Name a file in a folder "
            "that exists and may be written to, or leave log= out.",
            code="log_unusable",
        ) from None


def _ends_torn(path: Path) -> bool:
    """Whether the file ends within a line, as a run leaves it that was killed while writing."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4 if value < 1 else 1)
