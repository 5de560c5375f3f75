"""Column blocks: which columns belong together, and the Pipeline step that selects them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import remember_columns
from tumor_response.transformers.keys import is_key_column

__all__ = [
    "UNNAMED_BLOCK",
    "BlockSelector",
    "Blocks",
    "bind_blocks",
    "block_members",
    "block_of",
    "block_selectors",
    "blocks_of",
    "is_predictor",
]

Blocks = Sequence[str] | Mapping[str, Sequence[str]] | None

UNNAMED_BLOCK = "features"
"""The block of columns whose names carry no ``<block>__`` prefix."""


def block_of(column: str) -> str:
    """Return the block that a column's name says it belongs to.

    Examples
    --------
    >>> block_of("radiomics__original__firstorder_Mean"), block_of("entropy")
    ('radiomics', 'features')
    """
    prefix, separator, _ = column.partition("__")
    return prefix if separator and prefix else UNNAMED_BLOCK


def is_predictor(column: str) -> bool:
    """Tell predictors from what only travels along: ``meta__*`` and ``views__*__key``.

    Examples
    --------
    >>> is_predictor("clinical__age"), is_predictor("meta__site"), is_predictor("views__a__key")
    (True, False, False)
    """
    return not (column.startswith("meta__") or is_key_column(column))


def blocks_of(columns: Iterable[str]) -> dict[str, list[str]]:
    """Group the predictors among ``columns`` by block, both in order of first appearance.

    Examples
    --------
    >>> blocks_of(["clinical__age", "meta__site", "deep__net__0001"])
    {'clinical': ['clinical__age'], 'deep': ['deep__net__0001']}
    """
    blocks: dict[str, list[str]] = {}
    for column in columns:
        if is_predictor(column):
            blocks.setdefault(block_of(column), []).append(column)
    return blocks


@lru_cache(maxsize=128)
def block_members(columns: tuple[str, ...]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the positions of each block's columns; remembered, since every resample asks again.

    Examples
    --------
    >>> {block: at.tolist() for block, at in block_members(("a__x", "b__y", "a__z")).items()}
    {'a': [0, 2], 'b': [1]}
    """
    members: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        members.setdefault(block_of(column), []).append(position)
    return {block: np.array(positions) for block, positions in members.items()}


@lru_cache(maxsize=16)
def _predictor_blocks(columns: tuple[str, ...]) -> dict[str, list[str]]:
    return blocks_of(columns)


class BlockSelector(TransformerMixin, BaseEstimator):
    """Select whole blocks of columns from a feature table's DataFrame.

    It is the first step of every named model. Columns leave it under their table name
    ``<block>__...``; columns of a bare frame, which have no prefix, get their block's, so that
    later steps know the block of a column by its name alone.

    Parameters
    ----------
    blocks
        Names of blocks, found by the prefix ``<block>__``; a mapping from block to columns for
        frames whose names have no prefix; or None (default): all predictors there are. Columns
        ``meta__*`` and ``views__*__key`` are never predictors.
    required
        Blocks that have to be among them, beside one or more others; default: none. For models
        in which a block has a part of its own.
    keys
        Whether the columns of keys go on beside the blocks, for the next step to look something up
        by while it is fitted (:class:`StableColumns`); rows to be scored may lack them. Default:
        False.

    Attributes
    ----------
    blocks_ : dict of str to list of str
        The columns selected, as named in the input, by block.
    feature_origins_ : dict of str to str
        From each output name to the input column it comes from.

    Raises
    ------
    ModelError
        At fit: an unknown block, a mapped column that is not there, a column in two blocks, no
        predictors at all; code ``missing_block``: not what is ``required``. At transform: a
        column of the fit that is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"clinical__age": [61.0], "meta__site": ["A"], "deep__n__0": [0.2]})
    >>> BlockSelector(["clinical"]).fit_transform(frame).columns.tolist()
    ['clinical__age']
    >>> bare = pd.DataFrame({"age": [61.0], "entropy": [4.2]})
    >>> BlockSelector({"clinical": ["age"]}).fit_transform(bare).columns.tolist()
    ['clinical__age']
    """

    def __init__(
        self, blocks: Blocks = None, required: Sequence[str] = (), keys: bool = False
    ) -> None:
        self.blocks = blocks
        self.required = required
        self.keys = keys

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Note which columns the blocks consist of in ``X``."""
        remember_columns(self, X)
        self.blocks_ = self._resolve(tuple(str(column) for column in self.feature_names_in_))
        self._check_required()
        chosen = [column for columns in self.blocks_.values() for column in columns]
        names = [
            column if column.startswith(f"{block}__") else f"{block}__{column}"
            for block, columns in self.blocks_.items()
            for column in columns
        ]
        if len(set(names)) < len(names):
            raise ModelError("BlockSelector: two columns would leave it under the same name.")
        self._keys = [c for c in map(str, X.columns) if is_key_column(c)] if self.keys else []
        self.feature_origins_ = dict(
            zip([*names, *self._keys], [*chosen, *self._keys], strict=True)
        )
        self._chosen = pd.Index(chosen)
        self._names = pd.Index(names, dtype=object)  # faster to read than pandas' str
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the selected columns, in block order, under their ``<block>__`` names."""
        if not hasattr(self, "blocks_"):
            raise NotFittedError("This BlockSelector is not fitted yet; call fit first.")
        if not isinstance(X, pd.DataFrame):
            raise ModelError(
                f"BlockSelector works on a pandas DataFrame, received {type(X).__name__}."
            )
        positions = X.columns.get_indexer(self._chosen)
        if (positions < 0).any():
            missing = self._chosen[positions < 0].tolist()
            shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            raise ModelError(
                f"BlockSelector: {len(missing)} of the {len(self._chosen)} columns it was fitted "
                f"on are missing: {shown}. Give a table extracted with the same settings.",
                code="missing_columns",
            )
        names = self._names
        if there := [key for key in self._keys if key in X.columns]:
            positions = np.append(positions, X.columns.get_indexer(pd.Index(there)))
            names = names.append(pd.Index(there, dtype=object))
        if len(positions) == X.shape[1] and (positions == np.arange(len(positions))).all():
            selected = X.copy(deep=False)
        else:
            selected = X.take(positions, axis=1)
        selected.columns = names
        return selected

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names under which the columns leave."""
        return np.asarray([*self._names, *self._keys], dtype=object)

    def _check_required(self) -> None:
        there = set(self.blocks_)
        if self.required and not set(self.required) < there:
            raise ModelError(
                f"BlockSelector: blocks {', '.join(map(repr, self.blocks_))}; the model needs "
                f"{', '.join(map(repr, self.required))} and one or more others. Extract them, or "
                "name them in blocks=.",
                code="missing_block",
            )

    def _resolve(self, columns: tuple[str, ...]) -> dict[str, list[str]]:
        if isinstance(self.blocks, str):
            raise ModelError(
                f"blocks={self.blocks!r}: expected a list of block names; write [{self.blocks!r}]."
            )
        if isinstance(self.blocks, Mapping):
            return _mapped(self.blocks, columns)
        there = _predictor_blocks(columns)
        if not there:
            raise ModelError("BlockSelector: the table has no predictor columns.", code="no_block")
        if self.blocks is None:
            return {block: list(members) for block, members in there.items()}
        unknown = [block for block in self.blocks if block not in there]
        if unknown or not self.blocks:
            raise ModelError(
                f"BlockSelector: no columns of block {', '.join(map(repr, unknown)) or '(none)'} "
                f"in the table; it has {', '.join(map(repr, there))}. Extract the block, name "
                "another, or map blocks to columns for a frame without prefixes.",
                code="missing_block",
            )
        return {block: list(there[block]) for block in self.blocks}


def _mapped(blocks: Mapping[str, Sequence[str]], columns: tuple[str, ...]) -> dict[str, list[str]]:
    resolved = {block: list(members) for block, members in blocks.items()}
    known = set(columns)
    seen: dict[str, str] = {}
    for block, members in resolved.items():
        if not members:
            raise ModelError(f"Block {block!r} is mapped to no columns.", code="missing_block")
        for column in members:
            if column not in known:
                raise ModelError(
                    f"Block {block!r} is mapped to column {column!r}, which the table does not "
                    "have.",
                    code="missing_columns",
                )
            if column in seen:
                raise ModelError(
                    f"Column {column!r} is in block {seen[column]!r} and in {block!r}; a column "
                    "belongs to one block."
                )
            if not is_predictor(column):
                raise ModelError(f"Column {column!r} travels with the table, it is no predictor.")
            seen[column] = block
    if not resolved:
        raise ModelError("The mapping of blocks to columns is empty.", code="missing_block")
    return resolved


def block_selectors(estimator: BaseEstimator) -> list[BlockSelector]:
    """Return every :class:`BlockSelector` inside ``estimator``, however nested."""
    if isinstance(estimator, BlockSelector):
        return [estimator]
    if not hasattr(estimator, "get_params"):
        return []
    parts = estimator.get_params(deep=True).values()
    found = [part for part in parts if isinstance(part, BlockSelector)]
    return list({id(selector): selector for selector in found}.values())


def bind_blocks(estimator: BaseEstimator, mapping: Mapping[str, Sequence[str]]) -> BaseEstimator:
    """Return a clone whose selectors find their blocks by ``mapping`` instead of by prefix.

    A selector that already has a mapping of its own keeps it.

    Raises
    ------
    ModelError
        If a selector names a block that the mapping does not have.

    Examples
    --------
    >>> bound = bind_blocks(BlockSelector(["clinical"]), {"clinical": ["age"], "image": ["hu"]})
    >>> bound.blocks
    {'clinical': ['age']}
    """
    bound = clone(estimator)
    for selector in block_selectors(bound):
        if isinstance(selector.blocks, Mapping):
            continue
        names = list(mapping) if selector.blocks is None else list(selector.blocks)
        if unknown := [name for name in names if name not in mapping]:
            raise ModelError(
                f"No columns for block {', '.join(map(repr, unknown))}: the mapping has "
                f"{', '.join(map(repr, mapping))}.",
                code="missing_block",
            )
        selector.blocks = {name: list(mapping[name]) for name in names}
    return bound
