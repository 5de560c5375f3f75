"""What is going to be done, written down before anybody can know what would work."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from sklearn.pipeline import Pipeline

from tumor_response.evaluation.ledger.hashing import described, model_sha256
from tumor_response.exceptions import ModelError
from tumor_response.models import make_model
from tumor_response.models.named import Outcome
from tumor_response.settings import Settings
from tumor_response.transformers import bind_blocks

__all__ = ["AnalysisPlan", "PlannedModel", "PlannedScheme"]


class PlannedModel(Settings):
    """One of the named models with its blocks and settings.

    Parameters
    ----------
    model
        As in :func:`tumor_response.make_model`.
    blocks
        Names of blocks; None: all there are, or the model's own.
    random_state
        Default 0.
    outcome
        What it is made for: ``"response"``, ``"rate"`` or ``"tertiles"``.
    settings
        The model's settings; what is not named is the default of this version of the library.

    Raises
    ------
    ModelError, SettingsError
        A model that cannot be made.

    Examples
    --------
    >>> PlannedModel(model="logistic", blocks=("clinical", "deep")).model
    'logistic'
    """

    model: str
    blocks: tuple[str, ...] | None = None
    random_state: int = 0
    outcome: Outcome = "response"
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        self.make()
        return self

    def make(self) -> Pipeline:
        """Return the unfitted model."""
        blocks = None if self.blocks is None else list(self.blocks)
        return make_model(self.model, blocks, self.random_state, self.outcome, **self.settings)

    def hashes(self, blocks: dict[str, list[str]]) -> set[str]:
        """Return the hash of the model, as it is and bound to the columns of its blocks."""
        model = self.make()
        try:
            bound = bind_blocks(model, blocks)
        except ModelError:  # of blocks that the table does not have
            return {model_sha256(model)}
        return {model_sha256(model), model_sha256(bound)}


class PlannedScheme(Settings):
    """The class of a scheme and its settings.

    Examples
    --------
    >>> import tumor_response as tr
    >>> PlannedScheme.of(tr.Bootstrap632Plus(n_resamples=500)).settings["n_resamples"]
    500
    """

    name: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, scheme: Settings) -> PlannedScheme:
        """Describe a scheme."""
        told = described(scheme)
        return cls(name=type(scheme).__name__, settings=told["settings"])


class AnalysisPlan(Settings):
    """An analysis as it is meant to be done.

    Parameters
    ----------
    end_point
        Name of the outcome, such as ``"rate_percent_per_day"``.
    cut
        What makes classes of it: ``"median"``, a number, ...; None for an end point that is
        predicted as a number or comes as classes.
    by_name
        Models by the name that the evaluation will know them by.
    scheme
        How patients are resampled: :meth:`PlannedScheme.of`.
    primary
        The comparison that the study is about: the name of a model and of the one it is to beat.
        All others are secondary.
    failed
        What happens to lesions without a block, as in :func:`tumor_response.evaluate`.
    n_patients
        How many are expected; None: not said.
    notes
        Whatever else was agreed on.

    Raises
    ------
    SettingsError
        On construction: no model, a primary comparison of models that are not planned.

    Examples
    --------
    >>> import tumor_response as tr
    >>> plan = AnalysisPlan(
    ...     end_point="rate_percent_per_day", cut="median",
    ...     by_name={"volume_only": PlannedModel(model="volume_only"),
    ...              "deep": PlannedModel(model="logistic", blocks=("clinical", "deep"))},
    ...     scheme=PlannedScheme.of(tr.Bootstrap632Plus()), primary=("deep", "volume_only"))
    >>> AnalysisPlan.from_json(plan.to_json()) == plan
    True
    """

    end_point: str
    cut: str | float | None = None
    by_name: dict[str, PlannedModel]
    scheme: PlannedScheme
    primary: tuple[str, str]
    failed: Literal["error", "drop", "impute"] = "error"
    n_patients: int | None = Field(None, ge=1)
    notes: str = ""

    @model_validator(mode="after")
    def _compares_what_is_planned(self) -> Self:
        absent = [name for name in self.primary if name not in self.by_name]
        if absent or self.primary[0] == self.primary[1]:
            known = ", ".join(map(repr, self.by_name)) or "none"
            raise ValueError(f"primary: expected two of the planned models ({known})")
        return self
