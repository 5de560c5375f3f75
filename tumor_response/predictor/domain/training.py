"""The training domain: aggregates of acquisition, volume, HU and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["TrainingDomain"]


@dataclass(frozen=True)
class TrainingDomain:
    """Ranges of the training cohort.

    Parameters
    ----------
    facts
        JSON-able aggregates.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return dict(self.facts)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        return cls(found)
