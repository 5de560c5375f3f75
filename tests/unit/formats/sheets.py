"""Sheets with everything in them that is hard for some format."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tumor_response.formats import Sheet, Variable

KEYS = (
    Variable("patient_id", "Patient", "text"),
    Variable("lesion_id", "Lesion", "text"),
)


def keys(n: int) -> dict[str, list[str]]:
    """Three lesions to a patient; identifiers that look like numbers and must stay text."""
    return {
        "patient_id": [f"00{i // 3}" for i in range(n)],
        "lesion_id": [str(i) for i in range(n)],
    }


def mixed() -> Sheet:
    """Every kind of column, unicode, missing values with and without a reason."""
    n = 6
    frame = pd.DataFrame(
        keys(n)
        | {
            "radiomics__original__glcm_Contrast": [0.1 + 0.2, np.nan, -0.0, 1e70, 1e-70, 2 / 3],
            "Größe [cm]": [170.5, np.nan, np.nan, 1.0, 2.0, 3.0],
            "count": pd.array([1, None, 3, 4, 5, 2**31], dtype="Int64"),
            "responder": [0, 1, 1, 0, 1, 0],
            "sex": pd.Categorical(["m", None, "f", "m", "m", "f"], ["f", "m", "unknown"]),
            "site": ["Köln", None, 'a "b", c', "=1+1", "東京", " x"],
            "nothing": np.full(n, np.nan),
        }
    )
    variables = (
        *KEYS,
        Variable("radiomics__original__glcm_Contrast", "Contrast of the matrix", "number"),
        Variable("Größe [cm]", "Body height (cm)", "number", unit="cm"),
        Variable("count", "Voxels", "number"),
        Variable(
            "responder",
            "Shrank more than the median",
            "number",
            value_labels={0: "less", 1: "more"},
        ),
        Variable("sex", "Sex", "category", levels=("f", "m", "unknown")),
        Variable("site", "Hospital", "text"),
        Variable("nothing", "All of it missing", "number"),
    )
    reasons = frame.astype(object).map(lambda _: "")
    reasons.loc[1, "radiomics__original__glcm_Contrast"] = "mask_empty"
    reasons.loc[1, "Größe [cm]"] = "clinical_missing"
    reasons.loc[1, "count"] = "mask_empty"
    reasons.loc[1, ["sex", "site"]] = "clinical_missing"
    reasons["nothing"] = ["mask_empty"] * 5 + [""]
    return Sheet("mixed", "One of each — für alle", frame, variables, reasons)


def wide(n_columns: int, n_rows: int = 3) -> Sheet:
    """As many numbers as asked for, beside the keys."""
    numbers = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    names = [f"radiomics__wavelet_LLH__glszm_Feature{i}" for i in range(n_columns)]
    frame = pd.concat([pd.DataFrame(keys(n_rows)), pd.DataFrame(numbers, columns=names)], axis=1)
    reasons = pd.DataFrame("", index=frame.index, columns=frame.columns, dtype=object)
    described = [Variable(name, f"Feature {i}", "number") for i, name in enumerate(names)]
    return Sheet("wide", "Wide", frame, (*KEYS, *described), reasons)
