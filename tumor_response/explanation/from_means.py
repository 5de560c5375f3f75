"""SHAP values of a linear model where no training row is at hand: from the means it keeps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attributed import Attribution, summed
from tumor_response.explanation.attribution import LINEAR
from tumor_response.explanation.black_box import class_sign
from tumor_response.explanation.building import Sums
from tumor_response.explanation.game import Game, checked_game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.origins import column_origins, parts_of, passed_through
from tumor_response.explanation.out_of_bag import used_blocks
from tumor_response.explanation.result import Explanation
from tumor_response.models import final_estimator
from tumor_response.transformers import BlockScaler, ToArray, block_selectors, blocks_of

__all__ = ["explain_from_means"]

FloatArray = npt.NDArray[np.float64]


def explain_from_means(
    fitted: BaseEstimator, rows: pd.DataFrame, dictionary: pd.DataFrame | None = None
) -> Explanation:
    r"""Compute SHAP values of a linear model against a lesion at the mean of every column.

    A predictor that was sent holds no training row, and SHAP values need a background. A linear
    model whose last step scales its columns needs one row of it only, and keeps that: the means
    that the scaler takes off. The value of a column is :math:`\beta_j (z_j - 0)`, :math:`z` being
    the scaled columns. It is what :func:`tumor_response.explain` gives with the training rows
    as background, but for values that the scaler held in some of them.

    Parameters
    ----------
    fitted
        A Pipeline whose last step is linear, behind a scaler.
    rows
        New lesions, in the columns of the fit.
    dictionary
        The feature table's.

    Returns
    -------
    Explanation
        ``mode`` is ``"new_rows"``; ``base_values`` is the output at the means.

    Raises
    ------
    ExplanationError
        Code ``no_background``: a model of another kind, which needs the training rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["deep__a", "clinical__age"])
    >>> model = tr.make_model("logistic").fit(X, (X["deep__a"] > 0).astype(int))
    >>> found = explain_from_means(model, X[:3])
    >>> whole = tr.explain(model, X[:3], in_sample=True, background=X)
    >>> bool(np.allclose(found.values, whole.values, atol=1e-9))
    True
    """
    name = type(final_estimator(fitted)).__name__
    steps, final = parts_of(fitted)
    if not (isinstance(final, LINEAR) and _is_centred(steps)):
        raise ExplanationError(
            f"The model ({name}) is not linear behind a scaler, and its SHAP values need the rows "
            "that it was fitted to: give the training table.",
            code="no_background",
        )
    game = checked_game(Game(), name, fitted)
    used = used_blocks(fitted, rows, blocks_of(rows.columns))
    shown = rows if block_selectors(fitted) else rows[list(steps[0].feature_names_in_)]
    hierarchy = Hierarchy.of(used, dictionary)
    scaled = passed_through(steps, shown)
    x = np.asarray(scaled, dtype=np.float64)
    origins = column_origins(steps, [str(column) for column in shown.columns])
    owner = np.array([hierarchy.place[of] for of in origins], dtype=np.int64)
    sign = 1.0 if game.output == "rate" else class_sign(final)
    coefficients = sign * np.ravel(np.asarray(final.coef_, dtype=np.float64))
    at_means = pd.DataFrame(0.0 * x[:1], columns=getattr(scaled, "columns", None))
    base, outputs = (_outputs(final, one, sign, game) for one in (at_means, scaled))
    parts = summed(x * coefficients, owner, len(hierarchy.players))
    one = Attribution.additive(parts, float(base[0]), outputs, hierarchy)
    sums = Sums(len(rows), 1, hierarchy)
    sums.add(0, np.arange(len(rows)), one)
    return sums.explanation(name, "new_rows", game, 0, rows, dictionary)


def _is_centred(steps: list[BaseEstimator]) -> bool:
    """Return whether the columns that reach the last step are 0 at their training means."""
    scaling = [step for step in steps if not isinstance(step, ToArray)]
    if not scaling:
        return False
    last = scaling[-1]
    return isinstance(last, BlockScaler) or (isinstance(last, StandardScaler) and last.with_mean)


def _outputs(
    final: BaseEstimator, X: pd.DataFrame | FloatArray, sign: float, game: Game
) -> FloatArray:
    shown = X if hasattr(final, "feature_names_in_") else np.asarray(X, dtype=np.float64)
    read = final.predict if game.output == "rate" else final.decision_function
    return sign * np.ravel(np.asarray(read(shown), dtype=np.float64))
