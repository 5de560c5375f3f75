"""Counts beside chance, words, figures; what is refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from statsmodels.stats.multitest import multipletests

import tumor_response as tr
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.differences import group_differences

FEW = 19


def _copies(n=60, copies=300, seed=0):
    """One measurement, told by hundreds of columns."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:03d}" for i in range(n)], name="patient_id")
    one = rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, copies))
    return pd.DataFrame(one, index).add_prefix("deep__n__"), pd.Series(
        rng.permutation(np.arange(n) % 2).astype(float), index
    )


def test_correlated_columns_make_the_count_by_chance_wide():
    table, y = _copies()
    found = group_differences(table, y, n_permutations=499, seed=1)
    count = found.count("unadjusted", "p")
    assert count["nominal"] == 15
    # hardly ever near 15: mostly none, sometimes nearly all
    assert count["median"] <= 2
    assert count["high"] > 150
    rng = np.random.default_rng(5)
    alone = pd.DataFrame(rng.normal(size=table.shape), table.index, table.columns)
    narrow = group_differences(alone, y, n_permutations=199).count("unadjusted", "p")
    assert 10 < narrow["expected"] < 20
    assert narrow["high"] < 35


def test_the_count_of_a_planted_signal_is_beyond_chance(study):
    table, y = study(80, p=30, by_column=1.2)
    found = group_differences(table, y, n_permutations=99)
    for test in ("unadjusted", "adjusted"):
        assert found.count(test, "q")["p_value"] <= 0.05
        assert found.count(test, "q", "radiomics")["found"] >= 2
        assert set(found.found(test).index) >= {
            "deep__n__F0",
            "radiomics__log1__glcm_F0",
            "radiomics__log2__glcm_F0",
        }
    again = group_differences(table, y, n_permutations=99)
    pd.testing.assert_frame_equal(found.expected_by_chance(), again.expected_by_chance())
    other = group_differences(table, y, n_permutations=99, seed=1)
    assert not found.expected_by_chance().equals(other.expected_by_chance())


def test_chance_is_counted_by_hand_for_a_few_permutations(study):
    """The permuted outcomes go through the whole comparison again."""
    from tumor_response.explanation.differences.chance import exchanged

    table, y = study(40, p=30, decimals=1)
    found = group_differences(table, y, n_permutations=FEW, adjust=())
    stream = int(np.random.SeedSequence(0).generate_state(2)[0])
    labels = exchanged(y.to_numpy(), np.arange(40), FEW, stream)
    assert (labels.sum(axis=1) == y.sum()).all()
    values = table[list(found.columns.index)].to_numpy()
    family = found.columns["family"]
    by_p, by_q = [], []
    for one in labels:
        p = mannwhitneyu(values[one == 1], values[one == 0], method="asymptotic").pvalue
        by_p.append((p <= 0.05).sum())
        of = [multipletests(p[family == name], 0.1, "fdr_bh")[0] for name in family.unique()]
        by_q.append(np.concatenate(of).sum())
    assert found.count("unadjusted", "p")["expected"] == pytest.approx(np.mean(by_p))
    assert found.count("unadjusted", "q")["expected"] == pytest.approx(np.mean(by_q))


def test_a_label_makes_the_groups_and_missing_outcomes_are_counted(study):
    table, _ = study(40)
    rate = pd.Series(np.arange(40.0), table.index, name="rate_percent_per_day")
    rate.iloc[:3] = np.nan
    rate.attrs["reasons"] = {table.index[0]: "follow_up_missing"}
    found = group_differences(table, rate, label=tr.ResponderCut("median"), n_permutations=FEW)
    assert (found.n_lesions, found.n_responders) == (37, 18)
    assert found.left_out == {"outcome: follow_up_missing": 1, "outcome: missing": 2}
    assert "cut by all lesions" in found.sentences()[0]


def test_the_dictionary_speaks_in_the_table(study, tmp_path):
    data, y = study(40)
    words = pd.DataFrame(
        {
            "block": [name.split("__")[0] for name in data],
            "family": [name.split("__")[1] for name in data],
            "role": "baseline",
            "ibsi_code": "Q4LE",
            "unit": "HU",
            "description": "Mean of the intensities.",
            "settings_sha256": "",
        },
        index=pd.Index(data.columns, name="column"),
    )
    words.loc[data.columns[0], "family"] = "all of one kind"
    failures = pd.DataFrame({"block": [], "reason": []})
    found = group_differences(tr.FeatureTable(data, words, failures, {}), y, n_permutations=FEW)
    row = found.table().loc[data.columns[0]]
    assert row[["family", "unit", "ibsi_code", "description"]].tolist() == [
        "radiomics: all of one kind",
        "HU",
        "Q4LE",
        "Mean of the intensities.",
    ]
    found.table().to_csv(tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv", index_col="column")
    assert back.loc[row.name, "p_value"] == pytest.approx(row["p_value"])
    assert back["p_value"].is_monotonic_increasing


def test_the_volcano_has_every_column_and_names_the_strongest(study):
    table, y = study(80, p=60, by_column=1.2)
    found = group_differences(table, y, n_permutations=FEW)
    for test in ("unadjusted", "adjusted"):
        ax = found.plot_volcano(test, n_labels=2)
        drawn = np.vstack([one.get_offsets() for one in ax.collections])
        assert len(drawn) == len(found.columns)
        assert "radiomics__log1__glcm_F0" in ax.get_xlabel() or "deep__n__F0" in ax.get_xlabel()
        ending = "" if test == "unadjusted" else "_adjusted"
        assert drawn[:, 1].max() == pytest.approx(-np.log10(found.columns[f"q{ending}"].min()))
        plt.close(ax.figure)
    _, given = plt.subplots()
    assert found.plot_volcano(ax=given) is given
    plt.close(given.figure)


def test_sentences_say_how_each_p_value_was_made(study):
    table, y = study(60, p=30)
    lines = group_differences(table, y, n_permutations=99).sentences()
    text = " ".join(lines)
    for words in (
        "Mann-Whitney, normal approximation",
        "generalised covariance measure",
        "permuted over the patients (99 times)",
        "in each of 3 families",
        "over all columns",
    ):
        assert words in text
    alone = group_differences(table, y, n_permutations=FEW, adjust=()).sentences()
    assert "Nothing was adjusted for" in alone[-1]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda t, y: (t, y * 0), "one_class"),
        (lambda t, y: (t, (pd.Series(range(len(y)), y.index) < 4) * 1.0), "too_few_patients"),
        (lambda t, y: (t, y + 1), "y"),
        (lambda t, y: (t, y.rename(lambda i: f"X{i}", level=0)), "index_mismatch"),
        (lambda t, y: (t.assign(deep__n__F0=np.inf), y), "infinite"),
        (lambda t, y: (t.assign(deep__n__F0="a"), y), "object_columns"),
        (lambda t, y: (t.filter(regex="clinical"), y), "no_block"),
        (lambda t, y: (t.assign(**{c: np.nan for c in t if "deep" in c}), y), "empty_block"),
        (lambda t, y: (t.assign(deep__n__copy=y), y), "outcome_as_predictor"),
        (lambda t, y: (pd.concat([t, t]), y), "duplicate_index"),
        (lambda t, y: (t.to_numpy(), y), "table_type"),
        (lambda t, y: (t.iloc[:14], y.iloc[:14]), "too_few_patients"),
    ],
)
def test_bad_tables_and_outcomes_are_refused_by_name(study, spoil, code):
    table, y = study(40, seed=3)
    with pytest.raises(TumorResponseError) as refused:
        group_differences(*spoil(table, y), n_permutations=FEW)
    assert refused.value.code == code


def test_covariates_that_tell_the_groups_apart_leave_nothing_to_compare(study):
    table, y = study(40)
    table["meta__arm"] = pd.Series(np.where(y == 1, "A", "B"), y.index).astype("category")
    with pytest.raises(TumorResponseError, match="tell the two groups apart") as refused:
        group_differences(table, y, adjust=["meta__arm"], n_permutations=FEW)
    assert refused.value.code == "adjust"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"adjust": ["clinical__stage"]}, "adjust"),
        ({"blocks": ["pathology"]}, "missing_block"),
        ({"blocks": []}, "missing_block"),
        ({"blocks": {"deep": []}}, "no_block"),
        ({"blocks": {"deep": ["x"]}}, "missing_block"),
        ({"within": "filter"}, "within"),
        ({"alpha": 0}, "share"),
        ({"fdr": 1.5}, "share"),
        ({"level": 95}, "level"),
        ({"n_permutations": 5}, "n_permutations"),
    ],
)
def test_bad_settings_are_refused_by_name(study, given, code):
    table, y = study(40)
    with pytest.raises(TumorResponseError) as refused:
        group_differences(table, y, **given)
    assert refused.value.code == code


def test_a_figure_of_what_was_not_done_is_refused(study):
    table, y = study(40)
    found = group_differences(table, y, n_permutations=FEW, adjust=())
    for call, code in (
        (lambda: found.plot_volcano("adjusted"), "adjust"),
        (lambda: found.plot_volcano("other"), "test"),
        (lambda: found.plot_volcano(n_labels=-1), "n_labels"),
        (lambda: found.count("unadjusted", "p", "pathology"), "missing_block"),
    ):
        with pytest.raises(TumorResponseError) as refused:
            call()
        assert refused.value.code == code
