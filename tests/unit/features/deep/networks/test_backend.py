from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

from tumor_response._version import library_version
from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.networks import backend as backends
from tumor_response.features.deep.networks.backend import (
    AGREEMENT,
    BACKENDS,
    backend_identity,
    example_images,
    resolve_backend,
    resolved_backend,
    runner,
)
from tumor_response.features.deep.networks.orders import ORDERS, network_family
from tumor_response.features.deep.weights import load_weights
from tumor_response.parallel.threads import thread_counts
from tumor_response.settings import canonical_json

SHAPE = (3, 64, 64)
AT_ONCE = ("onnxruntime", "openvino", "eager")
"""The backends that take seconds to start; what torch compiles takes minutes."""


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=0).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lite0() -> nn.Module:
    """The packaged network, with its real weights."""
    network = timm.create_model("tf_efficientnet_lite0")
    loaded = load_weights("tf_efficientnet_lite0", "packaged", network.state_dict())
    network.load_state_dict(dict(loaded.state))
    network.reset_classifier(0)
    return network.eval().requires_grad_(False)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(FeatureError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize("backend", AT_ONCE)
def test_same_bytes_for_any_batch_and_order_from_the_packaged_weights(
    backend: str, lite0: nn.Module
) -> None:
    images = example_images((3, 224, 224), 16)
    run = runner(lite0, backend, "cpu", (3, 224, 224))
    alone = np.concatenate([run(images[i : i + 1]) for i in range(16)])
    assert alone.dtype == np.float32
    assert alone.shape == (16, 1280)
    for size in (2, 3, 5, 8, 16):
        batches = [run(images[i : i + size]) for i in range(0, 16, size)]
        np.testing.assert_array_equal(np.concatenate(batches), alone, strict=True)
    order = np.random.default_rng(0).permutation(16)
    np.testing.assert_array_equal(run(images[order]), alone[order])


@pytest.mark.parametrize("backend", AT_ONCE)
def test_a_runner_made_again_gives_the_same_bytes(backend: str, lite0: nn.Module) -> None:
    images = example_images((3, 224, 224), 1)
    first, second = (runner(lite0, backend, "cpu", (3, 224, 224))(images) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("backend", AT_ONCE)
def test_more_threads_allowed_by_the_caller_change_nothing(backend: str, small: nn.Module) -> None:
    images = example_images(SHAPE, 2)
    expected = runner(small, backend, "cpu", SHAPE)(images)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = runner(small, backend, "cpu", SHAPE)(images)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_no_thread_is_started_to_run_a_network(backend: str, small: nn.Module) -> None:
    """The system's own list of this process' threads; OpenVINO keeps one that waits."""
    tasks = Path("/proc/self/task")
    run = runner(small, backend, "cpu", SHAPE)
    images = example_images(SHAPE, 4)
    run(images)

    def busy() -> dict[str, int]:
        return {
            task.name: sum(map(int, (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
            for task in tasks.iterdir()
        }

    before = busy()
    for _ in range(50):
        run(images)
    worked = [name for name, ticks in busy().items() if ticks > before.get(name, 0) + 1]
    assert len(worked) <= 1


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_agrees_with_torch_on_the_packaged_weights(backend: str, lite0: nn.Module) -> None:
    resolved = resolve_backend(lite0, example_images((3, 224, 224)), backend)
    assert resolved.name == backend
    assert 0 < resolved.relative_l2 <= AGREEMENT
    # and on images that were not looked at when it was chosen
    images = np.random.default_rng(7).standard_normal((3, 3, 224, 224), dtype=np.float32)
    found = resolved.run(images).astype(np.float64)
    expected = lite0(torch.from_numpy(images)).numpy().astype(np.float64)
    distance = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert distance.max() <= AGREEMENT


@pytest.mark.parametrize(
    "architecture",
    ["test_resnet", "test_efficientnet", "test_vit", "test_convnext", "test_mambaout"],
)
def test_auto_takes_the_first_of_its_family(architecture: str) -> None:
    torch.manual_seed(1)
    network = timm.create_model(architecture, num_classes=0).eval().requires_grad_(False)
    size_px = network.default_cfg["input_size"][-1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not even the exporters' own
        resolved = resolve_backend(network, example_images((3, size_px, size_px)))
    assert resolved.name == ORDERS[network_family(network)][0]


def test_every_order_ends_with_torch_and_compiles_nothing() -> None:
    for order in ORDERS.values():
        assert order[-1] == "eager"
        assert set(order) < set(BACKENDS) - {"compile"}


def test_a_backend_that_is_not_installed(small: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    example = example_images(SHAPE)
    with pytest.raises(FeatureError, match=r"pip install onnxruntime onnx") as caught:
        resolve_backend(small, example, "onnxruntime")
    assert caught.value.code == "backend_missing"
    assert resolved_backend(small, example, "auto") == "eager"
    assert code_of(lambda: runner(small, "onnxruntime", "cpu", SHAPE)) == "backend_missing"
    assert code_of(lambda: backend_identity("onnxruntime")) == "backend_missing"


class Restless(nn.Module):
    """Gives other numbers while it is traced than when it is run: a planted fault."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.size = size

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.layer(images).mean(dim=(2, 3))
        return features * (1 + self.size) if torch.jit.is_tracing() else features


def test_a_backend_with_other_numbers_is_refused_or_left_out() -> None:
    torch.manual_seed(0)
    example = example_images(SHAPE)
    off = Restless(3e-5).eval().requires_grad_(False)
    assert code_of(lambda: resolve_backend(off, example, "onnxruntime")) == "backend_inexact"
    assert resolved_backend(off, example) == "eager"
    near = Restless(1e-6).eval().requires_grad_(False)
    assert resolved_backend(near, example, "onnxruntime") == "onnxruntime"


class Unknown(nn.Module):
    """An operation that ONNX has no words for."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(images.mean(dim=(1, 2)))


def test_a_network_that_a_backend_cannot_express() -> None:
    network, example = Unknown().eval(), example_images(SHAPE)
    assert code_of(lambda: resolve_backend(network, example, "onnxruntime")) == "backend_failed"
    assert resolved_backend(network, example) == "eager"


def test_features_that_are_not_finite_agree_with_nothing() -> None:
    class Infinite(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3)) / 0

    example = example_images(SHAPE)
    assert code_of(lambda: resolve_backend(Infinite(), example, "onnxruntime")) == "backend_inexact"


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_on_another_device_only_torch_runs(device: str, small: nn.Module) -> None:
    assert code_of(lambda: runner(small, "onnxruntime", device, SHAPE)) == "backend"
    assert code_of(lambda: resolve_backend(small, example_images(SHAPE), "openvino", device)) in (
        "backend",
        "backend_failed",  # torch cannot move the network to a device that is not here
    )


def test_unknown_names_are_refused(small: nn.Module) -> None:
    example = example_images(SHAPE)
    assert code_of(lambda: resolve_backend(small, example, "tensorrt")) == "backend"
    assert code_of(lambda: runner(small, "auto", "cpu", SHAPE)) == "backend"
    assert code_of(lambda: backend_identity("auto")) == "backend"


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 3, 64, 64)),
        np.zeros((1, 3, 65, 64), np.float32),
        np.zeros((3, 64, 64), np.float32),
        np.zeros((0, 3, 64, 64), np.float32),
        np.zeros((), np.float32),
    ],
)
def test_what_is_no_batch_of_images_is_refused(images: np.ndarray, small: nn.Module) -> None:
    run = runner(small, "eager", "cpu", SHAPE)
    assert code_of(lambda: run(images)) == "network_input"


def test_images_that_are_not_contiguous_are_taken(small: nn.Module) -> None:
    one = example_images((1, 64, 64), 2)
    thrice = np.broadcast_to(one, (2, 3, 64, 64))
    run = runner(small, "onnxruntime", "cpu", SHAPE)
    np.testing.assert_array_equal(run(thrice), run(np.ascontiguousarray(thrice)))


@pytest.mark.parametrize("backend", AT_ONCE)
def test_identity_says_which_versions_decide_the_numbers(backend: str) -> None:
    identity = backend_identity(backend)
    assert identity["backend"] == backend
    assert identity["device"] == {"kind": "cpu"}
    assert identity["precision"] == "float32"
    assert identity["versions"]["torch"] == library_version("torch")
    if backend != "eager":
        assert identity["versions"][backend] == library_version(backend)
    canonical_json(identity)


def test_nothing_is_imported_by_the_import() -> None:
    code = (
        "import sys, tumor_response.features.deep.networks.backend as _\n"
        "print([n for n in ('torch', 'onnx', 'onnxruntime', 'openvino') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_of_other_pools_are_held_while_it_runs() -> None:
    seen: list[int] = []

    class Counting(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(thread_counts()["torch"])
            return images.mean(dim=(2, 3))

    runner(Counting(), "eager", "cpu", SHAPE)(example_images(SHAPE))
    assert set(seen) == {1}


@pytest.mark.skipif(shutil.which("g++") is None, reason="apt-get install g++")
def test_what_torch_compiles_agrees_and_does_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    network = nn.Sequential(*layers, nn.Flatten()).eval().requires_grad_(False)
    images = example_images((3, 16, 16), 3)
    resolved = resolve_backend(network, images, "compile")
    assert resolved.name == "compile"
    alone = np.concatenate([resolved.run(images[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(resolved.run(images), alone)
