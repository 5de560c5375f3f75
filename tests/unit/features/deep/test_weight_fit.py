"""Whether tensors are those of a network; other names, other classes, other networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.unit.features.deep.weights_factory import SMALL, config_of, repository, state_of, write
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.weights import load_weights, state_sha256


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return state_of()


def pixels(side: int = 160) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_another_network_is_told_by_its_tensors(tmp_path: Path, state: dict) -> None:
    path = write(state, tmp_path / "w.safetensors")
    for backbone in ("test_vit", "resnet18", "test_efficientnet"):
        with pytest.raises(WeightsError, match="are not those of") as caught:
            load_backbone(backbone, path)
        assert caught.value.code == "weights_mismatch"


@pytest.mark.parametrize("change", ["missing", "extra", "reshaped"])
def test_one_tensor_is_enough_to_refuse(change: str, tmp_path: Path, state: dict) -> None:
    name = "layer1.0.conv1.weight"
    other = dict(state)
    if change == "missing":
        del other[name]
    elif change == "extra":
        other["layer9.weight"] = torch.ones(1)
    else:
        other[name] = other[name][:-1]
    with pytest.raises(WeightsError, match=f"1 (tensors {change}|unknown|of another)") as caught:
        load_backbone(SMALL, write(other, tmp_path / "w.safetensors"))
    assert caught.value.code == "weights_mismatch"
    assert ("layer9.weight" if change == "extra" else name) in str(caught.value)


def test_counters_of_training_steps_may_be_missing(tmp_path: Path, state: dict) -> None:
    """As in files of before PyTorch 0.4.1; inference does not read them."""
    older = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    assert len(older) < len(state)
    old = load_backbone(SMALL, write(older, tmp_path / "old.pth"))
    new = load_backbone(SMALL, write(state, tmp_path / "new.pth"))
    assert torch.equal(old.module(pixels()), new.module(pixels()))


@pytest.mark.parametrize("n_classes", [2, 165])
def test_weights_of_other_classes_keep_their_pooled_layer(
    n_classes: int, tmp_path: Path, state: dict
) -> None:
    tuned = dict(state) | {
        "fc.weight": torch.randn(n_classes, 96),
        "fc.bias": torch.randn(n_classes),
    }
    path = write({"model": tuned}, tmp_path / "tuned.pth")
    both = load_backbone(SMALL, path, ["logits", "pooled"])
    assert both.layers == (("logits", n_classes), ("pooled", 96))
    own = both.module(pixels())
    torch.testing.assert_close(
        own[:, :n_classes], own[:, n_classes:] @ tuned["fc.weight"].T + tuned["fc.bias"]
    )
    plain = load_backbone(SMALL, write(state, tmp_path / "plain.pth"))
    assert torch.equal(own[:, n_classes:], plain.module(pixels()))
    assert f"last layer of {n_classes} classes, timm's has 1000" in both.weights.description()


def test_weights_without_a_last_layer_have_no_logits(tmp_path: Path, state: dict) -> None:
    headless = {n: t for n, t in state.items() if not n.startswith("fc.")}
    path = write(headless, tmp_path / "w.safetensors")
    assert load_backbone(SMALL, path).n_features == 96
    with pytest.raises(FeatureError, match="no last fully connected layer") as caught:
        load_backbone(SMALL, path, ["logits"])
    assert caught.value.code == "unknown_layer"


def test_half_a_last_layer_is_refused(tmp_path: Path, state: dict) -> None:
    half = {n: t for n, t in state.items() if n != "fc.bias"}
    with pytest.raises(WeightsError, match=r"1 tensors missing.*fc\.bias"):
        load_backbone(SMALL, write(half, tmp_path / "w.safetensors"))


def test_a_config_with_other_classes_fits_its_tensors(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", state_of(n_classes=7), config_of() | {"num_classes": 7})
    assert load_backbone(SMALL, folder, ["logits"]).n_features == 7


def test_names_of_the_authors_are_mapped_by_timm(tmp_path: Path) -> None:
    """DenseNet as torchvision once published it: other names for the same tensors."""
    state = state_of("densenet121")
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])\.")
    older = {
        pattern.sub(r"\1.\2.", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert older.keys() != state.keys()
    loaded = load_weights("densenet121", write(older, tmp_path / "densenet.pth"), state)
    assert loaded.sha256 == state_sha256(older)
    assert loaded.notes == ("names as timm's own loader of this network maps them",)
    assert all(torch.equal(loaded.state[name], tensor) for name, tensor in state.items())


def test_dinov2_as_its_authors_publish_it(tmp_path: Path) -> None:
    state = state_of("vit_small_patch14_dinov2")
    published = dict(state) | {"mask_token": torch.zeros(1, 384)}
    loaded = load_weights(
        "vit_small_patch14_dinov2", write(published, tmp_path / "dinov2_vits14.pth"), state
    )
    assert all(torch.equal(loaded.state[name], tensor) for name, tensor in state.items())


def test_positions_of_another_size_are_not_resampled_in_silence(tmp_path: Path) -> None:
    path = write(state_of("test_vit", img_size=96), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 of another shape \(e\.g\. pos_embed\)"):
        load_backbone("test_vit", path)
