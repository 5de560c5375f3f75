"""explain(): SHAP values, out of bag unless it is said that they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from tumor_response.evaluation import EvaluationResult
from tumor_response.exceptions import ExplanationError, ModelError
from tumor_response.explanation.attribution import attribute, check_supported
from tumor_response.explanation.game import Game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.out_of_bag import explain_out_of_bag, used_blocks
from tumor_response.explanation.result import Explanation
from tumor_response.models import final_estimator
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable
from tumor_response.transformers import block_selectors, blocks_of

__all__ = ["explain"]


def explain(
    subject: EvaluationResult | BaseEstimator,
    what: str | FeatureTable | pd.DataFrame,
    *,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    blocks: Mapping[str, Sequence[str]] | None = None,
    output: Literal["log_odds", "probability"] = "log_odds",
    value_function: Literal["interventional", "tree_path_dependent"] = "interventional",
    n_pairs: int = 8,
    seed: int = 0,
    n_jobs: int = 1,
) -> Explanation:
    """Compute interventional SHAP values in log-odds, on the table's own columns.

    Two ways to call it. ``explain(result, "logistic")`` explains **out of bag**: the model is
    refitted in every resample of the evaluation, the lesions left out are explained with that
    resample's training rows as background, and each lesion's values are averaged.
    ``explain(fitted, table, in_sample=True)`` explains one fitted model on a table; values on
    rows that the model was fitted to show what it memorised as well as what it learned, so this
    has to be said.

    Parameters
    ----------
    subject
        An evaluation's result, or a fitted model.
    what
        The model's name in the result, or the table to explain.
    in_sample
        For a fitted model only, and then required: True if rows of the table were in the fit,
        False if none was.
    background
        For a fitted model only: the rows that absent columns are averaged over, which by
        definition are the training rows. Default with ``in_sample=True``: the table itself; with
        ``in_sample=False`` it must be given.
    blocks
        For a fitted model on a bare frame: from block to columns.
    output
        ``"log_odds"`` (default) or ``"probability"`` of response.
    value_function
        ``"interventional"`` (default): absent columns have the background's values;
        ``"tree_path_dependent"``: for trees alone, those of the training rows that took the same
        branches before.
    n_pairs, seed
        Where values have to be sampled: pairs of opposite orders per lesion and resample, and
        their seed.
    n_jobs
        For a result only: processes; the values are the same whatever it is.

    Returns
    -------
    Explanation

    Raises
    ------
    ExplanationError
        A model other than ridge or plain logistic regression or XGBoost at the end, a step that
        mixes columns, a name that was not evaluated, a model that is not fitted, a table without
        its columns, ``in_sample`` not said; values that do not add up to the output within 1e-6.
    SettingsError
        ``n_jobs`` is no whole number, or 0.

    Notes
    -----
    Value function and additive identity as in the definitions page; see
    :func:`tumor_response.explanation.attribution.attribute`.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[f"P{i}" for i in range(40)], ["1"]],
    ...                                    names=["patient_id", "lesion_id"])
    >>> table = pd.DataFrame(rng.normal(size=(40, 3)), index=index,
    ...                      columns=["clinical__age", "deep__n__0", "deep__n__1"])
    >>> y = (table["deep__n__0"] + rng.normal(size=40) > 0).astype(float)
    >>> result = tr.evaluate({"ridge": tr.make_model("logistic")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=20, seed=0))
    >>> explanation = tr.explain(result, "ridge")
    >>> explanation.table().index[0], explanation.by_block().index[0]
    ('deep__n__0', 'deep')
    """
    game = Game(output=output, value_function=value_function, n_pairs=n_pairs, seed=seed)
    if isinstance(subject, EvaluationResult):
        if not isinstance(what, str):
            raise ExplanationError(
                f"explain(result, name): expected a model's name, received {type(what).__name__}; "
                f"there are {', '.join(map(repr, subject.models))}."
            )
        if in_sample is not None or background is not None or blocks is not None:
            raise ExplanationError(
                "in_sample, background and blocks belong to explain(fitted, table); a result is "
                "explained out of bag, with each resample's training rows as background."
            )
        return explain_out_of_bag(subject, what, game, checked_n_jobs(n_jobs))
    if isinstance(what, str):
        raise ExplanationError(
            f"explain(fitted, table): expected a table, received {what!r}. A name goes with the "
            "result of tr.evaluate."
        )
    return _explain_fitted(subject, what, in_sample, background, blocks, game)


def _explain_fitted(
    fitted: BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    in_sample: bool | None,
    background: FeatureTable | pd.DataFrame | None,
    blocks: Mapping[str, Sequence[str]] | None,
    game: Game,
) -> Explanation:
    name = type(final_estimator(fitted)).__name__
    check_supported(name, fitted)
    try:
        check_is_fitted(final_estimator(fitted))
    except NotFittedError:
        raise ExplanationError(f"The model ({name}) is not fitted.", code="not_fitted") from None
    if in_sample is None:
        raise ExplanationError(
            "Were rows of this table in the model's fit? SHAP values of training rows show what "
            "was memorised as well as what was learned. Say in_sample=True (they were) or "
            "in_sample=False (none was), or explain out of bag: tr.explain(result, name).",
            code="in_sample_not_said",
        )
    if not in_sample and background is None:
        raise ExplanationError(
            "in_sample=False needs background=: the rows that the model was fitted to.",
            code="no_background",
        )
    frame = _frame(table)
    dictionary = table.dictionary if isinstance(table, FeatureTable) else None
    behind = frame if background is None else _frame(background)
    known = blocks_of(frame.columns) if blocks is None else {b: list(c) for b, c in blocks.items()}
    selects = bool(block_selectors(fitted))
    try:
        used = used_blocks(fitted, frame, known)
        columns = [column for members in used.values() for column in members]
        seen = frame if selects else frame[columns]
        with threadpool_limits(1):
            hierarchy = Hierarchy.of(used, dictionary)
            one = attribute(fitted, behind[seen.columns], seen, hierarchy)
    except (ModelError, KeyError, ValueError) as error:
        if isinstance(error, ExplanationError):
            raise
        raise ExplanationError(
            f"The table does not fit the model ({name}): {error}", code="other_columns"
        ) from error
    index = frame.index
    return Explanation(
        name=name,
        mode="in_sample" if in_sample else "new_rows",
        output=game.output,
        value_function=game.value_function,
        method="exact",
        values=pd.DataFrame(one.values, index, columns),
        block_values=pd.DataFrame(one.block_values, index, list(used)),
        family_values=pd.DataFrame(one.family_values, index, list(hierarchy.families)),
        nested_values=pd.DataFrame(one.nested_values, index, columns),
        base_values=pd.Series(one.base, index=index, name="base_value"),
        outputs=pd.Series(one.outputs, index=index, name="output"),
        spread=None,
        standard_error=None,
        n_pairs=None,
        n_out_of_bag=None,
        top_ten_share=None,
        column_mean_abs=None,
        family_mean_abs=None,
        block_mean_abs=None,
        block_interactions=None,
        features=frame[columns],
        blocks=used,
        families=hierarchy.families,
        dictionary=dictionary,
    )


def _frame(table: FeatureTable | pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, FeatureTable):
        return table.data
    if isinstance(table, pd.DataFrame):
        return table
    raise ExplanationError(
        f"Expected a FeatureTable or a pandas DataFrame, received {type(table).__name__}."
    )
