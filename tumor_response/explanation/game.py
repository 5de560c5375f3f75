"""What is shared out, and how: the settings of an explanation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.hierarchy import Level
from tumor_response.settings import Settings

__all__ = ["Game", "Output", "ValueFunction", "checked_game"]

Output = Literal["log_odds", "probability", "rate", "score"]
ValueFunction = Literal["interventional", "tree_path_dependent"]


class Game(Settings):
    """The game whose Shapley values an explanation holds.

    Parameters
    ----------
    output
        ``"log_odds"`` or ``"probability"`` of response; ``"rate"`` for models of a rate;
        ``"score"`` for classifiers that give no probability. None: the first that the model has.
    value_function
        ``"interventional"`` (default): an absent column has the values of the background.
        ``"tree_path_dependent"``, for trees alone: it has those of the training rows that took the
        same branches before.
    level
        Who the players are at the finest level: each ``"column"`` (default) or each ``"family"``.
    n_pairs
        Where values are sampled: pairs of opposite orders per lesion and resample. None: 4 out of
        bag, where a lesion's values are means over many resamples, and 64 for one fitted model.
    max_evaluations
        Where values are sampled: how many outputs of the models may be computed in all.
    seed
        Of the sampled orders.

    Examples
    --------
    >>> Game().value_function, Game(output="probability").max_evaluations
    ('interventional', 20000000)
    """

    output: Output | None = None
    value_function: ValueFunction = "interventional"
    level: Level = "column"
    n_pairs: int | None = Field(default=None, ge=2)
    max_evaluations: int = Field(default=20_000_000, ge=1)
    seed: int = Field(default=0, ge=0)


def checked_game(game: Game, name: str, model: BaseEstimator) -> Game:
    """Return the game with its output said, or refuse one that this kind of model does not have.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> checked_game(Game(), "m", Ridge()).output
    'rate'
    >>> checked_game(Game(), "m", LogisticRegression()).output
    'log_odds'
    """
    if hasattr(model, "predict_proba"):
        there: tuple[Output, ...] = ("log_odds", "probability")
    elif hasattr(model, "decision_function"):
        there = ("score",)
    elif hasattr(model, "predict"):
        there = ("rate",)
    else:
        raise ExplanationError(
            f"Model {name!r} has no predict_proba, no decision_function and no predict; there is "
            "no output to share out.",
            code="unsupported_model",
        )
    if game.output is not None and game.output not in there:
        raise ExplanationError(
            f"output={game.output!r}: model {name!r} has {' and '.join(map(repr, there))}.",
            code="unsupported_output",
        )
    return game.model_copy(update={"output": game.output or there[0]})
