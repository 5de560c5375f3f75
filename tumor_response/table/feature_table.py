"""The feature table: data, dictionary, failures, provenance; and how it is kept."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.features.assemble import FAILURE_COLUMNS
from tumor_response.features.base import KEY_ROLE
from tumor_response.table.parts import (
    INDEX,
    PartWriter,
    check_files,
    part_paths,
    read_data,
    slices,
    write_json,
)

__all__ = ["FeatureTable"]

_FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class FeatureTable:
    """Features of a cohort, with what each column is and what is missing.

    Parameters
    ----------
    data
        One row per lesion, index (patient_id, lesion_id); columns float64 or categorical, named
        ``<block>__<group>__<feature>``. ``meta__*`` columns travel along and are never predictors.
    dictionary
        Index: column. ``block``, ``family``, ``role``, ``ibsi_code``, ``ibsi_name``, ``unit``,
        ``description``, ``settings_sha256``.
    failures
        One row per shortfall: ``patient_id``, ``lesion_id``, ``block``, ``reason``,
        ``n_columns_missing`` (the block's size if all of it is missing, 0 for a finding whose
        values are kept), ``message``.
    provenance
        JSON-able: versions, every extractor's settings and weights hash; what decides the numbers.
    run
        How the run went that made it (:func:`tumor_response.extract`); empty for a table that was
        loaded or selected from. Not part of what the table is: not compared, not saved.

    Raises
    ------
    TableError
        If the parts do not belong together.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
    >>> table.blocks, len(table.data)
    (['clinical'], 2)
    """

    data: pd.DataFrame
    dictionary: pd.DataFrame
    failures: pd.DataFrame
    provenance: dict[str, Any]
    run: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if list(self.data.index.names) != INDEX:
            raise TableError(
                f"The data's index is {list(self.data.index.names)}, expected {INDEX}."
            )
        if not self.data.index.is_unique:
            raise TableError("The data has two rows for one lesion.")
        if list(self.data.columns) != list(self.dictionary.index):
            raise TableError("The dictionary does not describe the data's columns, in order.")

    @property
    def blocks(self) -> list[str]:
        """Names of the predictor blocks, in column order; blocks of keys alone are none."""
        predictors = ~self.dictionary["role"].isin(["meta", KEY_ROLE])
        return [str(b) for b in self.dictionary.loc[predictors, "block"].unique()]

    def select(self, blocks: str | Sequence[str]) -> FeatureTable:
        """Return a table of some blocks only; ``meta__*`` columns stay.

        Raises
        ------
        TableError
            For a block that is not there.
        """
        wanted = [blocks] if isinstance(blocks, str) else list(blocks)
        there = [str(b) for b in self.dictionary["block"].unique() if b != "meta"]
        unknown = [block for block in wanted if block not in there]
        if unknown or not wanted:
            raise TableError(f"No block {unknown}; there are: {', '.join(there)}.")
        kept = self.dictionary["block"].isin([*wanted, "meta"]).to_numpy()
        of_kept = self.failures["block"].isin([*wanted, "case"])
        return FeatureTable(
            self.data.loc[:, kept],
            self.dictionary.loc[kept],
            self.failures[of_kept].reset_index(drop=True),
            self.provenance | {"selected_blocks": wanted},
        )

    def save(self, directory: str | Path) -> None:
        """Write the table to a folder; :meth:`load` gives it back unchanged.

        The data go to Parquet files of some megabytes each, beside them dictionary, failures,
        provenance and checksums. :attr:`run` is not saved: the same data give the same bytes,
        however the run went.

        Raises
        ------
        TableError
            If the folder holds anything but a table saved before.
        """
        categorical = self.data.select_dtypes("category")
        writer = PartWriter(directory, list(self.data.columns), list(categorical.columns))
        for part in slices(self.data):
            writer.add(part)
        levels = {str(name): list(categorical[name].cat.categories) for name in categorical}
        writer.finish(levels, self.dictionary, self.failures, self.provenance)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        blocks: str | Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Self:
        """Read a table that :meth:`save` or :func:`tumor_response.extract_to` wrote.

        Parameters
        ----------
        directory
            The folder.
        blocks, columns
            Read these alone, and the ``meta__*`` columns; ``None``: all. Of the rest not even the
            bytes are read.

        Raises
        ------
        TableError
            If a part is missing, or is not what was written; for blocks or columns that are not
            there.
        """
        directory = Path(directory)
        partly = blocks is not None or columns is not None
        check_files(directory, partly=partly)
        dictionary = pd.read_parquet(directory / "dictionary.parquet").set_index("column")
        failures = pd.read_parquet(directory / "failures.parquet")[FAILURE_COLUMNS]
        provenance = json.loads((directory / "provenance.json").read_text(encoding="utf-8"))
        if not partly:
            return cls(read_data(directory, None), dictionary, failures, provenance)
        chosen = _chosen(dictionary, blocks, columns)
        kept = dictionary.index.isin(chosen)
        left = [str(b) for b in dictionary.loc[kept, "block"].unique()]
        return cls(
            read_data(directory, chosen),
            dictionary.loc[kept],
            failures[failures["block"].isin([*left, "case"])].reset_index(drop=True),
            provenance | {"selected_columns": len(chosen)},
        )

    @staticmethod
    def dataset(directory: str | Path) -> Any:
        """Return a saved table's data as a ``pyarrow.dataset.Dataset``; nothing is read yet.

        For tables larger than memory: filters, projections and batches go through the parts one
        by one. Categories are plain text there.

        Raises
        ------
        TableError
            If the folder holds no whole table.

        Examples
        --------
        >>> import tempfile, tumor_response as tr
        >>> folder = tempfile.mkdtemp()
        >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=f"{folder}/sim")
        >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
        >>> table.save(f"{folder}/features")
        >>> tr.FeatureTable.dataset(f"{folder}/features").count_rows()
        2
        """
        import pyarrow.dataset as ds

        check_files(Path(directory), partly=True)
        return ds.dataset([str(path) for path in part_paths(Path(directory))], format="parquet")

    def export(self, prefix: str | Path, formats: Sequence[str] = ("csv", "parquet")) -> list[Path]:
        """Write the table for other programs.

        Parameters
        ----------
        prefix
            ``out/features`` gives ``out/features.csv`` or ``.parquet``, and beside it
            ``out/features_dictionary.csv``, ``_failures.csv`` and ``_provenance.json``.
        formats
            Of ``"csv"`` (numbers with all their digits) and ``"parquet"``.

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        TableError
            For a format that is not there.
        """
        wanted = [formats] if isinstance(formats, str) else list(formats)
        unknown = [name for name in wanted if name not in _FORMATS]
        if unknown or not wanted:
            raise TableError(
                f"formats={wanted}: expected some of {', '.join(_FORMATS)} in this version."
            )
        prefix = Path(prefix)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        written = []
        flat = self.data.reset_index()
        for name in wanted:
            path = prefix.with_name(f"{prefix.name}.{name}")
            if name == "csv":
                flat.to_csv(path, index=False)
            else:
                flat.to_parquet(path, index=False)
            written.append(path)
        beside = {"dictionary": self.dictionary.reset_index(), "failures": self.failures}
        for name, frame in beside.items():
            path = prefix.with_name(f"{prefix.name}_{name}.csv")
            frame.to_csv(path, index=False)
            written.append(path)
        path = prefix.with_name(f"{prefix.name}_provenance.json")
        write_json(path, self.provenance)
        return [*written, path]

    def __repr__(self) -> str:
        counts = self.dictionary["block"].value_counts()
        blocks = ", ".join(f"{block} ({counts[block]})" for block in self.blocks)
        return f"<FeatureTable: {len(self.data)} lesions; {blocks}; {len(self.failures)} failures>"


def _chosen(
    dictionary: pd.DataFrame, blocks: str | Sequence[str] | None, columns: Sequence[str] | None
) -> list[str]:
    """Return the columns asked for and the meta columns, in the table's order."""
    wanted_blocks = [blocks] if isinstance(blocks, str) else list(blocks or [])
    wanted_columns = [columns] if isinstance(columns, str) else list(columns or [])
    for kind, wanted, there in (
        ("block", wanted_blocks, [str(b) for b in dictionary["block"].unique()]),
        ("column", wanted_columns, [str(c) for c in dictionary.index]),
    ):
        unknown = [name for name in wanted if name not in there]
        if unknown:
            near = difflib.get_close_matches(unknown[0], there, 3)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are {len(there)}."
            raise TableError(f"No {kind} {unknown[0]!r} in the saved table; {hint}")
    kept = dictionary["block"].isin([*wanted_blocks, "meta"]) | dictionary.index.isin(
        wanted_columns
    )
    return [str(c) for c in dictionary.index[kept]]
