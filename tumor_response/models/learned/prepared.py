"""What stands before a fit: the parts it is made of, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumor_response.models.learned.activations import ActivationStore
    from tumor_response.models.learned.modules import CaseModel
    from tumor_response.models.learned.network import Network

__all__ = ["FitEstimate", "Prepared"]


@dataclass(frozen=True)
class FitEstimate:
    """How long a fit takes here, measured on one training step.

    Parameters
    ----------
    n_cases
        Cases to learn from, copies merged.
    n_to_compute
        Cases whose activations are not on disk yet.
    activations_seconds
        To compute them, once for all fits with this store.
    fit_seconds_at_most
        One fit, if early stopping ends nothing before ``epochs``.
    """

    n_cases: int
    n_to_compute: int
    activations_seconds: float
    fit_seconds_at_most: float

    def __str__(self) -> str:
        return (
            f"{self.n_cases} cases: activations of {self.n_to_compute} in about "
            f"{self.activations_seconds:.0f} s, then at most {self.fit_seconds_at_most:.0f} s a fit"
        )


@dataclass(frozen=True)
class Prepared:
    """A network cut for training: what stays, where its activations lie, and what learns."""

    network: Network
    activations: ActivationStore
    model: CaseModel
    probe: bool
