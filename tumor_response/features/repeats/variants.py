"""The same voxels with other settings: bin width and interpolator of radiomics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumor_response.exceptions import SettingsError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.radiomics import IbsiSettings, Radiomics, RadiomicsSettings
from tumor_response.settings import thawed

__all__ = ["INTERPOLATORS", "settings_variants"]

INTERPOLATORS: Mapping[str, str] = {
    "nearest": "sitkNearestNeighbor",
    "linear": "sitkLinear",
    "cubic": "sitkBSpline",
}
"""Interpolators by name, and what PyRadiomics calls them. IBSI has the linear and the cubic one."""

_DEFAULT_BIN_WIDTH = 25
"""PyRadiomics' own, where the settings name none."""


def settings_variants(
    extractor: FeatureExtractor,
    *,
    bin_width: Sequence[float] = (),
    interpolator: Sequence[str] = (),
) -> list[FeatureExtractor]:
    """Return extractors of the same columns with one setting changed.

    Parameters
    ----------
    extractor
        Radiomics; of any other there are no variants.
    bin_width
        Widths of the grey-level bins, in the image's unit. Where an image type has a width of its
        own, that is changed in proportion.
    interpolator
        ``"nearest"``, ``"linear"`` or ``"cubic"``, for the resampling of the image.

    Returns
    -------
    list of FeatureExtractor
        One for each value, in their order. Empty where the setting means nothing to the
        extractor: no radiomics, a fixed number of bins, no resampling.

    Raises
    ------
    SettingsError
        Both or neither of the two; a value that is the extractor's own already (such a repeat
        would agree perfectly and say nothing), unknown, or out of range.

    Examples
    --------
    >>> import tumor_response as tr
    >>> wide, = settings_variants(tr.Radiomics("minimal"), bin_width=[50.0])
    >>> wide.settings.setting["binWidth"]
    50.0
    >>> settings_variants(tr.ClinicalFactors(["age"]), bin_width=[50.0])
    []
    """
    if bool(bin_width) == bool(interpolator):
        raise SettingsError("settings_variants: give either bin_width= or interpolator=.")
    _check_interpolators(interpolator)
    if not isinstance(extractor, Radiomics):
        return []
    own = extractor.settings
    known = _ibsi_value(own, bool(bin_width)) if isinstance(own, IbsiSettings) else None
    if isinstance(own, RadiomicsSettings):
        known = _value(own, bool(bin_width))
    if known is None:
        return []
    changed: list[FeatureExtractor] = []
    for value in bin_width or interpolator:
        if value == known:
            raise SettingsError(
                f"settings_variants: {value!r} is what block {extractor.block!r} has already; a "
                "repeat with it would be a copy. Give other values."
            )
        settings = (
            _with_ibsi(own, value) if isinstance(own, IbsiSettings) else _with_value(own, value)
        )
        changed.append(Radiomics(settings, engine=extractor.engine, block=extractor.block))
    return changed


def _value(own: RadiomicsSettings, of_bins: bool) -> float | str | None:
    """Return the value that would be changed, or None where it has no effect."""
    if of_bins:
        width: float = own.setting.get("binWidth", _DEFAULT_BIN_WIDTH)
        return None if "binCount" in own.setting else width
    used = own.setting.get("interpolator", INTERPOLATORS["cubic"])
    if used is None or not own.setting.get("resampledPixelSpacing"):
        return None
    return {theirs: ours for ours, theirs in INTERPOLATORS.items()}.get(used, str(used))


def _ibsi_value(own: IbsiSettings, of_bins: bool) -> float | str | None:
    if of_bins:
        return own.bin_size
    return None if own.spacing_mm is None else own.image_interpolation


def _with_value(own: RadiomicsSettings, value: float | str) -> RadiomicsSettings:
    types = thawed(own.image_types)
    if isinstance(value, str):
        changed: dict[str, Any] = {"interpolator": INTERPOLATORS[value]}
    else:
        changed = {"binWidth": value}
        ratio = value / own.setting.get("binWidth", _DEFAULT_BIN_WIDTH)
        for of_type in types.values():
            if "binWidth" in of_type:
                of_type["binWidth"] *= ratio
    return RadiomicsSettings(
        image_types=types,
        feature_classes=thawed(own.feature_classes),
        setting={**thawed(own.setting), **changed},
    )


def _with_ibsi(own: IbsiSettings, value: float | str) -> IbsiSettings:
    name = "image_interpolation" if isinstance(value, str) else "bin_size"
    return IbsiSettings(**own.model_dump() | {name: value})


def _check_interpolators(names: Sequence[str]) -> None:
    unknown = [names] if isinstance(names, str) else [n for n in names if n not in INTERPOLATORS]
    if unknown:
        raise SettingsError(
            f"settings_variants: interpolator={unknown[0]!r}: expected a list of "
            f"{', '.join(map(repr, INTERPOLATORS))}."
        )
