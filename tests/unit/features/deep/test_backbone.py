"""Backbones: timm's own numbers for every layer, one pass, exportable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import timm
import torch

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.networks.backend import runner
from tumor_response.features.deep.networks.layers import LayerNetwork, layer_widths, n_stages
from tumor_response.features.deep.weights.architecture import timm_config, untrained

SMALL = ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_byobnet"]
STUDIED = {
    "tf_efficientnet_lite0": 1280,
    "tf_efficientnet_lite1": 1280,
    "tf_efficientnet_lite2": 1280,
    "resnet50": 2048,
    "densenet121": 1024,
    "convnext_tiny": 768,
    "vit_small_patch16_224": 384,
    "vit_small_patch14_dinov2": 384,
    "inception_resnet_v2": 1536,
    "nasnetalarge": 4032,
}


def pixels(side: int, n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", SMALL)
def test_every_layer_is_timms_own(name: str) -> None:
    """By the ways that timm's users go: the model, reset_classifier, forward_intermediates."""
    network = untrained(name).eval()
    stages = [f"stage{i + 1}" for i in range(n_stages(network))]
    backbone = load_backbone(name, "random:0", ["logits", *reversed(stages), "pooled"])
    x = pixels(backbone.input_px)
    parts = dict(
        zip(
            [layer for layer, _ in backbone.layers],
            backbone.module(x).split([width for _, width in backbone.layers], dim=1),
            strict=True,
        )
    )
    with torch.no_grad():
        assert torch.equal(parts["logits"], network(x))
        for number, each in enumerate(network.forward_intermediates(x, intermediates_only=True)):
            torch.testing.assert_close(parts[f"stage{number + 1}"], each.mean(dim=(2, 3)))
        network.reset_classifier(0)
        assert torch.equal(parts["pooled"], network(x))


def test_a_stage_is_what_a_hook_on_its_module_sees() -> None:
    """Independent of timm's forward_intermediates: the module that feature_info names."""
    network = untrained("test_resnet").eval()
    seen = {}
    for number, info in enumerate(network.feature_info):
        network.get_submodule(info["module"]).register_forward_hook(
            lambda module, args, out, number=number: seen.update({number: out})
        )
    backbone = load_backbone("test_resnet", "random:0", ["stage1", "stage4"])
    x = pixels(backbone.input_px)
    with torch.no_grad():
        network(x)
    expected = torch.cat([seen[0].mean(dim=(2, 3)), seen[3].mean(dim=(2, 3))], dim=1)
    torch.testing.assert_close(backbone.module(x), expected)


@pytest.mark.parametrize("name", STUDIED)
def test_the_studied_networks_have_their_widths_and_normalisation(name: str) -> None:
    """Shapes alone, so that the large ones take no time; the numbers are in the benchmarks."""
    network = untrained(name)
    module = LayerNetwork(network, ["pooled", "stage2"]).eval()
    config = timm_config(name)
    widths = layer_widths(module, config["input_size"][-1])
    assert widths == (("pooled", STUDIED[name]), ("stage2", network.feature_info[1]["num_chs"]))
    assert len(config["mean"]) == len(config["std"]) == 3


def test_widths_are_found_without_touching_the_network() -> None:
    network = untrained("test_resnet")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    layer_widths(LayerNetwork(network, ["pooled"]).eval(), 64)
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_the_module_is_frozen_and_in_evaluation_mode() -> None:
    backbone = load_backbone("tf_efficientnet_lite0")
    assert not backbone.module.training
    assert not any(p.requires_grad for p in backbone.module.parameters())
    assert not any(t.requires_grad for t in backbone.weights.state.values())
    out = backbone.module(pixels(224, 1))
    assert out.dtype == torch.float32
    assert out.shape == (1, backbone.n_features) == (1, 1280)


def test_tensors_are_in_memory_once() -> None:
    backbone = load_backbone("test_resnet", "random:0")
    held = {p.data_ptr() for p in backbone.module.parameters()}
    assert held <= {t.data_ptr() for t in backbone.weights.state.values()}


def test_one_pass_gives_all_layers() -> None:
    backbone = load_backbone("test_resnet", "random:0", ["pooled", "stage2", "logits"])
    calls = []
    backbone.module.network.conv1.register_forward_hook(lambda *_: calls.append(1))
    backbone.module(pixels(64))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "layers", [[], ["pool"], ["stage0"], ["stage"], ["pooled", "pooled"], "pooled", ["stage6"], [1]]
)
def test_layers_that_there_are_not(layers) -> None:
    with pytest.raises(FeatureError) as caught:
        load_backbone("test_resnet", "random:0", layers)
    assert caught.value.code == "unknown_layer"


def test_a_transformer_trained_without_classes_has_no_logits() -> None:
    network = untrained("vit_small_patch14_dinov2")
    with pytest.raises(FeatureError, match="no 'logits'"):
        LayerNetwork(network, ["logits"])


@pytest.mark.parametrize("name", ["no_such_net", "test_resnet.no_such_training", "", "a/b", 7])
def test_unknown_names(name) -> None:
    with pytest.raises(FeatureError) as caught:
        load_backbone(name, "random:0")
    assert caught.value.code == "unknown_backbone"


def test_a_tag_brings_its_own_normalisation() -> None:
    first = load_backbone("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "random:0")
    assert first.mean == (0.5, 0.5, 0.5)
    other = load_backbone("deit_tiny_patch16_224.fb_in1k", "random:0")
    assert other.mean == (0.485, 0.456, 0.406)
    # without a tag: timm's first training of that name
    assert load_backbone("vit_tiny_patch16_224", "random:0").mean == first.mean


def test_other_sizes_of_images() -> None:
    network = untrained("test_vit").eval()
    backbone = load_backbone("test_vit", "random:0", input_px=96)
    x = pixels(96)
    network.set_input_size(img_size=96)
    network.reset_classifier(0)
    with torch.no_grad():
        assert torch.equal(backbone.module(x), network(x))
    assert load_backbone("test_resnet", "random:0", input_px=70).module(pixels(70)).shape == (2, 96)
    for name, size in [
        ("test_vit", 100),
        ("test_resnet", 0),
        ("test_resnet", 160.0),
        ("test_vit", True),
    ]:
        with pytest.raises(FeatureError) as caught:
            load_backbone(name, "random:0", input_px=size)
        assert caught.value.code == "input_size", (name, size)


def test_the_identity_tells_everything_that_changes_numbers() -> None:
    base = load_backbone("test_vit", "random:0")
    json.dumps(base.identity())
    variants = [
        load_backbone("test_vit", "random:1"),
        load_backbone("test_vit", "random:0", ["logits"]),
        load_backbone("test_vit", "random:0", ["stage2", "pooled"]),
        load_backbone("test_vit", "random:0", ["pooled", "stage2"]),
        load_backbone("test_vit", "random:0", input_px=96),
    ]
    texts = {json.dumps(each.identity()) for each in (base, *variants)}
    assert len(texts) == 6
    assert json.dumps(load_backbone("test_vit", "random:0").identity()) in texts


def test_loading_leaves_torchs_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    load_backbone("test_vit", "random:0", input_px=96)
    load_backbone("tf_efficientnet_lite0")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_all_layers_together_can_be_run_by_onnx_runtime(name: str) -> None:
    backbone = load_backbone(name, "random:0", ["pooled", "stage2", "logits"])
    x = pixels(backbone.input_px, 3)
    run = runner(backbone.module, "onnxruntime", "cpu", tuple(x.shape[1:]))
    expected = backbone.module(x).numpy()
    assert np.linalg.norm(run(x.numpy()) - expected) < 1e-5 * np.linalg.norm(expected)


def test_the_names_are_timms() -> None:
    assert set(STUDIED) <= set(timm.list_models())
