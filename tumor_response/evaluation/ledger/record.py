"""What a ledger keeps of an evaluation: settings, hashes, headlines and out-of-sample scores."""

from __future__ import annotations

import io
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, clone

from tumor_response._version import __version__
from tumor_response.evaluation.comparison.out_of_sample import (
    OutOfSample,
    ScoredFit,
    out_of_sample,
)
from tumor_response.evaluation.ledger.hashing import (
    described,
    frame_sha256,
    model_sha256,
    row_order,
    series_sha256,
)
from tumor_response.models import final_estimator
from tumor_response.settings import sha256_of_json
from tumor_response.transformers import block_selectors, keys_read

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["columns_read", "outcome_sha256", "record_of", "scores_from_bytes", "scores_to_bytes"]

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost")


def outcome_sha256(outcome: pd.Series, label: object, task: str = "response") -> str:
    """Return the hash that an outcome is known by: who, which values, and what makes classes.

    Parameters
    ----------
    outcome
        The values of the evaluated lesions.
    label
        The rule of the classes, or None.
    task
        What is predicted.

    Examples
    --------
    >>> import tumor_response as tr
    >>> rate = pd.Series([1.0, 2.0], index=pd.Index(["P1", "P2"], name="patient_id"))
    >>> median = outcome_sha256(rate, tr.ResponderCut("median"))
    >>> median == outcome_sha256(rate[::-1], tr.ResponderCut("median"))
    True
    >>> median == outcome_sha256(rate, tr.ResponderCut(1.5))
    False
    """
    return sha256_of_json([series_sha256(outcome), described(label), task])


def columns_read(model: BaseEstimator, X: pd.DataFrame, shown: list[str] | None) -> list[str]:
    """Return the columns of ``X`` that a model reads, by its selectors and keys, or all it sees."""
    selectors = block_selectors(model)
    if not selectors:
        return list(shown or X.columns)
    read = list(keys_read(model, X.columns))
    for selector in selectors:
        for columns in clone(selector).fit(X).blocks_.values():
            read.extend(columns)
    return list(dict.fromkeys(read))


def record_of(result: EvaluationResult) -> dict[str, Any]:
    """Return what a ledger enters of an evaluation, as JSON.

    Returns
    -------
    dict
        ``outcome``: its hash with and without the rule of the classes, name, rule, task, measure.
        ``cohort``: hash of the table, numbers of lesions, patients and left out, columns by block.
        ``scheme``: class, settings and seed. ``models``: name, class of the last step, the
        hash of all parameters, the hash of these with the values of the columns read (which says
        what counts as the same configuration), and the row of ``summary()``. ``versions``.

    Notes
    -----
    Identifiers of patients enter one hash over all of them and nothing else.
    """
    rows = result.rows
    summary = result.summary()
    models = []
    for name, model in rows.models.items():
        columns = columns_read(model, rows.X, rows.columns[name])
        of_model = model_sha256(model)
        models.append(
            {
                "name": name,
                "class": type(final_estimator(model)).__name__,
                "parameters_sha256": of_model,
                "configuration_sha256": sha256_of_json([of_model, frame_sha256(rows.X[columns])]),
                "n_columns": len(columns),
                "summary": {
                    key: None if pd.isna(value) else described(value)
                    for key, value in summary.loc[name].to_dict().items()
                },
            }
        )
    return {
        "outcome": {
            "sha256": outcome_sha256(rows.outcome, rows.label, rows.task),
            "values_sha256": series_sha256(rows.outcome),
            "name": None if rows.outcome.name is None else str(rows.outcome.name),
            "label": described(rows.label),
            "task": rows.task,
            "measure": result.measure,
        },
        "cohort": {
            "table_sha256": frame_sha256(rows.X),
            "n_lesions": len(rows.y),
            "n_patients": len(np.unique(rows.patients)),
            "n_left_out": int(rows.flow["n_lesions"].sum() - rows.flow["n_lesions"].iloc[0]),
            "blocks": {block: len(columns) for block, columns in rows.blocks.items()},
        },
        "scheme": described(result.scheme),
        "sample_weight": described(rows.weight),
        "n_resamples": len(result.resamples),
        "models": models,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {"tumor_response": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def scores_to_bytes(result: EvaluationResult) -> bytes:
    """Return the out-of-sample scores of an evaluation as the bytes of an ``.npz`` file.

    Rows stand in the order of their sorted keys, patients are numbered in that order. The AUC and
    the C-index need the order of the scores alone, so that ranks within each fit are kept.
    """
    sample = out_of_sample(result)
    order = row_order(result.rows.X.index)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    scores = np.concatenate([_kept(fit.scores, sample.measure) for fit in sample.fits], axis=1)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array(sample.names),
        measure=np.array(sample.measure),
        patients=pd.factorize(sample.patients[order])[0].astype(np.int32),
        references=np.array([fit.reference for fit in sample.fits]),
        sizes=np.array([len(fit.rows) for fit in sample.fits], dtype=np.int32),
        rows=place[np.concatenate([fit.rows for fit in sample.fits])].astype(np.int32),
        y=np.concatenate([fit.y for fit in sample.fits]),
        scores=scores,
    )
    return buffer.getvalue()


def _kept(scores: npt.NDArray[np.float64], measure: str) -> npt.NDArray[np.generic]:
    if measure == "r2":
        return scores
    return np.array(rankdata(scores, method="dense", axis=1), dtype=np.int32)


def scores_from_bytes(content: bytes) -> OutOfSample:
    """Return what :func:`scores_to_bytes` kept. Nothing in it is executed."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        ends = np.cumsum(kept["sizes"])[:-1]
        parts = zip(
            np.split(kept["rows"].astype(np.int64), ends),
            np.split(kept["y"], ends),
            np.split(kept["scores"].astype(np.float64), ends, axis=1),
            kept["references"].tolist(),
            strict=True,
        )
        return OutOfSample(
            names=tuple(str(name) for name in kept["names"]),
            patients=kept["patients"].astype(np.int64),
            measure=str(kept["measure"]),
            fits=tuple(ScoredFit(*part) for part in parts),
        )
