import itertools

import hypothesis
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.special import eval_legendre

from tests.unit.features.radiomics.ibsi.images import image_of, random_images
from tumor_response.features.radiomics.ibsi import spatial
from tumor_response.features.radiomics.ibsi.enclosing import (
    ellipsoid_area,
    ellipsoid_volume,
    enclosing_ellipsoid,
    oriented_box,
)
from tumor_response.features.radiomics.ibsi.morphology import morphology_features
from tumor_response.features.radiomics.ibsi.processing import IbsiImage
from tumor_response.features.radiomics.ibsi.spatial import autocorrelation_features
from tumor_response.features.radiomics.ibsi.surface import (
    outermost_vertices_mm,
    surface_area_mm2,
    surface_volume_mm3,
)
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.mesh_cells import cell_counts


def ball(radius, spacing_mm=(1.0, 1.0, 1.0)):
    n = [int(np.ceil(radius / step)) + 1 for step in spacing_mm]
    axes = [np.arange(-k, k + 1) * step for k, step in zip(n, spacing_mm, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2


class TestAutocorrelation:
    @given(random_images())
    def test_it_is_the_sum_over_all_pairs(self, image):
        found = autocorrelation_features(image)
        values = image.intensities
        if np.ptp(values) == 0:
            assert np.isnan(list(found.values())).all()
            return
        at = np.argwhere(image.intensity_mask) * np.array(image.spacing_mm)
        apart = np.linalg.norm(at[:, None] - at, axis=2)
        np.fill_diagonal(apart, np.inf)
        weight, away = 1 / apart, values - values.mean()
        n, squares = len(values), (away**2).sum()
        moran = n / weight.sum() * (weight * np.outer(away, away)).sum() / squares
        differences = (weight * (values[:, None] - values) ** 2).sum()
        geary = (n - 1) / (2 * weight.sum()) * differences / squares
        assert found["morph_moran_i"] == pytest.approx(moran, rel=1e-9, abs=1e-12)
        assert found["morph_geary_c"] == pytest.approx(geary, rel=1e-9, abs=1e-12)

    def test_in_parts_it_is_the_same(self, monkeypatch):
        rng = np.random.default_rng(3)
        image = image_of(rng.normal(size=(9, 8, 13)), rng.random((9, 8, 13)) < 0.4, (3.0, 1.0, 0.5))
        whole = autocorrelation_features(image)
        for size in (1, 2000):
            monkeypatch.setattr(spatial, "LARGEST_TRANSFORM", size)
            assert autocorrelation_features(image) == pytest.approx(whole, rel=1e-10)


class TestSurface:
    @given(random_images())
    def test_its_volume_is_the_closed_mesh_of_imaging(self, image):
        mask = sitk.GetImageFromArray(image.intensity_mask.astype(np.uint8))
        mask.SetSpacing(image.spacing_mm[::-1])
        found = surface_volume_mm3(cell_counts(image.intensity_mask), image.spacing_mm)
        assert found == pytest.approx(1000 * mesh_volume_cc(mask))

    @given(random_images())
    def test_turning_the_axes_turns_nothing_else(self, image):
        area = surface_area_mm2(cell_counts(image.intensity_mask), image.spacing_mm)
        for order in itertools.permutations(range(3)):
            turned = np.transpose(image.intensity_mask, order)[::-1]
            spacing_mm = tuple(image.spacing_mm[axis] for axis in order)
            assert surface_area_mm2(cell_counts(turned), spacing_mm) == pytest.approx(area)

    def test_one_voxel_is_an_octahedron(self):
        counts = cell_counts(np.ones((1, 1, 1), dtype=bool))
        assert surface_area_mm2(counts, (1.0, 1.0, 1.0)) == pytest.approx(3**0.5)
        a, b, c = 2.0, 3.0, 5.0
        face = 0.5 * np.linalg.norm(np.cross([-a / 2, b / 2, 0], [-a / 2, 0, c / 2]))
        assert surface_area_mm2(counts, (a, b, c)) == pytest.approx(8 * face)

    @pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.8)])
    def test_pyradiomics_finds_the_same_area_and_diameter(self, spacing_mm):
        from radiomics import cShape

        mask = ball(9.0, spacing_mm)
        mask[: len(mask) // 2, : mask.shape[1] // 2] = False  # edges that curve the other way
        area, volume, diameters = cShape.calculate_coefficients(
            np.pad(mask, 1).astype(np.int8), np.array(spacing_mm)
        )
        counts = cell_counts(mask)
        assert surface_volume_mm3(counts, spacing_mm) == pytest.approx(volume)
        assert surface_area_mm2(counts, spacing_mm) == pytest.approx(area)
        found = morphology_features(image_of(np.zeros(mask.shape), mask, spacing_mm))
        assert found["morph_diam"] == pytest.approx(diameters[3])

    @given(random_images())
    def test_the_outermost_corners_span_the_hull_of_all(self, image):
        inside = np.pad(image.intensity_mask, 1)
        corners = []
        for axis in range(3):
            at = np.argwhere(np.diff(inside.astype(np.int8), axis=axis)).astype(float) - 1
            at[:, axis] += 0.5
            corners.append(at * np.array(image.spacing_mm))
        expected = ConvexHull(np.concatenate(corners))
        found = ConvexHull(outermost_vertices_mm(image.intensity_mask, image.spacing_mm))
        assert found.volume == pytest.approx(expected.volume)
        assert found.area == pytest.approx(expected.area)


class TestEnclosing:
    @given(st.integers(0, 2**32 - 1), st.integers(4, 40))
    def test_the_ellipsoid_encloses_and_is_no_larger_than_the_box_or_ball(self, seed, n):
        points = np.random.default_rng(seed).normal(size=(n, 3)) * [1.0, 5.0, 20.0]
        volume = ellipsoid_volume(enclosing_ellipsoid(points))
        hull = ConvexHull(points)
        # John: within a factor of 3 in every direction of the hull itself
        assert hull.volume <= volume <= 27 * hull.volume * (1 + 1e-6)
        radius = np.linalg.norm(
            points - (points.max(axis=0) + points.min(axis=0)) / 2, axis=1
        ).max()
        assert volume <= ellipsoid_volume(np.full(3, radius)) * (1 + 1e-6)

    def test_points_of_an_ellipsoid_give_it_back(self):
        rng = np.random.default_rng(5)
        on_sphere = rng.normal(size=(400, 3))
        on_sphere /= np.linalg.norm(on_sphere, axis=1, keepdims=True)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        points = (on_sphere * [7.0, 4.0, 2.0]) @ turn + [100.0, -50.0, 3.0]
        assert enclosing_ellipsoid(points) == pytest.approx([7.0, 4.0, 2.0], rel=1e-6)

    @given(st.integers(0, 2**32 - 1))
    def test_the_box_is_turned_with_the_points(self, seed):
        rng = np.random.default_rng(seed)
        edges = np.sort(rng.uniform(1, 9, 3))
        corners = np.array(list(itertools.product(*[(0.0, edge) for edge in edges])))
        inner = rng.uniform(0, 1, (30, 3)) * edges
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        found = oriented_box(np.concatenate([corners, inner]) @ turn)
        assert np.sort(found) == pytest.approx(edges, rel=1e-6)

    def test_the_area_is_the_manuals_series_which_is_not_the_ellipsoids(self):
        a, b, c = 5.0, 4.0, 3.5
        alpha, beta = (1 - b**2 / a**2) ** 0.5, (1 - c**2 / a**2) ** 0.5
        n = np.arange(21)
        x = (alpha**2 + beta**2) / (2 * alpha * beta)
        terms = (alpha * beta) ** n / (1 - 4.0 * n**2) * eval_legendre(n, x)
        assert ellipsoid_area(np.array([c, a, b])) == pytest.approx(4 * np.pi * a * b * terms.sum())
        assert ellipsoid_area(np.full(3, 2.0)) == pytest.approx(16 * np.pi)
        eccentricity = 0.6
        oblate = 2 * np.pi * 25 * (1 + 0.64 / eccentricity * np.arctanh(eccentricity))
        assert ellipsoid_area(np.array([5.0, 5.0, 4.0])) > 1.05 * oblate

    def test_a_flat_ellipsoid_has_no_area_to_divide_by(self):
        assert np.isnan(ellipsoid_area(np.array([2.0, 1.0, 0.0])))


class TestMorphology:
    def test_a_ball_is_round(self):
        mask = ball(20.0)
        found = morphology_features(image_of(np.arange(mask.size).reshape(mask.shape), mask))
        sphere = 4 / 3 * np.pi * 20**3
        for name in ("morph_volume", "morph_vol_approx"):
            assert found[name] == pytest.approx(sphere, rel=0.01)
        for name in ("morph_pca_elongation", "morph_pca_flatness"):
            assert found[name] == pytest.approx(1, abs=0.02)
        assert 0.95 < found["morph_vol_dens_conv_hull"] < 1  # steps between voxels are hollows
        for name in ("maj", "min", "least"):
            # a solid ball's variance along an axis is r^2 / 5
            expected = 4 * 20 / 5**0.5
            assert found[f"morph_pca_{name}_axis"] == pytest.approx(expected, rel=0.01)
        assert found["morph_diam"] == pytest.approx(41, abs=0.5)
        # the surface reaches half a voxel beyond the outermost centres
        assert found["morph_vol_dens_mvee"] == pytest.approx((20 / 20.5) ** 3, rel=0.01)

    def test_a_box_fills_its_box(self):
        mask = np.ones((30, 20, 40), dtype=bool)
        found = morphology_features(image_of(np.zeros(mask.shape), mask, (1.0, 2.0, 0.5)))
        for name in ("vol_dens_aabb", "area_dens_aabb", "vol_dens_ombb", "vol_dens_conv_hull"):
            assert found[f"morph_{name}"] == pytest.approx(1, abs=0.02)
        assert found["morph_pca_maj_axis"] == pytest.approx(4 * 40 / 12**0.5, rel=0.01)

    def test_one_voxel(self):
        found = morphology_features(image_of([[[5.0]]], spacing_mm=(3.0, 1.0, 1.0)))
        assert found["morph_vol_approx"] == 3.0
        assert found["morph_volume"] == pytest.approx(0.5)
        assert found["morph_diam"] == 3.0
        assert found["morph_pca_maj_axis"] == 0.0
        assert found["morph_com"] == 0.0
        assert found["morph_vol_dens_conv_hull"] == pytest.approx(1)
        undefined = {name for name, value in found.items() if np.isnan(value)}
        assert undefined == {
            "morph_pca_elongation",
            "morph_pca_flatness",
            "morph_vol_dens_aee",
            "morph_area_dens_aee",
            "morph_moran_i",
            "morph_geary_c",
        }

    def test_a_region_one_voxel_thick_has_no_enclosing_ellipsoid_of_its_variance(self):
        found = morphology_features(image_of(np.arange(20.0).reshape(1, 4, 5)))
        assert found["morph_pca_least_axis"] == 0.0
        assert found["morph_pca_flatness"] == 0.0
        assert np.isnan(found["morph_vol_dens_aee"])
        assert np.isfinite(found["morph_vol_dens_mvee"])

    def test_intensities_outside_of_the_intensity_mask_do_not_count(self):
        rng = np.random.default_rng(7)
        values, mask = rng.normal(size=(6, 6, 6)) + 5, np.ones((6, 6, 6), dtype=bool)
        counted = rng.random(mask.shape) < 0.7
        other = np.where(counted, values, 1e9)
        found, again = (
            morphology_features(IbsiImage(v, mask, counted, (1.0, 1.0, 1.0)))
            for v in (values, other)
        )
        assert found == pytest.approx(again)
        assert found["morph_integ_int"] == pytest.approx(
            found["morph_volume"] * values[counted].mean()
        )

    @hypothesis.settings(max_examples=40)
    @given(random_images())
    def test_where_it_lies_and_how_it_is_turned_does_not_matter(self, image):
        assume(np.abs(image.intensities.sum()) > 1)
        turned = IbsiImage(
            np.pad(image.values.transpose(2, 0, 1)[:, ::-1], 2),
            *[np.pad(image.intensity_mask.transpose(2, 0, 1)[:, ::-1], 2)] * 2,
            tuple(image.spacing_mm[axis] for axis in (2, 0, 1)),
        )
        # which of several boxes of one volume is taken, and with it its area, is left open
        found, again = (
            {k: v for k, v in morphology_features(i).items() if k != "morph_area_dens_ombb"}
            for i in (image, turned)
        )
        assert found == pytest.approx(again, rel=1e-6, abs=1e-6, nan_ok=True)

    def test_the_centre_of_intensities_may_not_exist(self):
        found = morphology_features(image_of([[[-1.0, 1.0]]]))
        assert np.isnan(found["morph_com"])
