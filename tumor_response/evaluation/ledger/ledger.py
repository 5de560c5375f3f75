"""The study ledger: every evaluation on an outcome, so that the best is known to be one of many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tumor_response.evaluation.comparison.best_of_k import BestOfK, corrected_best
from tumor_response.evaluation.comparison.out_of_sample import OutOfSample
from tumor_response.evaluation.ledger.chain import ChainedFile, write_durably
from tumor_response.evaluation.ledger.record import record_of, scores_from_bytes, scores_to_bytes
from tumor_response.evaluation.nested import SELECTED
from tumor_response.exceptions import EvaluationError
from tumor_response.notebook import card, grid, note, shown

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["StudyLedger"]


class StudyLedger:
    """An append-only record of everything that was evaluated on an outcome.

    Parameters
    ----------
    directory
        The study's folder. The ledger is ``ledger.jsonl`` in it, one entry per line, chained by
        hashes (see :class:`~tumor_response.evaluation.ledger.chain.ChainedFile`); the
        out-of-sample scores lie in ``ledger_scores``, by the SHA-256 of their bytes, without
        identifiers and without pickle.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     StudyLedger(folder).entries()
    []
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.chain = ChainedFile(self.directory / "ledger.jsonl")
        self._scores = self.directory / "ledger_scores"

    def __repr__(self) -> str:
        return f"<StudyLedger {str(self.directory)!r}>"

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def append(self, result: EvaluationResult, kind: str = "evaluate") -> dict[str, Any]:
        """Enter an evaluation: scores first, then the line that names them.

        Parameters
        ----------
        result
            From :func:`tumor_response.evaluate`.
        kind
            What made it: ``"evaluate"`` or ``"ablate"``.

        Returns
        -------
        dict
            The entry: :func:`~tumor_response.evaluation.ledger.record.record_of`, ``kind``,
            ``scores_sha256``, ``number``, ``time`` (UTC) and ``previous``.

        Raises
        ------
        EvaluationError
            Codes ``ledger_torn``, ``ledger_damaged`` and ``ledger_unwritable``.
        """
        record = record_of(result)
        content = scores_to_bytes(result)
        name = hashlib.sha256(content).hexdigest()
        try:
            self._scores.mkdir(parents=True, exist_ok=True)
            if not self._path(name).exists():
                write_durably(self._path(name), content)
        except OSError as error:
            raise EvaluationError(
                f"{self._scores} cannot be written: {error}. The evaluation is not entered.",
                code="ledger_unwritable",
            ) from error
        return self.chain.append({**record, "kind": kind, "scores_sha256": name})

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries, the oldest first, after their chain was checked."""
        return self.chain.entries()

    def evaluations(self, outcome_sha256: str | None = None) -> list[dict[str, Any]]:
        """Return the entries of evaluations, of one outcome or of all."""
        return [
            entry
            for entry in self.entries()
            if "outcome" in entry and outcome_sha256 in (None, entry["outcome"]["sha256"])
        ]

    def configurations(self, outcome_sha256: str | None = None) -> pd.DataFrame:
        """Return every configuration tried on an outcome, once.

        A configuration is a model with its parameters and the values of the columns that it reads;
        evaluated again, with another seed or under another name, it is the same one.

        Parameters
        ----------
        outcome_sha256
            Of an entry's ``outcome``; default: the outcome of the last evaluation.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``configuration_sha256``, in order of the first evaluation: ``name`` and
            ``entry`` of that one, ``n_evaluations``, and its estimates as ``summary()`` had them.
        """
        rows: dict[str, dict[str, Any]] = {}
        for entry in self.evaluations(self._outcome(outcome_sha256)):
            for model in _tried(entry):
                key = model["configuration_sha256"]
                if key in rows:
                    rows[key]["n_evaluations"] += 1
                else:
                    rows[key] = {
                        "name": model["name"],
                        "entry": entry["number"],
                        "n_evaluations": 1,
                        **model["summary"],
                    }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "configuration_sha256"
        return frame

    def best_of_k(
        self,
        outcome_sha256: str | None = None,
        *,
        n_resamples: int = 1000,
        seed: int = 0,
        level: float = 0.95,
    ) -> BestOfK:
        """Correct the best configuration ever tried on an outcome for having been chosen.

        As :func:`~tumor_response.evaluation.comparison.best_of_k`, over all configurations of all
        entries, each with the scores of its first evaluation; evaluations with other resamples
        stand side by side, since scores are compared within a fit only.

        Raises
        ------
        EvaluationError
            Code ``no_rows``: nothing was evaluated on it. Code ``ledger_damaged``: scores that
            are missing or are not those that were entered.
        """
        outcome = self._outcome(outcome_sha256)
        return corrected_best(
            *self._samples(outcome), n_resamples=n_resamples, seed=seed, level=level
        )

    def text(self, outcome_sha256: str | None = None) -> str:
        """Return what a report says: how many configurations were tried, and on which cuts.

        The last part counts evaluations of the same values under another rule of the classes:
        who tries five cuts has chosen among them as well.
        """
        outcome = self._outcome(outcome_sha256)
        of_outcome = self.evaluations(outcome)
        values = {entry["outcome"]["values_sha256"] for entry in of_outcome}
        elsewhere = {
            (entry["outcome"]["sha256"], model["configuration_sha256"])
            for entry in self.evaluations()
            if entry["outcome"]["values_sha256"] in values and entry["outcome"]["sha256"] != outcome
            for model in _tried(entry)
        }
        told = (
            f"configurations tried on this outcome: {len(self.configurations(outcome))}, in "
            f"{len(of_outcome)} evaluation{'s' * (len(of_outcome) != 1)}"
        )
        if elsewhere:
            rules = len({rule for rule, _ in elsewhere})
            told += (
                f"; {len(elsewhere)} more on the same values with {rules} other "
                f"rule{'s' * (rules != 1)} of the classes"
            )
        return told

    def _outcome(self, asked: str | None) -> str:
        known = list(dict.fromkeys(e["outcome"]["sha256"] for e in self.evaluations()))
        if not known or (asked is not None and asked not in known):
            raise EvaluationError(
                f"{self.chain.path} has no evaluation"
                + (f" on the outcome {asked!r}" if known else "")
                + "; evaluate(..., ledger=...) enters them.",
                code="no_rows",
            )
        return self.evaluations()[-1]["outcome"]["sha256"] if asked is None else asked

    def _samples(self, outcome: str) -> Iterator[OutOfSample]:
        keys: set[str] = set()
        names: set[str] = set()
        for entry in self.evaluations(outcome):
            new = {}
            for model in _tried(entry):
                name = model["name"]
                if model["configuration_sha256"] not in keys:
                    keys.add(model["configuration_sha256"])
                    new[name] = f"{name}, entry {entry['number']}" if name in names else name
            names.update(new)
            if new:
                yield scores_from_bytes(self._read(entry["scores_sha256"])).only(new)

    def _path(self, name: str) -> Path:
        return self._scores / f"{name}.npz"

    def _read(self, name: str) -> bytes:
        try:
            content = self._path(name).read_bytes()
        except OSError as error:
            raise EvaluationError(
                f"The scores {self._path(name)} that the ledger names cannot be read: {error}.",
                code="ledger_damaged",
            ) from error
        if hashlib.sha256(content).hexdigest() != name:
            raise EvaluationError(
                f"{self._path(name)} holds other scores than those that were entered.",
                code="ledger_damaged",
            )
        return content


def _tried(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the models of an entry but the one that chooses among the others."""
    return [model for model in entry["models"] if model["name"] != SELECTED]


def _html(ledger: StudyLedger) -> str:
    if not ledger.evaluations():
        return card("StudyLedger", "", note("Nothing was evaluated yet."))
    entries = ledger.entries()
    tried = ledger.configurations()
    ends = ("_oob", "_cv", "_test")
    headlines = [str(name) for name in tried if str(name).endswith(ends)]
    columns = ["name", "entry", "n_evaluations", *headlines, "ci_low", "ci_high"]
    return card(
        "StudyLedger",
        f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, chain unbroken",
        note(f"{ledger.text()[:1].upper()}{ledger.text()[1:]}."),
        grid(tried[columns].set_index("name"), what="configurations"),
    )
