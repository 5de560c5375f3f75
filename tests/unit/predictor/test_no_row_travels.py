"""Nothing of a single training patient is in a predictor file: looked for in the file itself.

The search is another than :mod:`tumor_response.predictor.rows_held`'s: it knows nothing of models,
unpacks the file with the standard library, and looks for rows in whatever numbers are in it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tests.unit.predictor import small
from tests.unit.predictor.container.altering import members
from tumor_response.models import model_names
from tumor_response.predictor import PredictorState
from tumor_response.predictor.container.writing import sealed
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.predictor.saving import state_bytes

ROWS = ("gaussian_process", "tabular_foundation")
SAVED = [
    (name, task) for task in ("response", "rate") for name in model_names(task) if name not in ROWS
]
TOGETHER = 5
"""Values of one patient in a row that nobody calls chance."""


def numbers_in(content: bytes) -> dict[str, np.ndarray]:
    """Every list of numbers in a file, wherever it lies."""
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            raw = archive.read(name)
            if name.endswith(".safetensors"):
                found |= {f"{name}/{key}": array for key, array in load(raw).items()}
            else:
                _collect(json.loads(raw), name, found)
    return found


def _collect(value, path, found):
    if isinstance(value, list):
        if value and all(type(one) in (int, float) for one in value):
            found[path] = np.array(value, dtype=np.float64)
        for place, one in enumerate(value):
            _collect(one, f"{path}/{place}", found)
    elif isinstance(value, dict):
        for key, one in value.items():
            _collect(one, f"{path}/{key}", found)


def stages_of(model, frame) -> list[np.ndarray]:
    """The training rows as they are in the table, and as each step hands them on."""
    X, stages = frame, [frame.select_dtypes("number").to_numpy()]
    for _, step in model.steps[:-1] if isinstance(model, Pipeline) else []:
        X = step.transform(X)
        numbers = X.select_dtypes("number") if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
        stages.append(numbers.to_numpy())
    return stages


def rows_in(arrays: dict[str, np.ndarray], stages: list[np.ndarray]) -> set[str]:
    """Arrays in which values of one patient stand side by side, along any axis, in either order."""
    owner: dict[float, set[int]] = {}
    for stage in stages:
        for row, values in enumerate(stage):
            for value in values[np.isfinite(values) & (values != np.round(values))]:
                owner.setdefault(float(np.float32(value)), set()).add(row)
    guilty = set()
    for path, array in arrays.items():
        if array.dtype.kind != "f" or array.size < TOGETHER:
            continue
        for line in (array.ravel(), np.moveaxis(array, 0, -1).ravel()):
            run, whose = 0, set[int]()
            for value in line.astype(np.float32).tolist():
                here = owner.get(value, set())
                still = whose & here
                run = run + 1 if still else int(bool(here))
                whose = still or here
                if run >= TOGETHER and len(whose) == 1:
                    guilty.add(path)
    return guilty


@pytest.mark.parametrize(("name", "task"), SAVED)
def test_no_array_of_a_file_holds_a_training_row(name, task):
    state = small.state(name, task, 1)
    content = state_bytes(state)
    assert members(content)["check.json"].count(b'"why"') == 0
    stages = [
        stage
        for model in (state.model, state.volume_model)
        for stage in stages_of(model, small.frame())
    ]
    assert rows_in(numbers_in(content), stages) == set()


def test_the_search_finds_rows_where_they_are():
    values = small.frame().select_dtypes("number").to_numpy()
    stages = [values]
    assert rows_in({"a": values[3]}, stages) == {"a"}
    assert rows_in({"a": values[:4].T.copy()}, stages) == {"a"}
    assert rows_in({"a": values[:4].astype(np.float32)}, stages) == {"a"}
    assert rows_in({"a": np.r_[0.5, values[9, :7], 0.25]}, stages) == {"a"}
    held = {"state.json": json.dumps({"record": {"x": values[5].tolist()}}).encode()}
    assert rows_in(numbers_in(sealed(held)), stages) == {"state.json/record/x"}


@pytest.fixture(scope="module")
def whole() -> tuple[PredictorState, bytes]:
    """A predictor with all its parts: calibration, quantiles, domain, record."""
    y = pd.Series(small.outcome("rate"), small.frame().index, name="rate_percent_per_day")
    predictor = ShrinkagePredictor(
        None, "logistic", label=tr.ResponderCut("median"), n_resamples=2, n_repeats=1
    ).fit_table(small.frame(), y)
    return predictor.state_, state_bytes(predictor.state_)


def test_a_whole_predictor_holds_no_training_row_and_no_outcome_of_one(whole):
    state, content = whole
    stages = stages_of(state.model, small.frame()) + stages_of(state.volume_model, small.frame())
    by_patient = [state.model.decision_function(small.frame()), small.outcome("rate")]
    # what is computed of each patient, patient by patient or sorted, would be an array of its own
    told = [np.sort(one)[None, :] for one in by_patient] + [one[None, :] for one in by_patient]
    assert rows_in(numbers_in(content), [*stages, *told]) == set()


def test_no_patients_name_is_in_a_file(whole):
    content = whole[1]
    texts = [content, *members(content).values()]
    names = re.compile("|".join(f"{one}(?![0-9])" for one in small.frame().index.levels[0]))
    assert not any(names.search(text.decode("latin-1")) for text in texts)
    assert names.search("patient MRN-7003.")
