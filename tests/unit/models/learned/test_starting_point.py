"""With no epoch trained, what learns from images is the table model of the frozen embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

import tumor_response as tr
from tumor_response.models.learned.scaling import Scaling
from tumor_response.transformers import BlockScaler, NearConstantFilter


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, np.ndarray]:
    """Views and DeepFeatures of the same slices of simulated patients."""
    folder = tmp_path_factory.mktemp("simulated")
    cohort = tr.simulate_cohort(24, seed=3, directory=folder / "cohort")
    shown = tr.ViewSettings(n_slices=3)
    extractors = [
        tr.DeepFeatures(views=shown, input_px=64, device="cpu"),
        tr.Views(shown, store=folder / "views", size_px=64),
    ]
    table = tr.extract(cohort, extractors).data
    return folder / "views", table, np.random.default_rng(0).permutation(24) % 2


@pytest.mark.parametrize("kind", ["last_stage", "adapters", "attention"])
def test_out_of_fold_scores_are_those_of_the_table_model(
    kind: str, simulated: tuple[Path, pd.DataFrame, np.ndarray]
) -> None:
    store, X, y = simulated
    still = {"epochs": 1, "learning_rate": 1e-12, "head_learning_rate": 1e-12}
    learned = (
        tr.AttentionPooling(store=store, device="cpu", **still)
        if kind == "attention"
        else tr.FineTuned(unfreeze=kind, store=store, device="cpu", **still)
    )
    table_model = tr.make_model("logistic", blocks=["deep"])
    scores = np.zeros((2, len(X)))
    patients = X.index.get_level_values("patient_id")
    for train, test in GroupKFold(3).split(X, y, patients):
        for at, model in enumerate((table_model, learned)):
            fitted = clone(model).fit(X.iloc[train], y[train])
            scores[at, test] = fitted.decision_function(X.iloc[test])
    assert scores[0].std() > 1e-3  # the penalty leaves something to compare
    assert spearmanr(*scores).statistic > 0.999
    assert np.allclose(*scores, atol=1e-4)


def test_the_scale_is_that_of_the_table_models_steps() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 6)) * [1, 1e-7, 10, 1, 1, 1]
    values[:39, 3] = 0.0  # one case of forty: left out
    values[:36, 4] = 0.0
    values[:, 5] = 0.1
    rows = np.r_[np.arange(40), 5, 5, 38]
    frame = pd.DataFrame(values, columns=[f"deep__{i}" for i in range(6)])
    vary = NearConstantFilter().fit(frame.iloc[rows])
    scale = BlockScaler().fit(vary.transform(frame.iloc[rows]))
    other = frame * 9 + 1
    expected = scale.transform(vary.transform(other)).to_numpy()
    scaling = Scaling.of(values, np.bincount(rows).astype(float))
    kept = scaling.scale > 0
    assert kept.tolist() == vary.support_.tolist() == [True, True, True, False, True, False]
    assert np.allclose(scaling.scaled(other.to_numpy())[:, kept], expected, rtol=1e-10)
    # where all channels are near constant they are all kept, as the filter does
    few = Scaling.of(values[:, 3:4], np.ones(40))
    assert few.scale[0] > 0
