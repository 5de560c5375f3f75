"""What an ablation found: estimates, increments, the best after correction, and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.evaluation.ablation.configurations import Configuration
from tumor_response.evaluation.comparison import (
    BestOfK,
    best_of_k,
    compared_pairs,
    increments,
)
from tumor_response.evaluation.nested import SELECTED
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.exceptions import EvaluationError
from tumor_response.notebook import shown
from tumor_response.outcomes import Coupling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["AblationStudy"]


@dataclass(frozen=True, eq=False, repr=False)
class AblationStudy:
    """Every combination of blocks with every model, on shared resamples.

    Attributes
    ----------
    result : EvaluationResult
        The evaluation of all configurations; whatever takes a result takes this one.
    configurations : tuple of Configuration
        Name, model, blocks and unfitted estimator of each; baselines have no blocks.
    """

    result: EvaluationResult
    configurations: tuple[Configuration, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row per configuration: model, blocks, then the evaluation's summary.

        ``blocks`` is text, as in ``"clinical+deep"``, and empty for baselines. The order is that
        of the configurations and not of their values: who sorts by value and reads the first row
        needs :meth:`best_of_k`.
        """
        summary = self.result.summary()
        summary.insert(0, "model_name", [one.model for one in self.configurations])
        summary.insert(1, "blocks", ["+".join(one.blocks) for one in self.configurations])
        summary.insert(2, "n_blocks", [len(one.blocks) for one in self.configurations])
        return summary

    def to_frame(self) -> pd.DataFrame:
        """Return one row per configuration and measure.

        Columns as of :meth:`tumor_response.EvaluationResult.to_frame`, and ``model_name`` and
        ``blocks`` behind the configuration's name.
        """
        return self._told(self.result.to_frame())

    def by_resample(self) -> pd.DataFrame:
        """Return one row per configuration and resample, with model and blocks."""
        return self._told(self.result.by_resample())

    def _told(self, frame: pd.DataFrame) -> pd.DataFrame:
        by_name = {one.name: one for one in self.configurations}
        frame.insert(1, "model_name", [by_name[name].model for name in frame["model"]])
        frame.insert(2, "blocks", ["+".join(by_name[name].blocks) for name in frame["model"]])
        return frame

    def increments(self, *, coupling: Coupling | None = None, level: float = 0.95) -> pd.DataFrame:
        """Compare every configuration with volume alone and with the clinical factors alone.

        See :func:`tumor_response.evaluation.comparison.increments`.
        """
        return increments(self.result, coupling=coupling, level=level)

    def without_each_block(self, *, level: float = 0.95) -> pd.DataFrame:
        """Compare every combination of blocks with itself less one of them, by the same model.

        Returns
        -------
        pandas.DataFrame
            One row per configuration of two or more blocks and block: ``model_name``, ``block``
            (what was taken away), ``others`` (what was left), then as
            :func:`~tumor_response.evaluation.comparison.compare_models`: ``difference`` is what
            the block adds. Adjusted p values are of all rows as one family.

        Raises
        ------
        EvaluationError
            Code ``no_baseline``: the table has one block.
        """
        names = {(one.model, one.blocks): one.name for one in self.configurations}
        pairs, told = [], []
        for one in self.configurations:
            for block in one.blocks if len(one.blocks) > 1 else ():
                others = tuple(other for other in one.blocks if other != block)
                pairs.append((one.name, names[one.model, others]))
                told.append((one.model, block, "+".join(others)))
        if not pairs:
            raise EvaluationError(
                "There is one block only, and nothing to take away from it.", code="no_baseline"
            )
        frame = compared_pairs(self.result, pairs, level=level)
        columns = ["model_name", "block", "others"]
        return pd.concat([pd.DataFrame(told, columns=columns), frame], axis=1)

    def best_of_k(self, *, n_resamples: int = 1000, seed: int = 0, level: float = 0.95) -> BestOfK:
        """Correct the best of all configurations, baselines but the dummy among them.

        The constant dummy is nobody's choice, and ``selected`` chooses itself. See
        :func:`tumor_response.evaluation.comparison.best_of_k`.
        """
        neither = ("dummy", SELECTED)
        names = [one.name for one in self.configurations if one.name not in neither]
        return best_of_k(self.result, names, n_resamples=n_resamples, seed=seed, level=level)

    def plot_forest(self, ax: Axes | None = None) -> Axes:
        """Draw every configuration's headline with its interval; returns the axes.

        Sorted within a model by the number of blocks. The title has the best of all with its
        correction.
        """
        from tumor_response.evaluation.ablation.plots import draw_forest

        return draw_forest(self, ax)

    def plot_combinations(self, figure: Figure | SubFigure | None = None) -> tuple[Axes, Axes]:
        """Draw the headline of every model above a matrix of blocks; returns both axes.

        Columns are combinations of blocks, sorted by the mean of the models' values; a filled
        circle says that the block is in, as in the plots of Lex and others (2014, IEEE TVCG
        20:1983). Bars are intervals.

        Parameters
        ----------
        figure
            A figure, or a part of one, for the two axes; a new figure by default.
        """
        from tumor_response.evaluation.ablation.plots import draw_combinations

        return draw_combinations(self, figure)

    def _repr_html_(self) -> str:
        from tumor_response.evaluation.ablation.shown import study_html

        return shown(self, study_html)

    def __repr__(self) -> str:
        from tumor_response.evaluation.ablation.shown import best_text

        names = sorted({block for one in self.configurations for block in one.blocks})
        columns = [self.result.headline, "ci_low", "ci_high"]
        return (
            f"AblationStudy: {len(self.configurations)} configurations of {len(names)} blocks\n"
            f"{best_text(self)}\n{self.summary()[columns].round(3).to_string()}"
        )
