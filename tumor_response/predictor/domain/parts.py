"""Ranges of single columns and the space of all others: what distances are measured from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.predictor.domain.facts import BLOCK, NUMBERS, TEXTS, Measured
from tumor_response.predictor.domain.ranges import LevelRange, NumberRange
from tumor_response.predictor.domain.space import FeatureSpace

__all__ = ["Column", "DomainParts", "columns_of"]

FloatArray = npt.NDArray[np.float64]

_OWN_TOLERANCE = 0.01
"""Of a clinical number, as a share of the power of ten above its median."""


@dataclass(frozen=True)
class Column:
    """What a column is to the domain.

    Parameters
    ----------
    family
        ``"block family"``; a feature alone in its family has a range of its own.
    measured
        Of a number with a range; None: it is one feature of many.
    words
        As a message names it.
    is_text
        Whether it has levels.
    is_fact
        Whether every image has it.
    """

    family: str
    words: str
    measured: Measured | None = None
    is_text: bool = False
    is_fact: bool = False


def columns_of(
    X: pd.DataFrame, dictionary: pd.DataFrame, facts: pd.DataFrame | None
) -> dict[str, Column]:
    """Return what each column of features and of facts is.

    Parameters
    ----------
    X
        Predictors.
    dictionary
        One row per column of ``X``: ``block``, ``family``, ``unit``.
    facts
        Of the block ``acquisition``; None: not known.
    """
    families = {
        str(name): _family(str(dictionary.loc[name, "block"]), str(dictionary.loc[name, "family"]))
        for name in X.columns
    }
    members = Counter(families.values())
    found: dict[str, Column] = {}
    for name, family in families.items():
        words = name.partition("__")[2].replace("__", " ").replace("_", " ") or name
        if not _is_number(X[name]):
            found[name] = Column(family, words, is_text=True)
        elif members[family] == 1:
            unit = str(dictionary.loc[name, "unit"])
            words = words.removesuffix(f" {unit}") if unit else words
            found[name] = Column(family, words, _measured(X[name], words, unit))
        else:
            found[name] = Column(family, words)
    for name in [] if facts is None else map(str, facts.columns):
        bare = name.removeprefix(f"{BLOCK}__")
        if bare in NUMBERS:
            what = NUMBERS[bare]
            found[name] = Column(f"{BLOCK} {bare}", what.words, what, is_fact=True)
        elif bare in TEXTS:
            found[name] = Column(f"{BLOCK} {bare}", TEXTS[bare], is_text=True, is_fact=True)
    return found


def _family(block: str, family: str) -> str:
    """Return ``block family``; the numbers of filters belong to it, not the classes of features."""
    return block if family in ("", block) else f"{block} {family}"


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def _measured(column: pd.Series, words: str, unit: str) -> Measured:
    if unit == "cc":
        return Measured(words, unit, is_log=True, tolerance=0.1)
    middle = float(np.nan_to_num(column.astype(np.float64).abs().median()))
    # a rounded number, so that what is kept does not tell the median
    size = 10.0 ** np.ceil(np.log10(middle)) if middle > 0 else 1.0
    return Measured(words, "" if unit == "years" else unit, tolerance=_OWN_TOLERANCE * float(size))


@dataclass(frozen=True, eq=False)
class DomainParts:
    """Ranges and space of some patients.

    Parameters
    ----------
    ranges
        By column.
    space
        Of all columns without a range; None: there are none, or none varies.
    """

    ranges: Mapping[str, NumberRange | LevelRange]
    space: FeatureSpace | None

    @classmethod
    def of(
        cls, frame: pd.DataFrame, weights: FloatArray, columns: Mapping[str, Column], n: int
    ) -> Self:
        """Return the parts of lesions.

        Parameters
        ----------
        frame
            Features and facts side by side.
        weights
            Of the lesions; a patient's sum to 1.
        columns
            What the frame's columns are.
        n
            Patients.
        """
        ranges: dict[str, NumberRange | LevelRange] = {}
        for name, what in columns.items():
            made: NumberRange | LevelRange | None = None
            if what.is_text:
                made = LevelRange.of(_texts(frame[name]), weights, what.words)
            elif what.measured is not None:
                numbers = _numbers(frame[name])
                made = NumberRange.of(numbers, weights, what.measured, is_measured=what.is_fact)
            if made is not None:
                ranges[name] = made
        many = [n for n, what in columns.items() if not what.is_text and what.measured is None]
        families = [columns[name].family for name in many]
        space = None
        if many:
            space = FeatureSpace.of(_matrix(frame, many), many, families, n)
        return cls(ranges, space)

    def distances(self, frame: pd.DataFrame) -> dict[str, FloatArray]:
        """Return the distances of lesions by the name of a column or a family.

        A column that the frame lacks is not judged.
        """
        found: dict[str, FloatArray] = {}
        for name, of in self.ranges.items():
            if name not in frame:
                continue
            if isinstance(of, NumberRange):
                found[name] = of.distance(_numbers(frame[name]))
            else:
                found[name] = of.distance(_texts(frame[name]))
        if self.space is not None:
            found |= self.space.distances(_matrix(frame, self.space.columns))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return {
            "numbers": {n: asdict(r) for n, r in self.ranges.items() if isinstance(r, NumberRange)},
            "levels": {
                n: {"words": r.words, "levels": dict(r.levels)}
                for n, r in self.ranges.items()
                if isinstance(r, LevelRange)
            },
            "space": None if self.space is None else self.space.to_json(),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        ranges: dict[str, NumberRange | LevelRange] = {
            name: NumberRange(**one) for name, one in found["numbers"].items()
        }
        ranges |= {name: LevelRange.from_json(one) for name, one in found["levels"].items()}
        space = found["space"]
        return cls(ranges, None if space is None else FeatureSpace.from_json(space))


def _numbers(column: pd.Series) -> FloatArray:
    values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _texts(column: pd.Series) -> npt.NDArray[np.object_]:
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)


def _matrix(frame: pd.DataFrame, columns: Any) -> FloatArray:
    matrix: FloatArray = frame.reindex(columns=list(columns)).to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    return matrix
