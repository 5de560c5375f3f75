"""What the figures of an explanation show, read back from what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tests.unit.explanation.synthetic import LONG, explanation_of, null_of
from tumor_response.exceptions import ExplanationError

COLUMNS = [LONG, "clinical__age", "clinical__site", *(f"deep__net__{i:04d}" for i in range(20))]
DICTIONARY = pd.DataFrame(
    {
        "family": ["log_sigma_3_mm glszm", "age", "site", *["net"] * 20],
        "unit": ["", "years", "", *[""] * 20],
        "description": ["Small dark zones.", "Age at the scan.", np.nan, *["Channel."] * 20],
    },
    index=COLUMNS,
)


@pytest.fixture(scope="module")
def one():
    features = pd.DataFrame(np.random.default_rng(4).normal(size=(30, 23)), columns=COLUMNS)
    features.loc[:4, "clinical__age"] = np.nan
    features["clinical__site"] = pd.Categorical(["larynx", "tongue", None] * 10)
    explanation = explanation_of(COLUMNS, dictionary=DICTIONARY, features=features)
    return explanation.with_null(null_of(explanation))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind():
    before = dict(plt.rcParams)
    yield
    assert dict(plt.rcParams) == before
    plt.close("all")


ALL = {
    "summary": lambda e, ax: e.plot_summary(ax=ax, n_columns=5),
    "families": lambda e, ax: e.plot_summary(ax=ax, level="family"),
    "bars": lambda e, ax: e.plot_bars(ax=ax),
    "blocks": lambda e, ax: e.plot_bars("block", ax=ax),
    "dependence": lambda e, ax: e.plot_dependence(LONG, "clinical__age", ax=ax),
    "patient": lambda e, ax: e.plot_patient("P03", ax=ax),
    "decision": lambda e, ax: e.plot_decision(ax=ax, highlight=["P03"]),
}


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL.keys())
def test_axes_are_taken_and_given_back(one, draw):
    _, ax = plt.subplots()
    assert draw(one, ax) is ax
    assert "out of bag" in ax.get_title(loc="left") + ax.get_title(loc="right")


def bars_of(ax, height: float) -> list:
    """The bars of the given height, from the top row to the bottom."""
    drawn = [bar for bar in ax.patches if bar.get_height() == pytest.approx(height)]
    return sorted(drawn, key=lambda bar: -bar.get_y())


@pytest.mark.parametrize("level", ["column", "family", "block"])
def test_bars_are_the_resamples_means_before_the_band(one, level):
    ax = one.plot_bars(level, n_rows=6)
    ranks = one.stability(level).ranks.head(6)
    widths = [bar.get_width() for bar in bars_of(ax, 0.5)]
    np.testing.assert_allclose(widths, ranks["mean_abs_resample"])
    table = one.null.table(level).loc[ranks.index]
    np.testing.assert_allclose([bar.get_width() for bar in bars_of(ax, 0.86)], table["limit"])
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in diamonds], table["observed"])
    assert "expected by chance" in ax.get_xlabel()


def test_what_few_resamples_list_is_faint_and_hatched(one):
    ax = one.plot_bars(n_rows=23)
    ranks = one.stability().ranks
    shares = ranks["top_10"].to_numpy()
    bars = bars_of(ax, 0.5)
    opacities = np.array([bar.get_facecolor()[3] for bar in bars])
    np.testing.assert_array_equal(
        np.argsort(shares, kind="stable"), np.argsort(opacities, kind="stable")
    )
    assert opacities[shares <= 0.2].max() < 0.35
    assert [bool(bar.get_hatch()) for bar in bars] == (shares < 0.5).tolist()
    words = [text.get_text() for text in ax.texts]
    assert f"{shares[0]:.0%}" in words
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert "in the top 10 in 20% of resamples" in legend


def test_in_sample_bars_promise_no_stability():
    plain = explanation_of(COLUMNS, n_resamples=None)
    ax = plain.plot_bars(n_rows=3)
    assert "IN SAMPLE" in ax.get_title(loc="left")
    assert not ax.texts
    expected = plain.values.abs().mean().sort_values(ascending=False)[:3]
    np.testing.assert_allclose([bar.get_width() for bar in bars_of(ax, 0.5)], expected)


def test_names_are_whole_and_their_meaning_stands_below(one):
    ax = one.plot_bars(n_rows=23)
    labels = [label.get_text().replace("\n", "") for label in ax.get_yticklabels()]
    assert set(labels) == set(COLUMNS)
    words = [text.get_text() for text in ax.texts]
    assert "Age at the scan [years]" in words
    assert "Small dark zones" in words


def test_a_decisions_lines_end_at_the_outputs(one):
    for level in ("column", "family", "block"):
        ax = one.plot_decision(level=level, n_rows=2, highlight=[("P03", "1")])
        paths = [line for line in ax.lines if len(line.get_xdata()) > 2]
        np.testing.assert_allclose([path.get_xdata()[-1] for path in paths], one.outputs)
        np.testing.assert_allclose([path.get_xdata()[0] for path in paths], one.base_values)
        assert "P03 1" in [text.get_text() for text in ax.texts]
    with pytest.raises(ExplanationError, match="P99"):
        one.plot_decision(highlight=["P99"])


@pytest.mark.parametrize("level", ["column", "family", "block"])
def test_a_patients_steps_lead_from_base_to_output(one, level):
    ax = one.plot_patient("P03", n_columns=2, level=level)
    steps = [bar.get_width() for bar in bars_of(ax, 0.7)]
    assert len(steps) == 3
    gap = one.outputs[("P03", "1")] - one.base_values[("P03", "1")]
    assert sum(steps) == pytest.approx(gap)


def test_dependence_shows_every_lesion_and_says_which_have_no_value(one):
    ax = one.plot_dependence("clinical__age", colour_by=LONG)
    places = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(np.asarray(places[:, 1]), one.values["clinical__age"])
    missing = one.features["clinical__age"].isna().to_numpy()
    assert np.asarray(places[missing, 0]).max() < one.features["clinical__age"].min()
    np.testing.assert_allclose(
        np.asarray(places[~missing, 0]), one.features["clinical__age"][~missing]
    )
    assert "missing" in [text.get_text() for text in ax.texts]
    assert "years" in ax.get_xlabel()
    site = one.plot_dependence("clinical__site")
    assert [tick.get_text() for tick in site.get_xticklabels()] == ["missing", "larynx", "tongue"]
    with pytest.raises(ExplanationError, match="No column") as caught:
        one.plot_dependence(LONG, "clinical__weight")
    assert caught.value.code == "other_columns"


def test_one_lesion_one_column_and_no_value_at_all():
    features = pd.DataFrame({LONG: [np.nan]})
    alone = explanation_of([LONG], n_lesions=1, features=features)
    alone.plot_summary(level="column").figure.canvas.draw()
    alone.plot_bars("family").figure.canvas.draw()
    alone.plot_decision(level="block").figure.canvas.draw()
    alone.plot_dependence(LONG).figure.canvas.draw()
    alone.plot_patient("P00").figure.canvas.draw()


def test_rows_are_one_or_more(one):
    for draw in (one.plot_bars, one.plot_decision):
        with pytest.raises(ExplanationError, match="expected 1 or more"):
            draw(n_rows=0)
    with pytest.raises(ExplanationError, match="level") as caught:
        one.plot_summary(level="layer")
    assert caught.value.code == "level"


def test_shap_gets_what_its_plots_take(one):
    given = one.to_shap()
    np.testing.assert_allclose(given.base_values + given.values.sum(axis=1), one.outputs)
    assert given.feature_names == list(one.values.columns)
    codes = given.data[:, list(one.values.columns).index("clinical__site")]
    assert codes[0] == 0
    assert np.isnan(codes[2])
