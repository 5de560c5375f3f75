"""Methods of attention: against captum, against what they have to sum to, on a planted network."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion

import tumor_response as tr
from tests.unit.explanation.attention.lesions import lesion_of, pathway, planted_pathway
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import METHODS, method_names, method_of
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.pathway import LinearReadout
from tumor_response.explanation.attention.settings import (
    AttentionRolloutSettings,
    CamSettings,
    GradientRolloutSettings,
    IntegratedGradientsSettings,
    OcclusionSettings,
    ScoreCamSettings,
)
from tumor_response.settings import SettingsError

POOLED = {"pooling": ("mean", "max", "std", "area_weighted")}


@pytest.fixture(scope="module")
def lite0():
    return pathway(tr.DeepFeatures("tf_efficientnet_lite0", input_px=96, backend="eager"))


@pytest.fixture(scope="module")
def resnet():
    deep = tr.DeepFeatures("test_resnet", weights="random:1", input_px=64, backend="eager")
    return pathway(deep)


def forward_of(lesion: Lesion):
    """The scalar as captum wants it: of the pixels of all views, as one example."""

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        features = lesion.pathway.module(lesion.pathway.on_scale(pixels.flatten(0, 1)))
        return lesion.readout(features.unflatten(0, (len(pixels), -1)))

    return forward


@pytest.mark.parametrize("sign", ["positive", "negative", "both"])
def test_grad_cam_is_captums(lite0, sign):
    lesion = lesion_of(lite0)

    def forward(pixels):
        return forward_of(lesion)(pixels[None])

    referee = LayerGradCam(forward, lite0.module.network.bn2)
    pixels = torch.from_numpy(lesion.pixels)
    cells = referee.attribute(pixels, relu_attributions=False).detach()
    turned = {"positive": cells.clamp(min=0), "negative": (-cells).clamp(min=0), "both": cells}
    expected = upsampled(turned[sign][:, 0], lite0.size_px)
    found = method_of("grad_cam", CamSettings(sign=sign)).maps(lesion)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 0


def test_integrated_gradients_are_captums_and_complete(resnet):
    lesion = lesion_of(resnet)
    pixels = torch.from_numpy(lesion.pixels)[None]
    begin = torch.full_like(pixels, float(lesion.pixels.mean()))
    referee = IntegratedGradients(forward_of(lesion))
    expected = referee.attribute(pixels, begin, n_steps=12).detach()[0].sum(dim=1).numpy()
    settings = IntegratedGradientsSettings(n_steps=12, sign="both")
    found = method_of("integrated_gradients", settings).maps(lesion)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    with torch.no_grad():
        change = float(forward_of(lesion)(pixels)[0] - forward_of(lesion)(begin)[0])
    assert found.sum() == pytest.approx(change, abs=float(0.02 * np.abs(found).sum()))


def test_integrated_gradients_that_do_not_add_up_are_no_map(resnet):
    settings = IntegratedGradientsSettings(n_steps=2, tolerance=1e-9)
    with pytest.raises(ExplanationError) as caught:
        method_of("integrated_gradients", settings).maps(lesion_of(resnet))
    assert caught.value.code == "not_complete"


def test_occlusion_is_captums(resnet):
    lesion = lesion_of(resnet)
    pixels = torch.from_numpy(lesion.pixels)[None]
    referee = Occlusion(forward_of(lesion))
    expected = referee.attribute(
        pixels, (1, 1, 16, 16), (1, 1, 16, 16), baselines=float(lesion.pixels.mean())
    )[0, :, 0]
    settings = OcclusionSettings(patch_px=16, step_px=16, sign="both")
    found = method_of("occlusion", settings).maps(lesion)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    overlapping = OcclusionSettings(patch_px=20, step_px=12)
    assert method_of("occlusion", overlapping).maps(lesion).shape == (2, 64, 64)


@pytest.mark.parametrize("layers", [("pooled", "logits"), ("stage2", "pooled"), ("stage1",)])
def test_the_gradient_is_that_of_the_extractor_and_its_pooling(layers):
    augmentation = tr.Augmentation(n_draws=2)
    deep = tr.DeepFeatures(
        "test_resnet",
        weights="random:1",
        input_px=64,
        backend="eager",
        layers=layers,
        augmentation=augmentation,
        **POOLED,
    )
    network = pathway(deep)
    lesion = lesion_of(network, n_views=4)
    # in double precision, so that steps are small enough to stay between the kinks
    exact = network.with_module(copy.deepcopy(network.module).double())
    pixels = lesion.pixels.astype(np.float64)
    gradient = Lesion(exact, pixels, lesion.readout).pixel_gradient(pixels)
    way = np.random.default_rng(3).normal(size=pixels.shape)
    ends = [
        float(lesion.readout(Lesion(exact, pixels + sign * 1e-7 * way, None).features))
        for sign in (1, -1)
    ]
    assert (gradient * way).sum() == pytest.approx((ends[0] - ends[1]) / 2e-7, rel=1e-4)
    # of a map as well: all of the scalar comes through it
    activation, slope = lesion.maps("auto")
    assert activation.shape == slope.shape
    assert slope.abs().sum() > 0


def test_hirescam_of_a_network_that_averages_sums_to_its_part_of_the_log_odds(lite0):
    lesion = lesion_of(lite0)
    activation, slope = lesion.maps("auto")
    whole = float(lesion.readout(lesion.features))
    assert float((activation.double() * slope.double()).sum()) == pytest.approx(whole, abs=1e-5)
    hires, grad = (
        method_of(name, CamSettings(sign="both")).maps(lesion) for name in ("hires_cam", "grad_cam")
    )
    np.testing.assert_allclose(hires, grad, atol=1e-5)


CAMS = ["grad_cam", "grad_cam_pp", "hires_cam", "layer_cam", "score_cam", "eigen_cam"]


@pytest.mark.parametrize("name", [*CAMS, "occlusion", "integrated_gradients"])
def test_what_a_planted_network_fires_on_is_found(name):
    network = planted_pathway()
    pixels = np.full((2, 1, 64, 64), 0.4, np.float32)
    pixels[1, 0, 16:24, 40:48] = 1.0  # in the second view alone
    readout = LinearReadout(np.array([5.0, 0.0]), np.ones(2), 1, ("mean",), False)
    settings = {
        "occlusion": OcclusionSettings(patch_px=8, step_px=8),
        "integrated_gradients": IntegratedGradientsSettings(tolerance=0.2),
    }.get(name)
    maps = method_of(name, settings).maps(Lesion(network, pixels, readout))
    view, row, column = np.unravel_index(np.argmax(maps), maps.shape)
    assert (view, 16 <= row < 24, 40 <= column < 48) == (1, True, True)
    # these two take channels that the prediction does not rest on
    if name not in ("eigen_cam", "score_cam"):
        assert maps[0].max() == 0
        turned = LinearReadout(np.array([-5.0, 0.0]), np.ones(2), 1, ("mean",), False)
        assert method_of(name, settings).maps(Lesion(network, pixels, turned)).max() == 0


def test_maps_are_drawn_up_by_the_middles_of_their_cells():
    cells = torch.zeros(1, 7, 7)
    cells[0, 2, 5] = 1.0
    found = upsampled(cells, 224)[0]
    rows, columns = (np.average(np.arange(224), weights=found.sum(axis=a)) for a in (1, 0))
    assert rows == pytest.approx((2 + 0.5) * 32 - 0.5)
    assert columns == pytest.approx((5 + 0.5) * 32 - 0.5)


def test_views_that_pooling_leaves_out_are_dark(resnet):
    lesion = lesion_of(resnet)
    deep = tr.DeepFeatures(
        "test_resnet", weights="random:1", input_px=64, backend="eager", pooling="max"
    )
    by_largest = lesion_of(pathway(deep))
    features = by_largest.features.numpy()
    largest = (features == features.max(axis=0)).astype(float)
    largest /= largest.sum(axis=0)  # equal ones share
    size = np.abs(by_largest.readout.weights)
    np.testing.assert_allclose(by_largest.view_weights(), (largest * size).sum(axis=1) / size.sum())
    np.testing.assert_allclose(lesion.view_weights(), [0.5, 0.5])


def test_one_view_has_no_spread_and_no_slope_of_it():
    deep = tr.DeepFeatures(
        "test_resnet", weights="random:1", input_px=64, backend="eager", pooling=("mean", "std")
    )
    lesion = lesion_of(pathway(deep), n_views=1)
    assert np.isfinite(lesion.pixel_gradient(lesion.pixels)).all()


@pytest.fixture(scope="module")
def vit():
    deep = tr.DeepFeatures("test_vit", weights="random:1", backend="eager")
    return lesion_of(pathway(deep))


def test_rollout_is_the_product_of_blocks(vit):
    network = vit.network
    noted = []
    hooks = []
    for block in network.blocks:
        block.attn.fused_attn = False
        hooks.append(
            block.attn.attn_drop.register_forward_hook(
                lambda _m, _i, out: noted.append(out.mean(dim=1).double())
            )
        )
    with torch.no_grad():
        vit.pathway.module(vit.pathway.normalised(vit.pixels))
    for hook in hooks:
        hook.remove()
    flow = torch.eye(noted[0].shape[-1], dtype=torch.float64)
    for one in noted:
        flow = (0.5 * torch.eye(len(flow[-1])) + 0.5 * one) @ flow
    expected = upsampled(flow[:, 0, 1:].reshape(2, *network.patch_embed.grid_size), 160)
    settings = AttentionRolloutSettings(residual=0.5)
    found = method_of("attention_rollout", settings).maps(vit)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_gradient_rollout_turns_with_the_model(vit):
    both = method_of("gradient_rollout", GradientRolloutSettings(sign="both")).maps(vit)
    raising = method_of("gradient_rollout", None).maps(vit)
    turned = Lesion(
        vit.pathway,
        vit.pixels,
        LinearReadout(-vit.readout.weights, np.ones(2), 1, ("mean",), False),
    )
    opposite = method_of("gradient_rollout", GradientRolloutSettings(sign="both")).maps(turned)
    np.testing.assert_allclose(opposite, -both, atol=1e-6 * np.abs(both).max())
    assert raising.min() >= 0
    assert raising.max() > 0
    assert all(block.attn.fused_attn is not None for block in vit.network.blocks)


@pytest.mark.parametrize("name", CAMS)
def test_it_has_no_map_for_a_cam(vit, name):
    with pytest.raises(ExplanationError) as caught:
        method_of(name, None).maps(vit)
    assert caught.value.code == "no_feature_map"


@pytest.mark.parametrize("name", ["gradient_rollout", "attention_rollout"])
def test_a_convolutional_network_has_no_attention(resnet, name):
    with pytest.raises(ExplanationError) as caught:
        method_of(name, None).maps(lesion_of(resnet))
    assert caught.value.code == "no_attention"


def test_a_stage_that_is_not_there_or_comes_too_late_is_refused():
    deep = tr.DeepFeatures(
        "test_resnet", weights="random:1", input_px=64, backend="eager", layers=("stage2", "pooled")
    )
    lesion = lesion_of(pathway(deep))
    for layer in ("stage9", "stage3", "last"):
        with pytest.raises(ExplanationError) as caught:
            method_of("grad_cam", CamSettings(layer=layer)).maps(lesion)
        assert caught.value.code == "no_feature_map"
    assert method_of("layer_cam", CamSettings(layer="stage1")).maps(lesion).shape == (2, 64, 64)


def test_names_and_settings_are_checked():
    assert set(method_names()) == set(METHODS)
    with pytest.raises(ExplanationError, match="Did you mean 'grad_cam'") as caught:
        method_of("gradcam", None)
    assert caught.value.code == "unknown_method"
    with pytest.raises(ExplanationError, match="CamSettings") as caught:
        method_of("grad_cam", ScoreCamSettings())
    assert caught.value.code == "settings"
    with pytest.raises(SettingsError):
        CamSettings(sign="up")
    with pytest.raises(ExplanationError) as caught:
        method_of("occlusion", OcclusionSettings(patch_px=4, step_px=8)).maps(
            lesion_of(planted_pathway(), np.ones(2))
        )
    assert caught.value.code == "settings"
