"""The hub: asked for in words, served by this machine; without a network, an error."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import torch

from tests.unit.features.deep.weights_factory import (
    COMMIT,
    SMALL,
    config_of,
    hub,
    repository,
    state_of,
)
from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.weights import read_weights, state_sha256
from tumor_response.features.deep.weights.fetch import fetch_weights
from tumor_response.features.deep.weights.hub import hub_address

NAME = "timm/test_resnet.r160_in1k"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return state_of()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "user_cache"))
    return tmp_path / "user_cache"


@pytest.fixture
def no_network(monkeypatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")


def test_the_hub_gives_weights_and_a_cache_for_later(
    tmp_path: Path, state: dict, monkeypatch, own_cache: Path
) -> None:
    with hub({NAME: repository(tmp_path / "served", state)}) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        backbone = load_backbone(SMALL, "hub")
        assert any("model.safetensors" in request for request in asked)
    assert backbone.weights.sha256 == state_sha256(state)
    assert backbone.weights.source == f"{NAME} at {COMMIT[:12]}"
    assert backbone.weights.licence == "mit"
    # what is in the cache is used when the hub is gone
    assert load_backbone(SMALL, "hub").identity() == backbone.identity()
    assert load_backbone(SMALL, own_cache).identity() == backbone.identity()


def test_another_repository_and_old_files(tmp_path: Path, state: dict, monkeypatch) -> None:
    served = repository(tmp_path / "served", state, licence=None, file="pytorch_model.bin")
    with hub({"someone/mine": served}) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        loaded = read_weights(SMALL, f"hub:someone/mine@{COMMIT}")
        assert all("/someone/mine/" in request for request in asked)
    assert loaded.sha256 == state_sha256(state)
    assert loaded.source == f"someone/mine at {COMMIT[:12]}"


def test_without_a_network_there_is_an_error_and_no_fallback(no_network: None, monkeypatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between the hub's tries
    with pytest.raises(WeightsError, match="weights fetch NAME --to FOLDER") as caught:
        load_backbone(SMALL, "hub")
    assert caught.value.code == "hub_unreachable"


def test_offline_by_order_is_the_same(monkeypatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError) as caught:
        load_backbone(SMALL, "hub")
    assert caught.value.code == "hub_unreachable"


def test_what_the_hub_does_not_have(tmp_path: Path, state: dict, monkeypatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    weightless = repository(tmp_path / "weightless", state)
    (weightless / "model.safetensors").unlink()
    with hub({"a/empty": empty, "a/weightless": weightless}) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        for words in ("hub", "hub:a/empty", "hub:a/weightless", "hub:no-such/thing", "hub:a b/c"):
            with pytest.raises(WeightsError) as caught:
                read_weights(SMALL, words)
            assert caught.value.code == "weights_missing", words


def test_nothing_is_asked_of_a_network_unless_in_words(
    tmp_path: Path, state: dict, monkeypatch
) -> None:
    with hub({NAME: repository(tmp_path / "served", state)}) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        load_backbone("tf_efficientnet_lite0")
        load_backbone(SMALL, "random:0")
        load_backbone(SMALL, tmp_path / "served")
        with pytest.raises(WeightsError):
            load_backbone(SMALL, "packaged")
        with pytest.raises(WeightsError):
            load_backbone(SMALL, "hubble")
    assert asked == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hub", (NAME, None)),
        ("hub@v2", (NAME, "v2")),
        ("hub:x/y", ("x/y", None)),
        ("hub:x/y@main", ("x/y", "main")),
    ],
)
def test_addresses(words: str, expected: tuple) -> None:
    assert hub_address(SMALL, words) == expected


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_fetching_leaves_a_folder_that_needs_no_network(
    file: str, tmp_path: Path, state: dict, monkeypatch, own_cache: Path
) -> None:
    with hub({NAME: repository(tmp_path / "served", state, file=file)}) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        record = fetch_weights(SMALL, tmp_path / "fetched")
        names = sorted(path.name for path in (tmp_path / "fetched").iterdir())
        assert names == ["README.md", "config.json", "model.safetensors", "weights.json"]
        with pytest.raises(WeightsError) as caught:
            fetch_weights(SMALL, tmp_path / "fetched")
        assert caught.value.code == "folder_not_empty"
    assert record.tensors_sha256 == state_sha256(state)
    assert (record.licence, record.source) == ("mit", f"{NAME} at {COMMIT[:12]}")
    loaded = load_backbone(SMALL, tmp_path / "fetched").weights
    assert (loaded.sha256, loaded.source) == (record.tensors_sha256, record.source)
    assert not own_cache.exists()


def test_weights_that_do_not_fit_are_not_written(tmp_path: Path, monkeypatch) -> None:
    served = repository(tmp_path / "served", state_of("test_vit"), config_of())
    with hub({NAME: served}) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        for _ in range(2):  # what was begun is not in the way of the next try
            with pytest.raises(WeightsError) as caught:
                fetch_weights(SMALL, tmp_path / "fetched")
            assert caught.value.code == "weights_mismatch"
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == [".download"]
