"""The radiomics extractor."""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.base import FeatureSpec, FeatureValues, Shortfall, checked_block
from tumor_response.features.radiomics.columns import RadiomicsColumn, columns_of
from tumor_response.features.radiomics.settings import (
    PRESETS,
    RadiomicsSettings,
    quiet_pyradiomics,
)

__all__ = ["Radiomics"]

_ENGINES = ("pyradiomics",)
_TOO_SMALL = (
    "too small",
    "too few dimensions",
    "only contains 1 segmented voxel",
    "excluded too many voxels",
    "not present in mask",
)


class Radiomics:
    """Extract handcrafted features with PyRadiomics' definitions.

    Parameters
    ----------
    settings
        ``"head_neck_ct"`` or ``"minimal"`` (see
        :data:`tumor_response.features.radiomics.PRESETS`), a :class:`RadiomicsSettings`, or the
        path of a PyRadiomics parameter file.
    engine
        ``"pyradiomics"``: PyRadiomics itself computes the values.
    block
        First part of the columns' names, so that two settings can stand side by side.

    Raises
    ------
    SettingsError
        For an unknown preset or engine, or settings that PyRadiomics refuses.

    Examples
    --------
    >>> import tumor_response as tr
    >>> len(tr.Radiomics("minimal").feature_specs())
    107
    """

    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def __init__(
        self,
        settings: str | Path | RadiomicsSettings = "head_neck_ct",
        *,
        engine: str = "pyradiomics",
        block: str = "radiomics",
    ) -> None:
        if engine not in _ENGINES:
            raise SettingsError(
                f"Radiomics: engine={engine!r} is not in this version; "
                f"expected {' or '.join(map(repr, _ENGINES))}."
            )
        self.block = checked_block(block)
        self.engine = engine
        self.settings = _resolved(settings)
        # columns are cheap to enumerate, an extractor is pickled to workers without them
        self._columns: list[RadiomicsColumn] | None = None
        self._engine: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_engine": None}

    def identity(self) -> dict[str, Any]:
        """Return settings, engine and the versions of the libraries that decide the values."""
        libraries = ("pyradiomics-bhklab", "SimpleITK", "PyWavelets", "numpy")
        return {
            "extractor": "radiomics",
            "engine": self.engine,
            "settings": self.settings.model_dump(mode="json"),
            "versions": {name: version(name) for name in libraries},
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows: shape first, then image type by image type."""
        return [column.spec for column in self._all_columns()]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's features.

        A feature that PyRadiomics gives as NaN or leaves out is absent, with a shortfall of code
        ``not_defined`` or ``not_computed``.

        Raises
        ------
        FeatureError
            Code ``roi_too_small`` or ``pyradiomics_refused``: PyRadiomics would not work on this
            region at all.
        """
        if self._engine is None:
            self._engine = self.settings.build()
        image, mask = case.image, case.mask
        try:
            with quiet_pyradiomics():
                result = self._engine.execute(image, mask, label=1)
        except (ValueError, RuntimeError, IndexError, AssertionError) as error:
            text = " ".join(str(error).split()).rstrip(".!") or type(error).__name__
            small = any(words in text for words in _TOO_SMALL)
            raise FeatureError(
                f"PyRadiomics refused the region: {text}. A contour of a few voxels, or one that "
                "vanishes when it is resampled, has no texture.",
                code="roi_too_small" if small else "pyradiomics_refused",
            ) from None
        values: dict[str, float | str] = {}
        undefined: list[str] = []
        absent: list[str] = []
        for column in self._all_columns():
            if column.key not in result:
                absent.append(column.spec.column)
                continue
            number = float(result[column.key])
            if math.isfinite(number):
                values[column.spec.column] = number
            else:
                undefined.append(column.spec.column)
        return FeatureValues(
            values,
            [
                *_shortfall("not_computed", "left out by PyRadiomics (image too small?)", absent),
                *_shortfall("not_defined", "not defined on this region (0/0)", undefined),
            ],
        )

    def _all_columns(self) -> list[RadiomicsColumn]:
        if self._columns is None:
            self._columns = columns_of(self.settings, self.block)
        return self._columns

    def __repr__(self) -> str:
        return f"Radiomics(block={self.block!r}, engine={self.engine!r})"


def _resolved(settings: object) -> RadiomicsSettings:
    if isinstance(settings, RadiomicsSettings):
        return settings
    if isinstance(settings, str) and settings in PRESETS:
        return RadiomicsSettings(**PRESETS[settings])
    if not isinstance(settings, (str, Path)):
        raise SettingsError(
            f"Radiomics: expected a preset's name, a path or RadiomicsSettings, received "
            f"{type(settings).__name__}."
        )
    if Path(settings).suffix.lower() in (".yaml", ".yml", ".json"):
        return RadiomicsSettings.from_pyradiomics_file(settings)
    raise SettingsError(
        f"Radiomics: {str(settings)!r} is neither a preset ({', '.join(PRESETS)}) nor a "
        "PyRadiomics parameter file (.yaml, .yml, .json)."
    )


def _shortfall(code: str, words: str, columns: list[str]) -> list[Shortfall]:
    if not columns:
        return []
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return [Shortfall(code, f"{words}: {', '.join(columns[:3])}{more}.", len(columns))]
