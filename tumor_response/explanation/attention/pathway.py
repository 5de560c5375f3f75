"""From the pixels of a lesion's views to its log-odds, as something that can be differentiated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.networks.layers import LayerNetwork
from tumor_response.features.deep.views import AugmentationDraw, ViewSettings

__all__ = ["LinearReadout", "Pathway"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pathway:
    """A deep extractor as a differentiable function: what is cut, what sees it, how it is pooled.

    Parameters
    ----------
    module
        From normalised images to layers side by side, in evaluation mode, without gradients to
        its parameters.
    size_px, mean, std
        Of its images, and of their normalisation.
    views
        What is cut.
    draws
        How the views are moved about, one after another; the features are pooled within each.
    poolings
        As the extractor names them.
    has_spread
        Whether columns of standard deviations over the draws follow those of means.
    columns
        Names of what comes out.
    device
        torch device name.
    """

    module: LayerNetwork
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    views: ViewSettings
    draws: tuple[AugmentationDraw, ...]
    poolings: tuple[str, ...]
    has_spread: bool
    columns: tuple[str, ...]
    device: str

    @classmethod
    def of(cls, extractor: DeepFeatures, device: str, shift_mm: tuple[float, float]) -> Pathway:
        """Load an extractor's network once more, as torch runs it.

        Parameters
        ----------
        extractor
            Its weights are read again, and have to be the same.
        device
            torch device name, not ``"auto"``.
        shift_mm
            Moves the contents of all views to the right and downwards, mm.
        """
        backbone = load_backbone(
            extractor.backbone,
            extractor.weights,
            [name for name, _ in extractor.layers],
            input_px=extractor.input_px,
            weights_sha256=extractor.weights_sha256,
        )
        augmentation = extractor.augmentation
        draws = (AugmentationDraw(),) if augmentation is None else augmentation.draws()
        return cls(
            module=backbone.module.to(device),
            size_px=backbone.input_px,
            mean=backbone.mean,
            std=backbone.std,
            views=extractor.views,
            draws=tuple(_shifted(draw, shift_mm) for draw in draws),
            poolings=tuple(extractor.pooling),
            has_spread=augmentation is not None,
            columns=tuple(spec.column for spec in extractor.feature_specs()),
            device=device,
        )

    def with_module(self, module: LayerNetwork) -> Pathway:
        """Return the same with another network, of the same layers."""
        return replace(self, module=module.eval().requires_grad_(False).to(self.device))

    def normalised(self, pixels: npt.NDArray[np.float32]) -> torch.Tensor:
        """Return views from 0 to 1, (n, 1 or 3, size, size), as a tensor of the network's scale."""
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        return self.on_scale(batch)

    def on_scale(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalise a tensor of pixels; one channel is shown to all three."""
        mean, std = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (pixels.expand(-1, 3, -1, -1) - mean) / std


@dataclass(frozen=True, eq=False)
class LinearReadout:
    """Columns from the features of all views, and their weighted sum.

    Parameters
    ----------
    weights
        d log-odds / d column, shape (n_columns,).
    areas_mm2
        Of the tumour in each view of one draw, shape (n_views,).
    n_draws
        Of augmentation; the features hold all views of the first draw, then of the second ...
    poolings, has_spread
        As in :class:`Pathway`.
    """

    weights: FloatArray
    areas_mm2: FloatArray
    n_draws: int
    poolings: tuple[str, ...]
    has_spread: bool

    def columns(self, features: torch.Tensor) -> torch.Tensor:
        """Return the columns, shape (..., n_columns), of features (..., n_views, n_features)."""
        wide = features.double()
        drawn = wide.reshape(*wide.shape[:-2], self.n_draws, -1, wide.shape[-1])
        each = torch.cat([self._pooled(drawn, how) for how in self.poolings], dim=-1)
        columns = each.mean(dim=-2)
        if self.has_spread:
            columns = torch.cat([columns, _deviation(each, -2)], dim=-1)
        return columns

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum, shape (...,): the log-odds but for a constant."""
        return self.columns(features) @ torch.tensor(self.weights).to(features.device)

    def _pooled(self, features: torch.Tensor, how: str) -> torch.Tensor:
        if how == "max":
            return features.amax(dim=-2)
        if how == "std":
            return _deviation(features, -2)
        if how == "mean":
            return features.mean(dim=-2)
        areas = torch.tensor(self.areas_mm2).to(features.device)
        return torch.einsum("v,...vf->...f", areas / areas.sum(), features)


def _deviation(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the standard deviation (divisor n); where it is 0 so is its slope."""
    variance = values.var(dim=dim, correction=0)
    there = variance > 0
    return torch.where(there, torch.where(there, variance, 1.0).sqrt(), 0.0)


def _shifted(draw: AugmentationDraw, shift_mm: tuple[float, float]) -> AugmentationDraw:
    right, down = (a + b for a, b in zip(draw.shift_mm, shift_mm, strict=True))
    return draw.model_copy(update={"shift_mm": (right, down)})
