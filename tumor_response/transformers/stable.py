"""Columns that stay the same when the tumour is contoured or scanned again, judged in the fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.repeatability.agreement import Kind
from tumor_response.transformers._frames import FloatArray, remember_columns, same_columns
from tumor_response.transformers.blocks import BlockSelector, block_members
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter, best_or_passing
from tumor_response.transformers.keys import chosen_key_column, without_keys
from tumor_response.transformers.training_repeats import (
    JUDGED,
    Judged,
    judged,
    known_beforehand,
    training_repeats,
)

__all__ = ["StableColumns", "stable_steps", "with_stable"]

Bound = Literal["estimate", "lower"]


class StableColumns(ColumnFilter):
    """Keep the columns whose intraclass correlation over repeats is high enough.

    The correlation is computed anew in each fit from the repeats of the *training* lesions, which
    lie in a store and are looked up by the keys of the rows that are given (:class:`Repeats`).
    No other lesion enters, so that a lesion that is held out has no say in the choice. A table of
    correlations over the whole cohort has heard the held-out lesions, and is for reading only;
    one from other patients (a phantom, a test-retest study) may be given with ``icc``.

    Each lesion counts once, whatever number of copies a bootstrap sample holds, and lesions of
    one patient count as subjects of their own. A lesion without repeats, or without a key, is
    left out and counted. It does not look at the outcome.

    Columns that have no repeats, such as clinical variables that no extractor of the repeats
    makes, pass; so do columns to which none of the perturbations applies. :attr:`stability_` says
    of each column which it is.

    It reads a column of keys and hands it on to nobody. It needs it in the fit alone: a new
    patient is scored without repeats. In a Pipeline it stands before every step that changes
    values, right behind the :class:`BlockSelector`, which keeps the keys for it:
    ``BlockSelector(blocks, keys=True)``; :func:`make_model` does that with ``stable=``.

    Parameters
    ----------
    min_icc
        The smallest correlation that passes, in (0, 1); default 0.75, where Koo and Li (2016),
        J. Chiropr. Med. 15:155, let good reliability begin.
    kind
        ``"1,1"`` (default), ``"2,1"`` or ``"3,1"``
        (:func:`tumor_response.repeatability.agreement.icc`).
    bound
        What has to reach ``min_icc``: the ``"estimate"`` (default), or the ``"lower"`` limit of
        its 95 % confidence interval.
    store
        The store that the repeats are in, or its folder; by default ``views`` in the working
        directory.
    column
        The column of keys; None (default): the only one there is.
    perturbations
        Names of the perturbations whose repeats count; None (default): all.
    icc
        Correlations from elsewhere, a mapping from column to number (``frame["icc"].to_dict()``),
        which are compared with ``min_icc`` as they are; then no repeats are read. None (default):
        those of the training lesions.
    at_least
        If fewer columns than this pass in a block, those of the highest correlation fill up;
        default 1, so that no block is lost. ``stability_`` shows that they did not pass.
    min_patients
        With repeats of fewer training patients no correlation is worth a decision: an error;
        default 10.

    Attributes
    ----------
    source_ : str
        ``"training repeats"`` or ``"external set"``.
    stability_ : DataFrame
        Indexed by column: ``icc``, ``low``, ``high``, ``n_lesions`` (with all repeats),
        ``status`` (``"passes"``, ``"fails"``, ``"kept_as_best"``, ``"no_repeats"``,
        ``"not_applicable"``) and ``reason`` (why there is no correlation; such a column fails).
    n_lesions_, n_patients_, n_without_ : int
        Training lesions with repeats, their patients, and training lesions without.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Raises
    ------
    ModelError
        At fit: a setting out of range; ``key_column``: no column of keys, or several;
        ``too_few_repeats``: fewer patients than ``min_patients``; ``no_repeats``: none of the
        columns has any; ``repeats_of_other_values``: the unaltered repeats are not the table's.
    FeatureError
        At fit: as :func:`tumor_response.features.repeats.read_repeats`.

    Examples
    --------
    >>> X = pd.DataFrame({"radiomics__a": [1.0, 2.0], "radiomics__b": [1.0, 3.0]})
    >>> step = StableColumns(0.9, icc={"radiomics__a": 0.95, "radiomics__b": 0.6}).fit(X)
    >>> step.get_feature_names_out().tolist(), step.source_
    (['radiomics__a'], 'external set')
    """

    scores_need_keys = False

    def __init__(
        self,
        min_icc: float = 0.75,
        *,
        kind: Kind = "1,1",
        bound: Bound = "estimate",
        store: ViewStore | str | Path = "views",
        column: str | None = None,
        perturbations: str | Sequence[str] | None = None,
        icc: Mapping[str, float] | None = None,
        at_least: int = 1,
        min_patients: int = 10,
    ) -> None:
        self.min_icc = min_icc
        self.kind = kind
        self.bound = bound
        self.store = store
        self.column = column
        self.perturbations = perturbations
        self.icc = icc
        self.at_least = at_least
        self.min_patients = min_patients

    def key_column_in(self, columns: Iterable[str]) -> str | None:
        """Return the key column that the fit reads, of the columns of a table; None: none.

        Raises
        ------
        ModelError
            Code ``key_column``.
        """
        if self.icc is not None:
            return None
        return chosen_key_column(type(self).__name__, self.column, columns)

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Judge the columns by the repeats of these rows.

        Parameters
        ----------
        X : DataFrame
            Values as they were extracted, not scaled or imputed, and the column of keys.
        """
        self._check()
        frame = remember_columns(self, without_keys(X))
        self.n_lesions_ = self.n_patients_ = self.n_without_ = 0
        if self.icc is not None:
            self.source_ = "external set"
            self._decide(known_beforehand(self.icc, frame))
            return self
        column = chosen_key_column(type(self).__name__, self.column, X.columns)
        repeats = training_repeats(X, column, self.store, self.min_patients)
        self.source_ = "training repeats"
        self.n_lesions_, self.n_patients_ = len(repeats.keys), repeats.n_patients
        self.n_without_ = repeats.n_without
        self._decide(judged(repeats, frame, self.kind, self.perturbations, self.min_patients))
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that are kept, as they are; no keys are needed."""
        return same_columns(self, without_keys(X)).iloc[:, np.nonzero(self.support_)[0]]

    @property
    def stability_(self) -> pd.DataFrame:
        """What was found of each column; see the class."""
        return pd.DataFrame(
            {
                "icc": self.icc_,
                "low": self.low_,
                "high": self.high_,
                "n_lesions": self.n_complete_,
                "status": self.status_,
                "reason": self.reason_,
            },
            index=pd.Index(self.feature_names_in_, name="column", dtype=object),
        )

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason`` (which says whose repeats), ``because_of``, ``value``."""
        external = "_external" if self.source_ == "external set" else ""
        return dropped_record(
            self.feature_names_in_, ~self.support_, f"not_repeatable{external}", self._score()
        )

    def sentence(self) -> str:
        """Return in words what is asked of a column, and whose repeats decide; for a report."""
        what = "lower 95 % limit of ICC" if self.bound == "lower" else "ICC"
        if self.icc is not None:
            return (
                f"Columns whose ICC is {self.min_icc:g} or more in an external set, known before "
                "the fit; columns that it does not have are kept."
            )
        names = [self.perturbations] if isinstance(self.perturbations, str) else self.perturbations
        of = "all perturbations" if names is None else ", ".join(names)
        return (
            f"Columns whose {what}({self.kind}) is {self.min_icc:g} or more, computed in each fit "
            f"from the repeats ({of}) of its own training lesions; columns without repeats are "
            "kept."
        )

    def _score(self) -> FloatArray:
        score: FloatArray = self.low_ if self.bound == "lower" else self.icc_
        return score

    def _decide(self, found: Judged) -> None:
        self.icc_, self.low_, self.high_ = found.icc, found.low, found.high
        self.n_complete_, self.reason_ = found.n_lesions, found.reason
        status = found.status.copy()
        unjudged = status != JUDGED
        score = self._score()
        passes = unjudged | (score >= self.min_icc)
        status[~unjudged & passes], status[~passes] = "passes", "fails"
        ranked = np.where(np.isnan(score), -np.inf, score)
        self.support_ = passes.copy()
        for members in block_members(tuple(map(str, self.feature_names_in_))).values():
            self.support_[members] = best_or_passing(
                passes[members], ranked[members], self.at_least
            )
        status[self.support_ & ~passes] = "kept_as_best"
        self.status_ = status

    def _check(self) -> None:
        if not 0 < self.min_icc < 1:
            raise ModelError(f"min_icc={self.min_icc!r}: expected 0 < min_icc < 1.")
        if self.kind not in get_args(Kind):
            raise ModelError(f"kind={self.kind!r}: expected {', '.join(get_args(Kind))}.")
        if self.bound not in get_args(Bound):
            raise ModelError(f"bound={self.bound!r}: expected 'estimate' or 'lower'.")
        if self.min_patients < 2:
            raise ModelError(f"min_patients={self.min_patients!r}: expected 2 or more.")
        if self.icc is not None and not isinstance(self.icc, Mapping):
            raise ModelError(
                f"icc: expected a mapping from column to number, received {type(self.icc).__name__}"
                ". Of a Series it is series.to_dict()."
            )
        if self.icc is not None and self.bound == "lower":
            raise ModelError(
                "bound='lower' has no effect with icc=, whose numbers are compared as they are: "
                "give the lower limits as icc=."
            )


def with_stable(model: Pipeline, stable: StableColumns) -> Pipeline:
    """Return a model that leaves out what does not repeat, before anything changes values.

    Behind its :class:`BlockSelector`, which then hands the keys on. Where another step comes
    before that, a harmonising one, whose values are no longer those of the repeats, in front of
    all: correlations are then computed for all columns of the table.

    Parameters
    ----------
    model
        An unfitted Pipeline, as :func:`make_model` gives it.
    stable
        A clone of it is put in, as the step ``"stable"``.

    Raises
    ------
    ModelError
        If ``stable`` is something else.

    Examples
    --------
    >>> model = Pipeline([("blocks", BlockSelector()), ("scale", "passthrough")])
    >>> list(with_stable(model, StableColumns(0.9)).named_steps)
    ['blocks', 'stable', 'scale']
    """
    if not isinstance(stable, StableColumns):
        raise ModelError(f"stable={stable!r}: expected tr.StableColumns(...).")
    step = ("stable", clone(stable))
    (name, first), *others = model.steps
    if not isinstance(first, BlockSelector):
        return Pipeline([step, *model.steps])
    return Pipeline([(name, clone(first).set_params(keys=True)), step, *others])


def stable_steps(estimator: BaseEstimator) -> list[StableColumns]:
    """Return every :class:`StableColumns` inside an estimator, however nested.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> step, = stable_steps(make_pipeline(StableColumns(0.9), "passthrough"))
    >>> step.sentence()[:34]
    'Columns whose ICC(1,1) is 0.9 or m'
    """
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += list(estimator.get_params(deep=True).values())
    return list({id(one): one for one in parts if isinstance(one, StableColumns)}.values())
