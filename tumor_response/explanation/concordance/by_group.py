"""What the lesions say together: all of them, responders, others, and the difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError
from tumor_response.explanation.concordance.combine import combined
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.explanation.over_patients import (
    MIN_PATIENTS,
    difference_interval,
    exchanged_p,
    flipped_p,
    mean_interval,
    null_p,
    patient_means,
)

__all__ = ["BY_GROUP_COLUMNS", "GROUPS", "LESION", "group_table"]

FloatArray = npt.NDArray[np.float64]
Key = tuple[str, str]
Row = dict[str, Any]

LESION = ["patient_id", "lesion_id"]
"""Names of the index that a lesion has."""

GROUPS = {1.0: "responder", 0.0: "non_responder"}
"""Names of the labels."""

BY_GROUP_COLUMNS = (
    "measure",
    "target",
    "group",
    "n_patients",
    "n_lesions",
    "estimate",
    "ci_low",
    "ci_high",
    "expected",
    "p_value",
    "unit",
    "method",
    "reason",
)
"""The columns of :meth:`Concordance.by_group`."""


@dataclass(frozen=True, eq=False)
class _Measure:
    """One number for each lesion, and what is known of it where nothing is to be found.

    Parameters
    ----------
    name, target, unit
        In words.
    frame
        One row per lesion: ``value``, ``patient``, ``label``; ``error`` for correlations,
        ``expected`` where there is one.
    test
        How a mean of all is tested; a difference between groups is tested by permutation.
    null
        Draws of the values where nothing is to be found, shape (lesions, draws).
    """

    name: str
    target: str
    unit: str
    frame: pd.DataFrame
    test: Literal["none", "null", "signs", "model"] = "none"
    null: FloatArray | None = None


def group_table(
    inside: pd.DataFrame | None,
    shrinkage: pd.DataFrame,
    inside_nulls: Mapping[Key, FloatArray],
    difference_nulls: Mapping[tuple[str, str, str], FloatArray],
    settings: ConcordanceSettings,
    seed: int,
) -> pd.DataFrame:
    """Return one row per measure and group.

    Parameters
    ----------
    inside, shrinkage
        One row per lesion (``None``: not asked for), and per lesion and target; ``group`` among
        the columns.
    inside_nulls
        Inside fractions of other patients' masks.
    difference_nulls
        The surrogates' differences.
    settings, seed
        Of bootstrap and permutations.
    """
    measures = [
        *([] if inside is None else _of_inside(inside, inside_nulls, settings, seed)),
        *_of_shrinkage(shrinkage, difference_nulls),
    ]
    rows = []
    for number, measure in enumerate(measures):
        # a measure's draws do not depend on which others there are
        for place, group in enumerate(("all", *GROUPS.values(), "difference")):
            rng = np.random.default_rng([seed, number, place])
            rows += _row(measure, group, settings, rng)
    return pd.DataFrame(rows, columns=list(BY_GROUP_COLUMNS))


def _of_inside(
    table: pd.DataFrame, nulls: Mapping[Key, FloatArray], settings: ConcordanceSettings, seed: int
) -> Iterator[_Measure]:
    for name in ("inside", "rim", "outside"):
        expected = "inside_matched" if name == "inside" else None
        yield _Measure(name, "", "fraction", _frame(table, name, expected))
    frame = _frame(table, "excess")
    rng = np.random.default_rng([seed, len(GROUPS)])
    drawn = [
        _exchanged(float(own), nulls[key], settings.n_permutations, rng)
        for key, own in table.loc[frame.index, "inside"].items()
    ]
    null = np.array(drawn).reshape(len(frame), settings.n_permutations)
    yield _Measure("excess", "", "fraction", frame, "null", null)
    yield _Measure("follows", "", "fraction", _frame(table, "follows"), "signs")


def _exchanged(own: float, others: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Return draws of a mask's inside fraction less the others' mean: any mask is the tumour's."""
    every = np.append(others, own)
    rest = (every.sum() - every) / (len(every) - 1)
    return np.asarray((every - rest)[rng.integers(len(every), size=n)])


def _of_shrinkage(
    table: pd.DataFrame, nulls: Mapping[tuple[str, str, str], FloatArray]
) -> Iterator[_Measure]:
    for target in table.index.unique("target"):
        part = table[table.index.get_level_values("target") == target].droplevel("target")
        unit = "mm" if target == "retreat" else "-log Jacobian"
        fisher = _frame(part, "z").join(part["se"].rename("error"))
        yield _Measure("rho_adjusted", target, "correlation", fisher, "model")
        yield _Measure("overlap", target, "fraction", _frame(part, "overlap", "overlap_null"))
        for name in ("attended", "rest"):
            yield _Measure(name, target, unit, _frame(part, name))
        yield _Measure("difference", target, unit, _frame(part, "difference", "difference_null"))
        beyond = part.assign(beyond=part["difference"] - part["difference_null"])
        frame = _frame(beyond, "beyond")
        draws = [nulls[(*key, target)] for key in frame.index]
        null = np.array([one - one.mean() for one in draws]) if draws else np.empty((0, 1))
        yield _Measure("excess", target, unit, frame, "null", null)


def _frame(table: pd.DataFrame, name: str, expected: str | None = None) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "value": table[name],
            "patient": table.index.get_level_values("patient_id"),
            "label": table["group"].map({v: k for k, v in GROUPS.items()}).astype("float64"),
            "expected": np.nan if expected is None else table[expected],
        }
    )
    return frame.dropna(subset=["value"])


def _row(
    measure: _Measure, group: str, settings: ConcordanceSettings, rng: np.random.Generator
) -> list[Row]:
    """Return the row of a group, or nothing where it has no lesion."""
    frame = measure.frame
    if group == "difference":
        chosen = frame["label"].notna().to_numpy()
        if not chosen.any():
            return []
    elif group == "all":
        chosen = np.ones(len(frame), dtype=bool)
    else:
        chosen = (frame["label"].map(GROUPS) == group).to_numpy(dtype=bool)
    part = frame[chosen]
    if part.empty:
        return []
    patients = np.unique(part["patient"], return_inverse=True)[1]
    row: Row = {
        "measure": measure.name,
        "target": measure.target,
        "group": group,
        "n_patients": len(np.unique(patients)),
        "n_lesions": len(part),
        "unit": measure.unit,
        "method": "",
        "reason": "",
    }
    if group == "difference":
        return [row | _difference(measure, part, patients, settings, rng)]
    null = None if measure.null is None else measure.null[chosen]
    return [row | _one_group(measure, part, null, patients, settings, rng)]


def _one_group(
    measure: _Measure,
    part: pd.DataFrame,
    null: FloatArray | None,
    patients: npt.NDArray[np.int64],
    settings: ConcordanceSettings,
    rng: np.random.Generator,
) -> Row:
    values = part["value"].to_numpy()
    means = patient_means(values, patients)
    enough = len(means) >= MIN_PATIENTS
    if measure.test == "model":
        if not enough:
            return {"estimate": np.tanh(means.mean()), "reason": "too_few_patients"}
        errors = part["error"].to_numpy()
        found = combined(values, errors, patients, np.ones((len(values), 1)))
        low, high = np.tanh(found.limits(settings.level))
        return {
            "estimate": float(np.tanh(found.estimates[0])),
            "ci_low": float(low[0]),
            "ci_high": float(high[0]),
            "expected": 0.0,
            "p_value": float(found.p_values()[0]),
            "method": "random effects over patients (REML, Knapp-Hartung)",
        }
    row: Row = {"estimate": float(means.mean())}
    known = part["expected"].notna().to_numpy()
    if known.any():
        expected = part["expected"].to_numpy()[known]
        row["expected"] = float(patient_means(expected, patients[known]).mean())
    if not enough:
        return row | {"reason": "too_few_patients"}
    row["ci_low"], row["ci_high"] = mean_interval(means, settings.level, settings.n_bootstrap, rng)
    row["method"] = "bootstrap over patients"
    if measure.test == "signs":
        row["expected"], row["p_value"] = 0.0, flipped_p(means, settings.n_permutations, rng)
        row["method"] += "; signs of patients"
    elif null is not None:
        row["expected"], row["p_value"] = 0.0, null_p(values, null, patients)
        row["method"] += "; surrogate maps" if measure.target else "; other patients' masks"
    return row


def _difference(
    measure: _Measure,
    part: pd.DataFrame,
    patients: npt.NDArray[np.int64],
    settings: ConcordanceSettings,
    rng: np.random.Generator,
) -> Row:
    values, responds = part["value"].to_numpy(), part["label"].to_numpy() == 1.0
    means = np.full((2, patients.max() + 1), np.nan)
    for place, of in enumerate((responds, ~responds)):
        if of.any():
            means[place, np.unique(patients[of])] = patient_means(values[of], patients[of])
    counts = np.count_nonzero(~np.isnan(means), axis=1)
    if not counts.all():
        return {"reason": "one_group"}
    modelled = measure.test == "model"
    estimate = float(np.nanmean(means[0]) - np.nanmean(means[1]))
    if counts.min() < MIN_PATIENTS:
        return {"estimate": np.nan if modelled else estimate, "reason": "too_few_patients"}
    if modelled:
        design = np.column_stack([np.ones(len(values)), responds])
        found = combined(values, part["error"].to_numpy(), patients, design)
        low, high = found.limits(settings.level)
        return {
            "estimate": float(found.estimates[1]),
            "ci_low": float(low[1]),
            "ci_high": float(high[1]),
            "expected": 0.0,
            "p_value": float(found.p_values()[1]),
            "unit": "Fisher z",
            "method": "random effects over patients (REML, Knapp-Hartung)",
        }
    low_high = difference_interval(means[0], means[1], settings.level, settings.n_bootstrap, rng)
    row: Row = {
        "estimate": estimate,
        "ci_low": low_high[0],
        "ci_high": low_high[1],
        "expected": 0.0,
        "method": "bootstrap over patients; permutation of patients",
    }
    try:
        row["p_value"] = exchanged_p(values, responds, patients, settings.n_permutations, rng)
    except EvaluationError as error:
        row["reason"] = error.code
    return row
