"""Frames of polars and Arrow give what pandas' give, to the last byte."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tumor_response as tr
from tests.unit.cases import cohort_folder
from tumor_response.exceptions import TableError, TumorResponseError
from tumor_response.frames import as_frame, as_keyed, as_values

OTHERS = {
    "polars": pl.from_pandas,
    "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
}
Maker = Callable[[pd.DataFrame], Any]


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest) -> Maker:
    return OTHERS[request.param]


def flat(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    return frame.reset_index()


def features(n: int = 40) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(n, 3)), index, ["clinical__age", "deep__a", "deep__b"])
    X["clinical__volume_cc"] = rng.lognormal(3, 1, n)
    X.iloc[3, 0] = np.nan
    y = (X["deep__a"] + rng.normal(size=n) > 0).astype(float).rename("responder")
    return X, y


def bytes_of(frame: pd.DataFrame) -> bytes:
    held = io.BytesIO()
    frame.to_parquet(held)
    return held.getvalue()


def test_values_missing_values_and_text_survive(other: Maker) -> None:
    frame = pd.DataFrame(
        {
            "patient_id": ["1", "2"],
            "whole": [1, 2],
            "number": [0.1, np.nan],
            "text": ["T2", None],
            "yes": [True, False],
        }
    )
    pd.testing.assert_frame_equal(as_frame(other(frame), "frame"), frame)


def test_keys_become_the_index(other: Maker) -> None:
    X, _ = features()
    pd.testing.assert_frame_equal(as_keyed(other(flat(X)), "table"), X)
    pd.testing.assert_frame_equal(as_keyed(flat(X), "table"), X)  # pandas without an index, too


def test_keys_that_are_numbers_become_text(other: Maker) -> None:
    frame = pd.DataFrame({"patient_id": [7, 8], "a": [1.0, 2.0]})
    assert as_keyed(other(frame), "table").index.tolist() == ["7", "8"]


def test_pandas_is_handed_on_uncopied() -> None:
    X, y = features()
    assert as_keyed(X, "table") is X
    assert as_values(y, "y") is y


def test_what_is_no_frame_is_left_to_be_refused_by_others() -> None:
    for thing in (None, 3, "P1", np.zeros(3), {"a": [1]}):
        assert as_frame(thing, "x") is thing


def test_refusals_say_the_way_out(other: Maker) -> None:
    with pytest.raises(TableError, match="patient_id"):
        as_keyed(other(pd.DataFrame({"a": [1.0]})), "table")
    with pytest.raises(TableError, match="one column of values"):
        as_values(other(pd.DataFrame({"patient_id": ["1"], "a": [1.0], "b": [1.0]})), "y")
    with pytest.raises(TableError, match=r"\.collect\(\)"):
        as_frame(pl.LazyFrame({"a": [1]}), "table")
    with pytest.raises(TableError, match="whose a value is"):
        as_values(pl.Series([1.0]), "y")


def test_evaluation_is_the_same_to_the_last_byte(other: Maker) -> None:
    X, y = features()
    models = {"m": tr.make_model("logistic"), "volume_only": tr.make_model("volume_only")}
    scheme = tr.Bootstrap632Plus(n_resamples=4, seed=0)
    ours = tr.evaluate(models, X, y, scheme)
    theirs = tr.evaluate(models, other(flat(X)), other(flat(y)), scheme)
    assert bytes_of(theirs.scores) == bytes_of(ours.scores)
    assert bytes_of(theirs.to_frame()) == bytes_of(ours.to_frame())


def test_explanation_predictor_and_differences_are_the_same(other: Maker) -> None:
    X, y = features()
    X = X.fillna(0.0)
    model = tr.make_model("logistic").fit(X, y)
    table, outcome = other(flat(X)), other(flat(y))
    explained = [tr.explain(model, t, in_sample=True).values for t in (X, table)]
    assert bytes_of(explained[0]) == bytes_of(explained[1])
    found = [
        tr.group_differences(t, o, n_permutations=19).to_frame()
        for t, o in ((X, y), (table, outcome))
    ]
    assert bytes_of(found[0]) == bytes_of(found[1])
    predicted = []
    for t, o in ((X, y), (table, outcome)):
        predictor = tr.ShrinkagePredictor(n_resamples=2, n_repeats=1).fit_table(t, o)
        predicted.append(predictor.predict_table(t))
    pd.testing.assert_frame_equal(predicted[0], predicted[1], check_exact=True)


def test_labels_and_slopes_are_the_same(other: Maker) -> None:
    X, _ = features()
    outcomes = pd.DataFrame({"rate_percent_per_day": X["deep__a"]})
    ours = tr.label_responders(outcomes)
    pd.testing.assert_series_equal(ours, tr.label_responders(other(flat(outcomes))))
    thirds = tr.label_tertiles(outcomes)
    pd.testing.assert_series_equal(thirds, tr.label_tertiles(other(flat(outcomes))))


def test_diameters_are_the_same(other: Maker, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["A", "A"], "day": [-3, 40], "mm": [40.0, 25.0]})
    words = {"patient": "id", "day": "day", "diameter": "mm", "figure": "single_lesion"}
    frame.to_csv(tmp_path / "d.csv", index=False)
    of_file = tr.read_diameters(tmp_path / "d.csv", **words).measurements
    found = tr.read_diameters(other(frame), **words).measurements
    columns = ["patient_id", "visit", "days", "longest_diameter_mm", "status"]
    pd.testing.assert_frame_equal(found[columns], of_file[columns])
    wide = pd.DataFrame({"id": ["7"], "pre": [40.0], "post": [np.nan]})
    visits = {"pre": "baseline", "post": "surgery"}
    ours = tr.visits_from_wide(wide, patient="id", visits=visits)
    pd.testing.assert_frame_equal(
        tr.visits_from_wide(other(wide), patient="id", visits=visits), ours
    )


def test_a_manifest_is_the_same(other: Maker, tmp_path: Path) -> None:
    frame = cohort_folder(tmp_path, 2).astype("str")
    frame["age"] = [61, 70]
    frame["date"] = [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
    frame = frame.drop(columns=[c for c in ("follow_up_date",) if c in frame])
    ours, theirs = (tr.Cohort.from_frame(f, tmp_path) for f in (frame, other(frame)))
    assert [case.key for case in ours] == [case.key for case in theirs]
    assert [case.date for case in ours] == [case.date for case in theirs]
    assert [dict(case.variables) for case in ours] == [dict(case.variables) for case in theirs]
    table = [tr.extract(c, [tr.ClinicalFactors(["age", "volume_cc"])]).data for c in (ours, theirs)]
    assert bytes_of(table[0]) == bytes_of(table[1])


def test_a_foreign_frame_without_keys_is_refused_before_any_work(other: Maker) -> None:
    X, y = features()
    with pytest.raises(TumorResponseError, match="patient_id"):
        tr.evaluate(tr.make_model("dummy"), other(X.reset_index(drop=True)), y)
