from __future__ import annotations

import pytest

from tumor_response.exceptions import SettingsError
from tumor_response.quality import ArtefactLimits, ExclusionRule, QualitySettings


def test_unknown_settings_are_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'min_volume_cc'"):
        QualitySettings(min_volumes_cc=2)
    with pytest.raises(SettingsError, match="metal_abov_hu"):
        ArtefactLimits(metal_abov_hu=3000)
    with pytest.raises(SettingsError, match="hu_rang"):
        ExclusionRule(hu_rang=(0, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_components": 0},
        {"min_volume_cc": -1},
        {"tissue_hu": (100, -100)},
        {"follow_up_days": (30, 10)},
        {"follow_up_days_count": "days"},
        {"max_air_percent": 101},
        {"intensities": "suv"},
        {"max_slice_thickness_mm": float("nan")},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        QualitySettings(**wrong)


def test_json_round_trip_keeps_nested_limits() -> None:
    settings = QualitySettings(artefacts=ArtefactLimits(metal_above_hu=2800), follow_up_days=(7, 9))
    assert QualitySettings.from_json(settings.to_json()) == settings
    assert settings.sha256 != QualitySettings().sha256
