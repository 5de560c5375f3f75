import pytest

from tumor_response.exceptions import SettingsError
from tumor_response.features.radiomics.ibsi.settings import CONFIGURATIONS, IbsiSettings


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, "exactly one of bin_size and n_bins"),
        ({"bin_size": 25, "n_bins": 32}, "exactly one of bin_size and n_bins"),
        ({"bin_size": 0}, "bin_size"),
        ({"n_bins": 1}, "n_bins"),
        ({"bin_size": 25, "ivh_bin_size": 1, "ivh_n_bins": 10}, "exclude each other"),
        ({"bin_size": 25, "spacing_mm": (2, 2)}, "takes \\(z, y, x\\)"),
        ({"bin_size": 25, "spacing_mm": (2, 2, 2), "dimension": "2d"}, "takes \\(y, x\\)"),
        ({"bin_size": 25, "spacing_mm": (2, 0, 2)}, "spacing_mm"),
        ({"bin_size": 25, "resegmentation_range": (400, -500)}, "below the highest"),
        ({"bin_size": 25, "outlier_sigma": -3}, "outlier_sigma"),
        ({"bin_size": 25, "mask_threshold": 0}, "mask_threshold"),
        ({"bin_size": 25, "image_interpolation": "nearest"}, "image_interpolation"),
        ({"bin_sise": 25}, "did you mean 'bin_size'"),
    ],
)
def test_a_wrong_setting_is_named(wrong, named):
    with pytest.raises(SettingsError, match=named):
        IbsiSettings(**wrong)


@pytest.mark.parametrize("name", list(CONFIGURATIONS))
def test_a_configuration_survives_json(name):
    settings = CONFIGURATIONS[name]
    again = IbsiSettings.from_json(settings.to_json())
    assert again == settings
    assert again.sha256 == settings.sha256


def test_the_configurations_differ():
    assert len({settings.sha256 for settings in CONFIGURATIONS.values()}) == 5
