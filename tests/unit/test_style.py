"""The figure style stays inside its block."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import tumor_response as tr
from tumor_response.exceptions import SettingsError
from tumor_response.style import (
    BLOCK_COLOURS,
    NON_RESPONDER,
    RESPONDER,
    SINGLE_COLUMN_MM,
    block_colours,
    figure_style,
    model_looks,
    new_axes,
)


def test_the_style_is_gone_after_the_block_even_after_an_error():
    before = dict(mpl.rcParams)
    inside = []

    def draw_and_fail() -> None:
        with figure_style():
            inside.append(mpl.rcParams["font.size"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        draw_and_fail()
    assert inside == [7]
    assert dict(mpl.rcParams) == before


def test_sizes_are_millimetres():
    with figure_style():
        ax = new_axes(SINGLE_COLUMN_MM, 60)
    assert [25.4 * side for side in ax.figure.get_size_inches()] == pytest.approx([85, 60])
    plt.close(ax.figure)


@pytest.fixture
def ax():
    with figure_style():
        made = new_axes(100, 60)
    made.plot([0, 1], [0, 1], label="a line")
    made.set_xlabel("what is drawn (mm)")
    yield made
    plt.close(made.figure)


def test_files_have_the_size_asked_for_and_the_figure_keeps_its_own(ax, tmp_path):
    description = "A line — with “quotes” <b>"
    svg, png, pdf = tr.save_figure(
        ax, tmp_path / "new" / "line", columns=2, height_mm=50, description=description
    )
    assert [25.4 * side for side in ax.figure.get_size_inches()] == pytest.approx([100, 60])
    with Image.open(png) as image:
        assert image.size == pytest.approx((180 / 25.4 * 300, 50 / 25.4 * 300), abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.info["Description"] == description
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    assert float(root.get("width").removesuffix("pt")) == pytest.approx(180 / 25.4 * 72, abs=0.01)
    assert description in "".join(root.itertext())
    raw = pdf.read_bytes()
    assert b"/CIDFontType2" in raw
    assert b"/Type3" not in raw


def test_no_file_says_when_or_by_which_version_it_was_made(ax, tmp_path):
    for file in tr.save_figure(ax, tmp_path / "line"):
        raw = file.read_bytes().lower()
        for word in (b"matplotlib v", b"creationdate", b"<dc:date>"):
            assert word not in raw


def test_a_users_own_settings_change_no_file(ax, tmp_path):
    plain = tr.save_figure(ax, tmp_path / "plain")
    with mpl.rc_context({"savefig.bbox": "tight", "font.sans-serif": ["DejaVu Serif"]}):
        other = tr.save_figure(ax, tmp_path / "other")
    assert [one.read_bytes() for one in plain] == [one.read_bytes() for one in other]


def test_what_cannot_be_saved_is_refused(ax, tmp_path):
    for wrong in (
        {"formats": []},
        {"formats": ["tiff"]},
        {"columns": 3},
        {"height_mm": 0},
    ):
        with pytest.raises(SettingsError):
            tr.save_figure(ax, tmp_path / "line", **wrong)
    with pytest.raises(SettingsError, match="without it"):
        tr.save_figure(ax, tmp_path / "line.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="below a file"):
        tr.save_figure(ax, tmp_path / "file" / "line")
    with pytest.raises(SettingsError) as raised:
        tr.save_figure("figures", tmp_path / "line")
    assert raised.value.code == "figure"
    assert not list(tmp_path.glob("line*"))


def test_the_same_has_the_same_colour_and_neighbours_differ_in_grey():
    looks = model_looks(["volume_only", *(f"model {i}" for i in range(12))])
    assert looks["volume_only"] == model_looks(["volume_only"])["volume_only"]
    assert len({str(look) for look in looks.values()}) == len(looks)
    assert block_colours(["deep", "radiomics"])["deep"] == block_colours(["deep"])["deep"]
    several = block_colours(["deep", "deep_lung", "radiomics", "clinical"])
    assert len(set(several.values())) == 4


def _as_seen(colour: str, kind: np.ndarray) -> np.ndarray:
    """CIE Lab of a colour as a dichromat sees it (Machado and others 2009, severity 1)."""
    seen = np.clip(kind @ to_linear(colour), 0, 1)
    xyz = TO_XYZ @ seen / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def to_linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
KINDS = {
    "everybody": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_colours_can_be_told_apart(kind):
    for group in (tuple(BLOCK_COLOURS.values()), (RESPONDER, NON_RESPONDER)):
        seen = [_as_seen(colour, np.array(KINDS[kind])) for colour in group]
        for one, other in itertools.combinations(seen, 2):
            assert np.linalg.norm(one - other) > 15  # a just noticeable difference is about 2.3


def test_classes_can_be_told_apart_in_grey():
    lightness = [_as_seen(colour, np.eye(3))[0] for colour in (RESPONDER, NON_RESPONDER)]
    assert abs(lightness[0] - lightness[1]) > 20
