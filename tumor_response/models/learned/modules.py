"""The part of a network that learns: a body, a pooling over a case's views, and a linear head.

Cases have different numbers of views. A batch is all their views one after another, and for each
the number of its case.
"""

from __future__ import annotations

import torch
from torch import nn

from tumor_response.transformers.scale import MAX_DEVIATIONS

__all__ = ["CaseModel", "GatedAttention", "MeanPooling"]


class MeanPooling(nn.Module):
    """Every view of a case counts the same."""

    def forward(self, features: torch.Tensor, is_of: torch.Tensor) -> torch.Tensor:
        """Return the weight of each view in each case, shape (n_cases, n_views).

        Parameters
        ----------
        features
            Shape (n_views, n_features).
        is_of
            Whether a view is of a case, shape (n_cases, n_views).
        """
        share = is_of.to(features.dtype)
        return share / share.sum(dim=1, keepdim=True)


class GatedAttention(nn.Module):
    r"""Learned weights of views (Ilse, Tomczak and Welling 2018, ICML, equation 9).

    The weight of view k among a case's views is the softmax of
    :math:`w^\top(\tanh(V h_k) \odot \operatorname{sigm}(U h_k))`, with h_k the standardised
    features. ``w`` starts at zero, so that all views count the same before anything is learned.

    Parameters
    ----------
    n_features, n_hidden
        Widths of h_k, and of V h_k.
    """

    def __init__(self, n_features: int, n_hidden: int) -> None:
        super().__init__()
        self.value = nn.Linear(n_features, n_hidden)
        self.gate = nn.Linear(n_features, n_hidden)
        self.weight = nn.Linear(n_hidden, 1, bias=False)
        nn.init.zeros_(self.weight.weight)

    def forward(self, features: torch.Tensor, is_of: torch.Tensor) -> torch.Tensor:
        """Return the weight of each view in each case, as :class:`MeanPooling`."""
        gated = torch.tanh(self.value(features)) * torch.sigmoid(self.gate(features))
        scores = self.weight(gated).squeeze(1).float()
        return torch.where(is_of, scores[None, :], -torch.inf).softmax(dim=1)


class CaseModel(nn.Module):
    """From the activations of some cases' views to one log-odds for each case.

    Parameters
    ----------
    body
        From activations to features, shape (n_views, n_features); ``nn.Identity()`` where only
        what comes after is trained.
    pooling
        :class:`MeanPooling` or :class:`GatedAttention`.
    n_features
        Width of the features.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, body: nn.Module, pooling: nn.Module, n_features: int) -> None:
        super().__init__()
        self.body = body
        self.pooling = pooling
        self.head = nn.Linear(n_features, 1)
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def pooled(
        self, activations: torch.Tensor, case: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return embeddings (n_cases, n_features) and the views' weights (n_cases, n_views).

        Parameters
        ----------
        activations
            Of all views, shape (n_views, ...).
        case
            From 0, the case of each view.
        """
        features = self.body(activations).float()
        is_of = case[None, :] == torch.arange(int(case.max()) + 1, device=case.device)[:, None]
        # variance one for each channel, which the starting weights of the attention are made for
        shares = self.pooling(self._deviations(features), is_of)
        return shares @ features, shares

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return log-odds of embeddings, shape (n_cases,)."""
        width = torch.count_nonzero(self.scale).clamp(min=1)
        logits: torch.Tensor = self.head(self._deviations(embeddings) / width**0.5).squeeze(1)
        return logits

    def _deviations(self, features: torch.Tensor) -> torch.Tensor:
        deviations = (features - self.centre) * self.scale
        return deviations.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)

    def forward(self, activations: torch.Tensor, case: torch.Tensor) -> torch.Tensor:
        """Return one log-odds for each case."""
        return self.logits(self.pooled(activations, case)[0])
