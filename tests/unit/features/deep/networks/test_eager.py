from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.networks.backend import example_images, runner
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.features.deep.networks.eager import exact_arithmetic


def settings() -> dict[str, object]:
    cudnn = torch.backends.cudnn
    return {
        "precision": torch.get_float32_matmul_precision(),
        "tf32": cudnn.allow_tf32,
        "deterministic": cudnn.deterministic,
        "benchmark": cudnn.benchmark,
        "strict": torch.are_deterministic_algorithms_enabled(),
    }


@pytest.fixture
def careless() -> object:
    """A program that has asked for speed at the cost of exactness."""
    before = settings()
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True
    yield settings()
    torch.set_float32_matmul_precision(str(before["precision"]))
    torch.backends.cudnn.benchmark = bool(before["benchmark"])


def test_what_the_program_has_set_decides_nothing_and_comes_back(careless: dict) -> None:
    seen = []

    class Watching(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(settings())
            return images.mean(dim=(2, 3))

    runner(Watching(), "eager", "cpu", (3, 8, 8))(example_images((3, 8, 8), 1))
    assert seen == [
        {
            "precision": "highest",
            "tf32": False,
            "deterministic": True,
            "benchmark": False,
            "strict": False,
        }
    ]
    assert settings() == careless


def test_reduced_precision_asked_for_elsewhere_changes_no_byte() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 64)).eval().requires_grad_(False)
    images = example_images((3, 64, 64))
    run = runner(network, "eager", "cpu", (3, 64, 64))
    expected = run(images)
    torch.set_float32_matmul_precision("medium")
    try:
        np.testing.assert_array_equal(run(images), expected)
    finally:
        torch.set_float32_matmul_precision("highest")


def test_on_a_card_what_has_no_deterministic_algorithm_is_refused() -> None:
    with exact_arithmetic("cuda"):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_settings_come_back_after_an_error() -> None:
    before = settings()
    with pytest.raises(ZeroDivisionError), exact_arithmetic("cuda"):
        raise ZeroDivisionError
    assert settings() == before


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_quickest_device_that_is_there(
    cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolved_device("auto") == expected


@pytest.mark.parametrize("device", ["cuda:97", "graphics"])
def test_a_device_that_is_not_here_is_refused(device: str) -> None:
    with pytest.raises(FeatureError) as caught:
        resolved_device(device)
    assert caught.value.code == "device"
