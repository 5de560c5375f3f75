"""The cohort: an ordered, validated collection of cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from tumor_response.cohort.case import Case
from tumor_response.cohort.manifest import cases_from_rows, read_rows, rows_of_frame
from tumor_response.exceptions import ManifestError

__all__ = ["Cohort"]


class Cohort:
    """An ordered collection of cases with unique keys ``(patient_id, lesion_id)``.

    Build one with :meth:`from_csv` or :meth:`from_frame`. Iterating gives :class:`Case` objects in
    manifest order; voxels are read only when a case is asked for them.

    Parameters
    ----------
    cases
        The cases, keys unique, at least one.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> len(cohort), [case.lesion_id for case in cohort]
    (2, ['1', '1'])
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        if not cases:
            raise ManifestError("A cohort needs at least one case; received none.")
        self._cases = {case.key: case for case in cases}
        if len(self._cases) != len(cases):
            raise ManifestError("Two cases share patient_id and lesion_id; keys must be unique.")

    @classmethod
    def from_csv(cls, path: str | Path) -> Self:
        """Read a manifest.

        One row is one lesion. Columns: ``patient_id``, ``image``, ``mask``; optional
        ``lesion_id`` (default ``"1"``), ``mask_label``, ``date``, ``follow_up_image``,
        ``follow_up_mask``, ``follow_up_mask_label``, ``follow_up_date``, ``follow_up_status``,
        ``rt_start_date``, ``fractions_at_follow_up``, ``dose_gy_at_follow_up``, ``site``; any other
        column is a clinical variable known before treatment. Paths are relative to the manifest,
        dates are YYYY-MM-DD. ``mask_label`` holds for the follow-up mask too, unless
        ``follow_up_mask_label`` says otherwise; ``NA`` and ``NaN`` are empty cells. Commas,
        semicolons (then with decimal commas) or tabs separate; a byte order mark is understood.

        Parameters
        ----------
        path
            The CSV file, UTF-8.

        Raises
        ------
        ManifestError
            Naming every fault with its line: missing columns or files, duplicate keys, dates that
            are none, a follow-up before the baseline ...
        """
        path = Path(path)
        table = read_rows(path)
        return cls(cases_from_rows(table, base=path.parent, where=str(path)))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, base: str | Path = ".") -> Self:
        """Build a cohort from a DataFrame with a manifest's columns.

        Parameters
        ----------
        frame
            Columns as in :meth:`from_csv`; dates may be timestamps, paths ``Path`` objects.
        base
            Folder that relative paths start from; absolute paths are taken as they are.

        Raises
        ------
        ManifestError
            Naming every fault with its row (counted from 0, as ``frame.iloc`` does).
        """
        if not isinstance(frame, pd.DataFrame):
            raise ManifestError(
                f"from_frame: expected a pandas DataFrame, received {type(frame).__name__}."
            )
        return cls(cases_from_rows(rows_of_frame(frame), base=Path(base), where="the frame"))

    def __len__(self) -> int:
        return len(self._cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases.values())

    def __getitem__(self, key: tuple[str, str]) -> Case:
        """Return the case of ``cohort[patient_id, lesion_id]``."""
        try:
            return self._cases[key]
        except (KeyError, TypeError):
            lesions = [k for k in self._cases if isinstance(key, tuple) and k[0] == key[0]]
            known = f" Lesions of that patient: {[k[1] for k in lesions]}." if lesions else ""
            raise KeyError(
                f"{key!r} is not in the cohort; ask with cohort[patient_id, lesion_id], both text."
                + known
            ) from None

    @property
    def keys(self) -> pd.MultiIndex:
        """The index of every table made from this cohort: (patient_id, lesion_id)."""
        return pd.MultiIndex.from_tuples(list(self._cases), names=["patient_id", "lesion_id"])

    @property
    def variables(self) -> list[str]:
        """Names of the clinical variables, in manifest order."""
        return list(dict.fromkeys(name for case in self for name in case.variables))

    @property
    def n_patients(self) -> int:
        """Number of patients; a patient may have several lesions."""
        return len({case.patient_id for case in self})

    def __repr__(self) -> str:
        return (
            f"<Cohort: {self.n_patients} patients, {len(self)} lesions, "
            f"clinical variables: {', '.join(self.variables) or 'none'}>"
        )
