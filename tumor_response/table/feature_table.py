"""The feature table: data, dictionary, failures, provenance; and how it is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.features.assemble import FAILURE_COLUMNS
from tumor_response.features.base import KEY_ROLE
from tumor_response.formats.csv import write_frame
from tumor_response.formats.whole import write_all
from tumor_response.formats.writing import prepare_formats
from tumor_response.notebook import shown
from tumor_response.table.as_sheet import table_as_sheet
from tumor_response.table.loading import check_files, chosen_columns, part_paths, read_data
from tumor_response.table.parts import INDEX, PartWriter, json_bytes, slices

__all__ = ["FeatureTable"]


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

        Parameters
        ----------
        directory
            New, empty, or a table's saved before, which is deleted first.

        Raises
        ------
        TableError
            If the folder holds anything else, or the data would not come back as they are: keys
            that are not text, columns neither float64 nor unordered categories of text. Code
            ``table_unwritable`` if the disk is full or may not be written to; what is left in the
            folder then is not taken for a table.
        """
        _check_kinds(self.data)
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
            Read these blocks and these columns alone, and the ``meta__*`` columns; ``None`` for
            both: all. Of the rest not even the bytes are read.

        Returns
        -------
        FeatureTable
            With ``blocks`` alone what :meth:`select` gives of the whole table.

        Raises
        ------
        TableError
            If a file is missing, or is not what was written (all of them are held against their
            SHA-256; when reading partly, of the data what is read); for blocks or columns that are
            not there; for the folder of a run that was ended.

        Examples
        --------
        >>> import tempfile, tumor_response as tr
        >>> folder = tempfile.mkdtemp()
        >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=f"{folder}/sim")
        >>> factors = tr.ClinicalFactors(["age", "volume_cc"])
        >>> tr.extract(cohort, [factors, tr.Radiomics("minimal")]).save(f"{folder}/features")
        >>> tr.FeatureTable.load(f"{folder}/features", blocks="clinical")
        <FeatureTable: 2 lesions; clinical (2); 0 failures>
        """
        directory = Path(directory)
        partly = blocks is not None or columns is not None
        check_files(directory, partly=partly)
        dictionary = pd.read_parquet(directory / "dictionary.parquet").set_index("column")
        failures = pd.read_parquet(directory / "failures.parquet")[FAILURE_COLUMNS]
        provenance = json.loads((directory / "provenance.json").read_text(encoding="utf-8"))
        if not partly:
            data = read_data(directory, list(dictionary.index))
            return cls(data, dictionary, failures, provenance)
        of_blocks = [blocks] if isinstance(blocks, str) else list(blocks or [])
        of_columns = [columns] if isinstance(columns, str) else list(columns or [])
        chosen = chosen_columns(dictionary, of_blocks, of_columns)
        dictionary = dictionary.loc[chosen]
        left = [str(b) for b in dictionary["block"].unique()]
        if of_blocks:
            provenance["selected_blocks"] = of_blocks
        if of_columns:
            provenance["selected_columns"] = of_columns
        return cls(
            read_data(directory, chosen),
            dictionary,
            failures[failures["block"].isin([*left, "case"])].reset_index(drop=True),
            provenance,
        )

    @staticmethod
    def dataset(directory: str | Path) -> Any:
        """Return a saved table's data as a ``pyarrow.dataset.Dataset``; nothing is read yet.

        For tables larger than memory: filters, projections and batches go through the parts one
        by one, and each page that is read is checked. Rows are in the table's order, the index is
        two columns of text, and categories are text.

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
        pages = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
        return ds.dataset(
            [str(path) for path in part_paths(Path(directory))],
            format=ds.ParquetFileFormat(default_fragment_scan_options=pages),
        )

    def export(self, prefix: str | Path, formats: Sequence[str] = ("csv", "parquet")) -> list[Path]:
        """Write the table for other programs.

        Each opens with labels, values of categories and, where the program has them, missing
        values of several kinds. Names that a program does not take are changed, and
        ``out/features_<format>_names.csv`` leads back. A table of more columns than the program
        has is written in parts, ``out/features_1.dta`` ..., each with the keys.

        Parameters
        ----------
        prefix
            ``out/features`` gives ``out/features.csv``, ``.parquet`` and so on, and beside them
            ``out/features_missing.csv`` (why values are missing), ``_dictionary.csv``,
            ``_failures.csv`` and ``_provenance.json``.
        formats
            Of ``"csv"`` (numbers with all their digits), ``"parquet"``, ``"dta"`` (Stata),
            ``"sav"`` (SPSS), ``"rds"`` (R), ``"xpt"`` (SAS) and ``"xlsx"`` (Excel).

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        TableError
            For a format that is not there (code ``format_unknown``), and for what one of the
            formats cannot hold; code ``table_unwritable`` if the disk is full or may not be
            written to. No file is written then.

        Examples
        --------
        >>> import tempfile, tumor_response as tr
        >>> folder = tempfile.mkdtemp()
        >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=f"{folder}/sim")
        >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age"])])
        >>> written = table.export(f"{folder}/features", ["csv", "xlsx"])
        >>> [path.name for path in written][:3]
        ['features.csv', 'features.xlsx', 'features_missing.csv']
        """
        prefix = Path(prefix)
        writers = prepare_formats(table_as_sheet(self), prefix, formats)
        beside = {"dictionary": self.dictionary.reset_index(), "failures": self.failures}
        for name, frame in beside.items():
            writers[prefix.with_name(f"{prefix.name}_{name}.csv")] = partial(write_frame, frame)
        provenance = json_bytes(self.provenance)
        path = prefix.with_name(f"{prefix.name}_provenance.json")
        writers[path] = lambda part: part.write_bytes(provenance)
        return write_all(writers)

    def __repr__(self) -> str:
        counts = self.dictionary["block"].value_counts()
        blocks = ", ".join(f"{block} ({counts[block]})" for block in self.blocks)
        return f"<FeatureTable: {len(self.data)} lesions; {blocks}; {len(self.failures)} failures>"

    def _repr_html_(self) -> str:
        from tumor_response.table.shown import table_html

        return shown(self, table_html)


def _check_kinds(data: pd.DataFrame) -> None:
    """Refuse data that a saved table could not give back."""
    if not all(isinstance(part, str) for key in data.index for part in key):
        raise TableError(f"{INDEX} must be text; convert them with astype('str').")
    for name, kind in data.dtypes.items():
        if isinstance(kind, pd.CategoricalDtype):
            fits = not kind.ordered and all(isinstance(level, str) for level in kind.categories)
        else:
            fits = kind == "float64"
        if not fits:
            raise TableError(
                f"Column {name!r} is {kind}; a table keeps float64 and unordered categories of "
                "text. Convert it with astype."
            )
