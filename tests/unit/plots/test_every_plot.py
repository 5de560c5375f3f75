"""Every public plot: takes axes, gives them back, leaves the rest alone, and saves the same."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import tumor_response as tr
from tests.unit.plots.drawn import LONG, Drawings
from tests.unit.plots.looks import faults_of
from tumor_response.style import DOUBLE_COLUMN_MM, SINGLE_COLUMN_MM, figure_of, figure_style

ON_AXES = list(Drawings.on_axes(Drawings.bare()))
ON_SEVERAL = list(Drawings.on_several(Drawings.bare()))
IN_FIGURE = list(Drawings.in_figure(Drawings.bare()))
OTHER_WORDS = {"contact_sheet"}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return Drawings(tmp_path_factory.mktemp("usual"))


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_none_is_forgotten():
    """The list above is held against what the package offers."""
    found = set()
    for module in pkgutil.walk_packages(tr.__path__, "tumor_response."):
        if module.name.endswith("__main__"):
            continue
        for name, thing in vars(importlib.import_module(module.name)).items():
            home = getattr(thing, "__module__", "")
            if name.startswith("_") or home != module.name:
                continue
            if inspect.isfunction(thing) and name.startswith("plot"):
                found.add(name)
            if inspect.isclass(thing):
                found |= {
                    f"{name}.{method}"
                    for method in vars(thing)
                    if method == "plot" or method.startswith("plot_") or method in OTHER_WORDS
                }
    shown = {name.partition(",")[0] for name in (*ON_AXES, *ON_SEVERAL, *IN_FIGURE)}
    assert found == shown


def drawing_of(drawings: Drawings, name: str):
    found = {**drawings.on_axes(), **drawings.in_figure()}
    found |= {name: plot for name, (_, plot) in drawings.on_several().items()}
    return found[name]


@pytest.mark.parametrize("name", ON_AXES)
def test_it_draws_on_the_axes_it_gets_and_nowhere_else(usual, name):
    figure, axes = plt.subplots(1, 2)
    _, mine = plt.subplots()
    before = dict(mpl.rcParams)
    assert drawing_of(usual, name)(ax=axes[1]) is axes[1]
    assert axes[1].has_data()
    assert not axes[0].has_data()
    assert not mine.has_data()
    assert plt.gca() is mine
    assert plt.get_fignums() == [1, 2]
    assert dict(mpl.rcParams) == before
    assert figure_of(axes[1]) is figure


@pytest.mark.parametrize("name", ON_SEVERAL)
def test_it_draws_on_as_many_axes_as_it_needs(usual, name):
    n, plot = usual.on_several()[name]
    _, axes = plt.subplots(1, n + 1)
    before = dict(mpl.rcParams)
    assert list(plot(ax=axes[1:])) == list(axes[1:])
    assert all(ax.has_data() for ax in axes[1:])
    assert not axes[0].has_data()
    assert plt.get_fignums() == [1]
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", IN_FIGURE)
def test_it_lays_out_its_axes_in_a_part_of_a_figure(usual, name):
    with figure_style():
        figure = plt.figure(layout="constrained")
    _, part = figure.subfigures(1, 2)
    before = dict(mpl.rcParams)
    drawn = drawing_of(usual, name)(figure=part)
    assert all(isinstance(ax, Axes) and ax.get_figure(root=False) is part for ax in drawn)
    assert plt.get_fignums() == [1]
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", [*ON_AXES, *ON_SEVERAL, *IN_FIGURE])
def test_its_figure_is_a_column_wide_readable_and_the_same_bytes_again(usual, name, tmp_path):
    drawn = drawing_of(usual, name)()
    figure = figure_of(drawn)
    width_mm = float(figure.get_figwidth()) * 25.4
    assert np.isclose(width_mm, (SINGLE_COLUMN_MM, DOUBLE_COLUMN_MM), atol=1.0).any()
    assert faults_of(figure) == []
    first, second = (
        [file.read_bytes() for file in tr.save_figure(drawn, tmp_path / folder / "figure")]
        for folder in "ab"
    )
    assert first == second


LONG_ONES = [name for name in (*ON_AXES, *ON_SEVERAL, *IN_FIGURE) if name != "FeatureMap.plot"]


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return Drawings(tmp_path_factory.mktemp("long"), prefix=LONG, gaps=True)


@pytest.mark.parametrize("name", LONG_ONES)
def test_names_of_forty_characters_and_gaps_hide_nothing(long, name):
    assert faults_of(figure_of(drawing_of(long, name)())) == []


FOR_FEW = ["plot_waterfall", "plot_spider", "plot_volumes", "Explanation.plot_patient"]
FOR_FEW += ["Explanation.plot_summary", "Explanation.plot_bars", "Explanation.plot_decision"]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return Drawings(tmp_path_factory.mktemp("few"), n=3)


@pytest.mark.parametrize("name", FOR_FEW)
def test_three_patients_are_drawn(few, name):
    assert faults_of(figure_of(drawing_of(few, name)())) == []


@pytest.mark.parametrize("n_models", [1, 12])
def test_one_model_and_twelve(tmp_path, n_models):
    result = Drawings(tmp_path, n_models=n_models).result
    plots = (result.plot_roc, result.plot_calibration)
    for plot in (*plots, result.plot_decision_curve, result.plot_precision_recall):
        assert faults_of(figure_of(plot())) == []
