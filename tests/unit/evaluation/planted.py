"""Studies whose deep block holds volume, something of its own, both, or nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

import tumor_response as tr


def planted(kind: str, n: int = 80, p: int = 40, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """A table and a rate. ``kind``: volume, independent, both or nothing is in the deep block."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    size, own, other = rng.normal(size=(3, n))
    both = (size + own) / np.sqrt(2)
    hidden = {"volume": size, "independent": own, "both": both, "nothing": other}[kind]
    rate = 1.5 * {"volume": size, "independent": own, "both": both, "nothing": size}[kind]
    X = pd.DataFrame(
        np.outer(hidden, rng.normal(size=p)) + 2 * rng.normal(size=(n, p)), index=index
    ).add_prefix("deep__net__")
    X.insert(0, "clinical__volume_cc", np.exp(2.5 + 0.8 * size))
    X.insert(1, "meta__slice_thickness_mm", rng.choice([1.0, 2.0, 3.0], n))
    X.insert(2, "meta__site", pd.Categorical(rng.choice(["A", "B"], n)))
    return X, pd.Series(rate + rng.normal(size=n), index, name="rate_percent_per_day")


def evaluated(kind: str, n_resamples: int = 60, **drawn: int) -> tr.EvaluationResult:
    X, rate = planted(kind, **drawn)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,)),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=0)
    return tr.evaluate(models, X, rate, scheme, label=tr.ResponderCut("median"))
