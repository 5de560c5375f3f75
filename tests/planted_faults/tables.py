"""A frame as a feature table that an extraction wrote: dictionary, provenance, hash."""

from __future__ import annotations

import pandas as pd

import tumor_response as tr
from tumor_response.features.assemble import DICTIONARY_COLUMNS, FAILURE_COLUMNS
from tumor_response.table.parts import data_sha256


def as_extracted(data: pd.DataFrame, roles: dict[str, str] | None = None) -> tr.FeatureTable:
    """Return the table; ``roles`` of columns other than ``"baseline"``."""
    data = data.set_axis(pd.Index(list(data.columns), dtype="str"), axis=1)
    dictionary = pd.DataFrame(
        "", index=data.columns.rename("column"), columns=DICTIONARY_COLUMNS, dtype="str"
    )
    dictionary["block"] = [c.split("__")[0] for c in data.columns]
    dictionary["family"] = [c.split("__")[1] for c in data.columns]
    dictionary["description"] = [f"Column {c}." for c in data.columns]
    dictionary["role"] = [
        (roles or {}).get(c, "meta" if c.startswith("meta__") else "baseline") for c in data.columns
    ]
    failures = pd.DataFrame([], columns=FAILURE_COLUMNS).astype(
        dict.fromkeys(FAILURE_COLUMNS, "str") | {"n_columns_missing": "int64"}
    )
    blocks = [b for b in dictionary["block"].unique() if b != "meta"]
    provenance = {
        "tumor_response": tr.__version__,
        "python": "3.12.0",
        "versions": {"numpy": "2.4.0", "pandas": "3.0.0", "SimpleITK": "2.5.0"},
        "n_patients": int(data.index.get_level_values("patient_id").nunique()),
        "n_lesions": len(data),
        "n_left_out": 0,
        "quality": None,
        "exclude": None,
        "extractors": {block: {"extractor": block, "settings": {}} for block in blocks},
        "data_sha256": data_sha256(data),
    }
    return tr.FeatureTable(data, dictionary, failures, provenance)
