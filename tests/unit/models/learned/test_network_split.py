"""The cut between trunk and tail: exact for chains, refused for what is none."""

from __future__ import annotations

import dataclasses

import pytest
import timm
import torch

from tumor_response.exceptions import ModelError
from tumor_response.models.learned.adapters import add_adapters
from tumor_response.models.learned.network import Network, split


def random_network(name: str, **options: object) -> Network:
    """A network with random weights: enough to see whether two ways give the same numbers."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=0, **options)
    model = model.eval().requires_grad_(False)
    mean, std = torch.zeros(1), torch.ones(1)
    return Network(name, model, mean, std, model.num_features, "", "", 32, "cpu")


@pytest.mark.parametrize(
    ("name", "size_px", "options"),
    [
        ("tf_efficientnet_lite0", 64, {}),
        ("resnet18", 64, {}),
        ("densenet121", 64, {}),
        ("convnext_atto", 64, {}),
        ("vit_tiny_patch16_224", 32, {"img_size": 32}),
    ],
)
def test_tail_after_trunk_is_the_network(
    name: str, size_px: int, options: dict[str, object]
) -> None:
    network = random_network(name, **options)
    views = torch.rand((2, 3, size_px, size_px), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network.module(views)
        for n_stages in (1, 2):
            trunk, tail = split(network, n_stages, size_px)
            assert torch.equal(tail(trunk(views)), expected)
    assert tail is not network.module
    own = {id(value) for value in network.module.parameters()}
    assert not own & {id(value) for value in tail.stages.parameters()}


def test_adapters_change_nothing_at_first_and_are_few() -> None:
    network = random_network("tf_efficientnet_lite0")
    trunk, tail = split(network, 1, 64)
    views = torch.rand((1, 3, 64, 64))
    n_all = sum(value.numel() for value in tail.parameters())
    with torch.inference_mode():
        expected = tail(trunk(views))
    add_adapters(tail.stages, rank=2)
    n_learning = sum(value.numel() for value in tail.parameters() if value.requires_grad)
    with torch.inference_mode():
        assert torch.allclose(tail(trunk(views)), expected, atol=1e-6)
    assert 0 < n_learning < n_all / 50


def test_what_is_no_chain_is_refused() -> None:
    network = random_network("resnet18")
    forward = network.module.forward_features
    network.module.forward_features = lambda x: forward(x) + 1.0
    with pytest.raises(ModelError, match="one after another") as error:
        split(network, 1, 64)
    assert error.value.code == "not_a_chain"
    with pytest.raises(ModelError, match="4 stage") as error:
        split(random_network("resnet18"), 4, 64)
    assert error.value.code == "not_a_chain"


def test_views_of_another_size_name_the_right_one() -> None:
    network = dataclasses.replace(random_network("vit_tiny_patch16_224", img_size=32))
    with pytest.raises(ModelError, match="does not take views of 64 x 64") as error:
        split(network, 1, 64)
    assert error.value.code == "view_size"
