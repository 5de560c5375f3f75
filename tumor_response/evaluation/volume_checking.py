"""``volume_check``: whether a block predicts by anything but the tumour's volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from scipy.stats import rankdata

from tumor_response.evaluation.embedding_probe import probe_embedding
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.probe_targets import volume_column
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.running import Means, run_resamples
from tumor_response.evaluation.volume_verdict import Estimate, VolumeCheck
from tumor_response.exceptions import EvaluationError
from tumor_response.models import make_model
from tumor_response.settings import checked_n_jobs

__all__ = ["adjusted_auc", "volume_check"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LOG_VOLUME = "volume__log"


def volume_check(
    result: EvaluationResult, block: str = "deep", *, n_resamples: int = 100, n_jobs: int = 1
) -> VolumeCheck:
    """Ask whether a block predicts the response by anything but the tumour's volume.

    On the first resamples of the evaluation three ridge logistic models are fitted: of log volume,
    of the block alone, and of both. On each resample's out-of-bag lesions:

    - the rank correlation of the block's score with volume,
    - the block's AUC adjusted for volume: the chance that of a responder and a non-responder *of
      the same volume* the responder has the higher score (Janes and Pepe 2009, Biometrika 96:371),
      with the dependence of the score's log-odds on log volume taken as quadratic and alike in
      both classes,
    - the gain of both over volume alone.

    And on all lesions: how well log volume, slice thickness and site can be read off the block
    (:func:`tumor_response.probe_embedding`).

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`, of a table with ``clinical__volume_cc`` or a radiomics
        volume.
    block
        Name of the block, default ``"deep"``. It need not be one that an evaluated model uses.
    n_resamples
        How many of the evaluation's resamples are used at most, default 100.
    n_jobs
        Processes; the numbers are the same whatever it is.

    Returns
    -------
    VolumeCheck
        ``str`` of it is the verdict in words.

    Raises
    ------
    EvaluationError
        Code ``missing_block``: no such block; ``no_volume``: no volume in the table.
    SettingsError
        ``n_jobs`` is no whole number, or 0.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(60)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> size = rng.normal(size=60)
    >>> table = pd.DataFrame(size[:, None] + 0.3 * rng.normal(size=(60, 8)), index)
    >>> table = table.add_prefix("deep__n__").assign(clinical__volume_cc=np.exp(size))
    >>> y = pd.Series((size + rng.normal(size=60) > 0).astype(float), index)
    >>> result = tr.evaluate({"deep": tr.make_model("logistic", blocks=["deep"])}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=10))
    >>> check = volume_check(result)
    >>> bool(check.rank_correlation.value > 0.8)
    True
    """
    rows = result.rows
    n_jobs = checked_n_jobs(n_jobs)
    if block not in rows.blocks:
        raise EvaluationError(
            f"The evaluated table has no block {block!r}; it has "
            f"{', '.join(map(repr, rows.blocks))}.",
            code="missing_block",
        )
    if n_resamples < 2:
        raise EvaluationError(f"n_resamples={n_resamples!r}: expected 2 or more.")
    column = volume_column(rows.X)
    if column is None:
        raise EvaluationError(
            "The evaluated table holds no tumour volume (clinical__volume_cc, or a radiomics "
            "shape_MeshVolume or shape_VoxelVolume). Extract tr.ClinicalFactors(['volume_cc']).",
            code="no_volume",
        )
    volume = rows.X[column].to_numpy(dtype=np.float64, na_value=np.nan)
    log_volume = np.log(np.where(volume > 0, volume, np.nan))
    columns = {"volume": [_LOG_VOLUME], block: list(rows.blocks[block])}
    asked = replace(
        rows,
        X=rows.X.assign(**{_LOG_VOLUME: log_volume}),
        models={
            # with one column the AUC does not depend on the penalty
            "volume": make_model("logistic", {"volume": columns["volume"]}, Cs=(1.0,)),
            "block": make_model("logistic", {block: columns[block]}),
            "both": make_model("logistic", columns),
        },
        columns=dict.fromkeys(("volume", "block", "both")),
        blocks=columns,
    )
    resamples = result.resamples[:n_resamples]
    answers = list(run_resamples(asked, list(enumerate(resamples)), Means(n_jobs)))
    correlations, adjusted = [], []
    total, count = np.zeros(len(volume)), np.zeros(len(volume))
    for resample, answer in zip(resamples, answers, strict=True):
        score = _log_odds(answer.scores["block"])
        total[resample.test] += answer.scores["block"]
        count[resample.test] += 1
        size = log_volume[resample.test]
        known = np.isfinite(size)
        correlations.append(_rank_correlation(score[known], size[known]))
        adjusted.append(adjusted_auc(answer.y_test[known], score[known], size[known]))
    aucs = {name: np.array([one.aucs[name] for one in answers]) for name in asked.models}
    return VolumeCheck(
        block=block,
        volume_column=column,
        probe=probe_embedding(rows.X, block, blocks=rows.blocks),
        rank_correlation=Estimate.of(np.array(correlations)),
        auc_volume=Estimate.of(aucs["volume"]),
        auc_block=Estimate.of(aucs["block"]),
        auc_both=Estimate.of(aucs["both"]),
        auc_adjusted=Estimate.of(np.array(adjusted)),
        gain=Estimate.of(aucs["both"] - aucs["volume"]),
        n_resamples=len(resamples),
        n_smaller_class=min(len(np.unique(rows.patients[rows.y == value])) for value in (0, 1)),
        lesions=pd.DataFrame(
            {
                "log_volume": log_volume,
                "score": np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0),
                "responder": rows.y,
            },
            index=rows.X.index,
        ),
    )


def adjusted_auc(y: IntArray, score: FloatArray, log_volume: FloatArray) -> float:
    """Return the AUC of a score among lesions of equal volume; NaN with one class.

    The score is regressed on class, log volume and its square; what log volume explains is taken
    off, and the AUC of the rest is returned. Exact for scores that are any quadratic function of
    log volume plus noise.

    Examples
    --------
    >>> size = np.linspace(-1, 1, 40)
    >>> y = np.tile([0, 1, 1, 0], 10)
    >>> adjusted_auc(y, size + 0.1 * y, size)
    1.0
    >>> adjusted_auc(y, size, size)
    0.5
    """
    if len(np.unique(y)) < 2:
        return float("nan")
    if np.ptp(score) == 0:
        return 0.5
    centred = log_volume - log_volume.mean()
    design = np.column_stack([np.ones(len(y)), y, centred, centred**2])
    solution = np.linalg.lstsq(design, score, rcond=None)[0]
    rest = score - design[:, 2:] @ solution[2:]
    # what is left of a function of volume alone is rounding, which would rank at random
    return auc(y, np.round((rest - rest.mean()) / (1e-9 * np.ptp(score))))


def _rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Spearman's correlation, 0 where one side is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _log_odds(probability: FloatArray) -> FloatArray:
    odds: FloatArray = logit(np.clip(probability, 1e-12, 1 - 1e-12))
    return odds
