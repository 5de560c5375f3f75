"""What an extractor is, and what it says about its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError

__all__ = [
    "KEY_ROLE",
    "FeatureExtractor",
    "FeatureSpec",
    "FeatureValues",
    "Shortfall",
    "checked_block",
]

_BLOCK = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TAKEN = ("meta", "views", "case")

KEY_ROLE = "key"
"""Of a column that holds no measurement but the key of something kept elsewhere."""


@dataclass(frozen=True)
class FeatureSpec:
    """One column's row in the dictionary.

    Parameters
    ----------
    column
        ``<block>__<group>__<feature>`` or ``<block>__<feature>``.
    block, family
        The block it belongs to, and the finer group explanations are summed by.
    role
        ``"baseline"``: known before treatment; ``"planned"``: of the treatment as planned.
        Nothing else may be a predictor. ``"key"``: text that a model's step looks something up
        by (a :class:`ViewStore`'s key), never a predictor itself.
    ibsi_code
        The four-character code of the Image Biomarker Standardisation Initiative, or ``""``.
    unit
        ``"mm"``, ``"cc"``, ``"HU"`` ...; ``""`` for none.
    description
        One sentence.
    categories
        The levels of a categorical column; ``()`` for a number.
    ibsi_name
        The initiative's name of the quantity, or ``""``.
    """

    column: str
    block: str
    family: str
    role: str
    ibsi_code: str
    unit: str
    description: str
    categories: tuple[str, ...] = ()
    ibsi_name: str = ""


@dataclass(frozen=True)
class Shortfall:
    """Columns that one case could not have, and why.

    Parameters
    ----------
    code, message
        Reason code and sentence for the failures table.
    n_columns_missing
        How many columns are NaN because of it; 0 for a finding that leaves all values in place.
    """

    code: str
    message: str
    n_columns_missing: int


@dataclass(frozen=True)
class FeatureValues:
    """What an extractor gives for one case.

    Parameters
    ----------
    values
        Column -> number or category; a column that is absent is NaN in the table.
    shortfalls
        Why columns are absent. Every absent column must be counted in one of them.
    """

    values: Mapping[str, float | str]
    shortfalls: Sequence[Shortfall] = field(default=())


@runtime_checkable
class FeatureExtractor(Protocol):
    """The protocol of an extractor.

    An extractor is picklable, holds settings only, and its columns follow from them alone. It
    never sees a follow-up or another case. Nothing in it is fitted: whatever is fitted is a step
    of a model's Pipeline.

    Attributes
    ----------
    block
        First part of its columns' names; unique within one extraction.
    variables
        Clinical variables it may read; the case it gets has no others.
    required_variables
        Those of them that the manifest must have.
    cacheable
        Whether its results are worth keeping on disk.

    An extractor may have a further attribute, ``contour_as_drawn``: if it is true, its mask is the
    contour even where a rule excludes voxels from feature extraction. And two further methods.
    ``memory_bytes(extent)``: what a case needs beside its image, from an
    :class:`tumor_response.features.memory.Extent`; without it 64 bytes per voxel of the image are
    put aside. ``holds(texts)``, where it keeps things elsewhere and gives their keys: whether what
    these keys (column -> key) name is still there; if not, a cached result is not used.
    """

    block: str
    variables: tuple[str, ...]
    required_variables: tuple[str, ...]
    cacheable: bool

    def identity(self) -> dict[str, Any]:
        """Return all that decides its numbers: settings, versions, weights, backend (JSON)."""
        ...

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows of its columns, in column order."""
        ...

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's values.

        Raises
        ------
        FeatureError, CaseError
            If no value of the block can be had; it becomes a row in ``failures``.
        """
        ...


def checked_block(block: str) -> str:
    """Return ``block`` if it can start a column name.

    Raises
    ------
    FeatureError
        Code ``block_name``.
    """
    if not _BLOCK.fullmatch(block) or block in _TAKEN:
        raise FeatureError(
            f"block={block!r}: expected lower-case letters, digits and single underscores, "
            f"and none of {', '.join(_TAKEN)}; for example 'radiomics_bone_window'.",
            code="block_name",
        )
    return block
