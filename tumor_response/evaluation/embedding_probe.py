"""``probe_embedding``: how well volume, slice thickness, site or noise can be read off a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from tumor_response.cohort import Cohort
from tumor_response.evaluation.checks import check_columns, check_index, check_values
from tumor_response.evaluation.probe_result import EmbeddingProbe, Reading
from tumor_response.evaluation.probe_targets import probe_targets
from tumor_response.evaluation.ridge_readout import (
    Fold,
    block_scaled,
    bootstrap_weights,
    pair_wins,
    permuted_rows,
    read_out,
    weighted_pairs,
)
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.models import patients_of
from tumor_response.progress import track
from tumor_response.table import FeatureTable
from tumor_response.transformers import blocks_of

__all__ = ["probe_embedding"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MIN_PATIENTS = 20
"""Below, folds of a fifth hold fewer than four patients."""

MOST_FOLDS = 10
"""So that folds hold two patients at least: an AUC is made of pairs within a fold."""

MIN_PATIENTS_PER_CLASS = 5
N_BOOTSTRAP = 1000


def probe_embedding(
    table: FeatureTable | IntoFrame,
    block: str = "deep",
    targets: Mapping[str, pd.Series | str] | None = None,
    cohort: Cohort | None = None,
    *,
    blocks: Mapping[str, Sequence[str]] | None = None,
    n_folds: int = 5,
    n_repeats: int = 4,
    n_permutations: int = 199,
    seed: int = 0,
) -> EmbeddingProbe:
    """Measure what a block of features knows besides the response.

    For each target a ridge regression on the whole block is cross-validated: medians, scales and
    the penalty are fitted in the fold, and every fold holds whole patients. Numbers give R2,
    ``1 - sum (y - predicted)^2 / sum (y - training mean)^2`` over held-out lesions, below 0 where
    the block predicts worse than the mean. Classes give the AUC of the regression on the class's
    0/1 indicator: the share of pairs *within a fold* in which the lesion of the class is ranked
    higher, since scores of different folds do not compare; with more than two classes the mean over
    classes of one against the others. Neither is clamped.

    Works on any block, radiomics too.

    Parameters
    ----------
    table
        The feature table, or a DataFrame with the index (patient_id, lesion_id).
    block
        Name of the block, default ``"deep"``.
    targets
        From a name to a Series with the table's index, or to a column of the table, or to
        ``"log_volume"``. Numbers of more than two values are numbers, all else is classes.
        ``None`` (default): ``log_volume`` (``clinical__volume_cc`` or a radiomics volume),
        ``slice_thickness_mm`` and ``site``, as far as the table has them, and with ``cohort`` also
        ``kernel`` and ``noise_hu``.
    cohort
        The cohort of the table: kernels are read from its DICOM headers and noise is measured in
        its images, which takes as long as reading them.
    blocks
        For a bare frame without prefixes: from block to columns.
    n_folds, n_repeats
        Patient-grouped folds, 2 to 10, default 5, drawn anew ``n_repeats`` times, default 4.
    n_permutations
        Permutations of the target among patients for ``p`` and the null, default 199; 0 for none.
    seed
        Of folds, permutations and bootstrap, default 0.

    Returns
    -------
    EmbeddingProbe

    Raises
    ------
    EvaluationError
        Code ``missing_block``: no such block; ``targets``: a target that is not there, or that is
        a column of the block itself.

    Notes
    -----
    The interval is the 2.5th to 97.5th percentile over 1,000 bootstrap samples of patients, of the
    held-out predictions as they are: models are not refitted, so it tells how much the figure
    depends on who was predicted and not on who was trained on.

    ``p`` is the share of permutations, the real order counted among them, that read out as well or
    better (Ojala and Garriga 2010, J. Mach. Learn. Res. 11:1833). It is not corrected for the
    number of targets.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(60)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(60, 30)), index).add_prefix("deep__n__")
    >>> table["clinical__volume_cc"] = np.exp(table["deep__n__3"] + table["deep__n__4"])
    >>> probe = probe_embedding(table, n_permutations=19)
    >>> bool(probe.table().loc["log_volume", "value"] > 0.5)
    True
    """
    table = as_keyed(table, "table")
    data = table.data if isinstance(table, FeatureTable) else table
    if not isinstance(data, pd.DataFrame):
        raise EvaluationError(
            f"table: expected a FeatureTable or a pandas DataFrame, received "
            f"{type(table).__name__}."
        )
    if not 2 <= n_folds <= MOST_FOLDS:
        raise EvaluationError(f"n_folds={n_folds!r}: expected 2 to {MOST_FOLDS}.")
    if n_repeats < 1 or n_permutations < 0:
        raise EvaluationError(
            f"n_repeats={n_repeats!r}, n_permutations={n_permutations!r}: expected 1 or more, and "
            "0 or more."
        )
    check_index(data.index)
    check_columns(data)
    columns = _columns(data, block, blocks)
    check_values(data, columns)
    wanted = probe_targets(data, targets, cohort)
    if targets is not None:
        inside = [
            name for name, given in targets.items() if isinstance(given, str) and given in columns
        ]
        if inside:
            raise EvaluationError(
                f"Target {inside[0]!r} is a column of block {block!r}, which of course knows it.",
                code="targets",
            )
    plan = _Plan(data, block, columns, n_folds, n_repeats, n_permutations, seed)
    with threadpool_limits(1):
        asked = track(wanted.items(), f"Reading targets off {block}", len(wanted))
        readings = tuple(plan.reading(name, target) for name, target in asked)
    return EmbeddingProbe(
        block=block,
        n_columns=len(columns),
        readings=readings,
        n_folds=n_folds,
        n_repeats=n_repeats,
        n_permutations=n_permutations,
        seed=seed,
    )


def _columns(
    data: pd.DataFrame, block: str, blocks: Mapping[str, Sequence[str]] | None
) -> list[str]:
    there = blocks_of(data.columns) if blocks is None else {b: list(c) for b, c in blocks.items()}
    if block not in there:
        raise EvaluationError(
            f"The table has no block {block!r}; it has {', '.join(map(repr, there))}.",
            code="missing_block",
        )
    if absent := [column for column in there[block] if column not in data]:
        raise EvaluationError(
            f"blocks: the table has no column {absent[0]!r}.", code="missing_columns"
        )
    return there[block]


class _Plan:
    """One probe's rows and settings; answers one target at a time."""

    def __init__(
        self,
        data: pd.DataFrame,
        block: str,
        columns: list[str],
        n_folds: int,
        n_repeats: int,
        n_permutations: int,
        seed: int,
    ) -> None:
        self.data, self.columns = data[columns], columns
        self.steps = block_scaled(block, columns)
        self.n_folds, self.n_repeats = n_folds, n_repeats
        self.n_permutations, self.seed = n_permutations, seed
        self.computed = self.data.notna().any(axis=1).to_numpy()

    def reading(self, name: str, target: pd.Series) -> Reading:
        """Return what the block says about one target, or why that cannot be said."""
        is_number = (
            pd.api.types.is_numeric_dtype(target.dtype)
            and not pd.api.types.is_bool_dtype(target.dtype)
            and target.nunique() > 2
        )
        known = self.computed & target.notna().to_numpy()
        if not is_number:
            known &= self._common(target, known)
        rows = np.nonzero(known)[0]
        X = self.data.iloc[rows]
        patients = patients_of(X) if len(rows) else np.zeros(0, dtype=np.int64)
        values = target.iloc[rows]
        n_patients, n_values = len(np.unique(patients)), int(values.nunique())
        kind, measure = ("number", "R2") if is_number else ("classes", "AUC")
        about = Reading(
            name, kind, measure, n_values, len(rows), n_patients, len(target) - len(rows)
        )
        if n_patients < MIN_PATIENTS:
            return about.without("too_few_patients")
        if n_values < 2:
            return about.without("one_value")
        if is_number:
            indicators = values.to_numpy(dtype=np.float64)[:, None]
        else:
            levels = sorted(values.astype(str).unique())
            wanted = levels[1:] if len(levels) == 2 else levels
            indicators = np.column_stack([values.astype(str) == one for one in wanted]).astype(
                float
            )
        orders = permuted_rows(patients, self.n_permutations, self.seed)
        orders = np.vstack([np.arange(len(rows)), orders])
        # target by target, the real order first and all permutations behind it
        Y = np.concatenate([one[orders].T for one in indicators.T], axis=1)
        repeats = [
            list(read_out(X, self.steps, Y, patients, self.n_folds, self.seed + repeat))
            for repeat in range(self.n_repeats)
        ]
        score = _explained if is_number else _ranked
        weights = bootstrap_weights(patients, N_BOOTSTRAP, self.seed)
        scores, resampled = score(Y, repeats, indicators.shape[1], len(orders), weights)
        low, high = np.percentile(resampled[np.isfinite(resampled)], (2.5, 97.5))
        null = scores[1:]
        return about.found(
            value=float(scores[0]),
            ci_low=float(low),
            ci_high=float(high),
            null=null,
        )

    def _common(self, target: pd.Series, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return the rows of classes that enough patients have."""
        patients = patients_of(self.data)
        labels = target.astype(str).to_numpy(dtype=object)
        common = np.zeros(len(labels), dtype=bool)
        for label in set(labels[known]):
            of_label = known & (labels == label)
            if len(np.unique(patients[of_label])) >= MIN_PATIENTS_PER_CLASS:
                common |= of_label
        return common


def _explained(
    Y: FloatArray, repeats: list[list[Fold]], n_parts: int, n_orders: int, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return R2 of every order of the target, and of the real one in every bootstrap sample."""
    del n_parts, n_orders
    left, there = np.zeros_like(Y), np.zeros_like(Y)
    for folds in repeats:
        for fold in folds:
            left[fold.test] += (Y[fold.test] - fold.predicted) ** 2
            there[fold.test] += (Y[fold.test] - fold.mean) ** 2
    scores: FloatArray = 1.0 - left.sum(axis=0) / there.sum(axis=0)
    resampled: FloatArray = 1.0 - (weights @ left[:, 0]) / (weights @ there[:, 0])
    return scores, resampled


def _ranked(
    Y: FloatArray, repeats: list[list[Fold]], n_parts: int, n_orders: int, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the mean AUC over classes, of every order and in every bootstrap sample."""
    won, pairs = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
    drawn_won = np.zeros((n_parts, len(weights)))
    drawn_pairs = np.zeros_like(drawn_won)
    for folds in repeats:
        for fold in folds:
            positive = Y[fold.test] > 0.5
            more_won, more_pairs = pair_wins(positive, fold.predicted)
            won += more_won
            pairs += more_pairs
            for part in range(n_parts):
                of_class, score = positive[:, part * n_orders], fold.predicted[:, part * n_orders]
                one_won, one_pairs = weighted_pairs(of_class, score, weights[:, fold.test])
                drawn_won[part] += one_won
                drawn_pairs[part] += one_pairs
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: FloatArray = (won / pairs).reshape(n_parts, n_orders).mean(axis=0)
        resampled: FloatArray = (drawn_won / drawn_pairs).mean(axis=0)
    return scores, resampled
