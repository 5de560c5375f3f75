"""A deep block beside the tumour's volume: what it knows, and whether it predicts by more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tumor_response.reporting.figures import draw
from tumor_response.reporting.parts import Heading, Paragraph, Part, Section, Table, number
from tumor_response.reporting.wording import minus

if TYPE_CHECKING:
    from tumor_response.evaluation import EmbeddingProbe, EvaluationResult, VolumeCheck

__all__ = ["deep_volume_checks", "probed_sections", "volume_notes"]

_READING = (
    "A network that sees a tumour in a window of fixed size sees how large it is, and volume alone "
    "predicts the response in many cohorts. So each deep block is asked two things. How well can "
    "volume, slice thickness and site be read off it, on patients that the reading was not fitted "
    "to? And does its prediction hold among tumours of the same volume (AUC adjusted for volume: "
    "Janes and Pepe, Biometrika 2009; 96: 371)?"
)

_QUANTITIES = {
    "auc_volume": "AUC of volume alone",
    "auc_block": "AUC of the block alone",
    "auc_both": "AUC of both",
    "gain": "both minus volume, paired",
    "auc_adjusted": "AUC of the block among tumours of equal volume",
    "rank_correlation": "rank correlation of the block's score with volume",
}


def deep_volume_checks(result: EvaluationResult) -> list[VolumeCheck]:
    """Check every block whose name begins with ``deep``, if the table holds a volume."""
    from tumor_response.evaluation import volume_check
    from tumor_response.evaluation.probe_targets import volume_column

    if volume_column(result.rows.X) is None:
        return []
    return [volume_check(result, block) for block in _deep_blocks(result)]


def volume_notes(checks: Sequence[VolumeCheck]) -> list[str]:
    """Return what page one has to say: the blocks that predict by volume alone."""
    return [
        f"What “{check.block}” predicts is the tumour's volume, as far as this study can tell: "
        f"among tumours of equal volume its AUC is {check.auc_adjusted}. "
        "See Deep blocks and volume."
        for check in checks
        if check.verdict == "only volume"
    ]


def probed_sections(result: EvaluationResult, checks: Sequence[VolumeCheck]) -> list[Section]:
    """Return the section on deep blocks and volume; none without a deep block."""
    checked = {check.block for check in checks}
    unchecked = [block for block in _deep_blocks(result) if block not in checked]
    if not checks and not unchecked:
        return []
    parts: list[Part] = [Paragraph(_READING)]
    for check in checks:
        parts += [
            Heading(check.block),
            Paragraph(check.summary()),
            _numbers(check),
            draw(
                lambda axes, check=check: check.plot(ax=axes),  # type: ignore[misc]
                alt=(
                    f"Out-of-bag score of {check.block} alone against {check.volume_column}, one "
                    f"point per lesion; rank correlation {check.rank_correlation}."
                ),
                caption="One point per lesion: its mean score over the resamples it was out of bag "
                "in, by a ridge model of this block alone.",
                width_mm=110,
                height_mm=75,
            ),
            _readings(check.probe),
        ]
    if unchecked:
        parts.append(
            Paragraph(
                f"Not checked: {', '.join(unchecked)}. Whether a deep block predicts by more than "
                "volume can be told only where the table holds the volume."
            )
        )
    return [Section("volume-check", "Deep blocks and volume", parts)]


def _deep_blocks(result: EvaluationResult) -> list[str]:
    return [block for block in result.rows.blocks if block.startswith("deep")]


def _numbers(check: VolumeCheck) -> Table:
    rows = [
        (
            _QUANTITIES[str(name)],
            number(row["value"]),
            f"{number(row['low'])} to {number(row['high'])}",
        )
        for name, row in check.table().iterrows()
    ]
    return Table(
        f"Out of bag, mean over {check.n_resamples} resamples.",
        ("quantity", "value", "95 % of the resamples"),
        rows,
        numeric=frozenset({1, 2}),
    )


def _readings(probe: EmbeddingProbe) -> Table:
    rows = []
    for one in probe.readings:
        if one.reason:
            rows.append((one.target, one.measure, "–", one.reason.replace("_", " "), "–", "–"))
            continue
        rows.append(
            (
                one.target,
                one.measure,
                number(one.value),
                f"{number(one.ci_low)} to {number(one.ci_high)}",
                number(one.p, 3),
                str(one.n_lesions),
            )
        )
    return Table(
        f"What can be read off the {probe.n_columns} columns of {probe.block}: cross-validated, "
        "folds of whole patients. Knowing nothing gives an R2 of 0 or an AUC of 0.5; p counts the "
        f"{probe.n_permutations} permutations that read out as well, uncorrected.",
        ("target", "measure", "value", "95 % (bootstrap of patients)", "p", "lesions"),
        [
            tuple(minus(cell) if place > 1 else cell for place, cell in enumerate(row))
            for row in rows
        ],
        numeric=frozenset({2, 3, 4, 5}),
    )
