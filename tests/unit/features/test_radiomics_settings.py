from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import yaml
from radiomics import getFeatureClasses

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError, SettingsError, TumorResponseError
from tumor_response.features.radiomics import PRESETS
from tumor_response.features.radiomics.codes import IBSI_CODES, UNITS
from tumor_response.features.radiomics.columns import columns_of
from tumor_response.features.radiomics.fast.engine import execute


def test_preset_of_the_definitions() -> None:
    settings = tr.Radiomics("head_neck_ct").settings
    assert settings.setting["binWidth"] == 25
    assert settings.setting["resampledPixelSpacing"] == (1, 1, 1)
    groups = {c.spec.column.split("__")[1] for c in columns_of(settings, "radiomics")}
    assert groups == {
        "original",
        *(f"log_sigma_{i}_mm" for i in range(1, 6)),
        *(f"wavelet_{a}{b}{c}" for a in "LH" for b in "LH" for c in "LH"),
    }
    assert len(tr.Radiomics("head_neck_ct").feature_specs()) >= 1200


@pytest.mark.parametrize(
    "parts",
    [
        {"imageType": {"Original": {}, "Wavelet": {"level": 2}}},
        {"imageType": {"Wavelet": {"start_level": 1, "level": 2}}},
        {"imageType": {"LoG": {"sigma": [0.5, 2, 2.5]}}, "featureClass": {"firstorder": None}},
        {"imageType": {t: {} for t in ("Square", "SquareRoot", "Logarithm", "Exponential")}},
        {"imageType": {"Gradient": {}}, "featureClass": {"glcm": ["Contrast", "Idm"]}},
        {
            "imageType": {"Original": {}, "Wavelet": {}},
            "setting": {"force2D": True, "force2Ddimension": 0},
            "featureClass": {"firstorder": [], "glrlm": []},
        },
    ],
)
def test_columns_from_settings_are_exactly_what_pyradiomics_gives(
    tmp_path: Path, parts: dict
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(parts))
    settings = tr.RadiomicsSettings.from_pyradiomics_file(path)
    given = settings.build().execute(cases.image(), cases.mask())
    named = [column.key for column in columns_of(settings, "radiomics")]
    assert sorted(given) == sorted(named)
    columns = [column.spec.column for column in columns_of(settings, "radiomics")]
    assert len(set(columns)) == len(columns)


def test_every_feature_that_can_be_asked_for_is_computed_or_refused() -> None:
    slab = cases.mask()
    slab[:, :, :6] = 0
    slab[:, :, 7:] = 0
    for name, known in getFeatureClasses().items():
        for feature, deprecated in known.getFeatureNames().items():
            fields = {
                "feature_classes": {name: [feature]},
                "setting": {"force2D": name == "shape2D"},
            }
            if deprecated and name in ("glcm", "gldm"):
                with pytest.raises(SettingsError, match="no longer computed"):
                    tr.RadiomicsSettings(**fields)
            else:
                settings = tr.RadiomicsSettings(**fields)
                given = execute(cases.image(), slab, settings.parameters())
                assert f"original_{name}_{feature}" in given


def test_order_of_columns_does_not_depend_on_the_image() -> None:
    radiomics = tr.Radiomics("minimal")
    values = radiomics.extract(cases.baseline()).values
    assert set(values) == {spec.column for spec in radiomics.feature_specs()}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"setting": {"binWidht": 25}}, "binWidht"),
        ({"setting": {"binWidth": -1}}, "binWidth"),
        ({"image_types": {"Gabor": {}}}, "Gabor"),
        ({"feature_classes": {"glcmm": []}}, "glcmm"),
        ({"feature_classes": {"glcm": ["Contrst"]}}, "Contrst"),
        ({"setting": {"label": 2}}, "mask_label"),
        ({"feature_classes": {"shape2D": []}}, "force2D"),
        ({"bin_width": 25}, "'bin_width' is not a setting"),
        ({"image_types": {"Original": {}, "LoG": {}}}, "LoG has no sigma"),
        ({"image_types": {"LoG": {"sigma": []}}}, "LoG has no sigma"),
        ({"feature_classes": {"glcm": ["Contrast", "Homogeneity1"]}}, r"ask for glcm\.Id,"),
        ({"feature_classes": {"gldm": ["DependencePercentage"]}}, "is 1 for every region"),
    ],
)
def test_what_pyradiomics_does_not_know_is_refused_before_the_first_voxel(
    fields: dict, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        tr.RadiomicsSettings(**fields)


def test_parameter_file_faults(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such parameter file"):
        tr.Radiomics(tmp_path / "no.yaml")
    path = tmp_path / "p.yaml"
    path.write_text("setting: [")
    with pytest.raises(SettingsError, match="not YAML"):
        tr.Radiomics(path)
    path.write_text("imageType: [Original]\n")
    with pytest.raises(SettingsError, match="image_types"):
        tr.Radiomics(path)
    path.write_text("settings:\n  binWidth: 25\n")
    with pytest.raises(SettingsError, match="settings not understood"):
        tr.Radiomics(path)


def test_unknown_preset_and_engine() -> None:
    with pytest.raises(SettingsError, match=r"head_neck_ct, lung_ct.*minimal, ibsi_a"):
        tr.Radiomics("head_neck")
    with pytest.raises(SettingsError, match="engine='fastest'"):
        tr.Radiomics("minimal", engine="fastest")
    for wrong in (None, {"binWidth": 25}):
        with pytest.raises(SettingsError, match="expected a preset's name"):
            tr.Radiomics(wrong)


def test_settings_and_presets_cannot_be_changed_afterwards() -> None:
    settings = tr.RadiomicsSettings(setting={"resampledPixelSpacing": [1.0, 1.0, 1.0]})
    before = settings.sha256
    with pytest.raises(SettingsError, match="cannot be changed"):
        settings.setting["binWidth"] = 10
    with pytest.raises(TypeError):
        settings.setting["resampledPixelSpacing"][0] = 3.0
    with pytest.raises(SettingsError, match="cannot be changed"):
        PRESETS["minimal"]["setting"].update(binWidth=10)
    settings.parameters()["setting"]["binWidth"] = 10
    assert settings.sha256 == before
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_given_dictionary_stays_the_callers_own() -> None:
    mine = {"resampledPixelSpacing": [1.0, 1.0, 1.0]}
    settings = tr.RadiomicsSettings(setting=mine)
    before = settings.sha256
    mine["resampledPixelSpacing"][0] = 3.0
    assert settings.sha256 == before


def test_image_type_whose_package_is_missing_is_refused_not_left_out(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "skimage.feature", None)
    with pytest.raises(SettingsError, match=r"LBP2D with skimage.*engine='fast'"):
        tr.Radiomics(tr.RadiomicsSettings(image_types={"LBP2D": {}}), engine="pyradiomics")


def test_fast_engine_needs_no_package_for_local_binary_patterns(monkeypatch) -> None:
    for package in ("skimage", "skimage.feature", "trimesh"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    settings = tr.RadiomicsSettings(
        image_types={"LBP2D": {}, "LBP3D": {}}, feature_classes={"firstorder": ["Mean"]}
    )
    values = tr.Radiomics(settings).extract(cases.baseline())
    assert len(values.values) == 4
    assert not values.shortfalls


def test_hash_follows_the_settings() -> None:
    a, b = tr.Radiomics("minimal"), tr.Radiomics("minimal")
    assert a.settings.sha256 == b.settings.sha256
    changed = {**PRESETS["minimal"], "setting": {**PRESETS["minimal"]["setting"], "binWidth": 24}}
    assert tr.RadiomicsSettings(**changed).sha256 != a.settings.sha256
    again = tr.RadiomicsSettings.from_json(a.settings.to_json())
    assert again == a.settings


def test_ibsi_codes_are_unique_and_named_after_features_that_exist() -> None:
    from radiomics import getFeatureClasses

    known = {
        f"{name}_{feature}"
        for name, kind in getFeatureClasses().items()
        for feature in kind.getFeatureNames()
    }
    assert set(IBSI_CODES) <= known
    assert set(UNITS) <= known
    assert len(set(IBSI_CODES.values())) == len(IBSI_CODES)
    assert all(len(code) == 4 and code == code.upper() for code in IBSI_CODES.values())


def test_region_without_a_voxel_on_the_settings_grid_is_a_feature_error() -> None:
    from tumor_response.cohort import BaselineCase

    mask = cases.empty_mask()
    mask[3, 3, 3] = mask[14, 14, 9] = 1  # an axis along which all are in one layer stays as it is
    case = BaselineCase("P", "1", cases.image(), mask)
    settings = tr.RadiomicsSettings(setting={"resampledPixelSpacing": [5.0, 5.0, 5.0]})
    with pytest.raises(FeatureError, match="not present in mask") as caught:
        tr.Radiomics(settings).extract(case)
    assert caught.value.code == "roi_too_small"
    assert isinstance(caught.value, TumorResponseError)


def test_constant_region_has_columns_with_a_reason() -> None:
    from tumor_response.cohort import BaselineCase

    flat = cases.image() * 0 + 40
    radiomics = tr.Radiomics("minimal")
    got = radiomics.extract(BaselineCase("P", "1", flat, cases.mask()))
    missing = len(radiomics.feature_specs()) - len(got.values)
    assert missing == sum(s.n_columns_missing for s in got.shortfalls)
