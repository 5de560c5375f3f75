"""The figures show the numbers: bars, lines, texts; not pixels."""

from __future__ import annotations

import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.offsetbox import TextArea

import tumor_response as tr
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes import SHRANK_SIGN
from tumor_response.outcomes.plots import plot_cut, plot_spider, plot_volumes, plot_waterfall

NAMES = ["patient_id", "lesion_id", "visit"]


@pytest.fixture(autouse=True)
def _style_and_figures_stay_clean():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    plt.close("all")


def keys(n: int) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples([(f"SECRET{i}", "1") for i in range(n)], names=NAMES[:2])


def outcomes(n: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rate = rng.normal(1.0, 0.5, n)
    table = pd.DataFrame(
        {"rate_percent_per_day": rate, "volume_change_percent": -28 * rate}, index=keys(n)
    )
    table.iloc[[2, 5]] = np.nan
    return table


def visits() -> pd.DataFrame:
    courses = {
        "SECRET0": [(0, 20.0), (10, 15.0), (20, 5.0)],
        "SECRET1": [(0, 8.0), (10, math.nan), (20, 10.0)],
        "SECRET2": [(0, 4.0), (14, 0.0)],
        "SECRET3": [(0, math.nan), (7, 3.0), (14, 2.0)],
        "SECRET4": [(0, 5.0), (7, math.nan)],
    }
    rows = [(p, "1", k, d, v) for p, course in courses.items() for k, (d, v) in enumerate(course)]
    return pd.DataFrame(rows, columns=[*NAMES, "days", "volume_cc"]).set_index(NAMES)


def texts(ax) -> str:
    """Everything that is written in and around the axes."""
    ax.figure.canvas.draw()
    found = [t.get_text() for t in ax.figure.findobj(mpl.text.Text) if t.get_visible()]
    found += [t.get_text() for t in ax.figure.findobj(TextArea)]
    return "\n".join(found)


def test_waterfall_bars_are_the_values_from_least_to_most_shrinkage() -> None:
    table = outcomes()
    falling = plot_waterfall(table)
    change = table["volume_change_percent"].dropna().sort_values(ascending=False)
    assert [bar.get_height() for bar in falling.patches] == change.tolist()
    rising = plot_waterfall(table, by="rate_percent_per_day")  # here more is more shrinkage
    rate = table["rate_percent_per_day"].dropna().sort_values()
    assert [bar.get_height() for bar in rising.patches] == rate.tolist()
    assert "2 of 30 lesions without this outcome" in texts(falling)
    assert "negative = shrank" in falling.get_ylabel()
    assert "positive = shrank" in rising.get_ylabel()


def test_waterfall_colours_are_the_labels_and_hatches_the_uncertain() -> None:
    table = outcomes()
    label = tr.label_responders(table, by="volume_change_percent")
    near = (table["volume_change_percent"] - label.attrs["cut"]).abs() < 4
    ax = plot_waterfall(table, label=label, uncertain=near)
    order = table["volume_change_percent"].dropna().sort_values(ascending=False).index
    by_class = {
        value: {ax.patches[k].get_facecolor() for k, key in enumerate(order) if label[key] == value}
        for value in (0.0, 1.0)
    }
    assert len(by_class[0.0]) == len(by_class[1.0]) == 1
    assert by_class[0.0] != by_class[1.0]
    assert [bool(bar.get_hatch()) for bar in ax.patches] == near[order].tolist()
    said = texts(ax)
    assert f"responder ({int(label.sum())})" in said
    assert f"label uncertain ({int(near.sum())})" in said
    # the cut of the labels is drawn though none was given
    assert label.attrs["cut"] in [line.get_ydata()[0] for line in ax.lines]


def test_names_are_written_only_if_asked_for() -> None:
    table, course = outcomes(8), visits()
    for plot, data in (
        (plot_waterfall, table),
        (plot_spider, course),
        (plot_volumes, course),
    ):
        assert "SECRET" not in texts(plot(data))
        assert "SECRET0 / 1" in texts(plot(data, names=True))
    assert "SECRET" not in texts(plot_cut(table))


def test_spider_lines_are_percent_of_the_baseline_with_gaps_bridged() -> None:
    ax = plot_spider(visits())
    assert [line.get_ydata().tolist() for line in ax.lines[:3]] == [
        [100.0, 75.0, 25.0],
        [100.0, 125.0],
        [100.0, 0.0],
    ]
    assert ax.lines[1].get_xdata().tolist() == [0, 20]
    assert ax.lines[3].get_ydata()[0] == 100  # the level of the baseline
    assert "2 of 5 lesions without a baseline and a later volume" in texts(ax)
    assert ax.get_ylim()[0] == 0


def test_volumes_linear_and_on_a_log_scale_with_the_tumours_that_are_gone() -> None:
    linear = plot_volumes(visits())
    assert [line.get_ydata().tolist() for line in linear.lines] == [
        [20.0, 15.0, 5.0],
        [8.0, 10.0],
        [4.0, 0.0],
        [3.0, 2.0],
    ]
    assert "1 of 5 lesions without two volumes" in texts(linear)
    log = plot_volumes(visits(), scale="log")
    assert log.get_yscale() == "log"
    *_, marks = log.lines
    assert marks.get_xdata()[0] == 14
    assert 0 < marks.get_ydata()[0] < 2  # below the smallest volume there is
    assert "1 without tumour (0 cm³)" in texts(log)
    low, high = log.get_ylim()
    assert low < marks.get_ydata()[0]
    assert high > 20


def test_courses_take_the_colours_of_the_labels() -> None:
    label = pd.Series([1.0, 0.0, math.nan, 1.0, 0.0], index=keys(5))
    ax = plot_spider(visits(), label=label)
    assert len({line.get_color() for line in ax.lines[:3]}) == 3
    assert "no label (1)" in texts(ax)


@pytest.mark.parametrize("by", ["rate_percent_per_day", "volume_change_percent"])
def test_cut_stands_between_bins_of_one_class_each(by: str) -> None:
    table = outcomes(100, seed=3)
    ax = plot_cut(table, by=by)
    cut = table[by].median()
    (line,) = ax.lines
    assert line.get_xdata()[0] == pytest.approx(cut)
    shrank_more = table[by] > cut if by.startswith("rate") else table[by] < cut
    drawn = {False: 0.0, True: 0.0}
    for bar in ax.patches:
        left, right = bar.get_x(), bar.get_x() + bar.get_width()
        assert right <= cut + 1e-9 or left >= cut - 1e-9
        drawn[(left >= cut - 1e-9) == by.startswith("rate")] += bar.get_height()
    known = table[by].notna()
    # a value at the very cut is no responder, but stands in the bin that begins there
    assert drawn[True] == pytest.approx(shrank_more[known].sum(), abs=1)
    assert sum(drawn.values()) == known.sum()
    assert "(median)" in texts(ax)


def test_uncertain_band_and_counts_are_those_of_the_frame() -> None:
    table = outcomes(60, seed=4)
    by = "rate_percent_per_day"
    away = (table[by] - table[by].median()).abs()
    uncertainty = pd.DataFrame(
        {f"{by}_low": table[by] - 0.2, f"{by}_high": table[by] + 0.2, "uncertain": away < 0.2}
    )
    ax = plot_cut(table, uncertainty=uncertainty)
    (band,) = [p for p in ax.patches if p.get_alpha()]
    inside = table[by][away < 0.2]
    assert band.get_x() == pytest.approx(inside.min())
    assert band.get_x() + band.get_width() == pytest.approx(inside.max())
    said = texts(ax)
    assert f"label uncertain ({len(inside)})" in said
    assert "±0.2" in said


def test_given_axes_are_drawn_on_and_no_other_figure_is_made() -> None:
    figure, axes = plt.subplots(2, 2)
    label = tr.label_responders(outcomes())
    for ax, drawn in (
        (axes[0, 0], lambda ax: plot_waterfall(outcomes(), label=label, ax=ax)),
        (axes[0, 1], lambda ax: plot_spider(visits(), ax=ax)),
        (axes[1, 0], lambda ax: plot_volumes(visits(), ax=ax)),
        (axes[1, 1], lambda ax: plot_cut(outcomes(), ax=ax)),
    ):
        assert drawn(ax) is ax
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_waterfall(outcomes(), by="rate"),
        lambda: plot_waterfall(outcomes(), by="sgr_per_day"),
        lambda: plot_waterfall(outcomes() * np.nan),
        lambda: plot_waterfall(outcomes(), label=pd.Series([1.0], index=keys(1))),
        lambda: plot_cut(outcomes(), uncertainty=pd.DataFrame({"p": []})),
        lambda: plot_spider(visits().xs(0, level="visit", drop_level=False)),
        lambda: plot_spider(visits().drop(columns="days")),
        lambda: plot_volumes(visits(), scale="sqrt"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw) -> None:
    with pytest.raises(OutcomeError):
        draw()
    assert not plt.get_fignums()


def test_two_hundred_lesions_fit_with_their_names() -> None:
    rng = np.random.default_rng(9)
    rows = [(f"P{i}", "1", k, 10.0 * k, rng.uniform(1, 9)) for i in range(200) for k in range(3)]
    many = pd.DataFrame(rows, columns=[*NAMES, "days", "volume_cc"]).set_index(NAMES)
    ax = plot_spider(many, names=True)
    ax.figure.canvas.draw()
    # of the text alone, without the line that joins it to its course
    names = [t for t in ax.texts if " / " in t.get_text()]
    boxes = [mpl.text.Text.get_window_extent(name) for name in names]
    assert len(boxes) == 200
    boxes.sort(key=lambda box: box.y0)
    middles = np.array([(box.y0 + box.y1) / 2 for box in boxes])
    height = boxes[0].height
    assert np.diff(middles).min() > 0.6 * height  # a name's ink is lower than its box


def test_every_end_point_has_a_label_with_its_unit_and_sign() -> None:
    for by, sign in SHRANK_SIGN.items():
        ax = plot_waterfall(pd.DataFrame({by: [1.0, 2.0]}, index=keys(2)), by=by)
        assert ax.get_ylabel().endswith("positive = shrank" if sign > 0 else "negative = shrank")
        plt.close(ax.figure)


def test_frame_of_outcome_uncertainty_is_drawn_as_it_comes(tmp_path) -> None:
    cohort = tr.simulate_cohort(8, seed=2, directory=tmp_path, missing_follow_up=0.2)
    table = tr.shrinkage(cohort, quality=None)
    assert table["rate_percent_per_day"].isna().any()
    found = tr.outcome_uncertainty(table, cut="median", observer_sd_mm=2.0, n_draws=200)
    ax = plot_cut(table, uncertainty=found)
    assert f"label uncertain ({found['uncertain'].sum()})" in texts(ax)
    label = tr.label_responders(table)
    bars = plot_waterfall(
        table, by="rate_percent_per_day", label=label, uncertain=found["uncertain"]
    ).patches
    assert sum(bool(bar.get_hatch()) for bar in bars) == found["uncertain"].sum() > 0
