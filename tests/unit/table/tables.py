"""Tables of arbitrary numbers and texts, without a cohort behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tumor_response.features.assemble import DICTIONARY_COLUMNS, FAILURE_COLUMNS
from tumor_response.table import FeatureTable
from tumor_response.table.parts import data_sha256

LEVELS = ["", "Köln", "f", "m", "never seen"]


def arbitrary(n_rows: int, n_numbers: int = 6, seed: int = 0) -> FeatureTable:
    """A table of two blocks and three columns of text between the numbers; many values missing."""
    rng = np.random.default_rng(seed)
    numbers = rng.lognormal(sigma=5, size=(n_rows, n_numbers))
    odd = [np.nan, np.inf, -np.inf, -0.0, 5e-324]
    there = rng.random(numbers.shape) < 0.3
    numbers[there] = rng.choice(odd, size=int(there.sum()))
    half = n_numbers // 2
    names = [f"radiomics__original__F{i:03d}" for i in range(half)]
    names += [f"deep__net__{i:04d}" for i in range(n_numbers - half)]
    index = pd.MultiIndex.from_arrays(
        [
            pd.Index([f"P{i // 2} ö" for i in range(n_rows)], dtype="str"),
            pd.Index([str(i % 2) for i in range(n_rows)], dtype="str"),
        ],
        names=["patient_id", "lesion_id"],
    )
    data = pd.DataFrame(numbers, index=index, columns=pd.Index(names, dtype="str"))
    places = {"clinical__sex": half, "views__axial__key": 0, "meta__site": data.shape[1] + 2}
    for name, place in places.items():
        texts = pd.array(rng.choice([*LEVELS[:-1], None], size=n_rows), dtype="str")
        data.insert(place, name, pd.Categorical(texts, categories=pd.Index(LEVELS, dtype="str")))
    described = pd.Index(list(data.columns), dtype="str", name="column")
    dictionary = pd.DataFrame("", index=described, columns=DICTIONARY_COLUMNS, dtype="str")
    dictionary["block"] = [name.split("__")[0] for name in data.columns]
    dictionary["role"] = [
        {"meta": "meta", "views": "key"}.get(block, "baseline") for block in dictionary["block"]
    ]
    failures = pd.DataFrame(
        [
            (*key, block, "mask_empty", 3, "No voxel.")
            for key in index[::3]
            for block in ("radiomics", "deep", "case")
        ],
        columns=FAILURE_COLUMNS,
    ).astype(dict.fromkeys(FAILURE_COLUMNS, "str") | {"n_columns_missing": "int64"})
    provenance = {"tumor_response": "1", "data_sha256": data_sha256(data)}
    return FeatureTable(data, dictionary, failures, provenance)


def assert_same(a: FeatureTable, b: FeatureTable) -> None:
    """Equal to the last bit, dtypes, levels and signs of zero included."""
    pd.testing.assert_frame_equal(a.data, b.data, check_exact=True)
    numbers = [t.data.select_dtypes("float64").to_numpy() for t in (a, b)]
    assert np.array_equal(np.signbit(numbers[0]), np.signbit(numbers[1]))
    pd.testing.assert_frame_equal(a.dictionary, b.dictionary)
    pd.testing.assert_frame_equal(a.failures, b.failures)
    assert a.provenance == b.provenance
