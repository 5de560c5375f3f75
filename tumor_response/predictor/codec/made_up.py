"""Made-up rows, and what models say of them: what a loaded predictor is held against.

The rows are nobody's. They scatter around the medians that the models themselves keep, so that a
row tells no more than the models do, and they are written into the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from tumor_response.predictor.codec.known_parts import part_of

__all__ = ["agree", "frame_of", "made_up_rows", "said_of"]

N_ROWS = 6
_TOLERANCE = 1e-9


def made_up_rows(models: Sequence[Any], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Return made-up values of each column: numbers, or levels of the columns that have levels.

    Parameters
    ----------
    models
        Fitted; their medians are what the numbers lie around, 0 where they have none.
    columns
        Of the feature table.

    Examples
    --------
    >>> made_up_rows([], ["a"])["a"][:2]
    [-0.872, 0.184]
    """
    levels, middles = _known(models)
    return {
        name: [
            levels[name][(row + place) % len(levels[name])]
            if name in levels
            else _number(middles.get(name, 0.0), row, place)
            for row in range(N_ROWS)
        ]
        for place, name in enumerate(columns)
    }


def _number(middle: float, row: int, place: int) -> float:
    # a hash of row and column, the same on every machine, from 0 to 1
    scatter = ((row + 1) * 2654435761 + (place + 1) * 40503 * (row + 7)) % 1000 / 1000
    value = middle * (0.5 + 1.5 * scatter) if middle else 4 * (scatter - 0.5)
    return float(f"{value:.4g}")


def _known(models: Sequence[Any]) -> tuple[dict[str, list[str]], dict[str, float]]:
    levels: dict[str, list[str]] = {}
    middles: dict[str, float] = {}
    for part in (found for model in models for found in _parts_in(model)):
        if isinstance(part_levels := getattr(part, "levels_", None), dict):
            levels |= {name: list(found) for name, found in part_levels.items() if found}
        if isinstance(parameters := getattr(part, "site_parameters_", None), dict):
            levels[part.site] = list(parameters)
            levels |= {name: list(found) for name, found in getattr(part, "_coding", {}).items()}
        if hasattr(part, "medians_"):
            middles |= dict(zip(part.columns_in_, part.medians_.tolist(), strict=True))
        if isinstance(found := getattr(part, "found_", None), dict):  # the clinical set's columns
            middles |= {column: part._fill.get(name, 0.0) for name, column in found.items()}
    return {name: found for name, found in levels.items() if found}, middles


def _parts_in(value: Any) -> Iterator[Any]:
    """Yield a value's estimators, whatever deep they lie."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _parts_in(one)
    elif part_of(value) is not None and hasattr(value, "__dict__"):
        yield value
        yield from _parts_in(list(vars(value).values()))


def frame_of(rows: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return made-up rows as a feature table's frame."""
    names = [f"made-up {row + 1}" for row in range(N_ROWS)]
    index = pd.MultiIndex.from_arrays(
        [pd.Index(names, dtype="str"), pd.Index(["1"] * N_ROWS, dtype="str")],
        names=["patient_id", "lesion_id"],
    )
    texts = {name: bool(values) and isinstance(values[0], str) for name, values in rows.items()}
    columns = {
        name: pd.Categorical(pd.array(values, dtype="str"))
        if texts[name]
        else np.array(values, dtype=np.float64)
        for name, values in rows.items()
    }
    return pd.DataFrame(columns, index=index)


def said_of(model: Any, frame: pd.DataFrame) -> list[float]:
    """Return what a model says of rows: the probability of the last class, or the rate."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        said = model.predict_proba(frame)[:, -1] if is_classifier(model) else model.predict(frame)
    return [float(one) for one in said]


def agree(said: Sequence[float], kept: Sequence[float]) -> bool:
    """Tell whether two lists of predictions are the same, up to rounding.

    Another processor adds the products of a linear model in another order, with the same
    libraries; 1e-9 is a million times that and a millionth of what anybody would see.

    Examples
    --------
    >>> agree([0.5], [0.5 + 1e-15]), agree([0.5], [0.500001]), agree([0.5], [])
    (True, False, False)
    """
    return len(said) == len(kept) and bool(
        np.allclose(said, kept, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
    )
