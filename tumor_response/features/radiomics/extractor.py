"""The radiomics extractor."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

from tumor_response._version import library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.base import FeatureSpec, FeatureValues, Shortfall, checked_block
from tumor_response.features.memory import Extent
from tumor_response.features.radiomics.columns import RadiomicsColumn, columns_of
from tumor_response.features.radiomics.fast.surroundings import MOST_BYTES
from tumor_response.features.radiomics.ibsi.settings import CONFIGURATIONS, IbsiSettings
from tumor_response.features.radiomics.ibsi.translate import ibsi_settings_of
from tumor_response.features.radiomics.presets import PRESETS
from tumor_response.features.radiomics.settings import RadiomicsSettings, quiet_pyradiomics

__all__ = ["Radiomics"]

_ENGINES = ("fast", "pyradiomics")
_CONVENTIONS = ("pyradiomics", "ibsi")
_TOO_SMALL = (
    "too small",
    "too few dimensions",
    "only contains 1 segmented voxel",
    "excluded too many voxels",
    "not present in mask",
)
_FAST_BYTES_PER_VOXEL, _IBSI_BYTES_PER_VOXEL, _REFEREE_BYTES_PER_VOXEL = 64, 220, 24
_MARGIN_MM = 10.0
"""Of tissue around the contour that filters look at."""
_LIBRARIES = {
    "fast": ("pyradiomics-bhklab", "SimpleITK", "numba", "numpy", "scipy"),
    "pyradiomics": ("pyradiomics-bhklab", "SimpleITK", "PyWavelets", "numpy"),
}


class Radiomics:
    """Extract handcrafted features with PyRadiomics' or IBSI's definitions.

    Parameters
    ----------
    settings
        A preset's name (:data:`tumor_response.features.radiomics.PRESETS`: ``"head_neck_ct"``,
        ``"lung_ct"``, ``"soft_tissue_mr"``, ``"pet_suv"``, ``"minimal"``; or ``"ibsi_a"`` to
        ``"ibsi_e"``), a :class:`RadiomicsSettings`, an :class:`IbsiSettings`, or the path of a
        PyRadiomics parameter file.
    engine
        ``"fast"``: compiled loops and shared work, with the values of PyRadiomics to a relative
        1e-6. ``"pyradiomics"``: PyRadiomics itself, the referee.
    convention
        ``"pyradiomics"`` or ``"ibsi"``: whose definitions, image processing included. ``None``
        follows the settings. With ``"ibsi"``, settings in PyRadiomics' words are translated
        (:func:`tumor_response.features.radiomics.ibsi.translate.ibsi_settings_of`); what has no
        counterpart is refused by name.
    block
        First part of the columns' names, so that two settings can stand side by side.

    Raises
    ------
    SettingsError
        For an unknown preset, engine or convention, settings that PyRadiomics refuses, or a
        combination that does not exist.

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
        settings: str | Path | RadiomicsSettings | IbsiSettings = "head_neck_ct",
        *,
        engine: str = "fast",
        convention: str | None = None,
        block: str = "radiomics",
    ) -> None:
        _check_choice("engine", engine, _ENGINES)
        if convention is not None:
            _check_choice("convention", convention, _CONVENTIONS)
        self.block = checked_block(block)
        self.engine = engine
        self.settings = _resolved(settings, convention)
        self.convention = "ibsi" if isinstance(self.settings, IbsiSettings) else "pyradiomics"
        if engine == "pyradiomics":
            _check_referee(self.settings)
        # columns are cheap to enumerate, an extractor is pickled to workers without them
        self._columns: list[RadiomicsColumn] | None = None
        self._referee: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_referee": None}

    def identity(self) -> dict[str, Any]:
        """Return settings, engine and the versions of the libraries that decide the values."""
        return {
            "extractor": "radiomics",
            "engine": self.engine,
            "convention": self.convention,
            "settings": self.settings.model_dump(mode="json"),
            "versions": {name: library_version(name) for name in _LIBRARIES[self.engine]},
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows: shape first, then image type by image type."""
        return [column.spec for column in self._all_columns()]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's features.

        A feature that is NaN by its definition, or that PyRadiomics leaves out, is absent, with a
        shortfall of code ``not_defined`` or ``not_computed``. Of a region that PyRadiomics
        refuses for its size (one voxel, a line, ``minimumROIDimensions``, ``minimumROISize``) the
        fast engine gives shape and intensity statistics; texture is absent with code
        ``roi_too_small``.

        Raises
        ------
        FeatureError
            Code ``roi_too_small`` or ``region_refused``: no feature is defined on this region, in
            the words of the engine.
        """
        try:
            result, too_small = self._values(case)
        except (ValueError, RuntimeError, IndexError, AssertionError, ArithmeticError) as error:
            text = " ".join(str(error).split()).rstrip(".!") or type(error).__name__
            small = any(words in text for words in _TOO_SMALL)
            raise FeatureError(
                f"The region was refused: {text}. A contour of a few voxels, or one that "
                "vanishes when it is resampled, has no texture.",
                code="roi_too_small" if small else "region_refused",
            ) from None
        values: dict[str, float | str] = {}
        undefined: list[str] = []
        absent: list[str] = []
        refused: list[str] = []
        for column in self._all_columns():
            if column.key not in result:
                left_out = refused if too_small and not _is_sizeless(column) else absent
                left_out.append(column.spec.column)
                continue
            # PyRadiomics' axes are complex where rounding turns two zeros into a pair
            number = float(result[column.key].real)
            if math.isfinite(number):
                values[column.spec.column] = number
            else:
                undefined.append(column.spec.column)
        return FeatureValues(
            values,
            [
                *_shortfall("roi_too_small", f"no texture ({too_small})", refused),
                *_shortfall("not_computed", "left out by PyRadiomics (image too small?)", absent),
                *_shortfall("not_defined", "not defined on this region (0/0)", undefined),
            ],
        )

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image: bytes per voxel of what is computed on.

        The fast engine works on the box around the contour at the spacing of the settings, and
        keeps the surroundings of the latest contours for the next one with the same; PyRadiomics
        resamples the whole image.
        """
        if isinstance(self.settings, IbsiSettings):
            spacing_mm = self.settings.spacing_mm
            zyx = None if spacing_mm is None else (*spacing_mm[::-1], 0.0)[:3]
            return _IBSI_BYTES_PER_VOXEL * extent.box_voxels(zyx, _MARGIN_MM)
        spacing_mm = self.settings.setting.get("resampledPixelSpacing")
        if self.engine == "fast":
            kept = MOST_BYTES if spacing_mm is not None else 0
            return _FAST_BYTES_PER_VOXEL * extent.box_voxels(spacing_mm, _MARGIN_MM) + kept
        ratio = extent.box_voxels(spacing_mm) / max(1, extent.box_voxels())
        return round(_REFEREE_BYTES_PER_VOXEL * extent.image_voxels * max(1.0, ratio))

    def _values(self, case: BaselineCase) -> tuple[dict[str, Any], str]:
        """Return the engine's values under the columns' keys, and why there is no texture."""
        image, mask = case.image, case.mask
        if isinstance(self.settings, IbsiSettings):
            from tumor_response.features.radiomics.ibsi.engine import ibsi_features

            return ibsi_features(image, mask, self.settings), ""
        if self.engine == "fast":
            from tumor_response.features.radiomics.fast.engine import features_of
            from tumor_response.features.radiomics.fast.prepare import prepare

            parameters = self.settings.parameters()
            prepared = prepare(image, mask, parameters["setting"])
            return features_of(prepared, parameters), prepared.too_small.rstrip(".!")
        if self._referee is None:
            self._referee = self.settings.build()
        with quiet_pyradiomics():
            values: dict[str, Any] = self._referee.execute(image, mask, label=1)
        return values, ""

    def _all_columns(self) -> list[RadiomicsColumn]:
        if self._columns is None:
            from tumor_response.features.radiomics.ibsi.columns import ibsi_columns_of

            self._columns = (
                ibsi_columns_of(self.settings, self.block)
                if isinstance(self.settings, IbsiSettings)
                else columns_of(self.settings, self.block)
            )
        return self._columns

    def __repr__(self) -> str:
        return (
            f"Radiomics(block={self.block!r}, engine={self.engine!r}, "
            f"convention={self.convention!r})"
        )


def _check_choice(name: str, received: str, known: tuple[str, ...]) -> None:
    if received not in known:
        raise SettingsError(
            f"Radiomics: {name}={received!r} is not known; expected "
            f"{' or '.join(map(repr, known))}."
        )


def _check_referee(settings: RadiomicsSettings | IbsiSettings) -> None:
    """Refuse what PyRadiomics itself would not compute."""
    if isinstance(settings, IbsiSettings):
        raise SettingsError(
            "Radiomics: engine='pyradiomics' has PyRadiomics' definitions only; "
            "convention='ibsi' needs engine='fast'."
        )
    for image_type in settings.image_types:
        for name in _LBP_NEEDS.get(image_type, []):
            module, attribute = name.split(":")
            try:
                getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                raise SettingsError(
                    f"Radiomics: PyRadiomics computes {image_type} with {module}.{attribute}, "
                    f"which is not here ({error}), and would leave it out. engine='fast' needs "
                    "no further package."
                ) from None


_LBP_NEEDS = {
    "LBP2D": ["skimage.feature:local_binary_pattern"],
    "LBP3D": [
        "scipy.ndimage.interpolation:map_coordinates",
        "scipy.special:sph_harm",
        "trimesh.creation:icosphere",
    ],
}


def _resolved(settings: object, convention: str | None) -> RadiomicsSettings | IbsiSettings:
    """Return settings of the convention that is asked for."""
    named = _named(settings)
    if isinstance(named, RadiomicsSettings):
        return ibsi_settings_of(named) if convention == "ibsi" else named
    if convention == "pyradiomics":
        raise SettingsError(
            "Radiomics: these settings follow IBSI's convention; convention='pyradiomics' needs "
            f"RadiomicsSettings, a parameter file or one of the presets {', '.join(PRESETS)}."
        )
    return named


def _named(settings: object) -> RadiomicsSettings | IbsiSettings:
    if isinstance(settings, RadiomicsSettings | IbsiSettings):
        return settings
    if not isinstance(settings, (str, Path)):
        raise SettingsError(
            f"Radiomics: expected a preset's name, a path, RadiomicsSettings or IbsiSettings, "
            f"received {type(settings).__name__}."
        )
    if settings in PRESETS:
        return RadiomicsSettings(**PRESETS[str(settings)])
    if settings in CONFIGURATIONS:
        return CONFIGURATIONS[str(settings)]
    if Path(settings).suffix.lower() in (".yaml", ".yml", ".json"):
        return RadiomicsSettings.from_pyradiomics_file(settings)
    raise SettingsError(
        f"Radiomics: {str(settings)!r} is neither a preset "
        f"({', '.join([*PRESETS, *CONFIGURATIONS])}) nor a PyRadiomics parameter file "
        "(.yaml, .yml, .json)."
    )


def _is_sizeless(column: RadiomicsColumn) -> bool:
    """Tell whether a feature of PyRadiomics is defined for a region of any size."""
    from tumor_response.features.radiomics.fast.engine import SIZELESS

    return column.key.rsplit("_", 2)[1] in SIZELESS


def _shortfall(code: str, words: str, columns: list[str]) -> list[Shortfall]:
    if not columns:
        return []
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return [Shortfall(code, f"{words}: {', '.join(columns[:3])}{more}.", len(columns))]
