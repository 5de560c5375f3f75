"""The feature table: data, dictionary, failures, provenance; and how it is made and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import TableError
from tumor_response.features.assemble import FAILURE_COLUMNS
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.extract import run_extractors
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import sha256_of_json

__all__ = ["FeatureTable", "extract"]

_INDEX = ["patient_id", "lesion_id"]
_PARTS = (
    "data.parquet",
    "categories.json",
    "dictionary.parquet",
    "failures.parquet",
    "provenance.json",
)
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
        JSON-able: versions, every extractor's settings and weights hash, cache counts.

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

    def __post_init__(self) -> None:
        if list(self.data.index.names) != _INDEX:
            raise TableError(
                f"The data's index is {list(self.data.index.names)}, expected {_INDEX}."
            )
        if not self.data.index.is_unique:
            raise TableError("The data has two rows for one lesion.")
        if list(self.data.columns) != list(self.dictionary.index):
            raise TableError("The dictionary does not describe the data's columns, in order.")

    @property
    def blocks(self) -> list[str]:
        """Names of the predictor blocks, in column order."""
        return [str(b) for b in self.dictionary["block"].unique() if b != "meta"]

    def select(self, blocks: str | Sequence[str]) -> FeatureTable:
        """Return a table of some blocks only; ``meta__*`` columns stay.

        Raises
        ------
        TableError
            For a block that is not there.
        """
        wanted = [blocks] if isinstance(blocks, str) else list(blocks)
        unknown = [block for block in wanted if block not in self.blocks]
        if unknown or not wanted:
            raise TableError(f"No block {unknown}; there are: {', '.join(self.blocks)}.")
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

        Raises
        ------
        TableError
            If the folder holds anything but a table saved before.
        """
        directory = Path(directory)
        if directory.exists() and not directory.is_dir():
            raise TableError(f"{directory} is a file; expected a folder.")
        strangers = sorted(
            entry.name
            for entry in (directory.iterdir() if directory.is_dir() else ())
            if entry.name not in (*_PARTS, "SHA256SUMS.json")
        )
        if strangers:
            raise TableError(
                f"{directory} holds other files ({', '.join(strangers[:3])} ...); choose an empty "
                "or new folder."
            )
        directory.mkdir(parents=True, exist_ok=True)
        sums = directory / "SHA256SUMS.json"
        sums.unlink(missing_ok=True)  # a table that is only half written must not pass for whole
        categorical = self.data.select_dtypes("category")
        _write_json(
            directory / "categories.json",
            {str(name): list(categorical[name].cat.categories) for name in categorical},
        )
        self.data.reset_index().to_parquet(directory / "data.parquet", index=False)
        self.dictionary.reset_index().to_parquet(directory / "dictionary.parquet", index=False)
        self.failures.to_parquet(directory / "failures.parquet", index=False)
        _write_json(directory / "provenance.json", self.provenance)
        _write_json(sums, {name: _sha256_of_file(directory / name) for name in _PARTS})

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read a table that :meth:`save` wrote.

        Raises
        ------
        TableError
            If a part is missing, or is not what was written.
        """
        directory = Path(directory)
        try:
            sums = json.loads((directory / "SHA256SUMS.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise TableError(
                f"{directory} holds no whole feature table (SHA256SUMS.json is missing or damaged)."
            ) from None
        for name in _PARTS:
            path = directory / name
            if not path.is_file() or _sha256_of_file(path) != sums.get(name):
                raise TableError(f"{path} is missing or was changed since the table was saved.")
        data = pd.read_parquet(directory / "data.parquet").set_index(_INDEX)
        # Parquet does not keep the levels of a column without values
        levels = json.loads((directory / "categories.json").read_text(encoding="utf-8"))
        types = {name: pd.CategoricalDtype(pd.Index(v, dtype="str")) for name, v in levels.items()}
        return cls(
            data.astype(types),
            pd.read_parquet(directory / "dictionary.parquet").set_index("column"),
            pd.read_parquet(directory / "failures.parquet")[FAILURE_COLUMNS],
            json.loads((directory / "provenance.json").read_text(encoding="utf-8")),
        )

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
        _write_json(path, self.provenance)
        return [*written, path]

    def __repr__(self) -> str:
        counts = self.dictionary["block"].value_counts()
        blocks = ", ".join(f"{block} ({counts[block]})" for block in self.blocks)
        return f"<FeatureTable: {len(self.data)} lesions; {blocks}; {len(self.failures)} failures>"


_DEFAULT_QUALITY = QualitySettings()


def extract(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
) -> FeatureTable:
    """Extract features of every lesion.

    Each extractor gets one baseline case at a time: no follow-up, no other case. Whatever the
    number of workers, the table is the same to the last bit. A case that fails is a row of NaN
    and a row in ``failures``.

    Parameters
    ----------
    cohort
        The lesions; the table's rows are in its order.
    extractors
        For example ``[tr.Radiomics("head_neck_ct"), tr.ClinicalFactors(["age", "volume_cc"])]``.
    n_jobs
        Worker processes, each on one thread; -1 uses every core.
    cache_dir
        A folder for finished results. A run that was interrupted, even killed, goes on where it
        was; changed settings, voxels or library versions are computed anew. ``None``: no cache.
    quality
        Limits of the checks that every baseline goes through first (:func:`tumor_response.check`).
        A finding of severity ``"error"`` stops that case with its code, a warning is a row of
        ``failures`` with no missing value. ``None``: no checks.
    exclude
        Voxels that features leave out, by one rule for all cases; the share it takes is the
        column ``meta__excluded_share``. Volumes, clinical ones too, stay those of the contour as
        drawn.

    Returns
    -------
    FeatureTable

    Raises
    ------
    FeatureError
        Before the first voxel is read: no or unknown extractors, two that write to one block, a
        clinical variable the manifest does not have. During the run only for a cache folder that
        can no longer be written to.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> tr.extract(cohort, [tr.Radiomics("minimal")])
    <FeatureTable: 2 lesions; radiomics (107); 0 failures>
    """
    run = run_extractors(
        cohort,
        extractors,
        n_jobs=n_jobs,
        cache_dir=cache_dir,
        quality=quality,
        exclude=exclude,
    )
    hashes = pd.util.hash_pandas_object(run.data, index=True).tolist()
    provenance = run.provenance | {"data_sha256": sha256_of_json(hashes)}
    return FeatureTable(run.data, run.dictionary, run.failures, provenance)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _sha256_of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
