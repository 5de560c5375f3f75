"""What a cohort and a case show, and what they do not read."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit.cases import cohort_folder, image, mask, write
from tumor_response.cohort import Cohort

HOSTILE = "<script>alert(1)</script>"


def shown_case(folder: Path, row: dict[str, object]) -> str:
    return next(iter(Cohort.from_frame(pd.DataFrame([row]), folder)))._repr_html_()


def pixels_of(html: str) -> np.ndarray:
    encoded = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(encoded) == 1
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(encoded[0])))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "image.nii.gz", image())
    write(tmp_path, "mask.nii.gz", mask())
    return tmp_path


ROW = {"patient_id": "P1", "image": "image.nii.gz", "mask": "mask.nii.gz"}


def test_a_case_shows_geometry_volume_and_three_planes(folder: Path) -> None:
    html = shown_case(folder, ROW)
    assert "24 x 22 x 12 voxels of 1.5 x 1.5 x 3 mm" in html
    assert f"{tr.imaging.volume_cc(mask()):.3g} cc" in html
    pixels = pixels_of(html)[..., :3]
    coloured = np.ptp(pixels, axis=-1) > 0.1
    thirds = np.array_split(coloured, 3, axis=1)
    assert all(third.any() for third in thirds)  # the contour, in every plane
    assert html.count("20 mm") >= 1


def test_the_bar_is_as_long_as_it_says(folder: Path) -> None:
    # what is shown is 60 mm wide and high, in 200 pixels: the ball is 18 mm across
    pixels = pixels_of(shown_case(folder, ROW))
    bar = (pixels[-9, :200, 0] == 1.0).sum()
    assert bar == pytest.approx(20 / 60 * 200, abs=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": "empty.nii.gz"}, "no voxel"),
        ({"mask": "other.nii.gz"}, "size"),
        ({"image": "broken.nii.gz"}, "broken.nii.gz"),
    ],
)
def test_what_cannot_be_read_is_a_line_of_text(
    folder: Path, change: dict[str, str], said: str
) -> None:
    write(folder, "empty.nii.gz", sitk.Image(mask()) * 0)
    write(folder, "other.nii.gz", mask(size=(8, 8, 8)))
    (folder / "broken.nii.gz").write_bytes(b"no image")
    html = shown_case(folder, ROW | change)
    assert "Error" in html
    assert said in html
    assert "<img" not in html
    assert "follow-up" in html  # the rest is still there


def test_names_from_files_are_text(folder: Path) -> None:
    html = shown_case(folder, ROW | {"patient_id": HOSTILE, "site": HOSTILE, HOSTILE: HOSTILE})
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3


def test_a_cohort_counts_and_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = cohort_folder(tmp_path, 4)
    frame["site"] = ["A", "A", HOSTILE, "B"]
    frame["age"] = [61, 70, 55, 48]
    frame.loc[0, ["follow_up_image", "follow_up_mask"]] = ""
    cohort = Cohort.from_frame(frame, tmp_path)
    monkeypatch.setattr(sitk, "ReadImage", lambda *_: pytest.fail("an image was read"))
    html = cohort._repr_html_()
    assert "3 of 4 lesions" in html
    assert "A (2)" in html
    assert "&lt;script&gt;" in html
    assert "age" in html
    assert "cannot be shown" not in html
    assert "(3 with follow-up)" in repr(cohort)
    for case in cohort:  # counts, and nobody's name
        assert case.patient_id not in html


def test_who_was_left_out_is_counted_by_reason_alone(tmp_path: Path) -> None:
    cases = list(Cohort.from_frame(cohort_folder(tmp_path, 1), tmp_path))
    left_out = pd.DataFrame(
        [["Jane Doe", "roi_missing", "Jane Doe has no GTV"]],
        columns=["patient_id", "reason", "message"],
    )
    html = Cohort(cases, left_out=left_out)._repr_html_()
    assert "roi_missing" in html
    assert "1 left out" in html
    assert "Jane" not in html
