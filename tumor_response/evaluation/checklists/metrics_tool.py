"""METRICS: quality of a radiomics study (Kocak et al. 2024, Insights Imaging 15:8).

30 items in 9 categories, five conditions under which items do not apply, and a weight for each
item. The weights are those of the authors' online tool, METRICS v1.0, which rounds the paper's to
three places. What a run knows fills the evidence beside an item; whether an item is met is for the
authors to say, and the score is computed from what they say (:func:`metrics_score`).
"""

from __future__ import annotations

from collections.abc import Mapping

from tumor_response.evaluation.checklists.items import Guideline, Item
from tumor_response.exceptions import SettingsError

__all__ = ["METRICS", "METRICS_CONDITIONS", "METRICS_WEIGHTS", "metrics_score"]

METRICS_WEIGHTS: tuple[float, ...] = (
    *(0.037, 0.074, 0.092),  # study design
    *(0.044, 0.029, 0.044, 0.029),  # imaging data
    *(0.034, 0.022, 0.011),  # segmentation
    *(0.062, 0.031, 0.041),  # image processing and feature extraction
    *(0.02, 0.02, 0.03, 0.02),  # feature processing
    *(0.06, 0.03),  # preparation for modelling
    *(0.035, 0.023, 0.018, 0.012, 0.029, 0.018),  # metrics and comparison
    *(0.037, 0.075),  # testing
    *(0.007, 0.007, 0.007),  # open science
)
"""Of items 1 to 30."""

METRICS_CONDITIONS: dict[str, tuple[int, ...]] = {
    "segmentation": (8, 9, 10),
    "automated_segmentation": (9,),
    "handcrafted_features": (12,),
    "tabular_features": (14, 15, 16),
    "end_to_end_deep_learning": (17,),
}
"""The items that apply only if the study has this (the tool's conditions 1 to 5)."""

METRICS = Guideline(
    "METRICS",
    "Kocak et al. 2024, Insights Imaging 15:8 (METRICS v1.0, 30 items in 9 categories)",
    (
        Item("1", "Study design", "a checklist of radiomics or machine learning was followed"),
        Item("2", "Study design", "criteria that make the patients representative"),
        Item(
            "3",
            "Study design",
            "a good reference standard, clearly defined",
            ("outcome",),
            "whether it is a good one",
        ),
        Item("4", "Imaging data", "several centres", ("sites",), "whether images come from them"),
        Item("5", "Imaging data", "images as in clinical practice"),
        Item("6", "Imaging data", "imaging protocol with its parameters"),
        Item("7", "Imaging data", "time between image and reference standard"),
        Item("8", "Segmentation", "how it was done", note="if there is segmentation"),
        Item(
            "9",
            "Segmentation",
            "evaluation of automatic segmentation",
            note="if it is fully automatic",
        ),
        Item(
            "10",
            "Segmentation",
            "test masks by one reader or an automatic tool",
            note="if there is segmentation",
        ),
        Item(
            "11",
            "Image processing",
            "fitting pre-processing, described",
            ("resampling", "discretisation", "image_types"),
            "whether it fits these images",
        ),
        Item(
            "12",
            "Image processing",
            "standardised software for the features",
            ("extraction", "versions"),
            note="if features are hand-crafted",
        ),
        Item(
            "13",
            "Image processing",
            "parameters of the extraction, or that they are defaults",
            ("extraction", "feature_classes"),
        ),
        Item(
            "14",
            "Feature processing",
            "features that are not robust were removed",
            note="if features are a table",
        ),
        Item(
            "15",
            "Feature processing",
            "redundant features were removed",
            ("steps",),
            "whether these steps do that",
            "if features are a table",
        ),
        Item(
            "16",
            "Feature processing",
            "number of features against number of patients",
            ("predictors", "riley"),
            "whether it is appropriate",
            "if features are a table",
        ),
        Item(
            "17",
            "Feature processing",
            "robustness of an end-to-end network",
            note="if there is one",
        ),
        Item(
            "18",
            "Preparation for modelling",
            "data split by patient, with everything fitted on the training side",
            ("scheme", "steps"),
        ),
        Item("19", "Preparation for modelling", "confounders were dealt with"),
        Item("20", "Metrics and comparison", "fitting measures of performance", ("measures",)),
        Item("21", "Metrics and comparison", "uncertainty", ("uncertainty",)),
        Item("22", "Metrics and comparison", "calibration was assessed"),
        Item("23", "Metrics and comparison", "one kind of image, or proof that more are better"),
        Item(
            "24",
            "Metrics and comparison",
            "comparison with a method that is not radiomic, or proof of clinical use",
            ("baselines",),
            "that the comparison was made by a fitting method",
        ),
        Item(
            "25",
            "Metrics and comparison",
            "comparison with a simple model",
            ("baselines",),
            "that the comparison was made by a fitting method",
        ),
        Item("26", "Testing", "internal testing", ("scheme",), "whether that counts as testing"),
        Item("27", "Testing", "external testing", ("apart",), "whether patients are of elsewhere"),
        Item("28", "Open science", "data are available"),
        Item("29", "Open science", "code is available"),
        Item("30", "Open science", "the model is available"),
    ),
)


def metrics_score(met: Mapping[int, bool], conditions: Mapping[str, bool] | None = None) -> float:
    """Return the METRICS score in percent, from the authors' own answers.

    The weights of the items that are met, over those of all items that apply, as the tool has it.

    Parameters
    ----------
    met
        From item number to whether the study meets it. Every item that applies has to be there:
        an unanswered one is no "no".
    conditions
        Which of :data:`METRICS_CONDITIONS` hold; what is not named holds. Without ``segmentation``
        there is no ``automated_segmentation`` either.

    Raises
    ------
    SettingsError
        An item without an answer, an answer to an item that does not apply, an unknown condition.

    Examples
    --------
    >>> network = {"handcrafted_features": False, "tabular_features": False}
    >>> applying = set(range(1, 31)) - {12, 14, 15, 16}
    >>> metrics_score(dict.fromkeys(applying, True), network)
    100.0
    """
    given = dict(conditions or {})
    if unknown := sorted(set(given) - set(METRICS_CONDITIONS)):
        raise SettingsError(f"conditions: no {unknown}; known are {', '.join(METRICS_CONDITIONS)}.")
    out = {
        item
        for condition, items in METRICS_CONDITIONS.items()
        if not given.get(condition, True)
        for item in items
    }
    applying = set(range(1, 31)) - out
    if lacking := sorted(applying - set(met)):
        raise SettingsError(f"Items {lacking} apply and have no answer.")
    if beyond := sorted(set(met) - applying):
        raise SettingsError(f"Items {beyond} do not apply under these conditions, or do not exist.")
    total = sum(METRICS_WEIGHTS[item - 1] for item in applying)
    reached = sum(METRICS_WEIGHTS[item - 1] for item in applying if met[item])
    return round(100 * reached / total, 1)
