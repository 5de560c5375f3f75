from __future__ import annotations

import pickle
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit.explanation.concordance import made
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.concordance import (
    Concordance,
    attention_concordance,
    computing,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tr.Cohort:
    return made.cohort(tmp_path_factory.mktemp("concordance"), n_patients=10)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tr.Cohort:
    return made.cohort(tmp_path_factory.mktemp("few"), n_patients=3)


@pytest.fixture(scope="module")
def labels(cohort: tr.Cohort) -> pd.Series:
    keys = pd.MultiIndex.from_tuples([case.key for case in cohort])
    return pd.Series((np.arange(len(keys)) % 2).astype(float), index=keys)


@pytest.fixture(scope="module")
def concordance(cohort: tr.Cohort, labels: pd.Series) -> Concordance:
    """Attention that follows the retreat within the tumours of responders alone."""
    retreat = made.retreat(cohort)
    return attention_concordance(
        _following(cohort, retreat, labels),
        cohort,
        retreat=retreat,
        labels=labels,
        settings=made.QUICK,
    )


def _following(
    cohort: tr.Cohort, retreat: dict[tuple[str, str], sitk.Image], labels: pd.Series
) -> AttentionMaps:
    responders = [case for case in cohort if labels[case.key] == 1]
    blind = made.maps(cohort)
    cases = dict(blind.cases)
    for case in responders:
        shown = sitk.Cast(blind[case.key].coverage, sitk.sitkFloat32)
        cases[case.key] = type(cases[case.key]).of_images(
            case.key, blind[case.key].view_maps, shown * retreat[case.key], blind[case.key].coverage
        )
    return AttentionMaps(cases, "by_hand", "logistic", "out_of_bag", made.VIEWS, "0" * 64, {})


def by_group(found: Concordance) -> pd.DataFrame:
    return found.by_group().set_index(["measure", "target", "group"]).sort_index()


def test_agreement_is_found_in_the_group_that_has_it(concordance: Concordance) -> None:
    rows = by_group(concordance)
    assert rows.loc[("rho_adjusted", "retreat", "responder"), "ci_low"] > 0.5
    assert rows.loc[("rho_adjusted", "retreat", "non_responder"), "p_value"] > 0.05
    assert rows.loc[("rho_adjusted", "retreat", "difference"), "p_value"] < 0.01
    assert rows.loc[("excess", "retreat", "responder"), "p_value"] < 0.05
    assert rows.loc[("excess", "retreat", "non_responder"), "p_value"] > 0.05
    assert rows.loc[("excess", "retreat", "difference"), "p_value"] < 0.05
    assert rows.loc[("overlap", "retreat", "responder"), "estimate"] > 0.9


def test_means_of_groups_are_means_over_patients(concordance: Concordance) -> None:
    rows, table = by_group(concordance), concordance.shrinkage()
    for group in ("responder", "non_responder"):
        of = table[table["group"] == group]
        row = rows.loc[("attended", "retreat", group)]
        assert row["estimate"] == pytest.approx(of["attended"].mean())
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        assert (row["n_patients"], row["n_lesions"]) == (5, 5)


def test_sentences_say_what_was_measured(concordance: Concordance) -> None:
    said = "\n".join(concordance.sentences())
    row = by_group(concordance).loc[("attended", "retreat", "responder")]
    start = "Responders (5 patients): the mean retreat of the quarter attended most was"
    assert f"{start} {row['estimate']:.2f} mm" in said
    assert "chance may give as much" in said
    assert "nan" not in said
    assert "Responders (5 patients)" in repr(concordance)


def test_the_figure_has_a_point_for_each_lesion(concordance: Concordance) -> None:
    panels = concordance.plot()
    for ax in panels:
        assert sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o") == 10
        assert len(ax.patches) == 10
    plt.close(panels[0].figure)


def test_neither_processes_nor_order_nor_company_change_a_lesion(
    few: tr.Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps, retreat = made.maps(few), made.retreat(few)
    once = attention_concordance(maps, few, retreat=retreat, settings=made.QUICK)
    key = list(maps)[2]
    alone = AttentionMaps(
        {key: maps[key]}, "by_hand", "logistic", "out_of_bag", made.VIEWS, "0" * 64, {}
    )
    one = attention_concordance(alone, few, retreat={key: retreat[key]}, settings=made.QUICK)
    pd.testing.assert_frame_equal(one.shrinkage(), once.shrinkage().loc[[(*key, "retreat")]])

    def elsewhere(work, tasks, n_jobs, description):
        """Do the last task first, each from a copy that went to another process and back."""
        sent = pickle.loads(pickle.dumps((work, tasks)))
        back = [pickle.loads(pickle.dumps(sent[0]([task])[0])) for task in reversed(sent[1])]
        return iter(back[::-1])

    monkeypatch.setattr(computing, "spread", elsewhere)
    again = attention_concordance(maps, few, retreat=retreat, settings=made.QUICK)
    pd.testing.assert_frame_equal(once.shrinkage(), again.shrinkage())
    pd.testing.assert_frame_equal(once.inside(), again.inside())
    pd.testing.assert_frame_equal(once.by_group(), again.by_group())


def _table(folder: Path, cohort: tr.Cohort, reasons: dict[int, str]) -> pd.DataFrame:
    """What local_shrinkage returns, with a log-Jacobian that is reliable on one half."""
    rows = []
    for number, retreat in enumerate(made.retreat(cohort).values()):
        row = dict.fromkeys(("retreat_map", "log_jacobian_map", "reliability_map"), "")
        row["reason"] = reasons.get(number, "")
        if row["reason"] in ("", "complete_response"):
            half = np.zeros(made.SIZE[::-1], dtype=np.float32)
            half[:, :, : made.SIZE[0] // 2] = 1
            for name, image in (
                ("retreat_map", retreat),
                ("log_jacobian_map", -retreat),
                ("reliability_map", made.on_grid(half)),
            ):
                row[name] = f"{number}_{name}.nii.gz"
                sitk.WriteImage(image, str(folder / row[name]))
        rows.append(row)
    table = pd.DataFrame(rows, index=cohort.keys)
    table.attrs["directory"] = str(folder)
    return table


def test_a_table_of_local_shrinkage_with_gaps(few: tr.Cohort, tmp_path: Path) -> None:
    reasons = {0: "follow_up_missing", 1: "complete_response"}
    table = _table(tmp_path, few, reasons)
    found = attention_concordance(
        made.maps(few), few, retreat=table, settings=made.QUICK
    ).shrinkage()
    retreat, jacobian = (found.xs(name, level="target") for name in ("retreat", "log_jacobian"))
    for part in (retreat, jacobian):
        assert part["reason"].tolist()[:3] == ["follow_up_missing", "complete_response", ""]
        assert part["rho"].isna().tolist()[:3] == [True, True, False]
    # fewer voxels count, and shrinkage is minus the log-Jacobian
    usual = retreat["reason"] == ""
    assert (jacobian["n_voxels"][usual] <= retreat["n_voxels"][usual]).all()
    assert (jacobian["attended"][usual] > 0).all()
    table.attrs.clear()
    with pytest.raises(ExplanationError, match="Give its folder") as error:
        attention_concordance(made.maps(few), few, retreat=table, settings=made.QUICK)
    assert error.value.code == "retreat_input"


def test_without_follow_up_every_lesion_says_so(few: tr.Cohort, labels: pd.Series) -> None:
    found = attention_concordance(made.maps(few), few, labels=labels, settings=made.QUICK)
    assert set(found.shrinkage()["reason"]) == {"follow_up_missing"}
    assert found.by_group()["target"].eq("").all()
    assert "3 follow_up_missing" in found.sentences()[0]


def test_failed_maps_and_views_that_miss_the_tumour_are_rows(few: tr.Cohort) -> None:
    maps = made.maps(few)
    first, second, *_ = maps
    aside = made.maps(few, made.middle, shift_mm=(30.0, 0.0))
    cases = {key: case for key, case in maps.cases.items() if key != first}
    cases[second] = aside[second]
    failures = pd.DataFrame(
        [{"patient_id": first[0], "lesion_id": first[1], "reason": "mask_empty", "message": "-"}]
    )
    some = AttentionMaps(
        cases, "by_hand", "logistic", "in_sample", made.VIEWS, "0" * 64, {}, failures
    )
    found = attention_concordance(some, few, retreat=made.retreat(few), settings=made.QUICK)
    assert found.shrinkage().loc[(*first, "retreat"), "reason"] == "mask_empty"
    assert found.shrinkage().loc[(*second, "retreat"), "reason"] == "too_few_voxels"
    assert found.inside().loc[first, "reason"] == "mask_empty"
    assert "fitted to these lesions" in found.sentences()[0]


def test_one_group_left_is_a_reason(few: tr.Cohort, labels: pd.Series) -> None:
    responders = [key for key, label in labels.items() if label == 1]
    retreat = {k: v for k, v in made.retreat(few).items() if k in responders}
    found = attention_concordance(
        made.maps(few), few, retreat=retreat, labels=labels, settings=made.QUICK
    )
    rows = by_group(found)
    assert rows.loc[("attended", "retreat", "difference"), "reason"] == "one_group"
    assert ("attended", "retreat", "non_responder") not in rows.index
    assert any("one group is left" in one for one in found.sentences())


@pytest.mark.parametrize("case", ["others", "labels", "one", "strange", "none", "shift", "retreat"])
def test_bad_input(cohort: tr.Cohort, labels: pd.Series, case: str) -> None:
    maps, options = made.maps(list(cohort)[:1]), {"retreat": {}, "settings": made.QUICK}
    of, code = cohort, "other_lesions"
    if case == "others":
        key = ("stranger", "1")
        one = next(iter(maps.values()))
        moved = type(one)(key, one.view_maps, one.box)
        maps = AttentionMaps({key: moved}, "m", "m", "out_of_bag", made.VIEWS, "0" * 64, {})
    elif case == "labels":
        options["labels"], code = labels * 2, "labels"
    elif case == "one":
        options["labels"], code = labels * 0, "one_group"
    elif case == "strange":
        options["labels"] = pd.Series([1.0, 0.0], index=["a", "b"])
    elif case == "none":
        maps = AttentionMaps({}, "m", "m", "out_of_bag", made.VIEWS, "0" * 64, {})
        code = "no_maps"
    elif case == "shift":
        options["shifted"], code = maps, "not_shifted"
    else:
        options["retreat"], code = 3, "retreat_input"
    with pytest.raises(ExplanationError) as error:
        attention_concordance(maps, of, **options)
    assert error.value.code == code


def test_it_shows_itself_and_its_frame_is_tidy(concordance: Concordance) -> None:
    frame, table = concordance.to_frame(), concordance.by_group()
    assert list(frame.columns[:8]) == [
        *("model", "target", "group", "measure", "value", "ci_low", "ci_high", "ci_method"),
    ]
    np.testing.assert_array_equal(frame["value"], table["estimate"])
    html = concordance._repr_html_()
    assert "It cannot be shown" not in html
    assert all(escape(sentence) in html for sentence in concordance.sentences())
