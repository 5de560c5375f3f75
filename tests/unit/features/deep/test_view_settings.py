from __future__ import annotations

import pytest

import tumor_response as tr
from tumor_response.exceptions import SettingsError
from tumor_response.features.deep.views import WINDOWS_HU, Augmentation, AugmentationDraw

EVERY_CHOICE = [
    {},
    {"slices": "largest"},
    {"slices": "all", "plane": "coronal"},
    {"slices": "orthogonal"},
    {"n_slices": 3, "neighbours_mm": 5},
    {"field_of_view_mm": 96},
    {"field_of_view_mm": 96, "if_larger": "scale"},
    {"tumour_share": 0.5},
    {"masking": "tumour", "rim_mm": 5, "fill_value": -1000},
    {"masking": "context"},
    {"window_hu": "lung"},
    {"window_hu": ("soft_tissue", "bone", "lung")},
    {"window_hu": ((0, 1), (2, 3.5), "lung")},
    {"percentiles": (1, 99)},
    {"percentiles": (1, 99), "percentiles_of": "tumour"},
    {"suv": (0, 10), "padding_value": 0},
]


@pytest.mark.parametrize("values", EVERY_CHOICE)
def test_json_round_trip_and_hash(values: dict) -> None:
    settings = tr.ViewSettings(**values)
    again = tr.ViewSettings.from_json(settings.to_json())
    assert again == settings
    assert again.sha256 == settings.sha256
    assert tr.ViewSettings(**settings.model_dump(mode="json")) == settings


def test_every_choice_has_another_hash() -> None:
    assert len({tr.ViewSettings(**v).sha256 for v in EVERY_CHOICE}) == len(EVERY_CHOICE)


def test_defaults_keep_their_meaning() -> None:
    settings = tr.ViewSettings()
    assert (settings.slices, settings.n_slices, settings.plane) == ("equally_spaced", 5, "axial")
    assert (settings.margin_mm, settings.field_of_view_mm) == (10.0, None)
    assert settings.window_hu == (-160.0, 240.0)
    assert settings.n_channels == 1
    wide = tr.ViewSettings(field_of_view_mm=96)
    assert (wide.margin_mm, wide.if_larger) == (None, "refuse")


def test_names_are_recorded_as_numbers() -> None:
    assert tr.ViewSettings(window_hu="bone") == tr.ViewSettings(window_hu=WINDOWS_HU["bone"])
    three = tr.ViewSettings(window_hu=("soft_tissue", "bone", "lung"))
    assert three.windows_hu == tuple(WINDOWS_HU[n] for n in ("soft_tissue", "bone", "lung"))
    # centre and width, as a radiologist names them
    for name, (centre, width) in {
        "soft_tissue": (40, 400),
        "bone": (400, 1800),
        "lung": (-600, 1500),
    }.items():
        assert WINDOWS_HU[name] == (centre - width / 2, centre + width / 2)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"n_slices": 0}, "greater than or equal to 1"),
        ({"slices": "largest", "n_slices": 3}, "n_slices belongs to slices='equally_spaced'"),
        ({"slices": "orthogonal", "plane": "axial"}, "plane belongs to other slices"),
        ({"slices": "some"}, "equally_spaced"),
        ({"plane": "oblique"}, "axial"),
        ({"margin_mm": -1}, "greater than or equal to 0"),
        ({"margin_mm": 5, "field_of_view_mm": 96}, "margin_mm and field_of_view_mm exclude"),
        ({"tumour_share": 0}, "greater than 0"),
        ({"tumour_share": 1.5}, "less than or equal to 1"),
        ({"if_larger": "scale"}, "if_larger belongs to field_of_view_mm"),
        ({"field_of_view_mm": 96, "if_larger": "cut"}, "refuse"),
        ({"rim_mm": 5}, "rim_mm belongs to masking"),
        ({"fill_value": 0}, "fill_value belongs to masking"),
        ({"window_hu": (100, 100)}, "first value must be below"),
        ({"window_hu": ((0, 1), (3, 2), (0, 1))}, "first value must be below"),
        ({"window_hu": "lungs"}, "'lungs' is none of soft_tissue, bone, lung"),
        ({"window_hu": ("lung", "bone")}, "window_hu"),
        ({"window_hu": (0, 1), "suv": (0, 5)}, "window_hu and suv exclude each other"),
        ({"percentiles": (99, 1)}, "first value must be below"),
        ({"percentiles": (-1, 99)}, "0 <= first"),
        ({"percentiles_of": "image"}, "percentiles_of belongs to percentiles"),
        ({"suv": (0, float("inf"))}, "finite"),
        (
            {"neighbours_mm": 3, "window_hu": ("lung", "bone", "lung")},
            "neighbours_mm takes the three channels",
        ),
        ({"max_tilt_degrees": 60}, "less than or equal to 45"),
        ({"window": (0, 1)}, "'window' is not a setting"),
    ],
)
def test_contradictions_are_refused(values: dict, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        tr.ViewSettings(**values)


def test_draws_are_records_that_can_be_kept() -> None:
    for draw in Augmentation(n_draws=5, seed=3).draws():
        assert AugmentationDraw(**draw.model_dump(mode="json")) == draw
        assert AugmentationDraw.from_json(draw.to_json()) == draw


@pytest.mark.parametrize(
    "values",
    [{"n_draws": 0}, {"seed": -1}, {"shift_mm": -1}, {"rotation_degrees": 181}, {"angle": 3}],
)
def test_augmentation_is_validated(values: dict) -> None:
    with pytest.raises(SettingsError):
        Augmentation(**values)
