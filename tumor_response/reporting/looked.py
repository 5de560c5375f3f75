"""Beside SHAP: where the model looked, whether the tumour shrank there, how the groups differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import ExplanationError
from tumor_response.reporting.figures import draw, embedded
from tumor_response.reporting.parts import Heading, Paragraph, Part, Section, Table, number

if TYPE_CHECKING:
    from tumor_response.cohort import Cohort
    from tumor_response.explanation import Explanation
    from tumor_response.explanation.attention import AttentionMaps
    from tumor_response.explanation.attention.sanity import AttentionSanity
    from tumor_response.explanation.concordance import Concordance
    from tumor_response.explanation.differences import BeyondVolumeAndAge, GroupDifferences

    Told = (
        Explanation
        | AttentionMaps
        | AttentionSanity
        | Concordance
        | GroupDifferences
        | BeyondVolumeAndAge
    )

__all__ = ["Explained", "looked_sections", "sorted_explanations"]

_SANITY = (
    "A map is worth something if it can be wrong. Its model, its network and its labels are "
    "randomised; a map that stays what it was explains none of them. Parts of the views are taken "
    "away, those of highest attention first, and the prediction is followed."
)
_CONCORDANCE = (
    "Attention held against the contour, and against where the tumour shrank. Crops are centred "
    "on tumours and maps like the middle: so attention inside the contour is compared with what "
    "other patients' masks hold in its place, and agreement within a tumour with surrogates that "
    "are as smooth and have the same profile over depth."
)
_DIFFERENCES = (
    "Each column between the groups by itself. A column that differs need not predict, and among "
    "correlated columns many differ together: the number found stands beside the number that "
    "permuted outcomes give."
)
_BEYOND = (
    "What the image says at equal volume and age, and what models gain over those: two questions, "
    "of which neither answers the other."
)


@dataclass(frozen=True)
class Explained:
    """What was given as explanations, by kind.

    Parameters
    ----------
    shap, maps, sanity, concordance, differences, beyond
        Any number of each.
    """

    shap: list[Explanation] = field(default_factory=list)
    maps: list[AttentionMaps] = field(default_factory=list)
    sanity: list[AttentionSanity] = field(default_factory=list)
    concordance: list[Concordance] = field(default_factory=list)
    differences: list[GroupDifferences] = field(default_factory=list)
    beyond: list[BeyondVolumeAndAge] = field(default_factory=list)


def sorted_explanations(given: Sequence[Told]) -> Explained:
    """Sort what was given by its kind.

    Raises
    ------
    ExplanationError
        Code ``explanations``: something of another kind.
    """
    if not given:  # most of what is named below loads torch
        return Explained()
    from tumor_response.explanation import Explanation
    from tumor_response.explanation.attention import AttentionMaps
    from tumor_response.explanation.attention.sanity import AttentionSanity
    from tumor_response.explanation.concordance import Concordance
    from tumor_response.explanation.differences import BeyondVolumeAndAge, GroupDifferences

    found = Explained()
    places: dict[type, list[Any]] = {
        Explanation: found.shap,
        AttentionMaps: found.maps,
        AttentionSanity: found.sanity,
        Concordance: found.concordance,
        GroupDifferences: found.differences,
        BeyondVolumeAndAge: found.beyond,
    }
    for one in given:
        place = places.get(type(one))
        if place is None:
            known = ", ".join(kind.__name__ for kind in places)
            raise ExplanationError(
                f"explanations: received {type(one).__name__}; expected any of {known}.",
                code="explanations",
            )
        place.append(one)
    return found


def looked_sections(
    explained: Explained,
    cohort: Cohort | None = None,
    known_as: Mapping[str, str] | None = None,
) -> list[Section]:
    """Return a section for each kind beside SHAP that was given.

    Maps are laid over the CT of ``cohort``; patients are called as ``known_as`` names them.

    Raises
    ------
    ExplanationError
        Code ``explanations``: maps without a cohort; code ``unknown_lesion``: a map of a lesion
        that the cohort lacks.
    """
    sections = _maps_sections(explained.maps, cohort, known_as)
    if explained.sanity:
        parts: list[Part] = [Paragraph(_SANITY)]
        for sanity in explained.sanity:
            parts += _of_sanity(sanity)
        sections.append(Section("attention-sanity", "Whether the maps can be believed", parts))
    if explained.concordance:
        parts = [Paragraph(_CONCORDANCE)]
        for concordance in explained.concordance:
            parts += _of_concordance(concordance)
        sections.append(Section("concordance", "Where it looked, and where it shrank", parts))
    if explained.differences:
        parts = [Paragraph(_DIFFERENCES)]
        for differences in explained.differences:
            parts += _of_differences(differences)
        sections.append(Section("differences", "How the groups differ", parts))
    if explained.beyond:
        parts = [Paragraph(_BEYOND)]
        for beyond in explained.beyond:
            parts += [Paragraph(text) for text in beyond.sentences()]
            parts.append(
                embedded(
                    beyond.plot(),
                    alt="Association of each block with the outcome at equal volume and age, and "
                    "the gain of models over the baselines.",
                    caption="Left: the blocks at equal volume and age. Right: what models gain.",
                )
            )
        sections.append(Section("beyond", "Beyond volume and age", parts))
    return sections


def _maps_sections(
    maps: Sequence[AttentionMaps], cohort: Cohort | None, known_as: Mapping[str, str] | None
) -> list[Section]:
    if not maps:
        return []
    if cohort is None:
        raise ExplanationError(
            "report: attention maps are shown over their CT; give cohort=, the one they are of.",
            code="explanations",
        )
    from tumor_response.reporting.viewer import viewer_of  # loads torch

    parts = [viewer_of(one, cohort, known_as) for one in maps]
    return [Section("attention", "Where the model looked", parts)]


def _of_sanity(sanity: AttentionSanity) -> list[Part]:
    rows = [
        [
            str(row["method"]),
            str(row["test"]),
            number(float(row["mean"]), 2),
            _limits(float(row["low"]), float(row["high"])),
            str(int(row["n_lesions"])),
        ]
        for row in sanity.summary().to_dict("records")
    ]
    return [
        Heading(sanity.model),
        *(Paragraph(text) for text in sanity.sentences()),
        Table(
            "Randomised: rank correlation with the map before. Deletion and insertion: by how much "
            "more the log-odds fell or rose than in the other order.",
            ["method", "test", "mean", "interval over patients", "lesions"],
            rows,
            numeric=frozenset({2, 4}),
        ),
        draw(
            lambda axes: sanity.plot(axes),
            alt="Rank correlation with the map before, as the model and the network are "
            "randomised from the top down.",
            caption="From left to right ever more is randomised.",
            width_mm=170,
            height_mm=75,
        ),
    ]


def _limits(low: float, high: float) -> str:
    return "too few patients" if low != low else f"{number(low, 2)} to {number(high, 2)}"


def _of_concordance(concordance: Concordance) -> list[Part]:
    return [
        Heading(f"{concordance.model}, {concordance.method}"),
        *(Paragraph(text) for text in concordance.sentences()),
        embedded(
            concordance.plot(),
            alt="Share of attention inside the contour, and correlation of attention with "
            "shrinkage, lesion by lesion, on the band of its null.",
            caption="A point per lesion on the band that its null spans.",
        ),
    ]


def _of_differences(differences: GroupDifferences) -> list[Part]:
    tests = ["unadjusted", *(["adjusted"] if differences.adjusted_for else [])]
    return [
        *(Paragraph(text) for text in differences.sentences()),
        *(
            draw(
                lambda axes, of=test: differences.plot_volcano(of, ax=axes),  # type: ignore[misc]
                alt=f"Effect of each column against its q value, {test}.",
                caption=f"A point per column, {test}.",
                width_mm=170,
                height_mm=100,
            )
            for test in tests
        ),
    ]
