"""Which engine and whose definitions: what is resolved, translated, refused, and on the columns."""

from __future__ import annotations

import pickle

import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import SettingsError
from tumor_response.features.radiomics import CITATIONS, PRESETS
from tumor_response.features.radiomics.ibsi.settings import CONFIGURATIONS
from tumor_response.features.radiomics.ibsi.translate import ibsi_settings_of


@pytest.mark.parametrize("name", [*PRESETS, *CONFIGURATIONS])
def test_every_preset_gives_all_its_columns_and_says_where_it_is_from(name: str) -> None:
    radiomics = tr.Radiomics(name)
    values = radiomics.extract(cases.baseline())
    assert set(values.values) == {spec.column for spec in radiomics.feature_specs()}
    assert not values.shortfalls
    assert "20" in CITATIONS[name] or "head_neck_ct" in CITATIONS[name]


def test_convention_follows_the_settings_or_is_asked_for() -> None:
    assert tr.Radiomics("minimal").convention == "pyradiomics"
    assert tr.Radiomics("ibsi_c").convention == "ibsi"
    asked = tr.Radiomics("minimal", convention="ibsi")
    assert asked.convention == "ibsi"
    assert isinstance(asked.settings, tr.IbsiSettings)
    assert tr.Radiomics(CONFIGURATIONS["ibsi_a"]).settings == tr.Radiomics("ibsi_a").settings


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"engine": "fastest"}, "engine='fastest'"),
        ({"convention": "IBSI"}, "convention='IBSI'"),
        ({"settings": "ibsi_a", "convention": "pyradiomics"}, "needs RadiomicsSettings"),
        ({"settings": "ibsi_a", "engine": "pyradiomics"}, "needs engine='fast'"),
        ({"convention": "ibsi", "engine": "pyradiomics"}, "needs engine='fast'"),
        ({"settings": "head_neck_ct", "convention": "ibsi"}, "image type LoG, image type Wavelet"),
        ({"settings": "ibsi_f"}, "neither a preset"),
    ],
)
def test_what_does_not_exist_is_refused_before_the_run(
    arguments: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        tr.Radiomics(**{"settings": "minimal", **arguments})


def test_engine_and_convention_are_part_of_the_identity() -> None:
    identities = [
        tr.Radiomics("minimal").identity(),
        tr.Radiomics("minimal", engine="pyradiomics").identity(),
        tr.Radiomics("minimal", convention="ibsi").identity(),
    ]
    settings = [{k: v for k, v in i.items() if k != "versions"} for i in identities]
    assert settings[0] != settings[1] != settings[2] != settings[0]
    assert "numba" in identities[0]["versions"]
    assert "numba" not in identities[1]["versions"]


def test_columns_of_the_two_conventions_cannot_be_mistaken() -> None:
    ours = {spec.column for spec in tr.Radiomics("minimal").feature_specs()}
    ibsis = {spec.column for spec in tr.Radiomics("minimal", convention="ibsi").feature_specs()}
    assert not ours & ibsis
    assert all(column.startswith("radiomics__ibsi__") for column in ibsis)


def test_columns_carry_ibsis_code_and_name() -> None:
    specs = {spec.column: spec for spec in tr.Radiomics("minimal").feature_specs()}
    joint_maximum = specs["radiomics__original__glcm_MaximumProbability"]
    assert (joint_maximum.ibsi_code, joint_maximum.ibsi_name) == ("GYBY", "Joint maximum")
    assert specs["radiomics__original__glcm_MCC"].ibsi_name == ""
    ibsis = {spec.column: spec for spec in tr.Radiomics("ibsi_c").feature_specs()}
    merged = ibsis["radiomics__ibsi__cm_joint_max_3D_comb"]
    assert (merged.ibsi_code, merged.ibsi_name) == ("GYBY", "Joint maximum")
    assert "IAZD" in merged.description


def test_translation() -> None:
    settings = tr.RadiomicsSettings(
        setting={
            "resampledPixelSpacing": [1, 2, 3],
            "interpolator": "sitkLinear",
            "binCount": 32,
            "resegmentRange": [3, -3],
            "resegmentMode": "sigma",
        }
    )
    found = ibsi_settings_of(settings)
    assert found.spacing_mm == (3.0, 2.0, 1.0)
    assert found.image_interpolation == "linear"
    assert (found.n_bins, found.bin_size, found.outlier_sigma) == (32, None, 3.0)
    flat = {"force2D": True, "resampledPixelSpacing": [2, 3, 0], "resegmentRange": [-500, 400]}
    found = ibsi_settings_of(tr.RadiomicsSettings(setting=flat))
    assert (found.dimension, found.spacing_mm) == ("2d", (3.0, 2.0))
    assert found.resegmentation_range == (-500.0, 400.0)
    assert (found.bin_size, found.round_intensities) == (25.0, True)
    uptake = {"binWidth": 0.5, "resampledPixelSpacing": [2, 2, 2]}
    found = ibsi_settings_of(tr.RadiomicsSettings(setting=uptake))
    assert not found.round_intensities
    assert found.ivh_n_bins == 1000


@pytest.mark.parametrize("setting", [{"binWidth": 0.5}, {"binCount": 16}, {"binWidth": 25}])
@pytest.mark.parametrize("spacing", [{}, {"resampledPixelSpacing": [2, 2, 2]}])
def test_translated_settings_work_on_intensities_that_are_no_whole_numbers(
    setting: dict[str, object], spacing: dict[str, object]
) -> None:
    image = sitk.Cast(cases.image(), sitk.sitkFloat64) * 0.3 + 0.1
    case = BaselineCase("P1", "1", image, cases.mask())
    settings = tr.RadiomicsSettings(setting={**setting, **spacing})
    values = tr.Radiomics(settings, convention="ibsi").extract(case)
    # bins of 25 leave one: a histogram without gradients, told as a shortfall
    undefined = sum(shortfall.n_columns_missing for shortfall in values.shortfalls)
    assert undefined == (4 if len(values.values) < 215 else 0)
    assert len(values.values) + undefined == 215


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"setting": {"normalize": True}}, "normalize"),
        ({"setting": {"distances": [1, 2]}}, "distances"),
        ({"setting": {"weightingNorm": "euclidean"}}, "weightingNorm"),
        ({"setting": {"voxelArrayShift": 100}}, "voxelArrayShift"),
        ({"setting": {"force2D": True, "force2Ddimension": 1}}, "axial"),
        ({"setting": {"resampledPixelSpacing": [0, 1, 1]}}, "resampledPixelSpacing of 0"),
        ({"setting": {"resegmentRange": [-2, 3], "resegmentMode": "sigma"}}, "resegmentMode"),
        (
            {"setting": {"resampledPixelSpacing": [1, 1, 1], "interpolator": "sitkGaussian"}},
            "sitkGaussian",
        ),
        ({"image_types": {"Original": {"binWidth": 5}}}, "binWidth of the image type Original"),
        ({"feature_classes": {"glcm": ["Contrast"]}}, "single features of glcm"),
    ],
)
def test_what_ibsi_has_no_counterpart_for_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        tr.Radiomics(tr.RadiomicsSettings(**fields), convention="ibsi")


def test_neutral_settings_translate() -> None:
    written_out = {"normalize": False, "distances": [1], "padDistance": 10, "gldm_a": 0}
    assert ibsi_settings_of(tr.RadiomicsSettings(setting=written_out)).bin_size == 25


def test_an_extractor_travels_to_a_worker() -> None:
    for radiomics in (tr.Radiomics("minimal"), tr.Radiomics("ibsi_a")):
        sent = pickle.loads(pickle.dumps(radiomics))
        assert sent.identity() == radiomics.identity()
        assert sent.extract(cases.baseline()).values == radiomics.extract(cases.baseline()).values
