"""Fields, shapes and maps against what mathematics says they must be."""

import numpy as np
import pytest
from scipy import ndimage

from tumor_response.imaging.random_field import coarse_noise
from tumor_response.simulate.contour import observed
from tumor_response.simulate.deformation import deform, log_jacobian_map, radial_map, warp
from tumor_response.simulate.grid import Grid
from tumor_response.simulate.random_field import SphereFunction
from tumor_response.simulate.retreat import erode
from tumor_response.simulate.scanner import Scanner, scanner_of_site
from tumor_response.simulate.streams import stream
from tumor_response.simulate.tumour import Lesion, place_lesion, smallest

GRID = Grid((1.5, 1.5, 3.0))


def sphere(radius: float, centre=(20.0, -5.0, 3.0), grid: Grid = GRID) -> Lesion:
    """A ball with a flat field: every answer is known in closed form."""
    surface = SphereFunction(np.full((61, 120), radius))
    box = grid.box_around(centre, radius + 20.0)
    x, y, z = grid.axes(box)
    distance, direction = SphereFunction.angles((x - centre[0], y - centre[1], z - centre[2]))
    volume = 4 / 3 * np.pi * radius**3 / 1000
    mask = smallest(distance, round(volume / grid.voxel_cc), distance)
    allowed = np.ones(mask.shape, dtype=bool)
    flat = np.zeros(mask.shape, dtype=np.float32)
    return Lesion(grid, box, centre, surface, distance, direction, allowed, mask, flat)


def test_grid_is_centred_and_agrees_with_its_image() -> None:
    image = GRID.to_image(np.zeros(GRID.shape, dtype=np.int16))
    x, y, z = GRID.axes()
    corner = image.TransformIndexToPhysicalPoint((5, 7, 9))
    assert corner == pytest.approx((x[0, 0, 5], y[0, 7, 0], z[9, 0, 0]))
    assert (x.sum(), y.sum(), z.sum()) == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    box = GRID.box_around((10.0, -20.0, 15.0), 12.0)
    bx, by, bz = GRID.axes(box)
    at = GRID.index_of((bx, by, bz), box)
    np.testing.assert_allclose(at, np.indices(box.shape), atol=1e-4)


def test_coarse_noise_is_stationary_with_variance_one() -> None:
    rng = np.random.default_rng(0)
    draws = np.stack([coarse_noise(rng, (9, 30, 30), 8.0, (3.0, 1.5, 1.5)) for _ in range(600)])
    assert draws.mean() == pytest.approx(0.0, abs=0.05)
    variance = draws.var(axis=0)
    assert variance.mean() == pytest.approx(1.0, abs=0.05)
    # within sampling error everywhere: neither nodes nor borders stand out
    assert 0.75 < variance.min() < variance.max() < 1.3


def test_sphere_function_integrates_and_interpolates() -> None:
    weights = SphereFunction.solid_angles()
    directions = SphereFunction.directions()
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    for axis in range(3):  # the mean square of a unit vector's component is one third
        assert (weights * directions[..., axis] ** 2).sum() == pytest.approx(1 / 3, abs=1e-3)
    rng = np.random.default_rng(1)
    points = rng.normal(size=(3, 500)).astype(np.float32)
    distance, where = SphereFunction.angles((points[0], points[1], points[2]))
    np.testing.assert_allclose(distance, np.linalg.norm(points, axis=0), rtol=1e-5)
    for axis in range(3):
        seen = SphereFunction(directions[..., axis]).at(where)
        np.testing.assert_allclose(seen, points[axis] / distance, atol=2e-3)


def test_random_sphere_functions_have_variance_one() -> None:
    rng = np.random.default_rng(2)
    tables = np.stack([SphereFunction.random(rng, 0.6) for _ in range(300)])
    assert tables.mean() == pytest.approx(0.0, abs=4 * np.sqrt(0.5 / 300))
    assert tables.var(axis=0).mean() == pytest.approx(1.0, abs=0.06)


def test_a_lesion_with_flat_field_erodes_by_the_same_depth_everywhere() -> None:
    lesion = sphere(15.0)
    n_before = int(lesion.mask.sum())
    eroded = erode(lesion, n_before // 2)
    assert eroded.mask.sum() == n_before // 2
    expected = 15.0 * (1 - 0.5 ** (1 / 3))
    retreat = eroded.retreat_mm[lesion.mask]
    assert np.ptp(retreat) < 1e-5
    assert retreat[0] == pytest.approx(expected, abs=0.4)


def test_a_lesion_with_flat_field_grows_by_the_same_depth_everywhere() -> None:
    lesion = sphere(12.0)
    n_before = int(lesion.mask.sum())
    grown = erode(lesion, round(1.5 * n_before))
    retreat = grown.retreat_mm[lesion.mask]
    assert np.ptp(retreat) < 1e-5
    assert retreat[0] == pytest.approx(12.0 * (1 - 1.5 ** (1 / 3)), abs=0.4)


def test_erosion_to_the_same_volume_and_to_nothing() -> None:
    lesion = sphere(8.0)
    same = erode(lesion, int(lesion.mask.sum()))
    np.testing.assert_array_equal(same.mask, lesion.mask)
    assert not same.retreat_mm.any()
    assert not erode(lesion, 0).mask.any()


@pytest.mark.parametrize("remainder", [0.3, 0.7, 1.4])
def test_flat_field_deformation_is_a_uniform_scaling_inside(remainder: float) -> None:
    lesion = sphere(14.0)
    radial = radial_map(lesion, remainder)
    moved = 14.0 * remainder ** (1 / 3)
    np.testing.assert_allclose(radial.moved_surface_mm, moved, rtol=1e-4)
    log_jacobian = log_jacobian_map(lesion, radial)[lesion.box.slices]
    np.testing.assert_allclose(log_jacobian[lesion.mask], np.log(remainder), rtol=1e-4)
    n_after = round(remainder * lesion.mask.sum())
    deformed = deform(lesion, radial, n_after)
    assert deformed.mask.sum() == n_after
    np.testing.assert_allclose(deformed.retreat_mm[lesion.mask], 14.0 - moved, atol=1e-3)


@pytest.mark.parametrize("remainder", [0.5, 1.3])
def test_analytic_jacobian_equals_finite_differences_of_the_map(remainder: float) -> None:
    """The written log-Jacobian against differences of where points go, off the surface."""
    lesion = irregular(20.0)
    radial = radial_map(lesion, remainder)
    analytic = log_jacobian_map(lesion, radial)

    shift, reach, fade = radial.displacement_mm, radial.reach_mm, radial.fade_mm
    assert reach < 80
    centre = np.array(lesion.centre_mm)

    def moved(points: np.ndarray) -> np.ndarray:
        offset = points - centre
        distance, where = SphereFunction.angles(tuple(offset.T.astype(np.float32)))
        surface = lesion.surface_mm.at(where)
        u = np.clip((distance - surface) / fade, 0, 1)
        rho = distance - SphereFunction(shift).at(where) * (1 - u) ** 2 * (1 + 2 * u)
        return centre + offset * (rho / distance)[:, None]

    level = lesion.distance_mm / lesion.surface_mm.at(lesion.direction)
    chosen = np.argwhere((level > 1.25) & (level < 1.6))[::37]
    x, y, z = lesion.grid.axes(lesion.box)
    points = np.array([[x[0, 0, k], y[0, j, 0], z[i, 0, 0]] for i, j, k in chosen], dtype=float)
    step = 0.5
    columns = [
        (moved(points + step * np.eye(3)[a]) - moved(points - step * np.eye(3)[a])) / (2 * step)
        for a in range(3)
    ]
    determinant = np.linalg.det(np.stack(columns, axis=-1))
    written = analytic[lesion.box.slices][tuple(chosen.T)]
    np.testing.assert_allclose(np.log(determinant), written, atol=0.03)
    assert np.abs(written).max() > 0.1


def irregular(volume_cc: float) -> Lesion:
    return place_lesion(
        GRID, [(32.0, -4.0, 0.0)], [volume_cc], 0, 0.4, stream(0, "shape", 1), stream(0, "field", 1)
    )


@pytest.mark.parametrize("remainder", [0.4, 1.3])
def test_warping_carries_the_lesion_into_the_follow_up_mask(remainder: float) -> None:
    lesion = irregular(25.0)
    radial = radial_map(lesion, remainder)
    painted = np.zeros(GRID.shape, dtype=np.float32)
    painted[lesion.box.slices][lesion.mask] = 1.0
    after = deform(lesion, radial, round(remainder * lesion.mask.sum()))
    carried = warp(lesion, radial, painted)[lesion.box.slices] > 0.5
    dice = 2 * (carried & after.mask).sum() / (carried.sum() + after.mask.sum())
    assert dice > 0.95  # a quarter of a voxel at the border


def test_irregular_lesions_are_irregular_and_have_the_volume_of_their_surface() -> None:
    lesion = irregular(30.0)
    surface = lesion.surface_mm.table
    inside = (SphereFunction.solid_angles() * surface**3).sum() * 4 / 3 * np.pi / 1000
    assert inside == pytest.approx(30.0, rel=1e-4)
    assert surface.std() / surface.mean() > 0.05
    assert lesion.level[lesion.mask].max() == pytest.approx(1.0, abs=0.03)


def test_scanner_blur_has_its_width_and_noise_its_deviation() -> None:
    scanner = Scanner(pixel_mm=0.75, slice_thickness_mm=1.0, kernel_sigma_mm=1.5)
    point = np.zeros((21, 41, 41), dtype=np.float32)
    point[10, 20, 20] = 1.0
    seen = scanner.blur(point)
    along = seen.sum(axis=(0, 1))
    offset_mm = 0.75 * (np.arange(41) - 20)
    assert np.sqrt((along * offset_mm**2).sum()) == pytest.approx(1.5, rel=0.05)
    plain = Scanner(noise_sd_hu=11.0, hu_offset=-6.0)
    flat = np.full(plain.grid.shape, 40.0, dtype=np.float32)
    acquired = plain.acquire(flat, np.random.default_rng(0))
    assert acquired.dtype == np.int16
    acquired = acquired.astype(float)
    assert acquired.mean() == pytest.approx(34.0, abs=0.1)
    assert acquired.std() == pytest.approx(11.0, rel=0.01)
    neighbours = np.corrcoef(acquired[:, :, 1:].ravel(), acquired[:, :, :-1].ravel())[0, 1]
    assert 0.0 < neighbours < 0.5


def test_scanners_of_sites_differ_and_are_reproducible() -> None:
    scanners = [scanner_of_site(0, site, 4) for site in range(4)]
    assert len(set(scanners)) == 4
    assert scanners == [scanner_of_site(0, site, 4) for site in range(4)]


def test_observer_error_has_the_stated_deviation() -> None:
    lesion = sphere(16.0)
    radii = []
    for i in range(40):
        drawn = observed(lesion.mask, GRID.spacing_zyx, 1.5, np.random.default_rng(i))
        assert ndimage.label(drawn)[1] == 1
        # the drawn boundary along six directions from the centre, in pixels of 1.5 mm
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            steps = np.arange(0.0, 26.0, 0.25)
            points = np.stack(
                [
                    np.full_like(steps, lesion.centre_mm[2]),
                    lesion.centre_mm[1] + dy * steps,
                    lesion.centre_mm[0] + dx * steps,
                ]
            )
            at = GRID.index_of((points[2], points[1], points[0]), lesion.box)
            inside = ndimage.map_coordinates(drawn.astype(float), at, order=1) > 0.5
            radii.append(steps[inside].max())
    assert np.mean(radii) == pytest.approx(16.0, abs=0.5)
    assert np.std(radii) == pytest.approx(1.5, rel=0.25)


def test_observer_never_draws_nothing() -> None:
    single = np.zeros((9, 9, 9), dtype=bool)
    single[4, 4, 4] = True
    for i in range(20):
        drawn = observed(single, (3.0, 1.5, 1.5), 5.0, np.random.default_rng(i))
        assert drawn.any()
    empty = np.zeros((4, 4, 4), dtype=bool)
    assert not observed(empty, (3.0, 1.5, 1.5), 1.0, np.random.default_rng(0)).any()
