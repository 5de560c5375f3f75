"""The attention viewer in a real browser: what is on the canvas against the CT itself."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread

import tumor_response as tr
from tests.browser import Browser, Tab
from tests.unit import cases
from tests.unit.reporting.viewer_scene import WINDOW_HU, ct, scene

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "</option></p><script>console.error(1)</script><img src=x onerror=console.error(2)>"
CONTOUR = np.array([86, 180, 233])
ACROSS = {"axial": 2, "coronal": 1, "sagittal": 0}
CONTROLS = ["lesion", "slice", "plane", "window", "scale", "opacity", "map", "contour"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lesions whose CT is stored in another orientation than the patient's."""
    maps, cohort = scene(orientation="RAS")
    return tr.attention_viewer(
        maps, cohort, tmp_path_factory.mktemp("viewer") / "maps.html", identified=True
    )


@pytest.fixture
def opened(browser: Browser, page: Path) -> Callable[..., Tab]:
    """Return a function that opens the page and waits until something is drawn."""

    def opened(**how: object) -> Tab:
        tab = browser.open(page, **how)
        tab.wait_until("document.querySelector('[data-part=where]').textContent !== ''")
        return tab

    return opened


def choose(tab: Tab, part: str, value: str | bool) -> None:
    what = "checked" if isinstance(value, bool) else "value"
    quoted = str(value).lower() if isinstance(value, bool) else f"'{value}'"
    tab.evaluate(
        f"(() => {{ const e = document.querySelector('[data-part={part}]'); e.{what} = {quoted};"
        " e.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )


def canvas(tab: Tab) -> np.ndarray:
    """Return red, green, blue of what is drawn."""
    uri = tab.evaluate("document.querySelector('canvas').toDataURL()")
    pixels = imread(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return np.rint(255 * pixels[..., :3]).astype(int)


def where(tab: Tab) -> tuple[int, int, float]:
    """Return number, count and position (mm) of the slice, as the page says them."""
    said = tab.evaluate("document.querySelector('[data-part=where]').textContent")
    found = re.match(r"slice (\d+) of (\d+), [xyz] = (−?[\d.]+) mm", said)
    assert found, said
    return int(found[1]), int(found[2]), float(found[3].replace("−", "-"))


def expected(plane: str, at_mm: float, image: sitk.Image) -> np.ndarray:
    """Return the slice of an image whose axes are the patient's, head and front up."""
    axis = ACROSS[plane]
    index = round((at_mm - image.GetOrigin()[axis]) / image.GetSpacing()[axis])
    cut = np.take(sitk.GetArrayFromImage(image), index, axis=2 - axis)
    return cut if plane == "axial" else cut[::-1]


def at_voxels(drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return what is drawn in the middle of each voxel of a slice."""
    rows, columns = (
        np.floor((np.arange(n) + 0.5) * size / n).astype(int)
        for n, size in zip(shape, drawn.shape, strict=False)
    )
    return drawn[np.ix_(rows, columns)]


def inner(cut: np.ndarray) -> np.ndarray:
    """Leave out what lies under the letters and the scale."""
    return cut[2:-2, 2:-2]


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_canvas_shows_the_ct_the_map_and_the_contour(opened, plane: str) -> None:
    tab = opened()
    choose(tab, "plane", plane)
    for part in ("map", "contour"):
        choose(tab, part, False)
    image, mask = ct(1), cases.mask()
    _, count, at_mm = where(tab)
    assert count == cases.SIZE[ACROSS[plane]]  # the margin reaches the border of this small CT
    hu = expected(plane, at_mm, image).astype(float)
    low, high = WINDOW_HU
    grey = 255 * np.clip((hu - low) / (high - low), 0, 1)
    drawn = at_voxels(canvas(tab), hu.shape)
    assert (drawn.max(axis=-1) == drawn.min(axis=-1)).all()
    # beside air and bone a pixel that is not quite a voxel's middle is of both
    flat = np.abs(inner(drawn[..., 0] - grey))
    assert np.median(flat) <= 2
    assert np.quantile(flat, 0.95) <= 6

    choose(tab, "map", True)
    changed = (at_voxels(canvas(tab), hu.shape) != drawn).any(axis=-1)
    attention = scene()[0]["P1", "1"].map
    values = expected(plane, at_mm, attention)
    assert changed.any()
    assert (inner(values)[inner(changed)] > 0).all()
    assert inner(changed)[inner(values) > 0.2 * values.max()].all()

    choose(tab, "map", False)
    choose(tab, "contour", True)
    line = (np.abs(canvas(tab) - CONTOUR).max(axis=-1) <= 3).nonzero()
    inside = expected(plane, at_mm, mask) > 0
    filled = np.argwhere(inside)
    pixel = np.array(canvas(tab).shape[:2]) / inside.shape
    for ends, drawn_line in zip((filled.min(0), filled.max(0) + 1), ("min", "max"), strict=True):
        reach = [getattr(one, drawn_line)() for one in line]
        assert np.abs(np.array(reach) - ends * pixel).max() <= 2.5


def test_the_slider_moves_the_picture_by_mouse_and_by_keyboard(opened) -> None:
    tab = opened()
    before, (number, count, at_mm) = canvas(tab), where(tab)
    tab.focus("[data-part=slice]")
    tab.press("ArrowRight")
    after, (next_number, _, next_mm) = canvas(tab), where(tab)
    assert (next_number, next_mm) == (number + 1, pytest.approx(at_mm + 3.0))
    assert (before != after).any()
    tab.press("ArrowLeft")
    assert (canvas(tab) == before).all()
    tab.press("End")
    assert where(tab)[0] == count
    tab.press("Home")
    assert where(tab)[0] == 1
    tab.click("[data-part=slice]")
    assert 1 < where(tab)[0] < count


def test_a_screen_reader_is_told_the_slice_and_what_is_on_it(opened) -> None:
    tab = opened()
    told = "document.querySelector('[data-part=slice]').getAttribute('aria-valuetext')"
    picture = "document.querySelector('canvas').getAttribute('aria-label')"
    number, count, _ = where(tab)
    assert tab.evaluate(told).startswith(f"slice {number} of {count}, z = ")
    assert "with tumour; shown to the network, map up to" in tab.evaluate(told)
    assert tab.evaluate(picture).startswith("P1, lesion 1, axial slice")
    tab.focus("[data-part=slice]")
    tab.press("Home")
    assert "without tumour; not shown to the network" in tab.evaluate(told)
    labels = "[...document.querySelectorAll('form input, form select')].map(e => e.labels.length)"
    assert set(tab.evaluate(labels)) == {1}


def test_windows_opacity_scale_and_lesion_change_the_pixels(opened) -> None:
    tab = opened()
    first = canvas(tab)
    windows = tab.evaluate(
        "[...document.querySelectorAll('[data-part=window] option')].map(e => e.value)"
    )
    assert windows == ["as computed", "soft tissue", "lung", "bone", "brain"]
    seen = {}
    for window in windows:
        choose(tab, "window", window)
        seen[window] = canvas(tab)
    assert (seen["as computed"] == seen["soft tissue"]).all()  # these maps were computed in it
    for one, other in (("soft tissue", "lung"), ("lung", "bone"), ("bone", "brain")):
        assert np.abs(seen[one] - seen[other]).mean() > 5
    choose(tab, "window", "as computed")
    assert (canvas(tab) == first).all()
    choose(tab, "opacity", "0")
    clear = canvas(tab)
    choose(tab, "map", False)
    assert (canvas(tab) == clear).all()
    choose(tab, "map", True)
    choose(tab, "opacity", "75")
    choose(tab, "scale", "own")  # the first lesion's map is half as strong as the second's
    own = canvas(tab)
    assert (own != first).any()
    choose(tab, "scale", "all")
    choose(tab, "lesion", "1")
    tab.wait_until("document.querySelector('canvas').ariaLabel.startsWith('P2')")
    assert (canvas(tab) != first).any()
    assert not tab.complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_nothing_complains_nothing_leaves_and_axe_is_content(opened, width, scheme) -> None:
    tab = opened(width=width, scheme=scheme)
    tab.settle(0.2)
    assert tab.faults() == []
    assert tab.complaints == []
    assert tab.requests == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_is_reached_by_the_tab_key_in_order(opened) -> None:
    tab = opened()
    reached = []
    for _ in range(8):
        tab.press("Tab")
        reached.append(tab.evaluate("document.activeElement.dataset.part"))
    assert reached == CONTROLS


def test_without_javascript_and_on_paper_there_is_a_picture_of_each_lesion(browser, page) -> None:
    shown = """[...document.querySelectorAll('.stills img')]
        .filter(i => i.naturalWidth && i.offsetParent).length"""
    hidden = "document.querySelector('form').offsetParent === null"
    told = "document.querySelector('.still-only').offsetParent !== null"
    for how in ({"javascript": False}, {"media": "print"}):
        tab = browser.open(page, **how)
        tab.settle(0.2)
        assert (tab.evaluate(shown), tab.evaluate(hidden), tab.evaluate(told)) == (2, True, True)
    tab = browser.open(page)
    tab.wait_until("document.querySelector('.viewer').classList.contains('running')")
    assert tab.evaluate(told) is False


def test_a_hostile_page_runs_nothing_but_the_packages_own(browser, tmp_path: Path) -> None:
    maps, cohort = scene(((f"P{HOSTILE}", HOSTILE), ("P2", "1")))
    path = tr.attention_viewer(maps, cohort, tmp_path / "m.html", title=HOSTILE, identified=True)
    tab = browser.open(path)
    tab.wait_until("document.querySelector('[data-part=where]').textContent !== ''")
    assert HOSTILE in tab.evaluate("document.querySelector('canvas').ariaLabel")
    assert HOSTILE in tab.evaluate("document.querySelector('option').textContent")
    assert (tab.complaints, tab.requests, tab.faults()) == ([], [], [])
    # a planted script that the policy does not know is refused, and said to be
    planted = tmp_path / "planted.html"
    text = path.read_text(encoding="utf-8").replace("</main>", "<script>x = 1</script></main>")
    planted.write_text(text, encoding="utf-8")
    tab = browser.open(planted)
    tab.settle(0.2)
    assert tab.evaluate("typeof x") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)
