"""Blocks, their families and their columns: the levels at which credit is shared out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Hierarchy", "Level", "family_name"]

IntArray = npt.NDArray[np.int64]
Level = Literal["column", "family"]

_CLASS = re.compile(r"^(firstorder|shape2D|shape|glcm|glrlm|glszm|gldm|ngtdm)_")


@dataclass(frozen=True)
class Hierarchy:
    """Which family each player is of, and which block each family is of.

    Attributes
    ----------
    players : list of str
        Whom the finest values belong to, block by block: columns, or families as a whole.
    blocks : dict of str to list of str
        From block to its columns of the table.
    families : dict of str to list of str
        From ``"<block>: <family>"`` to its columns of the table; each lies within one block.
    place : dict of str to int
        From a column to the number of its player.
    block_of_player, family_of_player : ndarray of int64, shape (n_players,)
        Numbers in the order of ``blocks`` and ``families``.
    level : {"column", "family"}

    Examples
    --------
    >>> tree = Hierarchy.of({"clinical": ["clinical__age"],
    ...                      "image": ["image__log1__glcm_Id", "image__log1__glcm_Idn"]})
    >>> list(tree.families), tree.family_of_player.tolist()
    (['clinical: age', 'image: log1 glcm'], [0, 1, 1])
    """

    players: list[str]
    blocks: dict[str, list[str]]
    families: dict[str, list[str]]
    place: dict[str, int] = field(repr=False)
    block_of_player: IntArray = field(repr=False)
    family_of_player: IntArray = field(repr=False)
    level: Level = "column"

    @classmethod
    def of(
        cls,
        blocks: Mapping[str, Sequence[str]],
        dictionary: pd.DataFrame | None = None,
        level: Level = "column",
    ) -> Self:
        """Return the hierarchy of some blocks' columns.

        Parameters
        ----------
        blocks
            From block to its columns.
        dictionary
            A feature table's, whose ``family`` is used where it has one; otherwise the column's
            name says it (:func:`family_name`).
        level
            ``"family"``: the columns of a family are one player.
        """
        said: dict[str, str] = {}
        if dictionary is not None and "family" in dictionary:
            said = {str(column): str(family) for column, family in dictionary["family"].items()}
        families: dict[str, list[str]] = {}
        block_of_family: list[int] = []
        for number, (block, members) in enumerate(blocks.items()):
            for column in members:
                label = f"{block}: {said.get(column) or family_name(column, block)}"
                if label not in families:
                    families[label] = []
                    block_of_family.append(number)
                families[label].append(column)
        columns = [column for members in blocks.values() for column in members]
        family = _numbers(families.values())
        owners = np.array(block_of_family, dtype=np.int64)
        if level == "family":
            players, place = list(families), family
            family_of_player = np.arange(len(families))
        else:
            players, place = columns, {column: number for number, column in enumerate(columns)}
            family_of_player = np.array([family[column] for column in columns], dtype=np.int64)
        return cls(
            players=players,
            blocks={block: list(members) for block, members in blocks.items()},
            families=families,
            place=place,
            block_of_player=owners[family_of_player],
            family_of_player=family_of_player,
            level=level,
        )

    def renamed(self, origins: Mapping[str, str]) -> Self:
        """Return the same players behind a step whose columns are made of the table's."""
        return replace(self, place={name: self.place[of] for name, of in origins.items()})


def family_name(column: str, block: str) -> str:
    """Return the family that a column's name says it belongs to.

    ``<block>__<group>__<feature>`` is of the family ``<group>``, for features of a radiomics class
    ``<group> <class>``. A name without a group, such as ``clinical__age``, is a family of its own;
    one that does not even say its block is of the family that has the block's name.

    Examples
    --------
    >>> family_name("radiomics__original__firstorder_Mean", "radiomics")
    'original firstorder'
    >>> family_name("deep__net__0001", "deep"), family_name("clinical__age", "clinical")
    ('net', 'age')
    >>> family_name("entropy", "image")
    'image'
    """
    if not column.startswith(f"{block}__"):
        return block
    group, separator, feature = column.removeprefix(f"{block}__").partition("__")
    named = _CLASS.match(feature) if separator else None
    return f"{group} {named.group(1)}" if named else group


def _numbers(groups: Iterable[Sequence[str]]) -> dict[str, int]:
    return {column: place for place, members in enumerate(groups) for column in members}
