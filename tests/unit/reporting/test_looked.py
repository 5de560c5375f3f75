"""The sections beside SHAP: what they are given, what they say, what they leave out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.explanation.concordance import made
from tests.unit.reporting.test_report import Reader
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.sanity import AttentionSanity, SanitySettings
from tumor_response.explanation.attention.sanity.one_lesion import MODEL_STEP, LesionFound
from tumor_response.explanation.differences import beyond_volume_and_age
from tumor_response.explanation.stability import explanation_null


def sanity() -> AttentionSanity:
    """Six lesions: one method that changes with the model, and one that never does."""
    rng = np.random.default_rng(0)
    lesions = []
    for number in range(6):
        maps = {name: rng.random((2, 4, 4)) for name in ("grad_cam", "eigen_cam")}
        alike = {"grad_cam": 0.1 * rng.normal(), "eigen_cam": 1.0}
        lesions.append(
            LesionFound(
                (f"SECRET{number}", "1"),
                maps=maps,
                cascade=[
                    {
                        "method": name,
                        "step": step,
                        "randomised": part,
                        "draw": 0,
                        "rank_correlation": alike[name] if step == 0 else 0.0,
                        "empty": False,
                    }
                    for name in maps
                    for step, part in enumerate((MODEL_STEP, "conv_head"))
                ],
                curves=[
                    {"order": order, "draw": 0, "deletion": d, "insertion": -d}
                    for order, d in (
                        ("centre", -0.1 * rng.random()),
                        ("random", -0.1 * rng.random()),
                        ("grad_cam", -1.0),
                        ("eigen_cam", 0.0),
                    )
                ],
            )
        )
    return AttentionSanity.of_lesions(lesions, "all", ["grad_cam", "eigen_cam"], SanitySettings())


def test_what_each_kind_says_is_on_the_page(study, tmp_path: Path) -> None:
    result, table, outcomes = study(3.0)
    cohort = made.cohort(tmp_path, 6)
    concordance = tr.attention_concordance(
        made.maps(cohort, made.middle), cohort, retreat=made.retreat(cohort), settings=made.QUICK
    )
    y, label = outcomes["rate_percent_per_day"], tr.ResponderCut("median")
    differences = tr.group_differences(table, y, label=label, n_permutations=99)
    beyond = beyond_volume_and_age(result, table, n_permutations=99)
    null = explanation_null(result, "all", n_permutations=19, n_resamples=4)
    shap = tr.explain(result, "all").with_null(null)
    told = [beyond, differences, concordance, sanity(), shap]
    path = tr.report(result, tmp_path / "r.html", explanations=told, volume_checks=())
    reader = Reader(path.read_text(encoding="utf-8"))
    text = " ".join(reader.text.split())
    for sentence in (
        *differences.sentences(),
        *beyond.sentences(),
        *concordance.sentences(),
        *sanity().sentences(),
        *(line.strip() for line in str(shap.null).splitlines()),
    ):
        assert " ".join(sentence.split()) in text
    assert "Owen values, which sum to the value of their block" in text
    assert "SECRET" not in text
    assert all(image["alt"] for image in reader.named("img"))
    # in the order of the questions, whatever the order they came in
    places = [
        text.rindex(title)
        for title in (
            "What the models used",
            "Whether the maps can be believed",
            "Where it looked, and where it shrank",
            "How the groups differ",
            "Beyond volume and age",
        )
    ]
    assert places == sorted(places)


def test_flags_are_the_tests_that_are_failed() -> None:
    flags = sanity().flags()
    assert not flags.loc["grad_cam"].any()
    assert flags.loc["eigen_cam"].to_dict() == {
        "ignores_model": True,
        "ignores_network": False,
        "ignores_labels": False,
        "no_better_than_random": True,
        "no_better_than_centre": True,
    }
    rows = sanity().summary().set_index(["method", "test"])
    assert rows.loc[("grad_cam", "deletion against random"), "mean"] > 0.8
    assert "no test was failed" in sanity().sentences()[0]


def test_sampled_values_are_said_to_be_so(study, tmp_path: Path) -> None:
    result, *_ = study(3.0)
    sampled = tr.explain(result, "all", output="probability")
    path = tr.report(result, tmp_path / "r.html", explanations=[sampled], volume_checks=())
    text = " ".join(Reader(path.read_text(encoding="utf-8")).text.split())
    assert "pairs of random orders" in text
    assert "in probability" in text
    assert "in log-odds" not in text


def test_something_else_is_refused(study, tmp_path: Path) -> None:
    with pytest.raises(ExplanationError) as caught:
        tr.report(study(0.0)[0], tmp_path / "r.html", explanations=[pd.DataFrame()])
    assert caught.value.code == "explanations"
    assert not (tmp_path / "r.html").exists()
