"""Every error the library raises on purpose.

A message says what failed, for which case, what was received, what was expected, and the way
out. ``code`` is the short machine-readable reason that ends up in ``FeatureTable.failures`` and in
the outcome table's ``reason`` column; it is stable, so that scripts may count by it.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BundleError",
    "CaseError",
    "EvaluationError",
    "ExplanationError",
    "FeatureError",
    "GeometryError",
    "ManifestError",
    "ModelError",
    "OutcomeError",
    "RobustnessError",
    "SettingsError",
    "TableError",
    "TumorResponseError",
    "WeightsError",
    "WorkerError",
]


class TumorResponseError(Exception):
    """Base of all errors the library raises on purpose.

    Parameters
    ----------
    message
        What failed, for which case, received against expected, and the way out.
    code
        Stable reason code, snake_case; each class has its own default.

    Examples
    --------
    >>> from tumor_response.exceptions import CaseError
    >>> CaseError("Case 'P1' lesion '1': the mask is empty.", code="mask_empty").code
    'mask_empty'
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code

    def __reduce__(self) -> tuple[Any, ...]:
        # keyword-only arguments do not survive pickling between worker processes by themselves
        return (_rebuild, (type(self), str(self), self.code))


def _rebuild(cls: type[TumorResponseError], message: str, code: str) -> TumorResponseError:
    return cls(message, code=code)


class SettingsError(TumorResponseError, ValueError):
    """A setting that is unknown, of the wrong type or out of range."""

    default_code = "settings"


class ManifestError(TumorResponseError, ValueError):
    """A manifest with faults; the message lists all of them with their rows."""

    default_code = "manifest"


class CaseError(TumorResponseError):
    """One case that cannot be used: unreadable file, empty mask, NaN in the image ..."""

    default_code = "case"


class GeometryError(CaseError):
    """Image and mask that do not lie on the same grid in physical space."""

    default_code = "geometry_mismatch"


class OutcomeError(TumorResponseError, ValueError):
    """An end point that is not defined by what was given."""

    default_code = "outcome"


class FeatureError(TumorResponseError):
    """An extractor that cannot run, or cannot run on this case."""

    default_code = "feature"


class WeightsError(FeatureError):
    """Network weights that are missing, of another architecture or not what they claim to be."""

    default_code = "weights"


class TableError(TumorResponseError, ValueError):
    """A feature table that is damaged, or asked for something it does not have."""

    default_code = "table"


class RobustnessError(TumorResponseError, ValueError):
    """Repeats from which no agreement can be told: one repeat, one case, other columns."""

    default_code = "robustness"


class ModelError(TumorResponseError, ValueError):
    """A model that cannot be made or fitted as asked."""

    default_code = "model"


class EvaluationError(TumorResponseError, ValueError):
    """An evaluation that would not mean anything: one class, other index, too few patients."""

    default_code = "evaluation"


class ExplanationError(TumorResponseError, ValueError):
    """An explanation that does not exist for this model, or would not add up."""

    default_code = "explanation"


class WorkerError(TumorResponseError):
    """A worker process that was killed from outside."""

    default_code = "worker_died"


class BundleError(TumorResponseError):
    """A saved file that is not exactly what it says it is."""

    default_code = "bundle"
