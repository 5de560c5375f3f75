"""explain(): SHAP values, out of bag unless it is said that they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from tumor_response.evaluation import EvaluationResult
from tumor_response.exceptions import ExplanationError, ModelError
from tumor_response.explanation.attribution import attribute
from tumor_response.explanation.building import Sums
from tumor_response.explanation.fields import Mode
from tumor_response.explanation.game import Game, Output, ValueFunction, checked_game
from tumor_response.explanation.hierarchy import Hierarchy, Level
from tumor_response.explanation.origins import parts_of
from tumor_response.explanation.out_of_bag import check_no_images, explain_out_of_bag, used_blocks
from tumor_response.explanation.result import Explanation
from tumor_response.explanation.sampled import Draws
from tumor_response.frames import IntoFrame, as_keyed
from tumor_response.models import final_estimator
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable
from tumor_response.transformers import block_selectors, blocks_of

__all__ = ["explain"]

N_PAIRS = 64
"""Pairs of orders per lesion for one fitted model."""


def explain(
    subject: EvaluationResult | BaseEstimator,
    what: str | FeatureTable | pd.DataFrame,
    *,
    in_sample: bool | None = None,
    background: FeatureTable | pd.DataFrame | None = None,
    blocks: Mapping[str, Sequence[str]] | None = None,
    output: Output | None = None,
    value_function: ValueFunction = "interventional",
    level: Level = "column",
    n_pairs: int | None = None,
    max_evaluations: int = 20_000_000,
    seed: int = 0,
    n_permutations: int = 0,
    n_jobs: int = 1,
) -> Explanation:
    """Compute SHAP values of a model's output, on the table's own columns.

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
        For a fitted model that does not select blocks itself: from block to columns, each in one
        block. Default: as the columns' names say.
    output
        ``"log_odds"`` (default) or ``"probability"`` of response; models of a rate have
        ``"rate"``, in its own unit, and classifiers without probabilities ``"score"``.
    value_function
        ``"interventional"`` (default): absent columns have the background's values;
        ``"tree_path_dependent"``: for trees alone, those of the training rows that took the same
        branches before.
    level
        ``"column"`` (default), or ``"family"``: the columns of a family are one player. That is
        what is left of a model of very many columns whose values have to be sampled.
    n_pairs, max_evaluations, seed
        Where values have to be sampled: pairs of opposite orders per lesion and resample (default:
        4 out of bag, 64 for one fitted model), how many outputs of the models that may take in
        all, and the seed. Additive models and trees in the output that they sum up are exact;
        all others are sampled, ``.method`` says so, and ``.standard_error`` how far off.
    n_permutations
        For a result only: how often the outcome is permuted for the null band, at least 19; 0
        (default): there is none. It takes a refit of 50 resamples each; see
        :func:`tumor_response.explanation.stability.explanation_null`.
    n_jobs
        For a result only: processes; the values are the same whatever it is.

    Returns
    -------
    Explanation

    Raises
    ------
    ExplanationError
        A name that was not evaluated, a model that is not fitted or of tertiles, a table without
        its columns, ``in_sample`` not said; an output or value function that the model does not
        have; sampling beyond ``max_evaluations``; values that do not add up to the output within
        1e-6. The codes are in the list of reason codes.
    SettingsError
        ``n_jobs`` is no whole number, or 0; ``n_pairs`` or another setting out of range.

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
    game = Game(
        output=output,
        value_function=value_function,
        level=level,
        n_pairs=n_pairs,
        max_evaluations=max_evaluations,
        seed=seed,
    )
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
        explanation = explain_out_of_bag(subject, what, game, checked_n_jobs(n_jobs))
        if n_permutations == 0:
            return explanation
        from tumor_response.explanation.stability import explanation_null

        null = explanation_null(
            subject, what, n_permutations=n_permutations, game=game, seed=seed, n_jobs=n_jobs
        )
        return explanation.with_null(null)
    if isinstance(what, str):
        raise ExplanationError(
            f"explain(fitted, table): expected a table, received {what!r}. A name goes with the "
            "result of tr.evaluate."
        )
    if n_permutations:
        raise ExplanationError(
            "n_permutations refits the model to permuted outcomes, which a fitted model does not "
            "tell; it belongs to explain(result, name)."
        )
    return _explain_fitted(subject, what, in_sample, background, blocks, game)


def _explain_fitted(
    fitted: BaseEstimator,
    table: FeatureTable | IntoFrame,
    in_sample: bool | None,
    background: FeatureTable | IntoFrame | None,
    blocks: Mapping[str, Sequence[str]] | None,
    game: Game,
) -> Explanation:
    table = as_keyed(table, "table")
    background = as_keyed(background, "background")
    name = type(final_estimator(fitted)).__name__
    game = checked_game(game, name, fitted)
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
    if behind.empty or frame.empty:
        raise ExplanationError(
            f"There are {len(frame)} rows to explain and {len(behind)} in the background; expected "
            "one or more of both.",
            code="no_background" if behind.empty else "no_rows",
        )
    n_pairs = game.n_pairs or N_PAIRS
    told = f"Explaining {name}"
    draws = Draws(n_pairs, np.random.default_rng([game.seed, 0]), game.max_evaluations, told)
    try:
        check_no_images(name, fitted, frame)
        used = used_blocks(fitted, frame, _blocks(fitted, frame, blocks))
        seen, used = _as_fitted(fitted, frame, used)
        if lacking := [str(column) for column in seen if column not in behind]:
            raise ExplanationError(
                f"The background lacks {_first_of(lacking)}, which the table has.",
                code="other_columns",
            )
        hierarchy = Hierarchy.of(used, dictionary, game.level)
        with threadpool_limits(1):
            one = attribute(fitted, behind[seen.columns], seen, hierarchy, game, draws)
    except (ModelError, KeyError, ValueError) as error:
        if isinstance(error, ExplanationError):
            raise
        raise ExplanationError(
            f"The table does not fit the model ({name}): {error}", code="other_columns"
        ) from error
    sums = Sums(len(frame), 1, hierarchy)
    sums.add(0, np.arange(len(frame)), one)
    mode: Mode = "in_sample" if in_sample else "new_rows"
    return sums.explanation(name, mode, game, n_pairs, frame, dictionary)


def _blocks(
    fitted: BaseEstimator, frame: pd.DataFrame, blocks: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    if blocks is None:
        return blocks_of(frame.columns)
    if block_selectors(fitted):
        raise ExplanationError(
            "blocks=: this model selects its blocks itself, and is explained by those; leave it "
            "out, or fit the model with make_model(..., blocks=...).",
            code="blocks",
        )
    known = {str(block): list(columns) for block, columns in blocks.items()}
    for block, columns in known.items():
        unknown = [column for column in columns if column not in frame]
        if unknown or not columns:
            raise ExplanationError(
                f"blocks: {block!r} is mapped to {unknown[0]!r}, which the table does not have."
                if unknown
                else f"blocks: {block!r} is mapped to no columns; leave it out.",
                code="other_columns" if unknown else "empty_block",
            )
    placed = [column for columns in known.values() for column in columns]
    if twice := sorted({column for column in placed if placed.count(column) > 1}):
        raise ExplanationError(
            f"blocks: {twice[0]!r} is there {placed.count(twice[0])} times; each column "
            "belongs to one block.",
            code="blocks",
        )
    return known


def _as_fitted(
    fitted: BaseEstimator, frame: pd.DataFrame, used: dict[str, list[str]]
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return the columns that the model was fitted to, in that order, where it tells."""
    if block_selectors(fitted):
        return frame, used
    first, _ = parts_of(fitted)
    names = getattr(first[0] if first else fitted, "feature_names_in_", None)
    there = [column for members in used.values() for column in members]
    if names is None:
        return frame[there], used
    wanted = set(map(str, names))
    if unplaced := [str(name) for name in names if name not in set(there)]:
        raise ExplanationError(
            f"The model was fitted to {_first_of(unplaced)}, which the table or blocks= lacks.",
            code="other_columns",
        )
    kept = {block: [c for c in members if c in wanted] for block, members in used.items()}
    return frame[list(names)], {block: members for block, members in kept.items() if members}


def _first_of(columns: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    return f"{columns[0]!r}{f' and {len(columns) - 1} more' if len(columns) > 1 else ''}"


def _frame(table: FeatureTable | pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, FeatureTable):
        return table.data
    if isinstance(table, pd.DataFrame):
        return table
    raise ExplanationError(
        f"Expected a FeatureTable or a pandas DataFrame, received {type(table).__name__}."
    )
