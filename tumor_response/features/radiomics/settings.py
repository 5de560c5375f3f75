"""Radiomics settings: PyRadiomics' own three parts, validated by its own schema."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from tumor_response.exceptions import SettingsError
from tumor_response.settings import Settings, thawed

__all__ = ["RadiomicsSettings", "quiet_pyradiomics"]


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
        manifest's ``mask_label`` chooses the label), for two-dimensional shape without
        ``force2D``, and for what PyRadiomics would leave out in silence: ``LoG`` without
        ``sigma``, and features that it no longer computes.

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
        self._refuse_what_gives_nothing()
        self.build()
        return self

    def _refuse_what_gives_nothing(self) -> None:
        """Refuse what PyRadiomics takes and then leaves out of the result without an error."""
        own = self.image_types.get("LoG")
        if own is not None and not {**self.setting, **own}.get("sigma"):
            raise ValueError(
                "image_types.LoG has no sigma, so that there would be no such image: give the "
                "widths in mm, as in {'LoG': {'sigma': [1.0, 3.0]}}"
            )
        for name, instead in _NO_LONGER_COMPUTED.items():
            feature_class, feature = name.split(".")
            if feature in (self.feature_classes.get(feature_class) or ()):
                raise ValueError(
                    f"feature_classes.{name} is no longer computed by PyRadiomics: {instead}"
                )

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


_NO_LONGER_COMPUTED = {
    "glcm.Dissimilarity": "ask for glcm.DifferenceAverage, which is the same",
    "glcm.Homogeneity1": "ask for glcm.Id, which is the same",
    "glcm.Homogeneity2": "ask for glcm.Idm, which is the same",
    "glcm.SumVariance": "ask for glcm.ClusterTendency, which is the same",
    "gldm.GrayLevelNonUniformityNormalized": "ask for firstorder.Uniformity, which is the same",
    "gldm.DependencePercentage": "it is 1 for every region",
}
"""Features that PyRadiomics' schema knows, and what to ask for instead."""

_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


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
