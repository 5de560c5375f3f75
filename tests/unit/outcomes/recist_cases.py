"""Tables of measurements in a few words, for the tests of RECIST."""

from __future__ import annotations

import pandas as pd

from tumor_response.outcomes.recist import recist_response

WORDS = {
    "gone": "absent",
    "small": "too_small",
    "-": "missing",
    "NE": "not_evaluable",
    "death": "death",
}


def lesion(name: str, *course: float | str, kind: str = "non-nodal", **more) -> pd.DataFrame:
    """One lesion of patient P: a figure in mm or a word of WORDS for each visit."""
    axis = "short_axis_mm" if kind == "node" else "longest_diameter_mm"
    rows = [
        {
            "patient_id": "P",
            "lesion_id": name,
            "visit": visit,
            "kind": kind,
            "organ": name,
            axis: None if isinstance(cell, str) else float(cell),
            "status": WORDS[cell] if isinstance(cell, str) else "measured",
            **more,
        }
        for visit, cell in enumerate(course)
    ]
    return pd.DataFrame(rows)


def node(name: str, *course: float | str, **more) -> pd.DataFrame:
    return lesion(name, *course, kind="node", **more)


def table(*lesions: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(lesions, ignore_index=True)


def target(*lesions: pd.DataFrame, **options) -> list[str]:
    """The target responses after the baseline."""
    return recist_response(table(*lesions), **options)["target_response"].tolist()[1:]
