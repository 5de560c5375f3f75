from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views import Augmentation, cut_views, plot_views


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


EVERY = [
    {"n_slices": 3},
    {"slices": "all"},
    {"slices": "largest", "window_hu": ("soft_tissue", "bone", "lung")},
    {"slices": "orthogonal", "masking": "tumour", "rim_mm": 3},
    {"n_slices": 2, "neighbours_mm": 3},
]


@pytest.mark.parametrize("values", EVERY)
@pytest.mark.parametrize("contour", ["none", "over", "beside"])
@pytest.mark.parametrize("moved", [False, True])
def test_pixels_drawn_are_those_that_the_network_gets(
    values: dict, contour: str, moved: bool
) -> None:
    settings, case = tr.ViewSettings(**values), cases.baseline()
    draw = Augmentation(n_draws=2).draws()[1] if moved else None
    panels = plot_views(case, settings, size_px=32, contour=contour, augmentation_draw=draw)
    views = cut_views(case.image, case.mask, settings, 32, draw)
    drawn = [ax.images[0].get_array() for ax in panels]
    n_views, n_channels = views.pixels.shape[:2]
    expected = [views.pixels[v, c] for v in range(n_views) for c in range(n_channels)]
    times = 2 if contour == "beside" else 1
    assert len(drawn) == times * len(expected)
    for one in expected:
        assert sum(np.array_equal(one, other) for other in drawn) >= times
    for ax in panels:
        [image] = ax.images
        assert image.get_clim() == (0.0, 1.0)
        assert image.get_interpolation() == "nearest"
        assert image.cmap.name == "gray"


def outlined(panels: object) -> list[bool]:
    return [bool(ax.collections) for ax in panels]


def test_the_outline_is_there_only_on_request() -> None:
    case = cases.baseline()
    settings = tr.ViewSettings(n_slices=2)
    assert outlined(plot_views(case, settings, size_px=32)) == [False, False]
    assert outlined(plot_views(case, settings, size_px=32, contour="over")) == [True, True]
    beside = plot_views(case, settings, size_px=32, contour="beside")
    assert outlined(beside) == [False, False, True, True]
    with pytest.raises(FeatureError, match="expected 'none', 'over' or 'beside'") as caught:
        plot_views(case, settings, contour="under")
    assert caught.value.code == "settings"


def test_places_are_in_the_order_of_views_and_channels() -> None:
    case = cases.baseline()
    settings = tr.ViewSettings(slices="all", window_hu=("soft_tissue", "bone", "lung"))
    panels = plot_views(case, settings, size_px=16)
    views = cut_views(case.image, case.mask, settings, 16)
    n_views = len(views.planes)
    assert n_views == 6
    place = {ax.get_subplotspec().num1: ax.images[0].get_array() for ax in panels}
    for number, pixels in place.items():
        line, column = divmod(number, 5)
        view, channel = line // 3 * 5 + column, line % 3
        assert np.array_equal(pixels, views.pixels[view, channel])
    assert len(place) == n_views * 3


def test_titles_letters_and_scale_tell_what_is_seen() -> None:
    case = cases.baseline()
    panels = plot_views(case, tr.ViewSettings(slices="orthogonal"), size_px=32)
    areas = cut_views(case.image, case.mask, tr.ViewSettings(slices="orthogonal"), 32).areas_mm2
    for ax, plane, area, letters in zip(
        panels,
        ("axial", "sagittal", "coronal"),
        areas,
        ("RLAP", "APSI", "RLSI"),
        strict=True,
    ):
        assert ax.get_title() == f"{plane}, {area / 100:.1f} cm²"
        assert "".join(t.get_text() for t in ax.texts)[:4] == letters
    bar = panels[0].lines[0]
    side = cut_views(case.image, case.mask, tr.ViewSettings(), 32).side_mm
    [label] = [t.get_text() for t in panels[0].texts if "mm" in t.get_text()]
    assert float(np.ptp(bar.get_xdata())) == pytest.approx(float(label.split()[0]) / side, rel=0.2)
    # after a turn or a flip left is no longer left
    turn = Augmentation(n_draws=2).draws()[1]
    turned = plot_views(case, size_px=32, augmentation_draw=turn)
    assert not any(t.get_text() == "R" for ax in turned for t in ax.texts)


def test_a_case_of_a_cohort_is_drawn(tmp_path: Path) -> None:
    cohort = tr.Cohort.from_frame(cases.cohort_folder(tmp_path, 1), base=tmp_path)
    case = next(iter(cohort))
    panels = plot_views(case, size_px=32)
    views = cut_views(case.baseline.image, case.baseline.mask, tr.ViewSettings(), 32)
    assert np.array_equal(panels[2].images[0].get_array(), views.pixels[2, 0])
