"""Which row of the repeats is what: perturbations by name, their draws, and whom they concern."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tumor_response.features.base import KEY_ROLE, FeatureExtractor
from tumor_response.features.repeats.variants import settings_variants
from tumor_response.imaging import AlterationRule
from tumor_response.quality import ExclusionRule
from tumor_response.settings import canonical_json, sha256_of_json

__all__ = ["UNALTERED", "RepeatPlan", "layout", "numeric_columns"]

UNALTERED = "unaltered"
"""The name of the first row: the case as it is."""
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class RepeatPlan:
    """All that is to be extracted of one case.

    Parameters
    ----------
    extractors
        With blocks of different names.
    rules
        Perturbation -> rule; ``n_repeats`` alterations are drawn of each.
    n_repeats, seed
        Of the draws.
    changes
        Perturbation of the settings (``"bin_width"``, ``"interpolator"``) -> its values.
    exclude
        Which voxels of an altered contour features leave out.
    """

    extractors: Sequence[FeatureExtractor]
    rules: Mapping[str, AlterationRule]
    n_repeats: int
    seed: int
    changes: Mapping[str, Sequence[float | str]]
    exclude: ExclusionRule | None

    @cached_property
    def rows(self) -> list[tuple[str, int]]:
        """Perturbation and draw of each row; the first is the unaltered case."""
        drawn = [(name, draw) for name in self.rules for draw in range(self.n_repeats)]
        changed = [(name, at) for name, values in self.changes.items() for at in range(len(values))]
        return [(UNALTERED, 0), *drawn, *changed]

    @cached_property
    def columns(self) -> list[str]:
        """The numeric columns of all extractors, block by block."""
        return [column for one in self.extractors for column in numeric_columns(one)]

    @cached_property
    def places(self) -> dict[str, list[tuple[str, int]]]:
        """Each block's columns, and where in a row they stand."""
        place = {column: at for at, column in enumerate(self.columns)}
        return {
            one.block: [(column, place[column]) for column in numeric_columns(one)]
            for one in self.extractors
        }

    @cached_property
    def variants(self) -> dict[str, dict[str, list[FeatureExtractor]]]:
        """By perturbation of the settings and block, the extractors; none: it means nothing."""
        return {
            name: {one.block: _varied(one, name, values) for one in self.extractors}
            for name, values in self.changes.items()
        }

    def seed_of(self, name: str) -> int:
        """Return the seed of a rule's draws, another for each.

        A single rule has the plan's own, so that its repeats are those of
        :class:`tumor_response.features.altered.Altered`.
        """
        if len(self.rules) == 1:
            return self.seed
        return int(hashlib.sha256(canonical_json([self.seed, name]).encode()).hexdigest(), 16)

    def identity(self) -> dict[str, Any]:
        """Return all that decides the numbers, as JSON."""
        inner = {one.block: one.identity() for one in self.extractors}
        return {
            "extractor": "repeats",
            "inner": {
                block: {name: value for name, value in of.items() if name != "versions"}
                for block, of in inner.items()
            },
            "rules": {name: rule.identity() for name, rule in self.rules.items()},
            "n_repeats": self.n_repeats,
            "seed": self.seed,
            "settings": {name: list(values) for name, values in self.changes.items()},
            "exclude": None if self.exclude is None else self.exclude.model_dump(mode="json"),
            "versions": {block: of.get("versions", {}) for block, of in inner.items()},
        }

    def layout(self) -> dict[str, Any]:
        """Return what the rows and columns of every array are (:func:`layout`)."""
        applies = {
            name: [block for block, of in variants.items() if of]
            for name, variants in self.variants.items()
        }
        blocks = [(one.block, numeric_columns(one)) for one in self.extractors]
        return layout(self.identity(), self.rows, blocks, applies)

    @cached_property
    def layout_key(self) -> str:
        """The layout's key in the store."""
        return sha256_of_json(["repeats layout", self.layout()])


def layout(
    identity: Mapping[str, Any],
    rows: Sequence[tuple[str, int]],
    blocks: Sequence[tuple[str, Sequence[str]]],
    applies: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return what the rows and columns of every array are, as JSON.

    Parameters
    ----------
    identity
        What made them.
    rows
        Perturbation and draw of each row; the first is the unaltered case.
    blocks
        Each block and its columns, in their order.
    applies
        Perturbation -> the blocks that it concerns; one that is not named concerns all.
    """
    return {
        "format": _FORMAT,
        "identity": dict(identity),
        "rows": [list(row) for row in rows],
        "blocks": [[block, len(columns)] for block, columns in blocks],
        "columns": [column for _, columns in blocks for column in columns],
        "applies": {name: list(concerned) for name, concerned in applies.items()},
    }


def _varied(
    extractor: FeatureExtractor, name: str, values: Sequence[Any]
) -> list[FeatureExtractor]:
    if name == "bin_width":
        return settings_variants(extractor, bin_width=values)
    return settings_variants(extractor, interpolator=values)


def numeric_columns(extractor: FeatureExtractor) -> list[str]:
    """Return the columns of an extractor that hold numbers.

    Examples
    --------
    >>> import tumor_response as tr
    >>> numeric_columns(tr.ClinicalFactors(["age"], categories={"sex": ["f", "m"]}))
    ['clinical__age']
    """
    return [s.column for s in extractor.feature_specs() if not s.categories and s.role != KEY_ROLE]
