import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.unit.features.radiomics.ibsi.images import image_of, random_images
from tumor_response.exceptions import FeatureError
from tumor_response.features.radiomics.ibsi.histogram import (
    Discretised,
    discretise,
    histogram_features,
)
from tumor_response.features.radiomics.ibsi.ivh import ivh_features
from tumor_response.features.radiomics.ibsi.local_intensity import (
    PEAK_RADIUS_MM,
    local_intensity_features,
)
from tumor_response.features.radiomics.ibsi.morphology import morphology_features
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.ibsi.statistics import statistics_features

FLAT = image_of(np.full((1, 2, 3), 4.0))
ONE = image_of(np.full((1, 1, 1), -4.0))


def levels_of(*levels, n_levels):
    return Discretised(np.array(levels, dtype=np.int32).reshape(1, 1, -1), n_levels)


class TestStatistics:
    @given(random_images())
    def test_moments_are_scipys(self, image):
        values = image.intensities
        found = statistics_features(image)
        if np.ptp(values) > 0:
            assert found["stat_skew"] == pytest.approx(stats.skew(values), abs=1e-9)
            assert found["stat_kurt"] == pytest.approx(stats.kurtosis(values), abs=1e-9)
        assert found["stat_rms"] ** 2 == pytest.approx(found["stat_var"] + found["stat_mean"] ** 2)

    @pytest.mark.parametrize("image", [FLAT, ONE])
    def test_a_constant_has_no_spread(self, image):
        found = statistics_features(image)
        for name in ("var", "skew", "kurt", "iqr", "range", "mad", "rmad", "medad", "cov", "qcod"):
            assert found[f"stat_{name}"] == 0

    def test_what_divides_by_zero_is_not_a_number(self):
        found = statistics_features(image_of([[[-1.0, 1.0]]]))
        assert {name for name, value in found.items() if np.isnan(value)} == {
            "stat_cov",
            "stat_qcod",
            "stat_rmad",  # both voxels lie beyond the percentiles
        }


class TestHistogram:
    def test_bins_of_a_size_begin_at_the_range_or_at_the_minimum(self):
        image = image_of([[[-30.0, -5.1, -5.0, 20.0]]])
        free = discretise(image, IbsiSettings(bin_size=25))
        assert free.levels.ravel().tolist() == [1, 1, 2, 3]
        assert free.n_levels == 3
        upper = discretise(image, IbsiSettings(bin_size=25, resegmentation_range=(None, 400)))
        assert upper.levels.ravel().tolist() == [1, 1, 2, 3]
        bounded = discretise(image, IbsiSettings(bin_size=25, resegmentation_range=(-100, 400)))
        assert bounded.levels.ravel().tolist() == [3, 4, 4, 5]

    @given(random_images(), st.integers(2, 64))
    def test_a_number_of_bins_is_used_from_end_to_end(self, image, n_bins):
        found = discretise(image, IbsiSettings(n_bins=n_bins))
        levels = found.levels[image.intensity_mask]
        assert found.n_levels == n_bins
        assert levels.min() == 1
        assert levels.max() == (n_bins if np.ptp(image.intensities) > 0 else 1)
        assert (found.levels[~image.intensity_mask] == 0).all()
        assert found.levels.dtype == np.int32
        assert found.levels.flags.c_contiguous

    def test_the_wrong_unit_is_refused(self):
        image = image_of([[[0.0, 1e6]]])
        with pytest.raises(FeatureError, match="Choose a larger bin size") as caught:
            discretise(image, IbsiSettings(bin_size=0.1))
        assert caught.value.code == "too_many_grey_levels"

    @pytest.mark.parametrize(
        ("levels", "mode"),
        [((1, 1, 3, 3, 3), 3), ((1, 1, 2, 4, 4), 1), ((1, 1, 3, 3, 5, 5), 3), ((2, 4), 2)],
    )
    def test_the_mode_is_near_the_mean_and_then_low(self, levels, mode):
        assert histogram_features(levels_of(*levels, n_levels=5))["ih_mode"] == mode

    def test_gradients_count_empty_bins_and_the_first_of_equals(self):
        found = histogram_features(levels_of(1, 1, 1, 1, 4, n_levels=6))  # counts 4 0 0 1 0 0
        assert (found["ih_min_grad"], found["ih_min_grad_g"]) == (-4.0, 1.0)
        assert (found["ih_max_grad"], found["ih_max_grad_g"]) == (0.5, 3.0)

    def test_a_single_level(self):
        found = histogram_features(discretise(FLAT, IbsiSettings(bin_size=25)))
        assert found["ih_entropy"] == 0
        assert found["ih_uniformity"] == 1
        assert np.isnan(found["ih_max_grad"])
        bins = histogram_features(discretise(FLAT, IbsiSettings(n_bins=8)))
        assert (bins["ih_mean"], bins["ih_min_grad"]) == (1.0, -6.0)


class TestVolumeHistogram:
    @given(
        random_images(),
        st.sampled_from(
            [
                {},
                {"resegmentation_range": (-60, 70)},
                {"resegmentation_range": (None, 70), "ivh_bin_size": 2.5},
                {"resegmentation_range": (-60, 70), "ivh_bin_size": 2.5},
                {"ivh_n_bins": 7},
            ]
        ),
    )
    def test_it_is_what_its_definition_says(self, image, changed):
        settings = IbsiSettings(bin_size=1, **changed)
        values = image.intensities
        low, high = settings.resegmentation_range or (None, None)
        low, high = (values.min() if low is None else low), (values.max() if high is None else high)
        if settings.ivh_n_bins:
            values = discretise(image, IbsiSettings(n_bins=7)).levels[image.intensity_mask]
            grid = np.arange(1.0, 8.0)
        elif settings.ivh_bin_size:
            centres = (np.floor((values - low) / 2.5) + 0.5) * 2.5 + low
            n_bins = max(
                np.ceil((high - low) / 2.5), np.floor((image.intensities.max() - low) / 2.5) + 1
            )
            grid, values = low + 1.25 + 2.5 * np.arange(n_bins), centres
        else:
            grid = np.arange(low, high + 1.0)
        share = np.array([(values >= i).mean() for i in grid])
        found = ivh_features(image, settings)
        span = grid[-1] - grid[0]
        for name, part in (("ivh_v10", 0.1), ("ivh_v90", 0.9)):
            brighter = share[grid >= grid[0] + part * span - 1e-9]
            assert found[name] == pytest.approx(brighter.max())
        step = grid[1] - grid[0] if len(grid) > 1 else 1.0
        for name, part in (("ivh_i10", 0.1), ("ivh_i90", 0.9)):
            low_share = grid[share <= part + 1e-12]
            expected = low_share.min() if low_share.size else grid[-1] + step
            assert found[name] == pytest.approx(expected)
        if span > 0:
            assert found["ivh_auc"] == pytest.approx(np.trapezoid(share, grid) / span)

    def test_a_constant(self):
        found = ivh_features(FLAT, IbsiSettings(bin_size=1))
        assert (found["ivh_v10"], found["ivh_v90"], found["ivh_i10"]) == (1.0, 1.0, 5.0)
        assert np.isnan(found["ivh_auc"])

    def test_broken_numbers_need_bins(self):
        image = image_of([[[0.5, 1.0, 2.25]]])
        with pytest.raises(FeatureError, match="Set ivh_bin_size") as caught:
            ivh_features(image, IbsiSettings(n_bins=8))
        assert caught.value.code == "ivh_needs_bins"
        found = ivh_features(image, IbsiSettings(n_bins=8, ivh_bin_size=0.25))
        assert found["ivh_v90"] == pytest.approx(1 / 3)


class TestLocalIntensity:
    @hypothesis.settings(max_examples=40)
    @given(random_images(most=9))
    def test_it_is_the_mean_over_the_sphere(self, image):
        positions = np.argwhere(np.ones(image.values.shape)) * np.array(image.spacing_mm)
        means = []
        for centre in np.argwhere(image.intensity_mask) * np.array(image.spacing_mm):
            near = np.linalg.norm(positions - centre, axis=1) <= PEAK_RADIUS_MM
            means.append(image.values.ravel()[near].mean())
        found = local_intensity_features(image)
        brightest = image.intensities == image.intensities.max()
        assert found["loc_peak_glob"] == pytest.approx(max(means))
        assert found["loc_peak_loc"] == pytest.approx(np.array(means)[brightest].max())

    def test_one_voxel_in_its_surroundings(self):
        values = np.zeros((3, 3, 3))
        values[1, 1, 1] = 7.0
        found = local_intensity_features(image_of(values, values > 0, (6.0, 6.0, 6.0)))
        assert found["loc_peak_loc"] == pytest.approx(1.0)  # the centre and its six neighbours


@hypothesis.settings(max_examples=30)
@given(random_images())
def test_every_value_is_a_plain_number(image):
    settings = IbsiSettings(bin_size=1)
    found = {
        **statistics_features(image),
        **histogram_features(discretise(image, settings)),
        **ivh_features(image, settings),
        **local_intensity_features(image),
        **morphology_features(image),
    }
    assert {type(value) for value in found.values()} == {float}
    assert not any(np.isinf(value) for value in found.values())
