"""The packaged weights see what everybody sees, and give their authors' own logits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from skimage import data

from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.weights import PACKAGED

PICTURES = {
    "chelsea": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee": {967, 968},  # espresso, cup
    "rocket": {657, 744},  # missile, projectile
}
"""Pictures of scikit-image's, and the ImageNet classes that are right for them."""


def picture(name: str) -> torch.Tensor:
    """As timm prepares images for these networks: bicubic, centre, mean and deviation 0.5."""
    config = timm.data.resolve_data_config({}, model=timm.create_model("tf_efficientnet_lite0"))
    prepare = timm.data.create_transform(**config)
    return prepare(Image.fromarray(getattr(data, name)()))[None]


def original(backbone: str) -> torch.nn.Module:
    """The network as its authors define it, with the tensors under their own names."""
    from efficientnet_lite_pytorch import EfficientNet

    short = backbone.removeprefix("tf_").replace("_", "-")
    file, _ = PACKAGED[backbone].installed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = EfficientNet.from_name(short)
    network.load_state_dict(torch.load(file, weights_only=True), strict=True)
    return network.eval()


@pytest.mark.parametrize("backbone", sorted(PACKAGED))
@pytest.mark.parametrize("name", PICTURES)
def test_known_pictures_are_named_right(name: str, backbone: str) -> None:
    logits = load_backbone(backbone, layers=["logits"]).module(picture(name))[0]
    top = [int(i) for i in logits.topk(3).indices]
    assert PICTURES[name] & set(top), f"{name}: {top}"


@pytest.mark.parametrize("backbone", sorted(PACKAGED))
def test_logits_are_the_original_networks(backbone: str) -> None:
    network = original(backbone)
    ours = load_backbone(backbone, layers=["logits"])
    with torch.no_grad():
        for name in PICTURES:
            x = torch.nn.functional.interpolate(picture(name), ours.input_px, mode="bilinear")
            expected, got = network(x).numpy(), ours.module(x).numpy()
            assert np.linalg.norm(got - expected) < 1e-5 * np.linalg.norm(expected)
