"""Cases, networks and readouts that the tests of attention share."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import torch
from torch import nn

import tumor_response as tr
from tumor_response.cohort import BaselineCase, Case
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.pathway import LinearReadout, Pathway
from tumor_response.features.deep.networks.layers import LayerNetwork
from tumor_response.features.deep.views import AugmentationDraw


def images(seed: int = 0, spacing: float = 1.5) -> tuple[sitk.Image, sitk.Image]:
    """A CT of noise and a tumour of 9 slices."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(40, 60, (20, 40, 40))
    mask = np.zeros(voxels.shape, np.uint8)
    mask[6:15, 14 : 26 + seed % 3, 12:25] = 1
    voxels[mask == 1] += 60
    pair = [sitk.GetImageFromArray(a) for a in (voxels.astype(np.float32), mask)]
    for one in pair:
        one.SetSpacing((spacing, spacing, 3.0))
    return pair[0], pair[1]


def case(number: int) -> Case:
    image, mask = images(number)
    return Case(patient_id=f"P{number}", lesion_id="1", image=image, mask=mask)


def baseline(number: int) -> BaselineCase:
    return case(number).baseline


def pathway(extractor: tr.DeepFeatures, shift_mm: tuple[float, float] = (0.0, 0.0)) -> Pathway:
    return Pathway.of(extractor, "cpu", shift_mm)


def lesion_of(
    network: Pathway, weights: np.ndarray | None = None, n_views: int = 2, seed: int = 0
) -> Lesion:
    """Smooth random views before a network, read with random weights."""
    rng = np.random.default_rng(seed)
    coarse = torch.tensor(rng.random((n_views, 1, 8, 8)), dtype=torch.float32)
    pixels = nn.functional.interpolate(coarse, (network.size_px,) * 2, mode="bilinear").numpy()
    if weights is None:
        weights = rng.normal(size=len(network.columns)) / 30
    areas = rng.uniform(1, 5, n_views // len(network.draws))
    readout = LinearReadout(
        weights, areas, len(network.draws), network.poolings, network.has_spread
    )
    return Lesion(network, pixels, readout)


class Planted(nn.Module):
    """A network that sees brightness: one convolution, ReLU, the mean over pixels.

    Channel 0 fires on what is brighter than 0.5, channel 1 on everything.
    """

    num_classes = 0
    feature_info = ()

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 8, stride=8)
        with torch.no_grad():
            self.conv.weight.fill_(1 / (3 * 64))
            self.conv.bias.copy_(torch.tensor([-0.5, 0.0]))
        self.act = nn.ReLU()

    def forward_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.act(self.conv(pixels))

    def forward_head(self, last: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        assert pre_logits
        return last.mean(dim=(2, 3))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(pixels), pre_logits=True)


def planted_pathway(size_px: int = 64) -> Pathway:
    return Pathway(
        module=LayerNetwork(Planted(), ("pooled",)).eval().requires_grad_(False),
        size_px=size_px,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        views=tr.ViewSettings(),
        draws=(AugmentationDraw(),),
        poolings=("mean",),
        has_spread=False,
        columns=("deep__planted__0000", "deep__planted__0001"),
        device="cpu",
    )
