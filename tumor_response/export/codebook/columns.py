"""The codebook as a table: one row for each column that is handed over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from tumor_response.exceptions import TableError
from tumor_response.export.codebook.distribution import (
    FEWEST,
    Distribution,
    distribution_of,
    levels_of,
)
from tumor_response.export.codebook.end_points import END_POINTS, Definition
from tumor_response.export.codebook.formulas import formula_of
from tumor_response.features.base import KEY_ROLE
from tumor_response.repeatability.result import Robustness, icc_column
from tumor_response.table import FeatureTable

__all__ = ["CODEBOOK_COLUMNS", "codebook_table"]

CODEBOOK_COLUMNS = (
    *("sheet", "name", "block", "family", "role", "description", "formula"),
    *("ibsi_code", "ibsi_name", "unit", "settings_sha256"),
    *("n", "n_patients", "missing_share", "missing_reasons"),
    *("minimum", "q1", "median", "q3", "maximum", "shown", "levels", "bar_edges", "bar_counts"),
    *("spearman_volume", "icc", "icc_low", "icc_high"),
)
"""Columns of :func:`codebook_table`."""

_KEYS = ("patient_id", "lesion_id")
_VOLUMES = ("__volume_cc", "__original__shape_VoxelVolume", "__ibsi__morph_vol_approx")
"""How columns that hold the baseline volume end, the first one preferred."""
_FEWEST_RANKED = 10
"""A correlation of fewer lesions says nothing."""


def codebook_table(
    table: FeatureTable,
    *,
    outcomes: pd.DataFrame | None = None,
    robustness: Robustness | None = None,
    fewest: int = FEWEST,
) -> pd.DataFrame:
    """Say of each column what it is, how it is spread, and how much of it is volume.

    Parameters
    ----------
    table
        The features.
    outcomes
        From :func:`tumor_response.shrinkage`, index (patient_id, lesion_id); further columns, such
        as a label, are described by their values alone.
    robustness
        From :func:`tumor_response.robustness` or :func:`tumor_response.robustness_of_repeats`: for
        ICC and interval, of its last perturbation (all together, if there are several).
    fewest
        Patients behind each number that is told
        (:mod:`tumor_response.export.codebook.distribution`); 1 tells everything exactly.

    Returns
    -------
    DataFrame
        :data:`CODEBOOK_COLUMNS`, first the features, then the outcomes. ``sheet`` is
        ``"features"`` or ``"outcomes"``; ``missing_share`` is of the lesions (0 to 1),
        ``missing_reasons`` empty until :func:`write_codebook` gets the sheets that hold them;
        ``bar_edges`` and ``bar_counts`` are numbers with spaces between; ``spearman_volume`` is
        the rank correlation to the baseline volume over lesions (NaN for categories, and where
        fewer than ten lesions have both). ``attrs``: ``volume`` (the column that volume was taken
        from, ``""`` for none), ``icc`` (which, and of what), ``fewest``, ``n_lesions``,
        ``n_patients``.

    Raises
    ------
    TableError
        If the outcomes have other keys than the table, or a column is in both.

    Notes
    -----
    An ICC beside a column's name is for reading. Whoever keeps the columns whose ICC is high and
    evaluates a model on the same patients has used the test patients' images in the choice;
    selection belongs into a step of the model.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=12, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
    >>> book = codebook_table(table, outcomes=tr.shrinkage(cohort))
    >>> book.loc[book["name"] == "rate_cc_per_day", "formula"].item()
    '(V0 − V1) / t'
    >>> book.attrs["volume"]
    'outcomes.volume_baseline_cc'
    """
    _check_outcomes(table, outcomes)
    volume_name, volume = _volume(table, outcomes)
    iccs = {} if robustness is None else _iccs(robustness)
    patients = _numbered(table.data.index)
    rows: list[dict[str, Any]] = []
    entries = table.dictionary[list(_OF_DICTIONARY)].astype("str")
    for name, *entry in entries.itertuples():
        facts = dict(zip(_OF_DICTIONARY, map(str, entry), strict=True))
        facts |= {"sheet": "features", "name": str(name)}
        facts["formula"] = formula_of(str(name), facts["ibsi_code"])
        told = _described(table.data[name], patients, volume, facts["role"], fewest)
        rows.append(facts | told | iccs.get(str(name), {}))
    if outcomes is not None:
        for name, values in outcomes.loc[table.data.index].items():
            facts = {"sheet": "outcomes", "name": str(name), "role": "outcome"}
            facts |= vars(END_POINTS.get(str(name), Definition("")))
            rows.append(facts | _described(values, patients, volume, "outcome", fewest))
    found = pd.DataFrame(rows, columns=list(CODEBOOK_COLUMNS))
    texts = [name for name in CODEBOOK_COLUMNS if name in _TEXTS]
    found[texts] = found[texts].astype("object").fillna("").astype("str")
    found[_NUMBERS] = found[_NUMBERS].astype("float64")
    found.attrs |= {
        "volume": volume_name,
        "icc": "" if robustness is None else _which_icc(robustness),
        "fewest": fewest,
        "n_lesions": len(table.data),
        "n_patients": len(np.unique(patients)),
    }
    return found


_OF_DICTIONARY = (
    *("block", "family", "role", "ibsi_code", "ibsi_name", "unit", "description"),
    "settings_sha256",
)
_TEXTS = {
    *("sheet", "name", *_OF_DICTIONARY, "formula", "missing_reasons", "shown", "levels"),
    *("bar_edges", "bar_counts"),
}
_NUMBERS = [
    *("missing_share", "minimum", "q1", "median", "q3", "maximum", "spearman_volume"),
    *("icc", "icc_low", "icc_high"),
]


def _check_outcomes(table: FeatureTable, outcomes: pd.DataFrame | None) -> None:
    if outcomes is None:
        return
    lacking = table.data.index.difference(outcomes.index)
    if len(lacking) or len(outcomes) != len(table.data):
        first = f", for example {lacking[0]}" if len(lacking) else ""
        raise TableError(
            f"The outcomes have {len(outcomes)} lesions, the table {len(table.data)}, and "
            f"{len(lacking)} of the table's have no row{first}. Give the outcomes of the same "
            "cohort."
        )
    both = [str(name) for name in outcomes.columns if name in table.data.columns]
    if both:
        raise TableError(f"{', '.join(both)}: a column of the table and of the outcomes.")


def _volume(table: FeatureTable, outcomes: pd.DataFrame | None) -> tuple[str, pd.Series | None]:
    """Return where the baseline volume is from, and the volume."""
    if outcomes is not None and "volume_baseline_cc" in outcomes.columns:
        volume = outcomes["volume_baseline_cc"].loc[table.data.index]
        return "outcomes.volume_baseline_cc", volume.astype("float64")
    for ending in _VOLUMES:
        for name in table.data.columns:
            if str(name).endswith(ending):
                return f"features.{name}", table.data[name].astype("float64")
    return "", None


def _numbered(index: pd.Index) -> NDArray[np.int64]:
    codes, _ = pd.factorize(index.get_level_values("patient_id"))
    return codes.astype(np.int64)


def _described(
    values: pd.Series,
    patients: NDArray[np.int64],
    volume: pd.Series | None,
    role: str,
    fewest: int,
) -> dict[str, Any]:
    rho = math.nan
    if role == KEY_ROLE:
        # keys are as many as lesions, and say nothing of them
        told = Distribution(int(values.notna().sum()), shown="counted")
    elif pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == "bool":
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        told = distribution_of(numbers, patients, fewest=fewest)
        rho = math.nan if volume is None else spearman(numbers, volume.to_numpy(np.float64))
    else:
        texts = values if isinstance(values.dtype, pd.CategoricalDtype) else _emptied(values)
        told = levels_of(texts, patients, fewest=fewest, name_rare=role not in ("meta", "outcome"))
    return vars(told) | {
        "missing_share": 1 - told.n / len(values) if len(values) else math.nan,
        "bar_edges": " ".join(f"{edge:.6g}" for edge in told.bar_edges),
        "bar_counts": " ".join(map(str, told.bar_counts)),
        "spearman_volume": rho,
    }


def _emptied(texts: pd.Series) -> pd.Series:
    """Return texts with "" as missing."""
    return texts.where(texts.notna() & (texts.astype("str") != ""), None)


def spearman(values: NDArray[np.float64], volume: NDArray[np.float64]) -> float:
    """Return the rank correlation of what has both values; NaN for a constant or too few.

    Examples
    --------
    >>> import numpy as np
    >>> round(spearman(np.arange(20.0) ** 3, np.arange(20.0)), 6)
    1.0
    """
    both = np.isfinite(values) & np.isfinite(volume)
    if both.sum() < _FEWEST_RANKED:
        return math.nan
    ranks = rankdata(np.stack([values[both], volume[both]]), axis=1)
    apart = ranks - ranks.mean(axis=1, keepdims=True)
    spread = float(np.sqrt((apart**2).sum(axis=1).prod()))
    return float((apart[0] * apart[1]).sum() / spread) if spread > 0 else math.nan


def _iccs(robustness: Robustness) -> dict[str, dict[str, float]]:
    rows = robustness.agreement
    rows = rows[rows["perturbation"] == robustness.perturbations[-1]]
    name = icc_column(robustness.headline)
    found = {}
    for block, group, feature, value, low, high in zip(
        *(rows[key] for key in ("block", "group", "feature", name, f"{name}_low", f"{name}_high")),
        strict=True,
    ):
        column = "__".join(part for part in (block, group, feature) if part)
        found[column] = {"icc": value, "icc_low": low, "icc_high": high}
    return found


def _which_icc(robustness: Robustness) -> str:
    return (
        f"ICC({robustness.headline}), perturbation {robustness.perturbations[-1]}, "
        f"{robustness.n_cases} lesions"
    )
