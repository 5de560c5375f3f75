"""The columns that follow from radiomics settings, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tumor_response.features.base import FeatureSpec
from tumor_response.features.radiomics.codes import IBSI_CODES, UNITS
from tumor_response.features.radiomics.ibsi.features import NAMES
from tumor_response.features.radiomics.settings import RadiomicsSettings

__all__ = ["RadiomicsColumn", "columns_of", "image_names"]

_CLASS_TITLES = {
    "shape": "shape",
    "shape2D": "two-dimensional shape",
    "firstorder": "intensity statistics",
    "glcm": "grey level co-occurrence matrix",
    "glrlm": "grey level run length matrix",
    "glszm": "grey level size zone matrix",
    "gldm": "grey level dependence matrix",
    "ngtdm": "neighbouring grey tone difference matrix",
}
_SINGLE = {
    "Original": "original",
    "Square": "square",
    "SquareRoot": "squareroot",
    "Logarithm": "logarithm",
    "Exponential": "exponential",
    "Gradient": "gradient",
    "LBP2D": "lbp-2D",
}


@dataclass(frozen=True)
class RadiomicsColumn:
    """One column and the key under which PyRadiomics gives its value."""

    key: str
    spec: FeatureSpec


def columns_of(settings: RadiomicsSettings, block: str) -> list[RadiomicsColumn]:
    """Return the columns that these settings give, whatever the image.

    PyRadiomics leaves out what it cannot compute; enumerating the columns from the settings keeps
    the table's columns the same for every cohort.

    Examples
    --------
    >>> from tumor_response.features.radiomics import PRESETS, RadiomicsSettings
    >>> from tumor_response.features.radiomics.columns import columns_of
    >>> columns = columns_of(RadiomicsSettings(**PRESETS["head_neck_ct"]), "radiomics")
    >>> len(columns), columns[0].spec.column
    (1316, 'radiomics__original__shape_Elongation')
    """
    from radiomics import getFeatureClasses

    known = getFeatureClasses()
    parameters = settings.parameters()
    features = {
        name: list(chosen)
        if chosen
        else [f for f, deprecated in known[name].getFeatureNames().items() if not deprecated]
        for name, chosen in parameters["featureClass"].items()
    }
    columns = [
        _column(block, "original", name, feature)
        for name in features
        if name.startswith("shape")
        for feature in features[name]
    ]
    for image_type, own in parameters["imageType"].items():
        for image_name in image_names(image_type, {**parameters["setting"], **own}):
            columns += [
                _column(block, image_name, name, feature)
                for name in features
                if not name.startswith("shape")
                for feature in features[name]
            ]
    return columns


def image_names(image_type: str, setting: Mapping[str, Any]) -> list[str]:
    """Return the names PyRadiomics gives to the images of one type."""
    if image_type in _SINGLE:
        return [_SINGLE[image_type]]
    if image_type == "LoG":
        return [f"log-sigma-{str(s).replace('.', '-')}-mm-3D" for s in setting.get("sigma", [])]
    if image_type == "LBP3D":
        levels = setting.get("lbp3DLevels", 2)
        return [*(f"lbp-3D-m{i + 1}" for i in range(levels)), "lbp-3D-k"]
    # wavelet: one letter per filtered axis, high or low pass, for each level
    axes = 2 if setting.get("force2D", False) else 3
    bands = ["".join(letters) for letters in product("LH", repeat=axes)]
    names = []
    n_levels = setting.get("level", 1)
    for level in range(1, n_levels + 1):  # PyRadiomics counts from 1 whatever start_level is
        prefix = "wavelet" if level == 1 else f"wavelet{level}"
        names += [f"{prefix}-{band}" for band in bands[1:]]
    return [*names, f"{prefix}-{bands[0]}"]


def _column(block: str, image_name: str, feature_class: str, feature: str) -> RadiomicsColumn:
    group, image_words = _readable(image_name)
    code = f"{feature_class}_{feature}"
    ibsi_code = IBSI_CODES.get(code, "")
    return RadiomicsColumn(
        key=f"{image_name}_{code}",
        spec=FeatureSpec(
            column=f"{block}__{group}__{code}",
            block=block,
            family=f"{group} {feature_class}",
            role="baseline",
            ibsi_code=ibsi_code,
            ibsi_name=NAMES.get(ibsi_code, ""),
            unit=UNITS.get(code, "") if group == "original" else "",
            description=f"{feature} ({_CLASS_TITLES[feature_class]}) of the {image_words}.",
        ),
    )


def _readable(image_name: str) -> tuple[str, str]:
    """Return the column group and the words for one of PyRadiomics' image names."""
    if image_name == "original":
        return "original", "image"
    if image_name.startswith("log-sigma-"):
        number = image_name.removeprefix("log-sigma-").removesuffix("-mm-3D")
        number = number.removesuffix("-0")
        mm = number.replace("-", ".")
        return (
            f"log_sigma_{number.replace('-', '_')}_mm",
            f"Laplacian-of-Gaussian image, sigma {mm} mm",
        )
    group = image_name.replace("-", "_")
    if image_name.startswith("wavelet"):
        return group, f"wavelet band {image_name.split('-')[1]}"
    return group, f"{image_name} image"
