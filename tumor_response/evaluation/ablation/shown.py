"""What a notebook shows of an ablation: the best with its correction, every configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response.evaluation.comparison.increments import BASELINES
from tumor_response.evaluation.shown import (
    OTHER_HOSPITALS,
    estimates_of,
    headline_words,
    models_grid,
)
from tumor_response.notebook import CAUTION, card, facts, more, note

if TYPE_CHECKING:
    from tumor_response.evaluation.ablation.study import AblationStudy

__all__ = ["study_html"]

_N_RESAMPLES = 200  # as many as can be waited for; .best_of_k() draws 1000
_N_SHOWN = 8


def study_html(study: AblationStudy) -> str:
    """Return baselines, then configurations in their order: not sorted by how well they did."""
    result = study.result
    blocks = sorted({block for one in study.configurations for block in one.blocks})
    models = sorted({one.model for one in study.configurations if one.blocks})
    names = [name for name in BASELINES if name in result.models]
    names += [one.name for one in study.configurations if one.name not in names]
    counts = facts(
        {
            "configurations": len(study.configurations),
            "blocks": ", ".join(blocks),
            "models": ", ".join(models),
            "resamples": f"{len(result.resamples):,}, shared by all",
        }
    )
    best = study.best_of_k(n_resamples=_N_RESAMPLES)
    table = models_grid(result, estimates_of(result, names[:_N_SHOWN]))
    return card(
        "AblationStudy",
        f"{headline_words(result)}, of patients the models had not seen",
        *(counts, note(f"{best.text[0].upper()}{best.text[1:]}.", style=CAUTION)),
        more("Configurations, in the order in which they were made", table),
        note(
            ".summary() has all of them, .without_each_block() what each block adds, "
            f".plot_forest() draws them. {OTHER_HOSPITALS}"
        ),
    )
