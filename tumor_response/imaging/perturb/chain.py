"""Several perturbations one after the other, and all of them as JSON."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import SimpleITK as sitk
from pydantic import SerializeAsAny, field_validator

from tumor_response.exceptions import SettingsError
from tumor_response.imaging.perturb.base import Drawn, Rule, new_seed
from tumor_response.imaging.perturb.contour import (
    ContourOffset,
    ContourVariation,
    DrawnContourOffset,
    DrawnContourVariation,
)
from tumor_response.imaging.perturb.intensity import (
    DrawnIntensityOffset,
    DrawnKernel,
    DrawnNoise,
    ImageNoise,
    IntensityOffset,
    ReconstructionKernel,
)
from tumor_response.imaging.perturb.rigid import (
    DrawnRotation,
    DrawnTranslation,
    Rotation,
    Translation,
)
from tumor_response.imaging.perturb.slices import DrawnSliceThickness, SliceThickness

__all__ = ["DrawnChain", "PerturbationChain", "alteration_from_record", "rule_from_json"]

_Made = TypeVar("_Made", Rule, Drawn)


class DrawnChain(Drawn):
    """Drawn perturbations, applied in their order.

    Parameters
    ----------
    steps
        The first is applied first.
    """

    alteration: Literal["chain"] = "chain"
    steps: tuple[SerializeAsAny[Drawn], ...]

    def __init__(self, steps: Sequence[Drawn | Mapping[str, Any]], **others: Any) -> None:
        super().__init__(**{"steps": steps, **others})

    @field_validator("steps", mode="before")
    @classmethod
    def _made(cls, value: Any) -> Any:
        return _all_made(value, alteration_from_record)

    @property
    def touches_image(self) -> bool:
        """Whether any of them does."""
        return any(step.touches_image for step in self.steps)

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return image and mask after all of them."""
        for step in self.steps:
            image, mask = step.apply(image, mask)
        return image, mask


class PerturbationChain(Rule):
    """Draw and apply several perturbations one after the other; itself a rule.

    Each has random numbers of its own, so that one more at the end, or another setting of one,
    does not change what the others draw. Order matters: noise that is added before the image is
    turned is interpolated with it.

    Parameters
    ----------
    rules
        At least one; the first is applied first. A chain may hold a chain.

    Raises
    ------
    SettingsError
        For no rules, or what is none.

    Examples
    --------
    >>> import numpy as np
    >>> chain = PerturbationChain([Translation(max_mm=1.0), ImageNoise()])
    >>> drawn = chain.draw(np.random.default_rng(0))
    >>> [step["alteration"] for step in drawn.record()["steps"]]
    ['translation', 'noise']
    >>> alteration_from_record(drawn.record()) == drawn
    True
    """

    rule: Literal["chain"] = "chain"
    rules: tuple[SerializeAsAny[Rule], ...]

    def __init__(self, rules: Sequence[Rule | Mapping[str, Any]], **others: Any) -> None:
        super().__init__(**{"rules": rules, **others})

    @field_validator("rules", mode="before")
    @classmethod
    def _made(cls, value: Any) -> Any:
        return _all_made(value, _rule_of)

    @property
    def touches_image(self) -> bool:
        """Whether any of them does."""
        return any(rule.touches_image for rule in self.rules)

    def draw(self, rng: np.random.Generator) -> DrawnChain:
        """Draw all of them, each from a seed of its own."""
        seeds = [new_seed(rng) for _ in self.rules]
        return DrawnChain(
            [
                rule.draw(np.random.default_rng(seed))
                for rule, seed in zip(self.rules, seeds, strict=True)
            ]
        )


_RULES: Mapping[str, type[Rule]] = {
    "chain": PerturbationChain,
    "contour_offset": ContourOffset,
    "contour_variation": ContourVariation,
    "intensity_offset": IntensityOffset,
    "kernel": ReconstructionKernel,
    "noise": ImageNoise,
    "rotation": Rotation,
    "slice_thickness": SliceThickness,
    "translation": Translation,
}

_DRAWN: Mapping[str, type[Drawn]] = {
    "chain": DrawnChain,
    "contour_offset": DrawnContourOffset,
    "contour_variation": DrawnContourVariation,
    "intensity_offset": DrawnIntensityOffset,
    "kernel": DrawnKernel,
    "noise": DrawnNoise,
    "rotation": DrawnRotation,
    "slice_thickness": DrawnSliceThickness,
    "translation": DrawnTranslation,
}


def rule_from_json(text: str | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Rule:
    """Return the rule that JSON describes: what ``identity()`` gave, or what was written by hand.

    Parameters
    ----------
    text
        JSON, or what it says already: a rule with its name under ``"rule"``, or a list of rules,
        which is a chain.

    Raises
    ------
    SettingsError
        For an unknown rule, an unknown or impossible setting, and what is no JSON.

    Examples
    --------
    >>> rule_from_json('[{"rule": "translation", "max_mm": 2}, {"rule": "noise"}]').rules[0].max_mm
    2.0
    >>> rule_from_json({"rule": "noice"})
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: 'noice' is no rule; did you mean 'noise'? Known: ...
    """
    try:
        said: Any = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise SettingsError(f"Rules of perturbation: not JSON ({error}).") from None
    return _rule_of(said) if isinstance(said, Mapping) else PerturbationChain(said)


def alteration_from_record(record: Mapping[str, Any]) -> Drawn:
    """Return the drawn perturbation whose ``record()`` this is; it does the same.

    Raises
    ------
    SettingsError
        For an unknown alteration, an unknown or missing field, a value out of range.

    Examples
    --------
    >>> alteration_from_record({"alteration": "contour_offset", "offset_mm": 1.5}).offset_mm
    1.5
    """
    return _made_of(record, "alteration", _DRAWN)


def _rule_of(settings: Mapping[str, Any]) -> Rule:
    return _made_of(settings, "rule", _RULES)


def _made_of(fields: Mapping[str, Any], key: str, known: Mapping[str, type[_Made]]) -> _Made:
    name = fields.get(key) if isinstance(fields, Mapping) else None
    if not isinstance(name, str):
        raise SettingsError(f"expected an object with {key!r}, received {fields!r}.")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise SettingsError(f"{name!r} is no {key}{hint} Known: {', '.join(known)}.")
    return known[name](**fields)


def _all_made(value: Any, made: Any) -> Any:
    """Turn the JSON among some rules, or drawn perturbations, into them; leave the others."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("expected a list")
    if not value:
        raise ValueError("expected at least one")
    return tuple(made(item) if isinstance(item, Mapping) else item for item in value)
