"""PyRadiomics' settings in IBSI's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumor_response.exceptions import SettingsError
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.settings import RadiomicsSettings

__all__ = ["ibsi_settings_of"]

_INTERPOLATION = {"sitkLinear": "linear", "sitkBSpline": "cubic"}
_TRANSLATED = {
    "binWidth",
    "binCount",
    "resampledPixelSpacing",
    "interpolator",
    "resegmentRange",
    "resegmentMode",
    "force2D",
    "force2Ddimension",
}
_IVH_BINS = 1000
_WITHOUT_EFFECT = {"label", "additionalInfo", "padDistance", "preCrop", "geometryTolerance"}
"""What decides PyRadiomics' crops and reports, not what is measured."""


def ibsi_settings_of(settings: RadiomicsSettings) -> IbsiSettings:
    """Translate settings; what has no counterpart in IBSI's first chapter is refused by name.

    ``binWidth`` becomes a fixed bin size from the lower end of the range (or the region's
    minimum), ``binCount`` a fixed bin number, ``resegmentRange`` with mode ``absolute`` the range
    and with mode ``sigma`` the outlier filter, ``force2D`` textures by axial slices. Interpolated
    intensities are rounded to whole numbers, unless bins are narrower than 1: that is no image in
    HU. Where they need not be whole numbers, the intensity-volume histogram has 1,000 bins. All
    families are computed whatever classes are asked for.

    Raises
    ------
    SettingsError
        For filters (IBSI standardised them in a second document, which this version does not
        have), normalisation, shifts, distances beyond 1, weights, or a list of single features.

    Examples
    --------
    >>> import tumor_response as tr
    >>> from tumor_response.features.radiomics.ibsi.translate import ibsi_settings_of
    >>> ours = tr.RadiomicsSettings(setting={"binWidth": 25, "resampledPixelSpacing": [1, 1, 2]})
    >>> ibsi_settings_of(ours).spacing_mm
    (2.0, 1.0, 1.0)
    """
    parameters = settings.parameters()
    setting = parameters["setting"]
    _refuse(parameters)
    fields: dict[str, Any] = {}
    flat = bool(setting.get("force2D", False))
    fields["dimension"] = "2d" if flat else "3d"
    spacing = setting.get("resampledPixelSpacing")
    if spacing is not None:
        x, y, z = spacing
        fields["spacing_mm"] = (y, x) if flat else (z, y, x)
        fields["image_interpolation"] = _interpolation(setting.get("interpolator", "sitkBSpline"))
    if setting.get("binCount") is not None:
        fields["n_bins"] = setting["binCount"]
    else:
        fields["bin_size"] = setting.get("binWidth", 25)
        fields["round_intensities"] = setting.get("binWidth", 25) >= 1
    if spacing is None or not fields.get("round_intensities", True):
        fields["ivh_n_bins"] = _IVH_BINS  # intensities need not be whole numbers
    if setting.get("resegmentRange") is not None:
        fields |= _range(setting["resegmentRange"], setting.get("resegmentMode", "absolute"))
    return IbsiSettings(**fields)


def _refuse(parameters: Mapping[str, Any]) -> None:
    setting = parameters["setting"]
    reasons = [f"image type {name}" for name in parameters["imageType"] if name != "Original"]
    if own := parameters["imageType"].get("Original"):
        reasons += [f"{name} of the image type Original" for name in own]
    reasons += [
        f"single features of {name}"
        for name, features in parameters["featureClass"].items()
        if features
    ]
    reasons += sorted(
        name
        for name, value in setting.items()
        if name not in _TRANSLATED | _WITHOUT_EFFECT and not _is_default(name, value)
    )
    if setting.get("force2D", False) and setting.get("force2Ddimension", 0) != 0:
        reasons.append("force2Ddimension (IBSI's slices are axial)")
    spacing = setting.get("resampledPixelSpacing")
    if spacing is not None and 0 in list(spacing)[: 2 if setting.get("force2D") else 3]:
        reasons.append("a resampledPixelSpacing of 0")
    if reasons:
        raise SettingsError(
            f"Radiomics: convention='ibsi' has no counterpart for {', '.join(reasons)}. Leave "
            "them out, or describe the processing with IbsiSettings."
        )


_NEUTRAL: Mapping[str, Any] = {
    "normalize": False,
    "normalizeScale": 1,
    "removeOutliers": None,
    "minimumROIDimensions": 2,
    "minimumROISize": None,
    "correctMask": False,
    "distances": [1],
    "resegmentShape": False,
    "voxelArrayShift": 0,
    "symmetricalGLCM": True,
    "weightingNorm": None,
    "gldm_a": 0,
}


def _is_default(name: str, value: object) -> bool:
    if name not in _NEUTRAL:
        return False
    return bool((list(value) if isinstance(value, tuple | list) else value) == _NEUTRAL[name])


def _interpolation(interpolator: str) -> str:
    if interpolator not in _INTERPOLATION:
        raise SettingsError(
            f"Radiomics: convention='ibsi' interpolates linearly (sitkLinear) or with a cubic "
            f"spline (sitkBSpline), received interpolator={interpolator!r}."
        )
    return _INTERPOLATION[interpolator]


def _range(limits: list[float], mode: str) -> dict[str, Any]:
    if mode == "absolute":
        lowest, highest = min(limits), max(limits)
        return {"resegmentation_range": (lowest, highest if len(limits) > 1 else None)}
    if mode == "sigma" and len(limits) == 2 and limits[0] == -limits[1]:
        return {"outlier_sigma": max(limits)}
    raise SettingsError(
        f"Radiomics: convention='ibsi' has no counterpart for resegmentRange {limits} with "
        f"resegmentMode {mode!r}; it knows a range in the image's unit and one distance from the "
        "mean in standard deviations."
    )
