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

__all__ = ["best_text", "study_html"]

_MOST_FITS = 10_000  # of more, the correction takes longer than a look may
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
    table = models_grid(result, estimates_of(result, names[:_N_SHOWN]))
    return card(
        "AblationStudy",
        f"{headline_words(result)}, of patients the models had not seen",
        *(counts, note(best_text(study), style=CAUTION)),
        more("Configurations, in the order in which they were made", table),
        note(
            ".summary() has all of them, .without_each_block() what each block adds, "
            f".plot_forest() draws them. {OTHER_HOSPITALS}"
        ),
    )


def best_text(study: AblationStudy) -> str:
    """Return the best with its correction; of a large study, where to ask for it."""
    n = len(study.configurations)
    if n * len(study.result.resamples) > _MOST_FITS:
        return f"The best of {n} is too high on average: .best_of_k() corrects it for the choice."
    return study.best_of_k().text
