"""Random polygons against libraries that know nothing of ours, and what must hold for all."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib.path import Path as Outline

from tumor_response.imaging.dicom.contours.planes import NESTED_SHARE, combine
from tumor_response.imaging.dicom.contours.polygon import PATH_TOLERANCE, even_odd, on_path
from tumor_response.imaging.dicom.contours.trace import outlines

SHAPE = (17, 23)
Y, X = np.indices(SHAPE)
CENTRES = np.column_stack([X.ravel(), Y.ravel()]).astype(float)
POINTS = shapely.points(CENTRES)


def region(polygons: list[np.ndarray], exclusive: bool = False) -> np.ndarray:
    found = combine(polygons, SHAPE, exclusive=exclusive)
    whole = np.zeros(SHAPE, bool)
    whole[found.box] = found.mask
    return whole


def distance(polygon: np.ndarray) -> np.ndarray:
    """Distance of every voxel centre from the polygon's path."""
    ring = shapely.LinearRing(polygon)
    return shapely.distance(ring, POINTS).reshape(SHAPE)


def coordinates(step: float | None) -> st.SearchStrategy:
    """A vertex within or near the image: on a lattice of ``step``, or anywhere."""
    if step is None:
        return st.tuples(st.floats(-4, 26, width=32), st.floats(-4, 20, width=32))
    whole = st.tuples(st.integers(-4, 26), st.integers(-4, 20))
    return whole.map(lambda p: (p[0] * step, p[1] * step))


def rings(step: float | None, min_size: int = 3, max_size: int = 12) -> st.SearchStrategy:
    return st.lists(coordinates(step), min_size=min_size, max_size=max_size, unique=True).map(
        lambda points: np.array(points, float)
    )


@st.composite
def stars(draw: st.DrawFn) -> np.ndarray:
    """A polygon that does not cross itself: vertices by angle around a centre."""
    centre = draw(coordinates(None))
    n = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(0.5, 12), min_size=n, max_size=n))
    turn = draw(st.floats(0, 6.28))
    angle = turn + 2 * np.pi * np.arange(n) / n
    return np.array(centre) + np.column_stack([np.cos(angle), np.sin(angle)]) * np.c_[radii]


@settings(max_examples=300)
@given(polygon=stars())
def test_simple_polygons_against_shapely(polygon):
    clear = distance(polygon) > 10 * PATH_TOLERANCE
    truth = shapely.contains(shapely.Polygon(polygon), POINTS).reshape(SHAPE)
    np.testing.assert_array_equal(region([polygon])[clear], truth[clear])


@settings(max_examples=300)
@given(polygon=rings(1.0))
def test_vertices_on_voxel_centres_against_shapely(polygon):
    """Ties everywhere: a centre on the path is inside, as shapely's "covers" has it."""
    outline = shapely.Polygon(polygon)
    assume(outline.is_valid and outline.area > 0)
    truth = shapely.covers(outline, POINTS).reshape(SHAPE)
    np.testing.assert_array_equal(region([polygon]), truth)


@settings(max_examples=300)
@given(polygon=rings(None))
def test_polygons_that_cross_themselves_against_matplotlib(polygon):
    clear = distance(polygon) > 10 * PATH_TOLERANCE
    truth = Outline(np.vstack([polygon, polygon[:1]])).contains_points(CENTRES).reshape(SHAPE)
    np.testing.assert_array_equal(even_odd(polygon, SHAPE)[clear], truth[clear])


@settings(max_examples=200)
@given(polygon=rings(0.5))
def test_the_path_against_shapely(polygon):
    # clearly on it or clearly off it: on this lattice nothing lies between
    np.testing.assert_array_equal(on_path(polygon, SHAPE), distance(polygon) < 1e-9)


@settings(max_examples=200)
@given(polygons=st.lists(stars(), min_size=2, max_size=4))
def test_exclusive_contours_against_shapely(polygons):
    clear = np.min([distance(p) for p in polygons], axis=0) > 10 * PATH_TOLERANCE
    inside = [shapely.contains(shapely.Polygon(p), POINTS).reshape(SHAPE) for p in polygons]
    truth = np.logical_xor.reduce(inside)
    np.testing.assert_array_equal(region(polygons, exclusive=True)[clear], truth[clear])


@settings(max_examples=300)
@given(one=stars(), other=stars())
def test_a_pair_is_a_hole_or_a_union_as_shapely_sees_it(one, other):
    a, b = shapely.Polygon(one), shapely.Polygon(other)
    outer, inner = (a, b) if a.area >= b.area else (b, a)
    share = outer.intersection(inner).area / inner.area
    # apart from pairs so close to a limit that 128 samples per axis cannot tell
    assume(abs(share - NESTED_SHARE) > 0.01 or share == 1)
    assume(share < NESTED_SHARE or inner.area < 0.97 * outer.area)
    whole = outer.difference(inner) if share > NESTED_SHARE else outer.union(inner)
    clear = np.minimum(distance(one), distance(other)) > 10 * PATH_TOLERANCE
    truth = shapely.contains(whole, POINTS).reshape(SHAPE)
    np.testing.assert_array_equal(region([one, other])[clear], truth[clear])


@settings(max_examples=100)
@given(polygons=st.lists(stars(), min_size=1, max_size=5), data=st.data())
def test_order_start_and_direction_change_nothing(polygons, data):
    expected = region(polygons)
    others = []
    for polygon in data.draw(st.permutations(polygons)):
        rolled = np.roll(polygon, data.draw(st.integers(0, len(polygon))), axis=0)
        others.append(rolled[::-1] if data.draw(st.booleans()) else rolled)
    near = np.min([distance(p) for p in polygons], axis=0) < 10 * PATH_TOLERANCE
    np.testing.assert_array_equal(region(others)[~near], expected[~near])


@settings(max_examples=100)
@given(polygon=rings(0.5), scale=st.floats(1.1, 1e5))
def test_huge_contours_neither_fail_nor_leave_the_image(polygon, scale):
    whole = region([polygon * scale])
    assert whole.shape == SHAPE


@settings(max_examples=300)
@given(mask=npst.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
@pytest.mark.parametrize("exclusive", [True, False])
def test_a_mask_comes_back_from_its_outlines(exclusive, mask):
    traced = outlines(mask)
    if not mask.any():
        assert traced == []
        return
    found = combine(traced, mask.shape, exclusive=exclusive)
    back = np.zeros_like(mask)
    back[found.box] = found.mask
    np.testing.assert_array_equal(back, mask)
    assert found.n_on_path == found.nested == found.overlapping == found.repeated == 0


@settings(max_examples=200)
@given(mask=npst.arrays(bool, (9, 11)))
def test_outlines_enclose_the_area_of_the_pixels(mask):
    """Each outline alone, keyholes included, as a planning system measures it (shoelace)."""
    areas = [
        0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
        for x, y in (outline.T for outline in outlines(mask))
    ]
    assert all(area > 0 for area in areas)
    assert sum(areas) == pytest.approx(mask.sum())
