"""Radiomics settings: PyRadiomics' own three parts, validated by its own schema, and presets."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from tumor_response.exceptions import SettingsError
from tumor_response.settings import Settings, frozen, thawed

__all__ = ["PRESETS", "RadiomicsSettings", "quiet_pyradiomics"]


class RadiomicsSettings(Settings):
    """What PyRadiomics is asked for, in PyRadiomics' own words.

    The three fields are the three parts of a PyRadiomics parameter file and are checked against
    its schema, so that a parameter file can be taken unchanged
    (:meth:`from_pyradiomics_file`) and an unknown key is refused.

    Parameters
    ----------
    image_types
        Image type -> its own settings, for example ``{"Original": {}, "LoG": {"sigma": [2.0]}}``.
        Empty means the original image.
    feature_classes
        Feature class -> list of feature names; an empty list or ``None`` means all of the class
        that are not deprecated. Empty means all classes.
    setting
        Everything else: ``binWidth``, ``resampledPixelSpacing`` (mm) ...

    Raises
    ------
    SettingsError
        For anything that PyRadiomics' schema does not know, for ``label`` other than 1 (the
        manifest's ``mask_label`` chooses the label) and for two-dimensional shape, which needs
        ``force2D``.

    Examples
    --------
    >>> import tumor_response as tr
    >>> settings = tr.RadiomicsSettings(setting={"binWidth": 25})
    >>> tr.RadiomicsSettings.from_json(settings.to_json()).sha256 == settings.sha256
    True
    """

    image_types: dict[str, dict[str, Any]] = {}
    feature_classes: dict[str, tuple[str, ...] | None] = {}
    setting: dict[str, Any] = {}

    @classmethod
    def from_pyradiomics_file(cls, path: str | Path) -> Self:
        """Read a PyRadiomics parameter file (YAML or JSON).

        ``voxelSetting`` concerns voxel-based maps and is refused; ``additionalInfo`` is dropped,
        since diagnostics are not features.
        """
        import yaml

        path = Path(path)
        if not path.is_file():
            raise SettingsError(f"{path}: no such parameter file.")
        try:
            parts = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not YAML ({error}).") from None
        names = {
            "imageType": "image_types",
            "featureClass": "feature_classes",
            "setting": "setting",
        }
        unknown = sorted(set(parts) - set(names)) if isinstance(parts, dict) else ["not a mapping"]
        if unknown:
            raise SettingsError(
                f"{path}: {', '.join(map(str, unknown))} not understood; a parameter file for a "
                "feature table has imageType, featureClass and setting."
            )
        fields = {names[key]: value or {} for key, value in parts.items()}
        if isinstance(fields.get("image_types"), dict):
            fields["image_types"] = {k: v or {} for k, v in fields["image_types"].items()}
        return cls(**fields)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.setting.get("label", 1) != 1 or "label_channel" in self.setting:
            raise ValueError("setting.label: the manifest's mask_label column chooses the label")
        if "shape2D" in self.feature_classes and not self.setting.get("force2D", False):
            raise ValueError("feature_classes.shape2D needs setting.force2D = true")
        _check_lbp(self.image_types)
        self.build()
        return self

    def parameters(self) -> dict[str, Any]:
        """Return the PyRadiomics parameter dictionary that is executed."""
        return {
            "imageType": thawed(self.image_types) or {"Original": {}},
            "featureClass": thawed(self.feature_classes) or {name: [] for name in _CLASSES},
            "setting": {**thawed(self.setting), "label": 1, "additionalInfo": False},
        }

    def build(self) -> Any:
        """Return a ``radiomics.featureextractor.RadiomicsFeatureExtractor`` with these settings."""
        from pykwalify.errors import PyKwalifyException
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        try:
            with quiet_pyradiomics():
                return RadiomicsFeatureExtractor(self.parameters())
        except PyKwalifyException as error:
            reasons = getattr(error, "errors", None) or [error.msg]
            raise SettingsError(
                "RadiomicsSettings: refused by PyRadiomics' schema: "
                + " ".join(str(reason) for reason in reasons)
            ) from None


_LBP_NEEDS = {
    "LBP2D": ["skimage.feature:local_binary_pattern"],
    "LBP3D": [
        "scipy.ndimage.interpolation:map_coordinates",
        "scipy.special:sph_harm",
        "trimesh.creation:icosphere",
    ],
}


def _check_lbp(image_types: Mapping[str, Any]) -> None:
    """Refuse local binary patterns that PyRadiomics would leave out for want of a package."""
    for image_type in image_types:
        for name in _LBP_NEEDS.get(image_type, []):
            module, attribute = name.split(":")
            try:
                getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                raise ValueError(
                    f"image_types.{image_type}: PyRadiomics computes it with {module}.{attribute}, "
                    f"which is not here ({error}); install scikit-image or trimesh, or leave the "
                    "image type out"
                ) from None


_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")

_CT_1_MM = {"binWidth": 25, "resampledPixelSpacing": [1.0, 1.0, 1.0], "interpolator": "sitkBSpline"}

PRESETS: Mapping[str, Mapping[str, Any]] = frozen(
    {
        "head_neck_ct": {
            "image_types": {
                "Original": {},
                "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]},
                "Wavelet": {},
            },
            "feature_classes": {name: [] for name in _CLASSES},
            "setting": _CT_1_MM,
        },
        "minimal": {
            "image_types": {"Original": {}},
            "feature_classes": {name: [] for name in _CLASSES},
            "setting": _CT_1_MM,
        },
    }
)
"""Named settings.

``head_neck_ct``: original, Laplacian of Gaussian at 1 to 5 mm and the eight wavelet bands of one
level; 1 mm isotropic voxels (B-spline), bins of 25 HU, every class. ``minimal``: the original
image alone, otherwise the same.
"""


@contextlib.contextmanager
def quiet_pyradiomics() -> Iterator[None]:
    """Keep PyRadiomics and pykwalify from writing to standard error; failures are rows."""
    loggers = [logging.getLogger(name) for name in ("radiomics", "pykwalify.core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
