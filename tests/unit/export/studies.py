"""A small study without images: table, outcomes, evaluation; names in it that nobody may see."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge

import tumor_response as tr
from tumor_response.features.assemble import DICTIONARY_COLUMNS, FAILURE_COLUMNS
from tumor_response.outcomes.end_points import changes
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS

PATIENT = "ZYXWV-{:03d}"
LESION = "GTV of Mr Quibblethorpe"
SITES = ("Saint Elsewhere", "Clinic of Doctor Foo")
SECRETS = (
    *("ZYXWV", "Quibblethorpe", "Saint Elsewhere", "Doctor Foo", "2031-07"),
    *("/srv/hospital/share", "1.2.840.99999.7.7.7.1", "Widdershins", "shelf seven"),
)
"""What :func:`study` plants in keys, cells, messages, provenance and reasons."""

_COLUMNS = ("clinical__age", "clinical__volume_cc", "radiomics__original__glcm_Contrast")


def study(n_patients: int = 40, seed: int = 0) -> tuple[tr.FeatureTable, pd.DataFrame]:
    """A table and outcomes; every fourth patient has two lesions, some lack an outcome."""
    rng = np.random.default_rng(seed)
    keys = [
        (PATIENT.format(patient), lesion)
        for patient in range(n_patients)
        for lesion in (("1", LESION) if patient % 4 == 0 else ("1",))
    ]
    index = pd.MultiIndex.from_tuples(keys, names=["patient_id", "lesion_id"])
    n = len(index)
    data = pd.DataFrame(rng.normal(size=(n, 3)), index=index, columns=list(_COLUMNS))
    data["clinical__volume_cc"] = np.exp(3 + data["clinical__volume_cc"])
    data.loc[index[1], _COLUMNS[2]] = np.nan
    data["clinical__stage"] = pd.Categorical(rng.choice(["I", "II"], n), categories=["I", "II"])
    data["views__v__key"] = pd.Categorical([f"{k:064x}" for k in range(n)])
    number = [int(patient[-3:]) for patient, _ in keys]
    data["meta__site"] = pd.Categorical([SITES[k % 3 == 0] for k in number])
    data["meta__date"] = pd.Categorical([f"2031-07-{1 + k % 28:02d}" for k in number])
    data["meta__physician"] = pd.Categorical(["Widdershins"] * n)
    data["meta__day"] = np.arange(n, dtype=float)
    roles = ["baseline"] * 4 + ["key"] + ["meta"] * 4
    blocks = ["clinical", "clinical", "radiomics", "clinical", "views"] + ["meta"] * 4
    dictionary = pd.DataFrame("", index=data.columns, columns=DICTIONARY_COLUMNS, dtype="str")
    dictionary["block"], dictionary["role"] = blocks, roles
    dictionary["family"] = [name.split("__")[-1] for name in data.columns]
    dictionary["description"] = [f"Column {name}." for name in data.columns]
    dictionary.index.name = "column"
    failures = pd.DataFrame(
        [
            (
                *keys[1],
                "radiomics",
                "mask_empty",
                1,
                "'/srv/hospital/share/ZYXWV-000.nii' is empty",
            ),
            (*keys[2], "case", "asked Doctor Foo", 0, "series 1.2.840.99999.7.7.7.1"),
        ],
        columns=FAILURE_COLUMNS,
    )
    provenance = {
        "tumor_response": "0.1",
        "python": "3.12.1",
        "versions": {"numpy": "2.4", "Quibblethorpe": "/srv/hospital/share"},
        "n_patients": n_patients,
        "extractors": {"deep": {"weights": "/srv/hospital/share/w.pt"}},
    }
    return tr.FeatureTable(data, dictionary, failures, provenance), _outcomes(data, rng)


def _outcomes(data: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    signal = data["clinical__age"] + 0.5 * data[_COLUMNS[2]].fillna(0)
    rate = 1.0 + 0.3 * signal + 0.4 * rng.normal(size=len(data))
    rows = []
    for v0, r in zip(data["clinical__volume_cc"], rate, strict=True):
        v1 = v0 * (1 - 0.2 * np.tanh(r))
        amounts = {"day": 28.0}
        rows.append(
            {"volume_baseline_cc": v0, "volume_follow_up_cc": v1, "interval_days": 28.0}
            | changes(v0, v1, amounts)
        )
    frame = pd.DataFrame(rows, index=data.index, columns=list(OUTCOME_COLUMNS)).astype(float)
    frame["dose_source"], frame["reason"], frame["findings"] = "", "", ""
    gone = [("follow_up_missing", 3), ("moved to shelf seven", 5)]
    ends = [name for name in frame.columns[:-3] if name != "volume_baseline_cc"]
    for reason, place in gone:
        frame.loc[frame.index[place], ends] = np.nan
        frame.loc[frame.index[place], "reason"] = reason
    frame.loc[frame.index[7], "findings"] = "follow_up_apart Widdershins"
    frame["mrn"] = 4711000.0 + np.arange(len(frame))
    frame["note"] = "seen by Widdershins"
    frame.attrs["days"] = "interval_days"
    missing = frame["reason"] != ""
    frame.attrs["reasons"] = frame.loc[missing, "reason"].to_dict()
    return frame


def evaluated(
    table: tr.FeatureTable, outcomes: pd.DataFrame, scheme: object, task: str = "response"
) -> tr.EvaluationResult:
    """Two models on the study; classes by a cut fitted in each resample, rates or thirds."""
    X = table.data[[*_COLUMNS[:2]]]
    models = {"plain": LogisticRegression(), "strong, with a comma": LogisticRegression(C=1e-12)}
    if task == "rate":
        models = {"plain": Ridge(), "strong, with a comma": Ridge(1e9)}
    y, label = outcomes["rate_percent_per_day"], tr.ResponderCut("median")
    if task != "response":
        label = None
    if task == "tertiles":
        y = tr.label_tertiles(outcomes)
    frame = X.assign(meta__site=table.data["meta__site"], meta__date=table.data["meta__date"])
    return tr.evaluate(models, frame, y, scheme, label=label)
