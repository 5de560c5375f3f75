"""leakage_trace(): an evaluation watched from the table to the score, and its table looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone

from tumor_response.evaluation.checks import aligned_outcome, check_columns, check_index
from tumor_response.evaluation.leakage.brought_statistics import brought_fits, brought_statistics
from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    finding_frame,
)
from tumor_response.evaluation.leakage.inner import fits_frame, splits_frame
from tumor_response.evaluation.leakage.one_resample import ResampleSeen, Work
from tumor_response.evaluation.leakage.provable import provable_findings
from tumor_response.evaluation.leakage.recorded import (
    model_findings,
    resample_findings,
    same_scores,
    unchanged_rows,
)
from tumor_response.evaluation.leakage.result import LeakageTrace
from tumor_response.evaluation.leakage.study import Question, traced_resamples
from tumor_response.evaluation.leakage.suspected import LookedAt, suspected_findings
from tumor_response.evaluation.rows import EvaluationRows, Failed
from tumor_response.evaluation.running import ResampleScores
from tumor_response.evaluation.sampling import Bootstrap632Plus, Resample, Scheme
from tumor_response.evaluation.weights import Weights
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.outcomes import LabelRule
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable
from tumor_response.transformers import block_selectors, blocks_of, is_predictor

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["leakage_trace", "trace_of_result"]

_NOISE_SEED = 20_000


def leakage_trace(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | IntoFrame,
    y: pd.Series | IntoFrame,
    scheme: Scheme | None = None,
    *,
    label: LabelRule | None = None,
    outcomes: IntoFrame | None = None,
    blocks: Mapping[str, Sequence[str]] | None = None,
    failed: Failed = "error",
    sample_weight: Weights = None,
    n_resamples: int = 3,
    n_jobs: int = 1,
) -> LeakageTrace:
    """Trace what an evaluation's models may have learned of the patients they are judged on.

    Three classes of findings, kept apart. *Recorded*: some resamples are run as
    :func:`tumor_response.evaluate` runs them while every fit of every step is watched, inner folds
    and early stopping included; they are run once more with the out-of-bag rows replaced by noise,
    from the table on, and the fitted state has to be the same bit for bit; test rows are scored
    one by one. *Provable*: a feature table is held against the hash that extraction wrote and the
    roles of its columns. *Suspected*: what the numbers look like: scales, filled gaps, duplicates,
    copies of an outcome, harmonised sites, cut-points. What cannot be checked is said to be NOT
    CHECKABLE, and never passed.

    Parameters
    ----------
    models, table, y, scheme, label, failed, blocks, sample_weight
        As for :func:`tumor_response.evaluate`.
    outcomes
        What is known of the end point, such as the table of :func:`tumor_response.shrinkage`,
        indexed like the table; predictors are held against each of its columns.
    n_resamples
        How many resamples are watched, spread over all of the scheme; default 3. Every step of
        every model is fitted in each of them, so that a step which looks beyond its rows does so
        in the first; more serve models that choose their steps by the data. That no patient is on
        both sides is checked in all resamples.
    n_jobs
        Processes; the trace is the same whatever it is.

    Returns
    -------
    LeakageTrace

    Raises
    ------
    EvaluationError
        A table without patients in its index, an outcome of another index, ``n_resamples`` below
        1. A study that :func:`tumor_response.evaluate` refuses is traced all the same: the
        refusal stands among the findings.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(40)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> raw = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                    columns=["clinical__age", "deep__n__0", "deep__n__1"])
    >>> y = (raw["deep__n__0"] + rng.normal(size=40) > 0).astype(float)
    >>> scaled = (raw - raw.mean()) / raw.std()
    >>> trace = leakage_trace(tr.make_model("logistic"), scaled, y,
    ...                       tr.Bootstrap632Plus(n_resamples=20), n_resamples=1)
    >>> trace.faults()[["class", "check"]].values.tolist()
    [['suspected', 'columns scaled over all rows']]
    """
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    outcomes = as_keyed(outcomes, "outcomes")
    scheme = Bootstrap632Plus() if scheme is None else scheme
    question = Question(models, table, y, scheme, label, blocks, failed, sample_weight)
    tracer = _Tracer(question, outcomes, n_resamples, checked_n_jobs(n_jobs))
    try:
        rows = question.rows()
        resamples = question.resamples(rows)
    except (EvaluationError, OutcomeError) as error:
        return tracer.of_refused(error)
    return tracer.of_rows(rows, resamples, None)


def trace_of_result(
    result: EvaluationResult,
    table: FeatureTable | IntoFrame | None = None,
    *,
    outcomes: IntoFrame | None = None,
    n_resamples: int = 3,
    n_jobs: int = 1,
) -> LeakageTrace:
    """Trace a finished evaluation: its models, rows and resamples are run and watched once more.

    Parameters
    ----------
    result
        Of :func:`tumor_response.evaluate`.
    table
        The table it was made with. Without it the rows that were evaluated stand for it, and
        nothing is provable.
    outcomes, n_resamples, n_jobs
        As for :func:`leakage_trace`.

    Returns
    -------
    LeakageTrace
        With one more recorded finding: whether the watched runs gave the evaluation's own scores,
        bit for bit.

    Raises
    ------
    EvaluationError
        Code ``other_table``: the table is not the evaluation's.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["deep__0", "deep__1"],
    ...                  index=pd.Index([f"P{i}" for i in range(30)], name="patient_id"))
    >>> y = (X["deep__0"] + rng.normal(size=30) > 0).astype(float)
    >>> result = tr.evaluate(tr.make_model("logistic"), X, y, tr.Bootstrap632Plus(n_resamples=5))
    >>> len(trace_of_result(result, n_resamples=1).faults("recorded"))
    0
    """
    table = as_keyed(table, "table")
    outcomes = as_keyed(outcomes, "outcomes")
    rows = result.rows
    index = rows.X.index if table is None else _frame_of(table).index
    weight = None
    if rows.weight is not None:
        weight = pd.Series(rows.weight, index=rows.X.index).reindex(index, fill_value=1.0)
    question = Question(
        models=rows.models,
        table=rows.X if table is None else table,
        y=rows.outcome.reindex(index),
        scheme=result.scheme,
        label=rows.label,
        # where names say the block, models were not bound to a mapping
        blocks=None if rows.blocks == blocks_of(rows.X.columns) else rows.blocks,
        failed="impute",
        sample_weight=weight,
    )
    again = question.rows()
    if not again.X.index.equals(rows.X.index) or list(again.X.columns) != list(rows.X.columns):
        raise EvaluationError(
            f"table: {len(again.X)} rows and {again.X.shape[1]} columns would be evaluated, the "
            f"evaluation has {len(rows.X)} and {rows.X.shape[1]}, or they are others. Give the "
            "table that the evaluation was made with.",
            code="other_table",
        )
    tracer = _Tracer(question, outcomes, n_resamples, checked_n_jobs(n_jobs))
    # models bound to the blocks as the refits bind them, so that their settings can be compared
    return tracer.of_rows(again, result.resamples, result.out_of_bag)


def _frame_of(table: FeatureTable | pd.DataFrame) -> pd.DataFrame:
    return table.data if isinstance(table, FeatureTable) else table


class _Tracer:
    """Puts a trace together; see :func:`leakage_trace`."""

    def __init__(
        self, question: Question, outcomes: pd.DataFrame | None, n_resamples: int, n_jobs: int
    ) -> None:
        if not isinstance(question.table, (FeatureTable, pd.DataFrame)):
            raise EvaluationError(
                "table: expected a FeatureTable or a pandas DataFrame, received "
                f"{type(question.table).__name__}."
            )
        if n_resamples < 1:
            raise EvaluationError(f"n_resamples={n_resamples}: expected 1 or more.")
        check_index(question.frame.index)
        check_columns(question.frame)
        plain = question.y.copy() if isinstance(question.y, pd.Series) else question.y
        if isinstance(plain, pd.Series):
            plain.attrs = {}
        self.y = aligned_outcome(plain, question.frame.index, question.label)
        self.y.attrs = dict(question.y.attrs)
        self.question, self.n_jobs = question, n_jobs
        self.outcomes, self.n_resamples = outcomes, n_resamples

    def of_refused(self, error: EvaluationError | OutcomeError) -> LeakageTrace:
        """Return the trace of a study that an evaluation refuses."""
        known = error.code in ("outcome_as_predictor", "outcome_fitted_on_all")
        finding = Checked(
            "evaluate takes the study", FAULT if known else NOT_CHECKABLE, f"refused: {error}"
        )
        predictors = [str(c) for c in self.question.frame.columns if is_predictor(str(c))]
        return self._trace(predictors, [finding], np.empty(0, dtype=np.int64), [], [])

    def of_rows(
        self,
        rows: EvaluationRows,
        resamples: Sequence[Resample],
        known: Sequence[ResampleScores] | None,
    ) -> LeakageTrace:
        """Return the trace of an evaluation's rows and resamples."""
        numbers = traced_resamples(len(resamples), self.n_resamples)
        seen = list(
            spread(
                Work(self.question, rows, _NOISE_SEED),
                [(number, resamples[number]) for number in numbers],
                self.n_jobs,
                "Watching resamples",
            )
        )
        recorded = [
            unchanged_rows(rows, self.question.frame, self.y),
            *resample_findings(rows, resamples),
        ]
        if known is not None:
            recorded.append(same_scores(seen, known))
        recorded += model_findings(rows, resamples, seen)
        for name, model in rows.models.items():
            X = rows.shown_to(name)
            recorded.append(brought_statistics(model, X, name))
            recorded += brought_fits(model, X, rows.y, name)
        return self._trace(_predictors(rows), recorded, rows.patients, resamples, seen)

    def _trace(
        self,
        predictors: list[str],
        recorded: list[Checked],
        patients: npt.NDArray[np.int64],
        resamples: Sequence[Resample],
        seen: Sequence[ResampleSeen],
    ) -> LeakageTrace:
        provable = list(provable_findings(self.question.table, predictors))
        is_proven = provable[0].status == PASSED
        suspected = list(suspected_findings(self._looked_at(predictors), is_proven))
        return LeakageTrace(
            recorded=finding_frame(recorded),
            provable=finding_frame(provable),
            suspected=finding_frame(suspected),
            fits=fits_frame(patients, resamples, seen),
            splits=splits_frame(patients, seen),
            resamples=[one.number for one in seen],
            n_resamples=len(resamples),
        )

    def _looked_at(self, predictors: list[str]) -> LookedAt:
        label, y = self.question.label, self.y
        classes, fixed = None, None
        if label is not None:
            fitted = label.fit(y.dropna())
            classes = label.label(y, fitted)
            if not label.is_fitted and isinstance(label.cut, (int, float)):
                fixed = label.threshold(fitted)
        elif set(y.dropna().unique()) == {0.0, 1.0}:
            classes = y
        outcomes = self.outcomes
        return LookedAt(
            frame=self.question.frame,
            predictors=predictors,
            y=y,
            classes=classes,
            is_finished=label is None or not label.is_fitted,
            outcomes=None if outcomes is None else outcomes.reindex(y.index),
            fixed_cut=fixed,
        )


def _predictors(rows: EvaluationRows) -> list[str]:
    """Return the columns that some model uses, keys left out."""
    used: dict[str, None] = {}
    for name, model in rows.models.items():
        columns = rows.columns[name]
        if columns is None:
            chosen = [clone(selector).fit(rows.X) for selector in block_selectors(model)]
            columns = [c for one in chosen for block in one.blocks_.values() for c in block]
        used.update(dict.fromkeys(c for c in columns if is_predictor(c)))
    return list(used)
