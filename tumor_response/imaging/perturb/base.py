"""What all perturbations have in common: settings that draw, and drawn ones that are applied."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any

import numpy as np
import SimpleITK as sitk
from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["Drawn", "Reach", "Rule", "Seed", "in_order", "new_seed"]

_LARGEST_SEED = 2**53
"""The largest whole number up to which every JSON reader keeps all of them."""

Seed = Annotated[int, Field(ge=0, lt=_LARGEST_SEED)]

Reach = Annotated[float, Field(gt=0.0)] | None
"""How far around the contour's box an image is altered, mm, and 16 voxels at least; ``None`` for
the whole image."""


class Drawn(Settings):
    """One perturbation with all its numbers drawn: an ``Alteration``.

    Its fields are all that decides what it does, and :meth:`record` is their JSON; by its
    ``alteration`` :func:`alteration_from_record` finds the class again.
    """

    @property
    @abstractmethod
    def touches_image(self) -> bool:
        """Whether intensities change; if not, ``apply`` returns the very image it was given."""

    def record(self) -> dict[str, Any]:
        """Return the JSON from which :func:`alteration_from_record` makes it again."""
        return self.model_dump(mode="json")

    @abstractmethod
    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return image and mask as they become; see :class:`tumor_response.imaging.Alteration`."""


class Rule(Settings):
    """How perturbations of a kind are drawn: an ``AlterationRule``.

    :meth:`identity` is the JSON of its settings; by its ``rule`` :func:`rule_from_json` finds the
    class again.
    """

    @property
    @abstractmethod
    def touches_image(self) -> bool:
        """Whether any of its draws changes intensities."""

    def identity(self) -> dict[str, Any]:
        """Return the JSON from which :func:`rule_from_json` makes it again."""
        return self.model_dump(mode="json")

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw one perturbation; it depends on the generator alone."""


def new_seed(rng: np.random.Generator) -> int:
    """Draw the seed of a field that is too large to be recorded itself."""
    return int(rng.integers(_LARGEST_SEED))


def in_order(low: float, high: float, names: str) -> None:
    """Check that a range is one.

    Raises
    ------
    ValueError
        For validators of settings, which name the fault.
    """
    if low > high:
        raise ValueError(f"expected {names} in this order, received {low:g} and {high:g}")
