"""The figure style stays inside its block."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tumor_response.style import SINGLE_COLUMN_MM, figure_style, new_axes


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
