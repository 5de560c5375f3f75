"""Every interval by its key: which schemes and tasks it serves, and what may be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tumor_response.evaluation.intervals import method_limits as of
from tumor_response.evaluation.intervals.delong import delong, obuchowski

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["DEFAULTS", "METHODS", "Method"]

_ALL = frozenset({"response", "rate", "tertiles"})
_RANKED = frozenset({"response", "tertiles"})
_RESPONSE = frozenset({"response"})
_BOOTSTRAP, _FOLDS, _TEST_SET = (frozenset({kind}) for kind in ("bootstrap", "folds", "test_set"))
_LIMITS_95 = "95 % interval"


@dataclass(frozen=True)
class Method:
    """How an interval is made and what may be said of it.

    Attributes
    ----------
    kinds, tasks : frozenset of str
        The schemes (``Scheme.kind``) and tasks it serves.
    limits_are : str
        What the limits of level 0.95 are, in a few words: the head of a table's column.
    explanation : str
        Sentences for a report, with what was measured.
    limits : callable
        Takes (result, model's name, level), returns (low, high).
    """

    kinds: frozenset[str]
    tasks: frozenset[str]
    limits_are: str
    explanation: str
    limits: Callable[[EvaluationResult, str, float], tuple[float, float]]


def _measured(share: str) -> str:
    """Say what ``benchmarks/coverage.py`` found, over all its cells."""
    return (
        " In simulated studies of 50 to 250 patients with 1, 5 or 1,500 columns it covered the "
        f"AUC, on fresh patients, of the model fitted to all patients in {share} of the studies; "
        "95 % were claimed."
    )


METHODS: dict[str, Method] = {
    "oob_combined": Method(
        _BOOTSTRAP,
        _RANKED,
        _LIMITS_95,
        "The interval is for the AUC, on fresh patients, of the model fitted to all patients. Its "
        "width is the larger of two: by how much each patient moves the out-of-bag AUC, tested or "
        "trained on, and by the spread of the resamples' own AUCs." + _measured("91 to 99 %"),
        of.oob_combined,
    ),
    "oob_influence": Method(
        _BOOTSTRAP,
        _RANKED,
        _LIMITS_95,
        "The interval is for the AUC, on fresh patients, of the model fitted to all patients. It "
        "is made of how much each patient moves the out-of-bag AUC as one who is tested and as "
        "one who is trained on."
        + _measured("79 to 97 %")
        + " It is too short for a model of one column whose direction is not settled.",
        of.oob_influence,
    ),
    "oob_percentile": Method(
        _BOOTSTRAP,
        _ALL,
        "95 % of the resamples",
        "The interval holds the middle 95 % of the resamples' own values, each on about a third "
        "of the patients. It is wide for that reason." + _measured("96 to 100 %"),
        of.oob_percentile,
    ),
    "corrected_resampled": Method(
        _BOOTSTRAP | _FOLDS,
        _ALL,
        _LIMITS_95,
        "The interval is made of the spread of the resamples' own values, reduced to what is left "
        "in their mean by the share of patients that each one tests (Nadeau and Bengio)."
        + _measured("90 to 99 %, with folds in 86 to 98 %,"),
        of.corrected_resampled,
    ),
    "delta_after_bootstrap": Method(
        _BOOTSTRAP,
        _RANKED,
        _LIMITS_95,
        "The interval is made of the influence of each patient on the out-of-bag value, as tested "
        "and as trained on (Efron and Tibshirani's delta method after the bootstrap)."
        + _measured("84 to 99 %"),
        of.delta_after_bootstrap,
    ),
    "jackknife_after_bootstrap": Method(
        _BOOTSTRAP,
        _ALL,
        _LIMITS_95,
        "The interval is made of the values without each patient in turn, found among the "
        "resamples that never drew it (Efron's jackknife after the bootstrap)."
        + _measured("92 to 99 %"),
        of.jackknife_of_resamples,
    ),
    "bagged_scores": Method(
        _BOOTSTRAP,
        _RESPONSE,
        _LIMITS_95,
        "The interval has the width that the patients' mean out-of-bag scores would have on a "
        "test set (Obuchowski); that the model might have come out otherwise is not in it."
        + _measured("87 to 97 %"),
        of.bagged_scores,
    ),
    "location_shifted": Method(
        _BOOTSTRAP,
        _ALL,
        _LIMITS_95,
        "The interval is that of the resamples' apparent values, moved by Harrell's estimate of "
        "their optimism (Noma et al. 2021)."
        + _measured("57 to 95 % (1 or 5 columns; it refuses 1,500)"),
        of.shifted_about(of.optimism_corrected),
    ),
    "location_shifted_632": Method(
        _BOOTSTRAP,
        _RANKED,
        _LIMITS_95,
        "The interval is that of the resamples' apparent values, moved so that it belongs to the "
        ".632 estimate (Noma et al. 2021), not to the out-of-bag value."
        + _measured("51 to 95 % (1 or 5 columns; it refuses 1,500)"),
        of.shifted_about(of.with_632),
    ),
    "location_shifted_632plus": Method(
        _BOOTSTRAP,
        _RANKED,
        _LIMITS_95,
        "The interval is that of the resamples' apparent values, moved so that it belongs to the "
        ".632+ estimate (Noma et al. 2021), not to the out-of-bag value."
        + _measured("68 to 95 % (1 or 5 columns; it refuses 1,500)"),
        of.shifted_about(of.with_632plus),
    ),
    "ledell": Method(
        _FOLDS,
        _RESPONSE,
        _LIMITS_95,
        "The interval is made of the influence of each patient on the AUC of the fold it is "
        "tested in (LeDell et al. 2015); that the models might have come out otherwise is not in "
        "it." + _measured("82 to 95 %"),
        of.fold_influence,
    ),
    "delong": Method(
        _TEST_SET,
        _RESPONSE,
        _LIMITS_95,
        "The interval is DeLong's, on the log-odds scale: for this model as it is, on patients "
        "like those of the test set.",
        of.on_test_set(delong),
    ),
    "obuchowski": Method(
        _TEST_SET,
        _RESPONSE,
        _LIMITS_95,
        "The interval is Obuchowski's, on the log-odds scale, which takes a patient's lesions as "
        "belonging together: for this model as it is, on patients like those of the test set.",
        of.on_test_set(obuchowski),
    ),
    "jackknife": Method(
        _TEST_SET,
        _ALL,
        _LIMITS_95,
        "The interval is made of the values without each test patient in turn (jackknife): for "
        "this model as it is, on patients like those of the test set.",
        of.jackknife_of_test_set,
    ),
}
"""The intervals by the name that becomes ``ci_method``."""

DEFAULTS = {
    ("bootstrap", "response"): "oob_combined",
    ("bootstrap", "tertiles"): "oob_combined",
    ("bootstrap", "rate"): "corrected_resampled",
    ("folds", "response"): "corrected_resampled",
    ("folds", "tertiles"): "corrected_resampled",
    ("folds", "rate"): "corrected_resampled",
    ("test_set", "response"): "obuchowski",
    ("test_set", "tertiles"): "jackknife",
    ("test_set", "rate"): "jackknife",
}
"""The method taken for a kind of scheme and a task; DeLong where no patient has two lesions."""
