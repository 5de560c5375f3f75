"""Agreement of real repeats: scans made twice, contours drawn by several observers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.cohort.manifest import Rows, cases_from_rows, read_rows
from tumor_response.exceptions import RobustnessError
from tumor_response.features.base import KEY_ROLE
from tumor_response.repeatability.agreement import Kind
from tumor_response.repeatability.complete import FloatArray, checked_confidence
from tumor_response.repeatability.measured import Measured, measured_agreement
from tumor_response.repeatability.result import FAILURE_COLUMNS, Robustness, icc_column
from tumor_response.settings import frozen
from tumor_response.table import FeatureTable

__all__ = ["repeat_cohorts", "robustness_of_repeats"]


def repeat_cohorts(
    path: str | Path, *, column: str = "repeat", roles: Mapping[str, str] | None = None
) -> dict[str, Cohort]:
    """Read a manifest of repeats: test-retest scans, or contours of several observers.

    Parameters
    ----------
    path
        A manifest as :meth:`Cohort.from_csv` reads it, in which a lesion has one row for each
        repeat.
    column
        Which repeat a row is: ``"test"`` and ``"retest"``, or the observers' names.
    roles
        As for :meth:`Cohort.from_csv`.

    Returns
    -------
    dict
        Repeat -> cohort, in the order of their first rows.

    Raises
    ------
    RobustnessError
        Code ``repeat_column``: no such column, or a row without a repeat; ``one_repeat``: all
        rows are of one.
    ManifestError
        As :meth:`Cohort.from_csv`; a lesion that comes twice in one repeat is a fault.

    Examples
    --------
    >>> import tempfile, pandas as pd, tumor_response as tr
    >>> from tumor_response.repeatability import repeat_cohorts
    >>> folder = tempfile.mkdtemp()
    >>> _ = tr.simulate_cohort(n_patients=1, seed=0, directory=folder)
    >>> one = pd.read_csv(f"{folder}/manifest.csv", dtype="str")
    >>> both = pd.concat([one.assign(repeat="a"), one.assign(repeat="b")])
    >>> both.to_csv(f"{folder}/repeats.csv", index=False)
    >>> {name: len(cohort) for name, cohort in repeat_cohorts(f"{folder}/repeats.csv").items()}
    {'a': 1, 'b': 1}
    """
    path = Path(path)
    rows = read_rows(path)
    if column not in rows.columns:
        raise RobustnessError(
            f"{path}: no column {column!r} that says which repeat a row is; there are: "
            f"{', '.join(rows.columns)}.",
            code="repeat_column",
        )
    if without := [
        at for at, cells in zip(rows.places, rows.cells, strict=True) if not cells[column]
    ]:
        raise RobustnessError(
            f"{path}: no {column!r} in {', '.join(without[:10])}; every row is some repeat.",
            code="repeat_column",
        )
    names = list(dict.fromkeys(cells[column] for cells in rows.cells))
    if len(names) < 2:
        raise RobustnessError(
            f"{path}: all {len(rows.cells)} rows are of one repeat, {', '.join(names)}; agreement "
            "needs two scans or contours of the same lesions.",
            code="one_repeat",
        )
    cohorts = {}
    for name in names:
        cases, known = cases_from_rows(
            _rows_of(rows, column, name), base=path.parent, where=f"{path}, {name}", roles=roles
        )
        cohorts[name] = Cohort(cases, roles=known)
    return cohorts


def robustness_of_repeats(
    tables: Mapping[str, FeatureTable],
    *,
    name: str = "repeats",
    headline: Kind = "1,1",
    confidence: float = 0.95,
) -> Robustness:
    """Tell how far every column agrees between real repeats of the same lesions.

    **The result is for reading, not for selecting** (:class:`Robustness`).

    Parameters
    ----------
    tables
        Repeat -> its feature table, extracted with the same settings. Lesions are matched by
        ``patient_id`` and ``lesion_id``; one that is not in all tables is left out, with a row in
        ``failures``. ``shift_sd`` is told from the first table on.
    name
        What the repeats are, such as ``"test_retest"`` or ``"observers"``.
    headline
        ``"1,1"`` for repeats without an order, such as scans; ``"2,1"`` where each table is one
        observer or scanner, a sample of many; ``"3,1"`` for these very observers, whose offsets do
        not count. The table has all three.
    confidence
        Of the intervals.

    Returns
    -------
    Robustness

    Raises
    ------
    RobustnessError
        Code ``one_repeat``: one table; ``one_subject``: fewer than two lesions are in all tables;
        ``repeats_differ``: other columns or settings; ``repeats_equal``: two tables with the same
        values everywhere; ``settings``: a headline or confidence that is none.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.repeatability import robustness_of_repeats
    >>> factors = [tr.ClinicalFactors(["age", "volume_cc"])]
    >>> tables = {
    ...     reader: tr.extract(
    ...         tr.simulate_cohort(
    ...             n_patients=2, seed=0, observer_error_mm=error, directory=tempfile.mkdtemp()
    ...         ),
    ...         factors,
    ...     )
    ...     for reader, error in (("a", 0.5), ("b", 1.0))
    ... }
    >>> found = robustness_of_repeats(tables, name="observers", headline="2,1")
    >>> found.table().set_index("feature")["icc_21"].round(6).loc[["age"]].tolist()
    [1.0]
    """
    checked_confidence(confidence)
    icc_column(headline)
    if not isinstance(tables, Mapping) or len(tables) < 2:
        raise RobustnessError(
            f"{len(tables)} table(s): agreement needs two repeats at least, as a mapping from "
            "their names to feature tables.",
            code="one_repeat",
        )
    names = list(tables)
    dictionary = _numeric(tables[names[0]])
    for other in names[1:]:
        _check_alike(dictionary, _numeric(tables[other]), names[0], other)
    lesions, failures = _matched(tables, name)
    _check_not_copied(tables, lesions, list(dictionary.index))
    measured = Measured(
        dictionary=dictionary,
        rows={name: list(range(1, len(tables)))},
        applies=np.ones((len(tables), len(dictionary)), dtype=bool),
        n_cases=len(lesions),
        read=partial(_read, list(tables.values()), lesions),
    )
    recorded = {
        "tables": {of: table.provenance for of, table in tables.items()},
        "confidence": confidence,
        "headline": headline,
    }
    return Robustness(
        agreement=measured_agreement(measured, confidence),
        perturbations=(name,),
        headline=headline,
        lesions=lesions,
        failures=failures,
        recorded=frozen(recorded),
        drawn=pd.DataFrame(
            columns=["patient_id", "lesion_id", "perturbation", "draw", "parameters"]
        ),
    )


def _rows_of(rows: Rows, column: str, name: str) -> Rows:
    """Return the rows of one repeat, under the line numbers that they have."""
    chosen = [at for at, cells in enumerate(rows.cells) if cells[column] == name]
    return Rows(
        [other for other in rows.columns if other != column],
        [{k: v for k, v in rows.cells[at].items() if k != column} for at in chosen],
        [rows.places[at] for at in chosen],
        rows.decimal_comma,
    )


def _numeric(table: FeatureTable) -> pd.DataFrame:
    numbers = table.data.select_dtypes("float64").columns
    dictionary = table.dictionary.loc[list(numbers)]
    return dictionary[~dictionary["role"].isin(["meta", KEY_ROLE])]


def _check_alike(first: pd.DataFrame, second: pd.DataFrame, one: str, other: str) -> None:
    columns = [name for name in first.index if name not in second.index]
    columns += [name for name in second.index if name not in first.index]
    if columns:
        raise RobustnessError(
            f"Tables {one!r} and {other!r} differ in {len(columns)} column(s), {columns[0]!r} for "
            "one. Extract both with the same extractors.",
            code="repeats_differ",
        )
    settings = (first["settings_sha256"] != second["settings_sha256"].loc[first.index]).to_numpy()
    if settings.any():
        blocks = ", ".join(first.loc[settings, "block"].unique())
        raise RobustnessError(
            f"Tables {one!r} and {other!r} were extracted with other settings (block {blocks}), so "
            "that they would differ without any repeat. Extract both with the same extractors.",
            code="repeats_differ",
        )


def _matched(tables: Mapping[str, FeatureTable], name: str) -> tuple[pd.MultiIndex, pd.DataFrame]:
    """Lesions of all tables, in the first one's order, and what the others lack."""
    every = dict.fromkeys(key for table in tables.values() for key in table.data.index)
    lacking = {
        key: [of for of, table in tables.items() if key not in table.data.index] for key in every
    }
    lesions = [key for key in every if not lacking[key]]
    if len(lesions) < 2:
        raise RobustnessError(
            f"{len(lesions)} of {len(every)} lesions is in all {len(tables)} tables; agreement "
            "needs two at least. Lesions are matched by patient_id and lesion_id: give a lesion "
            "the same ones in every repeat.",
            code="one_subject",
        )
    told = [
        (*key, name, 0, "", "repeat_missing", f"not in {', '.join(of)}")
        for key, of in lacking.items()
        if of
    ]
    for at, (of_table, table) in enumerate(tables.items()):
        for row in table.failures.itertuples():
            if row.n_columns_missing:
                where = (row.patient_id, row.lesion_id, name, at, row.block, row.reason)
                told.append((*where, f"{of_table}: {row.message}"))
    failures = pd.DataFrame(told, columns=FAILURE_COLUMNS)
    return pd.MultiIndex.from_tuples(lesions, names=["patient_id", "lesion_id"]), failures


def _check_not_copied(
    tables: Mapping[str, FeatureTable], lesions: pd.MultiIndex, columns: list[str]
) -> None:
    seen: dict[bytes, str] = {}
    for name, table in tables.items():
        content = table.data.loc[lesions, columns].to_numpy(dtype=np.float64).tobytes()
        if content in seen:
            raise RobustnessError(
                f"Tables {seen[content]!r} and {name!r} have the same values in every column of "
                "every lesion: a copy, not a repeat. Check the paths of images and masks.",
                code="repeats_equal",
            )
        seen[content] = name


def _read(
    tables: Sequence[FeatureTable], lesions: pd.MultiIndex, columns: Sequence[str]
) -> FloatArray:
    values = [table.data.loc[lesions, list(columns)].to_numpy(dtype=np.float64) for table in tables]
    stacked: FloatArray = np.stack(values, axis=1)
    return stacked
