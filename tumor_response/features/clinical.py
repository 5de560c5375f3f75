"""Clinical factors: declared, typed variables known before treatment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError, FeatureError
from tumor_response.features.base import (
    FeatureSpec,
    FeatureValues,
    Shortfall,
    checked_block,
)
from tumor_response.features.memory import Extent
from tumor_response.imaging import volume_cc
from tumor_response.settings import Settings

__all__ = ["ClinicalFactors", "ClinicalSettings"]

VOLUME = "volume_cc"
VOLUME_TOLERANCE = 0.05
"""How far a manifest's volume may be from the contour's, as a share, before it is a finding."""
_UNITS = {"age": "years", VOLUME: "cc"}
_DESCRIPTIONS = {
    "age": "Age at the baseline scan, as the manifest gives it.",
    VOLUME: "Volume of the baseline contour by voxel count.",
}


class ClinicalSettings(Settings):
    """Which variables, and what they are.

    Parameters
    ----------
    numeric
        Names of numeric variables.
    categories
        Name -> levels, for each categorical variable.
    """

    numeric: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = {}


class ClinicalFactors:
    """Extract declared clinical variables from the manifest.

    The type of a variable is declared, never guessed from the data, so that the columns do not
    depend on who is in the cohort. Encoding, imputation and scaling are fitted later, in the
    model's Pipeline.

    Parameters
    ----------
    numeric
        Manifest columns that hold numbers. ``volume_cc`` is derived from the baseline mask when
        the manifest has no such column; where it has, a value more than 5 % off the contour's is
        a finding in ``failures``, because the end point is made of the contour's.
    categories
        Manifest columns that hold text, each with its levels:
        ``{"sex": ["female", "male"]}``.
    block
        First part of the columns' names.

    Raises
    ------
    FeatureError
        For a name given twice, a category without levels, or nothing at all.

    Examples
    --------
    >>> import tumor_response as tr
    >>> factors = tr.ClinicalFactors(["age", "volume_cc"], categories={"sex": ["f", "m"]})
    >>> [spec.column for spec in factors.feature_specs()]
    ['clinical__age', 'clinical__volume_cc', 'clinical__sex']
    """

    cacheable = False
    contour_as_drawn = True

    def __init__(
        self,
        numeric: Sequence[str],
        *,
        categories: Mapping[str, Sequence[str]] | None = None,
        block: str = "clinical",
    ) -> None:
        if isinstance(numeric, str):
            raise FeatureError(
                f"numeric={numeric!r}: expected a list of names, for example [{numeric!r}].",
                code="settings",
            )
        self.block = checked_block(block)
        self.settings = ClinicalSettings(
            numeric=tuple(numeric),
            categories={name: tuple(levels) for name, levels in (categories or {}).items()},
        )
        names = [*self.settings.numeric, *self.settings.categories]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            what = f"named twice: {', '.join(twice)}" if twice else "no variable named"
            raise FeatureError(f"ClinicalFactors: {what}.", code="settings")
        for name, levels in self.settings.categories.items():
            if len(set(levels)) < 2 or len(set(levels)) != len(levels):
                raise FeatureError(
                    f"ClinicalFactors: {name!r} needs two or more different levels, "
                    f"received {list(levels)}.",
                    code="settings",
                )
        self.variables = tuple(names)
        self.required_variables = tuple(name for name in names if name != VOLUME)

    def identity(self) -> dict[str, Any]:
        """Return the settings; nothing else decides the values."""
        return {"extractor": "clinical", "settings": self.settings.model_dump(mode="json")}

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows, numeric variables first."""
        numeric = [
            self._spec(name, _DESCRIPTIONS.get(name, f"Manifest column {name!r}."))
            for name in self.settings.numeric
        ]
        categorical = [
            self._spec(name, f"Manifest column {name!r}: {', '.join(levels)}.", levels)
            for name, levels in self.settings.categories.items()
        ]
        return numeric + categorical

    def _spec(self, name: str, description: str, levels: tuple[str, ...] = ()) -> FeatureSpec:
        return FeatureSpec(
            column=f"{self.block}__{name}",
            block=self.block,
            family=name,
            role="baseline",
            ibsi_code="YEKZ" if name == VOLUME else "",
            unit=_UNITS.get(name, ""),
            description=description,
            categories=levels,
        )

    def memory_bytes(self, extent: Extent) -> int:  # noqa: ARG002 - a contour is an image's part
        """Return what a case needs beside its image: nothing."""
        return 0

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the declared variables of one case.

        A variable that is not given, or is not what it was declared to be, is left out with a
        shortfall of code ``clinical_missing``, ``clinical_not_numeric`` or
        ``clinical_unknown_level``.
        """
        values: dict[str, float | str] = {}
        shortfalls: list[Shortfall] = []
        for name in self.settings.numeric:
            given = case.variables.get(name)
            if name == VOLUME and VOLUME not in case.variables:
                try:
                    given = volume_cc(case.mask)
                except CaseError as error:  # what the manifest gives is known all the same
                    shortfalls.append(Shortfall(error.code, str(error), 1))
                    continue
            if isinstance(given, (int, float)):
                values[f"{self.block}__{name}"] = float(given)
                if name == VOLUME and VOLUME in case.variables:
                    shortfalls += _volume_findings(float(given), case)
            elif given is None:
                shortfalls.append(_missing(name))
            else:
                shortfalls.append(
                    Shortfall(
                        "clinical_not_numeric",
                        f"{name} is declared numeric but holds {given!r}; correct the manifest or "
                        f"declare it with categories={{{name!r}: [...]}}.",
                        1,
                    )
                )
        for name, levels in self.settings.categories.items():
            given = case.variables.get(name)
            text = f"{given:g}" if isinstance(given, float) else given
            if text is None:
                shortfalls.append(_missing(name))
            elif text in levels:
                values[f"{self.block}__{name}"] = text
            else:
                shortfalls.append(
                    Shortfall(
                        "clinical_unknown_level",
                        f"{name} holds {text!r}, declared levels are {', '.join(levels)}.",
                        1,
                    )
                )
        return FeatureValues(values, shortfalls)


def _volume_findings(given_cc: float, case: BaselineCase) -> list[Shortfall]:
    """Compare a volume of the manifest with the contour's, which the end point is made of."""
    try:
        contoured_cc = volume_cc(case.mask)
    except CaseError:
        return []  # nothing to compare with; the contour's fault is told by whoever needs it
    if abs(given_cc - contoured_cc) <= VOLUME_TOLERANCE * contoured_cc:
        return []
    return [
        Shortfall(
            "volume_differs",
            f"The manifest's volume_cc is {given_cc:.4g}, the contour has {contoured_cc:.4g} cc"
            f"{_other_unit(given_cc / contoured_cc)}. "
            "The manifest's is kept; the end point is computed from the contour. Take the column "
            "out of the manifest to use the contour's.",
            0,
        )
    ]


def _other_unit(ratio: float) -> str:
    """Name the unit that a volume is likely in, if it is off by a power of thousand."""
    for unit, factor in {"mm³": 1e3, "litres": 1e-3}.items():
        if abs(ratio / factor - 1) <= VOLUME_TOLERANCE:
            return f" (is the column in {unit}?)"
    return ""


def _missing(name: str) -> Shortfall:
    return Shortfall("clinical_missing", f"{name} is not given in the manifest.", 1)
