"""The page: self-contained, quiet, and without a word about a patient beyond patient_id."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import SimpleITK as sitk

from tests import dicom_factory
from tests.unit.quality import faults
from tumor_response.cohort import Cohort
from tumor_response.imaging.thumbnail import VIEW_PIXELS, thumbnail
from tumor_response.quality import QualitySettings, check

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    rows = [
        faults.row(folder, "P1", 1),
        faults.row(folder, "P2", 2, follow_up_mask=None, site=HOSTILE),
        faults.row(folder, "P3", 3),
        faults.row(folder, "P4", 4, image="", follow_up_image=None, follow_up_mask=None)
        | {"image": faults.write(folder, "cut", sitk.Image(9, 9, 9, sitk.sitkInt16))},
    ]
    rows[0]["patient_id"] = HOSTILE
    path = folder / "new" / "page.html"
    check(faults.cohort(rows), QualitySettings(min_volume_cc=5, follow_up_days=(7, 9)), html=path)
    return path.read_text(encoding="utf-8")


class _Tags(HTMLParser):
    """Opening tags that are not closed, and all attributes."""

    VOID = {"meta", "img", "input", "br", "link"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_well_formed_and_asks_for_nothing(page: str) -> None:
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    names = [name for name, _ in tags.seen]
    assert not {"script", "link", "iframe", "object"} & set(names)
    for _, attributes in tags.seen:
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:").startswith("data:image/png;base64,"[:5])
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page


def test_names_from_files_are_text(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, lesion 1" in page


def test_dates_do_not_show(page: str) -> None:
    shown = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "after 30 days" in shown  # the manifest gave dates, the page has their distance
    assert not re.search(r"20\d\d-\d\d", shown)


def test_nothing_of_a_dicom_header_but_the_patient_id(tmp_path: Path) -> None:
    hu = faults.voxels()[:, ::2, ::2]
    series = dicom_factory.ct_series(
        tmp_path / "dicom", n_slices=24, size=(32, 32), spacing_mm=(4.0, 4.0, 3.0), voxels=hu
    )
    square = np.array([[40.0, 40.0], [80.0, 40.0], [80.0, 80.0], [40.0, 80.0]])
    contours = [np.column_stack([square, np.full(4, 3.0 * k)]) for k in range(6, 14)]
    dicom_factory.rtstruct(tmp_path / "dicom" / "rs.dcm", series, {"GTV": contours})
    cohort = Cohort.from_dicom(tmp_path / "dicom", "GTV", index=tmp_path / "index.sqlite")
    path = tmp_path / "page.html"
    table = check(cohort, html=path)
    for text in (path.read_text(encoding="utf-8"), table.to_csv()):
        for secret in ("SECRET", "19420713", "20200101", "2.25."):
            assert secret not in text
    assert "P1, lesion GTV" in path.read_text(encoding="utf-8")


def test_counts_and_filter(page: str) -> None:
    classes = re.findall(r'<article class="(\w+)"', page)
    assert len(classes) == 4
    for name, worst in (("errors", "error"), ("warnings", "warning"), ("notes", "info")):
        assert f"{name} ({classes.count(worst)})" in page
    assert {"show-all", "show-error", "show-warning", "show-info", "show-clean"} <= set(
        re.findall(r'id="(show-\w+)"', page)
    )


def test_pictures_show_contours_on_their_image(page: str) -> None:
    pictures = re.findall(r"base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == 5  # three baselines, and two follow-ups that have a contour
    for picture in pictures:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(picture)))
        assert pixels.shape[:2] == (VIEW_PIXELS, 3 * VIEW_PIXELS + 8)


def _views(image: sitk.Image, mask: sitk.Image) -> list[np.ndarray]:
    pixels = matplotlib.image.imread(io.BytesIO(thumbnail(image, mask, in_hu=True)))[..., :3]
    step = VIEW_PIXELS + 4
    return [pixels[:, k * step : k * step + VIEW_PIXELS] for k in range(3)]


def test_outline_encloses_the_tumour_at_its_size() -> None:
    scan = faults.clean()
    for view in _views(*scan.images()):
        coloured = np.argwhere(np.ptp(view, axis=-1) > 0.1)  # greys have no colour
        extent = np.ptp(coloured, axis=0)
        # the tumour is half of what is shown, but never less than 60 mm are shown
        expected = 2 * faults.RADIUS_MM / max(60.0, 4 * faults.RADIUS_MM) * VIEW_PIXELS
        assert extent == pytest.approx([expected, expected], rel=0.2)


def test_right_is_left_and_up_is_up() -> None:
    """A bright mark to the patient's left, front and top shows right, at the top and on top."""
    scan = faults.clean()
    scan.hu[:] = -1000
    scan.hu[18:, :24, 42:] = 1000  # z up, y to the front (small), x to the left (large)
    scan.mask = faults.ball(14.0, (22.0, -20.0, 54.0))  # its centre lies at the mark's corner
    middle = VIEW_PIXELS // 2

    def brightest(view: np.ndarray) -> tuple[bool, bool]:
        grey = np.where(np.ptp(view, axis=-1) > 0.1, 0.0, view[..., 0])
        rows, columns = np.nonzero(grey > 0.9)
        return rows.mean() < middle, columns.mean() > middle

    axial, coronal, sagittal = _views(*scan.images())
    assert brightest(axial) == (True, True)
    assert brightest(coronal) == (True, True)
    assert brightest(sagittal) == (True, False)  # the front is on the left


def test_pictures_of_other_intensities_use_their_own_range() -> None:
    image, mask = faults.clean().images()
    small = sitk.Cast(image, sitk.sitkFloat32) * 1e-4
    pixels = matplotlib.image.imread(io.BytesIO(thumbnail(small, mask, in_hu=False)))
    greys = np.unique(pixels[..., 0])
    assert greys.size > 12  # with the soft-tissue window of CT there would be one
    assert (greys.min(), greys.max()) == (0.0, 1.0)
