"""Folders of weights: repositories, the hub's caches, and what they say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.unit.features.deep.weights_factory import (
    COMMIT,
    SMALL,
    cache,
    config_of,
    repository,
    state_of,
)
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.weights import read_weights, state_sha256
from tumor_response.features.deep.weights.record import RECORD, WeightsRecord, write_record


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return state_of()


def refused(place: Path, backbone: str = SMALL) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        load_backbone(backbone, place)
    return caught.value


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_repository_says_what_it_is(file: str, tmp_path: Path, state: dict) -> None:
    config = config_of(mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6], input_size=[3, 96, 96])
    folder = repository(tmp_path / "someone", state, config, licence="cc-by-4.0", file=file)
    backbone = load_backbone(SMALL, folder)
    assert (backbone.mean, backbone.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert backbone.input_px == 96
    assert backbone.weights.sha256 == state_sha256(state)
    assert backbone.weights.licence == "cc-by-4.0"
    assert backbone.weights.source == f"{file} in a folder of test_resnet.r160_in1k"
    assert "someone" not in json.dumps(backbone.identity())


def test_the_licence_is_never_guessed(tmp_path: Path, state: dict) -> None:
    """timm's own training of the name is Apache-2.0: that says nothing of somebody's folder."""
    config = config_of()
    del config["pretrained_cfg"]["license"]
    folder = repository(tmp_path / "r", state, config, licence=None)
    assert read_weights(SMALL, folder).licence == "not stated"
    (folder / "README.md").write_text("---\nlicense: [broken\n---\n")
    assert read_weights(SMALL, folder).licence == "not stated"


def test_a_cache_is_read_at_every_level(tmp_path: Path, state: dict) -> None:
    repo = cache(tmp_path / "home" / "hub", repository(tmp_path / "plain", state))
    for place in (tmp_path / "home", repo.parent, repo, repo / "snapshots" / COMMIT):
        for backbone in (SMALL, f"{SMALL}.r160_in1k"):
            loaded = read_weights(backbone, place)
            assert loaded.sha256 == state_sha256(state)
            assert loaded.source == f"timm/test_resnet.r160_in1k at {COMMIT[:12]}"
            assert loaded.licence == "mit"


def test_a_cache_without_the_training_lists_those_it_has(tmp_path: Path, state: dict) -> None:
    cache(tmp_path, repository(tmp_path / "plain", state), "timm/test_resnet.other_in1k")
    error = refused(tmp_path)
    assert error.code == "weights_missing"
    assert "models--timm--test_resnet.other_in1k" in str(error)
    assert "name it with its tag" in str(error)


def test_a_missing_blob_is_called_so(tmp_path: Path, state: dict) -> None:
    repo = cache(tmp_path, repository(tmp_path / "plain", state))
    blob = (repo / "snapshots" / COMMIT / "model.safetensors").resolve()
    blob.unlink()
    error = refused(tmp_path)
    assert error.code == "weights_missing"
    assert blob.name in str(error)
    assert "incomplete download" in str(error)


def test_a_damaged_blob_is_held_against_its_name(tmp_path: Path, state: dict) -> None:
    repo = cache(tmp_path, repository(tmp_path / "plain", state))
    blob = (repo / "snapshots" / COMMIT / "model.safetensors").resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path).code == "weights_unreadable"
    blob.write_bytes(whole[:-4] + b"\0\0\0\0")  # other numbers, a whole file
    assert refused(tmp_path).code == "weights_changed"


def test_snapshots_are_not_chosen_by_chance(tmp_path: Path, state: dict) -> None:
    repo = cache(tmp_path, repository(tmp_path / "plain", state))
    (repo / "refs" / "main").unlink()
    assert read_weights(SMALL, repo).sha256 == state_sha256(state)
    (repo / "snapshots" / ("f" * 40)).mkdir()
    error = refused(repo)
    assert error.code == "weights_missing"
    assert "2 snapshots" in str(error)
    (repo / "refs" / "main").write_text("e" * 40)
    assert "the one of main is not there" in str(refused(repo))


def test_a_folder_of_another_network_is_refused(tmp_path: Path, state: dict) -> None:
    folder = repository(tmp_path / "r", state)
    for backbone in ("resnet18", "test_vit"):
        error = refused(folder, backbone)
        assert error.code == "weights_mismatch"
        assert "'test_resnet.r160_in1k'" in str(error)
    other = repository(tmp_path / "o", state, config_of(tag="other"))
    assert refused(other, "test_resnet.r160_in1k").code == "weights_mismatch"
    assert load_backbone(SMALL, other).n_features == 96


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "weights_unreadable"),
        ("[1]", "weights_unreadable"),
        ('{"architectures": ["ResNetModel"]}', "weights_mismatch"),
        (
            '{"architecture": "test_resnet", "model_args": {"act_layer": "silu"}}',
            "weights_mismatch",
        ),
        ('{"architecture": "test_resnet", "model_args": {"in_chans": 1}}', "weights_mismatch"),
        (
            '{"architecture": "test_resnet", "pretrained_cfg": {"std": [0, 1, 1]}}',
            "weights_unreadable",
        ),
        (
            '{"architecture": "test_resnet", "pretrained_cfg": {"mean": [0.5]}}',
            "weights_unreadable",
        ),
        (
            '{"architecture": "test_resnet", "pretrained_cfg": {"input_size": [3, 9, 8]}}',
            "weights_unreadable",
        ),
        ('{"architecture": "test_resnet", "global_pool": "nonsense"}', "weights_mismatch"),
    ],
)
def test_a_bad_config_is_refused(content: str, code: str, tmp_path: Path, state: dict) -> None:
    folder = repository(tmp_path / "r", state)
    (folder / "config.json").write_text(content)
    assert refused(folder).code == code


def test_an_old_config_without_nesting_is_understood(tmp_path: Path, state: dict) -> None:
    folder = repository(tmp_path / "r", state)
    flat = {"architecture": SMALL, **config_of()["pretrained_cfg"], "mean": [0.1, 0.1, 0.1]}
    (folder / "config.json").write_text(json.dumps(flat))
    assert load_backbone(SMALL, folder).mean == (0.1, 0.1, 0.1)


def test_an_empty_folder_has_no_weights(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert error.code == "weights_missing"
    assert "model.safetensors nor pytorch_model.bin" in str(error)


def test_the_record_is_held_against_the_tensors(tmp_path: Path, state: dict) -> None:
    folder = repository(tmp_path / "r", state)
    record = WeightsRecord(
        backbone=SMALL,
        tensors_sha256=state_sha256(state),
        source="timm/test_resnet.r160_in1k at 0123",
        licence="apache-2.0",
        timm_version="1",
    )
    write_record(folder, record)
    loaded = read_weights(SMALL, folder)
    assert (loaded.source, loaded.licence) == (record.source, "apache-2.0")
    repository(tmp_path / "r", state_of(seed=2))
    assert refused(folder).code == "weights_changed"
    (folder / RECORD).write_text("{")
    assert refused(folder).code == "weights_unreadable"


def test_a_transformer_of_another_size_is_built_for_it(tmp_path: Path) -> None:
    state = state_of("test_vit", img_size=96)
    config = config_of("test_vit", input_size=[3, 96, 96])
    folder = repository(tmp_path / "r", state, config)
    backbone = load_backbone("test_vit", folder)
    assert backbone.input_px == 96
    assert backbone.module(torch.zeros(1, 3, 96, 96)).shape == (1, 64)
    (folder / "config.json").write_text(json.dumps(config_of("test_vit")))
    assert refused(folder, "test_vit").code == "weights_mismatch"


def test_weights_whose_pooling_is_off_have_no_pooled_layer(tmp_path: Path) -> None:
    headless = state_of(n_classes=0)
    config = config_of() | {"num_classes": 0, "global_pool": ""}
    folder = repository(tmp_path / "r", headless, config)
    with pytest.raises(FeatureError, match="Its pooling is off") as caught:
        load_backbone(SMALL, folder)
    assert caught.value.code == "unknown_layer"
    assert load_backbone(SMALL, folder, ["stage5"]).n_features == 96
