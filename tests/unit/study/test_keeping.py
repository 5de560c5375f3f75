"""Results are kept and read without pickle, unchanged; a file cannot name what is to be called."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import tumor_response as tr
from tumor_response.exceptions import BundleError
from tumor_response.study.keeping import kept_bytes, read_kept

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
        | st.frozensets(st.text())
    ),
)


def there_and_back(value: Any, tmp_path: Path) -> Any:
    path = tmp_path / "one.npz"
    path.write_bytes(kept_bytes(value))
    back = read_kept(path)
    assert kept_bytes(back) == path.read_bytes()
    return back


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_plain_values_come_back_as_they_were(value: Any, place: Path) -> None:
    back = there_and_back(value, place)
    assert back == value
    assert type(back) is type(value)


def frame() -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples([("P1", "1"), ("P2", "1")], names=["patient_id", "lesion_id"])
    made = pd.DataFrame(
        {
            "a": [1.5, np.nan],
            "text": pd.array(["x", None], dtype="str"),
            "level": pd.Categorical(["f", None], ["f", "m"]),
            "whole": [1, 2],
            "b": [np.inf, -0.0],
            "known": [True, False],
            "maybe": pd.array([True, pd.NA], dtype="boolean"),
            "mixed": np.array([("a", 1), None], dtype=object),
        },
        index=index,
    )
    made.attrs = {"reasons": {("P2", "1"): "mask_empty"}}
    return made


def test_a_frame_comes_back_with_its_kinds_order_and_notes(tmp_path: Path) -> None:
    back = there_and_back(frame(), tmp_path)
    pd.testing.assert_frame_equal(back, frame(), check_flags=True)
    assert back.attrs == frame().attrs


@pytest.mark.parametrize("column", list(frame().columns))
def test_a_series_comes_back(tmp_path: Path, column: str) -> None:
    pd.testing.assert_series_equal(there_and_back(frame()[column], tmp_path), frame()[column])


@pytest.mark.parametrize(
    "empty",
    [pd.DataFrame(), pd.DataFrame(columns=["a"]), pd.DataFrame(index=pd.Index(["x"], name="i"))],
)
def test_an_empty_frame_comes_back(tmp_path: Path, empty: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(there_and_back(empty, tmp_path), empty)


def test_models_schemes_and_rules_come_back(tmp_path: Path) -> None:
    model = tr.make_model("xgboost", ["radiomics", "clinical"], 3)
    scheme = tr.TemporalSplit(cutoff=dt.date(2024, 1, 1))
    back = there_and_back(
        [model, scheme, tr.ResponderCut(-30.0, "volume_change_percent")], tmp_path
    )
    assert repr(back[0].get_params()) == repr(model.get_params())
    assert back[1:] == [scheme, tr.ResponderCut(-30.0, "volume_change_percent")]


def test_a_fitted_model_is_not_kept() -> None:
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="fitted LogisticRegression"):
        kept_bytes(fitted)


def forged(tree: object, path: Path) -> Path:
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8))
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("tumor_response.study.running", "run"),
        ("tumor_response.study.lock", "tempfile.mkdtemp"),
        ("tumor_response.exceptions", "CaseError"),
        ("sklearn.utils", "Bunch"),
    ],
)
def test_a_file_cannot_name_what_is_called(tmp_path: Path, module: str, name: str) -> None:
    fields = {"command": "true"}
    node = {"!": "object", "module": module, "class": name, "fields": fields}
    with pytest.raises(BundleError, match="is not kept"):
        read_kept(forged(node, tmp_path / "forged.npz"))


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", tree=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError, match="Run the study again"):
        read_kept(tmp_path / "one.npz")


def test_half_a_file_is_told(tmp_path: Path) -> None:
    whole = kept_bytes({"a": np.arange(100)})
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError) as raised:
        read_kept(tmp_path / "half.npz")
    assert raised.value.code == "kept_unreadable"
