"""With labels thrown by chance, the headline says 0.5."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr


@pytest.mark.parametrize(("name", "n_seeds"), [("logistic", 16), ("xgboost", 12)])
def test_random_labels_average_one_half(name, n_seeds):
    found = []
    for seed in range(n_seeds):
        rng = np.random.default_rng(1000 + seed)
        index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
        X = pd.DataFrame(
            rng.normal(size=(60, 300)),
            index=index,
            columns=[f"deep__n__{i}" for i in range(300)],
        )
        y = pd.Series(rng.permutation(np.repeat([0.0, 1.0], 30)), index=index)
        scheme = tr.Bootstrap632Plus(n_resamples=8, seed=seed)
        found.append(tr.evaluate(tr.make_model(name), X, y, scheme).oob_aucs("model").mean())
    standard_error = np.std(found, ddof=1) / np.sqrt(n_seeds)
    assert abs(np.mean(found) - 0.5) < 3 * standard_error
    assert standard_error < 0.04  # else the line above says nothing
