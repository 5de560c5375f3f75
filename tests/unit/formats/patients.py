"""A sheet as hard as the statistics programs have to hold it, made by a fixed seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.formats import Sheet, Variable

REASONS = ("mask_empty", "follow_up_missing", "größer als der Ausschnitt (80 µm)")
WORDS = {0: "shrank less", 1: "shrank more"}


def patients(lowest: float, highest: float, extremes: list[float], seed: int = 12) -> Sheet:
    """All kinds of columns; numbers have any bits that a double of these sizes may have."""
    n = 40
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d} " + "äß日本"[i % 4] for i in range(n)],
            "lesion_id": "1",
            "any bits": _any_bits(rng, n, lowest, highest),
            "radiomics__wavelet_LLH__glszm_ZoneEntropy": np.resize(extremes, n),
            "nothing": np.nan,
            "response": pd.array(rng.integers(0, 2, n), "Int64"),
            "whole": rng.integers(-(2**53), 2**53, n),
            "site": rng.choice(["larynx", "Zungengrund ß"], n),
            "note": ["x" * (7 * i) + "!" for i in range(n)],
        }
    )
    frame.loc[[3, 4, 5], ["any bits", "response"]] = [[np.nan, pd.NA]] * 3
    frame.loc[[3, 6], "site"] = None
    frame.loc[7, "note"] = None
    reasons = pd.DataFrame("", index=frame.index, columns=frame.columns, dtype=object)
    reasons.loc[3, ["any bits", "response", "site"]] = REASONS[0]
    reasons.loc[4, ["any bits", "response"]] = REASONS[1]
    reasons["nothing"] = REASONS[2]
    reasons.loc[7, "note"] = REASONS[0]
    levels = ("larynx", "Zungengrund ß", "never seen")
    variables = (
        Variable("patient_id", "Patient", "text"),
        Variable("lesion_id", "Lesion of the patient", "text"),
        Variable("any bits", "Any number (mm³)", "number", "mm³"),
        Variable(
            "radiomics__wavelet_LLH__glszm_ZoneEntropy", "Größe " + "and more " * 40, "number"
        ),
        Variable("nothing", "Nothing at all", "number"),
        Variable("response", "Response", "number", value_labels=WORDS),
        Variable("whole", "Whole numbers", "number"),
        Variable("site", "Site", "category", levels=levels),
        Variable("note", "Words", "text"),
    )
    return Sheet("features", "Features of 40 lesions", frame, variables, reasons)


def _any_bits(
    rng: np.random.Generator, n: int, lowest: float, highest: float
) -> npt.NDArray[np.float64]:
    """Numbers of either sign and every size between two."""
    powers = np.floor(rng.uniform(np.log2(lowest) + 1, np.log2(highest) - 1, n))
    return rng.choice([-1.0, 1.0], n) * rng.uniform(1, 2, n) * np.exp2(powers)


def bits(values: object) -> list[int]:
    """The bits of numbers, by which -0.0 is not 0.0."""
    return [int(b) for b in np.asarray(values, np.float64).view(np.uint64)]
