"""What a leakage trace found, in three classes that are never mixed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from tumor_response.evaluation.leakage.findings import FAULT, NOT_CHECKABLE, STATUSES
from tumor_response.exceptions import EvaluationError
from tumor_response.notebook import CAUTION, card, facts, grid, more, note, shown
from tumor_response.settings import sha256_of_json

__all__ = ["CLASSES", "FaultClass", "LeakageTrace"]

FaultClass = Literal["recorded", "provable", "suspected"]

CLASSES: tuple[FaultClass, ...] = ("recorded", "provable", "suspected")

_MEANING = {
    "recorded": "seen while models were fitted",
    "provable": "held against what extraction wrote",
    "suspected": "what the numbers look like; a reason to ask, no proof",
}


@dataclass(frozen=True, eq=False, repr=False)
class LeakageTrace:
    """Findings of :func:`tumor_response.evaluation.leakage.leakage_trace`.

    Attributes
    ----------
    recorded, provable, suspected : DataFrame
        One row per check: ``check``, ``status`` (``"passed"``, ``"FAULT"`` or
        ``"NOT CHECKABLE"``), ``detail``, ``where``. *Recorded* was seen while the models were
        fitted; *provable* is held against hashes and roles of a feature table; *suspected* is what
        the numbers look like. What could not be checked is never passed.
    fits : DataFrame
        Every fit of every step in the watched resamples: ``resample``, ``model``, ``step``,
        ``method``, ``n_fits``, ``n_rows``, ``n_patients``, ``n_copies``, ``n_out`` (out-of-bag
        patients it saw), ``known_by`` (how its rows were recognised).
    splits : DataFrame
        Every inner split: ``resample``, ``model``, ``step``, ``source``, ``n_splits``,
        ``n_unknown``, ``n_both`` (most patients that one split had on both sides).
    resamples : list of int
        Which resamples were watched.
    n_resamples : int
        Of how many.
    """

    recorded: pd.DataFrame
    provable: pd.DataFrame
    suspected: pd.DataFrame
    fits: pd.DataFrame
    splits: pd.DataFrame
    resamples: list[int]
    n_resamples: int

    def faults(self, class_: FaultClass | None = None) -> pd.DataFrame:
        """Return the faults of one class, or of all with the column ``class`` before the others.

        Raises
        ------
        EvaluationError
            Code ``leakage_class``: there is no such class.
        """
        if class_ is not None and class_ not in CLASSES:
            raise EvaluationError(
                f"class_={class_!r}: expected {', '.join(map(repr, CLASSES))}, or None for all.",
                code="leakage_class",
            )
        parts = []
        for one in CLASSES if class_ is None else (class_,):
            frame = self._findings(one)
            frame = frame[frame["status"] == FAULT]
            parts.append(frame.assign(**{"class": one})[["class", *frame.columns]])
        found = pd.concat(parts, ignore_index=True)
        return found if class_ is None else found.drop(columns="class")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per check: ``class``, ``check``, ``status``, ``detail``, ``where``."""
        parts = [self._findings(one).assign(**{"class": one}) for one in CLASSES]
        return pd.concat(parts, ignore_index=True)[["class", "check", "status", "detail", "where"]]

    def strip(self) -> dict[str, str]:
        """Return a short text for each class, for the first page of a report.

        Returns
        -------
        dict of str to str
            From class to such as ``"2 FAULTS: ..."``, ``"6 passed, 1 NOT CHECKABLE"``.
        """
        cells: dict[str, str] = {}
        for class_ in CLASSES:
            frame = self._findings(class_)
            counts = frame["status"].value_counts()
            faults = frame[frame["status"] == FAULT]
            told = [
                f"{counts[status]} {status}" for status in STATUSES[1:][::-1] if status in counts
            ]
            if len(faults):
                checks = ", ".join(faults["check"].unique())
                noun = "FAULT" if len(faults) == 1 else "FAULTS"
                told.insert(0, f"{len(faults)} {noun} ({checks})")
            cells[class_] = ", ".join(told)
        return cells

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON-able lists and texts."""
        frames = (*CLASSES, "fits", "splits")
        return {
            "resamples": list(self.resamples),
            "n_resamples": self.n_resamples,
            **{name: _records(getattr(self, name)) for name in frames},
        }

    @property
    def sha256(self) -> str:
        """Hash of :meth:`record`."""
        return sha256_of_json(self.record())

    def _findings(self, class_: str) -> pd.DataFrame:
        frame: pd.DataFrame = getattr(self, class_)
        return frame

    def __str__(self) -> str:
        lines = [
            f"Leakage trace: resamples {', '.join(map(str, self.resamples))} of "
            f"{self.n_resamples} were watched."
        ]
        for class_ in CLASSES:
            lines += ["", f"{class_.upper()} ({_MEANING[class_]})"]
            frame = self._findings(class_)
            for status in STATUSES:
                for row in frame[frame["status"] == status].to_dict("records"):
                    where = f" [{row['where']}]" if row["where"] else ""
                    said = f"{status:<13} {row['check']}: {row['detail']}{where}"
                    lines += textwrap.wrap(said, 100, subsequent_indent=" " * 14)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        cells = "; ".join(f"{class_}: {cell}" for class_, cell in self.strip().items())
        return f"<LeakageTrace: {cells}>"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = [frame[name].tolist() for name in frame.columns]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _html(trace: LeakageTrace) -> str:
    watched = f"{len(trace.resamples)} of {trace.n_resamples} resamples were watched"
    pieces = []
    faults = trace.faults()
    if len(faults):
        pieces += [
            note(f"{len(faults)} faults: nothing may be concluded before they are mended", CAUTION),
            grid(faults[["class", "check", "detail", "where"]], what="faults"),
        ]
    strip = trace.strip()
    pieces.append(facts({f"{name}: {_MEANING[name]}": strip[name] for name in CLASSES}))
    open_ones = trace.to_frame()
    open_ones = open_ones[open_ones["status"] == NOT_CHECKABLE]
    if len(open_ones):
        shown_columns = open_ones[["class", "check", "detail"]]
        pieces.append(
            more(f"{len(open_ones)} not checkable, which is not passed", grid(shown_columns))
        )
    return card("LeakageTrace", watched, *pieces)
