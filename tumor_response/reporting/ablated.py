"""What each block adds: every combination of blocks, the increments, the best after correction."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tumor_response.exceptions import EvaluationError
from tumor_response.reporting.figures import embedded
from tumor_response.reporting.models import best_of_k_table
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number
from tumor_response.reporting.wording import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from tumor_response.evaluation.ablation import AblationStudy
    from tumor_response.outcomes import Coupling

__all__ = ["ablation_sections"]

_READING = (
    "Every combination of blocks with every model, on the same resamples. The highest of many "
    "estimates is too high on average, so that none is marked; what is left of the best after the "
    "choice is paid for stands below. A block adds something where the interval of a difference "
    "lies above 0, and the p value still says so once it is adjusted for all that were looked at."
)


def ablation_sections(study: AblationStudy | None, coupling: Coupling | None) -> list[Section]:
    """Return the section on an ablation; none without one."""
    if study is None:
        return []
    summary = study.summary()
    measure = study.result.headline
    listed = "; ".join(
        f"{name} {Interval(float(r[measure]), float(r['ci_low']), float(r['ci_high'])).auc()}"
        for name, r in summary.iterrows()
    )
    parts: list[Part] = [
        Paragraph(_READING),
        embedded(
            cast("Canvas", study.plot_forest().figure),
            alt=f"Forest of all {len(summary)} configurations: {listed}.",
            caption="Every configuration with its interval, sorted by the number of blocks within "
            "a model. In the title: the best of all, corrected for the choice.",
        ),
        embedded(
            study.plot_combinations(),
            alt="The same values above a matrix of which blocks are in; the forest has the "
            "figures.",
            caption="Columns are combinations of blocks: a filled circle says that the block is "
            "in. Bars are intervals, not corrected for the choice.",
        ),
        *best_of_k_table(study.best_of_k()),
        *_without(study),
        *_over_baselines(study, coupling),
    ]
    return [Section("ablation", "What each block adds", parts)]


def _without(study: AblationStudy) -> list[Part]:
    try:
        frame = study.without_each_block()
    except EvaluationError:  # one block: there is nothing to take away
        return []
    rows = [
        (
            str(row["model_name"]),
            str(row["block"]),
            str(row["others"]),
            _difference(row),
            *_p_values(row),
        )
        for row in frame.to_dict("records")
    ]
    return [
        Table(
            "What a block adds to the others, by the same model, paired on the same resamples.",
            ("model", "block", "added to", "difference (interval)", "p", "p, Holm"),
            rows,
            numeric=frozenset({3, 4, 5}),
        )
    ]


def _over_baselines(study: AblationStudy, coupling: Coupling | None) -> list[Part]:
    try:
        frame = study.increments(coupling=coupling)
    except EvaluationError:  # neither baseline was among the models
        return []
    rows = [
        (str(row["model_a"]), str(row["model_b"]), _difference(row), *_p_values(row))
        for row in frame.to_dict("records")
    ]
    return [
        Table(
            "What each configuration adds to volume alone and to the clinical factors alone.",
            ("configuration", "over", "difference (interval)", "p", "p, Holm"),
            rows,
            numeric=frozenset({2, 3, 4}),
        )
    ]


def _difference(row: Mapping[Hashable, Any]) -> str:
    return Interval(row["difference"], row["ci_low"], row["ci_high"]).difference()


def _p_values(row: Mapping[Hashable, Any]) -> tuple[str, str]:
    return number(row["p_value"], 3), number(row["p_holm"], 3)
