"""A report of everything: every section is there, in order; and what is of another study is not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.everything import END_POINT, everything, make_study, models
from tests.unit.reporting.test_report import Reader, front
from tumor_response.exceptions import EvaluationError

SECTIONS = (
    *("All models", "Who was evaluated", "The end point", "Volume and contour error"),
    *("Faults of images and contours", "ROC curves", "Calibration", "Decision curve"),
    *("Further figures", "What each block adds", "What the models used"),
    *("Whether the maps can be believed", "How the groups differ", "Beyond volume and age"),
    *("Deep blocks and volume", "Leakage trace", "Negative controls", "Robustness"),
    *("Predictions under other contours", "Sites", "Failures and findings"),
    *("How it was evaluated", "The plan and what was done", "Settings, hashes and versions"),
    *("Reporting checklists", "Methods paragraph for a paper", "How to cite"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything")
    return everything(folder, 50, signal=2.0, n_resamples=20, n_radiomics=12, n_deep=6)


@pytest.fixture(scope="module")
def page(study, tmp_path_factory) -> Reader:
    result, given = study
    path = tr.report(result, tmp_path_factory.mktemp("page") / "r.html", **given)
    return Reader(path.read_text(encoding="utf-8"))


def text_of(reader: Reader) -> str:
    return " ".join(reader.text.split())


def named(reader: Reader, tag: str) -> list[str]:
    return [a["id"] for name, a in reader.elements if name == tag and "id" in a]


def test_every_section_is_there_in_the_order_of_the_questions(page: Reader) -> None:
    text = text_of(page).split("Contents", 1)[1]
    places = []
    for title in SECTIONS:
        assert text.count(title) >= 2, title  # in the contents and as a heading
        places.append(text.rindex(title))
    headings = [place for place, title in zip(places, SECTIONS, strict=True) if title]
    contents = [text.index(title) for title in SECTIONS]
    assert contents == sorted(contents)
    assert len(headings) == len(SECTIONS)
    assert "Not asked in this report" not in text_of(page)


def test_no_patient_is_named_anywhere(page: Reader, study) -> None:
    result, _ = study
    text = text_of(page)
    for patient in result.rows.X.index.get_level_values(0):
        assert not re.search(rf"\b{patient}\b", text), patient


def test_patients_are_named_where_that_was_asked(study, tmp_path) -> None:
    result, given = study
    told = {name: given[name] for name in ("quality", "table")}
    path = tr.report(result, tmp_path / "r.html", identified=True, volume_checks=(), **told)
    text = text_of(Reader(path.read_text(encoding="utf-8")))
    finding = given["quality"].iloc[0]
    assert finding["message"] in text


def test_the_flow_adds_up(page: Reader, study) -> None:
    result, given = study
    alt = next(a["alt"] for a in page.named("img") if "Flow chart" in (a["alt"] or ""))
    n, left = len(given["cohort"]), int(given["outcomes"][END_POINT].isna().sum())
    assert f"Cohort, {n} patients, {n} lesions" in alt
    assert f"Features and outcomes, {n} lesions (left out: outcome: no_follow_up: {left}" in alt
    responders = int(result.rows.y.sum())
    assert f"Evaluated, {n - left} patients, {n - left} lesions, {responders} responders" in alt


def test_findings_are_counted_by_kind(page: Reader, study) -> None:
    findings = study[1]["quality"]
    text = text_of(page)
    for code, group in findings.groupby("code"):
        at = [int((group["time_point"] == name).sum()) for name in ("baseline", "follow_up")]
        severity = group["severity"].iloc[0]
        assert f"{code.replace('_', ' ')} {severity} {at[0]} {at[1]} 0" in text


def test_no_finding_is_no_proof(study, tmp_path) -> None:
    result, given = study
    path = tr.report(
        result, tmp_path / "r.html", quality=given["quality"].iloc[:0], volume_checks=()
    )
    text = text_of(Reader(path.read_text(encoding="utf-8")))
    assert "That is not to say that there is none" in text


def test_the_uncertain_labels_are_those_of_the_frame(page: Reader, study) -> None:
    uncertainty = study[1]["uncertainty"]
    n = int(uncertainty["uncertain"].sum())
    assert n > 0
    assert f"{n} of {int(uncertainty['p_flip'].notna().sum())} lesions have an uncertain" in (
        text_of(page)
    )


def test_the_ablation_has_every_configuration_and_the_corrected_best(page: Reader, study) -> None:
    ablation, text = study[1]["ablation"], text_of(page)
    alt = next(a["alt"] for a in page.named("img") if "Forest of all" in (a["alt"] or ""))
    for one in ablation.configurations:
        assert one.name in alt
    assert ablation.best_of_k().text.removeprefix("best") in text
    for name, row in ablation.without_each_block().set_index("block").iterrows():
        assert f"{name} {row['others']} {row['difference']:+.2f}".replace("-", "−") in text


def test_calibration_is_that_of_the_performance_table(page: Reader, study) -> None:
    figures = study[0].performance(["all"]).loc["all"]
    text = text_of(page)
    for measure, words in (("brier", "Brier score"), ("calibration_slope", "calibration slope")):
        shown = f"all {words} {figures.loc[measure, 'oob']:.3f}".replace("-", "−")
        assert shown in text


# ---------------------------------------------------------------- for the paper


def methods(reader: Reader) -> str:
    text = text_of(reader)
    return text[text.index("Methods. ") : text.index("Results, in the words of page one.")]


def test_the_methods_say_what_was_done_with_hashes_and_numbers(page: Reader, study) -> None:
    result, given = study
    text = methods(page)
    ablation = len(given["ablation"].configurations)
    for told in (
        f"{len(result.rows.y)} patients with {len(result.rows.y)} lesions were analysed",
        f"scheme Bootstrap632Plus, SHA-256 {result.scheme.sha256[:12]}",
        "Block radiomics has 12 columns",
        "bins of 25 HU",
        "19 permutations of the outcome",
        f"{ablation} configurations of blocks and models",
        given["plan"].sha256[:12],
        "400 draws, 0.3 mm SD",
        f"tumor_response {tr.__version__}",
    ):
        assert told in text, told


def test_what_was_not_done_is_in_no_method(study, tmp_path) -> None:
    result, given = study
    bare = tr.report(result, tmp_path / "r.html", headline="all", volume_checks=())
    reader = Reader(bare.read_text(encoding="utf-8"))
    text = methods(reader)
    for absent in (
        *(
            "Leakage",
            "permutation",
            "SHAP",
            "contour",
            "ledger",
            "plan",
            "ICC",
            "Sites",
            "Block radiomics",
        ),
        "configurations of blocks",
    ):
        assert absent not in text, absent
    cited = text_of(reader).split("BibTeX of the software")[1]
    assert "@article{efron1997" in cited
    for absent in ("phipson2010", "lundberg2017", "koo2016", "holm1979", "zwanenburg2020"):
        assert absent not in cited
    assert {"tumor_response", "phipson2010", "lundberg2017", "koo2016"} <= cited_keys(given, study)


def cited_keys(given: dict, study) -> set[str]:
    from tumor_response.reporting.evidence import sorted_evidence
    from tumor_response.reporting.given import Given
    from tumor_response.reporting.looked import sorted_explanations
    from tumor_response.reporting.references import bibtex, references_used

    result = study[0]
    found = Given(
        sorted_evidence(given["evidence"], result), sorted_explanations(given["explanations"])
    )
    return set(re.findall(r"@\w+\{(\w+),", bibtex(references_used(result, found, several=True))))


def test_checklists_are_those_of_the_library(page: Reader, study) -> None:
    from tumor_response.evaluation.checklists import checklist

    result, given = study
    text = text_of(page)
    for which in ("tripod_ai", "clear", "metrics"):
        filled = checklist(
            result, which, plan=given["plan"], table=given["table"], ledger=given["ledger"]
        )
        counts = ", ".join(f"{count} {status}" for status, count in filled.counts.items())
        assert f"{filled.name}: {len(filled.items)} items, {counts}" in text


def test_the_plan_is_held_against_the_run(page: Reader) -> None:
    text = text_of(page)
    assert "Plan frozen first; its model is this headline" in front(page)
    assert "model radiomics none evaluated NO" in text


# ---------------------------------------------------------------- of another study


def other(result, given, **changed):
    table, outcomes = make_study(50, seed=5, n_radiomics=12, n_deep=6)
    few = tr.Bootstrap632Plus(n_resamples=3, seed=0)
    return table, outcomes, few


def refused(study, tmp_path, code: str, match: str, **given) -> None:
    with pytest.raises(EvaluationError, match=match) as caught:
        tr.report(study[0], tmp_path / "r.html", volume_checks=(), **given)
    assert caught.value.code == code
    assert not (tmp_path / "r.html").exists()


def test_a_table_with_other_values_is_refused(study, tmp_path) -> None:
    table, outcomes = make_study(50, seed=5, n_radiomics=12, n_deep=6)
    refused(study, tmp_path, "other_evaluation", "table has other values", table=table)
    refused(study, tmp_path, "other_evaluation", "outcomes has other values", outcomes=outcomes)


def test_lesions_that_are_not_there_are_refused(study, tmp_path) -> None:
    _, given = study
    fewer = {
        "table": replace(given["table"], data=given["table"].data.iloc[:40]),
        "outcomes": given["outcomes"].iloc[:40],
        "uncertainty": given["uncertainty"].iloc[:40],
        "cohort": tr.Cohort(list(given["cohort"])[:40]),
    }
    for name, value in fewer.items():
        refused(study, tmp_path, "other_evaluation", f"{name} lacks", **{name: value})


def test_uncertainty_of_another_end_point_or_cut_is_refused(study, tmp_path) -> None:
    outcomes = study[1]["outcomes"]
    of_percent = tr.outcome_uncertainty(outcomes, by="shrinkage_percent", n_draws=10)
    refused(study, tmp_path, "other_end_point", "another end point", uncertainty=of_percent)
    at_two = tr.outcome_uncertainty(outcomes, by=END_POINT, cut=2.0, n_draws=10)
    refused(study, tmp_path, "other_end_point", "of the cut 2", uncertainty=at_two)


def test_findings_of_another_cohort_are_refused(study, tmp_path) -> None:
    _, given = study
    strange = given["quality"].assign(patient_id="Q1")
    refused(study, tmp_path, "other_evaluation", "of another cohort", quality=strange)
    some = given["quality"].copy()
    some.loc[0, "patient_id"] = "Q1"  # left out early: known to nobody without the cohort
    refused(
        study,
        tmp_path,
        "other_evaluation",
        "1 patient",
        quality=some,
        cohort=given["cohort"],
    )
    refused(study, tmp_path, "other_evaluation", "no column", quality=pd.DataFrame({"a": [1]}))


def test_an_ablation_or_explanation_of_something_else_is_refused(study, tmp_path) -> None:
    _, given = study
    y = given["outcomes"][END_POINT]
    few = tr.Bootstrap632Plus(n_resamples=3, seed=0)
    only = {"other": models()["radiomics"]}
    elsewhere = tr.evaluate(only, given["table"], y, few, label=tr.ResponderCut(1.0))
    explained = tr.explain(elsewhere, "other")
    refused(study, tmp_path, "other_evaluation", "explanation of 'other'", explanations=[explained])
    ablation = replace(given["ablation"], result=elsewhere)
    refused(study, tmp_path, "other_evaluation", "ablation is of other", ablation=ablation)


def test_the_same_rows_in_another_order_are_the_same(study, tmp_path) -> None:
    result, given = study
    shuffled = given["outcomes"].iloc[::-1]
    assert tr.report(result, tmp_path / "r.html", outcomes=shuffled, volume_checks=()).is_file()
    assert np.all(shuffled.index[::-1] == given["outcomes"].index)
